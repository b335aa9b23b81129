//! Packets that are not what they should be: each ends in silence, by one counter.

use etherparse::{EtherType, Icmpv4Type, IpNumber};
use ferroute_tests::bench::frames::{V4, framed};

use crate::lab::{
    FAR, GATEWAY, GATEWAY_MAC, HOST, HOST_MAC, P0_MAC, P1_MAC, datagram, dropped_for, expect,
    forwarded, from_host, lab,
};

const BROADCAST: [u8; 6] = [0xff; 6];

#[test]
fn v4_05_a_bad_header_checksum_is_dropped_in_silence_before_all_else() {
    let mut bench = lab();
    let packet = datagram(FAR);
    for bit in 0..16 {
        let mut bytes = packet.packet();
        bytes[10 + bit / 8] ^= 1 << (bit % 8);
        dropped_for(&mut bench, &packet.around(&bytes), "ipv4_checksum");
    }
    // To the router itself, without a route, with a TTL that ran out, with options: never more than the drop.
    for bad in [
        datagram("10.0.0.1"),
        datagram("203.0.113.1"),
        packet.clone().ttl(1),
        packet.clone().options(&[148, 4, 0, 0]),
    ] {
        let mut bytes = bad.packet();
        bytes[11] ^= 0x10;
        dropped_for(&mut bench, &bad.around(&bytes), "ipv4_checksum");
    }
    assert_eq!(bench.twin_frames(), []);
}

/// The packet with one byte changed and its checksum made right again.
fn resealed(packet: &V4, at: usize, value: u8) -> Vec<u8> {
    let mut bytes = packet.packet();
    bytes[at] = value;
    bytes[10..12].fill(0);
    let header = usize::from(bytes[0] & 0xf) * 4;
    let sum = etherparse::checksum::Sum16BitWords::new()
        .add_slice(&bytes[..header.clamp(20, bytes.len())]);
    bytes[10..12].copy_from_slice(&sum.ones_complement().to_be().to_be_bytes());
    packet.around(&bytes)
}

#[test]
fn v4_06_each_wrong_length_and_version_has_its_counter() {
    let mut bench = lab();
    let packet = datagram(FAR);
    for version in (0..16).filter(|v| *v != 4) {
        dropped_for(
            &mut bench,
            &resealed(&packet, 0, version << 4 | 5),
            "ipv4_version",
        );
    }
    for words in 0..5 {
        dropped_for(
            &mut bench,
            &resealed(&packet, 0, 0x40 | words),
            "ipv4_header_length",
        );
    }
    // A header that is longer than the frame, or than the packet.
    dropped_for(
        &mut bench,
        &resealed(&packet, 0, 0x4f),
        "ipv4_header_length",
    );
    dropped_for(
        &mut bench,
        &resealed(&datagram(FAR).options(&[1; 8]), 3, 27),
        "ipv4_total_length",
    );
    for total in 0..20 {
        dropped_for(
            &mut bench,
            &resealed(&packet, 3, total),
            "ipv4_total_length",
        );
    }
    let whole = packet.frame();
    for cut in 14 + 20..whole.len() {
        dropped_for(&mut bench, &whole[..cut], "ipv4_total_length");
    }
    for cut in 14..14 + 20 {
        dropped_for(&mut bench, &whole[..cut], "ipv4_truncated");
    }
    for cut in 0..14 {
        dropped_for(&mut bench, &whole[..cut], "ethernet_truncated");
    }
    expect(&mut bench, &packet, &[forwarded(&packet)]);
}

#[test]
fn v4_09_martian_sources_are_dropped_and_counted() {
    let mut bench = lab();
    let martians = [
        "127.0.0.1",
        "127.255.255.255",
        "0.0.0.0",
        "0.1.2.3",
        "224.0.0.1",
        "239.1.2.3",
        "240.0.0.1",
        "254.9.9.9",
        "255.255.255.255",
    ];
    for source in martians {
        for to in [FAR, "10.0.0.1", "203.0.113.9"] {
            dropped_for(
                &mut bench,
                &from_host(V4::udp(source, to, b"x")).frame(),
                "ipv4_source_martian",
            );
        }
    }
    for source in [
        "1.0.0.1",
        "126.255.255.255",
        "128.0.0.1",
        "223.255.255.254",
        "10.0.0.9",
    ] {
        let packet = from_host(V4::udp(source, FAR, b"x"));
        expect(&mut bench, &packet, &[forwarded(&packet)]);
    }
}

