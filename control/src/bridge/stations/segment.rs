//! What the kernel and the router have of one VNI, and what each is still to be told.

use super::groups::Numbering;
use super::words::{End, Key, Known, Netdevs, Place, Station, ToKernel, ToRouter, Told, Whose};
use crate::bridge::netlink::update::{
    Behind, FdbEntry, FdbKey, FdbUpdate, Neighbour, NeighbourState,
};
use ferroute_dataplane::mac::Mac;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The address that floods in the kernel's VXLAN devices.
const FLOOD: [u8; 6] = [0; 6];

/// What the kernel has.
#[derive(Debug, Default)]
struct Kernel {
    netdevs: Netdevs,
    /// Entries of the bridge: the port.
    places: FxHashMap<Mac, u32>,
    /// Entries of the VXLAN device.
    remotes: FxHashMap<Mac, Place>,
    /// Stations that were behind no remote end for a moment: what is said of them since is new.
    lapsed: BTreeSet<Mac>,
    flood: BTreeSet<IpAddr>,
    /// Neighbours of the bridge that a program told.
    neighbours: FxHashMap<IpAddr, (Mac, NeighbourState)>,
}

/// What the router has.
#[derive(Debug, Default)]
struct Router {
    gateway: bool,
    stations: FxHashMap<Mac, Station>,
    flood: BTreeSet<IpAddr>,
    neighbours: FxHashMap<IpAddr, Known>,
    /// The same by station.
    addresses: BTreeSet<(Mac, IpAddr)>,
}

/// One VNI.
#[derive(Debug, Default)]
pub(super) struct Segment {
    numbering: Numbering,
    kernel: Kernel,
    router: Router,
    /// Keys of which something may have to be said.
    dirty: BTreeSet<Key>,
    /// Keys of which something was refused, and why.
    failed: BTreeMap<Key, String>,
    /// What the router was told in this session, and so knows to be there still.
    confirmed: BTreeSet<Key>,
}

impl Segment {
    /// One of a source that numbers Ethernet segments so.
    pub(super) fn new(numbering: Numbering) -> Self {
        Self {
            numbering,
            ..Self::default()
        }
    }

    /// The netdevs are these now; what was known of others is void.
    pub(super) fn netdevs(&mut self, netdevs: Netdevs) {
        let before = std::mem::replace(&mut self.kernel.netdevs, netdevs);
        if before.vxlan != netdevs.vxlan {
            let ends = std::mem::take(&mut self.kernel.flood);
            self.dirty.extend(ends.into_iter().map(Key::End));
            let remotes = std::mem::take(&mut self.kernel.remotes);
            self.dirty.extend(remotes.into_keys().map(Key::Station));
        }
        if before.bridge != netdevs.bridge {
            let known = std::mem::take(&mut self.kernel.neighbours);
            self.dirty.extend(known.into_keys().map(Key::Address));
            self.kernel.places.clear();
        }
        if before != netdevs {
            self.look_at_router();
        }
    }

    /// The netdevs.
    pub(super) const fn known_netdevs(&self) -> Netdevs {
        self.kernel.netdevs
    }

    /// A forwarding database of the netdevs has an entry, or has it no more.
    pub(super) fn fdb(&mut self, update: &FdbUpdate) {
        let FdbKey {
            interface,
            mac,
            vlan,
            behind,
        } = update.key;
        let there = update.entry.is_some();
        match behind {
            _ if vlan != 0 => {}
            Behind::Remote(end) if mac == FLOOD => {
                let end = end.to_canonical();
                if there {
                    self.kernel.flood.insert(end);
                } else {
                    self.kernel.flood.remove(&end);
                }
                self.dirty.insert(Key::End(end));
            }
            Behind::Remote(end) => {
                self.remote(Mac::new(mac), End::Remote(end.to_canonical()), update.entry);
            }
            Behind::Group(group) => {
                let end = End::Segment(self.numbering.segment(group));
                self.remote(Mac::new(mac), end, update.entry);
            }
            Behind::Port => {
                let mac = Mac::new(mac);
                if there {
                    self.kernel.places.insert(mac, interface);
                } else if self.kernel.places.get(&mac) == Some(&interface) {
                    self.kernel.places.remove(&mac);
                }
                self.dirty.insert(Key::Station(mac));
            }
        }
    }

