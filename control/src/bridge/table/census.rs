//! What the table holds, counted and explained for people.

use super::set::Shape;
use super::{Aim, Table};
use crate::bridge::netlink::update::Protocol;
use crate::model::name::VrfName;
use crate::model::prefix::Prefix;
use std::collections::BTreeMap;

/// Counts of a table.
#[derive(Clone, Debug, Default)]
pub(in crate::bridge) struct Census {
    /// Prefixes by the protocol of their best route.
    pub(in crate::bridge) by_protocol: BTreeMap<Protocol, u64>,
    /// Prefixes that the router has.
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
    /// The first routes that are not in the router as the source has them, by prefix.
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

impl Table {
    /// Counts everything, with at most so many problems.
    pub(in crate::bridge) fn census(&self, most_problems: usize) -> Census {
        let mut census = Census {
            unsupported: self.selective,
            queued: (self.dirty.len() + self.dirty_sets.len()) as u64,
            ..Census::default()
        };
        for set in self.sets.values().filter(|set| set.routes > 0) {
            census.sets += 1;
            census.left_out += u64::from(set.left_out);
        }
        for (key, entry) in &self.routes {
            let Some(best) = entry.best() else { continue };
            *census.by_protocol.entry(best.protocol).or_default() += 1;
            let (reason, message) = if let Some(refusal) = self.refused.get(key) {
                census.refused += 1;
                (refusal.reason.clone(), refusal.message.clone())
            } else {
                let shape = match best.aim {
                    Aim::Special(_) => None,
                    Aim::Set(number) => self.sets.get(&number).map(|set| &set.shape),
                };
                match shape {
                    Some(Shape::Held(hold)) if hold.is_unsupported() => {
                        census.unsupported += 1;
                        ("UNSUPPORTED".to_owned(), hold.to_string())
                    }
                    Some(Shape::Held(hold)) => {
                        census.pending += 1;
                        ("PENDING".to_owned(), hold.to_string())
                    }
                    _ => {
                        census.told += u64::from(!entry.dirty);
                        continue;
                    }
                }
            };
            if census.problems.len() < most_problems {
                let vrf = (self.scope.tables.get(usize::from(key.place)))
                    .map(|table| table.vrf)
                    .unwrap_or_default();
                census.problems.push(Problem {
                    vrf,
                    prefix: key.prefix,
                    reason,
                    message,
                });
            }
        }
        census.problems.sort();
        census
    }
}
