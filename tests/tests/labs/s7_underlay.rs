//! S7: the sessions of an underlay.

use crate::common::{LIMIT, Routed, forwarder, wait_ping};
use crate::uplinks::{PREFIXES, Plan, TARGETS, Uplinks};
use ferroute_tests::daemon::frr::{Bfd, Bgp, Daemon, FrrConfig, Neighbour, Remote};
use ferroute_tests::daemon::{Frr, Release};
use ferroute_tests::traffic::{Flows, Responder};
use ferroute_tests::wait::{Seen, until};
use ferroute_tests::{Node, keep};
use std::net::{IpAddr, SocketAddr};

/// How many flows show the spread.
const FLOWS: usize = 200;

fn two_uplinks(release: Release) {
    let bfd = Some(Bfd::USUAL);
    let lab = Uplinks::start(Plan {
        bfd,
        ..Plan::of(release)
    });
    lab.keep("S7");
    for (source, target) in TARGETS {
        let at = SocketAddr::new(target.parse().unwrap(), 7);
        let _responder = Responder::start(&lab.far, at).unwrap();
        let flows = Flows::open(&lab.host, source.parse().unwrap(), at, FLOWS).unwrap();
        let before = lab.uplink_packets();
        let answers = flows.ask();
        assert!(
            answers.iter().all(|answer| answer
                .as_ref()
                .is_some_and(|answer| answer.client == source)),
            "{answers:?}"
        );
        let after = lab.uplink_packets();
        let first = after[0] - before[0];
        let both = first + after[1] - before[1];
        assert!(both >= FLOWS as u64, "{both}");
        // Half and half, within four standard deviations and what the sessions send.
        assert!((72..=140).contains(&first), "{target}: {first} of {both}");
    }
    // One uplink goes: every flow is at the other.
    lab.end_first_tor();
    for ((source, target), prefix) in TARGETS.into_iter().zip(PREFIXES) {
        lab.r1.wait_forwarding("default", prefix, 1);
        let at = SocketAddr::new(target.parse().unwrap(), 7);
        let _responder = Responder::start(&lab.far, at).unwrap();
        let flows = Flows::open(&lab.host, source.parse().unwrap(), at, FLOWS).unwrap();
        until("all flows by the second uplink", LIMIT, || {
            let answers = flows.ask();
            let all = answers.iter().all(Option::is_some);
            Ok(Seen::when(all, || format!("{answers:?}")))
        })
        .unwrap();
    }
    lab.r1.stop();
}

#[test]
fn s7_two_unnumbered_uplinks_share_the_load_and_stand_in_for_each_other() {
    two_uplinks(Release::Debian13);
}

const REFLECTOR: &str = "
    S7: the node reflects for its clients and speaks eBGP outwards

    c1 10.31.0.1 2001:db8:31::1  eth0 .2 ──── p1 10.0.1.1 ┌────┐
       AS 64514 (iBGP)                    2001:db8:1::1   │ r1 │ p0 10.0.3.1 ──── eth0 .2 leaf AS 64512
    c2 10.32.0.1 2001:db8:32::1  eth0 .2 ──── p2 10.0.2.1 └────┘ 2001:db8:3::1       10.33.0.1 2001:db8:33::1
       AS 64514 (iBGP)                    2001:db8:2::1  AS 64514
";

/// A box of the lab of the reflector: its name, its autonomous system, its port on the router, and the number in its addresses.
const BOXES: [(&str, u32, &str, u8); 3] = [
    ("leaf", 64512, "p0", 3),
    ("c1", 64514, "p1", 1),
    ("c2", 64514, "p2", 2),
];