    fn remote(&mut self, mac: Mac, end: End, entry: Option<FdbEntry>) {
        match entry {
            Some(FdbEntry { sticky, .. }) => {
                self.kernel.remotes.insert(mac, Place { end, sticky });
            }
            // It may be elsewhere already, without a word on the place before.
            None if self.kernel.remotes.get(&mac).is_some_and(|p| p.end == end) => {
                self.kernel.remotes.remove(&mac);
                self.kernel.lapsed.insert(mac);
            }
            None => {}
        }
        self.dirty.insert(Key::Station(mac));
    }

    /// A group is gone, and with it the entries that led there.
    pub(super) fn group_gone(&mut self, group: u32) {
        let end = End::Segment(self.numbering.segment(group));
        let remotes = self.kernel.remotes.iter();
        let behind = remotes.filter(|(_, place)| place.end == end);
        let gone: Vec<Mac> = behind.map(|(mac, _)| *mac).collect();
        for mac in gone {
            self.kernel.remotes.remove(&mac);
            self.kernel.lapsed.insert(mac);
            self.dirty.insert(Key::Station(mac));
        }
    }

    /// The bridge has a neighbour, or has it no more.
    pub(super) fn neighbour(&mut self, address: IpAddr, known: Option<Neighbour>) {
        let told = known.and_then(|known| match known.state {
            state @ (NeighbourState::Told | NeighbourState::Ours) => Some((known.mac?, state)),
            NeighbourState::Resolved | NeighbourState::Unresolved => None,
        });
        if address.is_multicast() {
            return;
        }
        match told {
            Some(told) => self.kernel.neighbours.insert(address, told),
            None => self.kernel.neighbours.remove(&address),
        };
        self.dirty.insert(Key::Address(address));
    }

    /// There is a new session with the router: what it has from us is to be said once more, or it goes.
    pub(super) fn begin_session(&mut self) {
        self.confirmed.clear();
    }

    /// The router's side begins anew: nothing is known of it.
    pub(super) fn forget_router(&mut self, gateway: bool) {
        self.router = Router {
            gateway,
            ..Router::default()
        };
    }

    /// The router has told everything of its side: all is compared.
    pub(super) fn look_at_all(&mut self) {
        self.failed.clear();
        let kernel = &self.kernel;
        (self.dirty).extend(kernel.flood.iter().copied().map(Key::End));
        let stations = kernel.remotes.keys().chain(kernel.places.keys());
        self.dirty.extend(stations.copied().map(Key::Station));
        let addresses = kernel.neighbours.keys().copied();
        self.dirty.extend(addresses.map(Key::Address));
        self.look_at_router();
    }

    fn look_at_router(&mut self) {
        let router = &self.router;
        (self.dirty).extend(router.flood.iter().copied().map(Key::End));
        (self.dirty).extend(router.stations.keys().copied().map(Key::Station));
        (self.dirty).extend(router.neighbours.keys().copied().map(Key::Address));
    }

    /// The router floods to this end.
    pub(super) fn router_flood(&mut self, end: IpAddr) {
        self.router.flood.insert(end);
        self.dirty.insert(Key::End(end));
    }

    /// The router said what became of a station, perhaps before it heard our last word. Of remote ends it says nothing new:
    /// we tell them.
    pub(super) fn router_event(&mut self, mac: Mac, station: Option<Station>) {
        let known = self.router.stations.get(&mac);
        let station = match (known.and_then(|known| known.remote), station) {
            (Some(told), Some(said)) if said.remote == Some(told) => Some(said),
            (Some(told), said) => Some(match said {
                // It did not know our word yet. It stays where it is if its sequence is not the lower one.
                Some(said) if said.whose == Whose::Member && said.sequence >= told.sequence => {
                    let remote = Some(told);
                    Station { remote, ..said }
                }
                // Our word came after that, and found it nowhere or with a lower one.
                _ => Station {
                    whose: Whose::Remote,
                    sequence: told.sequence,
                    remote: Some(told),
                },
            }),
            (None, Some(said)) if said.whose != Whose::Remote => {
                let remote = None;
                Some(Station { remote, ..said })
            }
            (None, _) => None,
        };
        self.router_station(mac, station);
    }

