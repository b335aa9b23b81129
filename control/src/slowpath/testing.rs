//! Packets made and read by an independent implementation, for the tests beside.

use etherparse::defrag::IpDefragPool;
use etherparse::{IpHeaders, NetSlice, SlicedPacket};
use std::net::{Ipv4Addr, Ipv6Addr};

/// A UDP packet with these header fields.
pub(super) fn udp4(source: Ipv4Addr, destination: Ipv4Addr, ttl: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    etherparse::PacketBuilder::ipv4(source.octets(), destination.octets(), ttl)
        .udp(1000, 2000)
        .write(&mut bytes, data)
        .unwrap();
    bytes
}

/// A UDP packet with these header fields.
pub(super) fn udp6(source: Ipv6Addr, destination: Ipv6Addr, hop_limit: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    etherparse::PacketBuilder::ipv6(source.octets(), destination.octets(), hop_limit)
        .udp(1000, 2000)
        .write(&mut bytes, data)
        .unwrap();
    bytes
}

/// An IPv4 packet, whatever its fields say; lengths and the checksum are set.
pub(super) fn ipv4(mut header: etherparse::Ipv4Header, payload: &[u8]) -> Vec<u8> {
    header.set_payload_len(payload.len()).unwrap();
    header.header_checksum = header.calc_header_checksum();
    let mut bytes = Vec::new();
    header.write(&mut bytes).unwrap();
    bytes.extend_from_slice(payload);
    bytes
}

/// The headers of a packet; panics if a length or the IPv4 checksum is wrong.
pub(super) fn headers(packet: &[u8]) -> (IpHeaders, Vec<u8>) {
    let (headers, payload) = IpHeaders::from_slice(packet).unwrap();
    if let IpHeaders::Ipv4(ip, _) = &headers {
        assert_eq!(ip.header_checksum, ip.calc_header_checksum());
    }
    (headers, payload.payload.to_vec())
}

/// The payload of the datagram of which these are all fragments, in any order.
pub(super) fn reassemble(packets: &[Vec<u8>]) -> Vec<u8> {
    let mut pool = IpDefragPool::<(), ()>::new();
    let mut whole = None;
    for packet in packets {
        let sliced = SlicedPacket::from_ip(packet).unwrap();
        assert!(
            whole.is_none(),
            "a fragment comes after the datagram is whole"
        );
        whole = match sliced.net.as_ref().unwrap() {
            NetSlice::Ipv4(ip) if !ip.header().is_fragmenting_payload() => {
                Some(ip.payload().payload.to_vec())
            }
            NetSlice::Ipv6(ip) if !ip.is_payload_fragmented() => {
                Some(ip.payload().payload.to_vec())
            }
            _ => pool
                .process_sliced_packet(&sliced, (), ())
                .unwrap()
                .map(|whole| whole.payload),
        };
    }
    whole.expect("the fragments are complete")
}
