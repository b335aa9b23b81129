//! What is for the router itself.

use etherparse::{IcmpEchoHeader, Icmpv4Type};
use ferroute_tests::bench::frames::{V4, assert_sound};

use crate::lab::{FAR, HOST, HOST_MAC, P0_MAC, dropped_for, expect, from_host, lab, to_host};

fn ping(to: &str, data: &[u8]) -> V4 {
    from_host(V4::icmp(
        HOST,
        to,
        Icmpv4Type::EchoRequest(IcmpEchoHeader {
            id: 0x1234,
            seq: 77,
        }),
        data,
    ))
}

fn pong(from: &str, data: &[u8]) -> V4 {
    V4::icmp(
        from,
        HOST,
        Icmpv4Type::EchoReply(IcmpEchoHeader {
            id: 0x1234,
            seq: 77,
        }),
        data,
    )
}

#[test]
fn v4_23_a_ping_is_answered_from_the_address_it_went_to() {
    let mut bench = lab();
    for own in ["10.0.0.1", "10.0.1.1"] {
        for bytes in [0, 1, 55, 56, 1471, 1472] {
            let data: Vec<u8> = (0..bytes).map(|b| b as u8).collect();
            let request =
                ping(own, &data).with(|h| (h.identification, h.dont_fragment) = (0xabcd, true));
            let reply =
                pong(own, &data).with(|h| (h.identification, h.dont_fragment) = (0xabcd, true));
            expect(&mut bench, &request, &[to_host(&reply)]);
        }
    }
    let marked = ping("10.0.0.1", b"x").with(|h| h.dscp = 46.try_into().unwrap());
    expect(
        &mut bench,
        &marked,
        &[to_host(
            &pong("10.0.0.1", b"x").with(|h| h.dscp = 46.try_into().unwrap()),
        )],
    );
    assert_eq!(bench.twin_frames(), [], "the router answers by itself");
}

#[test]
fn v4_23_a_wrong_checksum_is_dropped_and_what_is_no_request_goes_to_the_kernel() {
    let mut bench = lab();
    let mut packet = ping("10.0.0.1", b"data");
    packet.payload[8] ^= 1;
    dropped_for(&mut bench, &packet.frame(), "icmp_invalid");
    let reply = from_host(pong("10.0.0.1", b"data").with(|h| {
        h.source = [10, 0, 0, 9];
        h.destination = [10, 0, 0, 1];
    }));
    expect(&mut bench, &reply, &[]);
    assert_eq!(bench.twin_frames(), [("p0".into(), reply.frame())]);
}

#[test]
fn v4_23_no_ping_to_broadcast_is_answered() {
    let mut bench = lab();
    for to in ["10.0.0.255", "255.255.255.255", "224.0.0.1"] {
        let request = ping(to, b"smurf").link(HOST_MAC, [0xff; 6]);
        expect(&mut bench, &request, &[]);
    }
    dropped_for(
        &mut bench,
        &ping("10.0.1.255", b"smurf").frame(),
        "directed_broadcast",
    );
    let request = ping("10.0.0.1", b"x").link(HOST_MAC, [0xff; 6]);
    dropped_for(&mut bench, &request.frame(), "unicast_in_group_frame");
}

#[test]
fn v4_23_what_the_kernel_sends_leaves_unchanged() {
    let mut bench = lab();
    let frame = V4::udp("10.0.0.1", HOST, b"from the kernel")
        .ttl(1)
        .link(P0_MAC, HOST_MAC)
        .frame();
    let sent = bench.from_twin("p0", &frame);
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].port.as_str(), &sent[0].frame), ("p0", &frame));
    assert_sound(&sent[0].frame);
    bench.admin("p0", false);
    assert_eq!(bench.from_twin("p0", &frame), []);
    assert_eq!(bench.exception_counters().from_twin_dropped.get(), 1);
    dropped_for(
        &mut bench,
        &from_host(V4::udp(HOST, FAR, b"x")).frame(),
        "interface_down",
    );
}
