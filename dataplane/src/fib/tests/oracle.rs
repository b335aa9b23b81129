//! The naive longest-prefix match, and a trie beside it.

use crate::fib::batch::in_bursts;
use crate::fib::{Arena, Capacity, FibError, Key, Trie, View, lookup_batch, lookup_burst};
use crate::ids::NextHopId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Prefixes in a map for each length, looked up by trying every length.
#[derive(Clone, Debug)]
pub(super) struct Oracle<K>(BTreeMap<u32, BTreeMap<K, NextHopId>>);

/// The prefix of length `len` that covers `key`.
pub(super) fn truncate<K: Key>(key: K, len: u32) -> K {
    K::split(key.net(len)).0
}

impl<K> Default for Oracle<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Key> Oracle<K> {
    pub(super) fn set(&mut self, key: K, len: u32, next_hop: NextHopId) {
        self.0
            .entry(len)
            .or_default()
            .insert(truncate(key, len), next_hop);
    }

    pub(super) fn get(&self, key: K, len: u32) -> Option<NextHopId> {
        self.0.get(&len)?.get(&truncate(key, len)).copied()
    }

    pub(super) fn remove(&mut self, key: K, len: u32) -> bool {
        self.0
            .get_mut(&len)
            .is_some_and(|prefixes| prefixes.remove(&truncate(key, len)).is_some())
    }

    /// All prefixes, the shortest first.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = (K, u32)> {
        self.0
            .iter()
            .flat_map(|(len, prefixes)| prefixes.keys().map(|key| (*key, *len)))
    }

    /// The next hop of the longest prefix of at most `len` bits that covers `key`.
    pub(super) fn covering(&self, key: K, len: u32) -> Option<NextHopId> {
        self.0
            .range(..=len)
            .rev()
            .find_map(|(len, _)| self.get(key, *len))
    }

    pub(super) fn lookup(&self, key: K) -> NextHopId {
        self.covering(key, K::BITS).unwrap_or(NextHopId::NO_ROUTE)
    }

    /// The nodes and cells below a root of `stride` bits that this table should need.
    fn blocks(&self, stride: u32) -> (usize, usize) {
        let (mut nodes, mut cells) = (0, 0);
        let mut above: Option<BTreeSet<K>> = None;
        for depth in (stride..K::BITS).step_by(8) {
            let mut groups = BTreeMap::<K, usize>::new();
            for (key, _) in self.prefixes().filter(|(_, len)| *len > depth) {
                let group = truncate(key, depth);
                if above
                    .as_ref()
                    .is_none_or(|nodes| nodes.contains(&truncate(key, depth - 8)))
                {
                    *groups.entry(group).or_default() += 1;
                }
            }
            cells += groups.values().filter(|count| **count == 1).count();
            groups.retain(|_, count| *count > 1);
            nodes += groups.len();
            above = Some(groups.into_keys().collect());
        }
        (nodes, cells)
    }
}

/// A trie and the oracle with the same routes.
pub(super) struct Pair<K: Key> {
    pub(super) arena: Arc<Arena>,
    pub(super) trie: Trie<K>,
    pub(super) oracle: Oracle<K>,
    epoch: u64,
}

impl<K: Key> Pair<K> {
    pub(super) fn new() -> Self {
        Self::within(Capacity::default())
    }

    pub(super) fn within(capacity: Capacity) -> Self {
        let arena = Arc::new(Arena::new(capacity).unwrap());
        let trie = Trie::new(&arena).unwrap();
        Self {
            arena,
            trie,
            oracle: Oracle::default(),
            epoch: 0,
        }
    }

    pub(super) fn set(&mut self, key: K, len: u32, value: u32) -> Result<(), FibError> {
        self.trie.set(key.net(len), NextHopId::new(value))?;
        self.oracle.set(key, len, NextHopId::new(value));
        Ok(())
    }

