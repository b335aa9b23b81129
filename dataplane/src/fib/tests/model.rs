//! Random changes, each trie against its oracle.

use super::oracle::{Pair, borders4, borders6};
use crate::fib::Key;
use crate::fib::synth::{SplitMix64, ipv4_table, ipv6_table};
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Clone, Debug)]
struct Op<K> {
    key: K,
    len: u32,
    /// `None` removes.
    value: Option<u32>,
}

fn ops<K: Key>(
    key: impl Strategy<Value = K>,
    len: impl Strategy<Value = u32>,
) -> impl Strategy<Value = Vec<Op<K>>> {
    let value = prop_oneof![2 => (1..6_u32).prop_map(Some), 1 => Just(None)];
    vec(
        (key, len, value).prop_map(|(key, len, value)| Op { key, len, value }),
        1..80,
    )
}

/// Few keys, so that prefixes nest and meet.
fn tiny4() -> impl Strategy<Value = u32> {
    vec(prop_oneof![Just(0_u8), Just(1), Just(0x80), Just(0xff)], 4).prop_map(|bytes| {
        bytes
            .into_iter()
            .fold(0, |key, byte| key << 8 | u32::from(byte))
    })
}

fn tiny6() -> impl Strategy<Value = u128> {
    // All differ from 2001:db8:: by at most two bits.
    (0..128_u32, 0..128_u32).prop_map(|(a, b)| 0x2001_0db8 << 96 ^ 1 << a ^ 1 << b)
}

fn run<K: Key>(ops: &[Op<K>], borders: impl Fn(K, u32) -> [K; 4]) {
    let mut pair = Pair::<K>::new();
    let before = pair.arena.usage();
    let keys: Vec<K> = ops.iter().map(|op| op.key).collect();
    for op in ops {
        match op.value {
            Some(value) => pair.set(op.key, op.len, value).unwrap(),
            None => {
                // Mostly something that is there.
                let chosen = pair.oracle.prefixes().find(|(_, len)| *len >= op.len);
                let (key, len) = chosen.unwrap_or((op.key, op.len));
                pair.remove(key, len);
            }
        }
        pair.check(&keys, &borders);
        pair.check_bytes();
        pair.check_blocks();
    }
    for (key, len) in pair.oracle.prefixes().collect::<Vec<_>>() {
        assert!(pair.remove(key, len));
        pair.check(&keys, &borders);
    }
    pair.settle();
    pair.reclaim();
    assert_eq!(pair.arena.usage(), before);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn ipv4_tiny_domain(ops in ops(tiny4(), 0..=32_u32)) {
        run(&ops, borders4);
    }

    #[test]
    fn ipv4_host_lengths(ops in ops(0x0a00_0000..0x0a00_0010_u32, 28..=32_u32)) {
        run(&ops, borders4);
    }

    #[test]
    fn ipv4_wide_domain(ops in ops(any::<u32>(), 0..=32_u32)) {
        run(&ops, borders4);
    }

    #[test]
    fn ipv6_tiny_domain(ops in ops(tiny6(), 0..=128_u32)) {
        run(&ops, borders6);
    }

    #[test]
    fn ipv6_host_lengths(ops in ops(0..16_u128, prop_oneof![Just(0), Just(126), Just(127), Just(128)])) {
        run(&ops, borders6);
    }

    #[test]
    fn ipv6_wide_domain(ops in ops(any::<u128>(), 0..=128_u32)) {
        run(&ops, borders6);
    }
}

