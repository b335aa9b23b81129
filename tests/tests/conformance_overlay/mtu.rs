//! The path's MTU through tunnels.

use etherparse::Icmpv4Type;
use etherparse::icmpv4::DestUnreachableHeader;
use ferroute_tests::bench::frames::V4;

use super::lab::{
    FAR, GATEWAY_MAC, HOST, HOST_MAC, P0, P1, RMAC, from_host, inner_frame, ipv4, lab, outer,
    tunneled, vxlan,
};

fn needed(mtu: u16) -> Icmpv4Type {
    Icmpv4Type::DestinationUnreachable(DestUnreachableHeader::FragmentationNeeded {
        next_hop_mtu: mtu,
    })
}

/// A packet of so many bytes that may not be cut.
fn large(from: &str, bytes: usize) -> V4 {
    let data = vec![0x5a; bytes - 28];
    V4::udp(from, FAR, &data).with(|header| header.dont_fragment = true)
}

#[test]
fn p_01_the_tenant_learns_the_egress_mtu_less_the_encapsulation() {
    for (to, overhead) in [
        ("via 192.0.2.2 vxlan 100/02:00:00:00:02:02", 50),
        ("via 2001:db8::2 vxlan 100/02:00:00:00:02:02", 70),
        ("via 192.0.2.2 mpls-udp 16", 32),
        ("via 192.0.2.2 mpls-udp 16/17", 36),
        ("via 2001:db8::2 mpls-udp 16", 52),
        ("via 2001:db8::2 mpls-udp 16/17/18", 60),
        ("via 192.0.2.2 ip", 20),
        ("via 2001:db8::2 gue", 52),
        ("via 192.0.2.2 mpls 16", 4),
    ] {
        let mut bench = lab();
        bench
            .vni(100, "red", RMAC)
            .route_in("red", "203.0.113.0/24", to);
        let mtu = 1500 - overhead;
        assert_eq!(bench.tunnels()[0].payload_mtu, mtu, "{to}");
        let fits = large(HOST, mtu.into()).link(HOST_MAC, P0);
        let sent = bench.receive("p0", &fits.frame());
        assert_eq!((sent.len(), sent[0].port.as_str()), (1, "p1"), "{to}");
        assert_eq!(sent[0].frame.len(), 1514, "{to}: the link is filled");
        let too_big = large(HOST, usize::from(mtu) + 1).link(HOST_MAC, P0);
        let error = V4::error("10.0.0.1", needed(mtu), &too_big.packet()).link(P0, HOST_MAC);
        let sent = bench.receive("p0", &too_big.frame());
        assert_eq!(sent.len(), 1, "{to}");
        assert_eq!(sent[0].frame, error.frame(), "{to}");
    }
}

#[test]
fn p_02_the_error_goes_over_the_tunnel_when_the_source_is_remote() {
    let mut bench = lab();
    bench.vni(100, "red", RMAC);
    bench.route_in(
        "red",
        "203.0.113.0/24",
        "via 192.0.2.2 vxlan 100/02:00:00:00:02:02",
    );
    bench.mtu("p0", 1300);
    let data = vec![0x5a; 1300];
    let packet = V4::udp(FAR, HOST, &data).with(|header| header.dont_fragment = true);
    let inner = inner_frame(RMAC, &packet.packet());
    let frame = tunneled("192.0.2.2", 4789, &[&vxlan(100)[..], &inner].concat());
    let out = outer(&bench.receive("p1", &frame));
    assert_eq!((out.port, out.destination), (4789, vec![192, 0, 2, 2]));
    assert_eq!(out.payload[..8], vxlan(100));
    let header = ipv4(&out.payload[22..]);
    assert_eq!(
        (header.source, header.destination),
        ([10, 0, 0, 1], [203, 0, 113, 7])
    );
    assert_eq!(out.payload[42..44], [3, 4], "fragmentation needed");
    assert_eq!(out.payload[48..50], 1300_u16.to_be_bytes());
}

#[test]
fn p_03_a_report_about_a_live_tunnels_packet_lowers_its_mtu_and_no_other_does() {
    let mut bench = lab();
    bench.vni(100, "red", RMAC);
    bench.route_in(
        "red",
        "203.0.113.0/24",
        "via 192.0.2.2 vxlan 100/02:00:00:00:02:02",
    );
    let sent = bench.receive("p0", &from_host(FAR).frame());
    let ours = sent[0].frame[14..].to_vec();
    let report = |about: &[u8], mtu| {
        V4::icmp("10.0.1.2", "192.0.2.1", needed(mtu), &about[..28])
            .link(GATEWAY_MAC, P1)
            .frame()
    };
    let quoted =
        |from: &str, to: &str, port| V4::udp_ports(from, to, 50_000, port, b"any data").packet();
    for forged in [
        quoted("192.0.2.1", "192.0.2.9", 4789),
        quoted("192.0.2.1", "192.0.2.2", 53),
        quoted("192.0.2.7", "192.0.2.2", 4789),
    ] {
        bench.receive("p1", &report(&forged, 600));
    }
    bench.receive("p1", &report(&ours, 0));
    assert_eq!(bench.tunnels()[0].payload_mtu, 1450);
    bench.receive("p1", &report(&ours, 1400));
    bench.wait_until("the tunnel is narrower", |bench| {
        bench.tunnels()[0].payload_mtu == 1350
    });
    let too_big = large(HOST, 1351).link(HOST_MAC, P0);
    let error = V4::error("10.0.0.1", needed(1350), &too_big.packet()).link(P0, HOST_MAC);
    assert_eq!(
        bench.receive("p0", &too_big.frame())[0].frame,
        error.frame()
    );
    // No less than every link takes (RFC 791 section 3.2).
    bench.receive("p1", &report(&ours, 20));
    bench.wait_until("the floor", |bench| bench.tunnels()[0].payload_mtu == 68);
}
