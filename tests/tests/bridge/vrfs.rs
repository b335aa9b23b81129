//! Several VRFs, each a network namespace: one bridge serves them all, by the kernel or by a zebra of their own.

use super::lab::{LIMIT, until};
use ferroute_tests::daemon::Zebra;
use ferroute_tests::daemon::zebra::{next_hop, route};
use ferroute_tests::{Bridge, Interface, Namespace, Node, Router};
use serde_json::Value;

/// The same prefix everywhere, with another box behind it in each VRF.
const PREFIX: &str = "10.50.0.0/16";
const BEHIND: &str = "10.50.0.1";
/// The names of the VRFs, with the first two octets of their links and the port to a host and to what is behind.
const VRFS: [(&str, u8); 3] = [("default", 20), ("red", 21), ("blue", 22)];

/// A VRF's host and the box behind, on two ports.
struct Side {
    kernel: Namespace,
    host: Namespace,
    _behind: Namespace,
}

fn side(node: &mut Node, (vrf, octet): (&str, u8)) -> Side {
    let kernel = match vrf {
        "default" => node.kernel().clone(),
        _ => node.vrf(vrf, u32::from(octet)).unwrap(),
    };
    let named = (vrf != "default").then_some(vrf);
    let (host, behind) = (
        Namespace::new("host").unwrap(),
        Namespace::new("behind").unwrap(),
    );
    for (place, (end, port)) in [(&host, "h"), (&behind, "b")].into_iter().enumerate() {
        let (ours, theirs) = (
            format!("10.{octet}.{place}.1"),
            format!("10.{octet}.{place}.2"),
        );
        let eth0 = node
            .port(
                &format!("{port}{octet}"),
                named,
                &[&format!("{ours}/24")],
                (end, "eth0"),
            )
            .unwrap();
        eth0.address(&format!("{theirs}/24")).unwrap();
        ferroute_tests::route(end, &format!("0.0.0.0/0 via {ours}")).unwrap();
    }
    Interface::named(&behind, "lo")
        .address(&format!("{BEHIND}/32"))
        .unwrap();
    Side {
        kernel,
        host,
        _behind: behind,
    }
}

/// The gateways of the prefix in a VRF.
fn gateways(router: &Router, vrf: &str) -> Vec<Value> {
    let shown = router
        .query(&format!("route show {PREFIX} --vrf {vrf}"))
        .unwrap();
    let rows = shown
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["prefix"] == PREFIX);
    rows.map(|row| row["next_hops"][0]["gateway"].clone())
        .collect()
}

fn until_gateways(router: &Router, vrf: &str, wanted: &[&str]) {
    let done = until(|| gateways(router, vrf) == wanted);
    assert!(done, "{vrf}: {:?}", gateways(router, vrf));
}

#[test]
fn each_vrf_has_its_own_routes_and_source() {
    let mut node = Node::new("node").unwrap();
    let [default, red, blue] = VRFS.map(|vrf| side(&mut node, vrf));
    let router = node.start().unwrap();
    let config = "sources:\n\
        - { owner: kernel, kind: kernel }\n\
        - { owner: kernel-red, kind: kernel, netns: red, tables: [{ vrf: red }] }\n\
        - { owner: zebra-blue, kind: fpm, netns: blue, tables: [{ vrf: blue }], fpm: { quiet_ms: 300, hold_ms: 600 } }\n";
    let bridge = Bridge::start(node.kernel(), &router, config, &node.vrf_namespaces()).unwrap();
    for (side, octet) in [(&default, 20), (&red, 21)] {
        let line = format!("ip route add {PREFIX} via 10.{octet}.1.2 proto bgp");
        side.kernel.run(&line).unwrap();
    }
    // What the kernel of blue has is not its zebra's.
    blue.kernel
        .run("ip route add 10.60.0.0/16 via 10.22.1.2 proto bgp")
        .unwrap();
    let mut zebra = Zebra::connect(&blue.kernel, "127.0.0.1:2620".parse().unwrap()).unwrap();
    let index = Interface::named(&blue.kernel, "b22").index().unwrap();
    let frames = [
        next_hop(1, "10.22.1.2".parse().unwrap(), index),
        route(PREFIX.parse().unwrap(), 1),
    ];
    zebra.say(&frames.concat()).unwrap();
    for (vrf, octet) in VRFS {
        until_gateways(&router, vrf, &[&format!("10.{octet}.1.2")]);
    }
    for side in [&default, &red, &blue] {
        let mut ping = side
            .host
            .spawn(&format!("ping -n -c 3 -i 0.2 -W 5 {BEHIND}"))
            .unwrap();
        assert!(ping.wait(LIMIT).unwrap().success(), "{}", ping.log());
    }
    let blue_routes = router
        .query("route show --owner zebra-blue --vrf blue")
        .unwrap();
    assert_eq!(blue_routes.as_array().unwrap().len(), 1, "{blue_routes:#}");

    // A route that goes in one VRF goes there only.
    red.kernel.run(&format!("ip route del {PREFIX}")).unwrap();
    until_gateways(&router, "red", &[]);
    assert_eq!(
        (
            gateways(&router, "default").len(),
            gateways(&router, "blue").len()
        ),
        (1, 1)
    );
    red.kernel
        .run(&format!("ip route add {PREFIX} via 10.21.1.2 proto bgp"))
        .unwrap();
    until_gateways(&router, "red", &["10.21.1.2"]);
    let status = bridge.status().unwrap();
    for source in status["sources"].as_array().unwrap() {
        assert_eq!(
            (&source["told"], &source["refused"]),
            (&1.into(), &0.into()),
            "{status:#}"
        );
    }
}
