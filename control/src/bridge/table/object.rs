//! Next hop objects and groups of the source.

use super::set::{Body, SetNumber};
use super::{Meaning, Table};
use crate::bridge::netlink::update::{Hops, NextHopBody, NextHopUpdate};

impl Table {
    pub(super) fn apply_object(&mut self, update: NextHopUpdate) {
        match update.body {
            Some(NextHopBody::Fdb(_)) => {}
            Some(NextHopBody::Hop(hop)) => {
                self.describe(update.id, Body::Hops(Hops::from_iter([hop])))
            }
            Some(NextHopBody::Blackhole) => self.describe(update.id, Body::Blackhole),
            Some(NextHopBody::Group(members)) => {
                let members = members.into_iter();
                let members = members.map(|(id, weight)| (self.set_of_object(id), weight));
                let members = members.collect();
                self.describe(update.id, Body::Group(members));
            }
            None => {
                if let Some(number) = self.by_object.remove(&update.id) {
                    self.object_gone(number);
                }
            }
        }
    }

    /// The source says what an object is.
    fn describe(&mut self, id: u32, body: Body) {
        let number = self.set_described(id, &body);
        let generation = self.generation;
        let Some(set) = self.sets.get_mut(&number) else {
            return;
        };
        set.generation = generation;
        if set.body == body {
            return;
        }
        let joined = match &body {
            Body::Group(members) => members.iter().map(|(member, _)| *member).collect(),
            _ => Vec::new(),
        };
        let before = std::mem::replace(&mut set.body, body);
        if let Body::Group(members) = before {
            self.leave_group(number, &members);
        }
        for member in joined {
            if let Some(set) = self.sets.get_mut(&member) {
                set.groups.push(number);
            }
        }
        self.mark_set(number);
    }

    /// The source has an object no more. In the kernel its routes go with it, without a word about each. FRR removes objects
    /// that it thinks unused; a route that still names one keeps what it had.
    fn object_gone(&mut self, number: SetNumber) {
        if let Some(set) = self.sets.get_mut(&number) {
            set.forget_object();
            if self.scope.meaning == Meaning::Kernel && set.routes > 0 {
                self.dead_sets.insert(number);
            }
        }
        self.idle_sets.push(number);
    }

    /// Objects that the source did not repeat are gone.
    pub(super) fn sweep_objects(&mut self) {
        let generation = self.generation;
        let stale: Vec<(u32, SetNumber)> = (self.by_object.iter())
            .filter(|(_, number)| {
                (self.sets.get(number)).is_none_or(|set| set.generation != generation)
            })
            .map(|(id, number)| (*id, *number))
            .collect();
        for (id, number) in stale {
            let waited_for = (self.sets.get(&number))
                .is_some_and(|set| set.body == Body::Unknown && set.routes > 0);
            // A route of this generation names it: its description may still come.
            if !waited_for {
                self.by_object.remove(&id);
                self.object_gone(number);
            }
        }
    }
}
