//! How long packets stay in the router under load: from when they are due at the port until they are sent.
//!
//! The worker runs in this process, with the core beside it, and takes what is due by a schedule drawn beforehand. Packets
//! that come while it is busy wait and are taken with the next burst, as in a card's ring, and their time counts from
//! when they were due: a slow moment shows in all packets behind it. Each carries its time in its payload. To make a
//! packet and to drop it again is in the figures, and takes about as long as to forward it; no card and no driver is.

use crate::bench::Bench;
use crate::error::PerfError;
use crate::machine::facts::tsc_hz;
use crate::machine::{Thread, cpus};
use crate::progress::Progress;
use dpdk_sys::Mbuf;
use dpdk_sys::clock::tsc;
use ferroute_dataplane::fib::synth::{SplitMix64, ipv4_flows, ipv4_table};
use ferroute_dataplane::ids::{BURST, PortId};
use ferroute_tests::bench::Bench as Lab;
use ferroute_tests::bench::frames::V4;
use ferroute_tests::bench::worker::BenchWorker;
use ferroute_tests::bench::world::announce;
use serde::Serialize;
use std::net::Ipv4Addr;
use std::time::Instant;

const ROUTES: usize = 10_000;
const FLOWS: usize = 16 << 10;
/// Packets of one sample.
const PACKETS: usize = 2_000_000;
/// Where the time is in a frame: behind Ethernet, IPv4 and UDP.
const STAMP: usize = 14 + 20 + 8;
/// Shares of the packets whose longest time is told.
pub const SHARES: [f64; 5] = [0.5, 0.9, 0.99, 0.999, 1.0];
/// Loads: their share of what the worker can do, and how many packets are due at once.
pub const LOADS: [(f64, usize); 4] = [(0.1, 1), (0.5, 1), (0.8, 1), (0.5, 1_024)];
/// Samples that are taken of a load when others disturb the worker; the least disturbed counts.
const TRIES: usize = 4;

const ROUTER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x10];
const HOST_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x90];

/// One load.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Row {
    /// Million packets a second.
    pub mega_per_s: f64,
    /// Their share of what the worker can do.
    pub share: f64,
    /// Packets that are due at once.
    pub clump: usize,
    /// For each of [`SHARES`], the time in microseconds that this share does not exceed.
    pub times_us: Vec<f64>,
    /// The share of the sample for which the worker waited for its CPU.
    pub waited: f64,
    /// Packets that were not sent.
    pub lost: usize,
}

/// What was measured.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Latency {
    /// Routes of the table.
    pub routes: usize,
    /// Million packets a second when there always are some.
    pub capacity_mega_per_s: f64,
    /// By load.
    pub rows: Vec<Row>,
}

