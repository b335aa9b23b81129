//! Whose things are, and in which of their owners' generations that was last said.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use crate::model::belonging::Belonging;
use crate::model::name::InterfaceName;
use crate::rib::OwnerId;

/// Whose a thing is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Claim {
    owner: OwnerId,
    generation: u32,
}

/// The things that go with owners of routes. What is not here is nobody's, or not there.
#[derive(Debug, Default)]
pub(in crate::core) struct Belongings {
    claims: BTreeMap<Belonging, Claim>,
    /// How many claims an owner has of each generation.
    counts: BTreeMap<(OwnerId, u32), u64>,
    /// Those whose owner is gone or did not repeat them, which are to be taken away.
    left: BTreeSet<Belonging>,
}

impl Belongings {
    /// Whose a thing is.
    pub(in crate::core) fn owner(&self, thing: &Belonging) -> Option<OwnerId> {
        self.claims.get(thing).map(|claim| claim.owner)
    }

    /// Whether a thing is an owner's, or was until its owner left it.
    pub(super) fn is_owned(&self, thing: &Belonging) -> bool {
        self.claims.contains_key(thing) || self.left.contains(thing)
    }

    /// A thing is this owner's, who said so in this generation. Answers whether it was somebody else's or nobody's before.
    pub(super) fn claim(&mut self, thing: Belonging, owner: OwnerId, generation: u32) -> bool {
        self.left.remove(&thing);
        let claim = Claim { owner, generation };
        let before = self.claims.insert(thing, claim);
        before.inspect(|before| self.discount(before));
        *self.counts.entry((owner, generation)).or_default() += 1;
        before.is_none_or(|before| before.owner != owner)
    }

    /// A thing is nobody's any more. Answers whether it was somebody's, or left.
    pub(super) fn drop(&mut self, thing: &Belonging) -> bool {
        let claim = self.claims.remove(thing);
        claim.inspect(|claim| self.discount(claim));
        self.left.remove(thing) || claim.is_some()
    }

    /// The neighbours of an interface that are somebody's, or were.
    pub(super) fn neighbours_of(&self, interface: InterfaceName) -> Vec<Belonging> {
        let is =
            |thing: &&Belonging| matches!(thing, Belonging::Neighbour(on, _) if *on == interface);
        let first = Belonging::Neighbour(interface, Ipv4Addr::UNSPECIFIED.into());
        let claims = self.claims.range(first..).map(|(thing, _)| thing);
        let left = self.left.range(first..);
        claims
            .take_while(is)
            .chain(left.take_while(is))
            .copied()
            .collect()
    }

    /// What an owner last said before a generation is to be taken away.
    pub(in crate::core) fn leave(&mut self, owner: OwnerId, before: u32) {
        if self.count(owner, before) == 0 {
            return;
        }
        let goes =
            |_: &Belonging, claim: &mut Claim| claim.owner == owner && claim.generation < before;
        let gone: Vec<_> = self.claims.extract_if(.., goes).collect();
        for (thing, claim) in gone {
            self.discount(&claim);
            self.left.insert(thing);
        }
    }

    /// Some of what is to be taken away, at most so many.
    pub(super) fn left(&self, most: usize) -> Vec<Belonging> {
        self.left.iter().take(most).copied().collect()
    }

    /// Whether anything is to be taken away.
    pub(in crate::core) fn has_left(&self) -> bool {
        !self.left.is_empty()
    }

    /// How many things an owner last said before a generation.
    pub(in crate::core) fn count(&self, owner: OwnerId, before: u32) -> u64 {
        self.counts
            .range((owner, 0)..(owner, before))
            .map(|(_, count)| count)
            .sum()
    }

    /// Those that are somebody's after this one, and whose.
    pub(in crate::core) fn after(
        &self,
        after: Option<Belonging>,
    ) -> impl Iterator<Item = (Belonging, OwnerId)> {
        use std::ops::Bound;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let range = self.claims.range((from, Bound::Unbounded));
        range.map(|(thing, claim)| (*thing, claim.owner))
    }

    fn discount(&mut self, claim: &Claim) {
        let key = (claim.owner, claim.generation);
        if let Some(count) = self.counts.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&key);
            }
        }
    }
}
