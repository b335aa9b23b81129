//! The FIB alone, beside DPDK's own in the same process and on the same CPU.

use super::rte::{self, RteFib};
use crate::bench::Bench;
use crate::error::PerfError;
use crate::machine::cpus;
use crate::machine::huge::Pages;
use crate::progress::Progress;
use crate::sample::{Method, rate_of_work};
use crate::traffic::Family;
use dpdk_sys::Eal;
use dpdk_sys::fib::{Fib4, Fib6, FibConfig};
use ferroute_dataplane::fib::synth::{ipv4_flows, ipv4_table, ipv6_flows, ipv6_table};
use ferroute_dataplane::fib::{Arena, Capacity, Key, Trie, lookup_burst};
use ferroute_dataplane::ids::{BURST, NextHopId};
use serde::Serialize;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const FLOWS: usize = 16 << 10;
/// A sample of lookups need not be long: nothing but the CPU is in it.
const SAMPLE: Duration = Duration::from_millis(200);
/// Changes after which memory is given back, as the router does after a batch.
const RECLAIM: usize = 1_024;
/// What DPDK takes for its largest tables here, in MiB.
pub const MEMORY_MIB: u64 = 1_536;

/// Figures of one table.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Figures {
    /// Nanoseconds for a lookup in bursts of 64 over 16 k flows: the median.
    pub lookup_ns: f64,
    /// Thousand routes added in a second.
    pub adds_k_per_s: f64,
    /// Thousand routes removed in a second.
    pub removes_k_per_s: f64,
    /// Memory of the tables for each route, in bytes.
    pub bytes_per_route: f64,
}

/// One size of table.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Row {
    /// The family.
    pub family: Family,
    /// Routes.
    pub routes: usize,
    /// Our FIB.
    pub ferroute: Figures,
    /// DPDK's: DIR-24-8 for IPv4, its trie for IPv6, with the lookup function that it chooses by itself.
    pub rte_fib: Figures,
}

/// The sizes that are measured.
#[must_use]
pub const fn sizes(quick: bool) -> &'static [(Family, usize)] {
    if quick {
        &[(Family::V4, 1_000_000), (Family::V6, 100_000)]
    } else {
        &[
            (Family::V4, 1),
            (Family::V4, 10_000),
            (Family::V4, 100_000),
            (Family::V4, 1_000_000),
            (Family::V6, 1),
            (Family::V6, 10_000),
            (Family::V6, 100_000),
            (Family::V6, 250_000),
        ]
    }
}

