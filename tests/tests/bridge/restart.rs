//! The router starts again under bgpd and the bridge: killed without a warning, or stopped and started by plan.

use super::lab::{LIMIT, routes, until, until_route};
use ferroute_tests::daemon::frr::{Bgp, Daemon, FrrConfig, Neighbour, Remote};
use ferroute_tests::daemon::{Frr, Release};
use ferroute_tests::traffic::Stream;
use ferroute_tests::{Bridge, LabError, Router, TwoHosts};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Packets a second.
const RATE: u32 = 1000;
const SOURCE: &str = "sources: [{owner: frr, kind: kernel, grace_seconds: 300}]\n";
/// FRR's neighbour on host b.
const PEER: &str = "10.0.2.2";

fn speaker(asn: u32, number: u8) -> Bgp {
    Bgp::new(asn, [10, 255, 0, number])
}

/// bgpd's session as it is: whether it is up, how often it came up, and how many routes it has.
fn session(frr: &Frr) -> (Value, Value) {
    let session = frr.session(None, PEER).unwrap();
    (
        session["bgpState"].clone(),
        session["connectionsEstablished"].clone(),
    )
}

/// Ends the router in some way under traffic and starts it again at once, while no bridge is there that could say anything: what
/// lies behind host b is bgpd's, what lies behind host a is a person's, and the configuration has no route at all.
fn starts_again(release: Release, end: impl FnOnce(&mut Router) -> Result<(), LabError>) {
    let lab = TwoHosts::build().unwrap();
    let mut router = lab.start("").unwrap();
    let networks = [lab.b.v4.prefix.parse().unwrap()];
    let far = speaker(64512, 2)
        .neighbour(Neighbour::at([10, 0, 2, 1], Remote::As(64514)))
        .networks(&networks);
    let _far = Frr::start(lab.b.namespace(), release, &FrrConfig::bgp(far), &[]).unwrap();
    let near = speaker(64514, 1).neighbour(Neighbour::at([10, 0, 2, 2], Remote::As(64512)));
    let config = FrrConfig {
        bgp: vec![near],
        without_carrier: vec!["p0".to_owned(), "p1".to_owned()],
        ..FrrConfig::default()
    };
    let frr = Frr::start(&lab.node, release, &config, &[]).unwrap();
    frr.wait_established(None, PEER).unwrap();
    let mut bridge = Bridge::start(&lab.node, &router, SOURCE, &[]).unwrap();
    until_route(&router, "frr", lab.b.v4.prefix, |route| {
        route["state"] == "active"
    });
    let own = lab.a.v4;
    router
        .cli(&format!("route add {} via {}", own.prefix, own.host))
        .unwrap();
    let ping = format!(
        "ping -n -c 1 -W 5 -I {} {}",
        lab.a.v4.behind, lab.b.v4.behind
    );
    assert!(until(|| lab.a.namespace().run(&ping).is_ok()));
    let before = session(&frr);
    assert_eq!(before, ("Established".into(), 1.into()));
    router
        .wait_saved("route add blackhole 192.0.2.0/24 --owner last")
        .unwrap();
    let ends = [&lab.a, &lab.b].map(|host| (host.namespace(), host.v4.behind.parse().unwrap()));
    let stream = Stream::start(ends[0], ends[1], RATE).unwrap();

    bridge.kill().unwrap();
    end(&mut router).unwrap();
    let started = Instant::now();
    router.restart().unwrap();
    let ready = started.elapsed();
    assert!(until(|| lab.a.namespace().run(&ping).is_ok()));
    println!(
        "ready {ready:?} after its start, forwards {:?} after it",
        started.elapsed()
    );

    // Nobody has said anything yet.
    let of = |owner: &str| {
        let owners = router.query("route owners").unwrap();
        let mut owners = owners.as_array().unwrap().clone().into_iter();
        owners.find(|row| row["name"] == owner).unwrap()
    };
    let bgp = of("frr");
    assert_eq!(
        (&bgp["state"], &bgp["routes"]),
        (&"stale".into(), &bgp["stale_routes"])
    );
    assert!(bgp["grace_left_ns"].as_u64().unwrap() <= 300_000_000_000);
    assert_eq!(
        (&of("cli")["stale_routes"], &of("cli")["routes"]),
        (&0.into(), &1.into())
    );
    let held = routes(&router, "frr").len();
    assert!(held >= 1, "{:?}", routes(&router, "frr"));

    // Now everything is said anew; nothing is swept that is good.
    bridge.restart().unwrap();
    until_route(&router, "frr", lab.b.v4.prefix, |route| {
        route["state"] == "active" && route["stale"] == false
    });
    bridge
        .until("the end of what the kernel says", |status| {
            status["sources"][0]["router"]["end_of_rib"] == true
        })
        .unwrap();
    assert_eq!(routes(&router, "frr").len(), held);
    assert!(lab.a.namespace().run(&ping).is_ok());
    let account = stream.stop().unwrap();
    let outage = Duration::from_secs(1) * u32::try_from(account.lost.len()).unwrap() / RATE;
    println!(
        "{} of {} lost: {outage:?} without forwarding",
        account.lost.len(),
        account.sent
    );
    assert!(outage < LIMIT, "{account:?}");
    assert_eq!(session(&frr), before, "{}", frr.log(Daemon::Bgpd));
    router.stop().unwrap();
}

