//! S1 and S3: cluster nodes behind host ports, whose speakers tell the router of their pods and services.

use crate::common::{LIMIT, Routed, forwarder, wait_ping};
use ferroute_tests::daemon::bird::{Bird, BirdConfig};
use ferroute_tests::daemon::frr::{Bgp, FrrConfig, Neighbour, Remote};
use ferroute_tests::daemon::{Frr, Release};
use ferroute_tests::traffic::{Answer, Flows, Responder};
use ferroute_tests::wait::{Seen, until};
use ferroute_tests::{Namespace, Node, keep, route, veth};
use std::net::{IpAddr, SocketAddr};

const PICTURE: &str = "
    cluster nodes behind host ports of their routers, a fabric between these

    pod1 10.244.1.2 ── node1 .2 ── host 192.169.1.1  ┌────┐ p0 10.0.1.1 ── eth1 ┌──────┐
         2001:db8:f1::2   AS 64515 (n: + its number) │ r1 │ 2001:db8:1::1       │ leaf │ hosta 192.168.22.2
    pod2 …                                           └────┘ AS 64514            │ 64512│ 2001:db8:22::2
         the same with 2                              r2 (S3 only)     ── eth2  └──────┘
";
/// A service that every cluster node takes.
const SERVICE: &str = "172.30.0.10";
/// A host of the fabric.
const HOST_A: [&str; 2] = ["192.168.22.2", "2001:db8:22::2"];

