//! How neighbours are asked for, what waits meanwhile, and how they are forgotten.

use etherparse::icmpv6::DestUnreachableCode;
use etherparse::{ArpOperation, Icmpv4Type, Icmpv6Type, icmpv4};
use ferroute_dataplane::drops::DropReason;
use ferroute_tests::bench::frames::V4;
use ferroute_tests::bench::{MILLISECOND, SECOND, Sent};

use crate::frames::{
    OVERRIDE, ROUTER, SOLICITED, SOURCE, TARGET, advertisement, aged, arp, link_option,
    solicitation, solicited_node, udp4, who_has, who_has6,
};
use crate::lab::{A, A_HOST, A_MAC, B, Lab, R0, R0_MAC, R1, R1_MAC, sent};
use crate::packets::{error, framed, udp, with_hop_limit};
use crate::{A4, R0_4, R1_4, X_MAC, X4, X6};

/// How many packets wait for one neighbour.
const HELD: usize = 8;

/// The router's solicitation for host x.
fn solicits_x() -> Sent {
    let (group, mac) = solicited_node(X6);
    sent(
        B,
        framed(
            mac,
            R1_MAC,
            &solicitation(R1, &group, X6, &link_option(SOURCE, R1_MAC)),
        ),
    )
}

/// The answer of host x.
fn x_answers() -> Vec<u8> {
    let answer = advertisement(
        X6,
        R1,
        SOLICITED | OVERRIDE,
        X6,
        &link_option(TARGET, X_MAC),
    );
    framed(R1_MAC, X_MAC, &answer)
}

fn to_x(number: u8) -> Vec<u8> {
    udp(A_HOST, X6, &[number; 20])
}

#[test]
fn n_04_a_silent_host_is_asked_for_once_a_second_and_its_packets_are_answered() {
    let mut lab = Lab::new();
    let begin = lab.bench.now_ns();
    let (mut asked, mut errors, mut offered) = (Vec::new(), Vec::new(), 0_u64);
    for number in 0..120_u8 {
        let mut left = lab.send(A, &udp4(A4, X4, 64, number));
        left.extend(lab.wait(50 * MILLISECOND));
        offered += 1;
        for frame in left {
            if frame == sent(B, who_has((R1_MAC, R1_4), X4)) {
                asked.push(lab.bench.now_ns() - begin);
            } else {
                errors.push(frame);
            }
        }
    }
    assert!(asked.len() >= 3);
    assert!(
        asked
            .windows(2)
            .all(|pair| pair[1] - pair[0] >= SECOND - 50 * MILLISECOND),
        "{asked:?}"
    );
    // The last packets of those that waited when the third request was not answered, in their order; the same again
    // for each later try.
    let unreachable = |number| {
        let kind = Icmpv4Type::DestinationUnreachable(icmpv4::DestUnreachableHeader::Host);
        sent(
            A,
            V4::error(R0_4, kind, &udp4(A4, X4, 64, number))
                .link(R0_MAC, A_MAC)
                .frame(),
        )
    };
    let first: Vec<_> = (60 - HELD as u8..60).map(unreachable).collect();
    assert_eq!(errors[..HELD], first);
    let unreached = lab.dropped(DropReason::NeighbourUnreachable);
    let waits = lab.bench.exception_counters().held_now();
    assert_eq!(
        unreached + lab.dropped(DropReason::NeighbourQueueFull) + waits,
        offered
    );
    assert!(unreached >= errors.len() as u64);
}

#[test]
fn n_05_what_waits_is_bounded_gives_way_oldest_first_and_leaves_in_order() {
    let mut lab = Lab::new();
    for number in 0..20 {
        lab.send(A, &udp4(A4, X4, 64, number));
        lab.send(A, &to_x(number));
    }
    assert_eq!(
        lab.dropped(DropReason::NeighbourQueueFull),
        2 * (20 - HELD as u64)
    );
    let newest = 20 - HELD as u8..20;
    let reply = arp(R1_MAC, ArpOperation::REPLY, (X_MAC, X4), (R1_MAC, R1_4));
    let expected: Vec<_> = newest
        .clone()
        .map(|n| sent(B, framed(X_MAC, R1_MAC, &aged(&udp4(A4, X4, 64, n)))))
        .collect();
    assert_eq!(lab.receive(B, &reply), expected);
    let expected: Vec<_> = newest
        .map(|n| sent(B, framed(X_MAC, R1_MAC, &with_hop_limit(&to_x(n), 63))))
        .collect();
    assert_eq!(lab.receive(B, &x_answers()), expected);
    assert_eq!(lab.bench.exception_counters().held_now(), 0);
}

