//! Forwarding decisions, from the FIB's value to the bytes of the new header.
//!
//! ```text
//! FIB value ─ NextHop ─┬─ Adjacency ─────────┬──── header bytes, port, MTU
//!                      ├─ Group ─ bucket[hash] ─┐
//!                      ├─ Tunnel ─────────────┴─ outer header bytes, underlay: Adjacency or Group
//!                      ├─ Vrf ─ lookup there
//!                      └─ Local, Endpoint, Glean, Broadcast, Blackhole, Unreachable, Prohibit
//! ```
//!
//! A neighbour's new Ethernet address changes one [`Adjacency`], a dead member one [`Group`],
//! however many prefixes lead there.

use std::collections::HashMap;
use std::sync::Arc;

use crate::ids::{AdjacencyId, EndpointId, GroupId, InterfaceId, PortId, TunnelId, VrfId};

/// What to do with a packet that a route matched.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum NextHop {
    /// Nothing is here: the route and this table are of different ages.
    #[default]
    Vacant,
    /// Send it to a neighbour.
    Adjacency(AdjacencyId),
    /// Send it to one of several, chosen by flow.
    Group(GroupId),
    /// Encapsulate it, and send it where the tunnel's underlay leads.
    Tunnel(TunnelId),
    /// It is for an address of the router, on this interface.
    Local(InterfaceId),
    /// It is for an address of the router at which tunnels end.
    Endpoint(EndpointId),
    /// It is for a host on this interface's link which has no adjacency yet.
    Glean(InterfaceId),
    /// It is for the broadcast address of this interface's link.
    Broadcast(InterfaceId),
    /// Look it up again in this VRF.
    Vrf(VrfId),
    /// Drop it in silence.
    Blackhole,
    /// Drop it, and say unreachable.
    Unreachable,
    /// Drop it, and say prohibited.
    Prohibit,
}

/// A member of a group: where one path leads.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Hop {
    /// To a neighbour.
    Adjacency(AdjacencyId),
    /// Into a tunnel.
    Tunnel(TunnelId),
}

impl From<Hop> for NextHop {
    fn from(hop: Hop) -> Self {
        match hop {
            Hop::Adjacency(id) => Self::Adjacency(id),
            Hop::Tunnel(id) => Self::Tunnel(id),
        }
    }
}

/// Most buckets of a group: the places of members are numbers of 16 bits.
const MAX_BUCKETS: usize = 1 << 16;

/// A load-balancing group: the member of each bucket. The number of buckets is a power of two.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Group {
    /// Each once; none when no member is usable.
    members: Arc<[Hop]>,
    /// The place of each bucket's member among them.
    buckets: Arc<[u16]>,
}

impl Group {
    /// The group of these buckets, a power of two of them, at most 65,536: further ones are left out.
    #[must_use]
    pub fn new(buckets: &[Hop]) -> Self {
        let (mut members, mut places) = (Vec::new(), HashMap::new());
        let place_of = |hop: &Hop| {
            *places.entry(*hop).or_insert_with(|| {
                members.push(*hop);
                // There are no more members than buckets.
                (members.len() - 1) as u16
            })
        };
        let buckets = buckets.iter().take(MAX_BUCKETS).map(place_of).collect();
        Self {
            members: members.into(),
            buckets,
        }
    }

    /// The members, each once.
    #[inline(always)]
    #[must_use]
    pub fn members(&self) -> &[Hop] {
        &self.members
    }

    /// The place among the members of the one for a flow, by its hash; `None` when there is none.
    #[inline(always)]
    #[must_use]
    pub fn place(&self, hash: u32) -> Option<usize> {
        let mask = self.buckets.len().wrapping_sub(1);
        let place = self.buckets.get(hash as usize & mask)?;
        Some(usize::from(*place))
    }

    /// The member for a flow, by its hash; `None` when there is none.
    #[inline(always)]
    #[must_use]
    pub fn pick(&self, hash: u32) -> Option<Hop> {
        self.members.get(self.place(hash)?).copied()
    }
}

/// Longest link header: two addresses, one VLAN tag, the type.
pub const LINK_HEADER_MAX: usize = 18;

/// A rewrite towards one neighbour, in one cache line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C, align(64))]
pub struct Adjacency {
    /// The link header, complete but for its last two bytes: the type follows the packet.
    pub header: [u8; LINK_HEADER_MAX],
    /// How many bytes of `header` count: 14, or 18 with a VLAN tag.
    pub header_len: u8,
    /// What it can be used for.
    pub state: AdjacencyState,
    /// The port that sends.
    pub port: PortId,
    /// The largest IP packet that the interface sends, in bytes.
    pub mtu_bytes: u16,
    /// The interface that sends.
    pub interface: InterfaceId,
}

/// What an adjacency can be used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum AdjacencyState {
    /// No such adjacency.
    #[default]
    Vacant,
    /// The neighbour's address is not known yet.
    Unresolved,
    /// Ready.
    Resolved,
    /// The interface is administratively down.
    Down,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adjacency_is_one_cache_line_and_a_next_hop_a_word() {
        assert_eq!(size_of::<Adjacency>(), 64);
        assert_eq!(size_of::<NextHop>(), 8);
    }

    #[test]
    fn a_group_without_members_picks_none() {
        assert_eq!(Group::default().pick(7), None);
        let one = Group::new(&[Hop::Tunnel(TunnelId::new(5))]);
        assert_eq!(one.pick(u32::MAX), Some(Hop::Tunnel(TunnelId::new(5))));
    }

    #[test]
    fn each_bucket_picks_its_member_and_each_member_has_one_place() {
        let hop = |id| Hop::Adjacency(AdjacencyId::new(id));
        let buckets: Vec<_> = (0..64).map(|bucket| hop(bucket * bucket % 50)).collect();
        let group = Group::new(&buckets);
        let mut members = group.members().to_vec();
        members.sort_unstable();
        assert!(members.is_sorted_by(|a, b| a < b), "{members:?}");
        for (hash, hop) in (0..256).zip(buckets.iter().cycle()) {
            assert_eq!(group.pick(hash), Some(*hop));
            assert_eq!(
                group.place(hash).map(|place| group.members()[place]),
                Some(*hop)
            );
        }
    }
}
