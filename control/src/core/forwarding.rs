//! From resolved next hop sets to what workers read: next hops, groups, adjacencies.
//!
//! A set's number, plus one, is its [`NextHopId`] and, where it has several paths, its
//! [`GroupId`]: FIB entries name sets, and everything behind a set changes without touching an
//! entry.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use ferroute_dataplane::ids::{AdjacencyId, GroupId, InterfaceId, NextHopId};
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::snapshot::nexthop::{Group, Hop, NextHop};

use super::adjacency::Adjacencies;
use super::plane::Plane;
use crate::neighbour::NeighbourKey;
use crate::nexthop::{Action, Buckets, NextHopSetId, Path, Resolved};

/// A neighbour began or ceased to be needed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wish {
    /// This adjacency leads to it.
    Lead(AdjacencyId, NeighbourKey),
    /// This adjacency leads to nobody any more.
    Part(AdjacencyId),
    /// It is a gateway: resolve it, and keep it resolved.
    Want(NeighbourKey),
    /// It is no gateway any more.
    Unwant(NeighbourKey),
}

/// A member of a set: a neighbour, by its adjacency.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Member {
    /// The neighbour.
    pub key: NeighbourKey,
    /// The rewrite to it.
    pub adjacency: AdjacencyId,
    /// Its share.
    pub weight: u32,
}

/// How many of the sets that share a neighbour are candidates for the buckets of a new one.
const ALIKE_LOOKED_AT: usize = 8;

#[derive(Debug, Default)]
struct Compiled {
    next_hop: NextHop,
    members: Vec<Member>,
    buckets: Option<Buckets<Hop>>,
}

/// The compiled sets.
#[derive(Debug, Default)]
pub struct Forwarding {
    /// The adjacencies that sets lead to.
    pub adjacencies: Adjacencies,
    sets: HashMap<NextHopSetId, Compiled>,
    users: HashMap<AdjacencyId, BTreeSet<NextHopSetId>>,
    /// Sets of neighbours' own host routes, which exist because the neighbour is known.
    hosts: BTreeSet<NextHopSetId>,
    wishes: Vec<Wish>,
}

/// What FIB entries say for a set.
#[must_use]
pub fn next_hop_id(set: NextHopSetId) -> NextHopId {
    NextHopId::new(u32::try_from(set.index() + 1).unwrap_or(u32::MAX))
}

fn group_id(set: NextHopSetId) -> GroupId {
    GroupId::new(next_hop_id(set).get())
}

impl Forwarding {
    /// Whether the set is compiled.
    #[must_use]
    pub fn has(&self, set: NextHopSetId) -> bool {
        self.sets.contains_key(&set)
    }

    /// Notes that a neighbour's own host route uses the set. Unless it is compiled already, for somebody else, it does
    /// not keep the neighbour resolved: or whoever was heard of once would be probed for ever.
    pub fn note_host(&mut self, set: NextHopSetId) {
        if !self.has(set) {
            self.hosts.insert(set);
        }
    }

    /// Whether some set uses the adjacency's neighbour as a gateway.
    fn is_gateway(&self, adjacency: AdjacencyId) -> bool {
        let users = self.users.get(&adjacency);
        users.is_some_and(|users| users.iter().any(|set| !self.hosts.contains(set)))
    }

    /// Makes the set's next hop what it resolved to.
    pub fn compile(&mut self, set: NextHopSetId, resolved: &Resolved, plane: &mut Plane) {
        let mut compiled = self.sets.remove(&set).unwrap_or_default();
        let paths: &[Path] = match resolved {
            Resolved::Paths(paths) => paths,
            _ => &[],
        };
        let old = std::mem::take(&mut compiled.members);
        for path in paths {
            // A member without a neighbour (a bare interface) has no adjacency of its own: it counts
            // only where it is alone.
            let Some(address) = path.neighbour else {
                continue;
            };
            let key = NeighbourKey::new(path.interface, address);
            let (adjacency, first) = self.adjacencies.acquire(key, plane);
            if first {
                self.wishes.push(Wish::Lead(adjacency, key));
            }
            let before = self.is_gateway(adjacency);
            self.users.entry(adjacency).or_default().insert(set);
            if !before && self.is_gateway(adjacency) {
                self.wishes.push(Wish::Want(key));
            }
            compiled.members.push(Member {
                key,
                adjacency,
                weight: path.weight,
            });
        }
        for member in old {
            self.let_go(set, member, &compiled.members, plane);
        }
        compiled.next_hop = match (resolved, &compiled.members[..], paths) {
            (Resolved::Unresolved(_), ..) => NextHop::Unreachable,
            (Resolved::Action(action), ..) => action_of(*action),
            (_, [], [only, ..]) => NextHop::Glean(only.interface),
            (_, [only], _) => NextHop::Adjacency(only.adjacency),
            (_, [_, _, ..], _) => NextHop::Group(group_id(set)),
            (_, [], []) => NextHop::Unreachable,
        };
        self.write(set, &mut compiled, plane);
        self.sets.insert(set, compiled);
    }

    /// Forgets a set that no FIB entry names any more.
    pub fn forget(&mut self, set: NextHopSetId, plane: &mut Plane) {
        let Some(compiled) = self.sets.remove(&set) else {
            return;
        };
        for member in compiled.members {
            self.let_go(set, member, &[], plane);
        }
        self.hosts.remove(&set);
        let index = next_hop_id(set).index();
        plane.edit().next_hops.set(index, NextHop::Vacant);
        if compiled.buckets.is_some() {
            plane.edit().groups.set(index, Group::default());
        }
    }

