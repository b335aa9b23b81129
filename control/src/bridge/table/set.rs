//! Next hop sets: the source's objects, and the lists of next hops that routes have of their own.

use super::express::Hold;
use super::{Refusal, Table};
use crate::bridge::netlink::update::Hops;
use smallvec::SmallVec;
use std::collections::VecDeque;

/// The number of a set in the router; never zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct SetNumber(pub(super) u32);

/// What a set consists of.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Body {
    /// A route named an object that the source has not described yet.
    Unknown,
    /// Next hops.
    Hops(Hops),
    /// Other sets, by weight.
    Group(Vec<(SetNumber, u32)>),
    /// Packets are dropped.
    Blackhole,
}

/// What the router was told of a set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    /// Nothing yet.
    New,
    /// Next hops.
    Hops,
    /// Nothing, because it drops packets: its routes say so.
    Blackhole,
    /// Nothing, because it cannot be said.
    Held(Hold),
}

/// A set.
#[derive(Clone, Debug)]
pub(super) struct Set {
    pub(super) body: Body,
    /// The source's number for it, while it has one.
    pub(super) object: Option<u32>,
    pub(super) shape: Shape,
    pub(super) refused: Option<Refusal>,
    /// The generation in which its object was last described.
    pub(super) generation: u32,
    /// Candidates that lead here.
    pub(super) routes: u32,
    /// Prefixes whose best candidate leads here.
    pub(super) best: u32,
    /// Prefixes that lead here in the router.
    pub(super) told_routes: u32,
    /// Whether the router has it.
    pub(super) told: bool,
    /// Next hops that were left out, because they cannot be said.
    pub(super) left_out: u32,
    /// Groups that have it as a member.
    pub(super) groups: SmallVec<[SetNumber; 1]>,
    dirty: bool,
}

impl Set {
    fn new(body: Body, object: Option<u32>, generation: u32) -> Self {
        Self {
            body,
            object,
            shape: Shape::New,
            refused: None,
            generation,
            routes: 0,
            best: 0,
            told_routes: 0,
            told: false,
            left_out: 0,
            groups: SmallVec::new(),
            dirty: false,
        }
    }

    /// Notes that it is to be said anew. Answers whether it has to be queued for that.
    pub(super) fn mark(&mut self) -> bool {
        !std::mem::replace(&mut self.dirty, true)
    }

    /// It leaves the queue.
    pub(super) fn unmark(&mut self) {
        self.dirty = false;
    }

    /// The router does not know it any more. Answers whether it is queued now.
    pub(super) fn forget_router(&mut self) -> bool {
        self.told = false;
        self.told_routes = 0;
        self.shape = Shape::New;
        self.refused = None;
        self.dirty = true;
        true
    }

    /// The source's number for it means nothing any more.
    pub(super) fn forget_object(&mut self) {
        self.object = None;
    }

    /// Forgets that the router refused it. Answers whether it has to be queued.
    pub(super) fn retry(&mut self) -> bool {
        self.refused.take().is_some() && self.mark()
    }

    /// Whether nothing needs it.
    fn is_idle(&self) -> bool {
        self.routes == 0 && self.told_routes == 0
    }
}

impl Table {
    /// A new set.
    pub(super) fn new_set(&mut self, body: Body, object: Option<u32>) -> SetNumber {
        self.last_set += 1;
        let number = SetNumber(self.last_set);
        self.sets
            .insert(number, Set::new(body, object, self.generation));
        number
    }

    /// The set of an object, which may be unknown yet.
    pub(super) fn set_of_object(&mut self, id: u32) -> SetNumber {
        if let Some(number) = self.by_object.get(&id) {
            return *number;
        }
        let number = self.new_set(Body::Unknown, Some(id));
        self.by_object.insert(id, number);
        number
    }

    /// The set of an object that is described so: the one it has, or that of an object of an earlier connection which was the same.
    pub(super) fn set_described(&mut self, id: u32, body: &Body) -> SetNumber {
        if !self.by_object.contains_key(&id)
            && let Some(number) = self.orphans.get_mut(body).and_then(VecDeque::pop_front)
            && let Some(set) = self.sets.get_mut(&number)
        {
            set.object = Some(id);
            self.by_object.insert(id, number);
            return number;
        }
        self.set_of_object(id)
    }

    /// The set of a list of next hops.
    pub(super) fn set_of_hops(&mut self, hops: Hops) -> SetNumber {
        if let Some(number) = self.by_hops.get(&hops) {
            return *number;
        }
        let number = self.new_set(Body::Hops(hops.clone()), None);
        self.by_hops.insert(hops, number);
        number
    }

    /// Queues a set and all groups that it is part of.
    pub(super) fn mark_set(&mut self, number: SetNumber) {
        let mut concerned = vec![number];
        let mut at = 0;
        // It grows while it is walked; each set is in it once, so a loop of groups ends.
        while let Some(number) = concerned.get(at).copied() {
            at += 1;
            let Some(set) = self.sets.get_mut(&number) else {
                continue;
            };
            if set.mark() {
                self.dirty_sets.push(number);
            }
            for group in &set.groups {
                if !concerned.contains(group) {
                    concerned.push(*group);
                }
            }
        }
    }

    /// A candidate leads to the set.
    pub(super) fn use_set(&mut self, number: SetNumber) {
        if let Some(set) = self.sets.get_mut(&number) {
            set.routes += 1;
            if set.routes == 1 && !set.told && set.mark() {
                self.dirty_sets.push(number);
            }
        }
    }

    /// A candidate leads there no more.
    pub(super) fn leave_set(&mut self, number: SetNumber) {
        if let Some(set) = self.sets.get_mut(&number) {
            set.routes = set.routes.saturating_sub(1);
            if set.is_idle() {
                self.idle_sets.push(number);
            }
        }
    }

    /// A prefix of the router leads there no more.
    pub(super) fn leave_told_set(&mut self, number: SetNumber) {
        if let Some(set) = self.sets.get_mut(&number) {
            set.told_routes = set.told_routes.saturating_sub(1);
            if set.is_idle() {
                self.idle_sets.push(number);
            }
        }
    }

    /// Forgets sets that nothing needs; answers those that the router still has, which are to be deleted there.
    pub(super) fn collect_idle(&mut self) -> Vec<u32> {
        let mut told = Vec::new();
        for number in std::mem::take(&mut self.idle_sets) {
            let Some(set) = self.sets.get_mut(&number).filter(|set| set.is_idle()) else {
                continue;
            };
            if std::mem::take(&mut set.told) {
                told.push(number.0);
            }
            if set.object.is_some() || !set.groups.is_empty() {
                // The source may still use it; then it is said again.
                set.shape = Shape::New;
                continue;
            }
            self.forget_set(number);
        }
        told
    }

    /// Removes a set from all indices.
    pub(super) fn forget_set(&mut self, number: SetNumber) {
        let Some(set) = self.sets.remove(&number) else {
            return;
        };
        match &set.body {
            Body::Hops(hops) if self.by_hops.get(hops) == Some(&number) => {
                self.by_hops.remove(hops);
            }
            Body::Group(members) => self.leave_group(number, members),
            _ => {}
        }
    }

    /// A group gives up its members.
    pub(super) fn leave_group(&mut self, group: SetNumber, members: &[(SetNumber, u32)]) {
        for (member, _) in members {
            if let Some(set) = self.sets.get_mut(member) {
                set.groups.retain(|other| *other != group);
                if set.is_idle() {
                    self.idle_sets.push(*member);
                }
            }
        }
    }
}
