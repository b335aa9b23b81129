//! What is answered to neighbour discovery, and what is believed.

use etherparse::Icmpv6Type;
use etherparse::icmpv6::DestUnreachableCode;
use ferroute_dataplane::drops::DropReason;
use ferroute_tests::bench::Sent;

use crate::frames::{
    ALL_NODES, ALL_NODES_MAC, OVERRIDE, ROUTER, SOLICITED, SOURCE, TARGET, advertisement,
    link_option, message, solicitation, solicited_node, who_has6,
};
use crate::lab::{A, A_HOST, B, B_MAC, Lab, R0, R1, R1_MAC, sent};
use crate::packets::{address, error, framed, udp, with_hop_limit};
use crate::{X_MAC, X_NEW_MAC, X6};

const X_LINK_LOCAL: &str = "fe80::77";
/// The router's address of link scope on port b, by its Ethernet address.
const R1_LINK_LOCAL: &str = "fe80::ff:fe00:2";

/// The router's advertisement of an address on port b.
fn advertises(own: &str, destination: &str, mac: [u8; 6], flags: u8) -> Sent {
    let packet = advertisement(own, destination, flags, own, &link_option(TARGET, R1_MAC));
    sent(B, framed(mac, R1_MAC, &packet))
}

fn send_to_x(lab: &mut Lab) -> Vec<Sent> {
    lab.send(A, &udp(A_HOST, X6, b"data"))
}

fn to_x(mac: [u8; 6]) -> [Sent; 1] {
    [sent(
        B,
        framed(mac, R1_MAC, &with_hop_limit(&udp(A_HOST, X6, b"data"), 63)),
    )]
}

#[test]
fn n_06_the_packet_after_an_unsolicited_advertisement_goes_to_the_new_address() {
    let mut lab = Lab::new();
    lab.receive(B, &who_has6(X_MAC, X6, R1));
    assert_eq!(send_to_x(&mut lab), to_x(X_MAC));
    let tell = |mac, flags| {
        framed(
            ALL_NODES_MAC,
            mac,
            &advertisement(X6, ALL_NODES, flags, X6, &link_option(TARGET, mac)),
        )
    };
    lab.receive(B, &tell(X_NEW_MAC, OVERRIDE));
    assert_eq!(send_to_x(&mut lab), to_x(X_NEW_MAC));
    lab.receive(B, &tell(X_MAC, 0));
    assert_eq!(
        send_to_x(&mut lab),
        to_x(X_NEW_MAC),
        "without the override flag it is not believed"
    );
    lab.receive(B, &who_has6(X_MAC, X6, R1));
    assert_eq!(send_to_x(&mut lab), to_x(X_MAC), "a solicitation is");
}

/// Of a message: from, to, type, the word behind the checksum, the body before the options.
type Parts<'a> = (&'a str, &'a str, u8, [u8; 4], &'a [u8]);

#[test]
fn n_07_messages_that_break_a_rule_are_dropped_in_silence() {
    let mut lab = Lab::new();
    let target = address(R1).octets();
    let source = link_option(SOURCE, X_MAC);
    let with = |bytes: &[u8], option: &[u8]| [bytes, option].concat();
    // Each of the five, as it would be taken.
    let redirect = [
        address(X_LINK_LOCAL).octets(),
        address("2001:db8:b::1").octets(),
    ]
    .concat();
    let all: [Parts<'_>; 5] = [
        (X_LINK_LOCAL, "ff02::2", 133, [0; 4], &[]),
        (X_LINK_LOCAL, ALL_NODES, 134, [64, 0, 7, 8], &[0; 8]),
        (X6, R1, 135, [0; 4], &target),
        (X6, R1, 136, [0x60, 0, 0, 0], &address(X6).octets()),
        (X_LINK_LOCAL, R1, 137, [0; 4], &redirect),
    ];
    let mut dropped = 0;
    for (from, to, kind, word, body) in all {
        let good = message(from, to, kind, word, &with(body, &source));
        let mut wrong_code = good.clone();
        wrong_code[41] = 1;
        // The sum moves by what the code did, so that the code is all that is wrong.
        let sum = u16::from_be_bytes([good[42], good[43]]);
        wrong_code[42..44].copy_from_slice(&sum.wrapping_sub(1).to_be_bytes());
        let mut wrong_sum = good.clone();
        wrong_sum[43] ^= 1;
        for bad in [
            with_hop_limit(&good, 254),
            with_hop_limit(&good, 64),
            wrong_code,
            wrong_sum,
            message(
                from,
                to,
                kind,
                word,
                &with(body, &[SOURCE, 0, 0, 0, 0, 0, 0, 0]),
            ),
            message(
                from,
                to,
                kind,
                word,
                &with(body, &[SOURCE, 2, 0, 0, 0, 0, 0, 0]),
            ),
        ] {
            dropped += 1;
            assert_eq!(
                lab.receive(B, &framed(R1_MAC, X_MAC, &bad)),
                [],
                "{bad:02x?}"
            );
            assert_eq!(lab.dropped(DropReason::NdInvalid), dropped, "{bad:02x?}");
        }
    }
    assert_eq!(lab.to_twin(), 0);
    assert_ne!(send_to_x(&mut lab), to_x(X_MAC), "and nothing was learned");
}

