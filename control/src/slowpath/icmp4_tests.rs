use super::super::testing::{headers, ipv4, udp4};
use super::*;
use etherparse::{Icmpv4Slice, Icmpv4Type, IpHeaders, icmpv4};
use ferroute_dataplane::ids::AdjacencyId;
use ferroute_dataplane::snapshot::nexthop::Hop;
use proptest::prelude::*;

const HOST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const FAR: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const SUBNET_BROADCAST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 255);

fn allowed(bytes: &[u8], group_frame: bool) -> bool {
    let packet = Ipv4Packet::parse(bytes).unwrap();
    match may_answer(&packet, group_frame, |address| address == SUBNET_BROADCAST) {
        Ok(()) => true,
        Err(reason) => {
            assert_eq!(reason, DropReason::IcmpNotAllowed);
            false
        }
    }
}

/// What the independent implementation reads from an error: its type and what it quotes.
fn read(error: &[u8]) -> (Icmpv4Type, Vec<u8>) {
    let (IpHeaders::Ipv4(ip, _), message) = headers(error) else {
        panic!("not IPv4");
    };
    assert_eq!(
        (ip.source, ip.destination),
        (ROUTER.octets(), HOST.octets())
    );
    assert_eq!(
        (ip.protocol, ip.time_to_live),
        (etherparse::IpNumber::ICMP, 64)
    );
    assert_eq!(ip.dscp.value() >> 3, 6, "precedence");
    assert_eq!(
        (ip.dscp.value() & 7, ip.ecn.value()),
        (0, 0),
        "the default type of service"
    );
    let icmp = Icmpv4Slice::from_slice(&message).unwrap();
    let mut reference = icmp.header();
    reference.update_checksum(icmp.payload());
    assert_eq!(icmp.checksum(), reference.checksum);
    (icmp.icmp_type(), icmp.payload().to_vec())
}

fn report(report: Icmp4Report) -> (Icmpv4Type, Vec<u8>) {
    let offending = udp4(HOST, FAR, 1, &[7; 20]);
    let error = build(report, ROUTER, &Ipv4Packet::parse(&offending).unwrap());
    let (kind, quote) = read(&error);
    assert_eq!(quote, offending);
    (kind, quote)
}

fn of_punt(reason: PuntReason) -> Icmpv4Type {
    report(Icmp4Report::of_punt(reason).unwrap()).0
}

#[test]
fn v4_03_ttl_exceeded_is_said_to_the_source_but_not_of_multicast() {
    let exceeded = Icmpv4Type::TimeExceeded(icmpv4::TimeExceededCode::TtlExceededInTransit);
    assert_eq!(of_punt(PuntReason::TtlExpired), exceeded);
    assert!(allowed(&udp4(HOST, FAR, 1, &[]), false));
    assert!(!allowed(
        &udp4(HOST, Ipv4Addr::new(239, 1, 1, 1), 1, &[]),
        false
    ));
}

#[test]
fn v4_13_each_kind_of_unreachable_has_its_code() {
    use icmpv4::DestUnreachableHeader as D;
    let unreachable = Icmpv4Type::DestinationUnreachable;
    assert_eq!(of_punt(PuntReason::NoRoute), unreachable(D::Network));
    assert_eq!(of_punt(PuntReason::RouteUnreachable), unreachable(D::Host));
    assert_eq!(
        of_punt(PuntReason::RouteProhibited),
        unreachable(D::FilterProhibited)
    );
    // A neighbour that does not answer has no punt of its own.
    assert_eq!(
        report(Icmp4Report::Unreachable(Unreachable::Host)).0,
        unreachable(D::Host)
    );
    for quiet in [PuntReason::Local, PuntReason::Arp, PuntReason::Ipv4Options] {
        assert_eq!(Icmp4Report::of_punt(quiet), None);
    }
}

#[test]
fn v4_15_fragmentation_needed_says_the_next_mtu() {
    for (mtu, said) in [(1400, 1400), (68, 68), (20, 68), (65_535, 65_535)] {
        let kind = of_punt(PuntReason::TooBig {
            mtu,
            hop: Hop::Adjacency(AdjacencyId::new(1)),
        });
        let needed = icmpv4::DestUnreachableHeader::FragmentationNeeded { next_hop_mtu: said };
        assert_eq!(kind, Icmpv4Type::DestinationUnreachable(needed));
    }
    let problem = report(Icmp4Report::ParameterProblem { pointer: 20 }).0;
    let expected = icmpv4::ParameterProblemHeader::PointerIndicatesError(20);
    assert_eq!(problem, Icmpv4Type::ParameterProblem(expected));
}

#[test]
fn v4_16_nothing_is_said_about_groups_and_to_groups() {
    let good = udp4(HOST, FAR, 9, &[]);
    assert!(allowed(&good, false));
    assert!(!allowed(&good, true), "a broadcast or multicast frame");
    for destination in [
        Ipv4Addr::BROADCAST,
        SUBNET_BROADCAST,
        Ipv4Addr::new(224, 0, 0, 5),
    ] {
        assert!(
            !allowed(&udp4(HOST, destination, 9, &[]), false),
            "{destination}"
        );
    }
    for source in [
        Ipv4Addr::UNSPECIFIED,
        Ipv4Addr::LOCALHOST,
        Ipv4Addr::new(224, 0, 0, 5),
        Ipv4Addr::new(240, 0, 0, 1),
        Ipv4Addr::BROADCAST,
        SUBNET_BROADCAST,
    ] {
        assert!(!allowed(&udp4(source, FAR, 9, &[]), false), "{source}");
    }
}

#[test]
fn v4_16_nothing_is_said_about_later_fragments_and_icmp_errors() {
    let header = |protocol| {
        etherparse::Ipv4Header::new(0, 9, protocol, HOST.octets(), FAR.octets()).unwrap()
    };
    for (offset, more, expected) in [(0, true, true), (1, true, false), (185, false, false)] {
        let mut header = header(etherparse::IpNumber::UDP);
        header.fragment_offset = etherparse::IpFragOffset::try_new(offset).unwrap();
        header.more_fragments = more;
        assert_eq!(allowed(&ipv4(header, &[0; 16]), false), expected);
    }
    for kind in 0..=255u8 {
        let query = matches!(kind, 0 | 8 | 9 | 10 | 13..=18 | 42 | 43);
        let message = [kind, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(
            allowed(&ipv4(header(etherparse::IpNumber::ICMP), &message), false),
            query,
            "type {kind}"
        );
    }
    assert!(
        !allowed(&ipv4(header(etherparse::IpNumber::ICMP), &[]), false),
        "a message without its type"
    );
}

proptest! {
    #[test]
    fn v4_17_quotes_what_fits_576_bytes_and_no_padding(length in 0usize..2000, padding in 0usize..60, options in 0usize..=10) {
        let mut header = etherparse::Ipv4Header::new(0, 9, etherparse::IpNumber::UDP, HOST.octets(), FAR.octets()).unwrap();
        header.options = vec![1u8; options * 4].as_slice().try_into().unwrap();
        let payload: Vec<u8> = (0..length).map(|i| i as u8).collect();
        let offending = ipv4(header, &payload);
        let frame = [&offending[..], &vec![0xee; padding]].concat();
        let error = build(Icmp4Report::TtlExceeded, ROUTER, &Ipv4Packet::parse(&frame).unwrap());
        prop_assert!(error.len() <= 576);
        let (_, quote) = read(&error);
        prop_assert!(offending.starts_with(&quote));
        prop_assert!(quote.len() == offending.len() || error.len() == 576);
    }
}
