//! Packets with labels: popped, swapped, or popped down to what is below (RFC 3031 section 3).

use dpdk_sys::Mbuf;

use super::Forwarder;
use super::decap::Onward;
use crate::drops::DropReason;
use crate::ids::{InterfaceId, NextHopId};
use crate::punt::{PuntClass, PuntReason};
use crate::snapshot::Snapshot;
use crate::snapshot::nexthop::{Hop, NextHop};
use crate::snapshot::tunnel::{Mode, TunnelKind};
use crate::tunnel::inner::{Inner, Swapped, packet_hash};
use crate::tunnel::leave::Marks;
use crate::tunnel::stack::{self, Reading, Way};
use crate::wire::Header;
use crate::wire::ethernet::EtherType;
use crate::wire::mpls::StackEntry;

impl Forwarder {
    /// Does what the label stack at `start` says. `own` is the interface by which a packet comes that has
    /// nothing but explicit nulls.
    pub(super) fn out_of_labels(
        &mut self,
        snapshot: &Snapshot,
        slot: usize,
        start: usize,
        own: InterfaceId,
        marks: Marks,
        now_ticks: u64,
    ) {
        let Some(mbuf) = &self.batch.packets[slot] else {
            return;
        };
        let packet = mbuf.data().get(start..).unwrap_or_default();
        let reading = match stack::read(packet, &snapshot.labels, own) {
            Ok(reading) => reading,
            Err(error) => return self.drop_packet(slot, error.into()),
        };
        if let Some(label) = reading.counted {
            let bytes = mbuf.len().saturating_sub(start) as u64;
            self.counters.label(label).add(1, bytes);
        }
        let ttl = (reading.ttl_mode == Mode::Uniform).then_some(reading.ttl);
        let marks = Marks { ttl, ..marks };
        let below = start + reading.offset;
        match reading.way {
            Way::Vrf(interface) => {
                let way = (interface, reading.payload, Onward::Lookup);
                self.bare(snapshot, slot, below, way, marks, now_ticks);
            }
            Way::Router => {
                let (reason, class) = (PuntReason::NonIp, PuntClass::Other);
                self.punt(snapshot, slot, reason, class, now_ticks);
            }
            Way::NextHop {
                next_hop,
                more,
                after_entropy,
            } => {
                let payload = packet.get(reading.offset..).unwrap_or_default();
                let hash = if more {
                    stack::hash(payload)
                } else {
                    packet_hash(snapshot.hasher, payload)
                };
                let hop = member(snapshot, next_hop, hash);
                if let Some(Hop::Tunnel(id)) = hop
                    && let Some(tunnel) = snapshot.tunnel(id)
                    && matches!(tunnel.kind(), TunnelKind::Mpls | TunnelKind::MplsUdp)
                {
                    let Some((mbuf, inner)) = self.swapped(slot, below, more, &reading) else {
                        return self.drop_packet(slot, DropReason::LabelPayload);
                    };
                    let sent = self.encapsulated(snapshot, mbuf, &inner, hash, id, tunnel);
                    return self.stuck(snapshot, slot, sent, now_ticks);
                }
                // An entropy label ends where the path of labels does.
                let (more, below) = match after_entropy {
                    Some(after) => (false, start + after),
                    None => (more, below),
                };
                if more {
                    return self.popped(snapshot, slot, below, hop, ttl, now_ticks);
                }
                let came_by = self.batch.facts[slot].interface;
                let way = (came_by, reading.payload, Onward::NextHop(next_hop));
                self.bare(snapshot, slot, below, way, marks, now_ticks);
            }
        }
    }

    /// The packet without the label that is swapped, and what the new label takes over from it; the
    /// packet stays where it is if below the label there is not what it says.
    fn swapped(
        &mut self,
        slot: usize,
        below: usize,
        more: bool,
        reading: &Reading,
    ) -> Option<(Mbuf, Inner)> {
        let mbuf = self.batch.packets[slot].as_mut()?;
        let swapped = Swapped {
            ttl: reading.ttl - 1,
            traffic_class: reading.traffic_class,
        };
        let bytes = mbuf.len().checked_sub(below)?;
        let inner = if more {
            Inner::stack(bytes, swapped)
        } else {
            Inner {
                bytes,
                swapped: Some(swapped),
                ..Inner::packet(mbuf.data().get(below..)?)?
            }
        };
        mbuf.trim_front(below).ok()?;
        Some((self.batch.packets[slot].take()?, inner))
    }

    /// Sends what is below a popped label to a neighbour, labels and all.
    fn popped(
        &mut self,
        snapshot: &Snapshot,
        slot: usize,
        below: usize,
        hop: Option<Hop>,
        ttl: Option<u8>,
        now_ticks: u64,
    ) {
        let Some(Hop::Adjacency(adjacency)) = hop else {
            return self.drop_packet(slot, DropReason::LabelPayload);
        };
        let Some(mbuf) = &mut self.batch.packets[slot] else {
            return;
        };
        if mbuf.trim_front(below).is_err() {
            return self.drop_packet(slot, DropReason::LabelStackInvalid);
        }
        if let (Some(ttl), Some((entry, _))) = (ttl, StackEntry::split_mut(mbuf.data_mut())) {
            *entry = StackEntry::new(
                entry.label(),
                entry.traffic_class(),
                entry.is_bottom(),
                entry.ttl().min(ttl.saturating_sub(1)),
            );
        }
        if let Some(mbuf) = self.batch.packets[slot].take() {
            let sent = self.leave(snapshot, mbuf, adjacency, EtherType::MPLS);
            self.stuck(snapshot, slot, sent, now_ticks);
        }
    }
}

/// Where a next hop leads a flow.
fn member(snapshot: &Snapshot, next_hop: NextHopId, hash: u32) -> Option<Hop> {
    match snapshot.next_hop(next_hop) {
        NextHop::Adjacency(id) => Some(Hop::Adjacency(id)),
        NextHop::Tunnel(id) => Some(Hop::Tunnel(id)),
        NextHop::Group(group) => snapshot.group(group)?.pick(hash),
        _ => None,
    }
}
