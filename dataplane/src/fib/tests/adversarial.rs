//! Tables and changes made to be hard: what they cost is bounded, and goes when they go.

use super::oracle::{Pair, borders4, borders6, truncate};
use crate::fib::Key;
use crate::fib::synth::SplitMix64;

/// Adds all prefixes, hands the full pair to `check`, and takes them out again.
fn come_and_go<K: Key>(
    prefixes: &[(K, u32)],
    borders: impl Fn(K, u32) -> [K; 4] + Copy,
    check: impl FnOnce(&mut Pair<K>),
) {
    let mut pair = Pair::<K>::new();
    let before = pair.arena.usage();
    for (i, (key, len)) in (1..).zip(prefixes) {
        pair.set(*key, *len, i).unwrap();
    }
    pair.settle();
    pair.reclaim();
    pair.check(&[], borders);
    check(&mut pair);
    for (key, len) in pair.oracle.prefixes().collect::<Vec<_>>() {
        assert!(pair.remove(key, len));
    }
    pair.settle();
    pair.reclaim();
    assert_eq!(pair.arena.usage(), before);
}

#[test]
fn a_host_behind_all_lengths_costs_one_way_down() {
    let chain: Vec<_> = (1..=32)
        .map(|len| (truncate(0xc0a8_5a5a_u32, len), len))
        .collect();
    come_and_go(&chain, borders4, |pair| {
        assert!(pair.arena.usage().nodes <= 4, "{:?}", pair.arena.usage());
        // All others miss the host, each by another bit.
        let near: Vec<_> = (0..32).map(|bit| 0xc0a8_5a5a ^ 1 << bit).collect();
        pair.check(&near, borders4);
    });
    let host = 0x2001_0db8_5a5a_a5a5_0123_4567_89ab_cdef_u128;
    let chain: Vec<_> = (1..=128).map(|len| (truncate(host, len), len)).collect();
    come_and_go(&chain, borders6, |pair| {
        assert!(pair.arena.usage().nodes <= 16, "{:?}", pair.arena.usage());
    });
}

#[test]
fn hosts_side_by_side_fill_nodes_and_nothing_else() {
    // Every /32 of a /20, beside prefixes enough for a root of 2^16 entries.
    let hosts: Vec<_> = (0..1 << 12)
        .map(|host| (0x1400_0000_u32 | host, 32))
        .collect();
    come_and_go(&hosts, borders4, |pair| {
        let usage = pair.arena.usage();
        // One node at 16 bits, 16 below it; the head is the only cell.
        assert_eq!((usage.nodes, usage.cells), (17, 1));
        assert!(
            pair.trie.bytes() < (1 << 12) * 5 + (280 << 10),
            "{}",
            pair.trie.bytes()
        );
    });
}

#[test]
fn all_lengths_nested_at_many_places_cost_their_ways() {
    let mut random = SplitMix64::new(1);
    let places: Vec<_> = (0..300).map(|_| random.draw() as u32).collect();
    let chains: Vec<_> = places
        .iter()
        .flat_map(|key| (1..=32).map(|len| (truncate(*key, len), len)))
        .collect();
    come_and_go(&chains, borders4, |pair| {
        assert!(
            pair.arena.usage().nodes <= 2 * places.len(),
            "{:?}",
            pair.arena.usage()
        );
        assert_eq!(pair.arena.usage().cells, 1);
    });
    let places: Vec<_> = (0..40).map(|_| random.draw_u128()).collect();
    let chains: Vec<_> = places
        .iter()
        .flat_map(|key| (1..=128).map(|len| (truncate(*key, len), len)))
        .collect();
    come_and_go(&chains, borders6, |pair| {
        assert!(
            pair.arena.usage().nodes <= 14 * places.len(),
            "{:?}",
            pair.arena.usage()
        );
    });
}

/// Two hosts that differ in their last bit force a node at every level: the most that two routes can cost.
#[test]
fn pairs_of_hosts_cost_a_way_each() {
    let mut random = SplitMix64::new(2);
    let hosts: Vec<_> = (0..400)
        .map(|_| random.draw_u128())
        .flat_map(|host| [(host, 128), (host ^ 1, 128)])
        .collect();
    come_and_go(&hosts, borders6, |pair| {
        let usage = pair.arena.usage();
        assert_eq!(usage.cells, 1);
        assert!(usage.nodes <= 14 * hosts.len() / 2, "{usage:?}");
    });
}

#[test]
fn a_route_that_flaps_at_the_border_of_a_root_keeps_two_roots_at_most() {
    let mut pair = Pair::<u32>::new();
    for i in 0..256 {
        pair.set(i << 16, 24, 1).unwrap();
    }
    pair.settle();
    pair.reclaim();
    let (mut most, mut quarantined, mut bytes) = (0, 0, 0);
    for i in 0..20_000_u32 {
        pair.set(0xffff_0000, 24, i + 1).unwrap();
        pair.remove(0xffff_0000, 24);
        let usage = pair.arena.usage();
        most = most.max(usage.mid_roots);
        quarantined = quarantined.max(usage.quarantined);
        bytes = bytes.max(usage.bytes_in_use);
        if i % 100 == 99 {
            pair.reclaim();
        }
    }
    // It grew once, and shrinks only far below: a quarter of the prefixes.
    assert_eq!(most, 1);
    assert!(quarantined < 2_000, "{quarantined}");
    assert!(bytes < 2 << 20, "{bytes}");
    pair.check(&[], borders4);
    pair.check_bytes();
}
