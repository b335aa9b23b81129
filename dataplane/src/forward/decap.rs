//! Out of tunnels: what came in one is as if it had come by the interface that its VNI or label leads
//! to, and goes through the stages again.

use arrayvec::ArrayVec;
use dpdk_sys::Mbuf;

use super::batch::Facts;
use super::bridge::Origin;
use super::input::Verdict;
use super::{Forwarder, ipv4, ipv6, local};
use crate::drops::DropReason;
use crate::ids::{BURST, BridgeId, EndpointId, InterfaceId, NextHopId};
use crate::punt::PuntReason;
use crate::snapshot::Snapshot;
use crate::snapshot::endpoint::{Endpoint, VniTarget};
use crate::snapshot::interface::Interface;
use crate::snapshot::label::Payload;
use crate::snapshot::segment::Peer;
use crate::snapshot::tunnel::Mode;
use crate::tunnel::decap::{self, Carried, Taken};
use crate::tunnel::leave::{Marks, mark_frame, mark_packet};
use crate::wire::Header;
use crate::wire::ethernet::{EtherType, EthernetHeader};
use crate::wire::ipv4::Ipv4Header;
use crate::wire::ipv6::Ipv6Header;

/// The packets of a burst that wait to be taken out of what they came in, by slot.
pub(super) type Inbound = ArrayVec<(u8, Wrapping), BURST>;

/// What a packet is to be taken out of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wrapping {
    /// It is for this end of tunnels.
    Endpoint(EndpointId),
    /// It came by a port with labels, which stand where the network header would.
    Labels,
}

/// Where a packet goes once it is taken out.
#[derive(Clone, Copy)]
pub(super) enum Onward {
    /// It is looked up.
    Lookup,
    /// To this next hop.
    NextHop(NextHopId),
}

impl Forwarder {
    /// Takes all that was gathered out; what is IP then waits in the lanes.
    pub(super) fn inbound(&mut self, snapshot: &Snapshot, now_ticks: u64) {
        let mut door = None;
        for (slot, wrapping) in std::mem::take(&mut self.batch.inbound) {
            let slot = usize::from(slot) % BURST;
            match wrapping {
                Wrapping::Endpoint(id) => {
                    if self.leave_plainly(snapshot, slot, id, &mut door).is_none() {
                        self.out_of_tunnel(snapshot, slot, id, now_ticks);
                    }
                }
                Wrapping::Labels => {
                    let facts = self.batch.facts[slot];
                    let (start, own) = (facts.l3_offset.into(), facts.interface);
                    self.out_of_labels(snapshot, slot, start, own, Marks::default(), now_ticks);
                }
            }
        }
    }

    /// Drops what waits: it is nested too deep.
    #[cold]
    pub(super) fn too_deep(&mut self) {
        for (slot, _) in std::mem::take(&mut self.batch.inbound) {
            self.drop_packet(slot.into(), DropReason::TunnelNesting);
        }
        while let Some(slot) = self.batch.l2.pop() {
            self.drop_packet(slot, DropReason::TunnelNesting);
        }
    }

    #[inline(never)]
    fn out_of_tunnel(&mut self, snapshot: &Snapshot, slot: usize, id: EndpointId, now_ticks: u64) {
        let Some(endpoint) = snapshot.endpoint(id) else {
            return self.drop_packet(slot, DropReason::NextHopMissing);
        };
        let facts = self.batch.facts[slot];
        let l3 = usize::from(facts.l3_offset);
        let Some(mbuf) = &mut self.batch.packets[slot] else {
            return;
        };
        let ip_bytes = usize::from(facts.ip_bytes);
        let taken = match decap::read(endpoint, mbuf, l3, ip_bytes) {
            Ok(Some(taken)) => taken,
            Ok(None) => {
                let (reason, class) = local::classify(mbuf, &facts, PuntReason::Local);
                return self.punt(snapshot, slot, reason, class, now_ticks);
            }
            Err(error) => return self.drop_packet(slot, error.into()),
        };
        mbuf.truncate(l3 + taken.end);
        let start = l3 + taken.start;
        let marks = marks(endpoint, &taken);
        match taken.carried {
            Carried::Frame(_, VniTarget::Routed(interface)) => {
                self.out_of_vni(snapshot, slot, start, interface, marks, now_ticks);
            }
            Carried::Frame(_, VniTarget::Bridged(bridge)) => {
                let origin = Origin::Tunnel(Peer::default());
                self.out_of_bridged_vni(slot, start, bridge, origin, marks);
            }
            Carried::Frame(_, VniTarget::BridgedFrom(bridge)) => {
                self.out_of_heard_vni(snapshot, slot, (l3, start), bridge, marks, now_ticks);
            }
            Carried::Stack => {
                let own = endpoint.interface;
                self.out_of_labels(snapshot, slot, start, own, marks, now_ticks);
            }
            Carried::Ipv4(interface) => {
                let way = (interface, Payload::Ipv4, Onward::Lookup);
                self.bare(snapshot, slot, start, way, marks, now_ticks);
            }
            Carried::Ipv6(interface) => {
                let way = (interface, Payload::Ipv6, Onward::Lookup);
                self.bare(snapshot, slot, start, way, marks, now_ticks);
            }
        }
    }

