//! The router between real hosts: what ordinary tools see through it.

#![allow(clippy::unwrap_used, reason = "what cannot go on has failed")]

use ferroute_tests::{Capture, Router, TwoHosts};
use std::time::Duration;

fn start(lab: &TwoHosts) -> Router {
    let router = lab.start("").unwrap();
    lab.add_routes(&router).unwrap();
    router
}

/// The second word of each line that begins with a number: the hops of a trace.
fn hops(printed: &str) -> Vec<&str> {
    let numbered = printed.lines().map(|line| line.split_whitespace());
    numbered
        .filter_map(|mut words| {
            let number = words.next()?.trim_end_matches([':', '?']);
            number.parse::<u8>().ok()?;
            words.next()
        })
        .collect()
}

#[test]
fn no_ping_is_lost_in_either_direction_from_the_first_packet_on() {
    let lab = TwoHosts::build().unwrap();
    let router = start(&lab);
    for (from, to) in [(&lab.a, &lab.b), (&lab.b, &lab.a)] {
        for (source, target) in [(from.v4, to.v4), (from.v6, to.v6)] {
            let words = format!("-I {} {}", source.behind, target.behind);
            from.namespace().pings(5, &words).unwrap();
        }
    }
    router.stop().unwrap();
}

#[test]
fn what_leaves_is_well_formed_and_one_hop_further() {
    let lab = TwoHosts::build().unwrap();
    let _router = start(&lab);
    let capture = Capture::start(&lab.b.eth0).unwrap();
    for (source, target) in [(lab.a.v4, lab.b.v4), (lab.a.v6, lab.b.v6)] {
        let ping = format!(
            "ping -n -c 3 -i 0.05 -W 5 -s 1000 -t 33 -I {} {}",
            source.behind, target.behind
        );
        lab.a.namespace().run(&ping).unwrap();
    }
    let recording = capture.stop().unwrap();
    assert_eq!(recording.faults().unwrap(), [""; 0]);
    let (ours, theirs) = (lab.b.wire.mac().unwrap(), lab.b.eth0.mac().unwrap());
    let requests = recording
        .dissect("icmp.type == 8", &["eth.src", "eth.dst", "ip.ttl"])
        .unwrap();
    assert_eq!(requests, [[ours.as_str(), &theirs, "32"]; 3]);
    let requests = recording
        .dissect("icmpv6.type == 128", &["eth.src", "eth.dst", "ipv6.hlim"])
        .unwrap();
    assert_eq!(requests, [[ours.as_str(), &theirs, "32"]; 3]);
}

#[test]
fn tcp_carries_bulk_in_both_families() {
    let lab = TwoHosts::build().unwrap();
    let _router = start(&lab);
    for (source, target) in [(lab.a.v4, lab.b.v4), (lab.a.v6, lab.b.v6)] {
        let mut server = lab
            .b
            .namespace()
            .spawn("iperf3 --server --one-off --forceflush")
            .unwrap();
        server
            .wait_for("Server listening", Duration::from_secs(10))
            .unwrap();
        let client = format!(
            "iperf3 --client {} --bind {} --bytes 20M --json",
            target.behind, source.behind
        );
        let report: serde_json::Value =
            serde_json::from_str(&lab.a.namespace().run(&client).unwrap()).unwrap();
        let received = report["end"]["sum_received"]["bytes"].as_u64().unwrap();
        // The client counts when it has sent the last byte; some are still on their way then.
        assert!(received >= 10 << 20, "{report}");
        assert!(server.wait(Duration::from_secs(10)).unwrap().success());
    }
}

#[test]
fn traceroute_shows_the_router_by_the_address_it_was_entered_at() {
    let lab = TwoHosts::build().unwrap();
    let _router = start(&lab);
    for (family, near, target) in [
        ("-4", lab.a.v4.router, lab.b.v4.behind),
        ("-6", lab.a.v6.router, lab.b.v6.behind),
    ] {
        let printed = lab
            .a
            .namespace()
            .run(&format!("traceroute {family} -n -q 1 -w 5 -m 4 {target}"))
            .unwrap();
        assert_eq!(hops(&printed), [near, target], "{printed}");
    }
}

#[test]
fn tracepath_finds_the_narrow_link() {
    let mut lab = TwoHosts::build().unwrap();
    lab.b.set_mtu(1400).unwrap();
    let _router = start(&lab);
    for target in [lab.b.v4.behind, lab.b.v6.behind] {
        let printed = lab
            .a
            .namespace()
            .run(&format!("tracepath -n -m 4 {target}"))
            .unwrap();
        assert!(
            printed.contains("pmtu 1400") && printed.contains("reached"),
            "{printed}"
        );
    }
}

