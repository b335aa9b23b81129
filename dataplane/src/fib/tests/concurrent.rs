//! Readers beside a writer: every answer is that of a state during the lookup, while roots of all sizes come and go.

use super::oracle::{Oracle, truncate};
use crate::fib::synth::SplitMix64;
use crate::fib::{Arena, Capacity, Key, Trie, TrieReader, lookup_burst};
use crate::ids::{BURST, NextHopId};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;

/// Changes that go around: the last leaves the table as empty as the first finds it.
const CHANGES: usize = 4000;
const KEYS: usize = 8;

/// What a test does beside changes near the keys.
struct Plan<K: Key> {
    /// How often the script is gone through.
    rounds: usize,
    /// The shortest prefix besides /0: those that are very short paint much of a large root.
    shortest: u32,
    /// Prefixes far from the keys that come in the first half of a round and go in the second.
    filler: Vec<K::Net>,
}

/// A change of the table and what each key answers after it.
struct Step<K> {
    key: K,
    len: u32,
    /// The next hop to set, or the one of the next shorter prefix when this one goes.
    value: Result<NextHopId, NextHopId>,
    answers: [NextHopId; KEYS],
}

/// Random changes near eight keys. Every next hop is given once, so that an answer tells its state. Prefixes
/// elsewhere come and go in waves, so that the root grows and shrinks. In the end all prefixes go.
fn script<K: Key>(keys: &[K; KEYS], elsewhere: impl Fn(u32) -> K, shortest: u32) -> Vec<Step<K>> {
    let mut random = SplitMix64::new(11);
    let mut oracle = Oracle::default();
    let mut wave = 0;
    let mut change = |i: usize| {
        let (key, len) = if random.below(3) == 0 {
            wave = (wave + 1) % 600;
            (
                elsewhere(if wave < 300 { wave } else { 599 - wave }),
                K::BITS,
            )
        } else {
            let len = if random.below(8) == 0 {
                0
            } else {
                shortest + random.below(u64::from(K::BITS - shortest) + 1) as u32
            };
            (truncate(keys[random.below(KEYS as u64) as usize], len), len)
        };
        let value = if oracle.get(key, len).is_some() && random.below(2) == 0
            || len == K::BITS && wave >= 300
        {
            oracle.remove(key, len);
            Err(len
                .checked_sub(1)
                .and_then(|len| oracle.covering(key, len))
                .unwrap_or_default())
        } else {
            let value = NextHopId::new(i as u32 + 1);
            oracle.set(key, len, value);
            Ok(value)
        };
        let answers = keys.map(|key| oracle.lookup(key));
        Step {
            key,
            len,
            value,
            answers,
        }
    };
    let mut steps: Vec<_> = (0..CHANGES).map(&mut change).collect();
    for (key, len) in oracle.prefixes().collect::<Vec<_>>() {
        // The shortest first: no parent is left.
        oracle.remove(key, len);
        let answers = keys.map(|key| oracle.lookup(key));
        steps.push(Step {
            key,
            len,
            value: Err(NextHopId::NO_ROUTE),
            answers,
        });
    }
    steps
}

/// The progress of writer and readers.
#[derive(Default)]
struct Clock {
    /// How many changes are done.
    done: AtomicU64,
    epoch: AtomicU64,
    /// The epoch in which each reader was last between two bursts.
    passed: [AtomicU64; 2],
}

/// Writes the script, and with each of its changes some of the filler. Returns how many roots of each size there were at most.
fn write<K: Key>(
    arena: &Arena,
    trie: &mut Trie<K>,
    script: &[Step<K>],
    plan: &Plan<K>,
    clock: &Clock,
) -> (usize, usize) {
    let filler = &plan.filler;
    let (mut mid, mut big) = (0, 0);
    let chunk = filler.len().div_ceil(script.len() / 2).max(1);
    for (i, step) in (1..).zip(script.iter().cycle().take(script.len() * plan.rounds)) {
        let turn = (i as usize - 1) % script.len();
        let (place, comes) = if turn < script.len() / 2 {
            (turn, true)
        } else {
            (turn - script.len() / 2, false)
        };
        for net in filler.iter().skip(place * chunk).take(chunk) {
            if comes {
                trie.set(*net, NextHopId::MAX).unwrap();
            } else {
                // Nobody looks at what the parent says there.
                assert!(trie.remove(*net, |_| NextHopId::MAX));
            }
        }
        let net = step.key.net(step.len);
        match step.value {
            Ok(value) => trie.set(net, value).unwrap(),
            Err(parent) => drop(trie.remove(net, |_| parent)),
        }
        clock.done.store(i, SeqCst);
        if i.is_multiple_of(4) {
            let epoch = clock.epoch.load(SeqCst) + 1;
            arena.seal(epoch);
            clock.epoch.store(epoch, SeqCst);
            arena.reclaim(
                clock
                    .passed
                    .iter()
                    .map(|passed| passed.load(SeqCst))
                    .min()
                    .unwrap(),
            );
            let usage = arena.usage();
            (mid, big) = (mid.max(usage.mid_roots), big.max(usage.big_roots));
        }
    }
    (mid, big)
}

