//! The kernel's own tables, followed by rtnetlink.

use super::lab::{LIMIT, lab, routes, until, until_route};
use ferroute_tests::Bridge;
use serde_json::Value;
use std::time::{Duration, Instant};

pub(crate) const SOURCE: &str = "sources: [{owner: kernel, kind: kernel}]\n";

#[test]
fn routes_of_a_daemon_forward_and_outlive_the_bridge() {
    let (lab, router) = lab();
    lab.node
        .run("ip route add 10.2.0.0/16 via 10.0.2.2 dev p1 proto bgp metric 20")
        .unwrap();
    lab.node
        .run("ip -6 route add 2001:db8:b::/48 via 2001:db8:2::2 dev p1 proto bgp")
        .unwrap();
    let mut bridge = Bridge::start(&lab.node, &router, SOURCE, &[]).unwrap();
    lab.node
        .run("ip route add 10.1.0.0/16 via 10.0.1.2 dev p0 proto bird")
        .unwrap();
    lab.node
        .run("ip -6 route add 2001:db8:a::/48 via 2001:db8:1::2 dev p0 proto bird")
        .unwrap();
    // What a script leaves is not a daemon's.
    lab.node
        .run("ip route add 10.99.0.0/16 via 10.0.1.2 dev p0")
        .unwrap();
    for prefix in [
        "10.1.0.0/16",
        "10.2.0.0/16",
        "2001:db8:a::/48",
        "2001:db8:b::/48",
    ] {
        until_route(&router, "kernel", prefix, |route| {
            route["state"] == "active"
        });
    }
    assert_eq!(routes(&router, "kernel").len(), 4);
    let ping = |count: u32| {
        let from = format!(
            "ping -n -c {count} -i 0.01 -W 5 -I {} {}",
            lab.a.v4.behind, lab.b.v4.behind
        );
        lab.a.namespace().run(&from).unwrap()
    };
    ping(1);

    // Killed under traffic and started again: not a packet is lost, and what went meanwhile is swept.
    let line = format!(
        "ping -n -c 200 -i 0.01 -W 5 -I {} {}",
        lab.a.v4.behind, lab.b.v4.behind
    );
    let mut pinging = lab.a.namespace().spawn(&line).unwrap();
    pinging.wait_for("icmp_seq=10 ", LIMIT).unwrap();
    bridge.kill().unwrap();
    lab.node
        .run("ip -6 route del 2001:db8:b::/48 proto bgp")
        .unwrap();
    assert!(until(|| routes(&router, "kernel")
        .iter()
        .all(|route| route["stale"] == true)));
    bridge.restart().unwrap();
    bridge
        .until("the end of the replay", |status| {
            status["sources"][0]["router"]["end_of_rib"] == true
        })
        .unwrap();
    assert!(until(|| routes(&router, "kernel").len() == 3));
    assert!(
        routes(&router, "kernel")
            .iter()
            .all(|route| route["stale"] == false)
    );
    pinging.wait(LIMIT).unwrap();
    assert!(
        pinging.log().contains(" 0% packet loss"),
        "{}",
        pinging.log()
    );
}

