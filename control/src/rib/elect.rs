//! New elections, when next hop sets became usable or unusable.

use ferroute_dataplane::ids::VrfId;
use ipnet::IpNet;

use crate::nexthop::NextHops;

use super::key::{AnyKey, Key};
use super::store::{BestChange, Rib};
use super::table::Table;
use super::work::Job;

/// The elections that are to be held.
#[derive(Debug, Default)]
pub(super) struct Election {
    /// Whether there is something to do.
    due: bool,
    /// A walk over all prefixes, for sets with many routes.
    scan: Option<Job>,
    /// Whether another walk must follow: such a set changed when the walk was under way.
    again: bool,
}

impl Rib {
    /// Elects the routes again whose sets became usable or unusable in settlements, as the first of all
    /// [`work`](Self::work).
    ///
    /// The routes of a set that has few are known; for one with many, every prefix is visited.
    pub fn recheck(&mut self) {
        self.election.due = true;
    }

    /// Whether elections are still to be held, so that unusable routes may be in the FIB.
    #[must_use]
    pub fn is_electing(&self) -> bool {
        self.election.due
    }

    /// Holds some elections.
    pub(super) fn elect(
        &mut self,
        hops: &mut NextHops,
        left: &mut usize,
        changes: &mut Vec<BestChange>,
    ) {
        if let Some(set) = hops.next_flip() {
            let Some(places) = hops.places(set) else {
                let scan = self.election.scan.get_or_insert_with(Job::recheck);
                self.election.again |= scan.is_under_way();
                return;
            };
            *left = left.saturating_sub(places.len().max(1));
            for (vrf, prefix) in places {
                self.elect_one(hops, *vrf, *prefix, changes);
            }
        } else if let Some(mut scan) = self.election.scan.take() {
            let done = self.step(hops, &mut scan, left, changes);
            let again = done && std::mem::take(&mut self.election.again);
            self.election.scan = if again {
                Some(Job::recheck())
            } else {
                Some(scan).filter(|_| !done)
            };
        } else {
            self.election.due = false;
        }
    }

    fn elect_one(
        &mut self,
        hops: &NextHops,
        id: VrfId,
        prefix: IpNet,
        changes: &mut Vec<BestChange>,
    ) {
        let Some(vrf) = self.vrfs.get_mut(&id) else {
            return;
        };
        match AnyKey::from_net(prefix) {
            AnyKey::V4(key) => elect_in(&mut vrf.v4, key, hops, id, changes),
            AnyKey::V6(key) => elect_in(&mut vrf.v6, key, hops, id, changes),
        }
    }
}

fn elect_in<K: Key>(
    table: &mut Table<K>,
    key: K,
    hops: &NextHops,
    vrf: VrfId,
    changes: &mut Vec<BestChange>,
) {
    if let Some(elected) = table.elect(key, |set| hops.is_usable(set)) {
        elected.report(vrf, key.net(), changes);
    }
}
