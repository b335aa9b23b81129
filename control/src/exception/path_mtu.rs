//! What routers of an underlay report about tunnel packets: that they are too big (RFC 1191, RFC 8201; for tunnels RFC 4459
//! section 3.1).
//!
//! Anybody can send such a report. The core believes it only where a live tunnel made the quoted packet.

use std::net::IpAddr;

use ferroute_dataplane::ids::VrfId;
use ferroute_dataplane::wire::icmp4::Icmp4Message;
use ferroute_dataplane::wire::icmp6::Icmp6Message;
use ferroute_dataplane::wire::ipv4::{Ipv4Header, Ipv4Packet};
use ferroute_dataplane::wire::ipv6::{Ipv6Header, Ipv6Packet};
use ferroute_dataplane::wire::udp::UdpHeader;
use ferroute_dataplane::wire::{Header, Protocol};

/// A report about a packet that the router is said to have sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PathMtu {
    /// Where it came in.
    pub vrf: VrfId,
    /// The source of the quoted packet.
    pub source: IpAddr,
    /// Its destination.
    pub remote: IpAddr,
    /// Its protocol.
    pub protocol: Protocol,
    /// Its destination port, if it is UDP.
    pub port: Option<u16>,
    /// What the next link there takes, in bytes.
    pub mtu_bytes: u16,
}

/// The report that a packet to the router is, if it is one.
pub(super) fn reported(vrf: VrfId, packet: &[u8]) -> Option<PathMtu> {
    if packet.first()? >> 4 == 6 {
        let packet = Ipv6Packet::parse(packet).ok()?;
        let upper = packet.upper().ok()?;
        let (from, to) = (packet.header().source(), packet.header().destination());
        if upper.protocol != Protocol::ICMPV6 {
            return None;
        }
        let (Icmp6Message::PacketTooBig { mtu }, quoted) =
            Icmp6Message::parse(from, to, upper.bytes).ok()?
        else {
            return None;
        };
        let (header, rest) = Ipv6Header::split(quoted)?;
        let protocol = header.next_header();
        let report = PathMtu {
            vrf,
            source: header.source().into(),
            remote: header.destination().into(),
            protocol,
            port: port(protocol, rest),
            mtu_bytes: u16::try_from(mtu).unwrap_or(u16::MAX),
        };
        return (report.source == to).then_some(report);
    }
    let packet = Ipv4Packet::parse(packet).ok()?;
    if packet.header().protocol() != Protocol::ICMP || packet.header().is_fragment() {
        return None;
    }
    // Routers from before RFC 1191 say 0, which is no MTU to go by.
    let (Icmp4Message::FragmentationNeeded { mtu: mtu @ 1.. }, quoted) =
        Icmp4Message::parse(packet.payload()).ok()?
    else {
        return None;
    };
    let (header, rest) = Ipv4Header::split(quoted)?;
    let rest = rest.get(header.header_length().checked_sub(Ipv4Header::LEN)?..)?;
    let protocol = header.protocol();
    let report = PathMtu {
        vrf,
        source: header.source().into(),
        remote: header.destination().into(),
        protocol,
        port: port(protocol, rest),
        mtu_bytes: mtu,
    };
    let to = IpAddr::from(packet.header().destination());
    (report.source == to).then_some(report)
}

fn port(protocol: Protocol, rest: &[u8]) -> Option<u16> {
    let udp = UdpHeader::split(rest).filter(|_| protocol == Protocol::UDP);
    udp.map(|(header, _)| header.destination_port())
}
