//! Into tunnels: the outer header, and the way of the underlay.
//!
//! Packets for tunnels are gathered while next hops are followed and encapsulated together, so that a
//! tunnel's two cache lines are on their way when they are wanted. The underlay was resolved by the
//! control plane: no second lookup.

use arrayvec::ArrayVec;
use dpdk_sys::Mbuf;

use super::Forwarder;
use super::batch::{Facts, Flags};
use crate::counters::WorkerCounters;
use crate::drops::DropReason;
use crate::ids::{AdjacencyId, BURST, InterfaceId, NextHopId, TunnelId};
use crate::places::places;
use crate::punt::{PuntClass, PuntReason};
use crate::snapshot::Snapshot;
use crate::snapshot::nexthop::{AdjacencyState, Group, Hop, NextHop};
use crate::snapshot::tunnel::Tunnel;
use crate::tunnel::encap::{encapsulate, remix};
use crate::tunnel::inner::{Inner, packet_hash};
use crate::wire::Header;
use crate::wire::ethernet::{EtherType, EthernetHeader};
use crate::wire::ipv4::Ipv4Header;
use crate::wire::ipv6::{self, Ipv6Header};

/// The packets of a burst that wait to be encapsulated, by slot.
pub(super) type Outbound = ArrayVec<(u8, TunnelId), BURST>;

/// What keeps a packet from leaving, and the packet.
pub(super) struct Stuck {
    /// The packet, from its network header on.
    pub(super) mbuf: Mbuf,
    /// What keeps it.
    pub(super) why: Why,
}

/// What keeps a packet from leaving.
pub(super) enum Why {
    /// A dead end.
    Drop(DropReason),
    /// The neighbour has no Ethernet address yet. The packet is complete but for its link header.
    Unresolved(AdjacencyId, EtherType),
}

impl Forwarder {
    /// Encapsulates and sends all that was gathered.
    pub(super) fn outbound(&mut self, snapshot: &Snapshot, now_ticks: u64) {
        let waiting = std::mem::take(&mut self.batch.outbound);
        let tunnels = self.tunnels_of(snapshot, &waiting);
        let mut ahead = None;
        let mut left = u64::MAX.unbounded_shr((BURST - waiting.len()) as u32);
        while let Some(first) = places(left).next() {
            let (slot, id) = waiting[first];
            let underlay = tunnels[first].map(|tunnel| Underlay::of(snapshot, tunnel.underlay()));
            let sent = match underlay {
                Some(Underlay::Neighbour(neighbour)) => {
                    let end = first + (left >> first).trailing_ones() as usize;
                    let (waiting, tunnels) = (&waiting[first..end], &tunnels[first..end]);
                    let sent = self.enter_in_order(snapshot, waiting, tunnels, neighbour);
                    !u64::MAX.unbounded_shl(sent as u32) << first
                }
                Some(Underlay::Group(_)) => {
                    let ahead =
                        ahead.get_or_insert_with(|| self.look_ahead(snapshot, &waiting, &tunnels));
                    self.enter_by_neighbour(snapshot, &waiting, &tunnels, ahead, left)
                }
                Some(Underlay::Nobody) | None => 0,
            };
            left &= !sent;
            if sent == 0 {
                self.enter_tunnel(snapshot, usize::from(slot) % BURST, id, now_ticks);
                left &= left - 1;
            }
        }
    }

    /// Routes the IP packet at `slot` into a tunnel.
    #[inline(never)]
    fn enter_tunnel(&mut self, snapshot: &Snapshot, slot: usize, id: TunnelId, now_ticks: u64) {
        let Some(tunnel) = snapshot.tunnel(id) else {
            return self.drop_packet(slot, DropReason::NextHopMissing);
        };
        let facts = self.batch.facts[slot];
        let Some(mut mbuf) = self.batch.packets[slot].take() else {
            return;
        };
        let l3 = usize::from(facts.l3_offset);
        let packet = mbuf.data_mut().get_mut(l3..).unwrap_or_default();
        let is_ipv6 = packet.first().is_some_and(|first| first >> 4 == 6);
        if let Some((reason, class)) = obstacle(&facts, id, tunnel, is_ipv6) {
            self.batch.packets[slot] = Some(mbuf);
            return self.punt(snapshot, slot, reason, class, now_ticks);
        }
        let hash = packet_hash(snapshot.hasher, packet);
        let inner = aged(packet, is_ipv6, facts.ip_bytes.into());
        let (Some(inner), Ok(())) = (inner, mbuf.trim_front(l3)) else {
            self.batch.packets[slot] = Some(mbuf);
            return self.drop_packet(slot, DropReason::TtlExpired);
        };
        let sent = self.encapsulated(snapshot, mbuf, &inner, hash, id, tunnel);
        self.stuck(snapshot, slot, sent, now_ticks);
    }

