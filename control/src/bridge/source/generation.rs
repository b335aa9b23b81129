//! Things that the source says anew from time to time.

use rustc_hash::FxHashMap;
use std::hash::Hash;

/// A map that forgets, at the end of a generation, what was not repeated in it.
#[derive(Debug)]
pub(super) struct Generations<K, V> {
    generation: u32,
    known: FxHashMap<K, (u32, V)>,
}

impl<K, V> Default for Generations<K, V> {
    fn default() -> Self {
        Self {
            generation: 0,
            known: FxHashMap::default(),
        }
    }
}

impl<K: Hash + Eq + Copy, V> Generations<K, V> {
    /// Everything is said anew from here.
    pub(super) fn begin(&mut self) {
        self.generation += 1;
    }

    /// Something is said; `None` is that it is gone.
    pub(super) fn set(&mut self, key: K, value: Option<V>) {
        match value {
            Some(value) => drop(self.known.insert(key, (self.generation, value))),
            None => drop(self.known.remove(&key)),
        }
    }

    /// Everything was said. Answers what is gone.
    pub(super) fn sweep(&mut self) -> Vec<K> {
        let generation = self.generation;
        let stale = |(_, (said, _)): &(&K, &(u32, V))| *said != generation;
        let gone: Vec<K> = self
            .known
            .iter()
            .filter(stale)
            .map(|(key, _)| *key)
            .collect();
        for key in &gone {
            self.known.remove(key);
        }
        gone
    }

    /// Whether it is known.
    pub(super) fn contains(&self, key: K) -> bool {
        self.known.contains_key(&key)
    }

    /// What is known.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.known.iter().map(|(key, (_, value))| (key, value))
    }

    /// How many are known.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }
}
