//! A worker that is never idle: frames come from memory as fast as it takes them, while everything is watched, and while a route
//! comes and goes. No packet is lost for either, and what they cost is bounded.

#![allow(clippy::unwrap_used, reason = "what cannot go on has failed")]

#[path = "full_table/client.rs"]
mod client;

use client::Injector;
use etherparse::PacketBuilder;
use ferroute_proto::v1::Worker;
use ferroute_tests::router::program;
use ferroute_tests::wait::{Seen, until};
use ferroute_tests::{Api, Namespace, Process, Router};
use ipnet::IpNet;
use nix::sys::signal::Signal;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(60);
/// Gateways of the client's sets; this lab has the first two.
const GATEWAYS: u32 = 2;
/// The address that DPDK gives its first capture device.
const SOURCE_MAC: [u8; 6] = [0x02, b'p', b'c', b'a', b'p', 0];
/// Packets that must have come before something is looked at. A debug build takes a million a second of a whole CPU.
const ENOUGH: u64 = 300_000;
/// What the router may need for watches: their rings, and what waits in their connections.
const MOST_BYTES: u64 = 48 << 20;
/// Batches of a storm, and changes in each.
const BATCHES: usize = 100;
const CHANGES: usize = 4_096;

/// A router from a capture that is replayed for ever into a device that swallows.
struct Lab {
    router: Router,
    api: Api,
    _files: TempDir,
    _wires: Namespace,
}

/// Writes a capture of frames to 20.0.0.0/24.
fn record(path: &Path) {
    let mut file = [
        0xa1b2_c3d4_u32.to_le_bytes(),
        0x0004_0002_u32.to_le_bytes(),
        [0; 4],
        [0; 4],
        65_535_u32.to_le_bytes(),
        1_u32.to_le_bytes(),
    ]
    .concat();
    for host in 0..64 {
        let mut frame = Vec::new();
        PacketBuilder::ethernet2([2, 0, 0, 0, 0, 0xa], SOURCE_MAC)
            .ipv4([10, 0, 1, 9], [20, 0, 0, host], 64)
            .udp(9, 9)
            .write(&mut frame, &[0; 18])
            .unwrap();
        let length = (frame.len() as u32).to_le_bytes();
        file.extend([[0; 4], [0; 4], length, length].concat());
        file.extend(frame);
    }
    std::fs::write(path, file).unwrap();
}

impl Lab {
    fn build() -> Self {
        let files = tempfile::tempdir().unwrap();
        let capture = files.path().join("in.pcap");
        record(&capture);
        let wires = Namespace::new("wires").unwrap();
        let config = format!(
            r#"
twin: {{ enabled: false }}
ports:
  - {{ name: p0, device: "net_pcap0,rx_pcap={},infinite_rx=1" }}
  - {{ name: p1, device: "net_null1,no-rx=1" }}
interfaces:
  - {{ name: p0, addresses: [10.0.1.1/24] }}
  - {{ name: p1, addresses: [10.0.2.1/24, "fd00:2::1/64"] }}
neighbours:
  - {{ interface: p1, address: 10.0.2.11, mac: "02:00:00:00:01:01" }}
  - {{ interface: p1, address: 10.0.2.12, mac: "02:00:00:00:01:02" }}
routes:
  - {{ prefix: 20.0.0.0/8, via: [{{ address: 10.0.2.11 }}] }}
"#,
            capture.display()
        );
        let router = Router::start(&wires, &config, &[]).unwrap();
        let lab = Self {
            api: router.api().unwrap(),
            router,
            _files: files,
            _wires: wires,
        };
        // The first may have come before their route was there.
        lab.wait_for_packets(lab.worker().rx_packets);
        lab
    }

    fn worker(&self) -> Worker {
        self.api.workers().unwrap().remove(0)
    }

    fn resident_bytes(&self) -> u64 {
        let memory = self.router.query("stats memory").unwrap();
        memory["resident_bytes"].as_u64().unwrap()
    }

    /// Waits until enough packets have come after so many.
    fn wait_for_packets(&self, before: u64) {
        until("packets", LIMIT, || {
            let came = self.worker().rx_packets - before;
            Ok(Seen::when(came >= ENOUGH, || format!("{came} came")))
        })
        .unwrap();
    }