    /// The router knows this of a station now.
    pub(super) fn router_station(&mut self, mac: Mac, station: Option<Station>) {
        match station {
            Some(station) => self.router.stations.insert(mac, station),
            None => self.router.stations.remove(&mac),
        };
        self.dirty.insert(Key::Station(mac));
        let own = (self.router.addresses).range((mac, IpAddr::from([0; 4]))..);
        let own = own.take_while(|(of, _)| *of == mac);
        self.dirty.extend(own.map(|(_, a)| Key::Address(*a)));
    }

    /// The gateway has this neighbour now.
    pub(super) fn router_neighbour(&mut self, address: IpAddr, known: Option<Known>) {
        let before = match known {
            Some(known) => self.router.neighbours.insert(address, known),
            None => self.router.neighbours.remove(&address),
        };
        if let Some(before) = before {
            self.router.addresses.remove(&(before.mac, address));
        }
        if let Some(known) = known {
            self.router.addresses.insert((known.mac, address));
        }
        self.dirty.insert(Key::Address(address));
    }

    /// Tries again what was refused.
    pub(super) fn retry(&mut self) {
        let failed = std::mem::take(&mut self.failed);
        self.dirty.extend(failed.into_keys());
    }

    /// Takes the keys of which something may have to be said, at most so many.
    pub(super) fn take_dirty(&mut self, most: usize) -> Vec<Key> {
        let taken: Vec<Key> = self.dirty.iter().take(most).copied().collect();
        for key in &taken {
            self.dirty.remove(key);
        }
        taken
    }

    /// What is to be said of a key, if anything: first to the router, and then to the kernel.
    pub(super) fn words(&self, key: Key) -> (Option<ToRouter>, Option<ToKernel>) {
        match key {
            Key::End(end) => {
                let wanted = self.kernel.flood.contains(&end);
                let word = ToRouter::Flood(end, wanted);
                let differs = wanted != self.router.flood.contains(&end);
                let is_due = differs || wanted && !self.confirmed.contains(&key);
                (is_due.then_some(word), None)
            }
            Key::Station(mac) => self.station_words(mac),
            Key::Address(address) => self.address_words(address),
        }
    }

    fn station_words(&self, mac: Mac) -> (Option<ToRouter>, Option<ToKernel>) {
        let known = self.router.stations.get(&mac);
        if !mac.is_station() || known.is_some_and(|known| known.whose == Whose::Gateway) {
            // An anycast gateway is everywhere, and nobody's station.
            return (None, None);
        }
        let place = self.kernel.remotes.get(&mac);
        let had = known.and_then(|known| Some(known.remote?.place));
        let lapsed = self.kernel.lapsed.contains(&mac);
        let moves = place.is_some_and(|place| lapsed || had != Some(*place));
        let to_router = match place {
            Some(place) if moves => {
                let sequence = known.map_or(0, |known| match known.whose {
                    Whose::Member => known.sequence.saturating_add(1),
                    Whose::Remote | Whose::Gateway => known.sequence,
                });
                Some(ToRouter::Remote(mac, *place, sequence))
            }
            Some(place) if !self.confirmed.contains(&Key::Station(mac)) => {
                let told = known.and_then(|known| known.remote);
                told.map(|told| ToRouter::Remote(mac, *place, told.sequence))
            }
            None if had.is_some() => Some(ToRouter::Forget(mac)),
            _ => None,
        };
        // What the daemons said anew is first to be known to the router: it may know better.
        let local = known.is_some_and(|known| known.whose == Whose::Member);
        let to_kernel = self.kernel.netdevs.port.and_then(|port| {
            let there = self.kernel.places.get(&mac) == Some(&port);
            (there != local && !(moves && local)).then_some(ToKernel::Station(mac, local))
        });
        (to_router, to_kernel)
    }

