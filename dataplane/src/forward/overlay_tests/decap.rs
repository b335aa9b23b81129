//! What comes out of a tunnel.

use super::*;
use crate::punt::PuntReason;

/// What the host gets of a packet that left the remote site with this TTL.
fn for_host(family: u8, ttl: u8) -> Vec<u8> {
    let kind = if family == 4 {
        [0x08, 0x00]
    } else {
        [0x86, 0xdd]
    };
    [
        &HOST[..],
        &ROUTER.octets(),
        &kind,
        &remote_packet(family, ttl),
    ]
    .concat()
}

fn kind(family: u8) -> u16 {
    if family == 4 { 0x0800 } else { 0x86dd }
}

fn routed_frame(outer: u8, family: u8) -> Vec<u8> {
    let inner = vxlan(VNI, ROUTER, kind(family), &remote_packet(family, 64));
    from_remote(outer, 4789, &inner)
}

/// Sets the UDP checksum of a frame of [`from_remote`].
fn set_checksum(frame: &mut [u8], outer: u8, checksum: u16) {
    let at = if outer == 4 { 40 } else { 60 };
    frame[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
}

#[test]
fn b_03_routed_vxlan_comes_out_with_one_ttl_less() {
    for (outer, family) in [(4, 4), (4, 6), (6, 4), (6, 6)] {
        let mut bench = Bench::new();
        assert_eq!(
            bench.fabric_sends(routed_frame(outer, family)),
            for_host(family, 63)
        );
        let counters = bench.forwarder.counters();
        assert_eq!(counters.interface(VNI_INTERFACE).rx.packets.get(), 1);
    }
}

#[test]
fn every_encapsulation_comes_out_as_it_went_in() {
    for encapsulation in encapsulations() {
        for family in [4, 6] {
            // What this router sends to itself: it takes its own remote end's part.
            let mut bench = Bench::new();
            let back = match encapsulation.clone() {
                Encapsulation::VxlanRouted {
                    ends,
                    vni,
                    source_mac,
                    ..
                } => Encapsulation::VxlanRouted {
                    ends,
                    vni,
                    interface: None,
                    source_mac,
                    router_mac: ROUTER,
                },
                other => other,
            };
            bench.tunnel(back.clone(), TunnelPolicy::default());
            let sent = bench.host_sends(host_packet(family, 1, 77));
            let mut there = Bench::new();
            let to = format!("{THERE4}/32").parse().unwrap();
            there.fabric.0.set(to, NextHopId::new(TO_ENDPOINT)).unwrap();
            let to = format!("{THERE6}/128").parse().unwrap();
            there.fabric.1.set(to, NextHopId::new(TO_ENDPOINT)).unwrap();
            let to = "10.1.0.0/16".parse().unwrap();
            there.tenant.0.set(to, NextHopId::new(TO_HOST)).unwrap();
            let to = "2001:db8:1::/48".parse().unwrap();
            there.tenant.1.set(to, NextHopId::new(TO_HOST)).unwrap();
            let mut frame = sent;
            frame[..6].copy_from_slice(&ROUTER.octets());
            frame[6..12].copy_from_slice(&FABRIC);
            let out = there.fabric_sends(frame);
            let original = host_packet(family, 1, 77);
            let at = 14 + if family == 4 { 8 } else { 7 };
            assert_eq!(out[at], 62, "one less at each end: {back:?}");
            let behind = 14 + if family == 4 { 12 } else { 8 };
            assert_eq!(out[behind..], original[behind..], "{back:?}");
        }
    }
}

#[test]
fn x_02_a_header_without_a_vni_is_dropped() {
    let mut bench = Bench::new();
    let mut inner = vxlan(VNI, ROUTER, 0x0800, &remote_packet(4, 64));
    inner[0] = 0xf7;
    let mut frame = from_remote(4, 4789, &inner);
    set_checksum(&mut frame, 4, 0);
    bench.refuses(&frame, DropReason::VxlanNoVni);
}

#[test]
fn x_03_unknown_vnis_are_dropped_and_0_and_ffffff_are_vnis() {
    let mut bench = Bench::new();
    let target = VniTarget::Routed(VNI_INTERFACE);
    for vni in [0, 1, 5001, 0x88_1300, 0xff_ffff] {
        let inner = vxlan(vni, ROUTER, 0x0800, &remote_packet(4, 64));
        let frame = from_remote(4, 4789, &inner);
        bench.refuses(&frame, DropReason::UnknownVni);
        let known = Vni::new(vni).unwrap();
        bench.endpoint(|e| e.vnis = Arc::new([(known, target)].into_iter().collect()));
        assert_eq!(bench.fabric_sends(frame), for_host(4, 63));
        bench.endpoint(|_| {});
    }
}

#[test]
fn x_04_the_port_is_configurable_and_others_addresses_are_routed() {
    let mut bench = Bench::new();
    let inner = vxlan(VNI, ROUTER, 0x0800, &remote_packet(4, 64));
    bench.endpoint(|e| e.vxlan_port = 8472);
    assert_eq!(
        bench.fabric_sends(from_remote(4, 8472, &inner)),
        for_host(4, 63)
    );
    assert!(
        bench
            .receive(FABRIC_PORT, &[from_remote(4, 4789, &inner)])
            .is_empty()
    );
    assert_eq!(bench.punts.pop().unwrap().reason, PuntReason::Local);
    let transit = format!("{HERE4}/32").parse().unwrap();
    bench
        .fabric
        .0
        .set(transit, NextHopId::new(TO_FABRIC))
        .unwrap();
    let frame = from_remote(4, 8472, &inner);
    let sent = bench.fabric_sends(frame.clone());
    assert_eq!(sent[26..], frame[26..], "forwarded, not taken out");
}

#[test]
fn x_06_u_03_a_checksum_over_ipv4_is_verified_where_there_is_one() {
    for (port, payload) in [
        (4789, vxlan(VNI, ROUTER, 0x0800, &remote_packet(4, 64))),
        (
            6635,
            [&entry(VRF_LABEL, 0, true, 9)[..], &remote_packet(4, 64)].concat(),
        ),
    ] {
        let mut bench = Bench::new();
        let right = from_remote(4, port, &payload);
        assert_eq!(bench.fabric_sends(right.clone()), for_host(4, 63));
        let mut none = right.clone();
        set_checksum(&mut none, 4, 0);
        assert_eq!(bench.fabric_sends(none), for_host(4, 63));
        let mut wrong = right.clone();
        wrong[40] ^= 1;
        bench.refuses(&wrong, DropReason::TunnelChecksum);
        // Over segments of odd lengths too.
        let cut = (right.len() - 6) | 1;
        let chain = Mbuf::heap_chain(&[&right[..cut], &right[cut..]]);
        assert_eq!(
            bench.receive_packets(FABRIC_PORT, vec![chain]),
            [for_host(4, 63)]
        );
    }
}

#[test]
fn x_07_u_04_zero_checksums_over_ipv6_are_taken_only_by_policy() {
    let mut bench = Bench::new();
    let mut frame = routed_frame(6, 4);
    set_checksum(&mut frame, 6, 0);
    bench.refuses(&frame, DropReason::TunnelZeroChecksum);
    bench.endpoint(|e| e.policy.zero_checksum_over_ipv6 = true);
    assert_eq!(bench.fabric_sends(frame), for_host(4, 63));
    let mut wrong = routed_frame(6, 4);
    *wrong.last_mut().unwrap() ^= 1;
    bench.refuses(&wrong, DropReason::TunnelChecksum);
}

#[test]
fn x_08_b_05_frames_of_a_routed_vni_are_for_the_router_and_untagged_ip() {
    let mut bench = Bench::new();
    let packet = remote_packet(4, 64);
    let frame = |to, kind| from_remote(4, 4789, &vxlan(VNI, to, kind, &packet));
    bench.refuses(&frame(REMOTE_ROUTER, 0x0800), DropReason::VxlanRouterMac);
    bench.refuses(&frame(Mac::BROADCAST, 0x0800), DropReason::VxlanRouterMac);
    bench.refuses(&frame(ROUTER, 0x8100), DropReason::VxlanInnerVlan);
    bench.refuses(&frame(ROUTER, 0x88a8), DropReason::VxlanInnerVlan);
    bench.refuses(&frame(ROUTER, 0x0806), DropReason::VxlanNotIp);
    bench.refuses(&frame(ROUTER, 0x86dd), DropReason::Ipv6Truncated);
}

#[test]
fn x_11_u_06_lengths_that_disagree_are_dropped() {
    let mut bench = Bench::new();
    let frame = routed_frame(4, 4);
    for length in [0u16, 7, 8, 15, 16, 29] {
        let mut short = frame.clone();
        short[38..40].copy_from_slice(&length.to_be_bytes());
        set_checksum(&mut short, 4, 0);
        bench.refuses(&short, DropReason::TunnelTruncated);
    }
    let mut long = frame.clone();
    let length = (frame.len() - 34 + 1) as u16;
    long[38..40].copy_from_slice(&length.to_be_bytes());
    set_checksum(&mut long, 4, 0);
    bench.refuses(&long, DropReason::TunnelTruncated);
    // The inner packet claims more than came.
    let mut inner = remote_packet(4, 64);
    inner.truncate(30);
    let short = from_remote(4, 4789, &vxlan(VNI, ROUTER, 0x0800, &inner));
    bench.refuses(&short, DropReason::Ipv4TotalLength);
}

#[test]
fn x_13_u_05_unknown_remote_ends_are_refused_by_policy() {
    let mut bench = Bench::new();
    let known = |address: IpAddr| Peers::Known(Arc::new([address].into_iter().collect()));
    bench.endpoint(|e| e.peers = known(Ipv4Addr::new(192, 0, 2, 9).into()));
    bench.refuses(&routed_frame(4, 4), DropReason::TunnelUnknownPeer);
    bench.refuses(&routed_frame(6, 4), DropReason::TunnelUnknownPeer);
    bench.endpoint(|e| e.peers = known(THERE6.into()));
    assert_eq!(bench.fabric_sends(routed_frame(6, 4)), for_host(4, 63));
}

#[test]
fn x_15_fragments_of_tunnel_packets_are_dropped() {
    let mut bench = Bench::new();
    let mut frame = routed_frame(4, 4);
    let (mut ip, _) = etherparse::Ipv4Header::from_slice(&frame[14..]).unwrap();
    ip.more_fragments = true;
    ip.dont_fragment = false;
    ip.header_checksum = ip.calc_header_checksum();
    frame[14..34].copy_from_slice(&ip.to_bytes());
    bench.refuses(&frame, DropReason::TunnelFragment);
    ip.protocol = etherparse::IpNumber::IPV4;
    ip.fragment_offset = etherparse::IpFragOffset::try_new(9).unwrap();
    ip.header_checksum = ip.calc_header_checksum();
    frame[14..34].copy_from_slice(&ip.to_bytes());
    bench.refuses(&frame, DropReason::TunnelFragment);
}

#[test]
fn c_03_the_inner_packet_takes_congestion_over() {
    for outer_ecn in 0..4u8 {
        for inner_ecn in 0..4u8 {
            let mut bench = Bench::new();
            let mut packet = remote_packet(4, 64);
            let (mut ip, _) = etherparse::Ipv4Header::from_slice(&packet).unwrap();
            ip.ecn = etherparse::IpEcn::try_new(inner_ecn).unwrap();
            ip.header_checksum = ip.calc_header_checksum();
            packet[..20].copy_from_slice(&ip.to_bytes());
            let mut frame = from_remote(4, 4789, &vxlan(VNI, ROUTER, 0x0800, &packet));
            let (mut ip, _) = etherparse::Ipv4Header::from_slice(&frame[14..]).unwrap();
            ip.ecn = etherparse::IpEcn::try_new(outer_ecn).unwrap();
            ip.header_checksum = ip.calc_header_checksum();
            frame[14..34].copy_from_slice(&ip.to_bytes());
            if (inner_ecn, outer_ecn) == (0, 3) {
                bench.refuses(&frame, DropReason::TunnelEcn);
                continue;
            }
            let out = bench.fabric_sends(frame);
            let (ip, _) = etherparse::Ipv4Header::from_slice(&out[14..]).unwrap();
            assert_eq!(ip.header_checksum, ip.calc_header_checksum());
            let expected = match (inner_ecn, outer_ecn) {
                (1 | 2, 3) => 3,
                (2, 1) => 1,
                (inner, _) => inner,
            };
            assert_eq!(ip.ecn.value(), expected, "{inner_ecn} in {outer_ecn}");
        }
    }
}

#[test]
fn ip_in_ip_and_gue_come_out_only_where_the_endpoint_takes_them() {
    for (outer, family) in [(4, 4), (4, 6), (6, 4), (6, 6)] {
        let mut bench = Bench::new();
        let protocol = if family == 4 { 4 } else { 41 };
        let packet = remote_packet(family, 64);
        let number = etherparse::IpNumber(protocol);
        let builder = PacketBuilder::ethernet2(FABRIC, ROUTER.octets());
        let mut frame = Vec::new();
        if outer == 4 {
            let builder = builder.ipv4(THERE4.octets(), HERE4.octets(), 9);
            builder.write(&mut frame, number, &packet).unwrap();
        } else {
            let builder = builder.ipv6(THERE6.octets(), HERE6.octets(), 9);
            builder.write(&mut frame, number, &packet).unwrap();
        }
        assert_eq!(bench.fabric_sends(frame.clone()), for_host(family, 63));
        let gue = [&[0, protocol, 0, 0][..], &packet].concat();
        assert_eq!(
            bench.fabric_sends(from_remote(outer, 6080, &gue)),
            for_host(family, 63)
        );
        let direct = from_remote(outer, 6080, &packet);
        assert_eq!(bench.fabric_sends(direct), for_host(family, 63));
        let odd = from_remote(outer, 6080, &[&[0, 47, 0, 0][..], &packet].concat());
        bench.refuses(&odd, DropReason::GueInvalid);
        bench.endpoint(|e| e.policy.ttl_mode = Mode::Uniform);
        assert_eq!(bench.fabric_sends(frame.clone()), for_host(family, 8));
        bench.endpoint(|e| e.ip = None);
        assert!(bench.receive(FABRIC_PORT, &[frame]).is_empty());
        assert_eq!(bench.punts.pop().unwrap().reason, PuntReason::Local);
    }
}