#[test]
fn v4_10_martian_destinations_are_never_forwarded_whatever_the_routes_say() {
    let mut bench = lab();
    bench.route("0.0.0.0/0", "via 10.0.1.2");
    for to in [
        "127.0.0.1",
        "127.1.2.3",
        "0.0.0.0",
        "0.9.9.9",
        "240.0.0.1",
        "255.255.255.254",
    ] {
        dropped_for(
            &mut bench,
            &datagram(to).frame(),
            "ipv4_destination_martian",
        );
    }
    // Limited broadcast ends on its link: the kernel may want it, as a DHCP server would.
    let broadcast = V4::udp(HOST, "255.255.255.255", b"hello").link(HOST_MAC, BROADCAST);
    expect(&mut bench, &broadcast, &[]);
    assert_eq!(bench.twin_frames(), [("p0".into(), broadcast.frame())]);
    let asking =
        V4::udp_ports("0.0.0.0", "255.255.255.255", 68, 67, b"discover").link(HOST_MAC, BROADCAST);
    expect(&mut bench, &asking, &[]);
    assert_eq!(bench.twin_frames().len(), 1, "DHCP asks from no address");
}

#[test]
fn v4_11_directed_broadcasts_are_not_forwarded() {
    let mut bench = lab();
    bench
        .address("p1", "198.51.100.1/25")
        .address("p1", "198.51.100.129/31");
    for to in ["10.0.1.255", "198.51.100.127"] {
        dropped_for(&mut bench, &datagram(to).frame(), "directed_broadcast");
        // Nor with a TTL that would have run out, nor as an echo request: silence.
        dropped_for(
            &mut bench,
            &datagram(to).ttl(1).frame(),
            "directed_broadcast",
        );
    }
    assert_eq!(bench.twin_frames(), []);
    // The broadcast of the link on which it came is the link's own matter.
    let own = V4::udp(HOST, "10.0.0.255", b"who is there").link(HOST_MAC, BROADCAST);
    expect(&mut bench, &own, &[]);
    assert_eq!(bench.twin_frames(), [("p0".into(), own.frame())]);
    // A /31 has no broadcast (RFC 3021): both are hosts.
    bench.neighbour("p1", "198.51.100.128", GATEWAY_MAC);
    let packet = datagram("198.51.100.128");
    expect(&mut bench, &packet, &[forwarded(&packet)]);
}

#[test]
fn v4_12_unicast_packets_in_group_frames_are_dropped() {
    let mut bench = lab();
    for group in [BROADCAST, [1, 0, 0x5e, 0, 0, 1], [0x33, 0x33, 0, 0, 0, 1]] {
        for to in [FAR, "10.0.0.1", GATEWAY, "203.0.113.1"] {
            let packet = V4::udp(HOST, to, b"x").link(HOST_MAC, group);
            dropped_for(&mut bench, &packet.frame(), "unicast_in_group_frame");
            dropped_for(&mut bench, &packet.ttl(1).frame(), "unicast_in_group_frame");
        }
    }
    assert_eq!(bench.twin_frames(), []);
    let other = V4::udp(HOST, FAR, b"x").link(HOST_MAC, [2, 9, 9, 9, 9, 9]);
    dropped_for(&mut bench, &other.frame(), "not_our_mac");
    let from_group = V4::udp(HOST, FAR, b"x").link([3, 0, 0, 0, 0, 1], P0_MAC);
    dropped_for(&mut bench, &from_group.frame(), "source_mac_invalid");
}

