//! Second and third stage: from destination to next hop, and from next hop to adjacency.

use super::batch::Flags;
use super::decap::Wrapping;
use super::{Forwarder, MAX_LEAKS, local};
use crate::drops::DropReason;
use crate::ids::{AdjacencyId, BURST, EndpointId, GroupId, NextHopId, TunnelId, VrfId};
use crate::punt::{PuntClass, PuntReason};
use crate::snapshot::Snapshot;
use crate::snapshot::nexthop::{AdjacencyState, Hop, NextHop};
use crate::wire::Header;
use crate::wire::ethernet::EtherType;
use crate::wire::ipv4::Ipv4Header;
use crate::wire::ipv6::Ipv6Header;

/// Where a looked-up packet goes.
enum Way {
    Send(AdjacencyId),
    Encap(TunnelId),
    Decap(EndpointId),
    Punt(PuntReason, PuntClass),
    Drop(DropReason),
}

impl Forwarder {
    /// Looks up the destinations of both lanes.
    pub(super) fn lookup(&mut self, snapshot: &Snapshot) {
        if snapshot.clamps > 0 {
            self.clamp_lanes(snapshot);
        }
        self.batch.ipv4.lookup(&snapshot.arena);
        self.batch.ipv6.lookup(&snapshot.arena);
    }

    /// Follows the next hops of both lanes to adjacencies, and sends. The lanes are empty then.
    pub(super) fn resolve(&mut self, snapshot: &Snapshot, now_ticks: u64) {
        self.resolve_lane::<4>(snapshot, now_ticks);
        self.resolve_lane::<6>(snapshot, now_ticks);
    }

    /// Often all packets of a burst go to one neighbour, or take one group: then what leads there is followed once.
    #[inline(always)]
    fn resolve_lane<const FAMILY: u8>(&mut self, snapshot: &Snapshot, now_ticks: u64) {
        let found = self.batch.found_mut::<FAMILY>();
        if found.is_empty() {
            return;
        }
        if let Some(id) = found.common() {
            match snapshot.next_hop(id) {
                NextHop::Adjacency(adjacency) => {
                    let slots = found.take_slots();
                    let slots = slots.as_slice();
                    return self.send_all::<FAMILY>(snapshot, slots, adjacency, id, now_ticks);
                }
                NextHop::Group(group) => {
                    let slots = found.take_slots();
                    let slots = slots.as_slice();
                    return self.share_out::<FAMILY>(snapshot, slots, id, group, now_ticks);
                }
                _ => {}
            }
        }
        for (slot, id) in found.take().iter() {
            let hop = match snapshot.next_hop(id) {
                NextHop::Adjacency(adjacency) => Some(Hop::Adjacency(adjacency)),
                NextHop::Group(group) => self.member::<FAMILY>(snapshot, slot, group),
                NextHop::Tunnel(tunnel) => Some(Hop::Tunnel(tunnel)),
                NextHop::Endpoint(endpoint) if self.is_usual(slot) => {
                    let wrapping = Wrapping::Endpoint(endpoint);
                    self.batch.inbound.push((slot, wrapping));
                    continue;
                }
                _ => None,
            };
            let sent = match hop {
                Some(Hop::Adjacency(id)) => self.send::<FAMILY>(snapshot, &[slot], id) == 1,
                Some(Hop::Tunnel(id)) if self.is_usual(slot) => {
                    self.batch.outbound.push((slot, id));
                    true
                }
                Some(Hop::Tunnel(_)) | None => false,
            };
            if !sent {
                self.detour::<FAMILY>(snapshot, slot, id, now_ticks);
            }
        }
    }

    /// Sends the packets at `slots`, whose next hop is `id`, by an adjacency, and does with each that it cannot send what is the
    /// matter with it.
    #[inline(always)]
    pub(super) fn send_all<const FAMILY: u8>(
        &mut self,
        snapshot: &Snapshot,
        mut slots: &[u8],
        adjacency: AdjacencyId,
        id: NextHopId,
        now_ticks: u64,
    ) {
        while let [_, ..] = slots {
            let sent = self.send::<FAMILY>(snapshot, slots, adjacency);
            slots = &slots[sent..];
            if let [slot, rest @ ..] = slots {
                self.detour::<FAMILY>(snapshot, *slot, id, now_ticks);
                slots = rest;
            }
        }
    }

    /// Whether there is nothing unusual about a packet.
    #[inline(always)]
    pub(super) fn is_usual(&self, slot: u8) -> bool {
        self.batch.facts[usize::from(slot) % BURST].flags.is_empty()
    }

