use super::super::testing::{headers, udp6};
use super::*;
use etherparse::{Icmpv6Slice, Icmpv6Type, IpHeaders, icmpv6};
use ferroute_dataplane::ids::AdjacencyId;
use ferroute_dataplane::snapshot::nexthop::Hop;
use ferroute_dataplane::wire::extension::FragmentHeader;
use proptest::prelude::*;

const HOST: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
const FAR: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 9, 0, 0, 0, 0, 7);
const ROUTER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
const GROUP: Ipv6Addr = Ipv6Addr::new(0xff0e, 0, 0, 0, 0, 0, 0, 2);

const EVERY_REPORT: [Icmp6Report; 6] = [
    Icmp6Report::Unreachable(Unreachable::NoRoute),
    Icmp6Report::HopLimitExceeded,
    Icmp6Report::ParameterProblem {
        problem: Problem::Field,
        pointer: 4,
    },
    Icmp6Report::ParameterProblem {
        problem: Problem::NextHeader,
        pointer: 4,
    },
    Icmp6Report::ParameterProblem {
        problem: Problem::Option,
        pointer: 4,
    },
    Icmp6Report::PacketTooBig { mtu: 1400 },
];
/// How many of these, at the front, never answer what went to a group.
const NEVER_TO_GROUPS: usize = 4;

/// Which of [`EVERY_REPORT`] may be sent.
fn allowed(bytes: &[u8], group_frame: bool) -> Vec<bool> {
    let packet = Ipv6Packet::parse(bytes).unwrap();
    EVERY_REPORT
        .map(|report| may_answer(&packet, group_frame, report).is_ok())
        .to_vec()
}

fn read(error: &[u8]) -> (Icmpv6Type, Vec<u8>) {
    let (IpHeaders::Ipv6(ip, _), message) = headers(error) else {
        panic!("not IPv6");
    };
    assert_eq!(
        (ip.source, ip.destination),
        (ROUTER.octets(), HOST.octets())
    );
    assert_eq!(
        (ip.next_header, ip.hop_limit, ip.traffic_class),
        (etherparse::IpNumber::IPV6_ICMP, 64, 0xc0)
    );
    let icmp = Icmpv6Slice::from_slice(&message).unwrap();
    assert!(icmp.is_checksum_valid(ip.source, ip.destination));
    (icmp.icmp_type(), icmp.payload().to_vec())
}

fn report(report: Icmp6Report) -> Icmpv6Type {
    let offending = udp6(HOST, FAR, 1, &[7; 20]);
    let (kind, quote) = read(&build(
        report,
        ROUTER,
        &Ipv6Packet::parse(&offending).unwrap(),
    ));
    assert_eq!(quote, offending);
    kind
}

fn of_punt(reason: PuntReason) -> Icmpv6Type {
    report(Icmp6Report::of_punt(reason).unwrap())
}

#[test]
fn v6_01_hop_limit_exceeded() {
    let exceeded = Icmpv6Type::TimeExceeded(icmpv6::TimeExceededCode::HopLimitExceeded);
    assert_eq!(of_punt(PuntReason::TtlExpired), exceeded);
}

#[test]
fn v6_03_beyond_scope_answers_a_link_local_source() {
    let beyond = Icmpv6Type::DestinationUnreachable(icmpv6::DestUnreachableCode::BeyondScope);
    assert_eq!(of_punt(PuntReason::BeyondScope), beyond);
    assert_eq!(allowed(&udp6(LINK_LOCAL, FAR, 9, &[]), false), [true; 6]);
}

#[test]
fn v6_05_v6_06_packet_too_big_says_the_mtu_and_never_under_1280() {
    for (mtu, said) in [
        (1400, 1400),
        (1280, 1280),
        (1279, 1280),
        (576, 1280),
        (9000, 9000),
    ] {
        let kind = of_punt(PuntReason::TooBig {
            mtu,
            hop: Hop::Adjacency(AdjacencyId::new(1)),
        });
        assert_eq!(kind, Icmpv6Type::PacketTooBig { mtu: said });
    }
}

