//! J1 and J2: a cluster of five nodes, each behind a router of its own; the routers peer over one fabric.

use crate::common::{LIMIT, Routed, forwarder};
use ferroute_tests::daemon::Release;
use ferroute_tests::daemon::bird::{Bird, BirdConfig};
use ferroute_tests::daemon::frr::{Bgp, FrrConfig, Neighbour, Remote};
use ferroute_tests::wait::{Seen, until};
use ferroute_tests::{Namespace, Node, keep, route, veth};
use std::net::IpAddr;

const PICTURE: &str = "
    five nodes n = 1..5, 1 to 3 the control plane's, whose routers reflect

    podn 10.244.n.2 ── kn veth 10.1.n.1/30     ── k8s 10.1.n.2/30     ┌────┐ p0 192.168.1.100+n   ┌────────┐
         2001:db8:4n::2       2001:db8:n::1/126       2001:db8:n::2   │ rn │    2001:db8:64::n    │ fabric │
         BIRD AS 64600+n                                              └────┘ AS 64512             └────────┘
";
/// How many nodes there are, and how many of them are the control plane's.
const NODES: u8 = 5;
const CONTROL: u8 = 3;

/// A node of the cluster.
struct Member {
    routed: Routed,
    kernel: Namespace,
    pod: Namespace,
    bird: Bird,
}

fn fabric_addresses(number: u8) -> [String; 2] {
    [
        format!("192.168.1.{}", 100 + number),
        format!("2001:db8:64::{number}"),
    ]
}

impl Member {
    fn start(number: u8, fabric: &Namespace) -> Self {
        let mut node = Node::new(&format!("r{number}")).unwrap();
        let [v4, v6] = fabric_addresses(number);
        let far = node
            .port(
                "p0",
                None,
                &[&format!("{v4}/24"), &format!("{v6}/64")],
                (fabric, &format!("n{number}")),
            )
            .unwrap();
        far.set("master br0").unwrap();
        let kernel = forwarder(&format!("k{number}"), &[]);
        let ours = [
            format!("10.1.{number}.2/30"),
            format!("2001:db8:{number}::2/126"),
        ];
        let eth = node
            .port(
                "k8s",
                None,
                &ours.each_ref().map(String::as_str),
                (&kernel, "veth"),
            )
            .unwrap();
        eth.address(&format!("10.1.{number}.1/30")).unwrap();
        eth.address(&format!("2001:db8:{number}::1/126")).unwrap();
        // To all of the routers' interfaces, before any routing daemon runs.
        route(&kernel, &format!("10.1.0.0/16 via 10.1.{number}.2")).unwrap();
        route(&kernel, &format!("2001:db8::/32 via 2001:db8:{number}::2")).unwrap();

        let pod = Namespace::new(&format!("pod{number}")).unwrap();
        let (inner, outer) = veth((&pod, "eth0"), (&kernel, "pod")).unwrap();
        for (end, last) in [(&inner, 2), (&outer, 1)] {
            end.address(&format!("10.244.{number}.{last}/24")).unwrap();
            end.address(&format!("2001:db8:4{number}::{last}/64"))
                .unwrap();
        }
        route(&pod, &format!("0.0.0.0/0 via 10.244.{number}.1")).unwrap();
        route(&pod, &format!("::/0 via 2001:db8:4{number}::1")).unwrap();

        let links = [
            format!("10.1.{number}.0/30"),
            format!("2001:db8:{number}::/126"),
        ];
        let mut bgp = Bgp::new(64512, [10, 255, 0, number])
            .networks(&links.each_ref().map(|net| net.parse().unwrap()));
        let others = (1..=NODES).filter(|other| *other != number);
        for other in others.filter(|other| number <= CONTROL || *other <= CONTROL) {
            for address in fabric_addresses(other) {
                let peer = Neighbour::at(address.parse::<IpAddr>().unwrap(), Remote::Internal);
                let client = number <= CONTROL && other > CONTROL;
                bgp = bgp.neighbour(if client { peer.reflected() } else { peer });
            }
        }
        for address in [format!("10.1.{number}.1"), format!("2001:db8:{number}::1")] {
            bgp = bgp.neighbour(Neighbour::at(
                address.parse::<IpAddr>().unwrap(),
                Remote::External,
            ));
        }
        let routed = Routed::start(node, Release::Debian13, &FrrConfig::bgp(bgp));
        let routers = [format!("10.1.{number}.2"), format!("2001:db8:{number}::2")];
        let pods = [
            format!("10.244.{number}.0/24"),
            format!("2001:db8:4{number}::/64"),
        ];
        let config = BirdConfig {
            asn: 64600 + u32::from(number),
            router_id: [10, 255, 1, number].into(),
            peers: routers
                .iter()
                .map(|router| (router.parse().unwrap(), 64512))
                .collect(),
            networks: pods.iter().map(|net| net.parse().unwrap()).collect(),
        };
        let bird = Bird::start(&kernel, Release::Debian13, &config).unwrap();
        Self {
            routed,
            kernel,
            pod,
            bird,
        }
    }
}

#[test]
fn j1_j2_five_nodes_and_their_pods_reach_each_other_in_both_families() {
    let fabric = Namespace::new("fabric").unwrap();
    fabric
        .run("ip link add br0 type bridge mcast_snooping 0")
        .unwrap();
    fabric.run("ip link set br0 up").unwrap();
    let members: Vec<_> = (1..=NODES)
        .map(|number| Member::start(number, &fabric))
        .collect();
    let boxes: Vec<_> = members
        .iter()
        .flat_map(|member| [&member.kernel, &member.pod, member.routed.node.kernel()])
        .collect();
    let ways: Vec<_> = members
        .iter()
        .map(|member| (member.routed.node.name(), member.routed.frr.way_in()))
        .collect();
    for member in &members {
        member.bird.wait_established(0).unwrap();
        member.bird.wait_established(1).unwrap();
    }
    keep::ready(&format!("J1, J2:{PICTURE}"), &boxes, &ways).unwrap();

    let mut pairs = 0;
    for (a, from) in (1..=NODES).zip(&members) {
        for b in (1..=NODES).filter(|b| *b != a) {
            pairs += 1;
            for (namespace, targets) in [
                // J1: the nodes' own addresses, which kubelets and the API server use.
                (
                    &from.kernel,
                    [format!("10.1.{b}.1"), format!("2001:db8:{b}::1")],
                ),
                // J2: pods.
                (
                    &from.pod,
                    [format!("10.244.{b}.2"), format!("2001:db8:4{b}::2")],
                ),
            ] {
                for target in targets {
                    let what = format!("an answer from {target} to {}", namespace.name());
                    let look = || {
                        let answer = namespace.run(&format!("ping -n -c 1 -W 1 {target}"));
                        Ok(Seen::when(answer.is_ok(), || format!("{answer:?}")))
                    };
                    until(&what, LIMIT, look).unwrap();
                }
            }
        }
    }
    assert_eq!(pairs, 20);
    for member in members {
        drop(member.bird);
        member.routed.stop();
    }
}
