//! What leaves into a tunnel.

use std::collections::BTreeSet;

use etherparse::{NetSlice, SlicedPacket, TransportSlice};

use super::*;
use crate::punt::PuntReason;
use crate::snapshot::tunnel::{DontFragment, EcnMode, UdpChecksum};

struct Outer {
    traffic_class: u8,
    ttl: u8,
    flow_label: Option<u32>,
    dont_fragment: Option<bool>,
    source_port: u16,
    port: u16,
    checksum: u16,
    /// What follows UDP.
    shim: Vec<u8>,
}

/// Takes the outer headers of a frame apart by etherparse and checks what must always hold.
fn outer(frame: &[u8]) -> Outer {
    let packet = SlicedPacket::from_ethernet(frame).unwrap();
    assert_eq!(&frame[..6], &FABRIC);
    let Some(TransportSlice::Udp(udp)) = &packet.transport else {
        panic!("no UDP in {packet:?}");
    };
    assert_eq!(usize::from(udp.to_header().length), udp.slice().len());
    let (from, to) = addresses(&packet);
    let (traffic_class, ttl, flow_label, dont_fragment) = match packet.net.as_ref().unwrap() {
        NetSlice::Ipv4(ip) => {
            assert_eq!((from, to), (HERE4.into(), THERE4.into()));
            let header = ip.header().to_header();
            assert_eq!(header.header_checksum, header.calc_header_checksum());
            assert_eq!(usize::from(header.total_len), frame.len() - 14);
            let class = header.dscp.value() << 2 | header.ecn.value();
            (class, header.time_to_live, None, Some(header.dont_fragment))
        }
        NetSlice::Ipv6(ip) => {
            assert_eq!((from, to), (HERE6.into(), THERE6.into()));
            let header = ip.header().to_header();
            let label = Some(header.flow_label.value());
            (header.traffic_class, header.hop_limit, label, None)
        }
        other => panic!("{other:?}"),
    };
    if let (NetSlice::Ipv6(ip), 1..) = (packet.net.as_ref().unwrap(), udp.checksum()) {
        let right = udp
            .to_header()
            .calc_checksum_ipv6(&ip.header().to_header(), udp.payload());
        assert_eq!(udp.checksum(), right.unwrap());
    }
    Outer {
        traffic_class,
        ttl,
        flow_label,
        dont_fragment,
        source_port: udp.source_port(),
        port: udp.destination_port(),
        checksum: udp.checksum(),
        shim: udp.payload().to_vec(),
    }
}

#[test]
fn x_01_x_06_x_07_x_12_b_03_routed_vxlan_is_what_rfc_7348_and_9136_say() {
    for (family, over) in [(4, 4), (6, 4), (4, 6), (6, 6)] {
        let mut bench = Bench::new();
        bench.tunnel(routed(over), TunnelPolicy::default());
        let frame = host_packet(family, 1000, 100);
        let sent = outer(&bench.host_sends(frame.clone()));
        assert_eq!((sent.port, sent.ttl), (4789, 64));
        assert_eq!(sent.checksum == 0, over == 4);
        assert_eq!(sent.dont_fragment, (over == 4).then_some(true));
        assert_eq!(sent.shim[..8], [8, 0, 0, 0, 0, 0x13, 0x88, 0]);
        assert_eq!(sent.shim[8..14], REMOTE_ROUTER.octets());
        assert_eq!(sent.shim[14..20], ROUTER.octets());
        assert_eq!(sent.shim[20..22], frame[12..14]);
        let inner = &sent.shim[22..];
        assert_eq!(inner.len(), frame.len() - 14);
        if family == 4 {
            let (inner, _) = etherparse::Ipv4Header::from_slice(inner).unwrap();
            assert_eq!(inner.time_to_live, 63, "one less at ingress");
            assert_eq!(inner.header_checksum, inner.calc_header_checksum());
        } else {
            assert_eq!(inner[7], 63);
        }
        let tunnel = bench.forwarder.counters().tunnel(TunnelId::new(1));
        assert_eq!(tunnel.packets.get(), 1);
    }
}