/// What speaks BGP on a cluster node.
enum Speaker {
    Frr(#[expect(dead_code, reason = "it speaks as long as it is held")] Frr),
    Bird(Bird),
}

/// A cluster node: its router, its own kernel, and a pod.
struct Member {
    routed: Routed,
    speaker: Speaker,
    kernel: Namespace,
    pod: Namespace,
    addresses: [String; 2],
}

impl Member {
    fn start(number: u8, leaf: &Namespace, bird: bool, release: Release) -> Self {
        let mut node = Node::new(&format!("r{number}")).unwrap();
        let up = [
            format!("10.0.{number}.1/24"),
            format!("2001:db8:{number}::1/64"),
        ];
        let eth = format!("eth{number}");
        let fabric = node
            .port("p0", None, &up.each_ref().map(String::as_str), (leaf, &eth))
            .unwrap();
        fabric.address(&format!("10.0.{number}.2/24")).unwrap();
        fabric.address(&format!("2001:db8:{number}::2/64")).unwrap();
        let kernel = forwarder(&format!("node{number}"), &[&format!("{SERVICE}/32")]);
        let host = [
            format!("192.169.{number}.1/24"),
            format!("2001:db8:a{number}::1/64"),
        ];
        let eth0 = node
            .port(
                "host",
                None,
                &host.each_ref().map(String::as_str),
                (&kernel, "eth0"),
            )
            .unwrap();
        eth0.address(&format!("192.169.{number}.2/24")).unwrap();
        eth0.address(&format!("2001:db8:a{number}::2/64")).unwrap();

        let pod = Namespace::new(&format!("pod{number}")).unwrap();
        let (inner, outer) = veth((&pod, "eth0"), (&kernel, "pod")).unwrap();
        let addresses = [
            format!("10.244.{number}.2"),
            format!("2001:db8:f{number}::2"),
        ];
        for (end, last, router) in [(&inner, 2, true), (&outer, 1, false)] {
            end.address(&format!("10.244.{number}.{last}/24")).unwrap();
            end.address(&format!("2001:db8:f{number}::{last}/64"))
                .unwrap();
            if router {
                route(&pod, &format!("0.0.0.0/0 via 10.244.{number}.1")).unwrap();
                route(&pod, &format!("::/0 via 2001:db8:f{number}::1")).unwrap();
            }
        }

        let pods = [
            format!("10.244.{number}.0/24").parse().unwrap(),
            format!("2001:db8:f{number}::/64").parse().unwrap(),
            format!("{SERVICE}/32").parse().unwrap(),
        ];
        let routers: [IpAddr; 2] = [
            format!("192.169.{number}.1").parse().unwrap(),
            format!("2001:db8:a{number}::1").parse().unwrap(),
        ];
        let asn = 64600 + u32::from(number);
        let router_id = [10, 255, 2, number];
        let mut bgp = Bgp::new(64514, [10, 255, 1, number]);
        for text in [
            format!("10.0.{number}.2"),
            format!("2001:db8:{number}::2"),
            format!("192.169.{number}.2"),
            format!("2001:db8:a{number}::2"),
        ] {
            let mut neighbour = Neighbour::at(text.parse::<IpAddr>().unwrap(), Remote::External);
            // All routers are of one system, so each hears of the other by way of its own number.
            neighbour.own_as_allowed = true;
            bgp = bgp.neighbour(neighbour);
        }
        let routed = Routed::start(node, release, &FrrConfig::bgp(bgp));
        let speaker = if bird {
            let peers = routers.map(|router| (router, 64514)).to_vec();
            let config = BirdConfig {
                asn,
                router_id: router_id.into(),
                peers,
                networks: pods.to_vec(),
            };
            Speaker::Bird(Bird::start(&kernel, release, &config).unwrap())
        } else {
            let bgp = Bgp::new(asn, router_id).networks(&pods);
            let bgp = routers.into_iter().fold(bgp, |bgp, router| {
                bgp.neighbour(Neighbour::at(router, Remote::External))
            });
            Speaker::Frr(Frr::start(&kernel, release, &FrrConfig::bgp(bgp), &[]).unwrap())
        };
        Self {
            routed,
            speaker,
            kernel,
            pod,
            addresses,
        }
    }
}

fn lab(name: &str, routers: u8, bird: bool, release: Release) {
    let leaf = forwarder("leaf", &[]);
    let hosta = Namespace::new("hosta").unwrap();
    let (inner, outer) = veth((&hosta, "eth0"), (&leaf, "hosta")).unwrap();
    for (end, last) in [(&outer, 1), (&inner, 2)] {
        end.address(&format!("192.168.22.{last}/24")).unwrap();
        end.address(&format!("2001:db8:22::{last}/64")).unwrap();
    }
    route(&hosta, "0.0.0.0/0 via 192.168.22.1").unwrap();
    route(&hosta, "::/0 via 2001:db8:22::1").unwrap();
    let members: Vec<_> = (1..=routers)
        .map(|number| Member::start(number, &leaf, bird, release))
        .collect();
    let mut bgp = Bgp::new(64512, [10, 255, 0, 1])
        .networks(&["192.168.22.0/24", "2001:db8:22::/64"].map(|net| net.parse().unwrap()));
    for number in 1..=routers {
        for text in [format!("10.0.{number}.1"), format!("2001:db8:{number}::1")] {
            bgp = bgp.neighbour(Neighbour::at(
                text.parse::<IpAddr>().unwrap(),
                Remote::External,
            ));
        }
    }
    let leaf_frr = Frr::start(&leaf, release, &FrrConfig::bgp(bgp), &[]).unwrap();
    for member in &members {
        for prefix in ["192.168.22.0/24", "2001:db8:22::/64"] {
            member.routed.wait_forwarding("default", prefix, 1);
        }
        if let Speaker::Bird(bird) = &member.speaker {
            bird.wait_established(0).unwrap();
            bird.wait_established(1).unwrap();
        }
    }
    let mut boxes = vec![&hosta, &leaf];
    let mut ways = vec![("leaf", leaf_frr.way_in())];
    for member in &members {
        boxes.extend([&member.pod, &member.kernel, member.routed.node.kernel()]);
        ways.push((member.routed.node.name(), member.routed.frr.way_in()));
    }
    keep::ready(&format!("{name}:{PICTURE}"), &boxes, &ways).unwrap();

    for member in &members {
        for (address, far) in member.addresses.iter().zip(HOST_A) {
            wait_ping(&member.pod, address, far);
            // A server sees the client's own address, whoever of the two it is.
            for (client, from, server, to) in [
                (&member.pod, address.as_str(), &hosta, far),
                (&hosta, far, &member.pod, address.as_str()),
            ] {
                seen_as_itself((client, from), (server, to));
            }
        }
    }
    seen_as_itself_at(&hosta, HOST_A[0], SERVICE, &members);
    if let [first, second, ..] = &members[..] {
        for (ours, theirs) in first.addresses.iter().zip(&second.addresses) {
            wait_ping(&first.pod, ours, theirs);
            seen_as_itself((&first.pod, ours), (&second.pod, theirs));
        }
    }
    for member in members {
        drop(member.speaker);
        member.routed.stop();
    }
}

/// Ten flows, each answered by the server and seen with the client's address.
fn seen_as_itself(client: (&Namespace, &str), server: (&Namespace, &str)) {
    let at = SocketAddr::new(server.1.parse().unwrap(), 7);
    let _responder = Responder::start(server.0, at).unwrap();
    let expected = Some(Answer {
        by: server.0.name().to_owned(),
        client: client.1.to_owned(),
    });
    let flows = Flows::open(client.0, client.1.parse().unwrap(), at, 10).unwrap();
    until(&format!("answers from {at} to {}", client.1), LIMIT, || {
        let answers = flows.ask();
        let all = answers.iter().all(|answer| *answer == expected);
        Ok(Seen::when(all, || format!("{answers:?}")))
    })
    .unwrap();
}

/// The same for a service that any of the cluster nodes may answer.
fn seen_as_itself_at(client: &Namespace, from: &str, service: &str, members: &[Member]) {
    let at = SocketAddr::new(service.parse().unwrap(), 7);
    let _responders: Vec<_> = members
        .iter()
        .map(|member| Responder::start(&member.kernel, at).unwrap())
        .collect();
    wait_ping(client, from, service);
    for answer in Flows::open(client, from.parse().unwrap(), at, 10)
        .unwrap()
        .ask()
    {
        assert_eq!(answer.unwrap().client, from);
    }
}

#[test]
fn s1_a_host_behind_a_host_port_keeps_its_addresses_in_both_directions() {
    lab("S1", 1, false, Release::Debian13);
}

#[test]
fn s1_a_host_port_works_with_frr_8() {
    lab("S1", 1, false, Release::Debian12);
}

#[test]
fn s3_pods_of_nodes_with_bird_reach_each_other_and_the_fabric() {
    lab("S3", 2, true, Release::Debian13);
}

#[test]
fn s3_bird_2_behind_a_host_port_does_as_well() {
    lab("S3", 2, true, Release::Debian12);
}
