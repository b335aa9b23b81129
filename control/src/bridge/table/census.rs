//! What the table holds, counted and explained for people.
//!
//! Counts are kept as things change: who asks for them every second must not hold a table of a million routes each time. Only
//! problems are sought, and only where the counts say that there are some.

use super::set::{Set, Shape};
use super::{Aim, Candidate, Sent, Table};
use crate::bridge::netlink::update::Protocol;
use crate::model::name::VrfName;
use crate::model::prefix::Prefix;
use std::collections::BTreeMap;

/// Counts of a table.
#[derive(Clone, Debug, Default)]
pub(in crate::bridge) struct Census {
    /// Prefixes by the protocol of their best route.
    pub(in crate::bridge) by_protocol: BTreeMap<Protocol, u64>,
    /// Prefixes that the router has, also if what it has is about to change.
    pub(in crate::bridge) told: u64,
    /// Prefixes whose next hop or interface is missing.
    pub(in crate::bridge) pending: u64,
    /// Prefixes that the router cannot express, and such routes as hold only for some packets.
    pub(in crate::bridge) unsupported: u64,
    /// Prefixes that the router refused.
    pub(in crate::bridge) refused: u64,
    /// Prefixes and sets that wait to be said.
    pub(in crate::bridge) queued: u64,
    /// Next hop sets in use.
    pub(in crate::bridge) sets: u64,
    /// Next hops of sets in use that were left out, because they cannot be said.
    pub(in crate::bridge) left_out: u64,
    /// Some routes that are not in the router as the source has them, by prefix.
    pub(in crate::bridge) problems: Vec<Problem>,
}

/// A route that is not in the router.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::bridge) struct Problem {
    /// Its VRF.
    pub(in crate::bridge) vrf: VrfName,
    /// Its prefix.
    pub(in crate::bridge) prefix: Prefix,
    /// What is wrong, in a word: `PENDING`, `UNSUPPORTED`, or the router's reason.
    pub(in crate::bridge) reason: String,
    /// The same for people.
    pub(in crate::bridge) message: String,
}

/// Counts that are kept as the table changes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Tally {
    /// Prefixes by the protocol of their best route.
    pub(super) by_protocol: BTreeMap<Protocol, u64>,
    /// Prefixes that the router has something of, refused ones too.
    pub(super) told: u64,
}

impl Tally {
    /// What the router has of a prefix is something else now.
    pub(super) fn sent(&mut self, before: Sent, now: Sent) {
        self.told += u64::from(now != Sent::Nothing);
        self.told -= u64::from(before != Sent::Nothing);
    }

    fn protocol(&mut self, protocol: Protocol) -> &mut u64 {
        self.by_protocol.entry(protocol).or_default()
    }
}

impl Table {
    /// The best route of a prefix is another one now.
    pub(super) fn count_best(&mut self, before: Option<Candidate>, now: Option<Candidate>) {
        let what = |best: Candidate| (best.aim, best.protocol);
        if before.map(what) == now.map(what) {
            return;
        }
        if let Some(before) = before {
            let count = self.tally.protocol(before.protocol);
            *count = count.saturating_sub(1);
            if let Some(set) = self.set_of(before.aim) {
                set.best = set.best.saturating_sub(1);
            }
        }
        if let Some(now) = now {
            *self.tally.protocol(now.protocol) += 1;
            if let Some(set) = self.set_of(now.aim) {
                set.best += 1;
            }
        }
    }

    /// Counts everything, with at most so many problems.
    pub(in crate::bridge) fn census(&self, most_problems: usize) -> Census {
        let refused = self.refused.len() as u64;
        let by_protocol = self.tally.by_protocol.iter();
        let mut census = Census {
            by_protocol: (by_protocol.filter(|(_, count)| **count > 0))
                .map(|(protocol, count)| (*protocol, *count))
                .collect(),
            told: self.tally.told.saturating_sub(refused),
            unsupported: self.selective,
            refused,
            queued: (self.dirty.len() + self.dirty_sets.len()) as u64,
            ..Census::default()
        };
        for set in self.sets.values().filter(|set| set.routes > 0) {
            census.sets += 1;
            census.left_out += u64::from(set.left_out);
            match &set.shape {
                Shape::Held(hold) if hold.is_unsupported() => {
                    census.unsupported += u64::from(set.best);
                }
                Shape::Held(_) => census.pending += u64::from(set.best),
                Shape::New | Shape::Hops | Shape::Blackhole => {}
            }
        }
        if most_problems > 0 && census.pending + census.unsupported + census.refused > 0 {
            census.problems = self.problems(most_problems);
        }
        census
    }

    /// Routes that are not in the router as the source has them.
    fn problems(&self, most: usize) -> Vec<Problem> {
        let explained = self.routes.iter().filter_map(|(key, entry)| {
            let best = entry.best()?;
            let (reason, message) = if let Some(refusal) = self.refused.get(key) {
                (refusal.reason.clone(), refusal.message.clone())
            } else {
                let Aim::Set(number) = best.aim else {
                    return None;
                };
                let Shape::Held(hold) = &self.sets.get(&number)?.shape else {
                    return None;
                };
                let word = if hold.is_unsupported() {
                    "UNSUPPORTED"
                } else {
                    "PENDING"
                };
                (word.to_owned(), hold.to_string())
            };
            let vrf = (self.scope.tables.get(usize::from(key.place))).map(|table| table.vrf);
            Some(Problem {
                vrf: vrf.unwrap_or_default(),
                prefix: key.prefix,
                reason,
                message,
            })
        });
        let mut problems: Vec<_> = explained.take(most).collect();
        problems.sort();
        problems
    }

    fn set_of(&mut self, aim: Aim) -> Option<&mut Set> {
        match aim {
            Aim::Set(number) => self.sets.get_mut(&number),
            Aim::Special(_) => None,
        }
    }

    /// The same counts, taken by looking at everything: by protocol, of prefixes that the router has, and of those whose best
    /// route leads to each set.
    #[cfg(test)]
    pub(super) fn recount(&self) -> (Tally, BTreeMap<super::set::SetNumber, u32>) {
        let mut tally = Tally::default();
        let mut sets = BTreeMap::new();
        for entry in self.routes.values() {
            tally.told += u64::from(entry.sent != Sent::Nothing);
            let Some(best) = entry.best() else { continue };
            *tally.protocol(best.protocol) += 1;
            if let Aim::Set(number) = best.aim {
                *sets.entry(number).or_default() += 1;
            }
        }
        (tally, sets)
    }
}