    /// Does with a packet what its next hop wants or, where it could not be sent, what is the matter with it.
    #[inline(never)]
    pub(super) fn detour<const FAMILY: u8>(
        &mut self,
        snapshot: &Snapshot,
        slot: u8,
        id: NextHopId,
        now_ticks: u64,
    ) {
        let way = match self.way::<FAMILY>(snapshot, slot.into(), id) {
            Way::Send(adjacency) if self.send::<FAMILY>(snapshot, &[slot], adjacency) == 1 => {
                return;
            }
            Way::Send(adjacency)
                if self.send_bridged::<FAMILY>(snapshot, slot.into(), adjacency) =>
            {
                return;
            }
            Way::Send(adjacency) => self.obstacle(snapshot, slot.into(), adjacency),
            other => other,
        };
        match way {
            Way::Send(_) => self.drop_packet(slot.into(), DropReason::NextHopMissing),
            // A slot is in one list at a time, so they never hold more than a burst.
            Way::Encap(tunnel) => self.batch.outbound.push((slot, tunnel)),
            Way::Decap(endpoint) => {
                let wrapping = Wrapping::Endpoint(endpoint);
                self.batch.inbound.push((slot, wrapping));
            }
            Way::Punt(reason, class) => self.punt(snapshot, slot.into(), reason, class, now_ticks),
            Way::Drop(reason) => self.drop_packet(slot.into(), reason),
        }
    }

    fn way<const FAMILY: u8>(&self, snapshot: &Snapshot, slot: usize, id: NextHopId) -> Way {
        let facts = &self.batch.facts[slot];
        let next_hop = snapshot.next_hop(id);
        if facts.flags.has(Flags::GROUP_FRAME) && !matches!(next_hop, NextHop::Broadcast(_)) {
            return Way::Drop(DropReason::UnicastInGroupFrame);
        }
        match next_hop {
            NextHop::Adjacency(adjacency) => Way::Send(adjacency),
            NextHop::Group(group) => match self.member::<FAMILY>(snapshot, slot as u8, group) {
                Some(Hop::Adjacency(adjacency)) => Way::Send(adjacency),
                Some(Hop::Tunnel(tunnel)) => Way::Encap(tunnel),
                None => Way::Drop(DropReason::NeighbourUnreachable),
            },
            NextHop::Tunnel(tunnel) => Way::Encap(tunnel),
            NextHop::Endpoint(endpoint) => Way::Decap(endpoint),
            NextHop::Vrf(vrf) => self.leak::<FAMILY>(snapshot, slot, vrf),
            other => self.dead_end(slot, id, other),
        }
    }

    /// The member of a group that the packet's flow takes.
    #[inline(always)]
    pub(super) fn member<const FAMILY: u8>(
        &self,
        snapshot: &Snapshot,
        slot: u8,
        group: GroupId,
    ) -> Option<Hop> {
        snapshot
            .group(group)?
            .pick(self.hash::<FAMILY>(snapshot, slot.into()))
    }

    /// Follows a route into another VRF, and on, as far as [`MAX_LEAKS`] goes.
    fn leak<const FAMILY: u8>(&self, snapshot: &Snapshot, slot: usize, mut vrf: VrfId) -> Way {
        for _ in 0..MAX_LEAKS {
            let Some(id) = self.lookup_in::<FAMILY>(snapshot, slot, vrf) else {
                return Way::Drop(DropReason::NextHopMissing);
            };
            match snapshot.next_hop(id) {
                NextHop::Vrf(next) => vrf = next,
                _ => return self.way::<FAMILY>(snapshot, slot, id),
            }
        }
        Way::Drop(DropReason::VrfLoop)
    }

    /// The next hop of the packet's destination in a VRF of its family.
    pub(super) fn lookup_in<const FAMILY: u8>(
        &self,
        snapshot: &Snapshot,
        slot: usize,
        vrf: VrfId,
    ) -> Option<NextHopId> {
        let packet = self.batch.packets[slot]
            .as_ref()?
            .data()
            .get(usize::from(self.batch.facts[slot].l3_offset)..)?;
        let tables = snapshot.vrf(vrf)?;
        Some(if FAMILY == 4 {
            tables
                .ipv4
                .lookup(Ipv4Header::split(packet)?.0.destination().to_bits())
        } else {
            tables
                .ipv6
                .lookup(Ipv6Header::split(packet)?.0.destination().to_bits())
        })
    }

