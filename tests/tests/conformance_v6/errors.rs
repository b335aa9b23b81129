//! ICMPv6 errors: which, to whom, from where, how many.

use etherparse::icmpv6::{
    DestUnreachableCode as Unreachable, ParameterProblemCode, ParameterProblemHeader,
    TimeExceededCode,
};
use etherparse::{IcmpEchoHeader, Icmpv6Type, IpNumber};
use ferroute_dataplane::drops::DropReason;
use ferroute_tests::bench::SECOND;

use crate::lab::{A, A_HOST, A_MAC, B, Lab, R0, R0_MAC, R1, sent};
use crate::packets::{
    address, error, framed, icmp, icmp_bytes, ipv6, udp, udp_bytes, with_hop_limit,
};
use crate::{A_LINK_LOCAL, BEHIND_B, R0_LINK_LOCAL};

const EXCEEDED: Icmpv6Type = Icmpv6Type::TimeExceeded(TimeExceededCode::HopLimitExceeded);
const NO_ROUTE: Icmpv6Type = Icmpv6Type::DestinationUnreachable(Unreachable::NoRoute);
const ECHO: Icmpv6Type = Icmpv6Type::EchoRequest(IcmpEchoHeader { id: 7, seq: 9 });

/// Sends a packet from host a, and checks that just this error comes back.
fn refused(lab: &mut Lab, packet: &[u8], kind: Icmpv6Type) {
    let expected = lab.to_host(A, &error(R0, kind, packet));
    assert_eq!(lab.send(A, packet), [expected]);
}

#[test]
fn v6_01_a_hop_limit_of_one_or_none_ends_in_transit() {
    let mut lab = Lab::new();
    for hop_limit in [1, 0] {
        let packet = with_hop_limit(&udp(A_HOST, BEHIND_B, b"data"), hop_limit);
        refused(&mut lab, &packet, EXCEEDED);
    }
    assert_eq!(lab.dropped(DropReason::TtlExpired), 2);
    // To the router itself it has arrived.
    let echo = with_hop_limit(&icmp(A_HOST, R0, ECHO, b"data"), 1);
    assert_eq!(lab.send(A, &echo).len(), 1);
}

#[test]
fn v6_02_padding_is_not_quoted() {
    let mut lab = Lab::new();
    let packet = with_hop_limit(&udp(A_HOST, BEHIND_B, b"data"), 1);
    let padded = [&packet[..], &[0xee; 30]].concat();
    let expected = lab.to_host(A, &error(R0, EXCEEDED, &packet));
    assert_eq!(lab.send(A, &padded), [expected]);
}

#[test]
fn v6_05_v6_06_too_big_is_said_and_never_fragmented() {
    let mut lab = Lab::new();
    // The link on port 2 takes 1400 bytes, its VLAN only 1000.
    for (destination, link, said) in [("2001:db8:3::2", 1400, 1400), ("2001:db8:4::2", 1000, 1280)]
    {
        let headers = 48;
        let fits = udp(A_HOST, destination, &vec![7; link - headers]);
        assert_eq!(lab.send(A, &fits).len(), 1, "{link} bytes fit");
        let packet = udp(A_HOST, destination, &vec![7; link - headers + 1]);
        refused(&mut lab, &packet, Icmpv6Type::PacketTooBig { mtu: said });
    }
    assert_eq!(lab.dropped(DropReason::PacketTooBig), 2);
}

#[test]
fn v6_05_groups_beyond_the_link_are_not_forwarded_at_all() {
    let mut lab = Lab::new();
    for group in ["ff05::1", "ff08::1", "ff0e::1"] {
        let packet = udp(A_HOST, group, &[7; 1440]);
        let mac = [&[0x33, 0x33][..], &address(group).octets()[12..]]
            .concat()
            .try_into()
            .unwrap();
        assert_eq!(lab.receive(A, &framed(mac, A_MAC, &packet)), []);
    }
    assert_eq!(lab.dropped(DropReason::Multicast), 3);
}

