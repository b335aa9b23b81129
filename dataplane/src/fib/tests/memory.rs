//! What happens at the limits of an arena, and what it gives back.

use super::oracle::{Pair, borders4, borders6};
use crate::fib::synth::ipv4_table;
use crate::fib::{Arena, ArenaError, Capacity, FibError, Key, Ruin, Trie, View};
use crate::ids::NextHopId;
use std::sync::Arc;

/// The least that there can be of each kind: one chunk.
const SMALL: Capacity = Capacity {
    nodes: 1,
    mid_roots: 1,
    big_roots: 0,
    cells: 1,
};

fn drain<K: Key>(pair: &mut Pair<K>) {
    for (key, len) in pair.oracle.prefixes().collect::<Vec<_>>() {
        assert!(pair.remove(key, len));
    }
    pair.settle();
    pair.reclaim();
}

#[test]
fn nodes_run_out_without_harm() {
    let mut pair = Pair::<u32>::within(SMALL);
    let before = pair.arena.usage();
    pair.set(0, 0, 1).unwrap();
    // Two hosts in each /24 cost a node at least.
    let refused = (0..10_000_u32)
        .map(|i| ((i / 2) << 12) + i % 2)
        .find_map(|key| {
            pair.reclaim();
            let usage = pair.arena.usage();
            let error = pair.set(key, 32, 7).err()?;
            assert_eq!(pair.arena.usage(), usage);
            Some((key, error))
        });
    let (key, error) = refused.unwrap();
    assert_eq!(error, FibError::NodesFull);
    pair.check(&[key], borders4);
    // What is there can be changed as long as that needs nothing, and goes, which makes room.
    pair.set(0, 0, 2).unwrap();
    for (key, len) in pair.oracle.prefixes().skip(1).take(64).collect::<Vec<_>>() {
        assert!(pair.remove(key, len));
    }
    pair.reclaim();
    pair.set(key, 32, 9).unwrap();
    pair.check(&[key], borders4);
    drain(&mut pair);
    assert_eq!(pair.arena.usage(), before);
}

#[test]
fn cells_run_out_without_harm() {
    let mut pair = Pair::<u128>::within(SMALL);
    let before = pair.arena.usage();
    let site = 0x2001_0db8_u128 << 96;
    for (host, len) in [(0, 64), (1, 128), (2, 127), (1 << 70, 60), (1 << 72, 56)] {
        pair.set(site | host, len, 5 + len).unwrap();
    }
    // A route that comes and goes while no grace period ends fills the quarantine: that is bounded.
    let flaps = (0..).find_map(|i| match pair.set(1 << 90, 48, 3) {
        Ok(()) => {
            pair.remove(1 << 90, 48);
            None
        }
        Err(error) => Some((i, error)),
    });
    let (flaps, error) = flaps.unwrap();
    assert_eq!(error, FibError::CellsFull);
    assert!((60_000..65_536).contains(&flaps), "{flaps}");
    pair.check(&[1 << 90], borders6);
    // Removing never fails, although a node that should become a cell cannot.
    for (host, len) in [(1, 128), (0, 64), (1 << 70, 60)] {
        assert!(pair.remove(site | host, len));
        pair.check(&[site | host], borders6);
    }
    pair.reclaim();
    pair.set(site | 77, 128, 4).unwrap();
    pair.check(&[], borders6);
    drain(&mut pair);
    assert_eq!(pair.arena.usage(), before);
}

#[test]
fn without_big_roots_a_table_keeps_its_root() {
    let mut pair = Pair::<u32>::within(Capacity {
        big_roots: 0,
        ..Capacity::default()
    });
    for net in ipv4_table(50_000, 1) {
        let (key, len) = u32::split(net);
        pair.set(key, len, 1 + len).unwrap();
    }
    pair.check(&[], borders4);
    pair.check_blocks();
    assert_eq!(pair.arena.usage().mid_roots, 1);
}

