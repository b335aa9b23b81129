//! Looking up a burst of keys together.
//!
//! A lookup waits for memory: for the root's entry, then for a node or cell, then for the next. A
//! burst waits for all of its keys at once: each round asks for the lines of all keys that are not answered
//! yet, and only then reads them.

use super::arena::{Arena, Words};
use super::cell;
use super::entry::Entry;
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

/// Numbers of lanes of a burst. Their count is kept apart, in a register.
type Lanes = [u8; BURST];

/// Appends `lane` to the first `count` of `lanes` if `wanted`, and returns their count. Without a branch: which
/// lanes go on is not predictable.
#[inline(always)]
fn push_if(lanes: &mut Lanes, count: usize, lane: usize, wanted: bool) -> usize {
    lanes[count % BURST] = lane as u8;
    count + usize::from(wanted)
}

#[inline(always)]
fn first(lanes: &Lanes, count: usize) -> impl Iterator<Item = usize> {
    lanes.iter().take(count).map(|lane| usize::from(*lane) % BURST)
}

#[inline(always)]
fn burst<K: Key>(words: &Words, view: impl Fn(usize) -> View, keys: &[K], out: &mut [NextHopId]) {
    let (mut open, mut opens) = ([0; BURST], 0);
    for (lane, (key, out)) in keys.iter().zip(out.iter_mut()).enumerate() {
        let entry = load(words, view(lane).word(key.top()));
        *out = NextHopId::new(entry.bits());
        opens = push_if(&mut open, opens, lane, !entry.is_answer());
    }
    if opens > 0 {
        rest(words, view, keys, out, &open, opens);
    }
}

#[inline(always)]
fn rest<K: Key>(
    words: &Words,
    view: impl Fn(usize) -> View,
    keys: &[K],
    out: &mut [NextHopId],
    open: &Lanes,
    opens: usize,
) {
    let (mut nodes, mut node_count) = ([0; BURST], 0);
    let (mut cells, mut cell_count) = ([0; BURST], 0);
    let mut word = [0; BURST];
    for lane in first(open, opens) {
        let entry = Entry::from_bits(out[lane].get());
        let byte = if entry.is_node() { keys[lane].byte(view(lane).stride()) } else { 0 };
        word[lane] = entry.target() | byte;
        prefetch(&words[word[lane] as usize]);
        node_count = push_if(&mut nodes, node_count, lane, entry.is_node());
        cell_count = push_if(&mut cells, cell_count, lane, entry.is_cell());
    }
    let mut depth = 0;
    while node_count > 0 {
        depth += 8;
        // The list is rewritten while it is read, never ahead of the reader.
        let count = node_count;
        node_count = 0;
        for i in 0..count {
            let lane = usize::from(nodes[i % BURST]) % BURST;
            let entry = load(words, word[lane]);
            let byte = if entry.is_node() { keys[lane].byte(view(lane).stride() + depth) } else { 0 };
            out[lane] = NextHopId::new(entry.bits());
            word[lane] = entry.target() | byte;
            prefetch(&words[word[lane] as usize]);
            node_count = push_if(&mut nodes, node_count, lane, entry.is_node());
            cell_count = push_if(&mut cells, cell_count, lane, entry.is_cell());
        }
    }
    for lane in first(&cells, cell_count) {
        out[lane] = NextHopId::new(cell::answer(words, word[lane], keys[lane]));
    }
    for lane in first(open, opens) {
        if out[lane] == NextHopId::NO_ROUTE {
            out[lane] = NextHopId::new(default(words, view(lane), keys[lane]));
        }
    }
}