    /// Encapsulates a packet, frame or stack that starts with its own header, and sends it by the
    /// underlay.
    pub(super) fn encapsulated(
        &mut self,
        snapshot: &Snapshot,
        mut mbuf: Mbuf,
        inner: &Inner,
        hash: u32,
        id: TunnelId,
        tunnel: &Tunnel,
    ) -> Result<(), Stuck> {
        let why = Why::Drop(DropReason::TunnelUnderlay);
        let Some(adjacency) = underlay(snapshot, tunnel, hash) else {
            return Err(Stuck { mbuf, why });
        };
        self.identification = self.identification.wrapping_add(1);
        if let Err(reason) = encapsulate(tunnel, inner, hash, self.identification, &mut mbuf) {
            let why = Why::Drop(reason);
            return Err(Stuck { mbuf, why });
        }
        let bytes = mbuf.len() as u64;
        self.leave(snapshot, mbuf, adjacency, tunnel.outer().ethertype())?;
        self.counters.tunnel(id).add(1, bytes);
        if let Some(interface) = tunnel.interface() {
            count_inner(&self.counters, interface, 1, inner.bytes as u64);
        }
        Ok(())
    }

    /// Sends a packet that starts with its network header by an adjacency, as it is.
    pub(super) fn leave(
        &mut self,
        snapshot: &Snapshot,
        mut mbuf: Mbuf,
        id: AdjacencyId,
        ethertype: EtherType,
    ) -> Result<(), Stuck> {
        let drop = |mbuf, reason| {
            let why = Why::Drop(reason);
            Err(Stuck { mbuf, why })
        };
        let Some(adjacency) = snapshot.adjacency(id) else {
            return drop(mbuf, DropReason::NextHopMissing);
        };
        match adjacency.state {
            AdjacencyState::Resolved => {}
            AdjacencyState::Vacant => return drop(mbuf, DropReason::NextHopMissing),
            AdjacencyState::Down => return drop(mbuf, DropReason::TxInterfaceDown),
            AdjacencyState::Unresolved => {
                let why = Why::Unresolved(id, ethertype);
                return Err(Stuck { mbuf, why });
            }
        }
        if mbuf.len() > usize::from(adjacency.mtu_bytes) {
            return drop(mbuf, DropReason::PacketTooBig);
        }
        let Some(Some(tx)) = self.tx.get_mut(adjacency.port.index()) else {
            return drop(mbuf, DropReason::NoTxPort);
        };
        let template = adjacency.header.get(..adjacency.header_len.into());
        let template = template.unwrap_or(&adjacency.header);
        let Ok(link) = mbuf.prepend(template.len()) else {
            return drop(mbuf, DropReason::NoHeadroom);
        };
        link.copy_from_slice(template);
        if let Some(kind) = link.last_chunk_mut() {
            *kind = ethertype.get().to_be_bytes();
        }
        let bytes = mbuf.len() as u64;
        self.counters.adjacency(id).add(1, bytes);
        tx.push_one(mbuf, adjacency.interface, bytes, &self.counters);
        Ok(())
    }

    /// Ends what could not leave: dropped, or handed to the exception path complete but for the
    /// neighbour's address.
    pub(super) fn stuck(
        &mut self,
        snapshot: &Snapshot,
        slot: usize,
        sent: Result<(), Stuck>,
        now_ticks: u64,
    ) {
        let Err(Stuck { mut mbuf, why }) = sent else {
            return;
        };
        let (adjacency, ethertype) = match why {
            Why::Unresolved(adjacency, ethertype) => (adjacency, ethertype),
            Why::Drop(reason) => {
                self.batch.packets[slot] = Some(mbuf);
                return self.drop_packet(slot, reason);
            }
        };
        let room = mbuf
            .prepend(EthernetHeader::LEN)
            .map(|link| {
                link.fill(0);
                if let Some((link, _)) = EthernetHeader::split_mut(link) {
                    link.set_ethertype(ethertype);
                }
            })
            .is_ok();
        self.batch.packets[slot] = Some(mbuf);
        if !room {
            return self.drop_packet(slot, DropReason::NoHeadroom);
        }
        self.batch.facts[slot].l3_offset = EthernetHeader::LEN as u8;
        let reason = PuntReason::Originated { adjacency };
        self.punt(snapshot, slot, reason, PuntClass::Resolve, now_ticks);
    }
}