    /// A frame out of a bridged VNI goes into its bridge domain. It has no tag (RFC 7348 section 6.1).
    fn out_of_bridged_vni(
        &mut self,
        slot: usize,
        start: usize,
        bridge: BridgeId,
        origin: Origin,
        marks: Marks,
    ) {
        let Some(mbuf) = &mut self.batch.packets[slot] else {
            return;
        };
        let link = mbuf.data().get(start..).and_then(EthernetHeader::split);
        let fits = match link.map(|(link, _)| link.ethertype()) {
            None => Err(DropReason::TunnelTruncated),
            Some(kind) if kind.is_vlan() => Err(DropReason::VxlanInnerVlan),
            Some(_) => mbuf
                .trim_front(start)
                .map_err(|_| DropReason::TunnelTruncated),
        };
        let marked = fits
            .and_then(|()| mark_frame(mbuf.data_mut(), marks).map_err(|_| DropReason::TunnelEcn));
        if let Err(reason) = marked {
            return self.drop_packet(slot, reason);
        }
        self.batch.facts[slot].l3_offset = EthernetHeader::LEN as u8;
        self.batch.l2.push(slot, bridge, origin);
    }

    /// A frame out of a bridged VNI whose domain asks who sent it: a remote end that shares a segment, or one behind
    /// which stations are learned. The outer IP header is at `l3`, the frame at `start`.
    #[inline(never)]
    fn out_of_heard_vni(
        &mut self,
        snapshot: &Snapshot,
        slot: usize,
        (l3, start): (usize, usize),
        bridge: BridgeId,
        marks: Marks,
        now_ticks: u64,
    ) {
        let mbuf = self.batch.packets[slot].as_ref();
        let outer = mbuf.and_then(|mbuf| mbuf.data().get(l3..));
        let remote = outer.and_then(decap::outer_source);
        let domain = snapshot.bridge(bridge);
        let segments = domain.and_then(|domain| domain.segments.as_ref());
        let peer = segments
            .zip(remote)
            .map_or_else(Peer::default, |(segments, remote)| segments.peer(&remote));
        self.out_of_bridged_vni(slot, start, bridge, Origin::Tunnel(peer), marks);
        let heard = domain.and_then(|domain| domain.heard.as_ref());
        if let Some((heard, remote)) = heard.zip(remote) {
            self.hear_remote(snapshot, slot, (bridge, remote), heard, now_ticks);
        }
    }

    /// A frame out of a routed VNI: it must be for the router's Ethernet address there and carry IP (RFC
    /// 9135 section 5.2).
    fn out_of_vni(
        &mut self,
        snapshot: &Snapshot,
        slot: usize,
        start: usize,
        id: InterfaceId,
        marks: Marks,
        now_ticks: u64,
    ) {
        let Some(mbuf) = &mut self.batch.packets[slot] else {
            return;
        };
        let interface = match came_by(snapshot, id) {
            Ok(interface) => interface,
            Err(reason) => return self.drop_packet(slot, reason),
        };
        let link = mbuf.data().get(start..).and_then(EthernetHeader::split);
        let payload = match link.map(|(link, _)| (link.destination(), link.ethertype())) {
            None => Err(DropReason::TunnelTruncated),
            Some((to, _)) if to != interface.mac => Err(DropReason::VxlanRouterMac),
            Some((_, EtherType::IPV4)) => Ok(Payload::Ipv4),
            Some((_, EtherType::IPV6)) => Ok(Payload::Ipv6),
            Some((_, other)) if other.is_vlan() => Err(DropReason::VxlanInnerVlan),
            Some(_) => Err(DropReason::VxlanNotIp),
        };
        let payload = match (payload, mbuf.trim_front(start)) {
            (Ok(payload), Ok(())) => payload,
            (Err(reason), _) => return self.drop_packet(slot, reason),
            (Ok(_), Err(_)) => return self.drop_packet(slot, DropReason::TunnelTruncated),
        };
        let way = (id, payload, Onward::Lookup);
        self.admit(snapshot, slot, interface, way, marks, now_ticks);
    }

    /// An IP packet that had no link header in its tunnel gets one, as all later stages and the exception
    /// path count on it.
    pub(super) fn bare(
        &mut self,
        snapshot: &Snapshot,
        slot: usize,
        start: usize,
        way: (InterfaceId, Payload, Onward),
        marks: Marks,
        now_ticks: u64,
    ) {
        let Some(mbuf) = &mut self.batch.packets[slot] else {
            return;
        };
        let interface = match came_by(snapshot, way.0) {
            Ok(interface) => interface,
            Err(reason) => return self.drop_packet(slot, reason),
        };
        let version = mbuf.data().get(start).map(|first| first >> 4);
        let ethertype = match (version, way.1) {
            (Some(4), Payload::Ipv4 | Payload::Both) => EtherType::IPV4,
            (Some(6), Payload::Ipv6 | Payload::Both) => EtherType::IPV6,
            _ => return self.drop_packet(slot, DropReason::LabelPayload),
        };
        // What was taken off, an IP header or a link header and a label at least, is longer.
        let room = start
            .checked_sub(EthernetHeader::LEN)
            .is_some_and(|front| mbuf.trim_front(front).is_ok());
        let header = EthernetHeader::new(interface.mac, interface.mac, ethertype);
        match EthernetHeader::split_mut(mbuf.data_mut()) {
            Some((link, _)) if room => *link = header,
            _ => return self.drop_packet(slot, DropReason::NoHeadroom),
        }
        self.admit(snapshot, slot, interface, way, marks, now_ticks);
    }