#[test]
fn v6_07_errors_quote_what_fits_1280_bytes() {
    let mut lab = Lab::new();
    for bytes in [0, 1, 1183, 1184, 1185, 1400] {
        let packet = with_hop_limit(&udp(A_HOST, BEHIND_B, &vec![7; bytes]), 1);
        let sent = lab.send(A, &packet);
        assert_eq!(sent, [lab.to_host(A, &error(R0, EXCEEDED, &packet))]);
        assert_eq!(sent[0].frame.len() - 14, 1280.min(48 + packet.len()));
    }
}

#[test]
fn v6_08_nothing_is_said_about_errors_redirects_groups_and_nobody() {
    let mut lab = Lab::new();
    let quoted = udp(BEHIND_B, A_HOST, b"data");
    let silent: Vec<Vec<u8>> = [
        NO_ROUTE,
        EXCEEDED,
        Icmpv6Type::PacketTooBig { mtu: 1280 },
        Icmpv6Type::Unknown {
            type_u8: 100,
            code_u8: 0,
            bytes5to8: [0; 4],
        },
        Icmpv6Type::Unknown {
            type_u8: 127,
            code_u8: 0,
            bytes5to8: [0; 4],
        },
        Icmpv6Type::Unknown {
            type_u8: 137,
            code_u8: 0,
            bytes5to8: [0; 4],
        },
    ]
    .into_iter()
    .map(|kind| with_hop_limit(&icmp(A_HOST, BEHIND_B, kind, &quoted), 1))
    .collect();
    for packet in &silent {
        assert_eq!(lab.send(A, packet), [], "type {}", packet[40]);
    }
    // The same behind an extension header, and in a fragment that hides what it is.
    let behind = [
        &[58, 0, 1, 4, 0, 0, 0, 0][..],
        &icmp_bytes(A_HOST, BEHIND_B, NO_ROUTE, &quoted),
    ]
    .concat();
    let behind = with_hop_limit(
        &ipv6(
            A_HOST,
            BEHIND_B,
            IpNumber::IPV6_DESTINATION_OPTIONS,
            &behind,
        ),
        1,
    );
    assert_eq!(lab.send(A, &behind), []);
    let later = [58, 0, 0, 8, 0, 0, 0, 77, 1, 2, 3, 4, 5, 6, 7, 8];
    let later = with_hop_limit(
        &ipv6(
            A_HOST,
            BEHIND_B,
            IpNumber::IPV6_FRAGMENTATION_HEADER,
            &later,
        ),
        1,
    );
    assert_eq!(lab.send(A, &later), []);
    assert_eq!(lab.dropped(DropReason::TtlExpired), silent.len() as u64 + 2);
    // No sender to tell: none, a group.
    for source in ["::", "ff02::1", "ff0e::1"] {
        let packet = with_hop_limit(&udp(source, BEHIND_B, b"data"), 1);
        assert_eq!(lab.send(A, &packet), [], "{source}");
    }
    // Unicast in a frame to a group.
    let packet = udp(A_HOST, "2001:db8:dead::1", b"data");
    for mac in [[0xff; 6], [0x33, 0x33, 0, 0, 0, 1]] {
        assert_eq!(lab.receive(A, &framed(mac, A_MAC, &packet)), []);
    }
    assert_eq!(lab.dropped(DropReason::UnicastInGroupFrame), 2);
    // Queries get theirs.
    let query = with_hop_limit(&icmp(A_HOST, BEHIND_B, ECHO, b"data"), 1);
    refused(&mut lab, &query, EXCEEDED);
}