/// Measures all sizes on the worker's CPU.
///
/// # Errors
/// DPDK did not start, or a table is full.
pub fn run(bench: &Bench, quick: bool, progress: &Progress) -> Result<Vec<Row>, PerfError> {
    let eal = start(bench)?;
    let method = method(bench);
    let measure = || {
        cpus::pin(bench.cpus.worker)?;
        sizes(quick)
            .iter()
            .map(|&(family, routes)| {
                progress.say(&format!("FIBs of {routes} {} routes", family.name()));
                let (ferroute, rte_fib) = match family {
                    Family::V4 => {
                        let table = ipv4_table(routes, 4);
                        let flows = ipv4_flows(&table, FLOWS, 5);
                        let split =
                            |net: &ipnet::Ipv4Net| (net.network().to_bits(), net.prefix_len());
                        both::<u32, Fib4>(&eal, &method, &table, &flows, split)?
                    }
                    Family::V6 => {
                        let table = ipv6_table(routes, 6);
                        let flows = ipv6_flows(&table, FLOWS, 7);
                        let split =
                            |net: &ipnet::Ipv6Net| (net.network().to_bits(), net.prefix_len());
                        both::<u128, Fib6>(&eal, &method, &table, &flows, split)?
                    }
                };
                progress.step();
                Ok(Row {
                    family,
                    routes,
                    ferroute,
                    rte_fib,
                })
            })
            .collect()
    };
    std::thread::scope(|scope| {
        scope
            .spawn(measure)
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Samples as short as lookups alone need them.
pub(super) fn method(bench: &Bench) -> Method {
    Method {
        sample_s: SAMPLE.as_secs_f64(),
        ..bench.method
    }
}

fn start(bench: &Bench) -> Result<Eal, PerfError> {
    let memory = match bench.pages {
        Pages::Huge => vec!["--in-memory".to_owned()],
        Pages::Ordinary => ["--no-huge", "--no-shconf", "-m"]
            .map(str::to_owned)
            .into_iter()
            .chain([MEMORY_MIB.to_string()])
            .collect(),
    };
    let mut arguments = vec![
        format!("--lcores=0@{}", bench.cpus.control),
        format!("--file-prefix=ferroute-perf-{}", std::process::id()),
        "--no-pci".to_owned(),
        "--no-telemetry".to_owned(),
        "--log-level=*:error".to_owned(),
    ];
    arguments.extend(memory);
    Ok(Eal::init(&arguments)?)
}

fn both<K, F>(
    eal: &Eal,
    method: &Method,
    table: &[K::Net],
    flows: &[K],
    split: impl Fn(&K::Net) -> (K, u8) + Copy,
) -> Result<(Figures, Figures), PerfError>
where
    K: Key,
    F: RteFib<Key = K>,
{
    Ok((
        ours(method, table, flows)?,
        theirs::<F, _>(eal, method, table, flows, split)?,
    ))
}

pub(super) fn ours<K: Key>(
    method: &Method,
    table: &[K::Net],
    flows: &[K],
) -> Result<Figures, PerfError> {
    let arena = Arc::new(Arena::new(Capacity::default())?);
    let mut trie = Trie::<K>::new(&arena)?;
    let mut epoch = 0;
    let mut reclaim = |count: usize| {
        if count.is_multiple_of(RECLAIM) {
            epoch += 1;
            arena.seal(epoch);
            arena.reclaim(epoch);
        }
    };
    let adds = timed(table, |place, net| {
        reclaim(place);
        Ok(trie.set(*net, next_hop(place))?)
    })?;
    reclaim(0);
    let bytes = arena.bytes_in_use();
    let reader = trie.reader();
    let mut answers = [NextHopId::NO_ROUTE; BURST];
    let lookups = rate_of_work(method, || {
        for burst in flows.chunks(BURST) {
            lookup_burst(&arena, reader.view(), burst, &mut answers);
            black_box(&mut answers);
        }
        Ok(flows.len() as u64)
    })?;
    let removes = timed(table, |place, net| {
        reclaim(place);
        // Which value a shorter prefix has does not matter to the time.
        trie.remove(*net, |_| next_hop(0));
        Ok(())
    })?;
    Ok(Figures {
        lookup_ns: 1e3 / lookups.mega_per_s,
        adds_k_per_s: adds,
        removes_k_per_s: removes,
        bytes_per_route: bytes as f64 / table.len() as f64,
    })
}

fn theirs<F: RteFib, N>(
    eal: &Eal,
    method: &Method,
    table: &[N],
    flows: &[F::Key],
    split: impl Fn(&N) -> (F::Key, u8) + Copy,
) -> Result<Figures, PerfError> {
    static NAMES: AtomicU64 = AtomicU64::new(0);
    let name = format!("table{}", NAMES.fetch_add(1, Ordering::Relaxed));
    let prefixes = || table.iter().map(split);
    let config = FibConfig {
        max_routes: table.len() as u32 + 1,
        second_level_tables: rte::reserved::<F>(prefixes()),
        default: 0,
    };
    let mut fib = F::create(eal, &name, &config)?;
    let adds = timed(table, |place, net| {
        let (network, length) = split(net);
        Ok(fib.add(network, length, u64::from(next_hop(place).get()))?)
    })?;
    let addresses: Vec<F::Address> = flows.iter().map(|flow| F::address(*flow)).collect();
    let mut answers = [0; BURST];
    let lookups = rate_of_work(method, || {
        rte::lookup_all(&fib, &addresses, &mut answers)?;
        Ok(flows.len() as u64)
    })?;
    let removes = timed(table, |_, net| {
        let (network, length) = split(net);
        Ok(fib.delete(network, length)?)
    })?;
    Ok(Figures {
        lookup_ns: 1e3 / lookups.mega_per_s,
        adds_k_per_s: adds,
        removes_k_per_s: removes,
        bytes_per_route: rte::bytes(rte::used::<F>(prefixes())) as f64 / table.len() as f64,
    })
}

/// A next hop of one of a thousand.
fn next_hop(place: usize) -> NextHopId {
    NextHopId::new(place as u32 % 1_000 + 1)
}

/// Thousand elements in a second of a pass over the table.
fn timed<N>(
    table: &[N],
    mut work: impl FnMut(usize, &N) -> Result<(), PerfError>,
) -> Result<f64, PerfError> {
    let start = Instant::now();
    for (place, net) in table.iter().enumerate() {
        work(place, net)?;
    }
    Ok(table.len() as f64 / start.elapsed().as_secs_f64() / 1e3)
}