#[test]
fn n_05_one_packet_is_enough_to_find_a_neighbour() {
    let mut lab = Lab::new();
    assert_eq!(
        lab.send(A, &udp4(A4, X4, 64, 1)),
        [sent(B, who_has((R1_MAC, R1_4), X4))]
    );
    let reply = arp(R1_MAC, ArpOperation::REPLY, (X_MAC, X4), (R1_MAC, R1_4));
    let expected = framed(X_MAC, R1_MAC, &aged(&udp4(A4, X4, 64, 1)));
    assert_eq!(lab.receive(B, &reply), [sent(B, expected)]);
}

#[test]
fn n_09_three_solicitations_a_second_apart_and_then_address_unreachable() {
    let mut lab = Lab::new();
    assert_eq!(lab.send(A, &to_x(1)), [solicits_x()]);
    for _ in 0..2 {
        assert_eq!(lab.wait(SECOND - 1), []);
        assert_eq!(lab.wait(1), [solicits_x()]);
    }
    assert_eq!(lab.wait(SECOND - 1), []);
    let kind = Icmpv6Type::DestinationUnreachable(DestUnreachableCode::Address);
    assert_eq!(lab.wait(1), [lab.to_host(A, &error(R0, kind, &to_x(1)))]);
    assert_eq!(lab.dropped(DropReason::NeighbourUnreachable), 1);
    assert_eq!(lab.wait(60 * SECOND), [], "nobody wants it any more");
}

/// Sends traffic to host x, lets the core note it, and expects it to arrive.
fn uses_x(lab: &mut Lab) {
    lab.bench.forget_used();
    assert_eq!(
        lab.send(A, &to_x(1)),
        [sent(
            B,
            framed(X_MAC, R1_MAC, &with_hop_limit(&to_x(1), 63))
        )]
    );
    lab.bench.note_used();
}

/// The router's solicitation to where it believes host x to be.
fn probes_x() -> Sent {
    let probe = solicitation(R1, X6, X6, &link_option(SOURCE, R1_MAC));
    sent(B, framed(X_MAC, R1_MAC, &probe))
}

#[test]
fn n_10_a_stale_neighbour_in_use_is_delayed_probed_and_deleted() {
    let mut lab = Lab::new();
    let answer = advertisement(
        R1,
        X6,
        ROUTER | SOLICITED | OVERRIDE,
        R1,
        &link_option(TARGET, R1_MAC),
    );
    assert_eq!(
        lab.receive(B, &who_has6(X_MAC, X6, R1)),
        [sent(B, framed(X_MAC, R1_MAC, &answer))]
    );
    assert_eq!(lab.wait(30 * SECOND), [], "stale, and nobody minds");
    uses_x(&mut lab);
    assert_eq!(lab.wait(5 * SECOND - 1), [], "delay");
    assert_eq!(lab.wait(1), [probes_x()]);
    for _ in 0..2 {
        assert_eq!(lab.wait(SECOND - 1), []);
        assert_eq!(lab.wait(1), [probes_x()]);
    }
    assert_eq!(lab.wait(SECOND), []);
    assert_eq!(lab.send(A, &to_x(1)), [solicits_x()], "unknown again");
}

#[test]
fn n_10_a_confirmation_keeps_a_neighbour_reachable() {
    let mut lab = Lab::new();
    lab.receive(B, &who_has6(X_MAC, X6, R1));
    uses_x(&mut lab);
    assert_eq!(lab.wait(5 * SECOND), [probes_x()]);
    assert_eq!(lab.receive(B, &x_answers()), []);
    // Half of the base reachable time is the least that a confirmation holds (RFC 4861 section 6.3.2).
    uses_x(&mut lab);
    assert_eq!(lab.wait(15 * SECOND - 1), []);
    // At most one and a half of it, and the delay: then it is asked again.
    lab.wait(30 * SECOND);
    uses_x(&mut lab);
    assert_eq!(lab.wait(5 * SECOND), [probes_x()]);
    assert_eq!(lab.receive(B, &x_answers()), []);
    uses_x(&mut lab);
}

#[test]
fn n_10_a_gateway_is_kept_resolved_without_traffic_and_no_other_neighbour_is() {
    let mut lab = Lab::new();
    lab.bench.route("2001:db8:77::/48", &format!("via {X6}"));
    // The route is only just there: the gateway is asked for at once.
    lab.wait(1);
    lab.receive(B, &x_answers());
    let quiet = |frames: &[Sent]| frames.iter().filter(|frame| **frame == probes_x()).count();
    let left = lab.wait(45 * SECOND);
    assert!(
        quiet(&left) >= 1,
        "the gateway is probed when its time is over: {left:?}"
    );
    let mut lab = Lab::new();
    lab.send(A, &to_x(1));
    lab.receive(B, &x_answers());
    assert_eq!(
        lab.wait(340 * SECOND),
        [],
        "a host that nobody speaks to is left alone"
    );
    assert_eq!(
        lab.send(A, &to_x(1)),
        [solicits_x()],
        "and forgotten in the end"
    );
}
