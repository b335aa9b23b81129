//! Looking up a burst of keys together.
//!
//! A lookup waits for memory: for the root's entry, then for a node or cell, then for the next. A
//! burst waits for all of its keys at once: each round asks for the lines of all keys that are not answered
//! yet, and only then reads them.

use super::arena::{Arena, Words};
use super::cell;
use super::entry::{Entry, VALUE};
use super::key::Key;
use super::lookup::{View, default, load};
use super::prefetch::prefetch;
use crate::ids::{BURST, NextHopId};

/// Looks each key up in the trie of its view: `out[i]` becomes the next hop of `keys[i]` in `views[i]`.
///
/// Where the slices differ in length, the shortest counts. They may be of any length;
/// [`BURST`] keys are worked on together.
pub fn lookup_batch<K: Key>(arena: &Arena, views: &[View], keys: &[K], out: &mut [NextHopId]) {
    let count = views.len().min(keys.len()).min(out.len());
    let bursts = views[..count]
        .chunks(BURST)
        .zip(keys[..count].chunks(BURST))
        .zip(out[..count].chunks_mut(BURST));
    for ((views, keys), out) in bursts {
        burst(arena.words(), |i| views[i], keys, out);
    }
}

/// Looks all keys up in one trie: `out[i]` becomes the next hop of `keys[i]`. Lengths as in [`lookup_batch`].
pub fn lookup_burst<K: Key>(arena: &Arena, view: View, keys: &[K], out: &mut [NextHopId]) {
    let count = keys.len().min(out.len());
    for (keys, out) in keys[..count]
        .chunks(BURST)
        .zip(out[..count].chunks_mut(BURST))
    {
        burst(arena.words(), |_| view, keys, out);
    }
}

#[inline(always)]
fn burst<K: Key>(words: &Words, view: impl Fn(usize) -> View, keys: &[K], out: &mut [NextHopId]) {
    let mut word = [0; BURST];
    for i in 0..keys.len() {
        word[i] = view(i).word(keys[i].top());
        prefetch(&words[word[i] as usize]);
    }
    // The keys not answered yet: which, the entry reached, and the bits of the key decided by it.
    let mut lanes = [(0, Entry::leaf(0), 0); BURST];
    let mut open = 0;
    for i in 0..keys.len() {
        let entry = load(words, word[i]);
        if entry.is_leaf() {
            out[i] = answer(words, view(i), keys[i], entry.bits());
        } else {
            lanes[open] = (i, entry, view(i).stride());
            open += 1;
            prefetch(&words[target(entry, keys[i], view(i).stride()) as usize]);
        }
    }
    while open > 0 {
        let reached = open;
        open = 0;
        for lane in 0..reached {
            let (i, entry, at) = lanes[lane];
            let entry = step(words, entry, keys[i], at);
            if entry.is_leaf() {
                out[i] = answer(words, view(i), keys[i], entry.bits());
            } else {
                lanes[open] = (i, entry, at + 8);
                open += 1;
                prefetch(&words[target(entry, keys[i], at + 8) as usize]);
            }
        }
    }
}

/// The word that [`step`] reads first.
#[inline(always)]
fn target<K: Key>(entry: Entry, key: K, at: u32) -> u32 {
    if entry.is_cell() {
        entry.target()
    } else {
        entry.target() | key.byte(at)
    }
}

/// What `entry`, which is no leaf and decides the bits of `key` before `at`, leads to.
#[inline(always)]
fn step<K: Key>(words: &Words, entry: Entry, key: K, at: u32) -> Entry {
    // The second condition as in a single lookup: a reader that outlived its trie.
    if entry.is_cell() || at >= K::BITS {
        Entry::leaf(cell::answer(words, entry.target(), key))
    } else {
        load(words, entry.target() | key.byte(at))
    }
}

#[inline(always)]
fn answer<K: Key>(words: &Words, view: View, key: K, value: u32) -> NextHopId {
    NextHopId::new(if value == 0 {
        default(words, view, key)
    } else {
        value & VALUE
    })
}
