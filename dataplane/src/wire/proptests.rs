//! Every parser against any bytes: none panics, and what passes keeps its promises.

use super::address::{ipv4_destination, ipv6_destination, ipv6_source};
use super::arp::ArpPacket;
use super::ethernet::EthernetFrame;
use super::flow::FlowHasher;
use super::icmp4::Icmp4Message;
use super::icmp6::Icmp6Message;
use super::ipv4::{Ipv4Header, Ipv4Packet};
use super::ipv6::{Ipv6Header, Ipv6Packet};
use super::nd::NdMessage;
use super::tcp::TcpSegment;
use super::udp::UdpDatagram;
use super::{Header, Protocol, ipv4_options};
use proptest::collection::vec;
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};

fn read_ipv4(bytes: &[u8]) {
    if let Ok(packet) = Ipv4Packet::parse(bytes) {
        assert_eq!(
            packet.bytes().len(),
            usize::from(packet.header().total_length())
        );
        assert_eq!(
            packet.bytes().len(),
            Ipv4Header::LEN + packet.options().len() + packet.payload().len()
        );
        let _ = ipv4_options::classify(packet.options());
        let _ = ipv4_destination(packet.header().destination());
        let _ = FlowHasher::new(0).ipv4(packet.header(), packet.payload());
        read_upper(packet.payload());
    }
}

fn read_ipv6(bytes: &[u8]) {
    if let Ok(packet) = Ipv6Packet::parse(bytes) {
        assert_eq!(
            packet.bytes().len(),
            Ipv6Header::LEN + packet.payload().len()
        );
        let _ = (
            ipv6_source(packet.header().source()),
            ipv6_destination(packet.header().destination()),
        );
        let _ = FlowHasher::new(0).ipv6(packet.header(), packet.payload());
        if let Ok(upper) = packet.upper() {
            assert!(packet.payload().ends_with(upper.bytes));
            read_upper(upper.bytes);
            let _ = NdMessage::parse(packet.header(), upper.bytes);
        }
    }
}

fn read_upper(bytes: &[u8]) {
    let _ = Icmp4Message::parse(bytes);
    let _ = Icmp6Message::parse(Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST, bytes);
    if let Ok(datagram) = UdpDatagram::parse(bytes) {
        assert_eq!(
            datagram.data.len() + 8,
            usize::from(datagram.header.length())
        );
    }
    if let Ok(segment) = TcpSegment::parse(bytes) {
        assert_eq!(segment.options.len() + 20, segment.header.header_length());
    }
}

proptest! {
    #[test]
    fn r_01_any_bytes_are_safe(bytes in vec(any::<u8>(), 0..200)) {
        if let Ok(frame) = EthernetFrame::parse(&bytes) {
            prop_assert_eq!(frame.payload_offset() + frame.payload.len(), bytes.len());
        }
        let _ = ArpPacket::parse(&bytes);
        read_ipv4(&bytes);
        read_ipv6(&bytes);
        read_upper(&bytes);
    }

    #[test]
    fn r_01_any_ipv4_header_that_adds_up_is_safe(mut bytes in vec(any::<u8>(), 60..200), ihl in 5u8..16, protocol in prop_oneof![Just(1u8), Just(4), Just(6), Just(17), Just(41)]) {
        let length = bytes.len() as u16;
        bytes[0] = 0x40 | ihl;
        bytes[2..4].copy_from_slice(&length.to_be_bytes());
        bytes[9] = protocol;
        bytes[10..12].fill(0);
        let sum = super::checksum::of(&bytes[..usize::from(ihl) * 4]);
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        prop_assert!(Ipv4Packet::parse(&bytes).is_ok());
        read_ipv4(&bytes);
        for cut in 0..bytes.len() {
            prop_assert!(Ipv4Packet::parse(&bytes[..cut]).is_err());
        }
    }

    #[test]
    fn r_01_any_ipv6_packet_that_adds_up_is_safe(mut bytes in vec(any::<u8>(), 40..200), next in prop_oneof![Just(0u8), Just(4), Just(41), Just(43), Just(44), Just(58), Just(60)], kind in 130u8..140) {
        let length = bytes.len() as u16 - 40;
        bytes[0] = 0x60 | bytes[0] & 0xf;
        bytes[4..6].copy_from_slice(&length.to_be_bytes());
        bytes[6] = next;
        bytes[7] = 255;
        if next == 58 && length >= 8 {
            bytes[40] = kind;
            bytes[41..44].fill(0);
            let (header, message) = Ipv6Header::split(&bytes).unwrap();
            let pseudo = super::checksum::pseudo_ipv6(header.source(), header.destination(), Protocol::ICMPV6, length.into());
            let sum = pseudo.add_bytes(message).checksum();
            bytes[42..44].copy_from_slice(&sum.to_be_bytes());
        }
        prop_assert!(Ipv6Packet::parse(&bytes).is_ok());
        read_ipv6(&bytes);
        for cut in 0..bytes.len() {
            prop_assert!(Ipv6Packet::parse(&bytes[..cut]).is_err());
        }
    }

    #[test]
    fn ipv4_emits_what_it_parses(source: u32, destination: u32, protocol: u8, ttl: u8, class: u8, id: u16, df: bool, mf: bool, offset in 0u16..0x2000, options in vec(any::<u8>(), 0..41), payload in vec(any::<u8>(), 0..50)) {
        let options = &options[..options.len() & !3];
        let total = (20 + options.len() + payload.len()) as u16;
        let (source, destination) = (Ipv4Addr::from(source), Ipv4Addr::from(destination));
        let mut header = Ipv4Header::new(source, destination, Protocol::new(protocol), ttl, total);
        header.set_traffic_class(class);
        header.set_identification(id);
        header.set_dont_fragment(df);
        header.set_fragment(offset, mf);
        header.seal(options);
        let bytes = [header.bytes(), options, &payload].concat();
        let packet = Ipv4Packet::parse(&bytes).unwrap();
        let read = packet.header();
        prop_assert_eq!((read.source(), read.destination(), read.protocol().get(), read.ttl()), (source, destination, protocol, ttl));
        prop_assert_eq!((read.traffic_class(), read.identification(), read.dont_fragment(), read.more_fragments(), read.fragment_offset()), (class, id, df, mf, offset));
        prop_assert_eq!((packet.options(), packet.payload()), (options, &payload[..]));
    }
}
