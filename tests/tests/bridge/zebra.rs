//! What a zebra hears of its routes, and what becomes of two at one listener.

use super::lab::{lab, routes, until, until_route};
use ferroute_tests::daemon::Zebra;
use ferroute_tests::daemon::zebra::{Word, next_hop, route};
use ferroute_tests::{Bridge, Interface, TwoHosts};
use ipnet::IpNet;
use std::net::SocketAddr;

const LISTENER: &str = "127.0.0.1:2620";

fn connect(lab: &TwoHosts) -> Zebra {
    let listener: SocketAddr = LISTENER.parse().unwrap();
    Zebra::connect(&lab.node, listener).unwrap()
}

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

/// The next hop to host a, under the number 1.
fn to_host_a(lab: &TwoHosts) -> Vec<u8> {
    let index = Interface::named(&lab.node, lab.a.port).index().unwrap();
    next_hop(1, lab.a.v4.host.parse().unwrap(), index)
}

/// Also of what changes nothing in the router, and of what it cannot follow. By a played zebra: that of FRR 10.3 reads the
/// words and then looks for each route in a table 0, which it does not have.
#[test]
fn zebra_hears_which_routes_are_in_the_data_path() {
    let (lab, router) = lab();
    // An interface that the router does not have.
    lab.node.run("ip link add shadow type bridge").unwrap();
    let shadow = Interface::named(&lab.node, "shadow").index().unwrap();
    let source = "sources: [{owner: frr, kind: fpm, fpm: {feedback: true}}]\n";
    let bridge = Bridge::start(&lab.node, &router, source, &[]).unwrap();
    let (good, bad) = (net("198.51.100.0/24"), net("2001:db8:77::/48"));
    let said = [
        to_host_a(&lab),
        next_hop(2, "2001:db8:7::2".parse().unwrap(), shadow),
        route(good, 1),
        route(bad, 2),
    ];
    let said = said.concat();
    let expected = [(good, true), (bad, false)].map(|(prefix, offloaded)| Word {
        prefix,
        offloaded,
        failed: !offloaded,
    });
    let heard = |zebra: &mut Zebra| {
        zebra.say(&said).unwrap();
        let mut words = [zebra.word().unwrap(), zebra.word().unwrap()];
        words.sort();
        assert_eq!(words, expected, "{:#}", bridge.status().unwrap());
    };
    let mut first = connect(&lab);
    heard(&mut first);
    until_route(&router, "frr", "198.51.100.0/24", |route| {
        route["state"] == "active"
    });
    // Said again, and by another zebra.
    heard(&mut first);
    drop(first);
    heard(&mut connect(&lab));
}

#[test]
fn a_second_zebra_replaces_the_first() {
    let (lab, router) = lab();
    let source = "sources: [{owner: frr, kind: fpm, fpm: {quiet_ms: 300, hold_ms: 600}}]\n";
    let bridge = Bridge::start(&lab.node, &router, source, &[]).unwrap();
    let (both, only_first, only_second) = ("198.51.100.0/24", "198.51.101.0/24", "198.51.102.0/24");
    let say = |zebra: &mut Zebra, prefixes: [&str; 2]| {
        let prefixes = prefixes.iter().flat_map(|prefix| route(net(prefix), 1));
        let frames: Vec<u8> = to_host_a(&lab).into_iter().chain(prefixes).collect();
        zebra.say(&frames)
    };
    let prefixes = || {
        let mut prefixes: Vec<String> = (routes(&router, "frr").iter())
            .map(|route| route["prefix"].as_str().unwrap().to_owned())
            .collect();
        prefixes.sort();
        prefixes
    };
    let mut first = connect(&lab);
    say(&mut first, [both, only_first]).unwrap();
    assert!(
        until(|| prefixes() == [both, only_first]),
        "{:?}",
        prefixes()
    );

    let mut second = connect(&lab);
    assert!(first.is_closed(), "the first zebra is still served");
    say(&mut second, [both, only_second]).unwrap();
    // Until it has said everything, nothing of the first goes.
    assert!(
        until(|| {
            let now = prefixes();
            assert!(now.iter().any(|prefix| prefix == both), "{now:?}");
            now == [both, only_second]
        }),
        "{:?}\n{:#}",
        prefixes(),
        bridge.status().unwrap()
    );
    let status = bridge.status().unwrap();
    let fpm = &status["sources"][0]["fpm"];
    assert_eq!(
        (&fpm["connections"], &fpm["unreadable"]),
        (&2.into(), &0.into())
    );
    // What the first says now is heard by nobody.
    let _ = say(&mut first, [both, only_first]);
    assert!(!prefixes().contains(&only_first.to_owned()));
}
