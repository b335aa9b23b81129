//! VXLAN between routers: type-5 routes and symmetric IRB (RFC 9135, RFC 9136).

use super::lab::{
    FAR, HOST, REMOTE_RMAC, RMAC, at_host, from_host, inner_frame, lab, outer, to_host, tunneled,
    tunneled6, v6, vxlan,
};

const VIA: &str = "via 192.0.2.2 vxlan 100/02:00:00:00:02:02";

#[test]
fn b_03_symmetric_irb_takes_one_ttl_at_ingress_and_one_at_egress() {
    let mut bench = lab();
    bench
        .vni(100, "red", RMAC)
        .route_in("red", "203.0.113.0/24", VIA);
    let packet = from_host(FAR);
    let out = outer(&bench.receive("p0", &packet.frame()));
    assert_eq!((out.port, out.ttl), (4789, 64));
    assert_eq!(
        (out.source, out.destination),
        (vec![192, 0, 2, 1], vec![192, 0, 2, 2])
    );
    assert!(out.source_port >= 49_152);
    let inner = packet.clone().ttl(63).link(RMAC, REMOTE_RMAC).frame();
    assert_eq!(out.payload, [&vxlan(100)[..], &inner].concat());

    let back = [&vxlan(100)[..], &inner_frame(RMAC, &to_host(63).packet())].concat();
    for frame in [tunneled("192.0.2.2", 4789, &back), tunneled6(4789, &back)] {
        assert_eq!(bench.receive("p1", &frame), [at_host(&to_host(62))]);
    }
}

#[test]
fn b_05_only_frames_to_our_router_mac_come_out_of_a_routed_vni() {
    let mut bench = lab();
    bench.vni(100, "red", RMAC);
    let stray = [2, 0, 0, 0, 9, 9];
    let frame = [&vxlan(100)[..], &inner_frame(stray, &to_host(63).packet())].concat();
    let drops = bench.drops_of(|bench| {
        assert_eq!(
            bench.receive("p1", &tunneled("192.0.2.2", 4789, &frame)),
            []
        );
    });
    assert_eq!(
        drops.into_iter().collect::<Vec<_>>(),
        [("vxlan_router_mac", 1)]
    );
}

#[test]
fn b_06_type_5_routes_lead_into_the_vtep_and_resolve_over_a_gateway_in_the_overlay() {
    let mut bench = lab();
    bench.vni(100, "red", RMAC);
    bench.route_in("red", "203.0.113.0/24", VIA);
    // The gateway's address is itself reached through the tunnel (RFC 9136 section 4.1).
    bench.route_in("red", "198.51.100.0/24", "via 203.0.113.1");
    for to in [FAR, "198.51.100.7"] {
        let packet = from_host(to);
        let out = outer(&bench.receive("p0", &packet.frame()));
        let inner = packet.ttl(63).link(RMAC, REMOTE_RMAC).frame();
        assert_eq!(out.payload, [&vxlan(100)[..], &inner].concat(), "{to}");
    }
    assert_eq!(
        bench.tunnels().len(),
        1,
        "one object, however many prefixes lead there"
    );
    let packet = v6("fd00::9", "2001:db8:f::7", 64);
    bench.route_in("red", "2001:db8:f::/48", VIA);
    let frame = ferroute_tests::bench::frames::framed(
        super::lab::HOST_MAC,
        super::lab::P0,
        None,
        etherparse::EtherType::IPV6,
        &packet,
    );
    let out = outer(&bench.receive("p0", &frame));
    let inner = inner_frame(REMOTE_RMAC, &v6("fd00::9", "2001:db8:f::7", 63));
    assert_eq!(out.payload[8..14], inner[..6]);
    assert_eq!(out.payload[20..], inner[12..]);
}

#[test]
fn b_10_the_remote_end_may_call_the_network_another_number() {
    let mut bench = lab();
    bench.vni(100, "red", RMAC);
    bench.route_in(
        "red",
        "203.0.113.0/24",
        "via 192.0.2.2 vxlan 5000/02:00:00:00:02:02",
    );
    bench.route_in(
        "red",
        "198.51.100.0/24",
        "via 192.0.2.3 vxlan 6000/02:00:00:00:02:02",
    );
    for (to, vni, remote) in [(FAR, 5000, 2), ("198.51.100.1", 6000, 3)] {
        let out = outer(&bench.receive("p0", &from_host(to).frame()));
        assert_eq!(out.payload[..8], vxlan(vni));
        assert_eq!(out.destination, [192, 0, 2, remote]);
    }
    let back = [&vxlan(100)[..], &inner_frame(RMAC, &to_host(63).packet())].concat();
    let sent = bench.receive("p1", &tunneled("192.0.2.2", 4789, &back));
    assert_eq!(sent, [at_host(&to_host(62))]);
    let foreign = [&vxlan(5000)[..], &inner_frame(RMAC, &to_host(63).packet())].concat();
    let drops = bench.drops_of(|bench| {
        assert_eq!(
            bench.receive("p1", &tunneled("192.0.2.2", 4789, &foreign)),
            []
        );
    });
    assert_eq!(drops.into_iter().collect::<Vec<_>>(), [("unknown_vni", 1)]);
}

#[test]
fn the_underlay_moves_under_a_tunnel_without_touching_its_routes() {
    let mut bench = lab();
    bench
        .vni(100, "red", RMAC)
        .route_in("red", "203.0.113.0/24", VIA);
    assert_eq!(bench.tunnels()[0].payload_mtu, 1450);
    bench.mtu("p1", 1400);
    assert_eq!(
        bench.tunnels()[0].payload_mtu,
        1350,
        "less what is put before packets"
    );
    bench.unroute("192.0.2.2/32");
    let tunnel = &bench.tunnels()[0];
    assert!(tunnel.problem.is_some(), "{tunnel:?}");
    let error = bench.receive("p0", &from_host(FAR).frame());
    assert_eq!(error.len(), 1, "unreachable: {error:02x?}");
    assert_eq!(
        super::lab::ipv4(&error[0].frame[14..]).destination,
        [10, 0, 0, 9]
    );
    bench.route("192.0.2.2/32", "via 10.0.1.2");
    outer(&bench.receive("p0", &from_host(FAR).frame()));
    let out = bench.routes(
        "red",
        vec![ferroute_tests::bench::world::withdraw("203.0.113.0/24")],
    );
    assert!(out.refused.is_empty());
    assert_eq!(
        bench.tunnels(),
        [],
        "the last that led into it took it along"
    );
    assert_eq!(HOST, "10.0.0.9");
}
