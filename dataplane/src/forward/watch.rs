//! What a [`Watch`] sees between the stages. Nothing here changes a packet's way.
//!
//! Paths are told from what stands in the batch between two stages, so that the stages themselves carry
//! nothing for it. A packet that is gone from its slot, and neither dropped nor punted, is in a transmit
//! buffer.

use dpdk_sys::Mbuf;

use super::Forwarder;
use super::batch::Facts;
use super::decap::Wrapping;
use super::input::VLAN_ID;
use super::{MAX_LEAKS, MAX_ROUNDS, encap};
use crate::drops::DropReason;
use crate::fdb::{FdbKey, FdbTarget};
use crate::ids::{InterfaceId, NextHopId, PortId};
use crate::punt::{PuntClass, PuntReason};
use crate::snapshot::Snapshot;
use crate::snapshot::interface::PortMap;
use crate::snapshot::nexthop::NextHop;
use crate::trace::{BridgeWay, Point, Step, Tracer, Watch};
use crate::tunnel::inner::packet_hash;
use crate::wire::Header;
use crate::wire::ethernet::{EtherType, EthernetHeader, VlanTag};

impl Forwarder {
    /// Shows packets from now on as this says; returns what was shown before.
    pub fn set_watch(&mut self, watch: Option<Box<Watch>>) -> Option<Box<Watch>> {
        let tap = watch.as_ref().and_then(|watch| watch.tap.clone());
        for tx in self.tx.iter_mut().flatten() {
            tx.set_tap(tap.clone());
        }
        std::mem::replace(&mut self.watch, watch)
    }

    /// Does what [`Forwarder::process`] does, under the eyes of the watch.
    #[cold]
    #[inline(never)]
    pub(super) fn process_watched(
        &mut self,
        snapshot: &Snapshot,
        port: PortId,
        count: usize,
        now_ticks: u64,
    ) {
        // What is found in transmit buffers afterwards is of this burst.
        self.flush();
        self.show_received(snapshot, port, count);
        self.traced(|tracer, _| tracer.next_burst());
        self.input(snapshot, port, count, now_ticks);
        self.watched_round(snapshot, now_ticks);
        self.go_round_watched(snapshot, now_ticks);
    }

    /// Sends the frame of the exception path that waits in the L2 lane through its bridge domain, under the
    /// eyes of the watch.
    #[cold]
    #[inline(never)]
    pub(super) fn inject_watched(&mut self, snapshot: &Snapshot, now_ticks: u64) {
        self.flush();
        self.traced(|tracer, _| tracer.next_burst());
        self.go_round_watched(snapshot, now_ticks);
    }

    /// Does what [`Forwarder::go_round`] does, under the eyes of the watch.
    fn go_round_watched(&mut self, snapshot: &Snapshot, now_ticks: u64) {
        for _ in 1..MAX_ROUNDS {
            if self.batch.is_done() {
                return;
            }
            self.trace_wrappings(snapshot);
            self.outbound(snapshot, now_ticks);
            self.inbound(snapshot, now_ticks);
            self.watched_round(snapshot, now_ticks);
        }
        self.trace_wrappings(snapshot);
        self.outbound(snapshot, now_ticks);
        self.too_deep();
        self.trace_sent();
    }

    fn watched_round(&mut self, snapshot: &Snapshot, now_ticks: u64) {
        self.trace_taken();
        self.trace_bridging(snapshot);
        self.bridge(snapshot, now_ticks);
        self.trace_taken();
        self.lookup(snapshot);
        self.trace_lookup(snapshot);
        self.resolve(snapshot, now_ticks);
        self.trace_sent();
    }

    /// Runs `look` if there is a tracer, which is out of the forwarder meanwhile.
    fn traced(&mut self, look: impl FnOnce(&mut Tracer, &Self)) {
        let Some(mut watch) = self.watch.take() else {
            return;
        };
        if let Some(tracer) = &mut watch.tracer {
            look(tracer, self);
        }
        self.watch = Some(watch);
    }

