//! The router starts again under the bridge: killed without a warning, or stopped and started by plan.

use super::kernel::SOURCE;
use super::lab::{LIMIT, routes, until, until_route};
use ferroute_tests::traffic::Stream;
use ferroute_tests::{Bridge, LabError, Router, TwoHosts};
use std::time::{Duration, Instant};

/// Packets a second.
const RATE: u32 = 500;
/// What a daemon has beside the routes of the router's own configuration.
const PREFIXES: [&str; 2] = ["198.51.100.0/24", "2001:db8:77::/48"];

/// The routes of a daemon, as it says them when an interface comes.
fn daemon_says(lab: &TwoHosts) {
    for (prefix, gateway) in PREFIXES.iter().zip([lab.b.v4.host, lab.b.v6.host]) {
        let line = format!("ip route replace {prefix} via {gateway} dev p1 proto bgp");
        // The twin is new: its addresses may not be there yet.
        assert!(until(|| lab.node.run(&line).is_ok()), "{line}");
    }
}

/// Ends the router in some way under traffic, starts it again at once, and says how long nothing arrived. Its twins go with
/// it, and the kernel's routes with them; what its own configuration says forwards as soon as it is ready.
fn starts_again(end: impl FnOnce(&mut Router) -> Result<(), LabError>) {
    let lab = TwoHosts::build().unwrap();
    let own = [&lab.a, &lab.b].map(|host| {
        let v4 = &host.v4;
        format!(
            "  - {{ prefix: {}, via: [{{ address: {} }}] }}\n",
            v4.prefix, v4.host
        )
    });
    let mut router = lab.start(&format!("routes:\n{}", own.concat())).unwrap();
    let bridge = Bridge::start(&lab.node, &router, SOURCE, &[]).unwrap();
    daemon_says(&lab);
    let is_whole = |router: &Router| {
        for prefix in PREFIXES {
            until_route(router, "kernel", prefix, |route| {
                route["state"] == "active" && route["stale"] == false
            });
        }
    };
    is_whole(&router);
    let ends = [&lab.a, &lab.b].map(|host| (host.namespace(), host.v4.behind.parse().unwrap()));
    let ping = format!(
        "ping -n -c 1 -W 5 -I {} {}",
        lab.a.v4.behind, lab.b.v4.behind
    );
    assert!(until(|| lab.a.namespace().run(&ping).is_ok()));
    let stream = Stream::start(ends[0], ends[1], RATE).unwrap();

    end(&mut router).unwrap();
    let started = Instant::now();
    router.restart().unwrap();
    println!("ready {:?} after its start", started.elapsed());
    daemon_says(&lab);
    is_whole(&router);
    println!(
        "the daemon's routes are in {:?} after its start",
        started.elapsed()
    );
    let state = bridge
        .until("a session with the new router", |status| {
            let router = &status["sources"][0]["router"];
            router["connected"] == true && router["end_of_rib"] == true
        })
        .unwrap();
    assert_eq!(state["sources"][0]["router"]["sessions"], 2, "{state:#}");
    assert_eq!(routes(&router, "kernel").len(), PREFIXES.len());
    assert!(until(|| lab.a.namespace().run(&ping).is_ok()));
    let account = stream.stop().unwrap();
    println!(
        "{} of {} lost, nothing arrived for {:?}",
        account.lost.len(),
        account.sent,
        account.longest_gap
    );
    assert!(
        account.longest_gap < LIMIT + Duration::from_secs(10),
        "{account:?}"
    );
    router.stop().unwrap();
}

#[test]
fn a_router_that_was_killed_comes_back_whole() {
    starts_again(Router::kill);
}

#[test]
fn a_router_that_was_restarted_by_plan_comes_back_whole() {
    starts_again(Router::halt);
}