#[test]
fn x_05_u_02_e_03_the_source_port_is_the_flows_and_spreads() {
    let mut bench = Bench::new();
    for encapsulation in [
        routed(6),
        Encapsulation::MplsUdp {
            ends: ends(6),
            labels: labels(&[VRF_LABEL]),
        },
    ] {
        bench.tunnel(encapsulation, TunnelPolicy::default());
        let flows: Vec<_> = (0..2000).map(|flow| host_packet(4, flow, 10)).collect();
        let once = bench.receive(TENANT_PORT, &flows);
        assert_eq!(
            once,
            bench.receive(TENANT_PORT, &flows),
            "a flow keeps its port"
        );
        let ports: BTreeSet<_> = once.iter().map(|f| outer(f).source_port).collect();
        assert!(ports.iter().all(|port| *port >= 49_152));
        // Of 2,000 draws from 16,384 ports, 1,884 are expected to differ.
        assert!(ports.len() > 1800, "{} ports", ports.len());
        let labels: BTreeSet<_> = once.iter().filter_map(|f| outer(f).flow_label).collect();
        assert!(labels.len() > 1950 && !labels.contains(&0));
    }
}

#[test]
fn u_02_all_fragments_of_a_datagram_have_one_source_port() {
    let mut bench = Bench::new();
    let frames: Vec<_> = [(0u16, true), (100, true), (200, false)]
        .map(|(offset, more)| {
            let mut frame = host_packet(4, 1000, 100);
            let (mut ip, _) = etherparse::Ipv4Header::from_slice(&frame[14..]).unwrap();
            ip.more_fragments = more;
            ip.dont_fragment = false;
            ip.fragment_offset = etherparse::IpFragOffset::try_new(offset).unwrap();
            ip.header_checksum = ip.calc_header_checksum();
            frame[14..34].copy_from_slice(&ip.to_bytes());
            // A later fragment has data where the ports were.
            frame[34] = offset as u8;
            frame
        })
        .to_vec();
    let ports: BTreeSet<_> = bench
        .receive(TENANT_PORT, &frames)
        .iter()
        .map(|f| outer(f).source_port)
        .collect();
    assert_eq!(ports.len(), 1);
}

#[test]
fn c_01_c_02_c_05_the_outer_traffic_class_is_as_the_policy_says() {
    for (ecn, dscp) in [
        (EcnMode::Normal, Mode::Pipe),
        (EcnMode::Normal, Mode::Uniform),
        (EcnMode::Compatibility, Mode::Uniform),
    ] {
        for over in [4, 6] {
            let mut bench = Bench::new();
            let policy = TunnelPolicy {
                ecn,
                dscp_mode: dscp,
                ..TunnelPolicy::default()
            };
            bench.tunnel(routed(over), policy);
            for class in [0xb8, 0xb9, 0xba, 0xbb, 0x01, 0xff] {
                let mut frame = host_packet(6, 1, 10);
                frame[14] = 0x60 | class >> 4;
                frame[15] = class << 4;
                let sent = outer(&bench.host_sends(frame));
                let ecn = if ecn == EcnMode::Normal { class & 3 } else { 0 };
                let dscp = if dscp == Mode::Uniform { class & !3 } else { 0 };
                assert_eq!(sent.traffic_class, dscp | ecn);
                let inner = &sent.shim[22..];
                assert_eq!(
                    inner[0] << 4 | inner[1] >> 4,
                    class,
                    "the inner class stays"
                );
            }
        }
    }
}

#[test]
fn x_12_df_and_ttl_follow_the_policy_and_identifications_do_not_repeat() {
    let mut bench = Bench::new();
    let policy = TunnelPolicy {
        ttl: 200,
        dont_fragment: DontFragment::Inner,
        ..TunnelPolicy::default()
    };
    bench.tunnel(routed(4), policy);
    let mut may_fragment = host_packet(4, 1, 10);
    may_fragment[20] = 0;
    let mut ip = etherparse::Ipv4Header::from_slice(&may_fragment[14..])
        .unwrap()
        .0;
    ip.dont_fragment = false;
    ip.header_checksum = ip.calc_header_checksum();
    may_fragment[14..34].copy_from_slice(&ip.to_bytes());
    let sent = bench.receive(TENANT_PORT, &vec![may_fragment; 64]);
    let ids: BTreeSet<_> = sent.iter().map(|f| [f[18], f[19]]).collect();
    assert_eq!(ids.len(), 64);
    assert_eq!(
        (outer(&sent[0]).dont_fragment, outer(&sent[0]).ttl),
        (Some(false), 200)
    );
    let sent = outer(&bench.host_sends(host_packet(4, 1, 10)));
    assert_eq!(sent.dont_fragment, Some(true), "etherparse sets DF");

    let uniform = TunnelPolicy {
        ttl_mode: Mode::Uniform,
        ..TunnelPolicy::default()
    };
    bench.tunnel(routed(4), uniform);
    assert_eq!(outer(&bench.host_sends(host_packet(6, 1, 10))).ttl, 63);
}

