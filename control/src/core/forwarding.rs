//! From resolved next hop sets to what workers read: next hops, groups, adjacencies.
//!
//! A set's number, plus one, is its [`NextHopId`] and, where it has several paths, its
//! [`GroupId`]: FIB entries name sets, and everything behind a set changes without touching an
//! entry.

use std::collections::{BTreeSet, HashMap};

use ferroute_dataplane::ids::{AdjacencyId, GroupId, InterfaceId, NextHopId, TunnelId};
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::snapshot::nexthop::{Group, Hop, NextHop};

use super::adjacency::Adjacencies;
use super::plane::Plane;
use crate::neighbour::NeighbourKey;
use crate::nexthop::{Action, Buckets, NextHopSetId, Path, Resolved, Way};

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

/// Where a member of a set leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum To {
    /// To a neighbour.
    Neighbour {
        /// The neighbour.
        key: NeighbourKey,
        /// The rewrite to it.
        adjacency: AdjacencyId,
    },
    /// Into a tunnel.
    Tunnel(TunnelId),
}

impl To {
    /// The same, as workers see it.
    #[must_use]
    pub const fn hop(&self) -> Hop {
        match self {
            Self::Neighbour { adjacency, .. } => Hop::Adjacency(*adjacency),
            Self::Tunnel(tunnel) => Hop::Tunnel(*tunnel),
        }
    }
}

