//! What a file comes to in the end: each thing as it was last said.

use super::frame::{Boot, Foreign, Frames};
use super::record::{Lead, OwnerRecord, Place, Record, RouteRecord};
use super::wire::{Malformed, Reader};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Why a file cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LoadError {
    /// It is not one that this router can go on with.
    #[error(transparent)]
    Foreign(#[from] Foreign),
    /// A frame that is whole by its checksum has records that make no sense.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// An owner of routes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SavedOwner {
    /// Its name.
    pub name: String,
    /// Its last epoch.
    pub epoch: u64,
    /// How long its routes stay without it, in nanoseconds.
    pub grace_ns: u64,
    /// Whether its routes stay for good.
    pub persistent: bool,
}

/// Where a next hop set leads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SavedLead {
    /// To these next hops: the message `ferroute.v1.LabelNextHops`.
    NextHops(Box<[u8]>),
    /// Nowhere, and nobody is told.
    Blackhole,
    /// Nowhere.
    Unreachable,
    /// Nowhere, by policy.
    Prohibit,
}

impl SavedLead {
    /// The same as it stands in a record.
    #[must_use]
    pub fn as_lead(&self) -> Lead<'_> {
        match self {
            Self::NextHops(hops) => Lead::NextHops(hops),
            Self::Blackhole => Lead::Blackhole,
            Self::Unreachable => Lead::Unreachable,
            Self::Prohibit => Lead::Prohibit,
        }
    }
}

/// A next hop set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SavedSet {
    /// Owner and number of a set that its owner can replace.
    pub group: Option<(u16, u32)>,
    /// Where it leads.
    pub lead: SavedLead,
}

/// A route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SavedRoute {
    /// Number of its owner.
    pub owner: u16,
    /// Number of its VRF.
    pub vrf: u32,
    /// Its prefix.
    pub prefix: IpNet,
    /// Its distance.
    pub distance: u8,
    /// Its metric.
    pub metric: u32,
    /// Number of its set.
    pub set: u32,
}

/// All that a router left for the next.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Saved {
    /// What clients made, by kind and name.
    pub things: BTreeMap<Box<[u8]>, Box<[u8]>>,
    /// Names of the VRFs, by number.
    pub vrfs: BTreeMap<u32, String>,
    /// Owners of routes, by number.
    pub owners: BTreeMap<u16, SavedOwner>,
    /// Next hop sets, by number: those that have a name, and those to which a route leads.
    pub sets: BTreeMap<u32, SavedSet>,
    ipv4: Vec<Said<u32>>,
    ipv6: Vec<Said<u128>>,
    /// Bytes at the end of the file that were no whole frame.
    pub torn_bytes: usize,
}

/// A route's place in the order of tables, and what was last said of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Said<K> {
    vrf: u32,
    address: K,
    set: u32,
    metric: u32,
    generation: u32,
    /// The number of the record.
    at: u32,
    owner: u16,
    length: u8,
    distance: u8,
    gone: bool,
}

impl<K: Copy> Said<K> {
    fn new(address: K, place: Place, route: Option<RouteRecord>, at: u32) -> Self {
        let told = route.unwrap_or(RouteRecord {
            generation: 0,
            distance: 0,
            metric: 0,
            set: 0,
        });
        Self {
            vrf: place.vrf,
            address,
            set: told.set,
            metric: told.metric,
            generation: told.generation,
            at,
            owner: place.owner,
            length: place.prefix.prefix_len(),
            distance: told.distance,
            gone: route.is_none(),
        }
    }

    const fn place(&self) -> (u32, K, u8, u16) {
        (self.vrf, self.address, self.length, self.owner)
    }

    fn route(&self, prefix: IpNet) -> SavedRoute {
        SavedRoute {
            owner: self.owner,
            vrf: self.vrf,
            prefix,
            distance: self.distance,
            metric: self.metric,
            set: self.set,
        }
    }
}

impl Saved {
    /// Reads a file. What is torn at its end is left out.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn read(file: &[u8], boot: Boot) -> Result<Self, LoadError> {
        let mut frames = Frames::of(file, boot)?;
        let mut reading = Reading::default();
        for frame in &mut frames {
            let mut records = Reader(frame);
            while !records.is_empty() {
                reading.take(Record::decode(&mut records)?);
            }
        }
        let mut saved = reading.finish();
        saved.torn_bytes = frames.rest();
        Ok(saved)
    }

    /// The routes, by VRF and family, then by prefix.
    pub fn routes(&self) -> impl Iterator<Item = SavedRoute> {
        // Lengths and addresses came as prefixes.
        let v4 = self.ipv4.iter().filter_map(|said| {
            let net = Ipv4Net::new(said.address.into(), said.length).ok()?;
            Some(said.route(net.into()))
        });
        let v6 = self.ipv6.iter().filter_map(|said| {
            let net = Ipv6Net::new(said.address.into(), said.length).ok()?;
            Some(said.route(net.into()))
        });
        v4.chain(v6)
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.things.is_empty() && self.owners.is_empty()
    }
}

/// A file as far as it was read.
#[derive(Debug, Default)]
struct Reading {
    saved: Saved,
    /// The generations of named sets.
    generations: HashMap<u32, u32>,
    /// Up to which record the routes of a VRF or owner are gone.
    vrfs_gone: HashMap<u32, u32>,
    owners_gone: HashMap<u16, u32>,
    /// The first generation of an owner that stayed.
    swept: HashMap<u16, u32>,
    records: u32,
}

