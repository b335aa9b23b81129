//! The path's MTU through tunnels.

use std::net::IpAddr;

use etherparse::icmpv4::DestUnreachableHeader;
use etherparse::{
    EtherType, Icmpv4Type, NetSlice, PacketBuilder, SlicedPacket, TcpOptionElement, TransportSlice,
};
use ferroute_control::model::interface::InterfaceChange;
use ferroute_control::model::number::{Choice, Mtu};
use ferroute_tests::bench::frames::{V4, assert_sound, framed};

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
        ("via 2001:db8::2 ip", 40),
        ("via 192.0.2.2 gue", 32),
        ("via 2001:db8::2 gue", 52),
        ("via 192.0.2.2 mpls 16", 4),
        ("via 2001:db8::2 mpls 16/17", 8),
    ] {
        let mut bench = lab();
        bench
            .vni(100, "red", RMAC)
            .route_in("red", "203.0.113.0/24", to)
            .route_in("red", "2001:db8:f::/48", to);
        let mtu = 1500 - overhead;
        assert_eq!(bench.tunnels()[0].payload_mtu, mtu, "{to}");
        let fits = [
            large(HOST, mtu.into()).link(HOST_MAC, P0).frame(),
            large_v6(mtu.into()),
        ];
        for fits in fits {
            let sent = bench.receive("p0", &fits);
            assert_eq!((sent.len(), sent[0].port.as_str()), (1, "p1"), "{to}");
            assert_eq!(sent[0].frame.len(), 1514, "{to}: the link is filled");
        }
        let too_big = large(HOST, usize::from(mtu) + 1).link(HOST_MAC, P0);
        let error = V4::error("10.0.0.1", needed(mtu), &too_big.packet()).link(P0, HOST_MAC);
        let sent = bench.receive("p0", &too_big.frame());
        assert_eq!(sent.len(), 1, "{to}");
        assert_eq!(sent[0].frame, error.frame(), "{to}");
        let sent = bench.receive("p0", &large_v6(usize::from(mtu) + 1));
        assert_eq!((sent.len(), sent[0].port.as_str()), (1, "p0"), "{to}");
        assert_sound(&sent[0].frame);
        let [kind, code, _, _, told @ ..] = &sent[0].frame[54..62] else {
            panic!("{sent:02x?}");
        };
        assert_eq!((*kind, *code), (2, 0), "{to}: packet too big");
        assert_eq!(told, u32::from(mtu).to_be_bytes(), "{to}");
    }
}

/// An IPv6 packet of the host of so many bytes.
fn large_v6(bytes: usize) -> Vec<u8> {
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(HOST_MAC, P0)
        .ipv6(v6_octets("fd00::9"), v6_octets("2001:db8:f::7"), 64)
        .udp(4000, 5000)
        .write(&mut frame, &vec![0x5a; bytes - 48])
        .unwrap();
    frame
}

fn v6_octets(text: &str) -> [u8; 16] {
    text.parse::<std::net::Ipv6Addr>().unwrap().octets()
}

/// What opens a connection, with this MSS.
fn opens(from: &str, to: &str, mss: u16, answer: bool) -> Vec<u8> {
    let [from, to] = [from, to].map(|text| text.parse::<IpAddr>().unwrap());
    let ip = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => PacketBuilder::ipv4(from.octets(), to.octets(), 64),
        (IpAddr::V6(from), IpAddr::V6(to)) => PacketBuilder::ipv6(from.octets(), to.octets(), 64),
        _ => panic!("two families"),
    };
    let mut tcp = ip.tcp(4000, 5000, 7, 1000).syn();
    if answer {
        tcp = tcp.ack(8);
    }
    let tcp = tcp
        .options(&[
            TcpOptionElement::Noop,
            TcpOptionElement::MaximumSegmentSize(mss),
        ])
        .unwrap();
    let mut packet = Vec::new();
    tcp.write(&mut packet, &[]).unwrap();
    packet
}

/// The MSS in a packet that leaves, whose checksums are right.
#[track_caller]
fn mss_of(packet: &[u8]) -> u16 {
    let sliced = SlicedPacket::from_ip(packet).unwrap();
    let (Some(net), Some(TransportSlice::Tcp(tcp))) = (&sliced.net, &sliced.transport) else {
        panic!("{packet:02x?}");
    };
    let sum = match net {
        NetSlice::Ipv4(ip) => {
            tcp.calc_checksum_ipv4(ip.header().source(), ip.header().destination())
        }
        NetSlice::Ipv6(ip) => {
            tcp.calc_checksum_ipv6(ip.header().source(), ip.header().destination())
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(sum.unwrap(), tcp.checksum(), "{packet:02x?}");
    let mss = tcp.options_iterator().find_map(|option| match option {
        Ok(TcpOptionElement::MaximumSegmentSize(mss)) => Some(mss),
        _ => None,
    });
    mss.unwrap()
}

#[test]
fn p_06_the_mss_is_lowered_into_tunnels_and_out_of_them() {
    let mut bench = lab();
    let to = "via 192.0.2.2 vxlan 100/02:00:00:00:02:02";
    bench
        .vni(100, "red", RMAC)
        .route_in("red", "203.0.113.0/24", to)
        .route_in("red", "2001:db8:f::/48", to);
    let pairs = [
        (HOST, FAR, EtherType::IPV4, 40),
        ("fd00::9", "2001:db8:f::7", EtherType::IPV6, 60),
    ];
    for tcp_mtu in [None, Some(1400_u16), None] {
        for interface in ["p0", "vni100"] {
            let wanted = tcp_mtu.map_or(Choice::Auto, |mtu| {
                Choice::Exactly(Mtu::try_from(u32::from(mtu)).unwrap())
            });
            let change = InterfaceChange {
                tcp_mtu: Some(wanted),
                ..InterfaceChange::default()
            };
            let view = bench.change(interface, change).unwrap();
            assert_eq!(view.tcp_mtu, wanted);
        }
        for (host, far, kind, headers) in pairs {
            for (mss, lowered) in [
                (1460, tcp_mtu.map_or(1460, |mtu| mtu - headers)),
                (500, 500),
            ] {
                let out = framed(HOST_MAC, P0, None, kind, &opens(host, far, mss, false));
                let sent = outer(&bench.receive("p0", &out));
                assert_eq!(mss_of(&sent.payload[22..]), lowered, "{tcp_mtu:?}");
                let back = inner_frame(RMAC, &opens(far, host, mss, true));
                let frame = tunneled("192.0.2.2", 4789, &[&vxlan(100)[..], &back].concat());
                let sent = bench.receive("p1", &frame);
                assert_eq!((sent.len(), sent[0].port.as_str()), (1, "p0"));
                assert_eq!(mss_of(&sent[0].frame[14..]), lowered, "{tcp_mtu:?}");
            }
        }
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
