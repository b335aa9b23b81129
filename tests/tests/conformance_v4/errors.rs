//! ICMP errors: which packets cause one, and what it says.

use etherparse::icmpv4::{DestUnreachableHeader, TimeExceededCode};
use etherparse::{IcmpEchoHeader, Icmpv4Type, IpFragOffset, IpNumber};
use ferroute_tests::bench::frames::{V4, assert_sound};
use ferroute_tests::bench::{SECOND, Sent};

use crate::lab::{
    FAR, GATEWAY_MAC, HOST, HOST_MAC, P0_MAC, datagram, dropped_for, expect, forwarded, from_host,
    lab, to_host,
};

const OWN: &str = "10.0.0.1";

/// The error that the router sends to the host about a packet whose TTL ran out.
pub(crate) fn time_exceeded(about: &[u8]) -> V4 {
    V4::error(
        OWN,
        Icmpv4Type::TimeExceeded(TimeExceededCode::TtlExceededInTransit),
        about,
    )
}

pub(crate) fn unreachable(kind: DestUnreachableHeader, about: &V4) -> Sent {
    to_host(&V4::error(
        OWN,
        Icmpv4Type::DestinationUnreachable(kind),
        &about.packet(),
    ))
}

#[test]
fn v4_03_an_expired_ttl_is_dropped_and_told_to_the_source() {
    let mut bench = lab();
    for ttl in [0, 1] {
        let packet = datagram(FAR).ttl(ttl);
        expect(
            &mut bench,
            &packet,
            &[to_host(&time_exceeded(&packet.packet()))],
        );
    }
    // Whatever the route would have done with it.
    bench
        .route("198.51.100.0/25", "unreachable")
        .route("198.51.100.128/25", "blackhole");
    for to in ["198.51.100.1", "203.0.113.1", "10.0.1.77"] {
        let packet = datagram(to).ttl(1);
        expect(
            &mut bench,
            &packet,
            &[to_host(&time_exceeded(&packet.packet()))],
        );
    }
    let silent = datagram("198.51.100.200").ttl(1);
    dropped_for(&mut bench, &silent.frame(), "blackhole");
    // To a group, nothing is said.
    let group = V4::udp(HOST, "239.1.1.1", b"x")
        .link(HOST_MAC, [1, 0, 0x5e, 1, 1, 1])
        .ttl(1);
    dropped_for(&mut bench, &group.frame(), "multicast");
    assert_eq!(bench.exception_counters().icmp_errors.get(), 5);
}

#[test]
fn v4_04_a_ttl_of_one_or_zero_to_the_router_itself_is_delivered() {
    let mut bench = lab();
    bench.loopback("lo1", "", &["192.168.255.1/32"]);
    for ttl in [0, 1, 2, 255] {
        for own in [OWN, "10.0.1.1", "192.168.255.1"] {
            let packet = datagram(own).ttl(ttl);
            expect(&mut bench, &packet, &[]);
            assert_eq!(
                bench.twin_frames(),
                [("p0".into(), packet.frame())],
                "unchanged"
            );
            let kind = |reply| {
                if reply {
                    Icmpv4Type::EchoReply
                } else {
                    Icmpv4Type::EchoRequest
                }
            };
            let echo = IcmpEchoHeader {
                id: 1,
                seq: ttl.into(),
            };
            let ping = from_host(V4::icmp(HOST, own, kind(false)(echo), b"ping")).ttl(ttl);
            let pong = V4::icmp(own, HOST, kind(true)(echo), b"ping");
            expect(&mut bench, &ping, &[to_host(&pong)]);
        }
    }
    assert!(bench.drops().is_empty());
}

#[test]
fn v4_13_each_dead_end_says_what_it_is() {
    let mut bench = lab();
    bench
        .route("198.51.100.0/26", "blackhole")
        .route("198.51.100.64/26", "unreachable")
        .route("198.51.100.128/26", "prohibit");
    let no_route = datagram("203.0.113.1");
    expect(
        &mut bench,
        &no_route,
        &[unreachable(DestUnreachableHeader::Network, &no_route)],
    );
    dropped_for(&mut bench, &datagram("198.51.100.1").frame(), "blackhole");
    let rejected = datagram("198.51.100.65");
    expect(
        &mut bench,
        &rejected,
        &[unreachable(DestUnreachableHeader::Host, &rejected)],
    );
    let prohibited = datagram("198.51.100.129");
    expect(
        &mut bench,
        &prohibited,
        &[unreachable(
            DestUnreachableHeader::FilterProhibited,
            &prohibited,
        )],
    );
    let drops: Vec<_> = bench.drops().into_iter().collect();
    assert_eq!(
        drops,
        [
            ("blackhole", 1),
            ("no_route", 1),
            ("route_prohibited", 1),
            ("route_unreachable", 1)
        ]
    );
}

#[test]
fn v4_13_a_neighbour_that_does_not_answer_is_a_host_unreachable() {
    let mut bench = lab();
    let packet = datagram("10.0.1.77");
    let asked = bench.receive("p0", &packet.frame());
    assert_eq!(
        (asked.len(), asked[0].port.as_str()),
        (1, "p1"),
        "a request on the link"
    );
    let later = bench.advance(10 * SECOND);
    let errors: Vec<Sent> = later.into_iter().filter(|s| s.port == "p0").collect();
    assert_eq!(errors, [unreachable(DestUnreachableHeader::Host, &packet)]);
    assert_eq!(
        bench.drops().into_iter().collect::<Vec<_>>(),
        [("neighbour_unreachable", 1)]
    );
}

