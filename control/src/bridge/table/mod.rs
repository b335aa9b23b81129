//! The truth of one source: its routes and next hop sets, and what the router has of them.
//!
//! [`Table::apply`] takes what the source says; [`Table::next_batch`] gives what the router is to be told next. Between the two
//! stands a queue of prefixes that changed, each in it once: what changes again while it waits costs nothing. A batch says
//! what is true when it is made, so a source that is faster than the router makes batches full, never old.
//!
//! ```text
//!  update ─▶ routes: prefix → candidates → set ─┐
//!            sets:   number → hops / members ───┼─▶ batch: sets, routes, sets no longer used
//!            dirty:  prefixes, sets ────────────┘     ▲
//!                                     names of interfaces (express)
//! ```
//!
//! Next hop objects of the source become sets of the router under numbers of our own, and so do the next hops of routes that
//! have some of their own, each distinct list once. Numbers are never used again within a table's life, so a late word about
//! an old set cannot touch a new one.
//!
//! A *generation* begins when the source says everything anew (a dump, a new connection); [`Table::sweep`] removes what it
//! did not repeat.

mod batch;
mod census;
mod express;
mod object;
mod route;
mod set;

pub(in crate::bridge) use batch::Said;
pub(in crate::bridge) use express::{Names, octets};

use crate::bridge::netlink::update::{Hops, Protocol, Special, Update};
use crate::model::name::VrfName;
use crate::model::prefix::Prefix;
use census::Tally;
use rustc_hash::{FxHashMap, FxHashSet};
use set::{Body, Set, SetNumber};
use smallvec::SmallVec;
use std::collections::{BTreeSet, VecDeque};

/// How a source means its messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::bridge) enum Meaning {
    /// As the kernel: routes of one prefix stand beside each other by metric, and a next hop object takes its routes along
    /// when it goes.
    Kernel,
    /// As FRR's channel: a prefix has one route, and each message says all of it.
    Fpm,
}

/// What a source's table takes in.
#[derive(Clone, Debug)]
pub(in crate::bridge) struct Scope {
    /// How messages are meant.
    pub(in crate::bridge) meaning: Meaning,
    /// Whether the source is told what became of each route.
    pub(in crate::bridge) feedback: bool,
    /// The VRF of each table of the kernel that is served, and the protocols taken there.
    pub(in crate::bridge) tables: Vec<ScopeTable>,
}

/// A table of the kernel that is served.
#[derive(Clone, Debug)]
pub(in crate::bridge) struct ScopeTable {
    /// Its number.
    pub(in crate::bridge) table: u32,
    /// The router's VRF.
    pub(in crate::bridge) vrf: VrfName,
    /// Whose routes are taken.
    pub(in crate::bridge) protocols: BTreeSet<Protocol>,
}

/// Place of a served table in [`Scope::tables`].
type Place = u16;

/// Names a route.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(in crate::bridge) struct Key {
    place: Place,
    prefix: Prefix,
}

/// Where a route leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Aim {
    Set(SetNumber),
    Special(Special),
}

/// A route that the source has. Of several with one prefix, that with the lowest metric counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Candidate {
    aim: Aim,
    metric: u32,
    generation: u32,
    protocol: Protocol,
}

impl Candidate {
    fn same_but_for_generation(&self, other: &Self) -> bool {
        (self.aim, self.metric, self.protocol) == (other.aim, other.metric, other.protocol)
    }
}

/// What the router has of a prefix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sent {
    Nothing,
    Set(SetNumber),
    Special,
}

/// A prefix.
#[derive(Clone, Debug)]
struct Entry {
    candidates: SmallVec<[Candidate; 1]>,
    sent: Sent,
    dirty: bool,
}

impl Entry {
    fn best(&self) -> Option<&Candidate> {
        self.candidates
            .iter()
            .min_by_key(|candidate| candidate.metric)
    }
}

/// Why the router did not take something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::bridge) struct Refusal {
    /// The stable word.
    pub(in crate::bridge) reason: String,
    /// The same for people.
    pub(in crate::bridge) message: String,
}

/// The routes of one source. See the module.
#[derive(Debug)]
pub(in crate::bridge) struct Table {
    scope: Scope,
    generation: u32,
    routes: FxHashMap<Key, Entry>,
    dirty: VecDeque<Key>,
    sets: FxHashMap<SetNumber, Set>,
    last_set: u32,
    by_object: FxHashMap<u32, SetNumber>,
    by_hops: FxHashMap<Hops, SetNumber>,
    /// Sets of objects of a connection that ended, until the next one has said everything. An object that is described there as
    /// one was here is that one: its routes need no word to the router.
    orphans: FxHashMap<Body, VecDeque<SetNumber>>,
    dirty_sets: Vec<SetNumber>,
    /// Sets that may have lost their last user.
    idle_sets: Vec<SetNumber>,
    /// Sets whose routes have to be looked at, because what the set is has changed.
    changed_sets: FxHashSet<SetNumber>,
    /// Sets that went and take their routes along.
    dead_sets: FxHashSet<SetNumber>,
    refused: FxHashMap<Key, Refusal>,
    /// Prefixes of which the source waits for a word that no batch brings: nothing changed, or the router cannot follow.
    owed: Vec<Key>,
    last_batch: u64,
    tally: Tally,
    /// Routes that the router cannot express, because they hold only for some packets.
    selective: u64,
}

