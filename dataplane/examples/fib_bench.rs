//! The FIB alone, on one core: lookups in bursts over 16 k flows, updates, memory.
//!
//! `cargo run --release -p ferroute-dataplane --example fib_bench [seconds per figure]`
//!
//! Each figure is the median of nine samples. Tables have the Internet's shape and come from fixed seeds.

use ferroute_dataplane::fib::synth::{ipv4_flows, ipv4_table, ipv6_flows, ipv6_table};
use ferroute_dataplane::fib::{
    Arena, ArenaError, Capacity, FibError, Key, Trie, View, lookup_batch, lookup_burst,
};
use ferroute_dataplane::ids::{BURST, NextHopId};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

const FLOWS: usize = 16 << 10;
const SAMPLES: usize = 9;
const MOST_DISTURBED: usize = 100 * SAMPLES;

#[derive(Debug, thiserror::Error)]
enum BenchError {
    #[error(transparent)]
    Arena(#[from] ArenaError),
    #[error(transparent)]
    Fib(#[from] FibError),
}

fn main() -> Result<(), BenchError> {
    let seconds = std::env::args()
        .nth(1)
        .and_then(|arg| arg.parse().ok())
        .unwrap_or(0.02);
    let sample = Duration::from_secs_f64(seconds / SAMPLES as f64);
    println!(
        "{:<6}{:>9} {:>9}{:>9}{:>9}{:>9} {:>9}{:>9}{:>11} {:>9}{:>9}",
        "",
        "routes",
        "burst ns",
        "mixed ns",
        "one ns",
        "Mlps",
        "set k/s",
        "del k/s",
        "longest µs",
        "MB",
        "B/route"
    );
    for routes in [1, 1_000, 10_000, 100_000, 1_000_000] {
        let table = ipv4_table(routes, 4);
        run::<u32>("IPv4", &table, &ipv4_flows(&table, FLOWS, 5), sample)?;
    }
    for routes in [1, 1_000, 10_000, 100_000, 250_000] {
        let table = ipv6_table(routes, 6);
        run::<u128>("IPv6", &table, &ipv6_flows(&table, FLOWS, 7), sample)?;
    }
    Ok(())
}

fn run<K: Key>(
    family: &str,
    table: &[K::Net],
    flows: &[K],
    sample: Duration,
) -> Result<(), BenchError>
where
    K::Net: Hash,
{
    let arena = Arc::new(Arena::new(Capacity::default())?);
    let mut trie = Trie::<K>::new(&arena)?;
    let (mut epoch, mut longest) = (0, Duration::ZERO);
    let mut reclaim = |count: usize| {
        if count.is_multiple_of(1024) {
            epoch += 1;
            arena.seal(epoch);
            arena.reclaim(epoch);
        }
    };
    let start = Instant::now();
    let mut last = start;
    for (i, net) in table.iter().enumerate() {
        trie.set(*net, next_hop(net))?;
        reclaim(i);
        let now = Instant::now();
        longest = longest.max(now - last);
        last = now;
    }
    let set = start.elapsed();
    reclaim(0);
    let bytes = arena.bytes_in_use();

    let mut out = [NextHopId::NO_ROUTE; BURST];
    let reader = trie.reader();
    let bursts = || flows.chunks(BURST);
    let burst = median(sample, flows.len(), || {
        for keys in bursts() {
            lookup_burst(&arena, reader.view(), keys, &mut out);
            black_box(&mut out);
        }
    });
    let mixed = median(sample, flows.len(), || {
        for keys in bursts() {
            let views: [View; BURST] = [black_box(reader.view()); BURST];
            lookup_batch(&arena, &views, keys, &mut out);
            black_box(&mut out);
        }
    });
    let one = median(sample, flows.len(), || {
        for key in flows {
            black_box(reader.lookup(*key));
        }
    });

    let start = Instant::now();
    for (i, net) in table.iter().enumerate() {
        trie.remove(*net, |parent| next_hop(&parent));
        reclaim(i);
    }
    let remove = start.elapsed();
    let rate = |elapsed: Duration| table.len() as f64 / elapsed.as_secs_f64() / 1e3;
    println!(
        "{family:<6}{:>9} {burst:>9.2}{mixed:>9.2}{one:>9.2}{:>9.1} {:>9.0}{:>9.0}{:>11.1} {:>9.2}{:>9.1}",
        table.len(),
        1e3 / burst,
        rate(set),
        rate(remove),
        longest.as_secs_f64() * 1e6,
        bytes as f64 / 1e6,
        bytes as f64 / table.len() as f64
    );
    Ok(())
}

/// The median time for one of the `count` lookups that `work` does, in nanoseconds. Samples in which the
/// thread had to wait for its CPU are taken again.
fn median(sample: Duration, count: usize, mut work: impl FnMut()) -> f64 {
    let mut samples = Vec::with_capacity(SAMPLES);
    let mut disturbed = 0;
    while samples.len() < SAMPLES {
        work();
        let waited = waited_ns();
        let (start, mut turns) = (Instant::now(), 0);
        while start.elapsed() < sample {
            work();
            turns += 1;
        }
        let elapsed = start.elapsed().as_nanos() as f64;
        if (waited_ns() - waited) as f64 > elapsed / 100.0 && disturbed < MOST_DISTURBED {
            disturbed += 1;
            continue;
        }
        samples.push(elapsed / (turns * count) as f64);
    }
    samples.sort_by(f64::total_cmp);
    samples[SAMPLES / 2]
}

/// How long this thread has waited for a CPU so far.
fn waited_ns() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split_whitespace().nth(1).and_then(|field| field.parse().ok()).unwrap_or(0)
}

/// A next hop that follows from the prefix, so that no table of them has to be kept.
fn next_hop<N: Hash>(net: &N) -> NextHopId {
    let mut hasher = DefaultHasher::new();
    net.hash(&mut hasher);
    NextHopId::new(hasher.finish() as u32 % 1000 + 1)
}
