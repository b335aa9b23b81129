//! What the router is to be told next, and what it answered.

use super::express::{Expressed, Hold};
use super::set::{SetNumber, Shape};
use super::{Aim, Key, Names, Refusal, Sent, Table};
use crate::bridge::netlink::update::{Protocol, Special};
use crate::model::prefix::Prefix;
use ferroute_proto::v1;
use prost::bytes::{Bytes, BytesMut};
use std::net::IpAddr;
use v1::refused::Item;

/// A batch, and what is needed to understand its answer.
#[derive(Debug)]
pub(in crate::bridge) struct Batch {
    /// What is sent.
    pub(in crate::bridge) message: v1::RouteBatch,
    /// What was said.
    pub(in crate::bridge) said: Said,
}

/// What was said in a batch.
#[derive(Clone, Debug, Default)]
pub(in crate::bridge) struct Said {
    /// The batch.
    pub(in crate::bridge) id: u64,
    /// Its routes, in its order.
    routes: Vec<Key>,
}

impl Said {
    /// How much was said: its routes, or one for sets alone.
    pub(in crate::bridge) fn len(&self) -> usize {
        self.routes.len().max(1)
    }
}

/// The addresses of a batch's routes, in one piece of memory. One for each costs two allocations, the second when it is encoded,
/// which were a quarter of the instructions of a route.
struct Addresses(BytesMut);

impl Addresses {
    /// The longest, in bytes.
    const LONGEST: usize = 16;

    /// Room for so many.
    fn for_routes(routes: usize) -> Self {
        Self(BytesMut::with_capacity(routes * Self::LONGEST))
    }

    /// The octets of one more, as the API has them.
    fn octets(&mut self, address: IpAddr) -> Bytes {
        match address {
            IpAddr::V4(v4) => self.0.extend_from_slice(&v4.octets()),
            IpAddr::V6(v6) => self.0.extend_from_slice(&v6.octets()),
        }
        self.0.split().freeze()
    }
}

/// What is said of a route.
enum Word {
    Lead(SetNumber),
    Special(Special),
    Withdraw,
    /// Nothing: what the router has stays.
    Keep,
}

impl Table {
    /// The next batch of at most so many routes; none if the router knows everything.
    pub(in crate::bridge) fn next_batch(&mut self, names: &Names, most: usize) -> Option<Batch> {
        let sets = self.say_sets(names);
        self.follow_changed_sets();
        let mut message = v1::RouteBatch {
            next_hop_sets: sets,
            ..v1::RouteBatch::default()
        };
        let mut said = Said::default();
        let mut addresses = Addresses::for_routes(self.dirty.len().min(most));
        while message.routes.len() < most
            && let Some(key) = self.dirty.pop_front()
        {
            if let Some(route) = self.say_route(key, &mut addresses) {
                message.routes.push(route);
                said.routes.push(key);
            }
        }
        message.delete_next_hop_sets = self.collect_idle();
        let empty = message.next_hop_sets.is_empty()
            && message.routes.is_empty()
            && message.delete_next_hop_sets.is_empty();
        if empty {
            return None;
        }
        message.vrfs = (self.scope.tables.iter().map(|table| table.vrf.to_string())).collect();
        self.last_batch += 1;
        (message.id, said.id) = (self.last_batch, self.last_batch);
        Some(Batch { message, said })
    }

    /// Sets that changed and are used.
    fn say_sets(&mut self, names: &Names) -> Vec<v1::NextHopSet> {
        let mut sets = Vec::new();
        for number in std::mem::take(&mut self.dirty_sets) {
            let Some(set) = self.sets.get_mut(&number) else {
                continue;
            };
            set.unmark();
            if set.routes == 0 && !set.told {
                set.shape = Shape::New;
                continue;
            }
            let expressed = self.express(number, names);
            let Some(set) = self.sets.get_mut(&number) else {
                continue;
            };
            set.left_out = 0;
            let shape = match expressed {
                Expressed::Hops(next_hops, left_out) => {
                    set.told = true;
                    set.left_out = left_out;
                    let id = number.0;
                    sets.push(v1::NextHopSet { id, next_hops });
                    Shape::Hops
                }
                Expressed::Blackhole => Shape::Blackhole,
                Expressed::Held(hold) => Shape::Held(hold),
            };
            let before = std::mem::replace(&mut set.shape, shape);
            if before != set.shape && before != Shape::New {
                self.changed_sets.insert(number);
            }
        }
        sets
    }

    /// Queues the routes of sets that are now something else. It happens seldom, so they are sought, not kept.
    fn follow_changed_sets(&mut self) {
        let (changed, dead) = (
            std::mem::take(&mut self.changed_sets),
            std::mem::take(&mut self.dead_sets),
        );
        if changed.is_empty() && dead.is_empty() {
            return;
        }
        let leads_to = |sets: &rustc_hash::FxHashSet<SetNumber>, aim: Aim| matches!(aim, Aim::Set(number) if sets.contains(&number));
        let concerned: Vec<Key> = (self.routes.iter())
            .filter(|(_, entry)| {
                let mut candidates = entry.candidates.iter();
                candidates.any(|c| leads_to(&changed, c.aim) || leads_to(&dead, c.aim))
            })
            .map(|(key, _)| *key)
            .collect();
        for key in concerned {
            self.drop_candidates(key, |candidate| leads_to(&dead, candidate.aim));
            self.mark(key);
        }
    }