    fn show_received(&self, snapshot: &Snapshot, port: PortId, count: usize) {
        let tap = self.watch.as_ref().and_then(|watch| watch.tap.as_ref());
        let Some(tap) = tap.filter(|tap| tap.is_at(Point::Receive)) else {
            return;
        };
        let no_map = PortMap::default();
        let map = snapshot.port(port).unwrap_or(&no_map);
        for mbuf in self.batch.packets.iter().take(count).flatten() {
            tap.offer(Point::Receive, received_by(map, mbuf), None, mbuf);
        }
    }

    /// Begins paths, and notes by which interfaces packets were taken in since the last look.
    fn trace_taken(&mut self) {
        self.traced(|tracer, forwarder| {
            let batch = &forwarder.batch;
            for (slot, (mbuf, facts)) in batch.packets.iter().zip(&batch.facts).enumerate() {
                let Some(mbuf) = mbuf else { continue };
                let is_new = tracer.begin(slot, facts.interface, mbuf)
                    || (tracer.is_tracing(slot) && tracer.taken_by(slot) != Some(facts.interface));
                if is_new {
                    tracer.note(slot, taken(facts));
                }
            }
        });
    }

    fn trace_bridging(&mut self, snapshot: &Snapshot) {
        self.traced(|tracer, forwarder| {
            for (slot, bridge) in forwarder.batch.l2.waiting() {
                let mbuf = forwarder.batch.packets[slot].as_ref();
                let link = mbuf.and_then(|mbuf| EthernetHeader::split(mbuf.data()));
                let (Some((link, _)), true) = (link, tracer.is_tracing(slot)) else {
                    continue;
                };
                let to = link.destination();
                let way = match snapshot.fdb.find(FdbKey::new(bridge, to)) {
                    _ if to.is_multicast() => BridgeWay::Group,
                    Some(FdbTarget::Interface(member)) => BridgeWay::Member(member),
                    Some(FdbTarget::Tunnel(tunnel)) => BridgeWay::Tunnel(tunnel),
                    Some(FdbTarget::Gateway) => BridgeWay::Gateway,
                    Some(FdbTarget::Segment(_)) => BridgeWay::Segment,
                    None => BridgeWay::Unknown,
                };
                tracer.note(slot, Step::Bridged { bridge, way });
            }
        });
    }

    fn trace_lookup(&mut self, snapshot: &Snapshot) {
        self.traced(|tracer, forwarder| {
            for (slot, id) in forwarder.batch.ipv4.found().iter() {
                forwarder.trace_next_hop::<4>(snapshot, tracer, slot, id);
            }
            for (slot, id) in forwarder.batch.ipv6.found().iter() {
                forwarder.trace_next_hop::<6>(snapshot, tracer, slot, id);
            }
        });
    }

    /// Notes what a lookup found, and follows it as `resolve` is about to.
    fn trace_next_hop<const FAMILY: u8>(
        &self,
        snapshot: &Snapshot,
        tracer: &mut Tracer,
        lane_slot: u8,
        mut next_hop: NextHopId,
    ) {
        let slot = usize::from(lane_slot);
        if !tracer.is_tracing(slot) {
            return;
        }
        let mut vrf = self.batch.facts[slot].vrf;
        for _ in 0..=MAX_LEAKS {
            let leads = snapshot.next_hop(next_hop);
            tracer.note(
                slot,
                Step::Looked {
                    vrf,
                    next_hop,
                    leads,
                },
            );
            match leads {
                NextHop::Group(group) => {
                    let hash = self.hash::<FAMILY>(snapshot, slot);
                    let hop = self.member::<FAMILY>(snapshot, lane_slot, group);
                    return tracer.note(slot, Step::Picked { group, hash, hop });
                }
                NextHop::Vrf(other) => vrf = other,
                _ => return,
            }
            match self.lookup_in::<FAMILY>(snapshot, slot, vrf) {
                Some(found) => next_hop = found,
                None => return,
            }
        }
    }