/// The new root takes a cell for each cell that the old one has: here there are not enough.
#[test]
fn a_root_for_which_cells_do_not_suffice_is_given_up() {
    let mut pair = Pair::<u32>::within(Capacity {
        big_roots: 1,
        cells: 1 << 16,
        ..Capacity::default()
    });
    let before = pair.arena.usage();
    let hosts = 0..(48 << 10) + 2_u32;
    for host in hosts.clone() {
        pair.set(host << 16 | 1, 32, 9).unwrap();
    }
    assert!(pair.trie.is_resizing());
    pair.settle();
    pair.reclaim();
    let usage = pair.arena.usage();
    assert_eq!((usage.mid_roots, usage.big_roots), (1, 0));
    assert_eq!(usage.cells, hosts.len() + 1);
    pair.check(&[], borders4);
    pair.check_bytes();
    drain(&mut pair);
    assert_eq!(pair.arena.usage(), before);
}

/// A table that goes while its root is built takes that along.
#[test]
fn a_trie_dropped_with_two_roots_leaves_nothing() {
    let arena = Arc::new(Arena::new(Capacity::default()).unwrap());
    let before = arena.usage();
    for extra in [1, 4, 6_u32] {
        let mut trie = Trie::<u32>::new(&arena).unwrap();
        for i in 0..256 + extra {
            trie.set((i << 15).net(32), NextHopId::new(1)).unwrap();
        }
        assert!(trie.is_resizing());
        drop(trie);
        arena.seal(1);
        arena.reclaim(1);
        assert_eq!(arena.usage(), before);
    }
}

#[test]
fn a_thousand_empty_vrfs_cost_little() {
    let arena = Arc::new(Arena::new(Capacity::default()).unwrap());
    let (resident_before, tries): (_, Vec<_>) = (
        resident(),
        (0..1000)
            .map(|_| {
                (
                    Trie::<u32>::new(&arena).unwrap(),
                    Trie::<u128>::new(&arena).unwrap(),
                )
            })
            .collect(),
    );
    for (ipv4, ipv6) in &tries {
        assert!(ipv4.bytes() + ipv6.bytes() <= 3 << 10);
    }
    let sum: usize = tries.iter().map(|(v4, v6)| v4.bytes() + v6.bytes()).sum();
    assert_eq!(arena.bytes_in_use(), sum);
    let resident = resident().saturating_sub(resident_before);
    assert!(resident / tries.len() <= 64 << 10, "{resident}");
}

/// The resident memory of the process in bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[test]
fn memory_goes_back_to_the_system() {
    let table = ipv4_table(50_000, 1);
    let arena = Arc::new(Arena::new(Capacity::default()).unwrap());
    let mut trie = Trie::<u32>::new(&arena).unwrap();
    let (usage, before) = (arena.usage(), resident());
    for net in &table {
        trie.set(*net, NextHopId::new(1)).unwrap();
    }
    let full = resident();
    assert!(full > before + (60 << 20));
    for net in &table {
        assert!(trie.remove(*net, |_| NextHopId::new(1)));
    }
    while trie.is_resizing() {
        trie.resize(1 << 16);
    }
    arena.seal(1);
    assert_eq!(arena.reclaim(0), 0);
    assert!(arena.reclaim(1) > 0);
    assert_eq!(arena.usage(), usage);
    assert!(
        resident() < before + (16 << 20),
        "{before} {full} {}",
        resident()
    );
}

#[test]
fn a_dropped_trie_is_readable_until_its_grace_period_ends() {
    let arena = Arc::new(Arena::new(Capacity::default()).unwrap());
    let before = arena.usage();
    let mut trie = Trie::<u32>::new(&arena).unwrap();
    for (i, net) in ipv4_table(1000, 1).into_iter().enumerate() {
        trie.set(net, NextHopId::new(i as u32 + 1)).unwrap();
    }
    let keys: Vec<u32> = (0..1000).map(|i| i << 22).collect();
    let reader = trie.reader();
    let answers: Vec<_> = keys.iter().map(|key| reader.lookup(*key)).collect();
    drop(trie);
    assert_eq!(
        keys.iter()
            .map(|key| reader.lookup(*key))
            .collect::<Vec<_>>(),
        answers
    );
    arena.seal(7);
    arena.reclaim(7);
    assert_eq!(arena.usage(), before);
    // Whatever it answers now, it does not fault.
    let stale: Vec<_> = keys.iter().map(|key| reader.lookup(*key)).collect();
    assert_eq!(stale.len(), keys.len());
}

