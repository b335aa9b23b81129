//! The FIB under input that is made to be hard: tables that no Internet has, and lookups that defeat prefetching.

use super::fib::{Figures, ours};
use crate::bench::Bench;
use crate::error::PerfError;
use crate::machine::cpus;
use crate::progress::Progress;
use ferroute_dataplane::fib::Key;
use ferroute_dataplane::fib::synth::{SplitMix64, ipv4_flows, ipv4_table};
use ipnet::Ipv4Net;
use serde::Serialize;

const FLOWS: usize = 16 << 10;
const TABLE: usize = 1_000_000;

/// One input.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Row {
    /// What is hard about it.
    pub name: &'static str,
    /// Routes.
    pub routes: usize,
    /// The figures.
    pub figures: Figures,
}

/// An input: its name, its table, the addresses that are looked up.
type Input = (&'static str, Vec<Ipv4Net>, Vec<u32>);

/// How many inputs there are.
pub const INPUTS: usize = 4;

/// Everything to one host behind a prefix of every length.
fn chain() -> Input {
    let host = 0xc0a8_5a5a_u32;
    let table = (1..=u32::BITS).map(|len| host.net(len)).collect();
    ("one /32 behind all lengths", table, vec![host; FLOWS])
}

/// A full table, and nothing that is looked up is in it.
fn missing() -> Input {
    let mut random = SplitMix64::new(5);
    let flows = (0..FLOWS).map(|_| 10 << 24 | random.below(1 << 24) as u32);
    ("all missing", ipv4_table(TABLE, 4), flows.collect())
}

/// Every host of a /8: each node of the trie is full.
fn hosts() -> Input {
    let table: Vec<_> = (0..1_u32 << 24)
        .map(|host| (20 << 24 | host).net(32))
        .collect();
    let flows = ipv4_flows(&table, FLOWS, 5);
    ("every /32 of a /8", table, flows)
}

/// Chains of all lengths from /1 to /32 at random places, as many as make a full table.
fn nested() -> Input {
    let mut random = SplitMix64::new(6);
    let places: Vec<u32> = (0..TABLE / 18).map(|_| random.draw() as u32).collect();
    let mut table: Vec<_> = places
        .iter()
        .flat_map(|place| (1..=u32::BITS).map(|len| place.net(len)))
        .collect();
    table.sort_unstable();
    table.dedup();
    let flows = places.iter().copied().cycle().take(FLOWS).collect();
    ("all lengths nested", table, flows)
}

/// Measures all inputs on the worker's CPU.
///
/// # Errors
/// A table is full.
pub fn run(bench: &Bench, progress: &Progress) -> Result<Vec<Row>, PerfError> {
    let inputs: [fn() -> Input; INPUTS] = [chain, missing, nested, hosts];
    let measure = || {
        cpus::pin(bench.cpus.worker)?;
        let rows = inputs.iter().map(|input| {
            let (name, table, flows) = input();
            progress.say(&format!("a hard FIB: {name}"));
            let figures = ours::<u32>(&super::fib::method(bench), &table, &flows)?;
            progress.step();
            Ok(Row {
                name,
                routes: table.len(),
                figures,
            })
        });
        rows.collect()
    };
    std::thread::scope(|scope| {
        scope
            .spawn(measure)
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn inputs_are_as_hard_as_they_say() {
        let (_, table, flows) = chain();
        assert!(
            table
                .iter()
                .all(|net| net.contains(&Ipv4Addr::from_bits(flows[0])))
        );
        let (_, table, flows) = missing();
        let hit = |flow: &u32| {
            table
                .iter()
                .any(|net| net.contains(&Ipv4Addr::from_bits(*flow)))
        };
        assert!(!flows.iter().take(20).any(hit));
        let (_, table, _) = nested();
        assert!(
            (900_000..1_100_000).contains(&table.len()),
            "{}",
            table.len()
        );
    }
}
