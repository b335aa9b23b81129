//! S7: the sessions of an underlay.

use crate::common::{LIMIT, Routed, forwarder, wait_ping};
use ferroute_tests::daemon::frr::{Bgp, FrrConfig, Neighbour, Remote};
use ferroute_tests::daemon::{Frr, Release};
use ferroute_tests::traffic::{Flows, Responder};
use ferroute_tests::wait::{Seen, until};
use ferroute_tests::{Node, keep};
use std::net::{IpAddr, SocketAddr};

const TWO_UPLINKS: &str = "
    S7: two uplinks without addresses, both families over link-local next hops

    tor1 (AS 64512) eth0 ──── p0 ┌────┐
    lo 10.20.0.1 2001:db8:20::1  │ r1 │ p2 10.0.9.1 2001:db8:9::1 ──── eth0 host .2 ::2
    tor2 (AS 64513) eth0 ──── p1 └────┘
    lo as on tor1                AS 64514
";

/// How many flows show the spread.
const FLOWS: usize = 200;

fn two_uplinks(release: Release) {
    let mut node = Node::new("r1").unwrap();
    let tors =
        ["tor1", "tor2"].map(|name| forwarder(name, &["10.20.0.1/32", "2001:db8:20::1/128"]));
    let mut cables = Vec::new();
    for (tor, port) in tors.iter().zip(["p0", "p1"]) {
        cables.push(node.port(port, None, &[], (tor, "eth0")).unwrap());
    }
    let host = forwarder("host", &[]);
    let eth0 = node
        .port(
            "p2",
            None,
            &["10.0.9.1/24", "2001:db8:9::1/64"],
            (&host, "eth0"),
        )
        .unwrap();
    eth0.address("10.0.9.2/24").unwrap();
    eth0.address("2001:db8:9::2/64").unwrap();
    host.run("ip route add default via 10.0.9.1").unwrap();
    host.run("ip -6 route add default via 2001:db8:9::1")
        .unwrap();

    let shared = ["10.20.0.0/16", "2001:db8:20::/48"].map(|net| net.parse().unwrap());
    let frrs: Vec<_> = tors
        .iter()
        .zip([64512, 64513])
        .map(|(tor, asn)| {
            let bgp = Bgp::new(asn, [10, 255, 0, (asn - 64500) as u8])
                .neighbour(Neighbour::on("eth0", Remote::External))
                .networks(&shared);
            Frr::start(tor, release, &FrrConfig::bgp(bgp), &[]).unwrap()
        })
        .collect();
    let own = ["10.0.9.0/24", "2001:db8:9::/64"].map(|net| net.parse().unwrap());
    let bgp = Bgp::new(64514, [10, 255, 0, 1])
        .neighbour(Neighbour::on("p0", Remote::External))
        .neighbour(Neighbour::on("p1", Remote::External))
        .networks(&own);
    let r1 = Routed::start(node, release, &FrrConfig::bgp(bgp));
    for port in ["p0", "p1"] {
        r1.frr.wait_established(None, port).unwrap();
    }
    for prefix in ["10.20.0.0/16", "2001:db8:20::/48"] {
        r1.frr.wait_route(None, prefix, 2).unwrap();
        r1.wait_forwarding("default", prefix, 2);
    }
    keep::ready(
        TWO_UPLINKS,
        &[&host, r1.node.kernel(), &tors[0], &tors[1]],
        &[
            ("r1", r1.frr.way_in()),
            ("tor1", frrs[0].way_in()),
            ("tor2", frrs[1].way_in()),
        ],
    )
    .unwrap();

    for (source, target) in [
        ("10.0.9.2", "10.20.0.1"),
        ("2001:db8:9::2", "2001:db8:20::1"),
    ] {
        wait_ping(&host, source, target);
        let at = SocketAddr::new(target.parse().unwrap(), 7);
        let _responders = tors
            .each_ref()
            .map(|tor| Responder::start(tor, at).unwrap());
        let flows = Flows::open(&host, source.parse::<IpAddr>().unwrap(), at, FLOWS).unwrap();
        let before = flows.ask();
        let by = |name: &str| {
            before
                .iter()
                .flatten()
                .filter(|answer| answer.by == name)
                .count()
        };
        assert_eq!(by("tor1") + by("tor2"), FLOWS, "{before:?}");
        // Half and half, within four standard deviations.
        assert!(
            (72..=128).contains(&by("tor1")),
            "{target}: {} of {FLOWS}",
            by("tor1")
        );
    }

    // One uplink goes: every flow is at the other, and those that were stay.
    cables[0].set("down").unwrap();
    for (source, target, prefix) in [
        ("10.0.9.2", "10.20.0.1", "10.20.0.0/16"),
        ("2001:db8:9::2", "2001:db8:20::1", "2001:db8:20::/48"),
    ] {
        r1.wait_forwarding("default", prefix, 1);
        let at = SocketAddr::new(target.parse().unwrap(), 7);
        let _responder = Responder::start(&tors[1], at).unwrap();
        let flows = Flows::open(&host, source.parse::<IpAddr>().unwrap(), at, FLOWS).unwrap();
        until("all flows at the second uplink", LIMIT, || {
            let answers = flows.ask();
            let all = answers
                .iter()
                .all(|answer| answer.as_ref().is_some_and(|answer| answer.by == "tor2"));
            Ok(Seen::when(all, || format!("{answers:?}")))
        })
        .unwrap();
    }
    r1.stop();
}

#[test]
fn s7_two_unnumbered_uplinks_share_the_load_and_stand_in_for_each_other() {
    two_uplinks(Release::Debian13);
}