#[test]
fn v6_10_each_kind_of_unreachable_has_its_code() {
    use icmpv6::DestUnreachableCode as D;
    let unreachable = Icmpv6Type::DestinationUnreachable;
    assert_eq!(of_punt(PuntReason::NoRoute), unreachable(D::NoRoute));
    assert_eq!(
        of_punt(PuntReason::RouteUnreachable),
        unreachable(D::RejectRoute)
    );
    assert_eq!(
        of_punt(PuntReason::RouteProhibited),
        unreachable(D::Prohibited)
    );
    for (reason, code) in [
        (Unreachable::Address, D::Address),
        (Unreachable::SourcePolicy, D::SourceAddressFailedPolicy),
        (Unreachable::Rejected, D::RejectRoute),
    ] {
        assert_eq!(report(Icmp6Report::Unreachable(reason)), unreachable(code));
    }
    assert_eq!(Icmp6Report::of_punt(PuntReason::Local), None);
}

#[test]
fn v6_12_a_routing_header_to_us_is_a_parameter_problem() {
    let mut bytes = udp6(HOST, ROUTER, 9, &[]);
    bytes.splice(40..40, [17, 2, 0, 1].into_iter().chain([0; 20]));
    (bytes[5], bytes[6]) = (bytes[5] + 24, 43);
    let packet = Ipv6Packet::parse(&bytes).unwrap();
    let problem = Icmp6Report::of_routing(packet.upper().unwrap().routing.unwrap());
    let (kind, _) = read(&build(problem, ROUTER, &packet));
    let code = icmpv6::ParameterProblemCode::ErroneousHeaderField;
    assert_eq!(
        kind,
        Icmpv6Type::ParameterProblem(icmpv6::ParameterProblemHeader { code, pointer: 42 })
    );
}

#[test]
fn v6_08_groups_are_told_of_their_mtu_and_options_only() {
    let only_some: Vec<bool> = (0..EVERY_REPORT.len())
        .map(|i| i >= NEVER_TO_GROUPS)
        .collect();
    assert_eq!(allowed(&udp6(HOST, FAR, 9, &[]), false), [true; 6]);
    assert_eq!(allowed(&udp6(HOST, FAR, 9, &[]), true), only_some);
    assert_eq!(allowed(&udp6(HOST, GROUP, 9, &[]), false), only_some);
    for source in [Ipv6Addr::UNSPECIFIED, GROUP, Ipv6Addr::LOCALHOST] {
        assert_eq!(
            allowed(&udp6(source, FAR, 9, &[]), false),
            [false; 6],
            "{source}"
        );
    }
}

#[test]
fn v6_08_nothing_is_said_about_errors_and_redirects() {
    let with = |next: u8, payload: &[u8]| {
        let header = etherparse::Ipv6Header {
            payload_length: payload.len() as u16,
            next_header: etherparse::IpNumber(next),
            hop_limit: 9,
            source: HOST.octets(),
            destination: FAR.octets(),
            ..Default::default()
        };
        [&header.to_bytes()[..], payload].concat()
    };
    for kind in 0..=255u8 {
        let message = [kind, 0, 0, 0, 0, 0, 0, 0];
        let behind_options = [&[58, 0, 1, 4, 0, 0, 0, 0][..], &message].concat();
        let query = kind >= 128 && kind != 137;
        assert_eq!(
            allowed(&with(58, &message), false),
            [query; 6],
            "type {kind}"
        );
        assert_eq!(
            allowed(&with(60, &behind_options), false),
            [query; 6],
            "type {kind}"
        );
    }
    assert_eq!(
        allowed(&with(58, &[]), false),
        [false; 6],
        "a message without its type"
    );
    let later = FragmentHeader::new(Protocol::ICMPV6, 4, false, 1);
    assert_eq!(
        allowed(&with(44, later.bytes()), false),
        [false; 6],
        "its type is in another fragment"
    );
    let later = FragmentHeader::new(Protocol::UDP, 4, false, 1);
    assert_eq!(allowed(&with(44, later.bytes()), false), [true; 6]);
    assert_eq!(
        allowed(&with(60, &[58, 9]), false),
        [false; 6],
        "a chain that is cut off"
    );
}

proptest! {
    #[test]
    fn v6_07_quotes_what_fits_1280_bytes_and_no_padding(length in 0usize..3000, padding in 0usize..60) {
        let payload: Vec<u8> = (0..length).map(|i| i as u8).collect();
        let offending = udp6(HOST, FAR, 1, &payload);
        let frame = [&offending[..], &vec![0xee; padding]].concat();
        let error = build(Icmp6Report::HopLimitExceeded, ROUTER, &Ipv6Packet::parse(&frame).unwrap());
        prop_assert!(error.len() <= 1280);
        let (_, quote) = read(&error);
        prop_assert!(offending.starts_with(&quote));
        prop_assert!(quote.len() == offending.len() || error.len() == 1280);
    }
}
