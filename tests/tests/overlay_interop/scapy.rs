//! Tunnels that this kernel has no device for, with a peer that scapy plays.

use crate::explained::{Explained, counted, minus};
use crate::lab::{FAR, OWN, Outer, config, route_into};
use ferroute_tests::wait::{Seen, until};
use ferroute_tests::{Capture, Router, TwoHosts};
use std::time::Duration;

/// The peer's tunnel addresses. Its kernel does not have them, so that it has no word in this.
const PEER: [&str; 2] = ["10.2.0.9", "2001:db8:b::9"];
const LIMIT: Duration = Duration::from_secs(20);
/// A label that the router gave out for the VRF.
const LABEL: u32 = 16;

/// Every kind of tunnel over this family, with both families in it.
fn tunnels_carry_both_families(outer: Outer) {
    let lab = TwoHosts::build().unwrap();
    // The endpoint and the label come from the file here, and over the API in the other labs.
    let [own4, own6] = OWN;
    let overlay = format!(
        "endpoints: [{{ addresses: [{own4}, \"{own6}\"], ip_vrf: red }}]\nlabels: [{{ label: {LABEL}, vrf: red }}]\n"
    );
    let text = config(&lab) + &overlay;
    let router = Router::start(&lab.wires, &text, &[&lab.node]).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/overlay_interop/peer.py");
    let [v4, v6] = PEER;
    let peer = lab
        .b
        .namespace()
        .spawn(&format!("/usr/bin/python3 {script} eth0 {v4} {v6} {LABEL}"))
        .unwrap();
    peer.wait_for("ready\n", LIMIT).unwrap();
    // The router knows the leaf's station from now on: what waits for it is sent by the exception path, and counted there.
    for near in [lab.b.v4.router, lab.b.v6.router] {
        lab.b
            .namespace()
            .run(&format!("ping -n -c 1 -W 10 {near}"))
            .unwrap();
    }
    let captures = [&lab.b.eth0, &lab.a.eth0].map(|end| Capture::start(end).unwrap());
    let remote = outer.of(PEER);
    let mut ways = Vec::new();
    for (encap, kind, labels, overhead) in [
        ("ip", "ip", "-", 0),
        ("gue", "gue", "-", 12),
        ("mpls-udp 700", "mpls-udp", "700", 12),
        ("mpls-udp 700/800", "mpls-udp", "700/800", 16),
    ] {
        route_into(&router, remote, encap);
        let explained = FAR.map(|far| Explained::ask(&router, far));
        let before = explained[0].counted(&router);
        let room = 1500 - outer.of([20, 40]) - overhead;
        for (far, host, header) in [(FAR[0], lab.a.v4.host, 28), (FAR[1], lab.a.v6.host, 48)] {
            // The largest that fits, too.
            for size in [56, room - header] {
                let host = lab.a.namespace();
                let pings = host.pings(2, &format!("-M do -s {size} {far}"));
                assert!(pings.is_ok(), "{encap}: {pings:?}");
            }
            let seen = format!("{kind} 64 {labels} {host}\n");
            // The answer may be here before the peer's own line about it.
            until("the peer's account", LIMIT, || {
                let log = peer.log();
                let told = log.matches(&seen).count() == 4;
                Ok(Seen::when(told, || format!("{seen}{log}")))
            })
            .unwrap();
        }
        let [way, same] = explained;
        assert_eq!(way.counted(&router), same.counted(&router));
        ways.push((minus(way.counted(&router), before), way));
        for far in FAR {
            router.cli(&format!("route del {far} --vrf red")).unwrap();
        }
    }
    let [fabric, access] = captures.map(|capture| capture.stop().unwrap());
    for recording in [&fabric, &access] {
        assert_eq!(recording.faults().unwrap(), [""; 0]);
    }
    // Two families, two sizes, two requests each: as the lookup named them, and as the router counted them.
    for (counted, way) in ways {
        assert_eq!(way.seen(&fabric), counted, "{way:?}");
        assert_eq!(counted.0, 8, "{way:?}");
    }
    // The peer's answers in labels, from the label on.
    let labelled = format!("mpls.label == {LABEL}");
    let answers = fabric.dissect(&labelled, &["udp.length"]).unwrap();
    let bytes = answers
        .iter()
        .map(|fields| fields[0].parse::<u64>().unwrap() - 8);
    let seen = (answers.len() as u64, bytes.sum());
    let label = ("label", u64::from(LABEL));
    assert_eq!(
        (seen, seen.0),
        (counted(&router, "label show", label, ""), 16)
    );
    // All that the peer sent was understood.
    let drops = router.api().unwrap().drops().unwrap();
    let astray = |reason: &str| reason.contains("tunnel") || reason.contains("label");
    assert!(!drops.iter().any(|drop| astray(&drop.reason)), "{drops:?}");
    router.stop().unwrap();
}

#[test]
fn ip_gue_and_labels_carry_both_families_over_ipv4() {
    tunnels_carry_both_families(Outer::V4);
}

#[test]
fn ip_gue_and_labels_carry_both_families_over_ipv6() {
    tunnels_carry_both_families(Outer::V6);
}