impl Table {
    /// An empty table.
    pub(in crate::bridge) fn new(scope: Scope) -> Self {
        Self {
            scope,
            generation: 0,
            routes: FxHashMap::default(),
            dirty: VecDeque::new(),
            sets: FxHashMap::default(),
            last_set: 0,
            by_object: FxHashMap::default(),
            by_hops: FxHashMap::default(),
            orphans: FxHashMap::default(),
            dirty_sets: Vec::new(),
            idle_sets: Vec::new(),
            changed_sets: FxHashSet::default(),
            dead_sets: FxHashSet::default(),
            refused: FxHashMap::default(),
            owed: Vec::new(),
            last_batch: 0,
            tally: Tally::default(),
            selective: 0,
        }
    }

    /// Takes a change in, if it is one of routes; answers it if it is not.
    pub(in crate::bridge) fn apply(&mut self, update: Update) -> Option<Update> {
        match update {
            Update::Route(route) => self.apply_route(route),
            Update::NextHop(object) => self.apply_object(object),
            other => return Some(other),
        }
        None
    }

    /// The source begins to say everything anew.
    pub(in crate::bridge) fn begin(&mut self) {
        self.generation += 1;
        if self.scope.meaning == Meaning::Fpm {
            // Numbers of objects belong to a connection: another zebra gives them to other things.
            let objects = std::mem::take(&mut self.by_object);
            let mut numbers: Vec<SetNumber> = objects.into_values().collect();
            // Of several that are alike, the next connection describes the first first.
            numbers.sort_unstable();
            for number in numbers {
                if let Some(set) = self.sets.get_mut(&number) {
                    set.forget_object();
                    if set.body != Body::Unknown {
                        let alike = self.orphans.entry(set.body.clone()).or_default();
                        alike.push_back(number);
                    }
                }
                self.idle_sets.push(number);
            }
        }
    }

    /// The source has said everything: what it did not repeat goes. Answers how many routes went.
    pub(in crate::bridge) fn sweep(&mut self) -> usize {
        let generation = self.generation;
        let mut gone = 0;
        let stale: Vec<Key> = (self.routes.iter())
            .filter(|(_, entry)| (entry.candidates.iter()).any(|c| c.generation != generation))
            .map(|(key, _)| *key)
            .collect();
        for key in stale {
            gone += self.drop_candidates(key, |candidate| candidate.generation != generation);
        }
        self.sweep_objects();
        self.orphans.clear();
        gone
    }

    /// Routes that the source has.
    pub(in crate::bridge) fn len(&self) -> usize {
        self.routes.len()
    }

    /// Whether the router has been told everything.
    pub(in crate::bridge) fn is_settled(&self) -> bool {
        self.dirty.is_empty() && self.dirty_sets.is_empty() && self.changed_sets.is_empty()
    }

    /// The router lost everything, or has a new session: all is to be said again.
    pub(in crate::bridge) fn replay(&mut self) {
        self.tally.told = 0;
        self.refused.clear();
        self.dirty.clear();
        self.dirty_sets.clear();
        for (number, set) in &mut self.sets {
            if set.forget_router() {
                self.dirty_sets.push(*number);
            }
        }
        self.routes.retain(|key, entry| {
            entry.sent = Sent::Nothing;
            entry.dirty = !entry.candidates.is_empty();
            if entry.dirty {
                self.dirty.push_back(*key);
            }
            entry.dirty
        });
    }

    /// Tries again what the router refused.
    pub(in crate::bridge) fn retry(&mut self) {
        for (key, _) in std::mem::take(&mut self.refused) {
            self.mark(key);
        }
        for (number, set) in &mut self.sets {
            if set.retry() {
                self.dirty_sets.push(*number);
            }
        }
    }

    /// Names of interfaces changed, here or in the router: sets that depend on them are expressed anew.
    pub(in crate::bridge) fn names_changed(&mut self) {
        for (number, set) in &mut self.sets {
            if set.mark() {
                self.dirty_sets.push(*number);
            }
        }
    }

    /// What stands behind tunnels over these netdevs changed: sets that lead over them are expressed anew.
    pub(in crate::bridge) fn netdevs_changed(&mut self, netdevs: &BTreeSet<u32>) {
        let over = |set: &Set| matches!(&set.body, Body::Hops(hops) if hops.iter().any(|hop| netdevs.contains(&hop.interface)));
        let sets = self.sets.iter().filter(|(_, set)| over(set));
        let concerned: Vec<SetNumber> = sets.map(|(number, _)| *number).collect();
        for number in concerned {
            self.mark_set(number);
        }
    }

    /// Notes that the source waits for a word on a prefix.
    fn owe(&mut self, key: Key) {
        if self.scope.feedback {
            self.owed.push(key);
        }
    }

    /// Queues a prefix, once.
    fn mark(&mut self, key: Key) {
        if let Some(entry) = self.routes.get_mut(&key)
            && !std::mem::replace(&mut entry.dirty, true)
        {
            self.dirty.push_back(key);
        }
    }
}

#[cfg(test)]
mod evpn_tests;
#[cfg(test)]
pub(in crate::bridge) mod played;
#[cfg(test)]
mod proptests;
#[cfg(test)]
mod tests;
