//! The sets of the router: interned, counted, resolved.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ferroute_dataplane::ids::{InterfaceId, VrfId};
use ipnet::IpNet;
use smallvec::SmallVec;

use super::gateways::Gateways;
use super::groups::GroupKey;
use super::links::Links;
use super::resolve::{Lookup, Memo, Node, evaluate};
use super::resolved::{Action, Gateway, Path, Resolved, Unresolved, Way};
use super::set::NextHopSet;
use super::slots::Slots;
use super::tunnels::Tunnels;
use super::users::Users;

/// A next hop set, or a group that refers to one: what routes lead to.
///
/// A dense number, which is used again some time after [`NextHops::collect`] gave it out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(transparent)]
pub struct NextHopSetId(u32);

impl NextHopSetId {
    /// The number as an index into a table.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The set of this index, which is below [`MAX_SETS`].
    pub(crate) fn at(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }
}

impl fmt::Display for NextHopSetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Most sets and groups that can exist at a time.
pub const MAX_SETS: usize = 1 << 24;

/// A gateway that some set has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct GatewayId(pub(super) usize);

/// The table of sets is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("there are already {limit} next hop sets")]
pub struct SetsFull {
    /// How many there may be.
    pub limit: usize,
}

/// One set.
#[derive(Debug)]
pub(super) struct SetEntry {
    pub(super) declared: Arc<NextHopSet>,
    /// The gateways of the members that have one to be looked up, in the members' order.
    pub(super) gateways: SmallVec<[GatewayId; 1]>,
    /// The name under which an owner replaces it; `None` if it is interned.
    pub(super) group: Option<GroupKey>,
    /// The owner's generation that last declared the group.
    pub(super) generation: u32,
    /// The routes that lead here.
    pub(super) routes: Users,
    /// What else than routes leads here: tunnels, labels.
    pub(super) holds: u32,
    /// Whether it stands in the list of those that may have to go.
    pub(super) idle: bool,
    pub(super) memo: Memo,
    /// The value that the RIB and the compiler work with: the one at the last settlement.
    pub(super) settled: Resolved,
    /// Gateways whose value rests on this set.
    pub(super) dependents: BTreeSet<GatewayId>,
}

/// A set as others see it.
#[derive(Clone, Copy, Debug)]
pub struct SetView<'a> {
    /// Its number.
    pub id: NextHopSetId,
    /// What was declared.
    pub declared: &'a NextHopSet,
    /// Its name, if it is a group.
    pub group: Option<GroupKey>,
    /// The generation of the owner that last declared the group.
    pub generation: u32,
    /// How many routes lead here, used or not.
    pub routes: u32,
    /// What it came to at the last settlement.
    pub resolved: &'a Resolved,
}

/// What a settlement brought.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Settled {
    /// Sets that came to something else than before.
    pub changed: Vec<NextHopSetId>,
    /// Whether one of them became usable or unusable, so that routes must be elected again
    /// ([`Rib::recheck`](crate::rib::Rib::recheck)).
    pub flipped: bool,
    /// Whether the budget ended before the work.
    pub more: bool,
}

/// All next hop sets and groups. See the [module](super) for how it is used.
#[derive(Debug)]
pub struct NextHops {
    pub(super) sets: Slots<SetEntry>,
    interned: HashMap<Arc<NextHopSet>, NextHopSetId>,
    pub(super) groups: BTreeMap<GroupKey, NextHopSetId>,
    pub(super) gateways: Gateways,
    pub(super) links: Links,
    pub(super) tunnels: Tunnels,
    /// Sets whose value is to be computed again.
    pub(super) dirty: Vec<NextHopSetId>,
    /// Sets that became usable or unusable, until their routes are elected again.
    flips: BTreeSet<NextHopSetId>,
    /// Sets without a route.
    pub(super) idle: Vec<NextHopSetId>,
    resolve_via_default: bool,
    limit: usize,
}

impl NextHops {
    /// No sets. At most `limit` can come (and never more than [`MAX_SETS`]); gateways are
    /// resolved through default routes if `resolve_via_default` says so.
    #[must_use]
    pub fn new(limit: usize, resolve_via_default: bool) -> Self {
        Self {
            sets: Slots::new(),
            interned: HashMap::new(),
            groups: BTreeMap::new(),
            gateways: Gateways::default(),
            links: Links::default(),
            tunnels: Tunnels::new(),
            dirty: Vec::new(),
            flips: BTreeSet::new(),
            idle: Vec::new(),
            resolve_via_default,
            limit: limit.min(MAX_SETS),
        }
    }

