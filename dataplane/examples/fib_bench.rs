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
        "{:<6}{:>9} {:>9}{:>9}{:>9}{:>8} {:>9}{:>9}{:>9} {:>8}{:>9}",
        "",
        "routes",
        "one VRF",
        "mixed",
        "single",
        "M/s",
        "set k/s",
        "del k/s",
        "worst ms",
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
    short_prefixes()
}

/// Lookups, updates and memory of one table, in one line.
fn run<K: Key>(
    family: &str,
    table: &[K::Net],
    flows: &[K],
    sample: Duration,
) -> Result<(), BenchError>
where
    K::Net: Hash,
{
    let worst = worst_set::<K>(table)?;
    let mut fib = Fib::<K>::new()?;
    let (mut set, mut remove, mut lookups, mut bytes) = ([0.0; SAMPLES], [0.0; SAMPLES], None, 0);
    for (set, remove) in set.iter_mut().zip(&mut remove) {
        let filling = Stopwatch::start();
        for net in table {
            fib.trie.set(*net, next_hop(net))?;
            fib.pass();
        }
        *set = filling.elapsed().as_secs_f64();
        if lookups.is_none() {
            fib.reclaim();
            bytes = fib.arena.bytes_in_use();
            lookups = Some(lookup(&fib, flows, sample));
        }
        let draining = Stopwatch::start();
        for net in table {
            fib.trie.remove(*net, |parent| next_hop(&parent));
            fib.pass();
        }
        *remove = draining.elapsed().as_secs_f64();
    }
    let [burst, mixed, single] = lookups.unwrap_or_default();
    let rate = |samples| table.len() as f64 / middle(samples) / 1e3;
    println!(
        "{family:<6}{:>9} {burst:>9.2}{mixed:>9.2}{single:>9.2}{:>8.1} {:>9.0}{:>9.0}{:>9.3} {:>8.2}{:>9.1}",
        table.len(),
        1e3 / burst,
        rate(set),
        rate(remove),
        worst.as_secs_f64() * 1e3,
        bytes as f64 / 1e6,
        bytes as f64 / table.len() as f64
    );
    Ok(())
}

/// Nanoseconds for a lookup in bursts of one VRF, in bursts of any VRFs, and one by one.
fn lookup<K: Key>(fib: &Fib<K>, flows: &[K], sample: Duration) -> [f64; 3] {
    let mut out = [NextHopId::NO_ROUTE; BURST];
    let reader = fib.trie.reader();
    let burst = median(sample, flows.len(), || {
        for keys in flows.chunks(BURST) {
            lookup_burst(&fib.arena, reader.view(), keys, &mut out);
            black_box(&mut out);
        }
    });
    let mixed = median(sample, flows.len(), || {
        for keys in flows.chunks(BURST) {
            let views: [View; BURST] = [black_box(reader.view()); BURST];
            lookup_batch(&fib.arena, &views, keys, &mut out);
            black_box(&mut out);
        }
    });
    let single = median(sample, flows.len(), || {
        for key in flows {
            black_box(reader.lookup(*key));
        }
    });
    [burst, mixed, single]
}

/// The longest that one change takes while a table fills: the growth of its root. The table is filled three times,
/// since the thread may lose its CPU at any change.
fn worst_set<K: Key>(table: &[K::Net]) -> Result<Duration, BenchError>
where
    K::Net: Hash,
{
    let mut least = vec![Duration::MAX; table.len()];
    for _ in 0..3 {
        let mut fib = Fib::<K>::new()?;
        for (net, least) in table.iter().zip(&mut least) {
            let start = Instant::now();
            fib.trie.set(*net, next_hop(net))?;
            *least = start.elapsed().min(*least);
            fib.pass();
        }
    }
    Ok(least.into_iter().max().unwrap_or_default())
}