fn reflector(release: Release) {
    let mut node = Node::new("r1").unwrap();
    let mut r1_bgp = Bgp::new(64514, [10, 255, 0, 1]);
    let mut boxes = Vec::new();
    for (name, asn, port, number) in BOXES {
        let lo = [
            format!("10.3{number}.0.1/32"),
            format!("2001:db8:3{number}::1/128"),
        ];
        let namespace = forwarder(name, &lo.each_ref().map(String::as_str));
        let ours = [
            format!("10.0.{number}.1/24"),
            format!("2001:db8:{number}::1/64"),
        ];
        let eth0 = node
            .port(
                port,
                None,
                &ours.each_ref().map(String::as_str),
                (&namespace, "eth0"),
            )
            .unwrap();
        let mut bgp = Bgp::new(asn, [10, 255, 1, number]).networks(&[
            format!("10.3{number}.0.0/16").parse().unwrap(),
            format!("2001:db8:3{number}::/48").parse().unwrap(),
        ]);
        for (address, prefix, router) in [
            (
                IpAddr::from([10, 0, number, 2]),
                24,
                IpAddr::from([10, 0, number, 1]),
            ),
            (
                format!("2001:db8:{number}::2").parse().unwrap(),
                64,
                format!("2001:db8:{number}::1").parse().unwrap(),
            ),
        ] {
            eth0.address(&format!("{address}/{prefix}")).unwrap();
            let remote = if name == "leaf" {
                Remote::External
            } else {
                Remote::Internal
            };
            let theirs = Neighbour::at(address, remote);
            r1_bgp = r1_bgp.neighbour(if name == "leaf" {
                theirs
            } else {
                theirs.reflected()
            });
            bgp = bgp.neighbour(Neighbour::at(router, Remote::As(64514)));
        }
        r1_bgp = r1_bgp.networks(&[
            format!("10.0.{number}.0/24").parse().unwrap(),
            format!("2001:db8:{number}::/64").parse().unwrap(),
        ]);
        let frr = Frr::start(&namespace, release, &FrrConfig::bgp(bgp), &[]).unwrap();
        boxes.push((namespace, frr));
    }
    let r1 = Routed::start(node, release, &FrrConfig::bgp(r1_bgp));
    for (_, _, _, number) in BOXES {
        for (peer, prefix) in [
            (format!("10.0.{number}.2"), format!("10.3{number}.0.0/16")),
            (
                format!("2001:db8:{number}::2"),
                format!("2001:db8:3{number}::/48"),
            ),
        ] {
            r1.frr.wait_established(None, &peer).unwrap();
            r1.wait_forwarding("default", &prefix, 1);
        }
    }
    let [(leaf, leaf_frr), (c1, c1_frr), (c2, c2_frr)] = &boxes[..] else {
        panic!("three boxes");
    };
    keep::ready(
        REFLECTOR,
        &[c1, c2, leaf, r1.node.kernel()],
        &[
            ("r1", r1.frr.way_in()),
            ("c1", c1_frr.way_in()),
            ("c2", c2_frr.way_in()),
            ("leaf", leaf_frr.way_in()),
        ],
    )
    .unwrap();

    // Reflected, not spoken again: the next hop is the other client, and the originator is named (RFC 4456).
    c2_frr.wait_route(None, "10.31.0.0/16", 1).unwrap();
    let shown = c2_frr
        .show(Daemon::Bgpd, "show bgp ipv4 unicast 10.31.0.0/16 json")
        .unwrap();
    let path = &shown["paths"][0];
    assert_eq!(path["originatorId"], "10.255.1.1", "{shown:#}");
    assert_eq!(path["nexthops"][0]["ip"], "10.0.1.2", "{shown:#}");
    for (from, source, target) in [
        (c1, "10.31.0.1", "10.32.0.1"),
        (c1, "2001:db8:31::1", "2001:db8:32::1"),
        (c2, "10.32.0.1", "10.33.0.1"),
        (c2, "2001:db8:32::1", "2001:db8:33::1"),
        (leaf, "10.33.0.1", "10.31.0.1"),
        (leaf, "2001:db8:33::1", "2001:db8:31::1"),
    ] {
        wait_ping(from, source, target);
    }
    r1.stop();
}

#[test]
fn s7_a_node_reflects_between_its_clients_and_speaks_ebgp_to_the_fabric() {
    reflector(Release::Debian13);
}

#[test]
fn s7_two_unnumbered_uplinks_work_with_frr_8() {
    two_uplinks(Release::Debian12);
}

#[test]
fn s7_a_node_reflects_with_frr_8() {
    reflector(Release::Debian12);
}
