//! Labels: per VRF and per next hop, in UDP and on links (RFC 3032, RFC 4364, RFC 7510).

use etherparse::EtherType;
use ferroute_control::model::interface::InterfaceChange;
use ferroute_tests::bench::Sent;
use ferroute_tests::bench::frames::{V4, framed};

use super::lab::{
    FAR, GATEWAY_MAC, HOST_MAC, P0, P1, at_host, from_host, lab, outer, stack, to_host, tunneled,
    tunneled6, v6,
};

const MPLS_UDP: u16 = 6635;
const MPLS: EtherType = EtherType(0x8847);

fn labelled(labels: &[u32], packet: &[u8]) -> Vec<u8> {
    [&stack(labels), packet].concat()
}

#[test]
fn l_12_labels_lead_into_a_vrf_or_to_a_next_hop_for_ipv4_and_ipv6() {
    let mut bench = lab();
    // In the VRF the host is on a link; the label of the CE leads to it whatever the VRF says.
    bench
        .label(1000, "vrf red")
        .label(1001, "via 10.0.0.9 dev p0");
    bench.label(1002, "via fd00::9 dev p0");
    for label in [1000, 1001] {
        let payload = labelled(&[label], &to_host(63).packet());
        for frame in [
            tunneled("192.0.2.2", MPLS_UDP, &payload),
            tunneled6(MPLS_UDP, &payload),
        ] {
            assert_eq!(
                bench.receive("p1", &frame),
                [at_host(&to_host(62))],
                "{label}"
            );
        }
    }
    let inner = v6("2001:db8:f::7", "fd00::9", 63);
    for label in [1000, 1002] {
        let frame = tunneled("192.0.2.2", MPLS_UDP, &labelled(&[label], &inner));
        let expected = framed(
            P0,
            HOST_MAC,
            None,
            EtherType::IPV6,
            &v6("2001:db8:f::7", "fd00::9", 62),
        );
        let expected = Sent {
            port: "p0".into(),
            frame: expected,
        };
        assert_eq!(bench.receive("p1", &frame), [expected], "{label}");
    }
}

#[test]
fn l_12_plain_labels_on_a_port_that_takes_them() {
    let mut bench = lab();
    bench.label(1000, "vrf red");
    let frame = framed(
        GATEWAY_MAC,
        P1,
        None,
        MPLS,
        &labelled(&[1000], &to_host(63).packet()),
    );
    assert_eq!(bench.receive("p1", &frame), [], "not before it is said to");
    let mpls = InterfaceChange {
        mpls: Some(true),
        ..InterfaceChange::default()
    };
    bench.change("p1", mpls).unwrap();
    assert_eq!(bench.receive("p1", &frame), [at_host(&to_host(62))]);
}

#[test]
fn l_13_an_update_of_a_label_is_seen_as_a_whole() {
    let mut bench = lab();
    bench.vrf("blue");
    let blue = [2, 0, 0, 0, 0, 0x12];
    bench.port_in("blue", "p2", blue, &["10.0.0.1/24"]);
    bench.neighbour("p2", "10.0.0.9", HOST_MAC);
    let frame = tunneled(
        "192.0.2.2",
        MPLS_UDP,
        &labelled(&[1000], &to_host(63).packet()),
    );
    for round in 0..20 {
        let (vrf, port) = [("red", "p0"), ("blue", "p2")][round % 2];
        bench.label(1000, &format!("vrf {vrf}"));
        let sent = bench.receive("p1", &frame);
        assert_eq!(sent.len(), 1, "no packet is lost");
        assert_eq!(sent[0].port, port);
    }
    bench.delete_label(1000).unwrap();
    let drops = bench.drops_of(|bench| assert_eq!(bench.receive("p1", &frame), []));
    assert_eq!(
        drops.into_iter().collect::<Vec<_>>(),
        [("unknown_label", 1)]
    );
}

#[test]
fn b_11_the_same_label_of_two_remote_ends_is_two_and_ours_is_a_third() {
    let mut bench = lab();
    bench.route_in("red", "203.0.113.0/24", "via 192.0.2.2 mpls-udp 1000");
    bench.route_in("red", "198.51.100.0/24", "via 192.0.2.3 mpls-udp 1000");
    for (to, remote) in [(FAR, 2), ("198.51.100.1", 3)] {
        let packet = from_host(to);
        let out = outer(&bench.receive("p0", &packet.frame()));
        assert_eq!((out.port, out.destination[3]), (MPLS_UDP, remote));
        assert_eq!(out.payload, labelled(&[1000], &packet.ttl(63).packet()));
    }
    // What they gave out means nothing here.
    let frame = tunneled(
        "192.0.2.2",
        MPLS_UDP,
        &labelled(&[1000], &to_host(63).packet()),
    );
    let drops = bench.drops_of(|bench| assert_eq!(bench.receive("p1", &frame), []));
    assert_eq!(
        drops.into_iter().collect::<Vec<_>>(),
        [("unknown_label", 1)]
    );
}

#[test]
fn u_05_tunnel_packets_are_taken_at_our_addresses_in_the_right_vrf_and_from_known_ends_only() {
    let mut bench = lab();
    bench.label(1000, "vrf red");
    let payload = labelled(&[1000], &to_host(63).packet());
    // The same addresses mean nothing in the tenant's VRF.
    let inside = V4::udp_ports("10.0.0.9", "192.0.2.1", 50_000, MPLS_UDP, &payload);
    let sent = bench.receive("p0", &inside.link(HOST_MAC, P0).frame());
    assert!(
        sent.iter().all(|sent| sent.frame[23] == 1),
        "an ICMP error at most: {sent:02x?}"
    );

    let mut spec = ferroute_tests::bench::overlay::endpoint_spec(&["192.0.2.1", "2001:db8::1"]);
    spec.known_peers_only = true;
    bench.change_endpoint(spec).unwrap();
    let frame = tunneled("192.0.2.2", MPLS_UDP, &payload);
    let drops = bench.drops_of(|bench| assert_eq!(bench.receive("p1", &frame), []));
    assert_eq!(
        drops.into_iter().collect::<Vec<_>>(),
        [("tunnel_unknown_peer", 1)]
    );
    bench.route_in("red", "203.0.113.0/24", "via 192.0.2.2 mpls-udp 1000");
    assert_eq!(bench.receive("p1", &frame), [at_host(&to_host(62))]);
}

#[test]
fn u_07_a_transport_and_a_service_label_are_pushed() {
    let mut bench = lab();
    bench.route_in(
        "red",
        "203.0.113.0/24",
        "via 2001:db8::2 mpls-udp 2000/3000",
    );
    let packet = from_host(FAR);
    let out = outer(&bench.receive("p0", &packet.frame()));
    assert_eq!((out.port, out.destination.len()), (MPLS_UDP, 16));
    assert_eq!(
        out.payload,
        labelled(&[2000, 3000], &packet.ttl(63).packet())
    );
}
