//! Path compression: a prefix that stands alone below an entry.

use super::arena::Words;
use super::key::Key;
use crate::ids::NextHopId;
use std::sync::atomic::Ordering::{Acquire, Relaxed};

/// A prefix and its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Route<K> {
    pub(super) key: K,
    pub(super) len: u32,
    pub(super) value: u32,
}

/// The one route below an entry, and the answer for all other keys below it.
///
/// In memory: four words of key, how many bits of it do not count, value, fallback, one unused. Key and length
/// never change while the cell is in use; value and fallback may, each by one store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Cell<K> {
    pub(super) route: Route<K>,
    pub(super) fallback: u32,
}

/// The field of a cell that says how many bits do not count.
pub(super) const SHIFT: u32 = 4;
const ROUTE_VALUE: u32 = 5;
/// The field behind the route's value.
pub(super) const FALLBACK: u32 = ROUTE_VALUE + 1;

#[inline(always)]
fn load(words: &Words, at: u32, field: u32) -> u32 {
    words[(at | field) as usize].load(Acquire)
}

/// What the cell at word `at` answers for `key`.
#[inline(always)]
pub(super) fn answer<K: Key>(words: &Words, at: u32, key: K) -> u32 {
    let route = K::from_words(|i| load(words, at, i));
    let mask = K::mask(load(words, at, SHIFT));
    let field = if key.agrees(route, mask) {
        ROUTE_VALUE
    } else {
        FALLBACK
    };
    load(words, at, field)
}

/// What the cell at word `at` answers for all of `keys`.
#[inline(always)]
pub(super) fn answers<K: Key, const N: usize>(
    words: &Words,
    at: u32,
    keys: &[K; N],
    out: &mut [NextHopId; N],
) {
    let route = K::from_words(|i| load(words, at, i));
    let mask = K::mask(load(words, at, SHIFT));
    let value = NextHopId::new(load(words, at, ROUTE_VALUE));
    let fallback = NextHopId::new(load(words, at, FALLBACK));
    for (out, key) in out.iter_mut().zip(keys) {
        *out = if key.agrees(route, mask) {
            value
        } else {
            fallback
        };
    }
}

impl<K: Key> Cell<K> {
    /// The cell at word `at`.
    pub(super) fn read(words: &Words, at: u32) -> Self {
        let key = K::from_words(|i| load(words, at, i));
        let len = K::BITS - load(words, at, SHIFT);
        Self {
            route: Route {
                key,
                len,
                value: load(words, at, ROUTE_VALUE),
            },
            fallback: load(words, at, FALLBACK),
        }
    }

    /// Writes the cell to word `at`, which no entry names yet.
    pub(super) fn write(&self, words: &Words, at: u32) {
        for (i, word) in (0..).zip(self.route.key.to_words()) {
            words[(at | i) as usize].store(word, Relaxed);
        }
        words[(at | SHIFT) as usize].store(K::BITS - self.route.len, Relaxed);
        set_value(words, at, self.route.value);
        set_fallback(words, at, self.fallback);
    }
}

/// Changes the value of the route of the cell at word `at`.
pub(super) fn set_value(words: &Words, at: u32, value: u32) {
    words[(at | ROUTE_VALUE) as usize].store(value, Relaxed);
}

/// Changes the answer for keys that the route of the cell at word `at` does not cover.
pub(super) fn set_fallback(words: &Words, at: u32, value: u32) {
    words[(at | FALLBACK) as usize].store(value, Relaxed);
}