/// A member of a set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Member {
    /// Where it leads.
    pub to: To,
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
    users: HashMap<Hop, BTreeSet<NextHopSetId>>,
    /// What leads to the remote ends of tunnels, and which tunnels these are.
    underlays: HashMap<TunnelId, NextHopSetId>,
    over: HashMap<NextHopSetId, BTreeSet<TunnelId>>,
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
        let users = self.users.get(&Hop::Adjacency(adjacency));
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
            let to = match path.way {
                Way::Neighbour {
                    interface,
                    neighbour: Some(address),
                } => self.lead_to(set, NeighbourKey::new(interface, address), plane),
                // A member without a neighbour (a bare interface) has no adjacency of its own: it counts
                // only where it is alone.
                Way::Neighbour {
                    neighbour: None, ..
                } => continue,
                Way::Tunnel(tunnel) => {
                    self.users
                        .entry(Hop::Tunnel(tunnel))
                        .or_default()
                        .insert(set);
                    To::Tunnel(tunnel)
                }
            };
            compiled.members.push(Member {
                to,
                weight: path.weight,
            });
        }
        for member in old {
            self.let_go(set, member, &compiled.members, plane);
        }
        compiled.next_hop = match (resolved, &compiled.members[..], paths) {
            (Resolved::Unresolved(_), ..) => NextHop::Unreachable,
            (Resolved::Action(action), ..) => action_of(*action),
            (_, [only], _) => only.to.hop().into(),
            (_, [_, _, ..], _) => NextHop::Group(group_id(set)),
            (_, [], paths) => match paths.first().map(|path| path.way) {
                Some(Way::Neighbour { interface, .. }) => NextHop::Glean(interface),
                _ => NextHop::Unreachable,
            },
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
            .filter_map(|member| self.users.get(&member.to.hop()))
            .flat_map(|users| users.iter().rev().take(ALIKE_LOOKED_AT));
        let common = |set: &NextHopSetId| {
            let theirs = &self.sets.get(set).filter(|_| *set != new)?.members;
            let common = members
                .iter()
                .filter(|ours| theirs.iter().any(|t| t.to.hop() == ours.to.hop()))
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
        let hop = member.to.hop();
        let before = matches!(hop, Hop::Adjacency(id) if self.is_gateway(id));
        if !kept.iter().any(|k| k.to.hop() == hop)
            && let Some(users) = self.users.get_mut(&hop)
        {
            users.remove(&set);
            if users.is_empty() {
                self.users.remove(&hop);
            }
        }
        let To::Neighbour { key, adjacency } = member.to else {
            return;
        };
        if before && !self.is_gateway(adjacency) {
            self.wishes.push(Wish::Unwant(key));
        }
        if self.adjacencies.release(key, plane) {
            self.wishes.push(Wish::Part(adjacency));
        }
    }

    /// Takes a neighbour as a member of a set.
    fn lead_to(&mut self, set: NextHopSetId, key: NeighbourKey, plane: &mut Plane) -> To {
        let (adjacency, first) = self.adjacencies.acquire(key, plane);
        if first {
            self.wishes.push(Wish::Lead(adjacency, key));
        }
        let before = self.is_gateway(adjacency);
        let users = self.users.entry(Hop::Adjacency(adjacency)).or_default();
        users.insert(set);
        if !before && self.is_gateway(adjacency) {
            self.wishes.push(Wish::Want(key));
        }
        To::Neighbour { key, adjacency }
    }

    /// Notes what leads to the remote end of a tunnel.
    pub fn add_tunnel(&mut self, tunnel: TunnelId, underlay: NextHopSetId) {
        self.underlays.insert(tunnel, underlay);
        self.over.entry(underlay).or_default().insert(tunnel);
    }

    /// Forgets a tunnel that no set leads into any more.
    pub fn forget_tunnel(&mut self, tunnel: TunnelId) {
        let Some(underlay) = self.underlays.remove(&tunnel) else {
            return;
        };
        if let Some(over) = self.over.get_mut(&underlay) {
            over.remove(&tunnel);
            if over.is_empty() {
                self.over.remove(&underlay);
            }
        }
    }

    /// The tunnels whose remote ends the set leads to.
    pub fn tunnels_over(&self, underlay: NextHopSetId) -> impl Iterator<Item = TunnelId> {
        self.over.get(&underlay).into_iter().flatten().copied()
    }

    /// The largest IP packet that every member of the set sends, in bytes; `None` without one.
    #[must_use]
    pub fn mtu_bytes(&self, set: NextHopSetId, plane: &Plane) -> Option<u16> {
        let adjacency = |member: &Member| match member.to {
            To::Neighbour { adjacency, .. } => plane.draft().adjacency(adjacency),
            To::Tunnel(_) => None,
        };
        let members = self.members(set).iter().filter_map(adjacency);
        members.map(|adjacency| adjacency.mtu_bytes).min()
    }

    /// Whether a member's neighbour is known; a tunnel's, whether one towards its remote end is.
    fn is_known(&self, to: &To) -> bool {
        match to {
            To::Neighbour { key, .. } => self.adjacencies.mac(key).is_some(),
            To::Tunnel(tunnel) => self.underlays.get(tunnel).is_some_and(|underlay| {
                let members = self.members(*underlay).iter();
                members
                    .filter(|member| !matches!(member.to, To::Tunnel(_)))
                    .any(|member| self.is_known(&member.to))
            }),
        }
    }

    /// Writes the set's next hop, and its group's buckets over the members that can be used: those
    /// whose neighbour is known, or all where none is, so that traffic resolves them.
    fn write(&mut self, set: NextHopSetId, compiled: &mut Compiled, plane: &mut Plane) {
        let index = next_hop_id(set).index();
        if matches!(compiled.next_hop, NextHop::Group(_)) {
            let weights = |m: &Member| (m.to.hop(), m.weight);
            let known = |m: &&Member| self.is_known(&m.to);
            let mut usable: Vec<_> = compiled.members.iter().filter(known).map(weights).collect();
            if usable.is_empty() {
                usable = compiled.members.iter().map(weights).collect();
            }
            let before = compiled.buckets.take();
            let before = before.or_else(|| self.buckets_alike(set, &compiled.members));
            let buckets =
                before.map_or_else(|| Buckets::new(&usable), |before| before.next(&usable));
            let slots = buckets.as_ref().map(Buckets::slots);
            let group = Group::new(slots.unwrap_or_default());
            if plane.draft().group(group_id(set)) != Some(&group) {
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
            let mut sets = self.users_of(Hop::Adjacency(id));
            let tunnels: Vec<_> = sets
                .iter()
                .flat_map(|set| self.tunnels_over(*set))
                .collect();
            for tunnel in tunnels {
                sets.append(&mut self.users_of(Hop::Tunnel(tunnel)));
            }
            self.rewrite(sets, plane);
        }
        true
    }

    fn users_of(&self, hop: Hop) -> BTreeSet<NextHopSetId> {
        self.users.get(&hop).cloned().unwrap_or_default()
    }

    /// Writes the groups of these sets anew.
    fn rewrite(&mut self, sets: BTreeSet<NextHopSetId>, plane: &mut Plane) {
        for set in sets {
            if let Some(mut compiled) = self.sets.remove(&set) {
                self.write(set, &mut compiled, plane);
                self.sets.insert(set, compiled);
            }
        }
    }

    /// Lets the groups with tunnels over this underlay follow what became of it.
    pub fn follow_underlay(&mut self, underlay: NextHopSetId, plane: &mut Plane) {
        let tunnels: Vec<_> = self.tunnels_over(underlay).collect();
        let users = tunnels
            .into_iter()
            .flat_map(|tunnel| self.users_of(Hop::Tunnel(tunnel)));
        let users = users.collect();
        self.rewrite(users, plane);
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
        Action::Endpoint(endpoint) => NextHop::Endpoint(endpoint),
        Action::Broadcast(interface) => NextHop::Broadcast(interface),
        Action::Blackhole => NextHop::Blackhole,
        Action::Unreachable => NextHop::Unreachable,
        Action::Prohibit => NextHop::Prohibit,
    }
}

#[cfg(test)]
mod tests;
