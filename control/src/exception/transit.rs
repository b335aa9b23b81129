//! Packets in transit that a worker could not forward by itself: too big, with options, or on the
//! way to a neighbour that is not resolved.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{SystemTime, UNIX_EPOCH};

use ferroute_dataplane::drops::DropReason;
use ferroute_dataplane::ids::{AdjacencyId, InterfaceId};
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::snapshot::Snapshot;
use ferroute_dataplane::snapshot::nexthop::Hop;
use ferroute_dataplane::wire::Header;
use ferroute_dataplane::wire::ethernet::EthernetHeader;
use ferroute_dataplane::wire::ipv4::{Ipv4Header, Ipv4Packet};
use ferroute_dataplane::wire::ipv4_record::{self, RecordError, Visit};
use ferroute_dataplane::wire::ipv6::Ipv6Header;

use super::errors::{About, Report};
use super::path::{ExceptionPath, Held, Origin, Taken};
use super::send::{Way, destination, ip_ethertype, way};
use crate::neighbour::NeighbourKey;
use crate::slowpath::fragment::fragment_ipv4;
use crate::slowpath::icmp4::Icmp4Report;

/// Takes one from the TTL or hop limit; false when it ran out.
fn age(packet: &mut [u8]) -> bool {
    if packet.first().is_some_and(|b| b >> 4 == 6) {
        Ipv6Header::split_mut(packet).is_some_and(|(header, _)| header.decrement_hop_limit())
    } else {
        Ipv4Header::split_mut(packet).is_some_and(|(header, _)| header.decrement_ttl())
    }
}

/// Whether a packet may be cut in two: IPv4 without DF.
fn may_fragment(packet: &[u8]) -> bool {
    let is_ipv4 = packet.first().is_some_and(|b| b >> 4 == 4);
    is_ipv4 && Ipv4Header::split(packet).is_some_and(|(header, _)| !header.dont_fragment())
}

impl ExceptionPath {
    /// Cuts a packet that is too big for the next link, or tells its sender.
    pub(super) fn too_big(
        &mut self,
        snapshot: &Snapshot,
        taken: Taken,
        mtu: u16,
        hop: Hop,
        now_ns: u64,
    ) {
        if !may_fragment(taken.packet()) {
            self.report_too_big(snapshot, &About::taken(&taken), mtu, now_ns);
            return self.dropped(DropReason::PacketTooBig);
        }
        match cut(taken.packet(), mtu) {
            Ok(fragments) => {
                let sent = fragments
                    .iter()
                    .filter(|f| self.send_to(snapshot, hop, f, now_ns))
                    .count();
                if sent == fragments.len() {
                    self.counters.forwarded.add(1);
                } else {
                    self.dropped(DropReason::NeighbourUnreachable);
                }
            }
            Err(reason) => self.dropped(reason),
        }
    }

    /// Holds a packet for a host on a connected link until that is resolved.
    pub(super) fn glean(&mut self, taken: Taken, egress: InterfaceId, now_ns: u64) {
        match destination(taken.packet()) {
            Some(to) => self.hold(NeighbourKey::new(egress, to), taken, now_ns),
            None => self.dropped(DropReason::NextHopMissing),
        }
    }

    /// Holds a packet for a gateway until that is resolved.
    pub(super) fn unresolved(&mut self, taken: Taken, adjacency: AdjacencyId, now_ns: u64) {
        match self.keys.get(&adjacency).copied() {
            Some(key) => self.hold(key, taken, now_ns),
            None => self.dropped(DropReason::NextHopMissing),
        }
    }

    /// Sends a packet of another's whose TTL is right to a neighbour or into a tunnel.
    fn send_to(&mut self, snapshot: &Snapshot, hop: Hop, packet: &[u8], now_ns: u64) -> bool {
        match hop {
            Hop::Adjacency(id) => self.send_by(snapshot, id, packet),
            Hop::Tunnel(id) => self.enter_tunnel(snapshot, id, packet, now_ns),
        }
    }

    /// Holds what a worker put into a tunnel until the underlay's neighbour is resolved.
    pub(super) fn originated(
        &mut self,
        snapshot: &Snapshot,
        taken: &Taken,
        adjacency: AdjacencyId,
        now_ns: u64,
    ) {
        let Some((link, packet)) = EthernetHeader::split(&taken.frame) else {
            return self.dropped(DropReason::EthernetTruncated);
        };
        let ethertype = link.ethertype().get();
        if self.send_complete(snapshot, adjacency, ethertype, packet.to_vec(), now_ns) {
            self.counters.forwarded.add(1);
        } else {
            self.dropped(DropReason::NextHopMissing);
        }
    }

    fn hold(&mut self, key: NeighbourKey, taken: Taken, now_ns: u64) {
        let origin = Origin::Transit {
            interface: taken.interface,
            vrf: taken.vrf,
        };
        let packet = taken.packet().to_vec();
        let bytes = packet.len();
        self.waiting += 1;
        self.neighbours.hold(
            key,
            Held { packet, origin },
            bytes,
            now_ns,
            &mut self.effects,
        );
    }

