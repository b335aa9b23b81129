//! Second and third stage: from destination to next hop, and from next hop to adjacency.

use super::{Forwarder, MAX_LEAKS, local};
use crate::drops::DropReason;
use crate::fib;
use crate::ids::{AdjacencyId, NextHopId, VrfId};
use crate::punt::{PuntClass, PuntReason};
use crate::snapshot::Snapshot;
use crate::snapshot::nexthop::{Hop, NextHop};
use crate::wire::Header;
use crate::wire::ethernet::EtherType;
use crate::wire::ipv4::Ipv4Header;
use crate::wire::ipv6::Ipv6Header;

/// Where a looked-up packet goes.
enum Way {
    Send(AdjacencyId),
    Punt(PuntReason, PuntClass),
    Drop(DropReason),
}

impl Forwarder {
    /// Looks up the destinations of both lanes.
    pub(super) fn lookup(&mut self, snapshot: &Snapshot) {
        let lane = &mut self.batch.ipv4;
        if lane.len > 0 {
            let len = lane.len;
            fib::lookup_batch(
                &snapshot.arena,
                &lane.views[..len],
                &lane.keys[..len],
                &mut lane.next_hops[..len],
            );
        }
        let lane = &mut self.batch.ipv6;
        if lane.len > 0 {
            let len = lane.len;
            fib::lookup_batch(
                &snapshot.arena,
                &lane.views[..len],
                &lane.keys[..len],
                &mut lane.next_hops[..len],
            );
        }
    }

    /// Follows the next hops of both lanes to adjacencies, and sends.
    pub(super) fn resolve(&mut self, snapshot: &Snapshot, now_ticks: u64) {
        for place in 0..self.batch.ipv4.len {
            let slot = usize::from(self.batch.ipv4.slots[place]);
            let way = self.way::<4>(snapshot, slot, self.batch.ipv4.next_hops[place]);
            self.go::<4>(snapshot, slot, way, now_ticks);
        }
        for place in 0..self.batch.ipv6.len {
            let slot = usize::from(self.batch.ipv6.slots[place]);
            let way = self.way::<6>(snapshot, slot, self.batch.ipv6.next_hops[place]);
            self.go::<6>(snapshot, slot, way, now_ticks);
        }
        self.end_run();
    }

    #[inline]
    fn go<const FAMILY: u8>(&mut self, snapshot: &Snapshot, slot: usize, way: Way, now_ticks: u64) {
        match way {
            Way::Send(adjacency) => self.send::<FAMILY>(snapshot, slot, adjacency, now_ticks),
            Way::Punt(reason, class) => self.punt(snapshot, slot, reason, class, now_ticks),
            Way::Drop(reason) => self.drop_packet(slot, reason),
        }
    }

    #[inline]
    fn way<const FAMILY: u8>(&self, snapshot: &Snapshot, slot: usize, id: NextHopId) -> Way {
        let facts = &self.batch.facts[slot];
        let next_hop = snapshot.next_hop(id);
        if facts.group_frame && !matches!(next_hop, NextHop::Broadcast(_)) {
            return Way::Drop(DropReason::UnicastInGroupFrame);
        }
        match next_hop {
            NextHop::Adjacency(adjacency) => Way::Send(adjacency),
            NextHop::Group(group) => {
                let bucket = snapshot
                    .group(group)
                    .and_then(|g| g.pick(self.hash::<FAMILY>(snapshot, slot)));
                match bucket {
                    Some(Hop::Adjacency(adjacency)) => Way::Send(adjacency),
                    Some(Hop::Tunnel(_)) => Way::Drop(DropReason::TunnelUnderlay),
                    None => Way::Drop(DropReason::NeighbourUnreachable),
                }
            }
            NextHop::Vrf(vrf) => self.leak::<FAMILY>(snapshot, slot, vrf),
            other => self.dead_end(slot, id, other),
        }
    }

    /// Follows a route into another VRF, and on, as far as [`MAX_LEAKS`] goes.
    #[cold]
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
    fn lookup_in<const FAMILY: u8>(
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
    #[inline]
    fn hash<const FAMILY: u8>(&self, snapshot: &Snapshot, slot: usize) -> u32 {
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

    /// Next hops that are no neighbour.
    #[cold]
    fn dead_end(&self, slot: usize, id: NextHopId, next_hop: NextHop) -> Way {
        let facts = &self.batch.facts[slot];
        let transit = |reason| {
            if facts.ttl <= 1 {
                Way::Punt(PuntReason::TtlExpired, PuntClass::Exception)
            } else if facts.link_scope {
                Way::Punt(PuntReason::BeyondScope, PuntClass::Exception)
            } else {
                Way::Punt(reason, PuntClass::Exception)
            }
        };
        match next_hop {
            _ if id == NextHopId::NO_ROUTE => transit(PuntReason::NoRoute),
            NextHop::Tunnel(_) => Way::Drop(DropReason::TunnelUnderlay),
            NextHop::Local(_) | NextHop::Endpoint(_) => match &self.batch.packets[slot] {
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
            NextHop::Vacant | NextHop::Adjacency(_) | NextHop::Group(_) | NextHop::Vrf(_) => {
                Way::Drop(DropReason::NextHopMissing)
            }
        }
    }
}