    /// Notes what is about to go into tunnels and to be taken out of them.
    fn trace_wrappings(&mut self, snapshot: &Snapshot) {
        self.traced(|tracer, forwarder| {
            let batch = &forwarder.batch;
            for (slot, tunnel) in &batch.outbound {
                let slot = usize::from(*slot);
                let l3_offset = usize::from(batch.facts[slot].l3_offset);
                let packet = batch.packets[slot].as_ref().map(Mbuf::data);
                let packet = packet.and_then(|data| data.get(l3_offset..));
                let hash = packet_hash(snapshot.hasher, packet.unwrap_or_default());
                let underlay = snapshot.tunnel(*tunnel);
                let underlay = underlay.and_then(|tunnel| encap::underlay(snapshot, tunnel, hash));
                let tunnel = *tunnel;
                tracer.note(slot, Step::Encapsulated { tunnel, underlay });
            }
            for (slot, wrapping) in &batch.inbound {
                let step = match wrapping {
                    Wrapping::Endpoint(endpoint) => Step::Decapsulated {
                        endpoint: *endpoint,
                    },
                    Wrapping::Labels => Step::Labels,
                };
                tracer.note(usize::from(*slot), step);
            }
        });
    }

    /// Ends the paths of packets that are gone from their slots: they are in transmit buffers.
    fn trace_sent(&mut self) {
        self.traced(|tracer, forwarder| {
            for slot in tracer.slots() {
                if forwarder.batch.packets[slot].is_some() {
                    continue;
                }
                let buffers = forwarder.tx.iter().flatten();
                let found = buffers
                    .filter_map(|tx| tx.find(|mbuf| tracer.is_at(slot, mbuf)))
                    .next();
                if let Some((_, _, mbuf)) = found {
                    tracer.leaves_as(slot, mbuf.data());
                }
                let by = found.map(|(port, interface, _)| (port, interface));
                tracer.end(slot, Step::Sent { by });
            }
        });
    }

    /// Shows a packet that is dropped at `slot`.
    #[cold]
    #[inline(never)]
    pub(super) fn show_dropped(&mut self, slot: usize, reason: DropReason, mbuf: &Mbuf) {
        let facts = self.batch.facts[slot];
        if let Some(tap) = self.watch.as_ref().and_then(|watch| watch.tap.as_ref()) {
            tap.offer(Point::Drop, facts.interface, Some(reason.name()), mbuf);
        }
        self.traced(|tracer, _| {
            if tracer.is_tracing(slot) && !tracer.is_at(slot, mbuf) {
                return tracer.note(slot, Step::CopyDropped { reason });
            }
            ended(tracer, slot, &facts, mbuf, Step::Dropped { reason });
        });
    }

    /// Shows a packet that the exception path is about to take from `slot`.
    #[cold]
    #[inline(never)]
    pub(super) fn show_punted(
        &mut self,
        slot: usize,
        reason: PuntReason,
        class: PuntClass,
        mbuf: &Mbuf,
    ) {
        let facts = self.batch.facts[slot];
        if let Some(tap) = self.watch.as_ref().and_then(|watch| watch.tap.as_ref()) {
            tap.offer(Point::Punt, facts.interface, Some(reason.name()), mbuf);
        }
        self.traced(|tracer, _| {
            ended(tracer, slot, &facts, mbuf, Step::Punted { reason, class });
        });
    }
}

/// Ends a path; begins it before, if `input` came to the packet's end before anybody looked.
fn ended(tracer: &mut Tracer, slot: usize, facts: &Facts, mbuf: &Mbuf, end: Step) {
    if tracer.begin(slot, facts.interface, mbuf) {
        tracer.note(slot, taken(facts));
    }
    tracer.end(slot, end);
}

const fn taken(facts: &Facts) -> Step {
    Step::Taken {
        interface: facts.interface,
        vrf: facts.vrf,
    }
}

/// The interface that takes a frame of a port; the port's own where none takes it.
fn received_by(map: &PortMap, mbuf: &Mbuf) -> InterfaceId {
    let tag = || {
        let (link, rest) = EthernetHeader::split(mbuf.data())?;
        let (tag, _) = VlanTag::split(rest)?;
        (link.ethertype() == EtherType::VLAN).then(|| tag.raw_vlan())
    };
    let stripped = mbuf.vlan_stripped().map(|tci| tci & VLAN_ID);
    let vlan = stripped.or_else(tag).unwrap_or_default();
    let tagged = map
        .vlans
        .as_ref()
        .and_then(|vlans| vlans.get(usize::from(vlan)));
    let tagged = tagged
        .copied()
        .filter(|id| vlan != 0 && *id != InterfaceId::default());
    tagged.or(map.untagged).unwrap_or_default()
}
