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

/// A load-balancing group: the member of each bucket. The number of buckets is a power of two.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Members by bucket; empty when no member is usable.
    pub buckets: Arc<[Hop]>,
}

impl Group {
    /// The member for a flow, by the upper bits' worth of its hash; `None` when there is none.
    #[inline]
    #[must_use]
    pub fn pick(&self, hash: u32) -> Option<Hop> {
        let mask = self.buckets.len().wrapping_sub(1);
        self.buckets.get(hash as usize & mask).copied()
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
        let one = Group {
            buckets: Arc::new([Hop::Tunnel(TunnelId::new(5))]),
        };
        assert_eq!(one.pick(u32::MAX), Some(Hop::Tunnel(TunnelId::new(5))));
    }
}
