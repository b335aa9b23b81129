//! Packets as etherparse builds them.

use std::net::Ipv6Addr;

use etherparse::{
    EtherType, Ethernet2Header, Icmpv6Header, Icmpv6Type, IpNumber, Ipv6FlowLabel, Ipv6Header,
    UdpHeader,
};

/// The hop limit of what the router sends itself.
pub(crate) const OWN_HOP_LIMIT: u8 = 64;
/// The traffic class of its errors: network control.
pub(crate) const ERROR_TRAFFIC_CLASS: u8 = 0xc0;

pub(crate) fn address(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

/// A header from `source` to `destination`, with a hop limit of 64.
pub(crate) fn header(
    source: &str,
    destination: &str,
    next: IpNumber,
    payload_bytes: usize,
) -> Ipv6Header {
    Ipv6Header {
        traffic_class: 0,
        flow_label: Ipv6FlowLabel::ZERO,
        payload_length: payload_bytes.try_into().unwrap(),
        next_header: next,
        hop_limit: 64,
        source: address(source).octets(),
        destination: address(destination).octets(),
    }
}

/// A packet with any payload.
pub(crate) fn ipv6(source: &str, destination: &str, next: IpNumber, payload: &[u8]) -> Vec<u8> {
    with_header(&header(source, destination, next, payload.len()), payload)
}

pub(crate) fn with_header(header: &Ipv6Header, payload: &[u8]) -> Vec<u8> {
    [&header.to_bytes()[..], payload].concat()
}

/// The same packet with another hop limit.
pub(crate) fn with_hop_limit(packet: &[u8], hop_limit: u8) -> Vec<u8> {
    let (mut header, payload) = Ipv6Header::from_slice(packet).unwrap();
    header.hop_limit = hop_limit;
    with_header(&header, payload)
}

/// A UDP header and its data, as they stand in a packet from `source` to `destination`.
pub(crate) fn udp_bytes(source: &str, destination: &str, data: &[u8]) -> Vec<u8> {
    let ip = header(source, destination, IpNumber::UDP, 0);
    let udp = UdpHeader::with_ipv6_checksum(4000, 5000, &ip, data).unwrap();
    [&udp.to_bytes()[..], data].concat()
}

pub(crate) fn udp(source: &str, destination: &str, data: &[u8]) -> Vec<u8> {
    let bytes = udp_bytes(source, destination, data);
    ipv6(source, destination, IpNumber::UDP, &bytes)
}

/// An ICMPv6 message and its body, as they stand in a packet from `source` to `destination`.
pub(crate) fn icmp_bytes(
    source: &str,
    destination: &str,
    kind: Icmpv6Type,
    body: &[u8],
) -> Vec<u8> {
    let (source, destination) = (address(source), address(destination));
    let icmp = Icmpv6Header::with_checksum(kind, source.octets(), destination.octets(), body);
    [icmp.unwrap().to_bytes().as_slice(), body].concat()
}

pub(crate) fn icmp(source: &str, destination: &str, kind: Icmpv6Type, body: &[u8]) -> Vec<u8> {
    let bytes = icmp_bytes(source, destination, kind, body);
    ipv6(source, destination, IpNumber::IPV6_ICMP, &bytes)
}

/// The error that a router at `source` sends about a packet: to its source, quoting what fits 1280 bytes.
pub(crate) fn error(source: &str, kind: Icmpv6Type, about: &[u8]) -> Vec<u8> {
    let (offending, _) = Ipv6Header::from_slice(about).unwrap();
    let to = offending.source_addr().to_string();
    let quote = &about[..about.len().min(1280 - Ipv6Header::LEN - 8)];
    let message = icmp_bytes(source, &to, kind, quote);
    let mut header = header(source, &to, IpNumber::IPV6_ICMP, message.len());
    header.traffic_class = ERROR_TRAFFIC_CLASS;
    header.hop_limit = OWN_HOP_LIMIT;
    with_header(&header, &message)
}

/// A packet in a frame.
pub(crate) fn framed(destination: [u8; 6], source: [u8; 6], packet: &[u8]) -> Vec<u8> {
    let ether_type = match packet[0] >> 4 {
        4 => EtherType::IPV4,
        _ => EtherType::IPV6,
    };
    let link = Ethernet2Header {
        destination,
        source,
        ether_type,
    };
    [&link.to_bytes()[..], packet].concat()
}
