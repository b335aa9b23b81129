//! M1 and M2: route servers call the router at a loopback address that every router has.

use crate::common::Routed;
use ferroute_tests::daemon::Release;
use ferroute_tests::daemon::frr::{Bgp, FrrConfig, Neighbour, Remote};
use ferroute_tests::daemon::gobgp::{GoBgp, GoBgpConfig, GoBgpPeer};
use ferroute_tests::{Capture, Namespace, Node, keep, route};
use std::net::IpAddr;

const PICTURE: &str = "
    two nodes that call a loopback of the router, x.0/32, which looks like a network's address

    nodea AS 65003 eth0 172.16.1.2 ──── p0 172.16.1.1 ┌────┐ lo0 192.168.255.0 (M1, default VRF)
                                                      │ r1 │     10.0.0.0      (M2, VRF red)
    nodeb AS 65003 eth0 172.16.2.2 ──── p1 172.16.2.1 └────┘ AS 65002, listens for 172.16.0.0/16
";

/// Sessions to the loopback of a VRF, where the nodes send with one TTL and the router with another.
fn sessions(name: &str, vrf: Option<&str>, loopback: &str, node_ttl: u8, router_ttl: u8) {
    let mut node = Node::new("r1").unwrap();
    if let Some(vrf) = vrf {
        node.vrf(vrf, 100).unwrap();
    }
    node.loopback("lo0", vrf, &[&format!("{loopback}/32")]);
    let mut nodes = Vec::new();
    for (number, name) in [(1, "nodea"), (2, "nodeb")] {
        let namespace = Namespace::new(name).unwrap();
        let port = format!("p{}", number - 1);
        let eth0 = node
            .port(
                &port,
                vrf,
                &[&format!("172.16.{number}.1/24")],
                (&namespace, "eth0"),
            )
            .unwrap();
        eth0.address(&format!("172.16.{number}.2/24")).unwrap();
        route(&namespace, &format!("0.0.0.0/0 via 172.16.{number}.1")).unwrap();
        nodes.push((number, namespace, eth0));
    }
    let listening = Neighbour {
        source: Some(loopback.parse().unwrap()),
        multihop: (router_ttl != 1).then_some(router_ttl),
        ..Neighbour::within("172.16.0.0/16".parse().unwrap(), Remote::As(65003))
    };
    let mut bgp = Bgp::new(65002, [10, 255, 0, 1]).neighbour(listening);
    if let Some(vrf) = vrf {
        bgp = bgp.in_vrf(vrf);
    }
    let mut config = FrrConfig::bgp(bgp);
    if vrf.is_some() {
        // A VRF's instance wants one beside it in the default VRF.
        config.bgp.insert(0, Bgp::new(65002, [10, 255, 0, 1]));
    }
    let r1 = Routed::start(node, Release::Debian13, &config);
    let captures: Vec<_> = nodes
        .iter()
        .map(|(_, _, eth0)| Capture::start(eth0).unwrap())
        .collect();
    let gobgps: Vec<_> = nodes
        .iter()
        .map(|(number, namespace, _)| {
            let peer = GoBgpPeer {
                multihop: Some(node_ttl),
                ..GoBgpPeer::new(loopback.parse::<IpAddr>().unwrap(), 65002)
            };
            let config = GoBgpConfig {
                asn: 65003,
                router_id: [10, 255, 1, *number].into(),
                peers: vec![peer],
            };
            GoBgp::start(namespace, Release::Debian13, &config).unwrap()
        })
        .collect();
    for (number, _, _) in &nodes {
        r1.frr
            .wait_established(vrf, &format!("172.16.{number}.2"))
            .unwrap();
    }
    let peer = loopback.parse().unwrap();
    for (gobgp, (number, _, eth0)) in gobgps.iter().zip(&nodes) {
        gobgp.wait_established(peer).unwrap();
        let prefix = format!("10.8{number}.0.0/16");
        let next_hop = format!("172.16.{number}.2").parse().unwrap();
        gobgp.announce(prefix.parse().unwrap(), next_hop).unwrap();
        r1.frr.wait_route(vrf, &prefix, 1).unwrap();
        r1.wait_forwarding(vrf.unwrap_or("default"), &prefix, 1);
        assert_eq!(eth0.name(), "eth0");
    }
    let boxes: Vec<_> = nodes
        .iter()
        .map(|(_, namespace, _)| namespace)
        .chain([r1.node.kernel()])
        .collect();
    keep::ready(
        &format!("{name}:{PICTURE}"),
        &boxes,
        &[("r1", r1.frr.way_in())],
    )
    .unwrap();

    for (capture, (number, _, _)) in captures.into_iter().zip(&nodes) {
        let recording = capture.stop().unwrap();
        assert_eq!(recording.faults().unwrap(), [""; 0]);
        for (source, ttl) in [
            (loopback.to_owned(), router_ttl),
            (format!("172.16.{number}.2"), node_ttl),
        ] {
            // As it is sent once the daemons have set it; a handshake may still have the kernel's.
            let found = recording
                .dissect(&format!("bgp and ip.src == {source}"), &["ip.ttl"])
                .unwrap();
            assert!(!found.is_empty(), "no BGP from {source}");
            assert!(
                found.iter().all(|words| words[0] == ttl.to_string()),
                "{source}: {found:?}, not {ttl}"
            );
        }
    }
    r1.stop();
}

#[test]
fn m1_nodes_open_sessions_to_an_anycast_loopback_and_ttls_are_as_sent() {
    sessions("M1", None, "192.168.255.0", 10, 1);
}

#[test]
fn m2_the_same_in_a_vrf_with_a_ttl_of_two() {
    sessions("M2", Some("red"), "10.0.0.0", 2, 2);
}