    /// Validates an IP packet behind an Ethernet header as `input` does, and sends it on its way.
    fn admit(
        &mut self,
        snapshot: &Snapshot,
        slot: usize,
        interface: &Interface,
        (id, payload, onward): (InterfaceId, Payload, Onward),
        marks: Marks,
        now_ticks: u64,
    ) {
        let Some(mbuf) = &mut self.batch.packets[slot] else {
            return;
        };
        let Some(vrf) = snapshot.vrf(interface.vrf) else {
            return self.drop_packet(slot, DropReason::NoInterface);
        };
        let facts = &mut self.batch.facts[slot];
        *facts = Facts {
            interface: id,
            vrf: interface.vrf,
            l3_offset: EthernetHeader::LEN as u8,
            ..Facts::default()
        };
        let rx = &self.counters.interface(id).rx;
        rx.add(1, mbuf.len() as u64);
        let is_ipv4 = is_ipv4(mbuf, payload);
        let verdict = if is_ipv4 {
            ipv4::validate(mbuf, facts)
        } else {
            ipv6::validate(mbuf, facts, &interface.link_local)
        };
        if let Verdict::Drop(reason) = verdict {
            return self.drop_packet(slot, reason);
        }
        if !marks.are_none() {
            let packet = mbuf.data_mut().get_mut(EthernetHeader::LEN..);
            let packet = packet.unwrap_or_default();
            if mark_packet(packet, marks).is_err() {
                return self.drop_packet(slot, DropReason::TunnelEcn);
            }
            live_on(packet, facts);
        }
        match (verdict, onward) {
            (Verdict::Ipv4(key), Onward::Lookup) => {
                self.batch.ipv4.push_later(slot, key, vrf.ipv4.view());
            }
            (Verdict::Ipv6(key), Onward::Lookup) => {
                self.batch.ipv6.push_later(slot, key, vrf.ipv6.view());
            }
            (Verdict::Ipv4(_) | Verdict::Ipv6(_), Onward::NextHop(next_hop)) => {
                if snapshot.clamps > 0 {
                    let family = [EtherType::IPV6, EtherType::IPV4][usize::from(is_ipv4)];
                    self.clamp_at(snapshot, slot, family);
                }
                if is_ipv4 {
                    self.detour::<4>(snapshot, slot as u8, next_hop, now_ticks);
                } else {
                    self.detour::<6>(snapshot, slot as u8, next_hop, now_ticks);
                }
            }
            (Verdict::Punt(reason, class), _) => {
                self.punt(snapshot, slot, reason, class, now_ticks);
            }
            (Verdict::Labels | Verdict::Drop(_), _) => {
                self.drop_packet(slot, DropReason::LabelPayload);
            }
        }
    }
}

/// What a packet takes over from the outer IP header.
fn marks(endpoint: &Endpoint, taken: &Taken) -> Marks {
    let carries_ttl = endpoint.policy.ttl_mode == Mode::Uniform
        && matches!(taken.carried, Carried::Ipv4(_) | Carried::Ipv6(_));
    Marks {
        traffic_class: Some(taken.traffic_class),
        dscp_mode: endpoint.policy.dscp_mode,
        ttl: carries_ttl.then_some(taken.ttl),
    }
}

/// The interface by which something comes out of a tunnel.
fn came_by(snapshot: &Snapshot, id: InterfaceId) -> Result<&Interface, DropReason> {
    let interface = snapshot.interface(id).ok_or(DropReason::NoInterface)?;
    if interface.up {
        Ok(interface)
    } else {
        Err(DropReason::InterfaceDown)
    }
}

/// Notes the lifetime of an IP packet that was marked.
fn live_on(packet: &[u8], facts: &mut Facts) {
    if packet.first().is_some_and(|first| first >> 4 == 4) {
        if let Some((header, _)) = Ipv4Header::split(packet) {
            facts.live_as_ipv4(header);
        }
    } else if let Some((header, _)) = Ipv6Header::split(packet) {
        facts.live_as_ipv6(header);
    }
}

/// The family of a packet behind an Ethernet header. Its version was checked against what a label says;
/// what a frame says is checked by the validation.
fn is_ipv4(mbuf: &Mbuf, payload: Payload) -> bool {
    match payload {
        Payload::Ipv4 => true,
        Payload::Ipv6 => false,
        Payload::Both => mbuf
            .data()
            .get(EthernetHeader::LEN)
            .is_some_and(|first| first >> 4 == 4),
    }
}