    /// The buckets of the set that has most members in common with a new one, if that is at least half of each.
    ///
    /// A route whose next hops change leads to another set: its flows stay where they are if that one begins with
    /// the buckets of the one before. Which one that was need not be known, because any group may begin with any
    /// buckets; only the first few sets of each neighbour are looked at, so that the cost is bounded.
    fn buckets_alike(&self, new: NextHopSetId, members: &[Member]) -> Option<Buckets<Hop>> {
        let candidates = members
            .iter()
            .filter_map(|member| self.users.get(&member.adjacency))
            .flat_map(|users| users.iter().rev().take(ALIKE_LOOKED_AT));
        let common = |set: &NextHopSetId| {
            let theirs = &self.sets.get(set).filter(|_| *set != new)?.members;
            let common = members
                .iter()
                .filter(|ours| theirs.iter().any(|t| t.adjacency == ours.adjacency))
                .count();
            (2 * common >= members.len().max(theirs.len())).then_some(common)
        };
        let (_, alike) = candidates
            .filter_map(|set| Some((common(set)?, set)))
            .filter(|(_, set)| self.sets.get(set).is_some_and(|c| c.buckets.is_some()))
            .max()?;
        self.sets.get(alike)?.buckets.clone()
    }

    fn let_go(&mut self, set: NextHopSetId, member: Member, kept: &[Member], plane: &mut Plane) {
        let before = self.is_gateway(member.adjacency);
        if !kept.iter().any(|k| k.adjacency == member.adjacency)
            && let Some(users) = self.users.get_mut(&member.adjacency)
        {
            users.remove(&set);
            if users.is_empty() {
                self.users.remove(&member.adjacency);
            }
        }
        if before && !self.is_gateway(member.adjacency) {
            self.wishes.push(Wish::Unwant(member.key));
        }
        if self.adjacencies.release(member.key, plane) {
            self.wishes.push(Wish::Part(member.adjacency));
        }
    }

    /// Writes the set's next hop, and its group's buckets over the members that can be used: those
    /// whose neighbour is known, or all where none is, so that traffic resolves them.
    fn write(&mut self, set: NextHopSetId, compiled: &mut Compiled, plane: &mut Plane) {
        let index = next_hop_id(set).index();
        if matches!(compiled.next_hop, NextHop::Group(_)) {
            let weights = |m: &Member| (Hop::Adjacency(m.adjacency), m.weight);
            let known = |m: &&Member| self.adjacencies.mac(&m.key).is_some();
            let mut usable: Vec<_> = compiled.members.iter().filter(known).map(weights).collect();
            if usable.is_empty() {
                usable = compiled.members.iter().map(weights).collect();
            }
            let before = compiled.buckets.take();
            let before = before.or_else(|| self.buckets_alike(set, &compiled.members));
            let buckets =
                before.map_or_else(|| Buckets::new(&usable), |before| before.next(&usable));
            let group = Group {
                buckets: buckets
                    .as_ref()
                    .map_or_else(Arc::default, |b| Arc::from(b.slots())),
            };
            if plane
                .draft()
                .group(group_id(set))
                .is_none_or(|old| old.buckets != group.buckets)
            {
                plane.edit().groups.set(index, group);
            }
            compiled.buckets = buckets;
        } else if compiled.buckets.take().is_some() {
            plane.edit().groups.set(index, Group::default());
        }
        if plane.draft().next_hop(next_hop_id(set)) != compiled.next_hop {
            plane.edit().next_hops.set(index, compiled.next_hop);
        }
    }

    /// Notes a neighbour's Ethernet address, or its loss; groups with it move what they must.
    /// True when something changed.
    pub fn set_mac(&mut self, key: NeighbourKey, mac: Option<Mac>, plane: &mut Plane) -> bool {
        let before = self.adjacencies.mac(&key);
        if !self.adjacencies.set_mac(key, mac, plane) {
            return false;
        }
        if before.is_some() != mac.is_some()
            && let Some(id) = self.adjacencies.id(&key)
        {
            for set in self.users.get(&id).cloned().unwrap_or_default() {
                if let Some(mut compiled) = self.sets.remove(&set) {
                    self.write(set, &mut compiled, plane);
                    self.sets.insert(set, compiled);
                }
            }
        }
        true
    }

    /// Writes what depends on an interface's address, tag, size or state anew.
    pub fn refresh_interface(&mut self, interface: InterfaceId, plane: &mut Plane) {
        self.adjacencies.refresh(interface, plane);
    }

    /// The wishes since the last call, in order.
    pub fn take_wishes(&mut self) -> Vec<Wish> {
        std::mem::take(&mut self.wishes)
    }

    /// The members of a set.
    #[must_use]
    pub fn members(&self, set: NextHopSetId) -> &[Member] {
        self.sets.get(&set).map_or(&[], |c| &c.members)
    }

    /// The group's buckets, where the set has a group.
    #[must_use]
    pub fn buckets(&self, set: NextHopSetId) -> Option<(GroupId, &[Hop])> {
        let buckets = self.sets.get(&set)?.buckets.as_ref()?;
        Some((group_id(set), buckets.slots()))
    }
}

fn action_of(action: Action) -> NextHop {
    match action {
        Action::Vrf(vrf) => NextHop::Vrf(vrf),
        Action::Local(interface) => NextHop::Local(interface),
        Action::Broadcast(interface) => NextHop::Broadcast(interface),
        Action::Blackhole => NextHop::Blackhole,
        Action::Unreachable => NextHop::Unreachable,
        Action::Prohibit => NextHop::Prohibit,
    }
}
