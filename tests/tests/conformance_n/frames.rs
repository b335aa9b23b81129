//! ARP packets and messages of neighbour discovery as etherparse builds them.

use std::net::{Ipv4Addr, Ipv6Addr};

use etherparse::{
    ArpHardwareId, ArpOperation, ArpPacket, EtherType, Ethernet2Header, Icmpv6Type, Ipv4Header,
    PacketBuilder,
};

use crate::packets::{address, framed, icmp};

pub(crate) const BROADCAST: [u8; 6] = [0xff; 6];
pub(crate) const ALL_NODES: &str = "ff02::1";
pub(crate) const ALL_NODES_MAC: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];
/// The option that carries the sender's Ethernet address.
pub(crate) const SOURCE: u8 = 1;
/// The option that carries the target's.
pub(crate) const TARGET: u8 = 2;
pub(crate) const ROUTER: u8 = 0x80;
pub(crate) const SOLICITED: u8 = 0x40;
pub(crate) const OVERRIDE: u8 = 0x20;

/// An end of an ARP packet.
pub(crate) type End<'a> = ([u8; 6], &'a str);

/// The bytes of an ARP packet.
pub(crate) fn arp_bytes(operation: ArpOperation, sender: End<'_>, target: End<'_>) -> Vec<u8> {
    let ip = |text: &str| text.parse::<Ipv4Addr>().unwrap().octets();
    let (from, to) = (ip(sender.1), ip(target.1));
    let arp = ArpPacket::new(
        ArpHardwareId::ETHERNET,
        EtherType::IPV4,
        operation,
        &sender.0,
        &from,
        &target.0,
        &to,
    );
    arp.unwrap().to_bytes().to_vec()
}

/// Bytes of ARP in a frame.
pub(crate) fn arp_framed(destination: [u8; 6], source: [u8; 6], arp: &[u8]) -> Vec<u8> {
    let link = Ethernet2Header {
        destination,
        source,
        ether_type: EtherType::ARP,
    };
    [&link.to_bytes()[..], arp].concat()
}

/// A frame from `sender` with an ARP packet.
pub(crate) fn arp(
    destination: [u8; 6],
    operation: ArpOperation,
    sender: End<'_>,
    target: End<'_>,
) -> Vec<u8> {
    arp_framed(destination, sender.0, &arp_bytes(operation, sender, target))
}

/// A request for `target` to all stations.
pub(crate) fn who_has(sender: End<'_>, target: &str) -> Vec<u8> {
    arp(BROADCAST, ArpOperation::REQUEST, sender, ([0; 6], target))
}

/// A message of neighbour discovery in its packet: type, code, the word behind the checksum, and the body.
pub(crate) fn message(
    source: &str,
    destination: &str,
    kind: u8,
    word: [u8; 4],
    body: &[u8],
) -> Vec<u8> {
    let kind = Icmpv6Type::Unknown {
        type_u8: kind,
        code_u8: 0,
        bytes5to8: word,
    };
    let mut packet = icmp(source, destination, kind, body);
    packet[7] = 255;
    packet
}

pub(crate) fn link_option(kind: u8, mac: [u8; 6]) -> Vec<u8> {
    [&[kind, 1][..], &mac].concat()
}

pub(crate) fn solicitation(
    source: &str,
    destination: &str,
    target: &str,
    options: &[u8],
) -> Vec<u8> {
    let body = [&address(target).octets()[..], options].concat();
    message(source, destination, 135, [0; 4], &body)
}

pub(crate) fn advertisement(
    source: &str,
    destination: &str,
    flags: u8,
    target: &str,
    options: &[u8],
) -> Vec<u8> {
    let body = [&address(target).octets()[..], options].concat();
    message(source, destination, 136, [flags, 0, 0, 0], &body)
}

/// The solicited-node group of an address, and its Ethernet address (RFC 4291 section 2.7.1, RFC 2464 section 7).
pub(crate) fn solicited_node(target: &str) -> (String, [u8; 6]) {
    let [.., x, y, z] = address(target).octets();
    let group = Ipv6Addr::new(
        0xff02,
        0,
        0,
        0,
        0,
        1,
        0xff00 | u16::from(x),
        u16::from_be_bytes([y, z]),
    );
    (group.to_string(), [0x33, 0x33, 0xff, x, y, z])
}

/// What a host at `sender` sends to find `target`.
pub(crate) fn who_has6(mac: [u8; 6], source: &str, target: &str) -> Vec<u8> {
    let (group, to) = solicited_node(target);
    framed(
        to,
        mac,
        &solicitation(source, &group, target, &link_option(SOURCE, mac)),
    )
}

/// A UDP packet in IPv4, numbered by its first byte of data.
pub(crate) fn udp4(source: &str, destination: &str, ttl: u8, number: u8) -> Vec<u8> {
    let ip = |text: &str| text.parse::<Ipv4Addr>().unwrap().octets();
    let mut packet = Vec::new();
    PacketBuilder::ipv4(ip(source), ip(destination), ttl)
        .udp(4000, 5000)
        .write(&mut packet, &[number; 20])
        .unwrap();
    packet
}

/// An IPv4 packet one hop on.
pub(crate) fn aged(packet: &[u8]) -> Vec<u8> {
    let (mut header, payload) = Ipv4Header::from_slice(packet).unwrap();
    header.time_to_live -= 1;
    header.header_checksum = header.calc_header_checksum();
    [&header.to_bytes()[..], payload].concat()
}
