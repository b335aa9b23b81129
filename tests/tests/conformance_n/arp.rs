//! What is answered to ARP, and what is learned from it.

use etherparse::ArpOperation;
use ferroute_dataplane::drops::DropReason;
use ferroute_tests::bench::Sent;

use crate::frames::{BROADCAST, aged, arp, arp_bytes, arp_framed, udp4, who_has};
use crate::lab::{A, B, Lab, R0_MAC, R1_MAC, sent};
use crate::packets::framed;
use crate::{A4, R0_4, R1_4, X_MAC, X_NEW_MAC, X4};

/// A packet from host a to host x, as it leaves to this Ethernet address.
fn to_x(mac: [u8; 6]) -> [Sent; 1] {
    [sent(B, framed(mac, R1_MAC, &aged(&udp4(A4, X4, 64, 1))))]
}

/// Sends a packet from host a to host x.
fn send_to_x(lab: &mut Lab) -> Vec<Sent> {
    lab.send(A, &udp4(A4, X4, 64, 1))
}

/// The router's request for host x.
fn asks_for_x() -> [Sent; 1] {
    [sent(B, who_has((R1_MAC, R1_4), X4))]
}

#[test]
fn n_01_only_requests_for_an_own_address_are_answered() {
    let mut lab = Lab::new();
    let host = (X_MAC, "10.0.1.9");
    for to in [BROADCAST, R0_MAC] {
        let request = arp(to, ArpOperation::REQUEST, host, ([0; 6], R0_4));
        let reply = arp(X_MAC, ArpOperation::REPLY, (R0_MAC, R0_4), host);
        assert_eq!(lab.receive(A, &request), [sent(A, reply)]);
    }
    // A probe for a free address (RFC 5227): the reply must not teach anybody that nobody is somebody.
    let probe = who_has((X_MAC, "0.0.0.0"), R0_4);
    let reply = arp(
        X_MAC,
        ArpOperation::REPLY,
        (R0_MAC, R0_4),
        (X_MAC, "0.0.0.0"),
    );
    assert_eq!(lab.receive(A, &probe), [sent(A, reply)]);
    for other in [A4, "10.0.1.0", "10.0.1.255", R1_4, "192.0.2.1"] {
        assert_eq!(lab.receive(A, &who_has(host, other)), [], "{other}");
    }
    let answer = arp(R0_MAC, ArpOperation::REPLY, host, (R0_MAC, R0_4));
    assert_eq!(lab.receive(A, &answer), []);
    assert_eq!(lab.dropped(DropReason::ArpInvalid), 0);
}

#[test]
fn n_01_other_hardware_protocols_lengths_and_operations_are_ignored() {
    let mut lab = Lab::new();
    let good = arp_bytes(ArpOperation::REQUEST, (X_MAC, "10.0.1.9"), ([0; 6], R0_4));
    let wrong = [
        (0, 1),
        (1, 6),
        (2, 0x86),
        (3, 0xdd),
        (4, 8),
        (4, 0),
        (5, 16),
        (5, 0),
        (6, 1),
        (7, 0),
        (7, 3),
        (7, 25),
    ];
    for (place, value) in wrong {
        let mut bad = good.clone();
        bad[place] = value;
        assert_eq!(
            lab.receive(A, &arp_framed(BROADCAST, X_MAC, &bad)),
            [],
            "byte {place} is {value}"
        );
    }
    for bytes in 0..good.len() {
        assert_eq!(
            lab.receive(A, &arp_framed(BROADCAST, X_MAC, &good[..bytes])),
            [],
            "{bytes} bytes"
        );
    }
    assert_eq!(
        lab.dropped(DropReason::ArpInvalid),
        (wrong.len() + good.len()) as u64
    );
    // Padding is no fault.
    let padded = [&good[..], &[0; 18]].concat();
    assert_eq!(
        lab.receive(A, &arp_framed(BROADCAST, X_MAC, &padded)).len(),
        1
    );
}