#[test]
fn u_01_u_03_u_04_u_07_l_01_labels_go_into_udp() {
    for (over, stack) in [(4, &[100][..]), (6, &[17, 100]), (4, &[17, 18, 19, 100])] {
        let mut bench = Bench::new();
        let encapsulation = Encapsulation::MplsUdp {
            ends: ends(over),
            labels: labels(stack),
        };
        bench.tunnel(encapsulation, TunnelPolicy::default());
        let frame = host_packet(4, 1, 33);
        let sent = outer(&bench.host_sends(frame.clone()));
        assert_eq!(sent.port, 6635);
        assert_eq!(sent.checksum == 0, over == 4);
        let expected: Vec<_> = stack
            .iter()
            .enumerate()
            .flat_map(|(place, label)| entry(*label, 0, place + 1 == stack.len(), 64))
            .collect();
        assert_eq!(sent.shim[..expected.len()], expected);
        assert_eq!(sent.shim.len(), expected.len() + frame.len() - 14);
    }
}

#[test]
fn l_03_l_10_uniform_labels_take_ttl_and_class_of_the_packet() {
    let mut bench = Bench::new();
    let policy = TunnelPolicy {
        ttl_mode: Mode::Uniform,
        dscp_mode: Mode::Uniform,
        ..TunnelPolicy::default()
    };
    let labels = labels(&[17, 100]);
    bench.tunnel(Encapsulation::Mpls { labels }, policy);
    let mut frame = host_packet(6, 1, 10);
    (frame[14], frame[15]) = (0x6b, 0x80);
    let sent = bench.host_sends(frame);
    assert_eq!(sent[12..14], [0x88, 0x47]);
    assert_eq!(
        sent[14..22],
        [entry(17, 5, false, 63), entry(100, 5, true, 63)].concat()
    );
}

#[test]
fn e_01_an_entropy_label_is_pushed_only_where_the_policy_says_so() {
    let mut bench = Bench::new();
    let policy = TunnelPolicy {
        entropy_label: true,
        ..TunnelPolicy::default()
    };
    let labels = labels(&[100]);
    bench.tunnel(Encapsulation::Mpls { labels }, policy);
    let mut seen = BTreeSet::new();
    for flow in 0..64 {
        let sent = bench.host_sends(host_packet(4, flow, 10));
        assert_eq!(
            sent[14..22],
            [entry(100, 0, false, 64), entry(7, 0, false, 64)].concat()
        );
        let entropy = u32::from_be_bytes(sent[22..26].try_into().unwrap());
        assert_eq!(entropy & 0xfff, 0x100, "bottom, TTL 0");
        assert!(entropy >> 12 > 15);
        seen.insert(entropy);
    }
    assert!(seen.len() > 60);
}

#[test]
fn ip_in_ip_names_the_inner_family() {
    for (family, over) in [(4, 4), (6, 4), (4, 6), (6, 6)] {
        let mut bench = Bench::new();
        let ends = ends(over);
        bench.tunnel(Encapsulation::IpIp { ends }, TunnelPolicy::default());
        let frame = host_packet(family, 1, 10);
        let sent = bench.host_sends(frame.clone());
        let protocol = if over == 4 { sent[23] } else { sent[20] };
        assert_eq!(protocol, if family == 4 { 4 } else { 41 });
        assert_eq!(sent.len(), frame.len() + if over == 4 { 20 } else { 40 });
        bench.tunnel(Encapsulation::Gue { ends }, TunnelPolicy::default());
        let sent = outer(&bench.host_sends(frame));
        assert_eq!(
            (sent.port, &sent.shim[..4]),
            (6080, &[0, protocol, 0, 0][..])
        );
    }
}