    fn address_words(&self, address: IpAddr) -> (Option<ToRouter>, Option<ToKernel>) {
        let known = self.router.neighbours.get(&address);
        let told = self.kernel.neighbours.get(&address);
        let remote = told.and_then(|(mac, state)| match state {
            NeighbourState::Told if mac.is_station() => Some(*mac),
            _ => None,
        });
        let had = known.filter(|known| known.permanent).map(|k| k.mac);
        let confirmed = remote.is_none() || self.confirmed.contains(&Key::Address(address));
        let to_router = (self.router.gateway && !(remote == had && confirmed))
            .then_some(ToRouter::Neighbour(address, remote));
        let local = known.filter(|known| {
            let station = self.router.stations.get(&known.mac);
            !known.permanent && station.is_some_and(|s| s.whose == Whose::Member)
        });
        let local = local.map(|known| known.mac).filter(|_| remote.is_none());
        let ours = told.and_then(|(mac, state)| (*state == NeighbourState::Ours).then_some(*mac));
        let to_kernel = (self.kernel.netdevs.bridge.is_some() && local != ours)
            .then_some(ToKernel::Neighbour(address, local));
        (to_router, to_kernel)
    }

    /// The router took this.
    pub(super) fn told_router(&mut self, word: ToRouter) {
        let (key, there) = word.about();
        match there {
            true => self.confirmed.insert(key),
            false => self.confirmed.remove(&key),
        };
        match word {
            ToRouter::Flood(end, true) => drop(self.router.flood.insert(end)),
            ToRouter::Flood(end, false) => drop(self.router.flood.remove(&end)),
            ToRouter::Remote(mac, place, sequence) => {
                self.kernel.lapsed.remove(&mac);
                let told = Told { place, sequence };
                let known = self.router.stations.get(&mac);
                if known.is_some_and(|known| known.remote == Some(told)) {
                    // It had been told so before.
                    return;
                }
                // It is there now; should a frame have come in at a member since, the router says so.
                let station = Station {
                    whose: Whose::Remote,
                    sequence,
                    remote: Some(told),
                };
                self.router_station(mac, Some(station));
            }
            ToRouter::Forget(mac) => {
                self.kernel.lapsed.remove(&mac);
                match self.router.stations.get_mut(&mac) {
                    Some(known) if known.whose != Whose::Remote => known.remote = None,
                    _ => drop(self.router.stations.remove(&mac)),
                }
            }
            ToRouter::Neighbour(address, mac) => {
                let permanent = true;
                let known = mac.map(|mac| Known { mac, permanent });
                self.router_neighbour(address, known);
            }
        }
    }

    /// The kernel took this.
    pub(super) fn told_kernel(&mut self, word: ToKernel) {
        match word {
            ToKernel::Station(mac, true) => {
                let port = self.kernel.netdevs.port;
                self.kernel.places.extend(port.map(|port| (mac, port)));
            }
            ToKernel::Station(mac, false) => drop(self.kernel.places.remove(&mac)),
            ToKernel::Neighbour(address, Some(mac)) => {
                let ours = (mac, NeighbourState::Ours);
                self.kernel.neighbours.insert(address, ours);
            }
            ToKernel::Neighbour(address, None) => drop(self.kernel.neighbours.remove(&address)),
        }
    }

    /// One side did not take what was said of a key.
    pub(super) fn refused(&mut self, key: Key, reason: String) {
        self.failed.insert(key, reason);
    }

    /// What was refused, and why.
    pub(super) fn refusals(&self) -> impl Iterator<Item = (&Key, &String)> {
        self.failed.iter()
    }

    /// Remote ends and stations that the router has from us, and stations that the kernel has from us.
    pub(super) fn counts(&self) -> Counts {
        let stations = self.router.stations.values();
        let port = self.kernel.netdevs.port;
        let local = |place: &&u32| Some(**place) == port;
        Counts {
            ends: self.router.flood.len() as u64,
            remote: stations.filter(|s| s.remote.is_some()).count() as u64,
            local: self.kernel.places.values().filter(local).count() as u64,
            refused: self.failed.len() as u64,
        }
    }
}

/// How much there is of a VNI.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Counts {
    /// Remote ends of the flood list.
    pub(super) ends: u64,
    /// Stations behind remote ends.
    pub(super) remote: u64,
    /// Stations of the router.
    pub(super) local: u64,
    /// What was refused.
    pub(super) refused: u64,
}
