//! Sets that an owner names, so that it can replace them under all their routes at once.

use std::sync::Arc;

use crate::rib::{OwnerId, Session};

use super::depend::looked_up;
use super::resolve::{Lookup, Node};
use super::resolved::Loop;
use super::set::NextHopSet;
use super::store::{NextHopSetId, NextHops, SetsFull};

/// The name of a group: a number that its owner chose.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupKey {
    /// Whose it is.
    pub owner: OwnerId,
    /// The owner's number for it.
    pub number: u32,
}

/// Why a group was not made or replaced. What was there before stays.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PutGroupError {
    /// There is no room for another.
    #[error(transparent)]
    Full(#[from] SetsFull),
    /// It would lead back to itself.
    #[error("the next hops lead back to themselves: {0}")]
    Loop(Loop),
    /// An IPv6 route refers to the group, and a gateway is IPv4.
    #[error("IPv6 routes refer to the group and a gateway is IPv4")]
    FamilyMismatch,
}

/// Why a group was not removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RemoveGroupError {
    /// The owner has no such group.
    #[error("there is no such group")]
    Unknown,
    /// Routes refer to it.
    #[error("{routes} routes refer to the group")]
    InUse {
        /// How many.
        routes: u32,
    },
}

impl NextHops {
    /// The group of this name.
    #[must_use]
    pub fn group(&self, key: GroupKey) -> Option<NextHopSetId> {
        self.groups.get(&key).copied()
    }

    /// How many groups the owner has.
    #[must_use]
    pub fn groups_of(&self, owner: OwnerId) -> usize {
        let range = GroupKey { owner, number: 0 }..=GroupKey {
            owner,
            number: u32::MAX,
        };
        self.groups.range(range).count()
    }

    /// Makes a group or replaces what it declares. All routes that refer to it follow with the next
    /// [`settle`](Self::settle), in a time that does not depend on their number.
    ///
    /// Gives back its number and what it declared before, to be put back if need be.
    pub fn put_group(
        &mut self,
        session: Session,
        number: u32,
        set: NextHopSet,
        lookup: &impl Lookup,
    ) -> Result<(NextHopSetId, Option<Arc<NextHopSet>>), PutGroupError> {
        let key = GroupKey {
            owner: session.owner(),
            number,
        };
        let generation = session.generation();
        let Some(&id) = self.groups.get(&key) else {
            let id = self.add(Arc::new(set), Some(key), generation, lookup)?;
            self.groups.insert(key, id);
            return Ok((id, None));
        };
        let entry = &mut self.sets[id.index()];
        let before = Arc::clone(&entry.declared);
        if *before == set {
            entry.generation = generation;
            return Ok((id, Some(before)));
        }
        if entry.routes.any_ipv6() && set.has_ipv4_gateway() {
            return Err(PutGroupError::FamilyMismatch);
        }
        let old = entry.gateways.clone();
        let new: Vec<_> = looked_up(&set)
            .map(|gateway| self.gateways.acquire(gateway, id))
            .collect();
        if let Err(circle) = self.check_declaration(id, &set, &new, lookup) {
            let only_new: Vec<_> = new
                .into_iter()
                .filter(|gateway| !old.contains(gateway))
                .collect();
            self.release_gateways(id, &only_new);
            return Err(PutGroupError::Loop(circle));
        }
        self.undeclare(id, &before, &old);
        self.declare(id, Arc::new(set));
        self.sets[id.index()].generation = generation;
        self.invalidate(vec![Node::Set(id)]);
        Ok((id, Some(before)))
    }

    /// Removes a group that no route refers to.
    pub fn remove_group(&mut self, key: GroupKey) -> Result<(), RemoveGroupError> {
        let id = self.group(key).ok_or(RemoveGroupError::Unknown)?;
        match self.sets[id.index()].routes.count() {
            0 => {
                self.groups.remove(&key);
                self.let_idle(id);
                Ok(())
            }
            routes => Err(RemoveGroupError::InUse { routes }),
        }
    }

    /// Removes the owner's groups that were last declared before `generation` and have no route;
    /// says how many. To be called when the owner's routes of older generations are swept.
    pub fn sweep_groups(&mut self, owner: OwnerId, generation: u32) -> usize {
        let range = GroupKey { owner, number: 0 }..=GroupKey {
            owner,
            number: u32::MAX,
        };
        let old: Vec<_> = self
            .groups
            .range(range)
            .filter(|(_, id)| self.sets[id.index()].generation < generation)
            .map(|(key, _)| *key)
            .collect();
        old.into_iter()
            .filter(|key| self.remove_group(*key).is_ok())
            .count()
    }
}