    /// All packets since `before` were sent, but for those of which a worker has in hand at most a burst.
    fn none_was_lost_since(&self, before: &Worker) {
        let now = self.worker();
        let ended = |worker: &Worker| {
            [
                worker.dropped_packets,
                worker.punted_packets,
                worker.consumed_packets,
            ]
        };
        assert_eq!(ended(&now), ended(before));
        assert!(now.tx_packets - before.tx_packets >= ENOUGH - 64);
    }

    /// Starts a watch. It is refused while the worker gets no CPU of a busy machine.
    fn watch(&self, words: &str, on: &str) -> Process {
        until("a watch", LIMIT, || {
            let mut command = Command::new(program("ferroute"));
            command.arg("--socket").arg(self.router.socket());
            let process = Process::start(command.args(words.split(' ')))?;
            Ok(match process.wait_for(on, LIMIT) {
                Ok(_) => Seen::Yes(process),
                Err(_) => Seen::NotYet(process.log()),
            })
        })
        .unwrap()
        .0
    }
}

#[test]
fn a_filter_that_everything_matches_at_full_rate_loses_records_and_no_packet() {
    let lab = Lab::build();
    let (before, resident) = (lab.worker(), lab.resident_bytes());
    // One client reads nothing, the other as fast as it can.
    let mut trace = lab.watch("trace --prefix 0.0.0.0/0 --dev p0", "tracing, ");
    trace.signal(Signal::SIGSTOP);
    let mut capture = lab.watch("capture -w /dev/null --prefix 0.0.0.0/0", "capturing, ");
    lab.wait_for_packets(lab.worker().rx_packets);
    let grown = lab.resident_bytes().saturating_sub(resident);
    assert!(grown < MOST_BYTES, "{grown} bytes more");
    lab.none_was_lost_since(&before);
    // Nobody waits for them: changes go through.
    lab.router
        .cli("route add 30.0.0.0/8 via 10.0.2.12")
        .unwrap();
    trace.signal(Signal::SIGCONT);
    trace.wait_for(" packets not shown: ", LIMIT).unwrap();
    // Both end when they are told to, however much comes.
    for process in [&mut trace, &mut capture] {
        process.signal(Signal::SIGINT);
        assert!(process.wait(LIMIT).is_ok_and(|status| status.success()));
    }
    let said = capture.log();
    let last = said.lines().last().unwrap_or_default();
    let lost = last.split(' ').rev().nth(1).unwrap_or_default();
    assert!(lost.parse::<u64>().is_ok_and(|lost| lost > 0), "{last}");
    // Unwatched again, it forwards on.
    let after = lab.worker();
    lab.wait_for_packets(after.rx_packets);
    lab.none_was_lost_since(&after);
    lab.router.stop().unwrap();
}

#[test]
fn a_storm_that_adds_and_deletes_one_route_takes_no_packet_along_and_leaves_nothing_behind() {
    let lab = Lab::build();
    let fibs = || lab.router.query("stats memory").unwrap()["fibs"].clone();
    let mut injector = Injector::open(&lab.api);
    let (before, tables, resident) = (lab.worker(), fibs(), lab.resident_bytes());
    // All packets are covered by it, and by the route above it while it is not there.
    let net: IpNet = "20.0.0.0/24".parse().unwrap();
    for batch in 0..BATCHES {
        let change = |number| {
            let comes = number % 2 == 0;
            let gateway = 1 + ((batch + number / 2) % 2) as u32;
            (net, comes.then_some(gateway))
        };
        let changes: Vec<_> = (0..CHANGES).map(change).collect();
        injector.say(&lab.api, &changes);
        // And in a batch for itself, so that workers see each.
        injector.say(&lab.api, &changes[..1]);
        injector.say(&lab.api, &changes[1..2]);
    }
    lab.wait_for_packets(before.rx_packets);
    lab.none_was_lost_since(&before);
    assert_eq!(fibs(), tables);
    let grown = lab.resident_bytes().saturating_sub(resident);
    assert!(grown < MOST_BYTES, "{grown} bytes more");
    let shown = lab.router.query("route lookup 20.0.0.1").unwrap();
    assert_eq!(shown["route"]["prefix"], "20.0.0.0/8", "{shown}");
    lab.router.stop().unwrap();
}