    /// The set that is declared so, made if it is new.
    ///
    /// It stays until a [`collect`](Self::collect) finds it without a route.
    pub fn intern(
        &mut self,
        set: NextHopSet,
        lookup: &impl Lookup,
    ) -> Result<NextHopSetId, SetsFull> {
        if let Some(&id) = self.interned.get(&set) {
            return Ok(id);
        }
        let declared = Arc::new(set);
        let id = self.add(Arc::clone(&declared), None, 0, lookup)?;
        self.interned.insert(declared, id);
        self.let_idle(id);
        Ok(id)
    }

    /// The set, if it exists.
    #[must_use]
    pub fn get(&self, id: NextHopSetId) -> Option<SetView<'_>> {
        self.sets.get(id.index()).map(|entry| view(id, entry))
    }

    /// All sets and groups, by number.
    pub fn iter(&self) -> impl Iterator<Item = SetView<'_>> {
        self.sets
            .iter()
            .map(|(index, entry)| view(NextHopSetId::at(index), entry))
    }

    /// The first number that no set ever had.
    #[must_use]
    pub fn numbers(&self) -> usize {
        self.sets.end()
    }

    /// What the set came to at the last settlement; `None` if it does not exist.
    #[must_use]
    pub fn resolved(&self, id: NextHopSetId) -> Option<&Resolved> {
        self.sets.get(id.index()).map(|entry| &entry.settled)
    }

    /// Whether routes with this set may go to the FIB, as of the last settlement.
    #[must_use]
    pub fn is_usable(&self, id: NextHopSetId) -> bool {
        self.resolved(id).is_some_and(Resolved::is_usable)
    }

    /// Says whether an interface can send. Sets that lead to it change with the next settlement.
    pub fn set_interface(&mut self, interface: InterfaceId, up: bool) {
        if self.links.set_up(interface, up) {
            let sets = self.links.sets(interface).map(Node::Set).collect();
            self.invalidate(sets);
        }
    }

    /// Says that a route of this prefix came, went, or got another set or preference. The RIB does
    /// so for every route; it is cheap where no gateway lies in the prefix.
    pub fn note_changed(&mut self, vrf: VrfId, prefix: IpNet) {
        let affected = self.gateways.affected_by(vrf, prefix);
        if !affected.is_empty() {
            self.invalidate(affected);
        }
    }

    /// Computes again what may have changed, at most `budget` sets.
    pub fn settle(&mut self, lookup: &impl Lookup, budget: usize) -> Settled {
        let mut settled = Settled::default();
        for _ in 0..budget {
            let Some(id) = self.dirty.pop() else { break };
            if !self.sets.contains(id.index()) {
                continue;
            }
            evaluate(self, Node::Set(id), lookup);
            let entry = &mut self.sets[id.index()];
            if let Memo::Known(value) = &entry.memo
                && value.resolved != entry.settled
            {
                if value.resolved.is_usable() != entry.settled.is_usable() {
                    settled.flipped = true;
                    self.flips.insert(id);
                }
                entry.settled = value.resolved.clone();
                settled.changed.push(id);
            }
        }
        settled.more = !self.dirty.is_empty();
        settled
    }

    /// Forgets the sets that no route leads to, and says which: what was made for them can go. Their
    /// numbers rest until [`NextHops::reuse`] says that nobody can take them for what they were.
    pub fn collect(&mut self) -> Vec<NextHopSetId> {
        let mut gone = Vec::new();
        for id in std::mem::take(&mut self.idle) {
            let Some(entry) = self.sets.get_mut(id.index()) else {
                continue;
            };
            entry.idle = false;
            let named = entry
                .group
                .is_some_and(|key| self.groups.get(&key) == Some(&id));
            if entry.routes.count() == 0
                && entry.holds == 0
                && !named
                && let Some(entry) = self.sets.remove(id.index())
            {
                self.undeclare(id, &entry.declared, &entry.gateways);
                if entry.group.is_none() {
                    self.interned.remove(&entry.declared);
                }
                gone.push(id);
            }
        }
        gone
    }

    /// Lets the number of a set that is [gone](Self::collect) be used again.
    pub fn reuse(&mut self, id: NextHopSetId) {
        self.sets.free(id.index());
    }

    /// Something else than a route leads to this set.
    pub fn hold(&mut self, id: NextHopSetId) {
        if let Some(entry) = self.sets.get_mut(id.index()) {
            entry.holds += 1;
        }
    }

    /// What was [held](Self::hold) is not needed any more.
    pub fn let_go(&mut self, id: NextHopSetId) {
        if let Some(entry) = self.sets.get_mut(id.index()) {
            entry.holds = entry.holds.saturating_sub(1);
            self.let_idle(id);
        }
    }

    /// One route more leads to this set: one of this prefix.
    pub(crate) fn retain(&mut self, id: NextHopSetId, vrf: VrfId, prefix: IpNet) {
        if let Some(entry) = self.sets.get_mut(id.index()) {
            entry.routes.add(vrf, prefix);
        }
    }

    /// One route less leads to this set: one of this prefix.
    pub(crate) fn release(&mut self, id: NextHopSetId, vrf: VrfId, prefix: IpNet) {
        if let Some(entry) = self.sets.get_mut(id.index()) {
            entry.routes.remove(vrf, prefix);
            if entry.routes.count() == 0 {
                self.let_idle(id);
            }
        }
    }

    /// Takes a set that became usable or unusable, whose routes are to be elected again.
    pub(crate) fn next_flip(&mut self) -> Option<NextHopSetId> {
        self.flips.pop_first()
    }

    /// Where the routes of a set are; `None` if they are too many to be known.
    pub(crate) fn places(&self, id: NextHopSetId) -> Option<&[(VrfId, IpNet)]> {
        match self.sets.get(id.index()) {
            Some(entry) => entry.routes.places(),
            None => Some(&[]),
        }
    }

    /// Whether gateways are resolved through default routes.
    #[must_use]
    pub fn resolves_via_default(&self) -> bool {
        self.resolve_via_default
    }

    /// What a hop out of this interface comes to.
    pub(super) fn on_link(&self, interface: InterfaceId, neighbour: Option<IpAddr>) -> Resolved {
        if self.links.is_up(interface) {
            Resolved::Paths(Arc::new([Path {
                way: Way::Neighbour {
                    interface,
                    neighbour,
                },
                weight: 1,
            }]))
        } else {
            Resolved::Unresolved(Unresolved::InterfaceDown(interface))
        }
    }

    pub(super) fn gateway(&self, id: GatewayId) -> Gateway {
        self.gateways.get(id).gateway
    }

    /// Adds a set and resolves it.
    pub(super) fn add(
        &mut self,
        declared: Arc<NextHopSet>,
        group: Option<GroupKey>,
        generation: u32,
        lookup: &impl Lookup,
    ) -> Result<NextHopSetId, SetsFull> {
        // As many numbers may rest as may be in use, so that they stay small though a worker hangs for ever.
        if self.sets.len() >= self.limit || self.sets.taken() >= self.limit.saturating_mul(2) {
            return Err(SetsFull { limit: self.limit });
        }
        let entry = SetEntry {
            declared: Arc::new(NextHopSet::Unreachable),
            gateways: SmallVec::new(),
            group,
            generation,
            routes: Users::default(),
            holds: 0,
            idle: false,
            memo: Memo::Unknown,
            // Until it is evaluated, below.
            settled: Resolved::Action(Action::Unreachable),
            dependents: BTreeSet::new(),
        };
        let id = NextHopSetId::at(self.sets.insert(entry));
        self.declare(id, declared);
        evaluate(self, Node::Set(id), lookup);
        let entry = &mut self.sets[id.index()];
        if let Memo::Known(value) = &entry.memo {
            entry.settled = value.resolved.clone();
        }
        Ok(id)
    }
}

fn view(id: NextHopSetId, entry: &SetEntry) -> SetView<'_> {
    SetView {
        id,
        declared: &entry.declared,
        group: entry.group,
        generation: entry.generation,
        routes: entry.routes.count(),
        resolved: &entry.settled,
    }
}