#[test]
fn next_hop_objects_groups_and_every_kind_of_route_arrive() {
    let (lab, router) = lab();
    let bridge = Bridge::start(&lab.node, &router, SOURCE, &[]).unwrap();
    for line in [
        "ip nexthop add id 1 via 10.0.1.2 dev p0",
        "ip nexthop add id 2 via 10.0.2.2 dev p1",
        "ip nexthop add id 9 group 1,3/2,1",
        "ip route add 198.51.100.0/24 nhid 9 proto bgp",
        "ip route add 198.51.101.0/24 proto bgp nexthop via 10.0.1.2 weight 1 nexthop via 10.0.2.2 weight 3",
        "ip route add 198.51.102.0/24 via inet6 2001:db8:2::2 dev p1 proto bgp",
        "ip route add blackhole 198.51.103.0/24 proto bgp",
        "ip route add unreachable 198.51.104.0/24 proto bgp",
        "ip route add prohibit 198.51.105.0/24 proto bgp",
        "ip route add 198.51.106.0/24 via 10.99.0.1 dev p0 onlink proto bgp",
        "ip -6 route add 2001:db8:c::/48 proto bgp nexthop via 2001:db8:1::2 dev p0 nexthop via 2001:db8:2::2 dev p1",
        "ip -6 route add 2001:db8:d::/48 via 2001:db8:1::2 dev p0 proto bgp",
        "ip -6 route append 2001:db8:d::/48 via 2001:db8:2::2 dev p1 proto bgp",
        "ip route add 198.51.107.0/24 dev lo proto bgp",
        "ip route add 198.51.108.0/24 via 10.0.1.2 proto bgp metric 10",
        "ip route add 198.51.108.0/24 via 10.0.2.2 proto bgp metric 20",
    ] {
        if line.contains("9 group") {
            lab.node.run("ip nexthop add id 9 group 1,3/2,1").unwrap();
            continue;
        }
        lab.node
            .run(line)
            .unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    let hops = |prefix: &str| {
        let route = until_route(&router, "kernel", prefix, |_| true);
        let mut hops: Vec<String> = route["next_hops"]
            .as_array()
            .unwrap()
            .iter()
            .map(|hop| {
                format!(
                    "{} {} {}",
                    hop["gateway"].as_str().unwrap_or(""),
                    hop["interface"].as_str().unwrap_or(""),
                    hop["weight"]
                )
            })
            .collect();
        hops.sort();
        hops
    };
    until_route(&router, "kernel", "198.51.108.0/24", |_| true);
    assert_eq!(hops("198.51.100.0/24"), ["10.0.1.2 p0 3", "10.0.2.2 p1 1"]);
    assert_eq!(hops("198.51.101.0/24"), ["10.0.1.2 p0 1", "10.0.2.2 p1 3"]);
    assert_eq!(hops("198.51.102.0/24"), ["2001:db8:2::2 p1 1"]);
    assert_eq!(hops("198.51.106.0/24"), ["10.99.0.1 p0 1"]);
    let both = ["2001:db8:1::2 p0 1", "2001:db8:2::2 p1 1"];
    assert_eq!(hops("2001:db8:c::/48"), both);
    until_route(&router, "kernel", "2001:db8:d::/48", |route| {
        route["next_hops"].as_array().unwrap().len() == 2
    });
    assert_eq!(hops("2001:db8:d::/48"), both);
    assert_eq!(hops("198.51.108.0/24"), ["10.0.1.2 p0 1"]);
    for (prefix, kind) in [
        ("198.51.103.0/24", "blackhole"),
        ("198.51.104.0/24", "unreachable"),
        ("198.51.105.0/24", "prohibit"),
    ] {
        assert_eq!(
            until_route(&router, "kernel", prefix, |_| true)["kind"],
            kind
        );
    }
    // The kernel's loopback is no interface of the router.
    let status = bridge
        .until("a held route", |status| {
            status["sources"][0]["pending"] == 1
        })
        .unwrap();
    assert_eq!(
        status["sources"][0]["problems"][0]["prefix"],
        "198.51.107.0/24"
    );

    // One object changes, and all its routes with it; the better of two routes goes, and the other takes its place.
    lab.node
        .run("ip nexthop replace id 1 via 10.0.1.9 dev p0")
        .unwrap();
    until_route(&router, "kernel", "198.51.100.0/24", |route| {
        route.to_string().contains("10.0.1.9")
    });
    lab.node
        .run("ip route del 198.51.108.0/24 via 10.0.1.2 proto bgp metric 10")
        .unwrap();
    until_route(&router, "kernel", "198.51.108.0/24", |route| {
        route.to_string().contains("10.0.2.2")
    });
    lab.node
        .run("ip -6 route del 2001:db8:d::/48 via 2001:db8:1::2 dev p0")
        .unwrap();
    until_route(&router, "kernel", "2001:db8:d::/48", |route| {
        route["next_hops"].as_array().unwrap().len() == 1
    });
    // The kernel drops the routes of an object that is deleted, and says nothing of each.
    lab.node.run("ip nexthop del id 9").unwrap();
    assert!(until(|| routes(&router, "kernel")
        .iter()
        .all(|route| route["prefix"] != "198.51.100.0/24")));
}

#[test]
fn a_route_waits_for_its_interface() {
    let (lab, router) = lab();
    lab.node.run("ip link add shadow type bridge").unwrap();
    lab.node.run("ip link set shadow up").unwrap();
    lab.node
        .run("ip address add 10.7.0.1/24 dev shadow")
        .unwrap();
    let bridge = Bridge::start(
        &lab.node,
        &router,
        "sources: [{owner: kernel, kind: kernel, interfaces: [{kernel: shadow, router: p0.7}]}]\n",
        &[],
    )
    .unwrap();
    lab.node
        .run("ip route add 198.51.100.0/24 via 10.7.0.2 dev shadow proto bgp")
        .unwrap();
    bridge
        .until("the held route", |status| {
            status["sources"][0]["pending"] == 1
        })
        .unwrap();
    assert!(routes(&router, "kernel").is_empty());
    router.cli("link add p0.7 type vlan link p0 id 7").unwrap();
    router.cli("addr add 10.7.0.1/24 dev p0.7").unwrap();
    until_route(&router, "kernel", "198.51.100.0/24", |route| {
        route.to_string().contains("p0.7")
    });
    bridge
        .until("nothing held", |status| {
            status["sources"][0]["pending"] == 0 && status["sources"][0]["refused"] == 0
        })
        .unwrap();
}

#[test]
fn a_vni_that_was_refused_is_taken_soon_after_what_was_missing_has_come() {
    let (lab, router) = lab();
    let config = format!(
        "tunnels: {{ address: \"{}\" }}\nsources: [{{ owner: kernel, kind: kernel, tables: [{{ vrf: red, l3vni: 100 }}], \
         l2vnis: [{{ vni: 110, domain: flat }}] }}]\n",
        lab.a.v4.router
    );
    let bridge = Bridge::start(&lab.node, &router, &config, &[]).unwrap();
    let is = |source: &Value, refused: u64| {
        let counts = [&source["vnis_failed"], &source["stations"]["refused"]];
        counts.iter().all(|count| **count == refused)
    };
    bridge
        .until("two refusals", |status| is(&status["sources"][0], 1))
        .unwrap();
    router.cli("vrf add red").unwrap();
    router.cli("domain add flat").unwrap();
    let since = Instant::now();
    bridge
        .until("both VNIs", |status| {
            let source = &status["sources"][0];
            is(source, 0) && source["vnis"] == 1 && source["stations"]["vnis"] == 1
        })
        .unwrap();
    println!("taken after {:.2?}", since.elapsed());
    assert!(since.elapsed() < Duration::from_secs(15));
}

#[test]
fn n_13_a_neighbour_of_the_kernel_reaches_the_data_path() {
    let (lab, router) = lab();
    let source = "sources: [{owner: kernel, kind: kernel, neighbours: all}]\n";
    let bridge = Bridge::start(&lab.node, &router, source, &[]).unwrap();
    let mac = |wanted: Option<&str>| {
        let started = Instant::now();
        let done = until(|| {
            let listed = router.query("neigh show --dev p1").unwrap();
            let found = listed
                .as_array()
                .unwrap()
                .iter()
                .find(|n| n["address"] == "10.0.2.77")
                .cloned();
            match wanted {
                Some(mac) => found.is_some_and(|n| n["mac"] == mac && n["state"] == "permanent"),
                None => found.is_none(),
            }
        });
        assert!(done, "{wanted:?}: {}", bridge.status().unwrap());
        started.elapsed()
    };
    for (words, wanted) in [
        (
            "lladdr 02:00:00:00:00:77 nud reachable",
            Some("02:00:00:00:00:77"),
        ),
        (
            "lladdr 02:00:00:00:00:78 nud permanent",
            Some("02:00:00:00:00:78"),
        ),
        (
            "lladdr 02:00:00:00:00:79 nud noarp",
            Some("02:00:00:00:00:79"),
        ),
        ("nud failed", None),
    ] {
        lab.node
            .run(&format!("ip neigh replace 10.0.2.77 dev p1 {words}"))
            .unwrap();
        let took = mac(wanted);
        // The time includes that of the command line that asks.
        println!("{words}: seen after {took:?}");
        assert!(took < Duration::from_secs(2));
    }
}
