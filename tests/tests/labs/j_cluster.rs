//! J1 and J2: a cluster of five nodes, each behind a router of its own; the routers carry the cluster's VRF between them by EVPN
//! over one fabric.

use crate::common::{LIMIT, Routed, forwarder, together};
use ferroute_tests::daemon::Release;
use ferroute_tests::daemon::bird::{Bird, BirdConfig};
use ferroute_tests::daemon::frr::{Bgp, Evpn, Families, FrrConfig, Neighbour, Remote};
use ferroute_tests::wait::{Seen, until};
use ferroute_tests::{Namespace, Node, Process, keep, route, veth};
use std::net::IpAddr;
use std::time::Instant;

const PICTURE: &str = "
    five nodes n = 1..5, 1 to 3 the control plane's, whose routers reflect; VRF cluster has VNI 100

    podn 10.244.n.2 ── kn veth 10.1.n.1/30     ── k8s 10.1.n.2/30     ┌────┐ p0 192.168.1.100+n   ┌────────┐
         2001:db8:4n::2       2001:db8:n::1/126       2001:db8:n::2   │ rn │    VXLAN, EVPN       │ fabric │
         BIRD AS 64600+n                              in cluster      └────┘ AS 64512             └────────┘
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

/// The VRF of the nodes, and its VNI.
const VRF: &str = "cluster";
const VNI: u32 = 100;

/// Where a router's tunnels start.
fn fabric_address(number: u8) -> String {
    format!("192.168.1.{}", 100 + number)
}

/// What a router says, and to whom: to the other routers the prefixes of its VRF, in the VRF to its node.
fn instances(number: u8) -> Vec<Bgp> {
    let router_id = [10, 255, 0, number];
    let mut fabric = Bgp::new(64512, router_id);
    fabric.evpn = Evpn::Vnis;
    let others = (1..=NODES).filter(|other| *other != number);
    for other in others.filter(|other| number <= CONTROL || *other <= CONTROL) {
        let address: IpAddr = fabric_address(other).parse().unwrap();
        let peer = Neighbour::at(address, Remote::Internal).telling(Families::Evpn);
        let client = number <= CONTROL && other > CONTROL;
        fabric = fabric.neighbour(if client { peer.reflected() } else { peer });
    }
    let links = [
        format!("10.1.{number}.0/30"),
        format!("2001:db8:{number}::/126"),
    ];
    let mut cluster = Bgp::new(64512, router_id)
        .in_vrf(VRF)
        .networks(&links.each_ref().map(|net| net.parse().unwrap()));
    cluster.evpn = Evpn::Prefixes;
    for address in [format!("10.1.{number}.1"), format!("2001:db8:{number}::1")] {
        let node: IpAddr = address.parse().unwrap();
        cluster = cluster.neighbour(Neighbour::at(node, Remote::External));
    }
    vec![fabric, cluster]
}

impl Member {
    fn start(number: u8, fabric: &Namespace) -> Self {
        let mut node = Node::new(&format!("r{number}")).unwrap();
        let own = fabric_address(number);
        let cable = format!("n{number}");
        let far = node
            .port("p0", None, &[&format!("{own}/24")], (fabric, &cable))
            .unwrap();
        far.set("master br0").unwrap();
        node.vrf(VRF, 1).unwrap();
        node.l3vni(VRF, VNI, &own);
        let kernel = forwarder(&format!("k{number}"), &[]);
        let ours = [
            format!("10.1.{number}.2/30"),
            format!("2001:db8:{number}::2/126"),
        ];
        let eth = node
            .port(
                "k8s",
                Some(VRF),
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

        let config = FrrConfig {
            bgp: instances(number),
            l3vnis: vec![(VRF.to_owned(), VNI)],
            ..FrrConfig::default()
        };
        let routed = Routed::start(node, Release::Debian13, &config);
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
    let since = Instant::now();
    let start = |number| {
        let fabric = fabric.clone();
        move || Member::start(number, &fabric)
    };
    let cluster = together((1..=NODES).map(start));
    let members = cluster.made;
    let started = since.elapsed();
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
    let established = since.elapsed();
    keep::ready(&format!("J1, J2:{PICTURE}"), &boxes, &ways).unwrap();

    // All at once: each asks until it is answered.
    let mut pings = Vec::new();
    for (a, from) in (1..=NODES).zip(&members) {
        for b in (1..=NODES).filter(|b| *b != a) {
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
                let ask = |target| Ping::start(namespace, target);
                pings.extend(targets.map(ask));
            }
        }
    }
    assert_eq!(pings.len(), 20 * 4);
    pings.into_iter().for_each(Ping::answered);
    println!(
        "J1, J2: started after {started:.1?}, sessions with the nodes after {established:.1?}, all pairs after {:.1?}",
        since.elapsed()
    );
    // It was in tunnels.
    let shown = members[0]
        .routed
        .router
        .get()
        .query(&format!("route show 10.244.5.0/24 --vrf {VRF}"))
        .unwrap();
    assert!(shown.to_string().contains(&fabric_address(5)), "{shown:#}");
    for member in members {
        drop(member.bird);
        member.routed.stop();
    }
}

/// Asks an address five times a second until it answers.
struct Ping<'a> {
    from: &'a Namespace,
    target: String,
    process: Process,
}

impl<'a> Ping<'a> {
    fn start(from: &'a Namespace, target: String) -> Self {
        let line = format!("ping -n -c 1 -i 0.2 -w {} {target}", LIMIT.as_secs());
        let process = from.spawn(&line).unwrap();
        Self {
            from,
            target,
            process,
        }
    }

    /// Waits for the answer. ping(8) ends when it hears that there is no route yet, and is then started again.
    fn answered(self) {
        let Self { from, target, .. } = self;
        let what = format!("an answer from {target} to {}", from.name());
        let mut process = self.process;
        until(&what, LIMIT, || {
            let status = process.wait(LIMIT * 2)?;
            let seen = Seen::when(status.success(), || process.log());
            if !status.success() {
                process = Self::start(from, target.clone()).process;
            }
            Ok(seen)
        })
        .unwrap();
    }
}