/// Fills a table in the order given, checks it, and empties it in another order, checking on the way.
fn fill_and_drain<K: Key>(prefixes: &[(K, u32)], borders: impl Fn(K, u32) -> [K; 4] + Copy) {
    let mut pair = Pair::<K>::new();
    let before = pair.arena.usage();
    let mut random = SplitMix64::new(7);
    for (i, &(key, len)) in prefixes.iter().enumerate() {
        pair.set(key, len, random.below(1000) as u32 + 1).unwrap();
        if i.is_power_of_two() {
            pair.check(&[], borders);
            pair.check_bytes();
        }
    }
    pair.check(&[], borders);
    pair.check_blocks();
    let mut left: Vec<_> = pair.oracle.prefixes().collect();
    while !left.is_empty() {
        let (key, len) = left.swap_remove(random.below(left.len() as u64) as usize);
        assert!(pair.remove(key, len));
        if left.len().is_power_of_two() {
            pair.check(&[], borders);
            pair.check_blocks();
        }
    }
    pair.settle();
    pair.reclaim();
    assert_eq!(pair.arena.usage(), before);
}

#[test]
fn nested_chains_of_all_lengths() {
    let chain4: Vec<_> = (0..=32).map(|len| (0xc0a8_5a5a_u32, len)).collect();
    fill_and_drain(&chain4, borders4);
    fill_and_drain(&chain4.iter().rev().copied().collect::<Vec<_>>(), borders4);
    let chain6: Vec<_> = (0..=128)
        .map(|len| (0x2001_0db8_5a5a_a5a5_0123_4567_89ab_cdef_u128, len))
        .collect();
    fill_and_drain(&chain6, borders6);
    fill_and_drain(&chain6.iter().rev().copied().collect::<Vec<_>>(), borders6);
}

#[test]
fn a_slash_20_of_hosts() {
    let hosts: Vec<_> = (0..1 << 12).map(|host| (0x0a01_0000 | host, 32)).collect();
    fill_and_drain(&hosts, borders4);
}

#[test]
fn internet_tables_through_every_root_size() {
    let ipv4: Vec<_> = ipv4_table(50_000, 1).into_iter().map(u32::split).collect();
    fill_and_drain(&ipv4, borders4);
    let ipv6: Vec<_> = ipv6_table(6_000, 1).into_iter().map(u128::split).collect();
    fill_and_drain(&ipv6, borders6);
}

/// Changes of all lengths at a few places, between pieces of a root that grows, then shrinks.
#[test]
fn changes_while_the_largest_root_is_built() {
    const BASE: u32 = 48 << 10;
    let mut pair = Pair::<u32>::new();
    let mut random = SplitMix64::new(3);
    let places = [
        0x0000_0000,
        0x0001_0080,
        0x4000_8001,
        0x40ff_ffff,
        0xffff_ffff,
    ];
    let base = |i: u32| (i << 14 | 1 << 13, 24);
    for (key, len) in (0..BASE).map(base) {
        pair.set(key, len, 7).unwrap();
    }
    let mut fiddle = |pair: &mut Pair<u32>, at_most: u32| {
        for i in 0..at_most {
            let key = places[random.below(5) as usize] ^ random.below(4) as u32;
            let len = random.below(33) as u32;
            // What covers a base prefix is left in place, or it would show in its count.
            if random.below(3) == 0 && pair.oracle.get(key, len).is_some() && len > 24 {
                pair.remove(key, len);
            } else {
                pair.set(key, len, 10 + i).unwrap();
            }
            if i % 32 == 0 {
                pair.check(&places, borders4);
                pair.check_bytes();
            }
        }
    };
    pair.set(0, 1, 1).unwrap();
    assert!(pair.trie.is_resizing(), "the table outgrew its root");
    fiddle(&mut pair, 600);
    assert!(pair.trie.is_resizing(), "the root is built in pieces");
    pair.check_blocks();
    assert_eq!(pair.arena.usage().big_roots, 1);
    let mut left: Vec<_> = pair
        .oracle
        .prefixes()
        .filter(|(_, len)| *len == 24)
        .collect();
    while pair.trie.len() >= (BASE / 4) as usize {
        let (key, len) = left.pop().unwrap();
        pair.remove(key, len);
    }
    pair.remove(0, 1);
    assert!(pair.trie.is_resizing(), "the root is too large");
    fiddle(&mut pair, 600);
    pair.check_blocks();
    assert_eq!(
        (pair.arena.usage().big_roots, pair.arena.usage().mid_roots),
        (0, 1)
    );
}