#[test]
fn n_08_solicitations_for_own_addresses_are_answered() {
    let mut lab = Lab::new();
    let flags = ROUTER | SOLICITED | OVERRIDE;
    for own in [R1, R1_LINK_LOCAL] {
        for host in [X6, X_LINK_LOCAL] {
            assert_eq!(
                lab.receive(B, &who_has6(X_MAC, host, own)),
                [advertises(own, host, X_MAC, flags)]
            );
            // A probe, without the option (RFC 4861 section 7.2.2).
            let probe = framed(R1_MAC, X_MAC, &solicitation(host, own, own, &[]));
            assert_eq!(
                lab.receive(B, &probe),
                [advertises(own, host, X_MAC, flags)]
            );
        }
    }
    for other in [X6, R0, "2001:db8:2::2"] {
        assert_eq!(
            lab.receive(B, &who_has6(X_NEW_MAC, "2001:db8:2::78", other)),
            [],
            "{other}"
        );
    }
}

#[test]
fn n_08_duplicate_address_detection_is_answered_to_all() {
    let mut lab = Lab::new();
    for own in [R1, R1_LINK_LOCAL] {
        let (group, mac) = solicited_node(own);
        let asks = framed(mac, X_MAC, &solicitation("::", &group, own, &[]));
        assert_eq!(
            lab.receive(B, &asks),
            [advertises(own, ALL_NODES, ALL_NODES_MAC, ROUTER | OVERRIDE)]
        );
        // With the option it would be wrong (section 7.1.1).
        let asks = framed(
            mac,
            X_MAC,
            &solicitation("::", &group, own, &link_option(SOURCE, X_MAC)),
        );
        assert_eq!(lab.receive(B, &asks), []);
    }
    assert_eq!(lab.dropped(DropReason::NdInvalid), 2);
}

#[test]
fn n_11_router_advertisements_and_redirects_do_not_route() {
    let mut lab = Lab::new();
    let beyond = udp(A_HOST, "2001:db8:b::1", b"data");
    let nowhere = udp(A_HOST, "2001:db8:dead::1", b"data");
    let no_route = Icmpv6Type::DestinationUnreachable(DestUnreachableCode::NoRoute);
    let unchanged = |lab: &mut Lab| {
        assert_eq!(
            lab.send(A, &beyond),
            [sent(B, framed(B_MAC, R1_MAC, &with_hop_limit(&beyond, 63)))]
        );
        assert_eq!(
            lab.send(A, &nowhere),
            [lab.to_host(A, &error(R0, no_route, &nowhere))]
        );
    };
    unchanged(&mut lab);
    // A default router for half an hour, with an on-link prefix that hosts are to form addresses of.
    let prefix = [
        &[3, 4, 64, 0xc0, 0, 0, 7, 8, 0, 0, 7, 8, 0, 0, 0, 0][..],
        &address("2001:db8:dead::").octets(),
    ]
    .concat();
    let body = [&[0; 8][..], &link_option(SOURCE, X_MAC), &prefix].concat();
    let advertised = message(X_LINK_LOCAL, ALL_NODES, 134, [64, 0, 7, 8], &body);
    assert_eq!(
        lab.receive(B, &framed(ALL_NODES_MAC, X_MAC, &advertised)),
        []
    );
    // "For 2001:db8:b::1 I am the better gateway", from the gateway that the router uses.
    let better = [
        address(X_LINK_LOCAL).octets(),
        address("2001:db8:b::1").octets(),
    ]
    .concat();
    let redirect = message(
        "fe80::b",
        R1,
        137,
        [0; 4],
        &[&better[..], &link_option(TARGET, X_MAC)].concat(),
    );
    assert_eq!(lab.receive(B, &framed(R1_MAC, B_MAC, &redirect)), []);
    assert_eq!(lab.dropped(DropReason::NdInvalid), 0);
    assert_eq!(lab.to_twin(), 2, "the kernel may want to see them");
    unchanged(&mut lab);
}

#[test]
fn n_12_frames_to_solicited_node_groups_are_taken() {
    let mut lab = Lab::new();
    let (_, mac) = solicited_node(R1);
    assert_eq!(mac, [0x33, 0x33, 0xff, 0, 0, 1]);
    assert_eq!(lab.receive(B, &who_has6(X_MAC, X6, R1)).len(), 1);
    // Of another's group nothing comes, and nothing is told to anybody.
    assert_eq!(
        lab.receive(B, &who_has6(X_MAC, X6, "2001:db8:2::ab:cdef")),
        []
    );
    assert_eq!(lab.dropped(DropReason::NotOurMac), 0);
}
