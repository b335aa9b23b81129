//! K1 and M4: a service on many nodes, told with GoBGP; one node goes.

use crate::common::Routed;
use ferroute_tests::daemon::Release;
use ferroute_tests::daemon::frr::{Bgp, FrrConfig, Neighbour, Remote};
use ferroute_tests::daemon::gobgp::{GoBgp, GoBgpConfig, GoBgpPeer};
use ferroute_tests::traffic::{Flows, Responder};
use ferroute_tests::{Interface, Namespace, Node, keep, route};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

const PICTURE: &str = "
    four nodes with GoBGP, a service address on each, a client beyond the router

    n1 10.0.1.2 ──── p1 ┌────┐
    n2 10.0.2.2 ──── p2 │ r1 │ p0 10.0.0.1 ──── eth0 client 10.0.0.2
    n3 10.0.3.2 ──── p3 │    │
    n4 10.0.4.2 ──── p4 └────┘ AS 64514
    AS 64512, each with 203.0.113.10 on its loopback
";
/// How many flows show the spread.
const FLOWS: usize = 1000;
const SERVICE: &str = "203.0.113.10";
/// The number of nodes.
const NODES: u8 = 4;

/// How the nodes know of each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mesh {
    /// Each speaks to each.
    Full,
    /// Each speaks to the first, which reflects.
    Reflector,
    /// Not at all: each speaks to the router only.
    None,
}

fn address(number: u8) -> IpAddr {
    [10, 0, number, 2].into()
}

/// What the node of this number has as its peers.
fn peers(number: u8, mesh: Mesh) -> Vec<GoBgpPeer> {
    let others = (1..=NODES).filter(|other| *other != number);
    let internal = others.filter(|other| match mesh {
        Mesh::Full => true,
        Mesh::Reflector => number == 1 || *other == 1,
        Mesh::None => false,
    });
    let internal = internal.map(|other| GoBgpPeer {
        reflector_client: mesh == Mesh::Reflector && number == 1,
        ..GoBgpPeer::new(address(other), 64512)
    });
    let router: IpAddr = [10, 0, number, 1].into();
    internal.chain([GoBgpPeer::new(router, 64514)]).collect()
}

fn service(name: &str, mesh: Mesh) {
    let mut node = Node::new("r1").unwrap();
    let client = Namespace::new("client").unwrap();
    let eth0 = node
        .port("p0", None, &["10.0.0.1/24"], (&client, "eth0"))
        .unwrap();
    eth0.address("10.0.0.2/24").unwrap();
    route(&client, "0.0.0.0/0 via 10.0.0.1").unwrap();
    let mut bgp = Bgp::new(64514, [10, 255, 0, 1]);
    let mut nodes = Vec::new();
    for number in 1..=NODES {
        let namespace = Namespace::new(&format!("n{number}")).unwrap();
        let ours = format!("10.0.{number}.1/24");
        let eth0 = node
            .port(&format!("p{number}"), None, &[&ours], (&namespace, "eth0"))
            .unwrap();
        eth0.address(&format!("10.0.{number}.2/24")).unwrap();
        Interface::named(&namespace, "lo")
            .address(&format!("{SERVICE}/32"))
            .unwrap();
        route(&namespace, &format!("0.0.0.0/0 via 10.0.{number}.1")).unwrap();
        bgp = bgp.neighbour(Neighbour::at(address(number), Remote::As(64512)));
        nodes.push(namespace);
    }
    let r1 = Routed::start(node, Release::Debian13, &FrrConfig::bgp(bgp));
    let mut gobgps: Vec<_> = (1..=NODES)
        .zip(&nodes)
        .map(|(number, namespace)| {
            let config = GoBgpConfig {
                asn: 64512,
                router_id: [10, 255, 1, number].into(),
                peers: peers(number, mesh),
            };
            GoBgp::start(namespace, Release::Debian13, &config).unwrap()
        })
        .collect();
    for (number, gobgp) in (1..=NODES).zip(&gobgps) {
        for peer in peers(number, mesh) {
            gobgp.wait_established(peer.address).unwrap();
        }
        gobgp
            .announce(format!("{SERVICE}/32").parse().unwrap(), address(number))
            .unwrap();
        // Its pods, of which the others hear by the mesh.
        gobgp
            .announce(
                format!("10.244.{number}.0/24").parse().unwrap(),
                address(number),
            )
            .unwrap();
    }
    let prefix = format!("{SERVICE}/32");
    r1.frr.wait_route(None, &prefix, NODES.into()).unwrap();
    r1.wait_forwarding("default", &prefix, NODES.into());
    let boxes: Vec<_> = [&client, r1.node.kernel()]
        .into_iter()
        .chain(&nodes)
        .collect();
    keep::ready(
        &format!("{name}:{PICTURE}"),
        &boxes,
        &[("r1", r1.frr.way_in())],
    )
    .unwrap();

    let at = SocketAddr::new(SERVICE.parse().unwrap(), 7);
    let _responders: Vec<_> = nodes
        .iter()
        .map(|node| Responder::start(node, at).unwrap())
        .collect();
    let flows = Flows::open(&client, [10, 0, 0, 2].into(), at, FLOWS).unwrap();
    // The first packets find the nodes' Ethernet addresses; nobody waits for them twice.
    drop(flows.ask());
    let before: Vec<_> = flows
        .ask()
        .into_iter()
        .map(|answer| answer.unwrap().by)
        .collect();
    let mut spread = BTreeMap::new();
    for by in &before {
        *spread.entry(by.as_str()).or_insert(0) += 1;
    }
    println!("{name}: {FLOWS} flows {spread:?}");
    // A quarter each, within four standard deviations.
    assert_eq!(spread.len(), usize::from(NODES), "{spread:?}");
    assert!(
        spread.values().all(|count| (195..=305).contains(count)),
        "{spread:?}"
    );

    // The last node's speaker goes, and with it the node's share.
    drop(gobgps.pop());
    r1.frr.wait_lost(None, "10.0.4.2").unwrap();
    r1.wait_forwarding("default", &prefix, usize::from(NODES) - 1);
    let after: Vec<_> = flows
        .ask()
        .into_iter()
        .map(|answer| answer.unwrap().by)
        .collect();
    let mut moved = 0;
    for (before, after) in before.iter().zip(&after) {
        assert_ne!(after, "n4");
        moved += usize::from(before != "n4" && before != after);
    }
    println!("{name}: {moved} flows of live nodes moved when one of {NODES} nodes went");
    assert_eq!(moved, 0);
    for number in 1..NODES {
        let session = r1.frr.session(None, &address(number).to_string()).unwrap();
        assert_eq!(session["bgpState"], "Established", "{session:#}");
        assert_eq!(session["connectionsDropped"], 0, "{session:#}");
    }
    r1.stop();
}

#[test]
fn k1_a_service_of_nodes_in_full_mesh_keeps_its_flows_when_a_node_goes() {
    service("K1", Mesh::Full);
}

#[test]
fn k1_a_service_of_nodes_behind_a_reflector_keeps_its_flows_when_a_node_goes() {
    service("K1", Mesh::Reflector);
}

#[test]
fn m4_an_anycast_service_keeps_sessions_and_flows_of_live_nodes() {
    service("M4", Mesh::None);
}