#[test]
fn n_02_any_arp_updates_an_entry_and_only_one_for_us_makes_one() {
    let mut lab = Lab::new();
    let elsewhere = "10.0.2.50";
    assert_eq!(lab.receive(B, &who_has((X_MAC, X4), elsewhere)), []);
    assert_eq!(
        send_to_x(&mut lab),
        asks_for_x(),
        "who asked another is not known"
    );
    let mut lab = Lab::new();
    assert_eq!(lab.receive(B, &who_has((X_MAC, X4), R1_4)).len(), 1);
    assert_eq!(send_to_x(&mut lab), to_x(X_MAC), "who asked us is");
    lab.receive(B, &who_has((X_NEW_MAC, X4), elsewhere));
    assert_eq!(
        send_to_x(&mut lab),
        to_x(X_NEW_MAC),
        "and is believed when asking another"
    );
    let reply = arp(
        [2, 0, 0, 0, 0, 0x50],
        ArpOperation::REPLY,
        (X_MAC, X4),
        ([2, 0, 0, 0, 0, 0x50], elsewhere),
    );
    lab.receive(B, &reply);
    // That was another's frame; the card of a real port would not even have passed it on.
    assert_eq!(lab.dropped(DropReason::NotOurMac), 1);
    assert_eq!(send_to_x(&mut lab), to_x(X_NEW_MAC));
}

#[test]
fn n_03_groups_are_nobodys_address() {
    let mut lab = Lab::new();
    lab.receive(B, &who_has((X_MAC, X4), R1_4));
    let groups = [
        BROADCAST,
        [0x33, 0x33, 0, 0, 0, 1],
        [1, 0, 0x5e, 0, 0, 1],
        [0; 6],
    ];
    for group in groups {
        let claim = arp_bytes(ArpOperation::REQUEST, (group, X4), ([0; 6], R1_4));
        assert_eq!(
            lab.receive(B, &arp_framed(BROADCAST, X_MAC, &claim)),
            [],
            "{group:x?}"
        );
    }
    assert_eq!(lab.dropped(DropReason::ArpInvalid), groups.len() as u64);
    assert_eq!(send_to_x(&mut lab), to_x(X_MAC));
    // Nor may a group send frames.
    assert_eq!(lab.receive(B, &who_has((BROADCAST, X4), R1_4)), []);
    assert_eq!(lab.dropped(DropReason::SourceMacInvalid), 1);
}

#[test]
fn n_06_the_packet_after_a_gratuitous_arp_goes_to_the_new_address() {
    for operation in [ArpOperation::REQUEST, ArpOperation::REPLY] {
        let mut lab = Lab::new();
        lab.receive(B, &who_has((X_MAC, X4), R1_4));
        // Through the connected route, and through one with the host as its gateway.
        lab.bench.route("10.77.0.0/16", "via 10.0.2.77");
        for mac in [X_NEW_MAC, X_MAC, X_NEW_MAC] {
            let before = send_to_x(&mut lab);
            assert_eq!(before.len(), 1);
            lab.receive(B, &arp(BROADCAST, operation, (mac, X4), (BROADCAST, X4)));
            assert_eq!(send_to_x(&mut lab), to_x(mac));
            let beyond = udp4(A4, "10.77.1.1", 64, 2);
            assert_eq!(
                lab.send(A, &beyond),
                [sent(B, framed(mac, R1_MAC, &aged(&beyond)))]
            );
        }
    }
}

#[test]
fn n_06_a_claim_to_the_routers_own_address_teaches_nothing() {
    let mut lab = Lab::new();
    lab.receive(
        B,
        &arp(
            BROADCAST,
            ArpOperation::REQUEST,
            (X_MAC, R1_4),
            ([0; 6], R1_4),
        ),
    );
    let reply = arp(X_MAC, ArpOperation::REPLY, (R1_MAC, R1_4), (X_MAC, X4));
    assert_eq!(
        lab.receive(B, &who_has((X_MAC, X4), R1_4)),
        [sent(B, reply)],
        "the router still has it"
    );
}