#[test]
fn a_router_that_was_killed_forwards_before_frr_says_anything() {
    starts_again(Release::Debian13, Router::kill);
}

#[test]
fn a_router_that_was_restarted_by_plan_forwards_before_frr_says_anything() {
    starts_again(Release::Debian13, Router::halt);
}

/// What the bridge does not repeat goes, at the latest when its grace time is over.
#[test]
fn what_nobody_repeats_after_a_restart_goes() {
    let lab = TwoHosts::build().unwrap();
    let mut router = lab.start("").unwrap();
    let gateway = lab.b.v4.host;
    for prefix in ["198.51.100.0/24", "203.0.113.0/24"] {
        lab.node
            .run(&format!(
                "ip route add {prefix} via {gateway} dev p1 proto bgp"
            ))
            .unwrap();
    }
    let mut bridge = Bridge::start(&lab.node, &router, SOURCE, &[]).unwrap();
    until_route(&router, "frr", "203.0.113.0/24", |route| {
        route["state"] == "active"
    });
    until_route(&router, "frr", "198.51.100.0/24", |route| {
        route["state"] == "active"
    });
    router
        .cli("route add blackhole 192.0.2.0/24 --owner person")
        .unwrap();
    router.wait_saved("vrf add last").unwrap();
    bridge.kill().unwrap();
    router.kill().unwrap();
    // The kernel keeps its routes while no router is there, and one goes meanwhile.
    lab.node.run("ip route del 203.0.113.0/24").unwrap();
    router.restart().unwrap();
    assert_eq!(routes(&router, "frr").len(), 2);
    bridge.restart().unwrap();
    assert!(
        until(|| routes(&router, "frr").len() == 1),
        "{:?}",
        routes(&router, "frr")
    );
    until_route(&router, "frr", "198.51.100.0/24", |route| {
        route["stale"] == false
    });
    assert_eq!(routes(&router, "person").len(), 1);

    // An owner with a short grace that never comes back.
    drop(bridge);
    let source = "sources: [{owner: brief, kind: kernel, grace_seconds: 1}]\n";
    let brief = Bridge::start(&lab.node, &router, source, &[]).unwrap();
    until_route(&router, "brief", "198.51.100.0/24", |route| {
        route["state"] != ""
    });
    router.wait_saved("vrf add last2").unwrap();
    router.kill().unwrap();
    drop(brief);
    router.restart().unwrap();
    assert!(until(|| {
        let owners = router.query("route owners").unwrap();
        let mut names = owners
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["name"].clone());
        !names.any(|name| name == "brief")
    }));
    router.stop().unwrap();
}