#[test]
fn v4_24_the_same_prefix_in_two_vrfs_never_leaks() {
    let mut bench = lab();
    let (red0, red1) = ([2, 0, 0, 0, 1, 0], [2, 0, 0, 0, 1, 1]);
    let red_gateway = [2, 0, 0, 0, 1, 0xa2];
    bench
        .vrf("red")
        .port_in("red", "r0", red0, &["10.0.0.1/24"])
        .port_in("red", "r1", red1, &["10.0.1.1/24"]);
    bench
        .neighbour("r1", GATEWAY, red_gateway)
        .neighbour("r0", HOST, HOST_MAC);
    bench
        .route_in("red", "192.0.2.0/25", "via 10.0.1.2")
        .route("198.51.100.0/24", "via 10.0.1.2");
    let red = |to| V4::udp(HOST, to, b"red").link(HOST_MAC, red0);
    let near = red(FAR);
    let sent = bench.receive("r0", &near.frame());
    assert_eq!(sent.len(), 1);
    assert_eq!(
        (sent[0].port.as_str(), &sent[0].frame),
        ("r1", &near.clone().ttl(63).link(red1, red_gateway).frame())
    );
    let plain = datagram(FAR);
    expect(&mut bench, &plain, &[forwarded(&plain)]);
    // What only one of them has, the other has not; the error comes from an address of the VRF.
    for (port, packet) in [
        ("r0", red("198.51.100.1")),
        ("r0", red("192.0.2.200")),
        ("p0", datagram("203.0.113.1")),
    ] {
        let sent = bench.receive(port, &packet.frame());
        assert_eq!(sent.len(), 1, "an error");
        assert_eq!(
            (sent[0].port.as_str(), sent[0].frame[34..36].to_vec()),
            (port, vec![3, 0])
        );
    }
    // A default route of another VRF is no help.
    bench.route("0.0.0.0/0", "via 10.0.1.2");
    let sent = bench.receive("r0", &red("198.51.100.1").frame());
    assert_eq!(
        (sent.len(), sent[0].port.as_str()),
        (1, "r0"),
        "no route in red"
    );
    // A ping is answered in the VRF in which it came, to the requester there.
    let kind = Icmpv4Type::EchoRequest(etherparse::IcmpEchoHeader { id: 7, seq: 9 });
    let ping = V4::icmp(HOST, "10.0.1.1", kind, b"echo").link(HOST_MAC, red0);
    assert_eq!(bench.receive("r0", &ping.frame())[0].port, "r0");
    // Frames of a VLAN, or of a port, that no VRF has are dropped.
    dropped_for(&mut bench, &plain.clone().vlan(99).frame(), "unknown_vlan");
    // A leak on purpose is a route that says so.
    bench
        .route("203.0.113.0/24", "vrf red")
        .route_in("red", "203.0.113.0/24", "via 10.0.1.2");
    let leaked = datagram("203.0.113.5");
    let sent = bench.receive("p0", &leaked.frame());
    assert_eq!((sent.len(), sent[0].port.as_str()), (1, "r1"));
    assert_ne!(P1_MAC, red1);
}

#[test]
fn v4_25_groups_of_the_link_are_never_forwarded_and_the_kernel_sees_them() {
    let mut bench = lab();
    bench.route("0.0.0.0/0", "via 10.0.1.2");
    for last in [1, 2, 5, 18, 251, 255] {
        let group = format!("224.0.0.{last}");
        let hello = V4::new(HOST, &group, IpNumber(89), b"hello")
            .link(HOST_MAC, [1, 0, 0x5e, 0, 0, last])
            .ttl(1);
        expect(&mut bench, &hello, &[]);
        assert_eq!(
            bench.twin_frames(),
            [("p0".into(), hello.frame())],
            "{group}"
        );
    }
    for group in ["224.0.1.1", "232.1.1.1", "239.255.255.255"] {
        let packet = V4::udp(HOST, group, b"x").link(HOST_MAC, [1, 0, 0x5e, 0, 1, 1]);
        dropped_for(&mut bench, &packet.frame(), "multicast");
    }
    let lldp = framed(
        HOST_MAC,
        [1, 0x80, 0xc2, 0, 0, 0xe],
        None,
        EtherType(0x88cc),
        &[2, 7, 4, 2, 0, 0, 0, 0, 1],
    );
    assert_eq!(bench.receive("p0", &lldp), []);
    assert_eq!(bench.twin_frames(), [("p0".into(), lldp)]);
}
