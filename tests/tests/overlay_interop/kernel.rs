//! Routed VXLAN with the Linux kernel at the other end.

use crate::lab::{FAR, Linux, Outer, RMAC, config, start};
use ferroute_tests::{Capture, Router, TwoHosts};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(10);
/// How many bytes VXLAN adds over each family.
const OVERHEAD: [u16; 2] = [50, 70];

fn lab(outer: Outer, bridged: bool) -> (TwoHosts, Router, Linux) {
    let lab = TwoHosts::build().unwrap();
    let router = start(&lab, &config(&lab));
    let mtu = 1500 - outer.of(OVERHEAD);
    let linux = Linux::attach(&lab, &router, outer, bridged, mtu);
    (lab, router, linux)
}

/// The ends of the tenant's traffic: the host's and the far address of each family.
fn pairs(lab: &TwoHosts) -> [(&'static str, &'static str); 2] {
    [(lab.a.v4.host, FAR[0]), (lab.a.v6.host, FAR[1])]
}

fn pings_pass(outer: Outer, bridged: bool) {
    let (lab, router, linux) = lab(outer, bridged);
    let (own, leaf) = outer.ends(&lab);
    let captures = [&lab.b.eth0, &lab.a.eth0].map(|end| Capture::start(end).unwrap());
    for (host, far) in pairs(&lab) {
        for (from, to) in [(lab.a.namespace(), far), (&linux.tenant, host)] {
            from.pings(3, &format!("-s 1000 {to}")).unwrap();
        }
    }
    let [fabric, access] = captures.map(|capture| capture.stop().unwrap());
    assert_eq!(access.faults().unwrap(), [""; 0]);
    assert_eq!(fabric.faults().unwrap(), [""; 0]);
    let (address, ttl) = outer.of([("ip.src", "ip.ttl"), ("ipv6.src", "ipv6.hlim")]);
    let ours = format!("vxlan and {address} == {own}");
    let sent = fabric
        .dissect(
            &ours,
            &[
                "vxlan.vni",
                "vxlan.flags",
                "udp.dstport",
                ttl,
                "udp.checksum",
            ],
        )
        .unwrap();
    assert_eq!(sent.len(), 12, "requests and answers of two families");
    for frame in sent {
        assert_eq!(frame[..4], ["100", "0x0800", "4789", "64"], "{frame:?}");
        // IPv4 goes without (RFC 7348 section 5); IPv6 may not (RFC 8200 section 8.1).
        assert_eq!(frame[4] == "0x0000", outer == Outer::V4, "{frame:?}");
    }
    let theirs = format!("vxlan and {address} == {leaf} and eth.dst == {RMAC}");
    assert_eq!(fabric.dissect(&theirs, &["vxlan.vni"]).unwrap().len(), 12);
    router.stop().unwrap();
}

#[test]
fn pings_pass_both_ways_over_ipv4_with_the_device_alone() {
    pings_pass(Outer::V4, false);
}

#[test]
fn pings_pass_both_ways_over_ipv6_with_the_device_alone() {
    pings_pass(Outer::V6, false);
}

#[test]
fn pings_pass_both_ways_over_ipv4_with_the_device_in_a_bridge() {
    pings_pass(Outer::V4, true);
}

#[test]
fn pings_pass_both_ways_over_ipv6_with_the_device_in_a_bridge() {
    pings_pass(Outer::V6, true);
}

/// One connection each way that carries so many bytes, in both families.
fn tcp_passes(outer: Outer) {
    let (lab, router, linux) = lab(outer, true);
    let capture = Capture::start(&lab.b.eth0).unwrap();
    for (_, far) in pairs(&lab) {
        for reverse in ["", "--reverse"] {
            let mut server = linux
                .tenant
                .spawn("iperf3 --server --one-off --forceflush")
                .unwrap();
            server.wait_for("Server listening", LIMIT).unwrap();
            let client = format!("iperf3 --client {far} --bytes 16M --json {reverse}");
            let printed = lab.a.namespace().run(&client).unwrap();
            let report: serde_json::Value = serde_json::from_str(&printed).unwrap();
            let received = report["end"]["sum_received"]["bytes"].as_u64().unwrap();
            // The client counts when it has sent the last byte; some are still on their way then.
            assert!(received >= 8 << 20, "{far} {reverse}: {report}");
            assert!(server.wait(LIMIT).unwrap().success());
        }
    }
    let recording = capture.stop().unwrap();
    assert_eq!(recording.faults().unwrap(), [""; 0]);
    let longest = recording
        .frames
        .iter()
        .map(|frame| frame.bytes.len())
        .max()
        .unwrap();
    assert_eq!(longest, 1514, "full segments fill the underlay's link");
    router.stop().unwrap();
}

#[test]
fn tcp_passes_both_ways_over_ipv4() {
    tcp_passes(Outer::V4);
}

#[test]
fn tcp_passes_both_ways_over_ipv6() {
    tcp_passes(Outer::V6);
}

/// A host that sends too much learns the path's MTU inside the tunnel, from both sides.
fn path_mtu_is_found(outer: Outer) {
    let (lab, router, linux) = lab(outer, false);
    let expected = 1500 - outer.of(OVERHEAD);
    let host = lab.a.namespace();
    for (_, far) in pairs(&lab) {
        let printed = host.run(&format!("tracepath -n -m 4 {far}")).unwrap();
        let found = format!("pmtu {expected}");
        assert!(
            printed.contains(&found) && printed.contains("reached"),
            "{printed}"
        );
    }
    // What may not be cut is refused, now by the host's own kernel, which has learned.
    let refused = host
        .run(&format!("ping -n -c 1 -W 5 -M do -s 1472 {}", FAR[0]))
        .unwrap_err()
        .to_string();
    assert!(
        refused.to_lowercase().contains("message too long"),
        "{refused}"
    );
    let learned = host.run(&format!("ip route get {}", FAR[0])).unwrap();
    assert!(learned.contains(&format!("mtu {expected} ")), "{learned}");
    // A link of the tenant behind the router is the narrow one: the router's error comes back through the tunnel.
    router.cli("link set p0 mtu 1300").unwrap();
    for (to, _) in pairs(&lab) {
        let printed = linux
            .tenant
            .run(&format!("tracepath -n -m 4 {to}"))
            .unwrap();
        assert!(
            printed.contains("pmtu 1300") && printed.contains("reached"),
            "{printed}"
        );
    }
    router.stop().unwrap();
}

#[test]
fn p_01_p_02_the_path_mtu_is_found_over_ipv4() {
    path_mtu_is_found(Outer::V4);
}

#[test]
fn p_01_p_02_the_path_mtu_is_found_over_ipv6() {
    path_mtu_is_found(Outer::V6);
}