#[test]
fn quarantine_waits_for_its_epoch() {
    let mut pair = Pair::<u32>::new();
    for epoch in 1..=3 {
        pair.set(epoch << 24, 32, 1).unwrap();
        pair.remove(epoch << 24, 32);
        pair.arena.seal(u64::from(epoch));
    }
    assert_eq!(pair.arena.usage().quarantined, 3);
    assert_eq!(pair.arena.reclaim(0), 0);
    assert_eq!(pair.arena.reclaim(2), 2);
    pair.set(0, 32, 1).unwrap();
    pair.remove(0, 32);
    // Not sealed: no epoch frees it.
    assert_eq!(pair.arena.reclaim(u64::MAX), 1);
    assert_eq!(pair.arena.usage().quarantined, 1);
}

#[test]
fn absurd_requests_are_refused() {
    let capacity = Capacity {
        big_roots: 257,
        ..Capacity::default()
    };
    assert!(matches!(
        Arena::new(capacity),
        Err(ArenaError::TooLarge { .. })
    ));
    let mut pair = Pair::<u32>::new();
    for value in [0, NextHopId::MAX.get() + 1, u32::MAX] {
        let expected = Err(FibError::NextHopOutOfRange(NextHopId::new(value)));
        assert_eq!(pair.trie.set(0_u32.net(0), NextHopId::new(value)), expected);
        assert_eq!(pair.trie.set(0_u32.net(9), NextHopId::new(value)), expected);
    }
    pair.set(0x0a00_0001, 32, NextHopId::MAX.get()).unwrap();
    pair.set(0x0a00_0001, 0, NextHopId::MAX.get()).unwrap();
    pair.check(&[0], borders4);
}

#[test]
fn the_default_view_is_an_empty_table() {
    let pair = Pair::<u128>::new();
    let mut out = [NextHopId::MAX; 70];
    crate::fib::lookup_burst(&pair.arena, View::default(), &[u128::MAX; 70], &mut out);
    assert_eq!(out, [NextHopId::NO_ROUTE; 70]);
}

#[test]
fn a_table_is_taken_down_in_pieces() {
    let arena = Arc::new(Arena::new(Capacity::default()).unwrap());
    let empty = arena.usage();
    // Large enough for a root that is being replaced, which is the hardest moment to stop at.
    let mut trie = Trie::<u32>::new(&arena).unwrap();
    for net in ipv4_table(50_000, 4) {
        trie.set(net, NextHopId::new(7)).unwrap();
    }
    assert!(trie.is_resizing());
    arena.seal(1);
    arena.reclaim(1);
    let full = arena.usage();
    let mut ruin = Ruin::from(trie);
    let (mut steps, mut most) = (0, 0);
    loop {
        let done = ruin.step(1024);
        // Everything but what was built for the new root goes a step's worth at a time.
        most = most.max(if steps == 0 {
            0
        } else {
            arena.usage().quarantined
        });
        arena.seal(steps + 2);
        arena.reclaim(steps + 2);
        steps += 1;
        if done {
            break;
        }
    }
    assert!(steps > 64, "{steps} steps for {full:?}");
    assert!(most <= 1024 + 4, "{most} blocks at once");
    drop(ruin);
    arena.seal(u64::MAX);
    arena.reclaim(u64::MAX);
    assert_eq!(arena.usage(), empty);
}

#[test]
fn a_ruin_that_is_dropped_half_way_leaves_nothing() {
    let arena = Arc::new(Arena::new(Capacity::default()).unwrap());
    let empty = arena.usage();
    let mut trie = Trie::<u32>::new(&arena).unwrap();
    for net in ipv4_table(5_000, 4) {
        trie.set(net, NextHopId::new(7)).unwrap();
    }
    let mut ruin = Ruin::from(trie);
    assert!(!ruin.step(0) && !ruin.step(30_000));
    drop(ruin);
    arena.seal(1);
    arena.reclaim(1);
    assert_eq!(arena.usage(), empty);
}
