//! Random changes, the trie and DPDK's tables beside the oracle.

use super::oracle::{Pair, borders4, borders6};
use crate::fib::Key;
use crate::fib::synth::{SplitMix64, ipv4_table, ipv6_table};
use dpdk_sys::Eal;
use dpdk_sys::fib::{Fib4, Fib6, FibConfig, FibError};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Changes of each table.
const CHANGES: usize = 3_000;
/// Prefixes that are in a table at a time, about.
const PRESENT: usize = 1_000;

/// A family's table in DPDK.
trait Rte: Sized {
    type Key: Key;
    fn create(eal: &Eal, config: &FibConfig) -> Result<Self, FibError>;
    fn add(&mut self, key: Self::Key, len: u32, next_hop: u64) -> Result<(), FibError>;
    fn delete(&mut self, key: Self::Key, len: u32) -> Result<(), FibError>;
    fn lookup(&self, keys: &[Self::Key]) -> Vec<u64>;
}

impl Rte for Fib4 {
    type Key = u32;
    fn create(eal: &Eal, config: &FibConfig) -> Result<Self, FibError> {
        Self::create(eal, "oracle4", config)
    }
    fn add(&mut self, key: u32, len: u32, next_hop: u64) -> Result<(), FibError> {
        self.add(Ipv4Addr::from_bits(key), len as u8, next_hop)
    }
    fn delete(&mut self, key: u32, len: u32) -> Result<(), FibError> {
        self.delete(Ipv4Addr::from_bits(key), len as u8)
    }
    fn lookup(&self, keys: &[u32]) -> Vec<u64> {
        let mut answers = vec![0; keys.len()];
        self.lookup_bulk(keys, &mut answers).unwrap();
        answers
    }
}

impl Rte for Fib6 {
    type Key = u128;
    fn create(eal: &Eal, config: &FibConfig) -> Result<Self, FibError> {
        Self::create(eal, "oracle6", config)
    }
    fn add(&mut self, key: u128, len: u32, next_hop: u64) -> Result<(), FibError> {
        self.add(Ipv6Addr::from_bits(key), len as u8, next_hop)
    }
    fn delete(&mut self, key: u128, len: u32) -> Result<(), FibError> {
        self.delete(Ipv6Addr::from_bits(key), len as u8)
    }
    fn lookup(&self, keys: &[u128]) -> Vec<u64> {
        let keys: Vec<_> = keys.iter().map(|key| key.to_be_bytes()).collect();
        let mut answers = vec![0; keys.len()];
        self.lookup_bulk(&keys, &mut answers).unwrap();
        answers
    }
}

/// DPDK on ordinary memory and whatever CPUs there are, beside any number of others.
fn arguments() -> Vec<String> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let allowed = |line: &str| Some(line.strip_prefix("Cpus_allowed_list:")?.trim().to_owned());
    let cpus = status.lines().find_map(allowed).unwrap();
    let own = [
        format!("--lcores=0@({cpus})"),
        format!("--file-prefix=ferroute-fib-{}", std::process::id()),
    ];
    let plain = "--no-huge --no-shconf --no-pci --no-telemetry --log-level=*:error -m 256";
    own.into_iter()
        .chain(plain.split(' ').map(str::to_owned))
        .collect()
}

/// Adds, replaces and deletes `prefixes` at random, and compares every table after each few.
fn compare<F: Rte>(
    prefixes: &[(F::Key, u32)],
    borders: impl Fn(F::Key, u32) -> [F::Key; 4] + Copy,
) {
    let eal = Eal::init(&arguments()).unwrap();
    let config = FibConfig {
        max_routes: 4 * PRESENT as u32,
        second_level_tables: 48 << 10,
        default: 0,
    };
    let mut rte = F::create(&eal, &config).unwrap();
    let mut pair = Pair::<F::Key>::new();
    let mut random = SplitMix64::new(21);
    let mut keys = Vec::new();
    for i in 0..CHANGES {
        let (key, len) = prefixes[random.below(prefixes.len() as u64) as usize];
        let full = pair.trie.len() > PRESENT;
        let present = pair.oracle.get(key, len).is_some();
        if present && (full || random.below(3) == 0) {
            pair.remove(key, len);
            rte.delete(key, len).unwrap();
        } else if present || !full {
            let value = random.below(1 << 20) as u32 + 1;
            pair.set(key, len, value).unwrap();
            rte.add(key, len, value.into()).unwrap();
        }
        keys.extend(borders(key, len));
        if i % 50 == 0 {
            pair.check(&keys, borders);
            let expected: Vec<u64> = keys
                .iter()
                .map(|key| pair.oracle.lookup(*key).get().into())
                .collect();
            assert_eq!(rte.lookup(&keys), expected, "after change {i}");
            keys.clear();
        }
    }
}

#[test]
fn rte_fib_says_the_same() {
    let table = ipv4_table(1_000, 1).into_iter().map(u32::split);
    let nested = (0..4_u32).flat_map(|i| (1..=32).map(move |len| (0xc0a8_5a5a ^ i << 7, len)));
    let prefixes: Vec<_> = table
        .chain(nested)
        .map(|(key, len)| (super::oracle::truncate(key, len), len))
        .collect();
    compare::<Fib4>(&prefixes, borders4);
}

#[test]
fn rte_fib6_says_the_same() {
    let table = ipv6_table(1_000, 1).into_iter().map(u128::split);
    let chain = 0x2001_0db8_5a5a_a5a5_0123_4567_89ab_cdef_u128;
    let nested = (0..4).flat_map(|i| (1..=128).map(move |len| (chain ^ i << 70, len)));
    let prefixes: Vec<_> = table
        .chain(nested)
        .map(|(key, len)| (super::oracle::truncate(key, len), len))
        .collect();
    compare::<Fib6>(&prefixes, borders6);
}