#[test]
fn x_07_the_checksum_over_ipv6_covers_all_segments_and_zero_is_a_policy() {
    let mut bench = Bench::new();
    bench.tunnel(routed(6), TunnelPolicy::default());
    let frame = host_packet(4, 1, 300);
    let whole = bench.host_sends(frame.clone());
    for cut in [60, 61, 101] {
        let chain = Mbuf::heap_chain(&[&frame[..cut], &frame[cut..cut + 33], &frame[cut + 33..]]);
        let sent = bench.receive_packets(TENANT_PORT, vec![chain]);
        assert_eq!(sent, std::slice::from_ref(&whole), "cut at {cut}");
        outer(&sent[0]);
    }
    let policy = TunnelPolicy {
        udp_checksum: UdpChecksum::Zero,
        ..TunnelPolicy::default()
    };
    bench.tunnel(routed(6), policy);
    assert_eq!(outer(&bench.host_sends(frame)).checksum, 0);
}

#[test]
fn what_is_sent_into_a_vni_is_counted_on_its_interface() {
    // Over IPv4 packets go the short way, over IPv6 the long one.
    for outer in [4, 6] {
        let mut bench = Bench::new();
        bench.tunnel(routed(outer), TunnelPolicy::default());
        let frames = [host_packet(4, 1, 10), host_packet(6, 1, 500)];
        let bytes: usize = frames.iter().map(Vec::len).sum();
        let sent = bench.receive(TENANT_PORT, &frames);
        let outside: usize = sent.iter().map(|frame| frame.len() - 14).sum();
        let counters = bench.forwarder.counters();
        let counted = |traffic: &crate::counters::Traffic| {
            (traffic.packets.get(), traffic.bytes.get() as usize)
        };
        let interface = &counters.interface(VNI_INTERFACE).tx;
        assert_eq!(counted(interface), (2, bytes), "over IPv{outer}");
        let tunnel = counters.tunnel(TunnelId::new(1));
        assert_eq!(counted(tunnel), (2, outside), "over IPv{outer}");
    }
}

#[test]
fn networks_of_one_burst_are_counted_apart() {
    let mut bench = Bench::new();
    let Encapsulation::VxlanRouted {
        ends,
        vni,
        source_mac,
        router_mac,
        ..
    } = routed(4)
    else {
        panic!("it is routed");
    };
    let other = Encapsulation::VxlanRouted {
        ends,
        vni,
        interface: Some(LABEL_INTERFACE),
        source_mac,
        router_mac,
    };
    let labelled = Encapsulation::MplsUdp {
        ends,
        labels: labels(&[VRF_LABEL]),
    };
    for (id, encapsulation) in [(2, other), (3, labelled)] {
        let spec = TunnelSpec {
            encapsulation,
            policy: TunnelPolicy::default(),
        };
        let tunnel = Tunnel::compose(&spec, NextHopId::new(TO_FABRIC), 1500);
        bench.snapshot.tunnels.set(id, Some(tunnel));
        let hop = NextHop::Tunnel(TunnelId::new(id as u32));
        bench.snapshot.next_hops.set(TO_TUNNEL as usize + id, hop);
        let prefix = format!("10.1.{id}.0/24").parse().unwrap();
        let next_hop = NextHopId::new(TO_TUNNEL + id as u32);
        bench.tenant.0.set(prefix, next_hop).unwrap();
    }
    let to = |third: u8| {
        let mut frame = Vec::new();
        PacketBuilder::ethernet2(HOST, ROUTER.octets())
            .ipv4(HOST4, [10, 1, third, 9], 64)
            .udp(1, 9)
            .write(&mut frame, &[0x5a; 20])
            .unwrap();
        frame
    };
    // Tunnel 1 has all but 2 and 3.
    let frames = [0, 2, 2, 3, 0, 3, 2, 0, 0].map(to);
    assert_eq!(bench.receive(TENANT_PORT, &frames).len(), frames.len());
    let counters = bench.forwarder.counters();
    for (interface, packets) in [(VNI_INTERFACE, 4), (LABEL_INTERFACE, 3)] {
        let tx = &counters.interface(interface).tx;
        let bytes = packets * frames[0].len() as u64;
        assert_eq!((tx.packets.get(), tx.bytes.get()), (packets, bytes));
    }
    let none = &counters.interface(InterfaceId::default()).tx;
    assert_eq!(none.packets.get(), 0);
}