#[test]
fn v4_16_nothing_is_said_about_what_may_cause_no_error() {
    let mut bench = lab();
    let silent = |packet: V4| from_host(packet).ttl(1);
    let quiet: Vec<(&str, V4)> = [
        Icmpv4Type::TimeExceeded(TimeExceededCode::TtlExceededInTransit),
        Icmpv4Type::DestinationUnreachable(DestUnreachableHeader::Port),
        Icmpv4Type::Unknown {
            type_u8: 4,
            code_u8: 0,
            bytes5to8: [0; 4],
        },
        Icmpv4Type::Unknown {
            type_u8: 5,
            code_u8: 1,
            bytes5to8: [10, 0, 0, 1],
        },
        Icmpv4Type::Unknown {
            type_u8: 12,
            code_u8: 0,
            bytes5to8: [0; 4],
        },
    ]
    .into_iter()
    .map(|kind| {
        (
            "an ICMP error",
            silent(V4::icmp(HOST, FAR, kind, &datagram(FAR).packet())),
        )
    })
    .chain([
        (
            "a later fragment",
            silent(V4::udp(HOST, FAR, b"x"))
                .with(|h| h.fragment_offset = IpFragOffset::try_new(1).unwrap()),
        ),
        (
            "an ICMP message without its type",
            silent(V4::new(HOST, FAR, IpNumber::ICMP, &[])),
        ),
        (
            "a source that is broadcast on its link",
            silent(V4::udp("10.0.0.255", FAR, b"x")),
        ),
    ])
    .collect();
    for (what, packet) in quiet {
        let sent = bench.receive("p0", &packet.frame());
        assert_eq!(sent, [], "{what}");
        let lost = from_host(packet)
            .ttl(64)
            .with(|h| h.destination = [203, 0, 113, 1]);
        assert_eq!(
            bench.receive("p0", &lost.frame()),
            [],
            "{what}, without a route"
        );
    }
    // Sources that are no host, group frames and groups end before: nothing is said either.
    for source in [
        "0.0.0.0",
        "127.0.0.1",
        "224.0.0.5",
        "255.255.255.255",
        "240.1.1.1",
    ] {
        dropped_for(
            &mut bench,
            &silent(V4::udp(source, FAR, b"x")).frame(),
            "ipv4_source_martian",
        );
    }
    assert_eq!(bench.exception_counters().icmp_errors.get(), 0);
    // Queries and first fragments do cause one.
    let echo = Icmpv4Type::EchoRequest(IcmpEchoHeader { id: 1, seq: 1 });
    for packet in [
        silent(V4::icmp(HOST, FAR, echo, b"x")),
        silent(V4::udp(HOST, FAR, b"x")).with(|h| h.more_fragments = true),
    ] {
        expect(
            &mut bench,
            &packet,
            &[to_host(&time_exceeded(&packet.packet()))],
        );
    }
}

#[test]
fn v4_17_errors_quote_576_bytes_and_are_limited_by_kind() {
    let mut bench = lab();
    for bytes in [0, 100, 520, 521, 1400] {
        let packet = from_host(V4::udp(HOST, FAR, &vec![0x5a; bytes])).ttl(1);
        let sent = bench.receive("p0", &packet.frame());
        assert_eq!(sent, [to_host(&time_exceeded(&packet.packet()))]);
        assert_sound(&sent[0].frame);
        assert!(sent[0].frame.len() <= 14 + 576);
    }
    bench.advance(SECOND);
    // A flood of one kind does not silence another.
    let expired = datagram(FAR).ttl(1).frame();
    let answered = bench.receive_all("p0", vec![expired; 900]).len();
    assert!(
        (100..=110).contains(&answered),
        "a burst of 100: {answered}"
    );
    let lost = datagram("203.0.113.1");
    expect(
        &mut bench,
        &lost,
        &[unreachable(DestUnreachableHeader::Network, &lost)],
    );
    bench.advance(SECOND / 10);
    let packet = datagram(FAR).ttl(1);
    expect(
        &mut bench,
        &packet,
        &[to_host(&time_exceeded(&packet.packet()))],
    );
}

#[test]
fn v4_22_a_packet_that_leaves_where_it_came_causes_no_redirect() {
    let mut bench = lab();
    bench
        .neighbour("p0", "10.0.0.2", GATEWAY_MAC)
        .route("198.51.100.0/24", "via 10.0.0.2");
    for to in ["198.51.100.1", "10.0.0.2"] {
        let packet = datagram(to);
        let back = packet.clone().ttl(63).link(P0_MAC, GATEWAY_MAC);
        expect(
            &mut bench,
            &packet,
            &[Sent {
                port: "p0".into(),
                frame: back.frame(),
            }],
        );
    }
    let packet = datagram(FAR);
    expect(&mut bench, &packet, &[forwarded(&packet)]);
    assert_eq!(bench.exception_counters().originated.get(), announcements());
}

/// What the router said of itself when the ports came up: nothing else may have been originated.
fn announcements() -> u64 {
    let bench = lab();
    bench.exception_counters().originated.get()
}