    pub(super) fn remove(&mut self, key: K, len: u32) -> bool {
        let present = self.oracle.remove(key, len);
        let oracle = &self.oracle;
        let removed = self.trie.remove(key.net(len), |parent| {
            let (parent, parent_len) = K::split(parent);
            assert!(0 < parent_len && parent_len < len);
            let value = oracle
                .get(parent, parent_len)
                .expect("the parent is a prefix of the table");
            assert_eq!(
                oracle.covering(key, len - 1),
                Some(value),
                "the parent is the longest cover"
            );
            value
        });
        assert_eq!(removed, present);
        present
    }

    /// Frees all that is in quarantine: no reader runs.
    pub(super) fn reclaim(&mut self) {
        self.epoch += 1;
        self.arena.seal(self.epoch);
        self.arena.reclaim(self.epoch);
        assert_eq!(self.arena.usage().quarantined, 0);
    }

    /// Checks the table's account of its memory against the arena's.
    pub(super) fn check_bytes(&mut self) {
        self.reclaim();
        assert_eq!(self.trie.bytes(), self.arena.bytes_in_use());
    }

    /// Ends a change of root that is under way.
    pub(super) fn settle(&mut self) {
        while self.trie.is_resizing() {
            self.trie.resize(1 << 16);
        }
    }

    /// Compares the answers for `keys` and for the borders of (of many: some) prefixes, by every way to ask.
    pub(super) fn check(&self, keys: &[K], borders: impl Fn(K, u32) -> [K; 4]) {
        let mut keys = keys.to_vec();
        let count = self.oracle.prefixes().count();
        let some = self.oracle.prefixes().step_by(count / 500 + 1);
        keys.extend(some.flat_map(|(key, len)| borders(key, len)));
        assert_eq!(self.trie.len(), count);
        let reader = self.trie.reader();
        let expected: Vec<_> = keys.iter().map(|key| self.oracle.lookup(*key)).collect();
        let single: Vec<_> = keys.iter().map(|key| reader.lookup(*key)).collect();
        assert_eq!(single, expected);
        let mut out = vec![NextHopId::MAX; keys.len()];
        lookup_burst(&self.arena, reader.view(), &keys, &mut out);
        assert_eq!(out, expected);
        in_bursts::<K, false>(self.arena.words(), reader.view(), &keys, &mut out);
        assert_eq!(out, expected);
        // Every second key in an empty table.
        let (here, empty) = (reader.view(), View::default());
        let views: Vec<View> = (0..keys.len())
            .map(|i| if i % 2 == 0 { here } else { empty })
            .collect();
        lookup_batch(&self.arena, &views, &keys, &mut out);
        for (i, answer) in out.iter().enumerate() {
            assert_eq!(
                *answer,
                if i % 2 == 0 {
                    expected[i]
                } else {
                    NextHopId::NO_ROUTE
                }
            );
        }
    }

    /// Checks that the trie has exactly the blocks that its prefixes need.
    pub(super) fn check_blocks(&mut self) {
        self.settle();
        self.check_bytes();
        let usage = self.arena.usage();
        let stride = 8 + 8 * usage.mid_roots as u32 + 16 * usage.big_roots as u32;
        let (nodes, cells) = self.oracle.blocks(stride);
        let small_root = usize::from(stride == 8);
        assert_eq!(
            (usage.nodes, usage.cells),
            (nodes + small_root, cells + 1),
            "root stride {stride}"
        );
    }
}

/// The first and last address of a prefix and the addresses beside them.
pub(super) fn borders4(key: u32, len: u32) -> [u32; 4] {
    let last = key | u32::MAX.checked_shr(len).unwrap_or(0);
    [key, last, key.wrapping_sub(1), last.wrapping_add(1)]
}

/// The first and last address of a prefix and the addresses beside them.
pub(super) fn borders6(key: u128, len: u32) -> [u128; 4] {
    let last = key | u128::MAX.checked_shr(len).unwrap_or(0);
    [key, last, key.wrapping_sub(1), last.wrapping_add(1)]
}