/// Counts IP packets of so many bytes in all that were sent into a routed VNI on the VNI's interface, in the way in which what
/// comes out is counted there: with inner Ethernet headers.
#[inline(always)]
pub(super) fn count_inner(
    counters: &WorkerCounters,
    interface: InterfaceId,
    packets: u64,
    bytes: u64,
) {
    let frame_bytes = packets * EthernetHeader::LEN as u64 + bytes;
    counters.interface(interface).tx.add(packets, frame_bytes);
}

/// What a tunnel's underlay leads to.
#[derive(Clone, Copy)]
pub(super) enum Underlay<'s> {
    /// One neighbour.
    Neighbour(AdjacencyId),
    /// One of several, by the flow.
    Group(&'s Group),
    /// None.
    Nobody,
}

impl<'s> Underlay<'s> {
    /// What this next hop of an underlay leads to.
    #[inline(always)]
    pub(super) fn of(snapshot: &'s Snapshot, underlay: NextHopId) -> Self {
        match snapshot.next_hop(underlay) {
            NextHop::Adjacency(id) => Self::Neighbour(id),
            NextHop::Group(group) => snapshot.group(group).map_or(Self::Nobody, Self::Group),
            _ => Self::Nobody,
        }
    }

    /// The neighbour for a flow.
    #[inline(always)]
    pub(super) fn neighbour(self, hash: u32) -> Option<AdjacencyId> {
        match self {
            Self::Neighbour(id) => Some(id),
            Self::Group(group) => match group.pick(remix(hash))? {
                Hop::Adjacency(id) => Some(id),
                Hop::Tunnel(_) => None,
            },
            Self::Nobody => None,
        }
    }
}

/// The adjacency by which a flow reaches the remote end of a tunnel; `None` when there is none.
#[inline]
#[must_use]
pub fn underlay(snapshot: &Snapshot, tunnel: &Tunnel, hash: u32) -> Option<AdjacencyId> {
    Underlay::of(snapshot, tunnel.underlay()).neighbour(hash)
}

/// Takes one from the TTL; `None` when it ran out.
#[inline]
fn aged(packet: &mut [u8], is_ipv6: bool, bytes: usize) -> Option<Inner> {
    if is_ipv6 {
        let (ip, _) = Ipv6Header::split_mut(packet)?;
        ip.decrement_hop_limit().then(|| Inner::ipv6(ip, bytes))
    } else {
        let (ip, _) = Ipv4Header::split_mut(packet)?;
        ip.decrement_ttl().then(|| Inner::ipv4(ip, bytes))
    }
}

/// Why a packet is not for the tunnel as it is.
#[inline]
fn obstacle(
    facts: &Facts,
    id: TunnelId,
    tunnel: &Tunnel,
    is_ipv6: bool,
) -> Option<(PuntReason, PuntClass)> {
    let mtu = payload_mtu(tunnel, is_ipv6);
    let reason = if facts.flags.has(Flags::EXPIRED) {
        PuntReason::TtlExpired
    } else if facts.flags.has(Flags::LINK_SCOPE) {
        PuntReason::BeyondScope
    } else if facts.ip_bytes > mtu {
        let hop = Hop::Tunnel(id);
        PuntReason::TooBig { mtu, hop }
    } else if facts.flags.has(Flags::OPTIONS) {
        PuntReason::Ipv4Options
    } else {
        return None;
    };
    Some((reason, PuntClass::Exception))
}

/// The largest packet of a family that a tunnel takes, in bytes: no IPv6 sender may be told of less than
/// 1,280 (RFC 8200 section 5, RFC 8201 section 4).
#[inline]
#[must_use]
pub fn payload_mtu(tunnel: &Tunnel, is_ipv6: bool) -> u16 {
    let mtu = tunnel.payload_mtu_bytes();
    if is_ipv6 {
        mtu.max(ipv6::MIN_MTU as u16)
    } else {
        mtu
    }
}
