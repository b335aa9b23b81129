//! Several paths to one destination.

use std::collections::HashMap;

use etherparse::{IpFragOffset, IpNumber};
use ferroute_tests::bench::frames::V4;
use ferroute_tests::bench::{Bench, Shape};

use crate::lab::{HOST, from_host, lab_of};

const TO: &str = "198.51.100.9";

/// Three ports p1, p2, p3, with a gateway on each whose Ethernet address ends in the port's number.
fn router(seed: u64, weights: [u32; 3]) -> Bench {
    let mut bench = lab_of(Shape {
        seed,
        ..Shape::default()
    });
    bench
        .port("p2", [2, 0, 0, 0, 0, 0x12], &["10.0.2.1/24"])
        .port("p3", [2, 0, 0, 0, 0, 0x13], &["10.0.3.1/24"]);
    let mut hops = Vec::new();
    for (number, weight) in (1_u8..).zip(weights) {
        let gateway = format!("10.0.{number}.200");
        bench.neighbour(&format!("p{number}"), &gateway, [2, 0, 0, 0, 9, number]);
        hops.push(format!("via {gateway} weight {weight}"));
    }
    bench.route("198.51.100.0/24", &hops.join(" + "));
    bench
}

/// The port by which each of these flows leaves, by its source port.
fn paths(bench: &mut Bench, flows: impl Iterator<Item = u16>) -> HashMap<u16, String> {
    let frames: Vec<_> = flows
        .map(|port| from_host(V4::udp_ports(HOST, TO, port, 53, b"x")).frame())
        .collect();
    let count = frames.len();
    let mut paths = HashMap::new();
    for chunk in frames.chunks(2048) {
        for sent in bench.receive_all("p0", chunk) {
            paths.insert(
                u16::from_be_bytes([sent.frame[34], sent.frame[35]]),
                sent.port,
            );
        }
    }
    assert_eq!(paths.len(), count, "every flow has a path");
    paths
}

#[test]
fn v4_21_flows_spread_by_weight_within_five_percent_and_stay() {
    for weights in [[1, 1, 1], [1, 2, 5]] {
        let mut bench = router(1, weights);
        let first = paths(&mut bench, 1..=60_000);
        assert_eq!(
            first,
            paths(&mut bench, 1..=60_000),
            "a flow stays where it is"
        );
        let total: u32 = weights.iter().sum();
        for (number, weight) in (1..).zip(weights) {
            let share = first
                .values()
                .filter(|p| **p == format!("p{number}"))
                .count() as f64
                / 60_000.0;
            let due = f64::from(weight) / f64::from(total);
            assert!(
                (share / due - 1.0).abs() <= 0.05,
                "p{number} of {weights:?}: {share:.4} instead of {due:.4}"
            );
        }
    }
}

#[test]
fn v4_21_all_fragments_of_a_datagram_take_one_path() {
    let mut bench = router(1, [1, 1, 1]);
    let mut used = std::collections::BTreeSet::new();
    for flow in 0..100_u16 {
        let whole = V4::udp_ports(
            HOST,
            &format!("198.51.100.{flow}"),
            1000 + flow,
            53,
            &[0x77; 400],
        );
        let mut ports = Vec::new();
        for (place, part) in whole.payload.chunks(104).enumerate() {
            let fragment = from_host(V4::new(
                HOST,
                &format!("198.51.100.{flow}"),
                IpNumber::UDP,
                part,
            ))
            .with(|h| {
                h.identification = flow;
                h.fragment_offset = IpFragOffset::try_new(place as u16 * 13).unwrap();
                h.more_fragments = (place + 1) * 104 < 408;
            });
            ports.extend(
                bench
                    .receive("p0", &fragment.frame())
                    .into_iter()
                    .map(|s| s.port),
            );
        }
        assert_eq!(ports.len(), 4);
        assert!(ports.iter().all(|port| *port == ports[0]), "{ports:?}");
        used.insert(ports.swap_remove(0));
    }
    assert_eq!(used.len(), 3, "datagrams spread over all paths");
}

#[test]
fn v4_21_a_dead_member_moves_only_its_own_flows_and_the_seed_moves_all() {
    let mut bench = router(1, [1, 1, 1]);
    let before = paths(&mut bench, 1..=5000);
    bench.carrier("p2", false);
    let after = paths(&mut bench, 1..=5000);
    for (flow, path) in &before {
        if path == "p2" {
            assert_ne!(after[flow], "p2");
        } else {
            assert_eq!(after[flow], *path, "flow {flow} had no need to move");
        }
    }
    for port in ["p1", "p3"] {
        let moved = before
            .iter()
            .filter(|(flow, path)| *path == "p2" && after[*flow] == port)
            .count();
        assert!(moved > 500, "the orphans spread: {moved} to {port}");
    }
    bench.carrier("p2", true);
    bench.neighbour("p2", "10.0.2.200", [2, 0, 0, 0, 9, 2]);
    let back = paths(&mut bench, 1..=5000);
    for (flow, path) in &back {
        assert!(
            path == "p2" || *path == after[flow],
            "only its share returns: {flow}"
        );
    }
    let share = back.values().filter(|path| *path == "p2").count() as f64 / 5000.0;
    assert!((share * 3.0 - 1.0).abs() <= 0.07, "{share:.4}");
    let mut other = router(2, [1, 1, 1]);
    let differ = paths(&mut other, 1..=5000)
        .iter()
        .filter(|(flow, path)| before[*flow] != **path)
        .count();
    assert!(
        (2800..3900).contains(&differ),
        "two of three flows are elsewhere with another seed: {differ}"
    );
}
