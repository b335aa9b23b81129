//! All that there is, for a new file: a piece at a time between other work, while changes are noted as ever.
//!
//! Each piece is read and handed over with nothing in between, so that what changes afterwards stands behind it in the file.

use ferroute_dataplane::fdb::FdbKey;
use ferroute_dataplane::ids::VrfId;
use ipnet::IpNet;

use super::super::router::Router;
use super::{number, owner_record, place, said};
use crate::api::saved::encode;
use crate::model::belonging::Belonging;
use crate::model::saved::{SavedNeighbour, Thing, ThingKey};
use crate::neighbour::{NeighbourKey, NeighbourState};
use crate::nexthop::NextHopSetId;
use crate::rib::{Prefixes, Query};
use crate::state::Record;

/// Things, stations, sets or routes of one piece: well under a millisecond's worth.
const PIECE: usize = 2048;

/// How far a new file is.
#[derive(Clone, Debug)]
pub(in crate::core) enum Pouring {
    /// Things that are still to come, the last first.
    Things(Vec<ThingKey>),
    /// Neighbours after this one.
    Neighbours(Option<NeighbourKey>),
    /// Stations after this one.
    Stations(Option<FdbKey>),
    /// Whose things are, after this one.
    Belongings(Option<Belonging>),
    /// Owners and names of VRFs.
    Owners,
    /// Named sets from this number on.
    Groups(usize),
    /// Routes of this VRF and family after this prefix.
    Routes(VrfId, Prefixes, Option<IpNet>),
}

impl Router {
    /// Goes on with a new file, or begins one that is due. False when there is nothing to do.
    pub(in crate::core) fn pour(&mut self) -> bool {
        if !self.journal.is_pouring() {
            if !self.journal.begins() {
                self.pouring = None;
                return false;
            }
            self.pouring = Some(Pouring::Things(self.thing_keys()));
        }
        let Some(at) = self.pouring.take() else {
            return false;
        };
        self.journal.hand_over();
        self.pouring = match at {
            Pouring::Things(keys) => Some(self.pour_things(keys)),
            Pouring::Neighbours(after) => Some(self.pour_neighbours(after)),
            Pouring::Stations(after) => Some(self.pour_stations(after)),
            Pouring::Belongings(after) => Some(self.pour_belongings(after)),
            Pouring::Owners => Some(self.pour_owners()),
            Pouring::Groups(from) => Some(self.pour_groups(from)),
            Pouring::Routes(vrf, family, after) => self.pour_routes(vrf, family, after),
        };
        match self.pouring {
            Some(_) => self.journal.hand_over_poured(),
            None => self.journal.whole(),
        }
        true
    }

    fn pour_thing(&mut self, key: &ThingKey, thing: Thing) {
        let (key, value) = (key.bytes(), encode(thing));
        self.journal.pour(&Record::Put {
            key: &key,
            value: &value,
        });
    }

    fn pour_things(&mut self, mut keys: Vec<ThingKey>) -> Pouring {
        let rest = keys.len().saturating_sub(PIECE);
        for key in keys.split_off(rest) {
            if let Some(thing) = self.thing(&key) {
                self.pour_thing(&key, thing);
            }
        }
        match keys.is_empty() {
            true => Pouring::Neighbours(None),
            false => Pouring::Things(keys),
        }
    }

    fn pour_neighbours(&mut self, after: Option<NeighbourKey>) -> Pouring {
        let page = self.neighbours_after(after);
        for found in &page {
            let (Some(mac), Some(on)) = (found.mac, self.interfaces.get(found.key.interface))
            else {
                continue;
            };
            let (interface, address) = (on.name, found.key.address);
            let neighbour = SavedNeighbour {
                interface,
                address,
                mac,
                permanent: found.state == NeighbourState::Permanent,
            };
            let key = ThingKey::Neighbour(interface, address);
            self.pour_thing(&key, Thing::Neighbour(neighbour));
        }
        match page.last() {
            Some(last) => Pouring::Neighbours(Some(last.key)),
            None => Pouring::Stations(None),
        }
    }

    fn pour_stations(&mut self, after: Option<FdbKey>) -> Pouring {
        let (some, last) = self.kept_stations(after, PIECE);
        for station in some {
            let key = ThingKey::Station(station.domain, station.mac);
            self.pour_thing(&key, Thing::Station(station));
        }
        match last {
            Some(last) => Pouring::Stations(Some(last)),
            None => Pouring::Belongings(None),
        }
    }

    fn pour_belongings(&mut self, after: Option<Belonging>) -> Pouring {
        let some: Vec<_> = self.belongings.after(after).take(PIECE).collect();
        for (thing, owner) in &some {
            if let Some(name) = self.owner_name(*owner) {
                self.journal.pour(&Record::Put {
                    key: &thing.owner_key(),
                    value: name.as_str().as_bytes(),
                });
            }
        }
        match some.last() {
            Some((last, _)) => Pouring::Belongings(Some(*last)),
            None => Pouring::Owners,
        }
    }

    fn pour_owners(&mut self) -> Pouring {
        for (id, vrf) in self.vrfs.iter() {
            self.journal.pour(&Record::Vrf {
                id: id.get(),
                name: vrf.spec.name.as_str(),
            });
        }
        for view in self.rib.owners() {
            if let Some(record) = owner_record(&self.rib, view.id) {
                self.journal.pour(&Record::Owner(record));
            }
        }
        Pouring::Groups(0)
    }

    fn pour_groups(&mut self, from: usize) -> Pouring {
        let end = self.hops.numbers();
        let until = end.min(from + PIECE);
        for id in (from..until).map(NextHopSetId::at) {
            let group = self.hops.get(id).and_then(|set| set.group);
            // One that its owner removed may linger for a moment.
            if group.is_some_and(|key| {
                self.hops.group(key) == Some(id) && self.journal.keeps(key.owner.index())
            }) {
                self.pour_set(id);
            }
        }
        match until == end {
            true => Pouring::Routes(VrfId::DEFAULT, Prefixes::AllIpv4, None),
            false => Pouring::Groups(until),
        }
    }

    fn pour_set(&mut self, set: NextHopSetId) {
        match self.kept_set(set) {
            Some((group, lead)) => self.journal.pour(&Record::Set {
                id: set.index() as u32,
                group,
                lead: lead.as_lead(),
            }),
            None => self.journal.pass_over_set(set.index()),
        }
    }

    fn pour_routes(
        &mut self,
        vrf: VrfId,
        prefixes: Prefixes,
        after: Option<IpNet>,
    ) -> Option<Pouring> {
        let query = Query {
            vrf,
            prefixes,
            owner: None,
            only_best: false,
        };
        let mut routes = Vec::with_capacity(PIECE);
        let next = self.rib.list(&self.hops, &query, after, PIECE, &mut routes);
        for route in &routes {
            if !self.journal.keeps(usize::from(number(route.owner))) {
                continue;
            }
            if self.journal.lacks_set(route.attributes.set.index()) {
                self.pour_set(route.attributes.set);
            }
            self.journal.pour(&Record::Route(
                place(route.owner, vrf, route.prefix),
                said(route.attributes, route.generation),
            ));
        }
        if next.is_some() {
            return Some(Pouring::Routes(vrf, prefixes, next));
        }
        if prefixes == Prefixes::AllIpv4 {
            return Some(Pouring::Routes(vrf, Prefixes::AllIpv6, None));
        }
        let following = self.vrfs.iter().map(|(id, _)| id).find(|id| *id > vrf);
        following.map(|id| Pouring::Routes(id, Prefixes::AllIpv4, None))
    }
}
