//! The routes of one VRF and family.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::{Bound, ControlFlow};

use ferroute_dataplane::ids::VrfId;
use ipnet::IpNet;

use crate::nexthop::NextHopSetId;

use super::error::RouteError;
use super::key::Key;
use super::owner::OwnerId;
use super::owners::Owners;
use super::route::{Best, Candidates, Route};
use super::store::BestChange;

/// The route of a prefix in the FIB, before and after.
#[derive(Clone, Copy)]
pub(super) struct Elected {
    pub(super) old: Option<Best>,
    pub(super) new: Option<Best>,
}

impl Elected {
    /// Reports it if there is something to report.
    pub(super) fn report(self, vrf: VrfId, prefix: IpNet, changes: &mut Vec<BestChange>) {
        let Self { old, new } = self;
        if old != new {
            changes.push(BestChange {
                vrf,
                prefix,
                old,
                new,
            });
        }
    }
}

/// An ordered map of prefixes.
#[derive(Debug)]
pub(super) struct Table<K> {
    pub(super) map: BTreeMap<K, Candidates>,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self {
            map: BTreeMap::new(),
        }
    }
}

impl<K: Key> Table<K> {
    /// Visits the prefixes that cover `within`, itself among them, longest first.
    ///
    /// Costs a few descents, not one for each length: the greatest key up to the one sought either covers it,
    /// or says by the bits in common how long the next that does can be.
    pub(super) fn covering(
        &self,
        within: K,
        mut visit: impl FnMut(K, &Candidates) -> ControlFlow<()>,
    ) {
        let address = within.address();
        let mut bound = within;
        while let Some((&key, candidates)) = self.map.range(..=bound).next_back() {
            let shorter = if key.covers(address) {
                if visit(key, candidates).is_break() {
                    return;
                }
                match key.length().checked_sub(1) {
                    Some(shorter) => shorter,
                    None => return,
                }
            } else {
                key.common(address)
            };
            bound = K::new(address, shorter);
        }
    }

    /// Puts a route in, instead of the one that its owner had. Fails if it is one more and there is no `room`.
    pub(super) fn put(
        &mut self,
        key: K,
        route: Route,
        room: Result<(), RouteError>,
        owners: &Owners,
        usable: impl Fn(NextHopSetId) -> bool,
    ) -> Result<(Option<Route>, Elected), RouteError> {
        match self.map.entry(key) {
            Entry::Vacant(place) => {
                room?;
                let new = place.insert(Candidates::One(route)).elect(usable);
                Ok((None, Elected { old: None, new }))
            }
            Entry::Occupied(place) => {
                let candidates = place.into_mut();
                if candidates.of(route.owner).is_none() {
                    room?;
                }
                let old = candidates.installed();
                let before = candidates.put(route, owners);
                Ok((
                    before,
                    Elected {
                        old,
                        new: candidates.elect(usable),
                    },
                ))
            }
        }
    }

    /// Takes the owner's route out; `None` if there is none.
    pub(super) fn take(
        &mut self,
        key: K,
        owner: OwnerId,
        usable: impl Fn(NextHopSetId) -> bool,
    ) -> Option<(Route, Elected)> {
        let Entry::Occupied(mut place) = self.map.entry(key) else {
            return None;
        };
        let candidates = place.get_mut();
        let before = *candidates.of(owner)?;
        let old = candidates.installed();
        let new = if candidates.retain(|route| route.owner != owner) {
            candidates.elect(usable)
        } else {
            place.remove();
            None
        };
        Some((before, Elected { old, new }))
    }

    /// Elects the best route of a prefix again; `None` if it has none.
    pub(super) fn elect(
        &mut self,
        key: K,
        usable: impl Fn(NextHopSetId) -> bool,
    ) -> Option<Elected> {
        let candidates = self.map.get_mut(&key)?;
        let old = candidates.installed();
        let new = candidates.elect(usable);
        Some(Elected { old, new })
    }

    /// Visits the prefixes after `after` in order, as long as `budget` is not used up, and removes those for which
    /// `keep` says `false`. Gives back the last one visited; `None` if there was none left.
    pub(super) fn scan(
        &mut self,
        after: Option<K>,
        budget: &mut usize,
        mut keep: impl FnMut(K, &mut Candidates) -> bool,
    ) -> Option<K> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut last = None;
        let mut emptied = Vec::new();
        for (&key, candidates) in self.map.range_mut((start, Bound::Unbounded)).take(*budget) {
            *budget -= 1;
            if !keep(key, candidates) {
                emptied.push(key);
            }
            last = Some(key);
        }
        for key in emptied {
            self.map.remove(&key);
        }
        last
    }
}