#[test]
fn large_datagrams_are_fragmented_or_refused_as_they_ask() {
    let mut lab = TwoHosts::build().unwrap();
    lab.b.set_mtu(1400).unwrap();
    let _router = start(&lab);
    let host = lab.a.namespace();
    let capture = Capture::start(&lab.b.eth0).unwrap();
    host.pings(2, &format!("-M dont -s 1472 {}", lab.b.v4.behind))
        .unwrap();
    let recording = capture.stop().unwrap();
    assert_eq!(recording.faults().unwrap(), [""; 0]);
    let fragments = recording
        .dissect(
            "ip.src == 10.0.1.2",
            &["ip.len", "ip.flags.mf", "ip.frag_offset"],
        )
        .unwrap();
    assert_eq!(fragments.len(), 4, "{fragments:?}");
    assert!(
        fragments
            .iter()
            .all(|fragment| fragment[0].parse::<u16>().unwrap() <= 1400),
        "{fragments:?}"
    );

    let refused = host
        .run(&format!(
            "ping -n -c 1 -W 5 -M do -s 1472 {}",
            lab.b.v4.behind
        ))
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("From 10.0.1.1") && refused.contains("mtu = 1400"),
        "{refused}"
    );
    let refused = host
        .run(&format!(
            "ping -n -c 1 -W 5 -M do -s 1452 {}",
            lab.b.v6.behind
        ))
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("From 2001:db8:1::1") && refused.contains("mtu=1400"),
        "{refused}"
    );
}

#[test]
fn neighbours_find_the_router_and_it_answers_pings() {
    let lab = TwoHosts::build().unwrap();
    let _router = lab.start("").unwrap();
    let mac = lab.a.wire.mac().unwrap();
    let host = lab.a.namespace();
    let printed = host
        .run(&format!("arping -c 2 -w 5 -I eth0 {}", lab.a.v4.router))
        .unwrap();
    assert!(printed.to_lowercase().contains(&mac), "{printed}");
    let printed = host
        .run(&format!("ndisc6 -q -1 -w 5000 {} eth0", lab.a.v6.router))
        .unwrap();
    assert_eq!(printed.trim().to_lowercase(), mac);
    for address in [
        lab.a.v4.router,
        lab.a.v6.router,
        lab.b.v4.router,
        lab.b.v6.router,
    ] {
        host.pings(3, address).unwrap();
    }
}

#[test]
fn what_has_no_way_is_said_so_in_the_words_of_its_route() {
    let lab = TwoHosts::build().unwrap();
    let router = start(&lab);
    for (kind, v4, v6) in [
        ("unreachable", "203.0.113.0/26", "2001:db8:f1::/48"),
        ("prohibit", "203.0.113.64/26", "2001:db8:f2::/48"),
        ("blackhole", "203.0.113.128/26", "2001:db8:f3::/48"),
    ] {
        router.cli(&format!("route add {kind} {v4}")).unwrap();
        router.cli(&format!("route add {kind} {v6}")).unwrap();
    }
    for (target, answer) in [
        ("198.51.100.1", "Destination Net Unreachable"),
        ("203.0.113.1", "Destination Host Unreachable"),
        ("203.0.113.65", "Packet filtered"),
        ("2001:db8:f0::1", "No route"),
        // Code 6, reject route (V6-10), which not every ping has a word for.
        ("2001:db8:f1::1", "Destination unreachable"),
        ("2001:db8:f2::1", "Administratively prohibited"),
    ] {
        let printed = lab
            .a
            .namespace()
            .run(&format!("ping -n -c 1 -W 5 {target}"))
            .unwrap_err()
            .to_string();
        assert!(printed.contains(answer), "{target}: {printed}");
    }
    for target in ["203.0.113.129", "2001:db8:f3::1"] {
        let printed = lab
            .a
            .namespace()
            .run(&format!("ping -n -c 1 -W 0.5 {target}"))
            .unwrap_err()
            .to_string();
        assert!(!printed.contains("From"), "{target}: {printed}");
    }
}

#[test]
fn a_withdrawn_route_stops_at_once() {
    let lab = TwoHosts::build().unwrap();
    let router = start(&lab);
    let ping = format!("ping -n -c 1 -W 5 {}", lab.b.v4.behind);
    lab.a.namespace().run(&ping).unwrap();
    router
        .cli(&format!("route del {}", lab.b.v4.prefix))
        .unwrap();
    let printed = lab.a.namespace().run(&ping).unwrap_err().to_string();
    assert!(printed.contains("Destination Net Unreachable"), "{printed}");
}

#[test]
fn gateways_are_resolved_through_default_routes_as_the_file_says() {
    let lab = TwoHosts::build().unwrap();
    for (section, answer) in [
        ("", "1 received"),
        ("next_hops: { resolve_via_default: true }\n", "1 received"),
        ("next_hops: { resolve_via_default: false }\n", "0 received"),
    ] {
        let router = lab.start(section).unwrap();
        let host = lab.b.v4.host;
        router
            .cli(&format!("route add default via {host}"))
            .unwrap();
        // Only the default route covers the gateway.
        let route = format!("route add {} via 192.0.2.77", lab.b.v4.prefix);
        router.cli(&route).unwrap();
        // Where the gateway is unresolved, its route gives way to this one.
        router.cli("route add unreachable 10.2.0.0/15").unwrap();
        let ping = format!("ping -n -c 1 -W 5 {}", lab.b.v4.behind);
        let printed = match lab.a.namespace().run(&ping) {
            Ok(printed) => printed,
            Err(error) => error.to_string(),
        };
        assert!(printed.contains(answer), "{section}: {printed}");
        router.stop().unwrap();
    }
}