    /// What is to be said of a prefix, noted as said; none if nothing.
    fn say_route(&mut self, key: Key, addresses: &mut Addresses) -> Option<v1::Route> {
        let entry = self.routes.get_mut(&key)?;
        entry.dirty = false;
        let word = match entry.best().map(|best| best.aim) {
            None => Word::Withdraw,
            Some(Aim::Special(special)) => Word::Special(special),
            Some(Aim::Set(number)) => match self.sets.get(&number).map(|set| &set.shape) {
                Some(Shape::Hops) => Word::Lead(number),
                Some(Shape::Blackhole) => Word::Special(Special::Blackhole),
                // What the route had is better than nothing until the object comes, or the far router's address.
                Some(Shape::Held(Hold::UnknownObject(_) | Hold::NoRouterMac(_)) | Shape::New) => {
                    Word::Keep
                }
                // It leads where the router cannot follow: the old way would be a lie.
                Some(Shape::Held(_)) | None => Word::Withdraw,
            },
        };
        let told = entry.sent;
        let now = match word {
            Word::Keep => return None,
            Word::Lead(number) => Sent::Set(number),
            Word::Special(_) => Sent::Special,
            Word::Withdraw => Sent::Nothing,
        };
        entry.sent = now;
        self.tally.sent(told, now);
        if entry.candidates.is_empty() {
            self.routes.remove(&key);
        }
        self.refused.remove(&key);
        if now == told && !matches!(word, Word::Special(_)) {
            self.owe(key);
            return None;
        }
        if let Sent::Set(number) = told {
            self.leave_told_set(number);
        }
        if let Sent::Set(number) = now
            && let Some(set) = self.sets.get_mut(&number)
        {
            set.told_routes += 1;
        }
        let net = key.prefix.net();
        let mut route = v1::Route {
            address: addresses.octets(net.addr()),
            length: key.prefix.length().into(),
            vrf: key.place.into(),
            ..v1::Route::default()
        };
        match word {
            Word::Lead(number) => route.next_hop_set = number.0,
            Word::Special(special) => route.set_kind(match special {
                Special::Blackhole => v1::RouteKind::Blackhole,
                Special::Unreachable => v1::RouteKind::Unreachable,
                Special::Prohibit => v1::RouteKind::Prohibit,
            }),
            Word::Withdraw => route.withdraw = true,
            Word::Keep => {}
        }
        Some(route)
    }

    /// Notes that the router refused an item of a batch.
    pub(in crate::bridge) fn refuse(&mut self, said: &Said, refused: v1::Refused) {
        use v1::RefusalReason as Reason;
        let reason = Reason::try_from(refused.reason).unwrap_or_default();
        let refusal = Refusal {
            reason: reason
                .as_str_name()
                .trim_start_matches("REFUSAL_REASON_")
                .to_owned(),
            message: refused.message,
        };
        match refused.item {
            Some(Item::Route(place)) if reason != Reason::NoSuchRoute => {
                let Some(key) = said.routes.get(place as usize) else {
                    return;
                };
                let Some(entry) = self.routes.get_mut(key) else {
                    return;
                };
                // What the router has now is what it had before, if anything; the next word replaces it.
                let told = std::mem::replace(&mut entry.sent, Sent::Special);
                self.tally.sent(told, Sent::Special);
                if let Sent::Set(number) = told {
                    self.leave_told_set(number);
                }
                self.refused.insert(*key, refusal);
            }
            Some(Item::NextHopSet(id)) => {
                if let Some(set) = self.sets.get_mut(&SetNumber(id)) {
                    set.told = reason == Reason::InUse;
                    set.refused = Some(refusal);
                }
            }
            _ => {}
        }
    }

    /// Prefixes of which the source waits for a word, though no batch brings one.
    pub(in crate::bridge) fn take_owed(&mut self) -> Said {
        Said {
            routes: std::mem::take(&mut self.owed),
            ..Said::default()
        }
    }

    /// What FRR is to be told of routes of which the router has been told all: prefix, table, protocol, kind, and whether the
    /// router took it. Withdrawn ones need no word, and those that are queued again get theirs later.
    pub(in crate::bridge) fn outcomes<'a>(
        &'a self,
        said: &'a Said,
    ) -> impl Iterator<Item = (Prefix, u32, Protocol, Option<Special>, bool)> + 'a {
        said.routes.iter().filter_map(|key| {
            let entry = self.routes.get(key).filter(|entry| !entry.dirty)?;
            let best = entry.best()?;
            let table = self.scope.tables.get(usize::from(key.place))?.table;
            let special = match best.aim {
                Aim::Special(special) => Some(special),
                Aim::Set(number) => match self.sets.get(&number)?.shape {
                    // It is not decided yet.
                    Shape::Held(Hold::UnknownObject(_) | Hold::NoRouterMac(_)) | Shape::New => {
                        return None;
                    }
                    _ => None,
                },
            };
            // One that was withdrawn because the router cannot follow it is not done either.
            let done = entry.sent != Sent::Nothing && !self.refused.contains_key(key);
            Some((key.prefix, table, best.protocol, special, done))
        })
    }
}