    /// The flow's hash, over the headers. The card's own is not taken: cards differ in what they
    /// hash of fragments, and all fragments of a datagram must take one path.
    #[inline(always)]
    pub(super) fn hash<const FAMILY: u8>(&self, snapshot: &Snapshot, slot: usize) -> u32 {
        let Some(mbuf) = &self.batch.packets[slot] else {
            return 0;
        };
        let l3 = usize::from(self.batch.facts[slot].l3_offset);
        let packet = mbuf.data().get(l3..).unwrap_or_default();
        let kind = if FAMILY == 4 {
            EtherType::IPV4
        } else {
            EtherType::IPV6
        };
        snapshot.hasher.network(kind, packet).unwrap_or_default()
    }

    /// Why a packet could not be sent by an adjacency.
    fn obstacle(&self, snapshot: &Snapshot, slot: usize, id: AdjacencyId) -> Way {
        let Some(adjacency) = snapshot.adjacency(id) else {
            return Way::Drop(DropReason::NextHopMissing);
        };
        let facts = &self.batch.facts[slot];
        if facts.flags.has(Flags::EXPIRED) {
            return Way::Punt(PuntReason::TtlExpired, PuntClass::Exception);
        }
        if facts.flags.has(Flags::LINK_SCOPE) {
            return Way::Punt(PuntReason::BeyondScope, PuntClass::Exception);
        }
        match adjacency.state {
            AdjacencyState::Vacant => Way::Drop(DropReason::NextHopMissing),
            AdjacencyState::Down => Way::Drop(DropReason::TxInterfaceDown),
            AdjacencyState::Unresolved => {
                Way::Punt(PuntReason::Unresolved { adjacency: id }, PuntClass::Resolve)
            }
            AdjacencyState::Resolved if facts.ip_bytes > adjacency.mtu_bytes => {
                let mtu = adjacency.mtu_bytes;
                let reason = PuntReason::TooBig {
                    mtu,
                    hop: Hop::Adjacency(id),
                };
                let class = self.batch.packets[slot]
                    .as_ref()
                    .map_or(PuntClass::Exception, |mbuf| local::too_big(mbuf, facts));
                Way::Punt(reason, class)
            }
            AdjacencyState::Resolved if facts.flags.has(Flags::OPTIONS) => {
                Way::Punt(PuntReason::Ipv4Options, PuntClass::Exception)
            }
            AdjacencyState::Resolved if !self.can_send_on(adjacency.port) => {
                Way::Drop(DropReason::NoTxPort)
            }
            AdjacencyState::Resolved => Way::Drop(DropReason::NoHeadroom),
        }
    }

    /// Next hops that are no neighbour.
    fn dead_end(&self, slot: usize, id: NextHopId, next_hop: NextHop) -> Way {
        let facts = &self.batch.facts[slot];
        let transit = |reason| {
            if facts.flags.has(Flags::EXPIRED) {
                Way::Punt(PuntReason::TtlExpired, PuntClass::Exception)
            } else if facts.flags.has(Flags::LINK_SCOPE) {
                Way::Punt(PuntReason::BeyondScope, PuntClass::Exception)
            } else {
                Way::Punt(reason, PuntClass::Exception)
            }
        };
        match next_hop {
            _ if id == NextHopId::NO_ROUTE => transit(PuntReason::NoRoute),
            NextHop::Local(_) => match &self.batch.packets[slot] {
                Some(mbuf) => {
                    let (reason, class) = local::classify(mbuf, facts, PuntReason::Local);
                    Way::Punt(reason, class)
                }
                None => Way::Drop(DropReason::NextHopMissing),
            },
            NextHop::Glean(egress) => match transit(PuntReason::Glean { egress }) {
                Way::Punt(reason @ PuntReason::Glean { .. }, _) => {
                    Way::Punt(reason, PuntClass::Resolve)
                }
                other => other,
            },
            NextHop::Broadcast(interface) if interface == facts.interface => {
                match &self.batch.packets[slot] {
                    Some(mbuf) => {
                        let (reason, class) =
                            local::classify(mbuf, facts, PuntReason::LinkMulticast);
                        Way::Punt(reason, class)
                    }
                    None => Way::Drop(DropReason::NextHopMissing),
                }
            }
            NextHop::Broadcast(_) => Way::Drop(DropReason::DirectedBroadcast),
            NextHop::Blackhole => Way::Drop(DropReason::Blackhole),
            NextHop::Unreachable => transit(PuntReason::RouteUnreachable),
            NextHop::Prohibit => transit(PuntReason::RouteProhibited),
            NextHop::Vacant
            | NextHop::Adjacency(_)
            | NextHop::Group(_)
            | NextHop::Tunnel(_)
            | NextHop::Endpoint(_)
            | NextHop::Vrf(_) => Way::Drop(DropReason::NextHopMissing),
        }
    }
}