/// Looks up until the script is done, and returns how many bursts had a change beside them.
fn read<K: Key>(
    reader: &TrieReader<K>,
    keys: &[K; KEYS],
    script: &[Step<K>],
    clock: &Clock,
    (number, rounds): (usize, usize),
) -> usize {
    let last = script.len() * rounds;
    let answer_in = |state: usize, key: usize| match state {
        0 => NextHopId::NO_ROUTE,
        _ => script[(state - 1) % script.len()].answers[key],
    };
    let burst: Vec<K> = keys.iter().copied().cycle().take(BURST).collect();
    let mut out = [NextHopId::NO_ROUTE; BURST];
    let mut beside = 0;
    loop {
        clock.passed[number].store(clock.epoch.load(SeqCst), SeqCst);
        let before = clock.done.load(SeqCst) as usize;
        if number == 0 {
            lookup_burst(reader.arena(), reader.view(), &burst, &mut out);
        } else {
            out = std::array::from_fn(|i| reader.lookup(burst[i]));
        }
        let after = clock.done.load(SeqCst) as usize;
        beside += usize::from(after > before);
        for (i, answer) in out.iter().enumerate() {
            // The change after the last one done may have been under way.
            let possible =
                (before..=(after + 1).min(last)).any(|state| answer_in(state, i % KEYS) == *answer);
            assert!(
                possible,
                "{answer} for {:?} between states {before} and {after}",
                burst[i]
            );
        }
        if after == last {
            return beside;
        }
    }
}

/// Returns how many mid and big roots there were at most.
fn hammer<K: Key>(keys: [K; KEYS], elsewhere: impl Fn(u32) -> K, plan: &Plan<K>) -> (usize, usize) {
    let script = script(&keys, elsewhere, plan.shortest);
    let arena = Arc::new(Arena::new(Capacity::default()).unwrap());
    let mut trie = Trie::<K>::new(&arena).unwrap();
    let (reader, clock) = (trie.reader(), Clock::default());
    let rounds = plan.rounds;
    let (beside, roots): (usize, _) = thread::scope(|scope| {
        let (reader, keys, script, clock) = (&reader, &keys, &script, &clock);
        let readers = [0, 1]
            .map(|number| scope.spawn(move || read(reader, keys, script, clock, (number, rounds))));
        let roots = write(&arena, &mut trie, script, plan, clock);
        let beside = readers.into_iter().map(|reader| reader.join().unwrap());
        (beside.sum(), roots)
    });
    assert!(beside > 0, "no lookup met a change");
    roots
}

const KEYS4: [u32; KEYS] = [0, 1, 2, 0x80, 0x0100, 0x0001_0000, 0x8000_0000, 0xffff_ffff];

fn elsewhere4(i: u32) -> u32 {
    0x4000_0000 | i << 13
}

/// Changes of all lengths, five times.
fn plain<K: Key>() -> Plan<K> {
    Plan {
        rounds: 5,
        shortest: 0,
        filler: Vec::new(),
    }
}

#[test]
fn ipv4_answers_are_of_before_or_after() {
    let roots = hammer(KEYS4, elsewhere4, &plain());
    assert!(roots.0 > 0 && roots.1 == 0, "{roots:?}");
}

#[test]
fn ipv4_answers_are_of_before_or_after_while_the_largest_root_comes_and_goes() {
    // Enough to outgrow the root of 2^16 entries, and for the larger one to be ready.
    let filler = (0..52_000_u32).map(|i| (0x6000_0000 | i << 12).net(20 + i % 8));
    let plan = Plan {
        rounds: 2,
        shortest: 10,
        filler: filler.collect(),
    };
    let roots = hammer(KEYS4, elsewhere4, &plan);
    assert!(roots.0 > 0 && roots.1 > 0, "{roots:?}");
}

#[test]
fn ipv6_answers_are_of_before_or_after() {
    let keys = [0, 1, 0x80, 1 << 32, 1 << 63, 1 << 64, 1 << 96, u128::MAX];
    let elsewhere = |i| 0x40_u128 << 120 | u128::from(i) << 75;
    let roots = hammer(keys, elsewhere, &plain());
    assert!(roots.0 > 0, "{roots:?}");
}