#[test]
fn p_01_too_big_for_the_tunnel_is_told_in_the_tenants_vrf() {
    let mut bench = Bench::new();
    for family in [4, 6] {
        // 1,450 fit: 1,500 less 20, 8, 8 and 14.
        let headers = if family == 4 { 28 } else { 48 };
        assert_eq!(
            bench
                .host_sends(host_packet(family, 1, 1450 - headers))
                .len(),
            1514
        );
        let sent = bench.receive(TENANT_PORT, &[host_packet(family, 1, 1451 - headers)]);
        assert!(sent.is_empty());
        let punt = bench.punts.pop().unwrap();
        let hop = Hop::Tunnel(TunnelId::new(1));
        assert_eq!(punt.reason, PuntReason::TooBig { mtu: 1450, hop });
        assert_eq!((punt.vrf, punt.interface), (VrfId::new(1), TENANT));
        let (ip, ttl) = (&punt.mbuf.data()[usize::from(punt.l3_offset)..], 64);
        assert_eq!(ip[if family == 4 { 8 } else { 7 }], ttl, "as it came");
    }
}

#[test]
fn an_outer_packet_without_a_neighbour_is_punted_complete() {
    let mut bench = Bench::new();
    let sent = bench.host_sends(host_packet(4, 1, 10));
    let mut waiting = *bench.snapshot.adjacency(AdjacencyId::new(1)).unwrap();
    waiting.state = AdjacencyState::Unresolved;
    bench.snapshot.adjacencies.set(1, waiting);
    assert!(
        bench
            .receive(TENANT_PORT, &[host_packet(4, 1, 10)])
            .is_empty()
    );
    let punt = bench.punts.pop().unwrap();
    let adjacency = AdjacencyId::new(1);
    assert_eq!(punt.reason, PuntReason::Originated { adjacency });
    assert_eq!(punt.mbuf.data()[12..], sent[12..]);
    waiting.state = AdjacencyState::Down;
    bench.snapshot.adjacencies.set(1, waiting);
    bench.receive(TENANT_PORT, &[host_packet(4, 1, 10)]);
    assert_eq!(bench.dropped(DropReason::TxInterfaceDown), 1);
    bench
        .snapshot
        .next_hops
        .set(TO_FABRIC as usize, NextHop::Unreachable);
    bench.receive(TENANT_PORT, &[host_packet(4, 1, 10)]);
    assert_eq!(bench.dropped(DropReason::TunnelUnderlay), 1);
}

#[test]
fn the_underlays_group_is_chosen_apart_from_the_tenants() {
    let mut bench = Bench::new();
    let spec = TunnelSpec {
        encapsulation: routed(4),
        policy: TunnelPolicy::default(),
    };
    for id in 1..=2 {
        let tunnel = Tunnel::compose(&spec, NextHopId::new(TO_FABRICS), 1500);
        bench.snapshot.tunnels.set(id, Some(tunnel));
    }
    let hops = [1, 2].map(|id| Hop::Tunnel(TunnelId::new(id)));
    bench.snapshot.groups.set(2, Group::new(&hops));
    let group = NextHop::Group(GroupId::new(2));
    bench.snapshot.next_hops.set(TO_TUNNEL as usize, group);
    let flows: Vec<_> = (0..1024).map(|flow| host_packet(4, flow, 10)).collect();
    let sent = bench.receive(TENANT_PORT, &flows);
    let second = sent.iter().filter(|f| f[5] == 2).count();
    assert!(
        (448..576).contains(&second),
        "{second} of 1024 by the second path"
    );
    let counters = bench.forwarder.counters();
    let first = counters.tunnel(TunnelId::new(1)).packets.get();
    assert!(
        (448..576).contains(&first),
        "{first} of 1024 into the first tunnel"
    );
}