impl Reading {
    fn take(&mut self, record: Record<'_>) {
        self.records = self.records.saturating_add(1);
        let (saved, at) = (&mut self.saved, self.records);
        match record {
            Record::Put { key, value } => {
                saved.things.insert(key.into(), value.into());
            }
            Record::Gone { key } => {
                let from = saved
                    .things
                    .range::<[u8], _>((std::ops::Bound::Included(key), std::ops::Bound::Unbounded));
                let below: Vec<_> = from
                    .map(|(name, _)| name.clone())
                    .take_while(|name| name.starts_with(key))
                    .collect();
                for name in below {
                    saved.things.remove(&name);
                }
            }
            Record::Vrf { id, name } => drop(saved.vrfs.insert(id, name.to_owned())),
            Record::VrfGone(id) => {
                saved.vrfs.remove(&id);
                self.vrfs_gone.insert(id, at);
            }
            Record::Owner(owner) => drop(saved.owners.insert(owner.id, owner.into())),
            Record::OwnerGone(id) => {
                saved.owners.remove(&id);
                saved
                    .sets
                    .retain(|_, set| set.group.is_none_or(|(owner, _)| owner != id));
                self.owners_gone.insert(id, at);
                self.swept.remove(&id);
            }
            Record::Swept { owner, generation } => drop(self.swept.insert(owner, generation)),
            Record::Set { id, group, lead } => {
                let name = group.map(|group| (group.owner, group.number));
                let lead = lead.into();
                saved.sets.insert(id, SavedSet { group: name, lead });
                self.generations
                    .insert(id, group.map_or(0, |group| group.generation));
            }
            Record::GroupGone { owner, number } => {
                saved
                    .sets
                    .retain(|_, set| set.group != Some((owner, number)));
            }
            Record::Route(place, route) => self.say(place, Some(route)),
            Record::Withdrawn(place) => self.say(place, None),
        }
    }

    fn say(&mut self, place: Place, route: Option<RouteRecord>) {
        let at = self.records;
        match place.prefix {
            IpNet::V4(net) => {
                let address = net.network().to_bits();
                self.saved.ipv4.push(Said::new(address, place, route, at));
            }
            IpNet::V6(net) => {
                let address = net.network().to_bits();
                self.saved.ipv6.push(Said::new(address, place, route, at));
            }
        }
    }

    fn finish(mut self) -> Saved {
        let mut ipv4 = std::mem::take(&mut self.saved.ipv4);
        let mut ipv6 = std::mem::take(&mut self.saved.ipv6);
        self.settle(&mut ipv4);
        self.settle(&mut ipv6);
        let used: HashSet<u32> = ipv4
            .iter()
            .map(|said| said.set)
            .chain(ipv6.iter().map(|said| said.set))
            .collect();
        let (swept, generations) = (&self.swept, &self.generations);
        self.saved.sets.retain(|id, set| {
            let is_old = |owner: u16| {
                let generation = generations.get(id).copied().unwrap_or_default();
                swept.get(&owner).is_some_and(|first| generation < *first)
            };
            used.contains(id) || set.group.is_some_and(|(owner, _)| !is_old(owner))
        });
        Saved {
            ipv4,
            ipv6,
            ..self.saved
        }
    }

    /// Leaves of each route what was last said, if it is still there.
    fn settle<K: Copy + Ord>(&self, said: &mut Vec<Said<K>>) {
        // What was said later stays behind what was said before. Most of a file is in order already.
        said.sort_by_key(Said::place);
        let mut kept = 0;
        for place in 0..said.len() {
            let this = said[place];
            let is_last = said
                .get(place + 1)
                .is_none_or(|next| next.place() != this.place());
            if is_last && self.is_there(&this) {
                said[kept] = this;
                kept += 1;
            }
        }
        said.truncate(kept);
        said.shrink_to_fit();
    }

    fn is_there<K>(&self, said: &Said<K>) -> bool {
        let before = |gone: Option<&u32>| gone.is_some_and(|gone| said.at < *gone);
        !said.gone
            && !before(self.vrfs_gone.get(&said.vrf))
            && !before(self.owners_gone.get(&said.owner))
            && self
                .swept
                .get(&said.owner)
                .is_none_or(|first| said.generation >= *first)
            && self.saved.owners.contains_key(&said.owner)
            && self.saved.vrfs.contains_key(&said.vrf)
            && self.saved.sets.contains_key(&said.set)
    }
}

impl From<OwnerRecord<'_>> for SavedOwner {
    fn from(owner: OwnerRecord<'_>) -> Self {
        Self {
            name: owner.name.to_owned(),
            epoch: owner.epoch,
            grace_ns: owner.grace_ns,
            persistent: owner.persistent,
        }
    }
}

impl From<Lead<'_>> for SavedLead {
    fn from(lead: Lead<'_>) -> Self {
        match lead {
            Lead::NextHops(hops) => Self::NextHops(hops.into()),
            Lead::Blackhole => Self::Blackhole,
            Lead::Unreachable => Self::Unreachable,
            Lead::Prohibit => Self::Prohibit,
        }
    }
}
