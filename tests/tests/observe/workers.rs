//! What workers say about themselves: the command line, the API behind it and the metrics agree.

use super::{LIMIT, busy};
use ferroute_tests::Namespace;
use ferroute_tests::wait::{Seen, until};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;

pub(super) const METRICS: &str = "127.0.0.1:9273";
/// What a routed packet goes through, and what it does not.
const STAGES: [(&str, bool); 8] = [
    ("receive", true),
    ("input", true),
    ("bridge", false),
    ("lookup", true),
    ("rewrite", true),
    ("encap", false),
    ("decap", false),
    ("transmit", true),
];

/// All samples of the router's metrics, by name and labels.
pub(super) fn metrics(namespace: &Namespace) -> HashMap<String, f64> {
    let mut answer = String::new();
    namespace
        .enter(|| {
            let mut stream = TcpStream::connect(METRICS).unwrap();
            stream.set_read_timeout(Some(LIMIT)).unwrap();
            let ask = "GET /metrics HTTP/1.0\r\nHost: router\r\n\r\n";
            stream.write_all(ask.as_bytes()).unwrap();
            stream.read_to_string(&mut answer).unwrap();
        })
        .unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(" 200 "), "{head}");
    let samples = body.lines().filter(|line| !line.starts_with('#'));
    let samples = samples.filter_map(|line| line.rsplit_once(' '));
    samples
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

#[test]
fn load_and_cost_of_each_stage_are_seen_everywhere() {
    let (lab, router, _pings) = busy(&format!("metrics: {{ listen: \"{METRICS}\" }}\n"));
    // A second's rates are known when two seconds have begun.
    let (worker, _) = until("rates of a worker", LIMIT, || {
        let workers = router.query("workers")?;
        let worker = workers[0].clone();
        let positive = |value: &serde_json::Value| value.as_f64().is_some_and(|value| value > 0.0);
        let rates = ["busy", "packets_per_burst", "cycles_per_packet"];
        let known = rates.iter().all(|rate| positive(&worker[rate]));
        let known = known && positive(&worker["stages"][7]["cycles_per_packet"]);
        Ok(match known {
            true => Seen::Yes(worker),
            false => Seen::NotYet(worker.to_string()),
        })
    })
    .unwrap();
    assert!(worker["busy"].as_f64().unwrap() <= 1.0, "{worker}");
    assert!(
        worker["packets_per_burst"].as_f64().unwrap() >= 1.0,
        "{worker}"
    );
    let samples = metrics(&lab.wires);
    for (place, (stage, passed)) in STAGES.iter().enumerate() {
        let row = &worker["stages"][place];
        assert_eq!(row["stage"], *stage, "{worker}");
        assert_eq!(row["packets"].as_u64().unwrap() > 0, *passed, "{worker}");
        assert_eq!(row["cycles"].as_u64().unwrap() > 0, *passed, "{worker}");
        for what in ["packets", "cycles"] {
            let name = format!("ferroute_stage_{what}_total{{worker=\"0\",stage=\"{stage}\"}}");
            let shown = row[what].as_f64().unwrap();
            assert!(samples[&name] >= shown, "{name} {} {shown}", samples[&name]);
        }
    }
    let cpu = &worker["cpu"];
    for rate in ["busy_ratio", "packets_per_burst", "cycles_per_packet"] {
        let name = format!("ferroute_worker_{rate}{{worker=\"0\",cpu=\"{cpu}\"}}");
        assert!(samples[&name] > 0.0, "{name}");
    }
    let table = router.cli("workers --stages").unwrap();
    assert_eq!(table.lines().count(), 1 + STAGES.len(), "{table}");
    router.stop().unwrap();
}

#[test]
fn a_route_that_lacks_is_found_by_its_drops() {
    let (lab, router, _pings) = busy("");
    // What docs/observing.md tells to do, in its order.
    until("a drop", LIMIT, || {
        let drops = router.cli("drops")?;
        Ok(Seen::when(drops.contains("no_route "), || drops))
    })
    .unwrap();
    let trace = router.cli("trace --reason no_route -n 1").unwrap();
    assert!(trace.contains("> 203.0.113.1 icmp 8/0"), "{trace}");
    let lookup = router.cli("route lookup 203.0.113.1").unwrap();
    assert!(lookup.contains("no_route"), "{lookup}");
    router
        .cli(&format!("route add 203.0.113.0/24 via {}", lab.b.v4.host))
        .unwrap();
    let trace = router.cli("trace --prefix 203.0.113.1 -n 1").unwrap();
    assert!(trace.contains("  sent by port p1"), "{trace}");
    router.stop().unwrap();
}
