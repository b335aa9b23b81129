//! Routes of the source.

use super::set::Body;
use super::{Aim, Candidate, Entry, Key, Meaning, Place, Sent, Table};
use crate::bridge::netlink::update::{Hop, Hops, RouteChange, RouteUpdate, Target};
use crate::model::prefix::Family;
use smallvec::SmallVec;

impl Table {
    pub(super) fn apply_route(&mut self, update: RouteUpdate) {
        let tables = &self.scope.tables;
        let Some(place) = tables.iter().position(|table| table.table == update.table) else {
            return;
        };
        // Link-local and multicast prefixes are the router's own business.
        if update.prefix.is_reserved() {
            return;
        }
        if update.selective {
            self.selective += u64::from(update.change != RouteChange::Delete);
            return;
        }
        let wanted = tables[place].protocols.contains(&update.protocol)
            && !matches!(update.target, Target::Other);
        let key = Key {
            // The configuration holds far fewer tables.
            place: Place::try_from(place).unwrap_or(Place::MAX),
            prefix: update.prefix,
        };
        match (self.scope.meaning, update.change) {
            (Meaning::Fpm, RouteChange::Delete) => drop(self.drop_candidates(key, |_| true)),
            (Meaning::Fpm, _) if !wanted => drop(self.drop_candidates(key, |_| true)),
            (Meaning::Fpm, _) => self.put(key, update, |_| true),
            (Meaning::Kernel, RouteChange::Delete) => self.delete(key, update),
            (Meaning::Kernel, _) if !wanted => {
                // It stands where another stood.
                if update.change == RouteChange::Replace {
                    self.drop_candidates(key, |candidate| candidate.metric == update.metric);
                }
            }
            (Meaning::Kernel, change) => {
                let metric = update.metric;
                let update = match change {
                    RouteChange::Add => self.join(key, update),
                    _ => update,
                };
                self.put(key, update, |candidate| candidate.metric == metric);
            }
        }
    }

    /// Puts a route where those were that `replaced` says.
    fn put(&mut self, key: Key, update: RouteUpdate, replaced: impl Fn(&Candidate) -> bool) {
        let aim = match update.target {
            Target::Object(id) => Aim::Set(self.set_of_object(id)),
            Target::Hops(hops) => Aim::Set(self.set_of_hops(hops)),
            Target::Special(special) => Aim::Special(special),
            Target::Other => return,
        };
        let new = Candidate {
            aim,
            metric: update.metric,
            generation: self.generation,
            protocol: update.protocol,
        };
        let entry = self.routes.entry(key).or_insert_with(|| Entry {
            candidates: SmallVec::new(),
            sent: Sent::Nothing,
            dirty: false,
        });
        if let [known] = &mut entry.candidates[..]
            && replaced(known)
            && known.same_but_for_generation(&new)
        {
            // What a source says anew is nearly always what it said before.
            known.generation = new.generation;
            if !entry.dirty {
                self.owe(key);
            }
            return;
        }
        let before = entry.best().copied();
        let mut left: SmallVec<[Aim; 1]> = SmallVec::new();
        entry.candidates.retain(|candidate| {
            let goes = replaced(candidate);
            if goes {
                left.push(candidate.aim);
            }
            !goes
        });
        entry.candidates.push(new);
        let now = entry.best().copied();
        let changed = now.map(|best| best.aim) != before.map(|best| best.aim);
        let queued = entry.dirty;
        self.count_best(before, now);
        if let Aim::Set(number) = aim {
            self.use_set(number);
        }
        for aim in left {
            self.leave(aim);
        }
        if changed {
            self.mark(key);
        } else if !queued {
            self.owe(key);
        }
    }

    /// The kernel's word that a route is gone.
    fn delete(&mut self, key: Key, update: RouteUpdate) {
        let same = |candidate: &Candidate| {
            candidate.metric == update.metric && candidate.protocol == update.protocol
        };
        let rest = self
            .hops_of(key, same)
            .and_then(|hops| without(hops, &update));
        match rest {
            Some(rest) => {
                let metric = update.metric;
                let rest = RouteUpdate {
                    target: Target::Hops(rest),
                    ..update
                };
                self.put(key, rest, |candidate| candidate.metric == metric);
            }
            None => drop(self.drop_candidates(key, same)),
        }
    }

    /// The kernel's old notation of several IPv6 next hops: another one of a route that this generation has already.
    fn join(&self, key: Key, update: RouteUpdate) -> RouteUpdate {
        let generation = self.generation;
        let same = |candidate: &Candidate| {
            candidate.metric == update.metric && candidate.generation == generation
        };
        let Target::Hops(new) = &update.target else {
            return update;
        };
        let several = update.prefix.family() == Family::Ipv6
            && matches!(&new[..], [hop] if hop.gateway.is_some());
        let Some(known) = self.hops_of(key, same).filter(|_| several) else {
            return update;
        };
        if known
            .iter()
            .any(|hop| hop.gateway.is_none() || is_same(hop, &new[0]))
        {
            return update;
        }
        let hops = known.iter().chain(new).cloned().collect();
        RouteUpdate {
            target: Target::Hops(hops),
            ..update
        }
    }

    /// The next hops that a route of this prefix has of its own.
    fn hops_of(&self, key: Key, wanted: impl Fn(&Candidate) -> bool) -> Option<&Hops> {
        let entry = self.routes.get(&key)?;
        let candidate = entry
            .candidates
            .iter()
            .find(|candidate| wanted(candidate))?;
        let Aim::Set(number) = candidate.aim else {
            return None;
        };
        match &self.sets.get(&number)?.body {
            Body::Hops(hops) => Some(hops),
            _ => None,
        }
    }

    /// Removes routes of a prefix; answers how many.
    pub(super) fn drop_candidates(&mut self, key: Key, goes: impl Fn(&Candidate) -> bool) -> usize {
        let Some(entry) = self.routes.get_mut(&key) else {
            return 0;
        };
        let before = entry.best().copied();
        let mut left: SmallVec<[Aim; 1]> = SmallVec::new();
        entry.candidates.retain(|candidate| {
            let goes = goes(candidate);
            if goes {
                left.push(candidate.aim);
            }
            !goes
        });
        let now = entry.best().copied();
        let changed = now.map(|best| best.aim) != before.map(|best| best.aim);
        self.count_best(before, now);
        let count = left.len();
        for aim in left {
            self.leave(aim);
        }
        if changed {
            self.mark(key);
        }
        count
    }

    fn leave(&mut self, aim: Aim) {
        if let Aim::Set(number) = aim {
            self.leave_set(number);
        }
    }
}

fn is_same(a: &Hop, b: &Hop) -> bool {
    (a.gateway, a.interface) == (b.gateway, b.interface)
}

/// What is left of several IPv6 next hops when the kernel takes one of them away; none if the whole route goes.
fn without(hops: &Hops, update: &RouteUpdate) -> Option<Hops> {
    let Target::Hops(gone) = &update.target else {
        return None;
    };
    let [gone] = &gone[..] else {
        return None;
    };
    let one_of_several = hops.len() > 1
        && update.prefix.family() == Family::Ipv6
        && hops.iter().any(|hop| is_same(hop, gone));
    one_of_several.then(|| {
        hops.iter()
            .filter(|hop| !is_same(hop, gone))
            .cloned()
            .collect()
    })
}