#[test]
fn v6_09_errors_are_limited_by_a_token_bucket_for_each_kind() {
    let mut lab = Lab::new();
    let expired = with_hop_limit(&udp(A_HOST, BEHIND_B, b"data"), 1);
    let flood = |lab: &mut Lab| {
        (0..200)
            .filter(|_| !lab.send(A, &expired).is_empty())
            .count()
    };
    let first = flood(&mut lab);
    assert!((1..=100).contains(&first), "{first} errors at once");
    // Another kind is not held up by that.
    refused(
        &mut lab,
        &udp(A_HOST, "2001:db8:dead::1", b"data"),
        NO_ROUTE,
    );
    lab.wait(SECOND);
    let later = flood(&mut lab);
    assert!((1..=100).contains(&later), "{later} errors a second later");
}

#[test]
fn v6_10_each_dead_end_has_its_code() {
    let mut lab = Lab::new();
    let code = Icmpv6Type::DestinationUnreachable;
    for (destination, kind) in [
        ("2001:db8:dead::1", Some(NO_ROUTE)),
        ("2001:db8:f1::1", Some(code(Unreachable::RejectRoute))),
        ("2001:db8:f2::1", Some(code(Unreachable::Prohibited))),
        ("2001:db8:f3::1", None),
    ] {
        let packet = udp(A_HOST, destination, b"data");
        match kind {
            Some(kind) => refused(&mut lab, &packet, kind),
            None => assert_eq!(lab.send(A, &packet), []),
        }
    }
    for reason in [
        DropReason::NoRoute,
        DropReason::RouteUnreachable,
        DropReason::RouteProhibited,
        DropReason::Blackhole,
    ] {
        assert_eq!(lab.dropped(reason), 1, "{reason:?}");
    }
    // A neighbour that does not answer.
    let packet = udp(A_HOST, "2001:db8:2::77", b"data");
    lab.send(A, &packet);
    let said = lab.wait(4 * SECOND);
    let expected = lab.to_host(A, &error(R0, code(Unreachable::Address), &packet));
    assert!(said.contains(&expected), "{said:?}");
    assert_eq!(lab.dropped(DropReason::NeighbourUnreachable), 1);
}

#[test]
fn v6_11_echo_is_answered_with_a_checksum_over_the_pseudo_header() {
    let mut lab = Lab::new();
    let reply = Icmpv6Type::EchoReply(IcmpEchoHeader { id: 7, seq: 9 });
    // Odd and even lengths, and a sum that is zero or all ones in some of them.
    for data in [&[][..], &[1], &[0xff; 7], &[0; 100], &[0x5a; 1401]] {
        for own in [R0, R1] {
            let answer = icmp(own, A_HOST, reply, data);
            assert_eq!(
                lab.send(A, &icmp(A_HOST, own, ECHO, data)),
                [lab.to_host(A, &answer)]
            );
        }
    }
    let whole = icmp(A_HOST, R0, ECHO, b"data");
    for byte in 40..whole.len() {
        let mut broken = whole.clone();
        broken[byte] ^= 1;
        // Another type is another's business, broken or not.
        if byte != 40 {
            assert_eq!(lab.send(A, &broken), [], "byte {byte}");
        }
    }
    assert_eq!(
        lab.dropped(DropReason::IcmpInvalid),
        whole.len() as u64 - 41
    );
}

#[test]
fn v6_12_a_routing_header_with_segments_left_to_the_router_is_a_parameter_problem() {
    let mut lab = Lab::new();
    let routed = |kind: u8, left: u8, before: &[u8]| {
        let mut payload = before.to_vec();
        payload.extend([17, 2, kind, left, 0, 0, 0, 0]);
        payload.extend(address(BEHIND_B).octets());
        payload.extend(udp_bytes(A_HOST, R0, b"data"));
        let first = if before.is_empty() {
            IpNumber::IPV6_ROUTE_HEADER
        } else {
            IpNumber::IPV6_DESTINATION_OPTIONS
        };
        ipv6(A_HOST, R0, first, &payload)
    };
    let options = [43, 0, 1, 4, 0, 0, 0, 0];
    for (packet, pointer) in [
        (routed(0, 1, &[]), 42),
        (routed(0, 255, &[]), 42),
        (routed(0, 1, &options), 50),
        (routed(5, 1, &[]), 42),
    ] {
        let problem = ParameterProblemHeader {
            code: ParameterProblemCode::ErroneousHeaderField,
            pointer,
        };
        refused(&mut lab, &packet, Icmpv6Type::ParameterProblem(problem));
    }
    assert_eq!(lab.dropped(DropReason::Ipv6ExtensionHeaders), 4);
    // With none left it is at its end, and says nothing.
    let before = lab.to_twin();
    assert_eq!(lab.send(A, &routed(0, 0, &[])), []);
    assert_eq!(lab.to_twin(), before + 1);
}