/// Measures all loads on the worker's CPU.
///
/// # Errors
/// The CPU cannot be had.
pub fn run(bench: &Bench, progress: &Progress) -> Result<Latency, PerfError> {
    let table = ipv4_table(ROUTES, 4);
    let flows = ipv4_flows(&table, FLOWS, 5);
    let mut lab = Lab::new();
    lab.port("in", ROUTER_MAC, &["10.0.0.1/24"])
        .port("out", [2, 0, 0, 0, 0, 0x11], &["10.0.1.1/24"])
        .neighbour("out", "10.0.1.2", [2, 0, 0, 0, 0, 0xa2]);
    let routes = table
        .iter()
        .map(|net| announce(&net.to_string(), "via 10.0.1.2"));
    let refused = lab.routes("", routes.collect()).refused.len();
    let frames: Vec<Vec<u8>> = flows
        .iter()
        .map(|flow| {
            let to = Ipv4Addr::from_bits(*flow).to_string();
            let datagram = V4::udp("10.0.0.9", &to, &[0; 18]).link(HOST_MAC, ROUTER_MAC);
            datagram.frame()
        })
        .collect();
    let worker = lab.take_worker();
    let mut line = Line {
        worker,
        port: lab.port_id("in"),
        frames,
        next: 0,
        burst: Vec::with_capacity(BURST),
        stamps: Vec::with_capacity(BURST),
    };
    let hertz = tsc_hz() as f64;
    let measured = std::thread::scope(|scope| {
        let measure = || {
            cpus::pin(bench.cpus.worker)?;
            progress.say("latency: what the worker can do");
            let capacity = line.capacity();
            let mut rows = Vec::new();
            for (share, clump) in LOADS {
                progress.say(&format!(
                    "latency at {:.0} % in clumps of {clump}",
                    100.0 * share
                ));
                let tries = (0..TRIES).map(|_| line.sample(capacity * share, clump));
                let mut tries: Vec<Sample> = tries.collect();
                tries.sort_by(|a, b| a.waited.total_cmp(&b.waited));
                rows.extend(
                    tries
                        .into_iter()
                        .next()
                        .map(|sample| sample.row(capacity, clump, hertz)),
                );
                progress.step();
            }
            line.worker.rest();
            Ok::<_, PerfError>((capacity, rows))
        };
        scope
            .spawn(measure)
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    lab.give_back(line.worker);
    let (capacity, rows) = measured?;
    Ok(Latency {
        routes: ROUTES - refused,
        capacity_mega_per_s: capacity * hertz / 1e6,
        rows,
    })
}

/// The worker and what comes to it.
struct Line {
    worker: BenchWorker,
    port: PortId,
    frames: Vec<Vec<u8>>,
    next: usize,
    burst: Vec<Mbuf>,
    stamps: Vec<u64>,
}

/// What one sample gave: times in ticks, sorted.
struct Sample {
    times: Vec<u32>,
    rate: f64,
    waited: f64,
}

impl Line {
    /// Adds a packet that is due at this tick to the burst.
    fn arrive(&mut self, due: u64) {
        let frame = &mut self.frames[self.next];
        frame[STAMP..STAMP + 8].copy_from_slice(&due.to_le_bytes());
        self.burst.push(Mbuf::from_heap(frame));
        self.next = (self.next + 1) % self.frames.len();
    }

    /// Forwards the burst, and returns when the last of it was sent.
    fn forward(&mut self) -> u64 {
        let stamps = &mut self.stamps;
        stamps.clear();
        self.worker.pass(self.port, &mut self.burst, 0, |_, frame| {
            let stamp = frame[STAMP..]
                .first_chunk()
                .map_or(0, |bytes| u64::from_le_bytes(*bytes));
            stamps.push(stamp);
        });
        self.burst.clear();
        tsc()
    }

    /// Packets in a tick when there always are some.
    fn capacity(&mut self) -> f64 {
        let (start, mut end) = (tsc(), 0);
        for _ in 0..PACKETS / BURST {
            for _ in 0..BURST {
                self.arrive(start);
            }
            end = self.forward();
        }
        (PACKETS / BURST * BURST) as f64 / (end - start) as f64
    }

    /// Times at a rate, in packets a tick, of which `clump` are due at once.
    fn sample(&mut self, rate: f64, clump: usize) -> Sample {
        // Gaps as those of independent sources, with the mean that makes the rate.
        let mut random = SplitMix64::new(9);
        let mean = clump as f64 / rate;
        let gaps: Vec<u64> = (0..1 << 12)
            .map(|_| {
                let even = (random.draw() >> 11) as f64 / (1_u64 << 53) as f64;
                (-(1.0 - even).ln() * mean) as u64
            })
            .collect();
        // Written once, so that no page is missing while time counts.
        let mut times = vec![1_u32; PACKETS];
        times.clear();
        let mut gaps = gaps.into_iter().cycle();
        let thread = Thread::calling();
        let (before, begun, start) = (thread.times(), Instant::now(), tsc());
        let (mut due, mut left) = (start, clump);
        let mut offered = 0;
        while offered < PACKETS {
            let now = tsc();
            while due <= now && self.burst.len() < BURST && offered < PACKETS {
                self.arrive(due);
                offered += 1;
                left -= 1;
                if left == 0 {
                    due += gaps.next().unwrap_or_default();
                    left = clump;
                }
            }
            if self.burst.is_empty() {
                std::hint::spin_loop();
                continue;
            }
            let sent = self.forward();
            let took = |stamp: &u64| u32::try_from(sent - stamp).unwrap_or(u32::MAX);
            times.extend(self.stamps.iter().map(took));
        }
        let ticks = (tsc() - start) as f64;
        let waited = thread.times().waited_ns.saturating_sub(before.waited_ns) as f64;
        times.sort_unstable();
        Sample {
            times,
            rate: offered as f64 / ticks,
            waited: waited / begun.elapsed().as_nanos() as f64,
        }
    }
}

impl Sample {
    fn row(&self, capacity: f64, clump: usize, hertz: f64) -> Row {
        let us = |ticks: u32| f64::from(ticks) / hertz * 1e6;
        let at = |share: f64| {
            let place = (share * self.times.len() as f64).ceil() as usize;
            us(self
                .times
                .get(place.saturating_sub(1))
                .copied()
                .unwrap_or_default())
        };
        Row {
            mega_per_s: self.rate * hertz / 1e6,
            share: self.rate / capacity,
            clump,
            times_us: SHARES.map(at).to_vec(),
            waited: self.waited,
            lost: PACKETS - self.times.len(),
        }
    }
}
