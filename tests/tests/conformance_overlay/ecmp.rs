//! Several tunnels to one destination, each over several ways of the underlay.
//!
//! ```text
//!             ┌ 192.0.2.11 ┐        ┌ p1
//!   red ─ p0 ─┼ 192.0.2.12 ┼─ each ─┼ p2
//!             └ 192.0.2.13 ┘        └ p3
//! ```

use std::collections::{BTreeMap, HashMap};

use ferroute_tests::bench::Bench;
use ferroute_tests::bench::frames::V4;

use super::lab::{FAR, HOST, HOST_MAC, P0, RMAC};

const UNDERLAY: [&str; 3] = ["p1", "p2", "p3"];
/// Where the last octet of the outer destination is in a frame, and the inner source port.
const REMOTE: usize = 33;
const FLOW: std::ops::Range<usize> = 84..86;

/// The remote end and the port of a flow.
type Path = (u8, String);

/// Remote ends from 192.0.2.11 on with these weights, each behind gateways on three ports that share alike.
fn router(weights: &[u32]) -> Bench {
    let mut bench = Bench::new();
    bench
        .vrf("red")
        .port_in("red", "p0", P0, &["10.0.0.1/24"])
        .loopback("lo0", "", &["192.0.2.1/32"])
        .endpoint(&["192.0.2.1"])
        .vni(100, "red", RMAC);
    let mut gateways = Vec::new();
    for (number, port) in (1_u8..).zip(UNDERLAY) {
        let gateway = format!("10.0.{number}.2");
        bench
            .port(
                port,
                [2, 0, 0, 0, 0, 0x10 + number],
                &[&format!("10.0.{number}.1/24")],
            )
            .neighbour(port, &gateway, [2, 0, 0, 0, 9, number]);
        gateways.push(format!("via {gateway}"));
    }
    let mut tunnels = Vec::new();
    for (number, weight) in (11..).zip(weights) {
        let remote = remote(number);
        bench.route(&format!("{remote}/32"), &gateways.join(" + "));
        tunnels.push(format!(
            "via {remote} weight {weight} vxlan 100/02:00:00:00:02:02"
        ));
    }
    bench.route_in("red", "203.0.113.0/24", &tunnels.join(" + "));
    bench
}

fn remote(number: u16) -> String {
    let [high, low] = number.to_be_bytes();
    format!("192.0.{}.{low}", 2 + high)
}

/// The way of each of these flows, by its source port.
fn paths(bench: &mut Bench, flows: impl Iterator<Item = u16>) -> HashMap<u16, Path> {
    let frame = |port| {
        V4::udp_ports(HOST, FAR, port, 53, b"x")
            .link(HOST_MAC, P0)
            .frame()
    };
    let frames: Vec<_> = flows.map(frame).collect();
    let mut paths = HashMap::new();
    for chunk in frames.chunks(2048) {
        for sent in bench.receive_all("p0", chunk) {
            let flow = u16::from_be_bytes(sent.frame[FLOW].try_into().unwrap());
            paths.insert(flow, (sent.frame[REMOTE], sent.port));
        }
    }
    assert_eq!(paths.len(), frames.len(), "every flow has a path");
    paths
}

/// How many flows share what `of` says of their ways.
fn shares<K: Ord>(paths: &HashMap<u16, Path>, of: impl Fn(&Path) -> K) -> BTreeMap<K, f64> {
    let mut shares = BTreeMap::new();
    for path in paths.values() {
        *shares.entry(of(path)).or_default() += 1.0 / paths.len() as f64;
    }
    shares
}

#[test]
fn flows_spread_over_tunnels_by_weight_and_over_the_underlay_of_each() {
    for weights in [[1, 1, 1], [1, 2, 5]] {
        let mut bench = router(&weights);
        let paths = paths(&mut bench, 1..=60_000);
        let total: u32 = weights.iter().sum();
        let remotes = shares(&paths, |(remote, _)| *remote);
        let ways = shares(&paths, |path| path.clone());
        for (remote, weight) in (11..).zip(weights) {
            let due = f64::from(weight) / f64::from(total);
            let share = remotes[&remote];
            assert!(
                (share / due - 1.0).abs() <= 0.05,
                "{weights:?} {remote}: {share:.4} for {due:.4}"
            );
            for port in UNDERLAY {
                let of_it = ways[&(remote, port.to_owned())] / share;
                assert!(
                    (of_it * 3.0 - 1.0).abs() <= 0.05,
                    "{weights:?} {remote} by {port}: {of_it:.4}"
                );
            }
        }
    }
}

#[test]
fn a_dead_way_of_the_underlay_moves_only_its_flows_and_none_to_another_tunnel() {
    let mut bench = router(&[1, 1, 1]);
    let before = paths(&mut bench, 1..=6000);
    bench.carrier("p2", false);
    let during = paths(&mut bench, 1..=6000);
    for (flow, (remote, port)) in &before {
        let (now_remote, now_port) = &during[flow];
        assert_eq!(now_remote, remote, "flow {flow} keeps its tunnel");
        assert_eq!(
            now_port == port,
            port != "p2",
            "flow {flow}: {port} and then {now_port}"
        );
    }
    bench.carrier("p2", true);
    bench.neighbour("p2", "10.0.2.2", [2, 0, 0, 0, 9, 2]);
    let after = paths(&mut bench, 1..=6000);
    for (flow, path) in &after {
        assert!(
            path.1 == "p2" || *path == during[flow],
            "only its share returns: {flow}"
        );
    }
    let share = shares(&after, |(_, port)| port.clone())["p2"];
    assert!((share * 3.0 - 1.0).abs() <= 0.07, "{share:.4}");
}

#[test]
fn a_dead_tunnel_moves_only_its_flows_and_has_its_share_back() {
    let mut bench = router(&[1, 1, 1]);
    let before = paths(&mut bench, 1..=6000);
    bench.unroute("192.0.2.12/32");
    let during = paths(&mut bench, 1..=6000);
    for (flow, path) in &before {
        if path.0 == 12 {
            assert_ne!(during[flow].0, 12);
        } else {
            assert_eq!(during[flow], *path, "flow {flow} had no need to move");
        }
    }
    let ways = UNDERLAY
        .iter()
        .enumerate()
        .map(|(n, _)| format!("via 10.0.{}.2", n + 1));
    bench.route("192.0.2.12/32", &ways.collect::<Vec<_>>().join(" + "));
    let after = paths(&mut bench, 1..=6000);
    for (flow, path) in &after {
        assert!(
            path.0 == 12 || *path == during[flow],
            "only its share returns: {flow}"
        );
    }
    let share = shares(&after, |(remote, _)| *remote)[&12];
    assert!((share * 3.0 - 1.0).abs() <= 0.07, "{share:.4}");
}

#[test]
fn any_number_of_tunnels_up_to_256_shares_the_flows() {
    for count in [1_usize, 2, 5, 31, 256] {
        let mut bench = router(&vec![1; count]);
        let flows = 20_000;
        let used = shares(&paths(&mut bench, 1..=flows), |(remote, _)| *remote);
        assert_eq!(used.len(), count);
        // Four standard deviations of what chance leaves to each.
        let due = 1.0 / count as f64;
        let chance = 4.0 * (due * (1.0 - due) / f64::from(flows)).sqrt();
        for (remote, share) in used {
            assert!(
                (share - due).abs() <= chance + 0.05 * due,
                "{count}, {remote}: {share:.5} for {due:.5}"
            );
        }
    }
}