    /// Sends what was held to its neighbour.
    pub(super) fn release(
        &mut self,
        snapshot: &Snapshot,
        key: NeighbourKey,
        mac: Mac,
        held: Held,
        now_ns: u64,
    ) {
        let Held { mut packet, origin } = held;
        let (interface, vrf) = match origin {
            Origin::Transit { interface, vrf } => (interface, vrf),
            Origin::Router { ethertype } => {
                return self.emit(snapshot, key.interface, mac, ethertype, &packet, None);
            }
        };
        let mtu = snapshot.interface(key.interface).map_or(0, |i| i.mtu_bytes);
        let fragments = if packet.len() <= usize::from(mtu) {
            if !age(&mut packet) {
                return self.dropped(DropReason::TtlExpired);
            }
            vec![packet]
        } else if may_fragment(&packet) {
            match cut(&packet, mtu) {
                Ok(fragments) => fragments,
                Err(reason) => return self.dropped(reason),
            }
        } else {
            let about = About {
                packet: &packet,
                interface,
                vrf,
                group_frame: false,
            };
            self.report_too_big(snapshot, &about, mtu, now_ns);
            return self.dropped(DropReason::PacketTooBig);
        };
        self.counters.forwarded.add(1);
        for fragment in fragments {
            let ethertype = ip_ethertype(&fragment);
            self.emit(snapshot, key.interface, mac, ethertype, &fragment, None);
        }
    }

    /// Forwards a packet whose options ask routers to record the route or the time (RFC 1812 section 4.2.2.11), or
    /// alert them; router alert concerns only protocols that the router does not speak.
    pub(super) fn with_options(&mut self, snapshot: &Snapshot, mut taken: Taken, now_ns: u64) {
        let (egress, hop) = match way(snapshot, taken.vrf, taken.packet()) {
            Way::Adjacency(id) => (
                snapshot
                    .adjacency(id)
                    .map(|a| a.interface)
                    .unwrap_or_default(),
                Some(Hop::Adjacency(id)),
            ),
            // A tunnel has no address in this VRF; the packet's own interface has.
            Way::Tunnel(id) => (taken.interface, Some(Hop::Tunnel(id))),
            Way::Link(interface) => (interface, None),
            Way::Own => return self.give_to_twin(taken),
            Way::None => return self.dropped(DropReason::NoRoute),
        };
        let offset = taken.l3_offset;
        if let Err(RecordError { pointer }) =
            self.record(taken.frame.get_mut(offset..).unwrap_or_default(), egress)
        {
            let report = Report::V4(Icmp4Report::ParameterProblem { pointer });
            self.report(snapshot, &About::taken(&taken), report, now_ns);
            return self.dropped(DropReason::Ipv4Options);
        }
        let Some(hop) = hop else {
            return self.glean(taken, egress, now_ns);
        };
        let mtu = match hop {
            Hop::Adjacency(id) => snapshot.adjacency(id).map_or(0, |a| a.mtu_bytes),
            Hop::Tunnel(id) => snapshot.tunnel(id).map_or(0, |t| t.payload_mtu_bytes()),
        };
        if taken.packet().len() > usize::from(mtu) {
            return self.too_big(snapshot, taken, mtu, hop, now_ns);
        }
        if !taken.frame.get_mut(offset..).is_some_and(age) {
            return self.dropped(DropReason::TtlExpired);
        }
        if self.send_to(snapshot, hop, taken.packet(), now_ns) {
            self.counters.forwarded.add(1);
        } else {
            self.dropped(DropReason::NeighbourUnreachable);
        }
    }

    /// Writes the router's visit into the options of a packet that leaves by `egress`.
    fn record(&self, packet: &mut [u8], egress: InterfaceId) -> Result<(), RecordError> {
        let Some((header, rest)) = Ipv4Header::split_mut(packet) else {
            return Ok(());
        };
        let length = header.header_length() - Ipv4Header::LEN;
        let Some(options) = rest.get_mut(..length) else {
            return Ok(());
        };
        let own = |address: Ipv4Addr| {
            self.interfaces
                .values()
                .any(|facts| facts.has(address.into()))
        };
        let to = header.destination().into();
        let address = self
            .interfaces
            .get(&egress)
            .and_then(|facts| facts.source_for(to));
        if let Some(IpAddr::V4(address)) = address {
            ipv4_record::record(
                options,
                Visit {
                    address,
                    time_ms: time_of_day_ms(),
                },
                own,
            )?;
            header.seal(options);
        }
        Ok(())
    }
}

/// Milliseconds since midnight, universal time.
fn time_of_day_ms() -> u32 {
    const DAY_MS: u128 = 24 * 3600 * 1000;
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    (since.as_millis() % DAY_MS) as u32
}

/// The fragments of a packet in transit, its TTL decremented.
fn cut(packet: &[u8], mtu: u16) -> Result<Vec<Vec<u8>>, DropReason> {
    let mut aged = packet.to_vec();
    if !age(&mut aged) {
        return Err(DropReason::TtlExpired);
    }
    let parsed = Ipv4Packet::parse(&aged).map_err(DropReason::from)?;
    Ok(fragment_ipv4(&parsed, usize::from(mtu))?)
}