#[test]
fn v6_13_chains_to_the_router_are_cut_off_and_endless_without_harm() {
    let mut lab = Lab::new();
    let mut chain = Vec::new();
    for _ in 0..40 {
        chain.extend([60, 0, 1, 4, 0, 0, 0, 0]);
    }
    for bytes in 0..=chain.len() {
        let packet = ipv6(
            A_HOST,
            R0,
            IpNumber::IPV6_DESTINATION_OPTIONS,
            &chain[..bytes],
        );
        assert_eq!(lab.send(A, &packet), [], "{bytes} bytes");
    }
    assert_eq!(
        lab.dropped(DropReason::Ipv6ExtensionHeaders),
        chain.len() as u64 + 1
    );
    // Hop-by-hop options with router alert go where all that is for the router goes.
    let alert = [
        &[17, 0, 5, 2, 0, 0, 1, 0][..],
        &udp_bytes(A_HOST, R0, b"data"),
    ]
    .concat();
    let before = lab.to_twin();
    assert_eq!(
        lab.send(
            A,
            &ipv6(A_HOST, R0, IpNumber::IPV6_HEADER_HOP_BY_HOP, &alert)
        ),
        []
    );
    assert_eq!(lab.to_twin(), before + 1);
}

#[test]
fn v6_17_errors_come_from_an_address_that_their_receiver_can_reach() {
    let mut lab = Lab::new();
    // From beyond the link: not from the link-local address, which it could not answer to.
    let packet = with_hop_limit(&udp("2001:db8:a::5", BEHIND_B, b"data"), 1);
    refused(&mut lab, &packet, EXCEEDED);
    let packet = with_hop_limit(&udp(A_LINK_LOCAL, BEHIND_B, b"data"), 1);
    let expected = lab.to_host(A, &error(R0_LINK_LOCAL, EXCEEDED, &packet));
    assert_eq!(lab.send(A, &packet), [expected]);
    assert_eq!(
        lab.receive(B, &framed(R0_MAC, A_MAC, &packet)),
        [],
        "another port's address"
    );
}

#[test]
fn v6_17_errors_never_come_from_another_vrf() {
    let mut lab = Lab::new();
    let (router, host) = ([2, 0, 0, 0, 0, 9], [2, 0, 0, 0, 0, 0x99]);
    lab.bench.vrf("red").port_in("red", "p9", router, &[]);
    lab.bench.neighbour("p9", "fe80::99", host);
    lab.bench
        .route_in("red", "2001:db8:9::/48", "via fe80::99 dev p9");
    let packet = udp("2001:db8:9::5", BEHIND_B, b"data");
    let frame = framed(router, host, &packet);
    // The port has an address of link scope only, and the VRF no other: there is nobody to speak as.
    assert_eq!(lab.receive("p9", &frame), []);
    lab.bench.loopback("red0", "red", &["2001:db8:99::1/128"]);
    let expected = framed(host, router, &error("2001:db8:99::1", NO_ROUTE, &packet));
    assert_eq!(lab.receive("p9", &frame), [sent("p9", expected)]);
    assert_eq!(lab.dropped(DropReason::NoRoute), 2);
}