/// What it takes to add a prefix to a full IPv4 table and to remove it, by its length.
fn short_prefixes() -> Result<(), BenchError> {
    let mut fib = Fib::<u32>::new()?;
    for net in ipv4_table(1_000_000, 4) {
        fib.trie.set(net, next_hop(&net))?;
        fib.pass();
    }
    println!("\n{:<6}{:>12}{:>12}", "length", "set µs", "remove µs");
    for len in [0, 1, 4, 8, 12, 16, 20, 24, 28, 32] {
        let net = 0x4d4d_4d4d_u32.net(len);
        let (mut sets, mut removals) = ([0.0; SAMPLES], [0.0; SAMPLES]);
        for (value, (set, removal)) in (1..).zip(sets.iter_mut().zip(&mut removals)) {
            let start = Instant::now();
            fib.trie.set(net, NextHopId::new(value))?;
            *set = start.elapsed().as_secs_f64() * 1e6;
            let start = Instant::now();
            fib.trie.remove(net, |parent| next_hop(&parent));
            *removal = start.elapsed().as_secs_f64() * 1e6;
            fib.reclaim();
        }
        let [set, remove] = [sets, removals].map(middle);
        println!("{:<6}{set:>12.2}{remove:>12.2}", format!("/{len}"));
    }
    Ok(())
}

/// A table whose replaced blocks are freed now and then, as no reader runs beside it.
struct Fib<K: Key> {
    arena: Arc<Arena>,
    trie: Trie<K>,
    epoch: u64,
    changes: usize,
}

impl<K: Key> Fib<K> {
    fn new() -> Result<Self, BenchError> {
        let arena = Arc::new(Arena::new(Capacity::default())?);
        let trie = Trie::new(&arena)?;
        Ok(Self {
            arena,
            trie,
            epoch: 0,
            changes: 0,
        })
    }

    fn pass(&mut self) {
        self.changes += 1;
        if self.changes.is_multiple_of(1024) {
            self.reclaim();
        }
    }

    fn reclaim(&mut self) {
        self.epoch += 1;
        self.arena.seal(self.epoch);
        self.arena.reclaim(self.epoch);
    }
}

/// Measures time, without what the thread waited for its CPU.
struct Stopwatch {
    start: Instant,
    waited: Duration,
}

impl Stopwatch {
    fn start() -> Self {
        Self {
            waited: waited(),
            start: Instant::now(),
        }
    }

    fn elapsed(&self) -> Duration {
        self.start
            .elapsed()
            .saturating_sub(waited().saturating_sub(self.waited))
    }
}

/// The median time for one of the `count` lookups that `work` does, in nanoseconds. Samples in which the thread
/// had to wait for its CPU are taken again.
fn median(sample: Duration, count: usize, mut work: impl FnMut()) -> f64 {
    let mut samples = [0.0; SAMPLES];
    let (mut taken, mut disturbed) = (0, 0);
    while taken < SAMPLES {
        work();
        let before = waited();
        let (start, mut turns) = (Instant::now(), 0);
        while start.elapsed() < sample {
            work();
            turns += 1;
        }
        let elapsed = start.elapsed();
        if (waited() - before) * 100 > elapsed && disturbed < MOST_DISTURBED {
            disturbed += 1;
            continue;
        }
        samples[taken] = elapsed.as_nanos() as f64 / (turns * count) as f64;
        taken += 1;
    }
    middle(samples)
}

fn middle(mut samples: [f64; SAMPLES]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[SAMPLES / 2]
}

/// How long this thread has waited for a CPU so far.
fn waited() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let field = stat
        .split_whitespace()
        .nth(1)
        .and_then(|field| field.parse().ok());
    Duration::from_nanos(field.unwrap_or(0))
}

/// A next hop that follows from the prefix, so that no table of them has to be kept.
fn next_hop<N: Hash>(net: &N) -> NextHopId {
    let mut hasher = DefaultHasher::new();
    net.hash(&mut hasher);
    NextHopId::new(hasher.finish() as u32 % 1000 + 1)
}
