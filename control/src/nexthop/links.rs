//! Which interfaces can send, and which sets name them.

use std::collections::{BTreeSet, HashMap};

use ferroute_dataplane::ids::InterfaceId;

use super::store::NextHopSetId;

/// The interfaces that are up or that some set names.
#[derive(Default, Debug)]
pub(super) struct Links(HashMap<InterfaceId, Link>);

#[derive(Default, Debug)]
struct Link {
    up: bool,
    sets: BTreeSet<NextHopSetId>,
}

impl Links {
    pub(super) fn is_up(&self, interface: InterfaceId) -> bool {
        self.0.get(&interface).is_some_and(|link| link.up)
    }

    /// Sets the state; says whether it was another.
    pub(super) fn set_up(&mut self, interface: InterfaceId, up: bool) -> bool {
        let link = self.0.entry(interface).or_default();
        let changed = std::mem::replace(&mut link.up, up) != up;
        self.tidy(interface);
        changed
    }

    /// The sets with a member that names the interface.
    pub(super) fn sets(&self, interface: InterfaceId) -> impl Iterator<Item = NextHopSetId> {
        self.0
            .get(&interface)
            .into_iter()
            .flat_map(|link| link.sets.iter().copied())
    }

    pub(super) fn add(&mut self, interface: InterfaceId, set: NextHopSetId) {
        self.0.entry(interface).or_default().sets.insert(set);
    }

    pub(super) fn remove(&mut self, interface: InterfaceId, set: NextHopSetId) {
        if let Some(link) = self.0.get_mut(&interface) {
            link.sets.remove(&set);
            self.tidy(interface);
        }
    }

    fn tidy(&mut self, interface: InterfaceId) {
        if self
            .0
            .get(&interface)
            .is_some_and(|link| !link.up && link.sets.is_empty())
        {
            self.0.remove(&interface);
        }
    }
}
