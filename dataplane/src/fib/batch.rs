//! Looking up a burst of keys together.
//!
//! A lookup waits for memory: for the root's entry, then for a node or cell, then for the next. A burst waits for
//! all of its keys at once: it goes through the trie level by level, and each level asks for everything that the
//! next one reads. Which keys are done after a level cannot be predicted, so no branch depends on it.

use super::arena::{Arena, Words};
use super::cell;
use super::entry::Entry;
use super::key::Key;
use super::lookup::{View, default, load};
use super::prefetch::prefetch;
use crate::ids::{BURST, NextHopId};

/// The views of a burst, by lane.
pub(super) trait Views: Copy {
    /// The view of a lane.
    fn view(self, lane: usize) -> View;
    /// The views from a lane on.
    fn skip(self, lanes: usize) -> Self;
}

/// Each lane has a view of its own.
impl Views for &[View] {
    #[inline(always)]
    fn view(self, lane: usize) -> View {
        self.get(lane).copied().unwrap_or_default()
    }

    #[inline(always)]
    fn skip(self, lanes: usize) -> Self {
        self.get(lanes..).unwrap_or_default()
    }
}

/// All lanes have the same view.
impl Views for View {
    #[inline(always)]
    fn view(self, _: usize) -> View {
        self
    }

    #[inline(always)]
    fn skip(self, _: usize) -> Self {
        self
    }
}

/// Looks each key up in the trie of its view: `out[i]` becomes the next hop of `keys[i]` in `views[i]`.
///
/// Where the slices differ in length, the shortest counts. They may be of any length; [`BURST`] keys are worked
/// on together.
pub fn lookup_batch<K: Key>(arena: &Arena, views: &[View], keys: &[K], out: &mut [NextHopId]) {
    let keys = &keys[..keys.len().min(views.len())];
    in_bursts(arena.words(), views, keys, out);
}

/// Looks all keys up in one trie: `out[i]` becomes the next hop of `keys[i]`. Lengths as in [`lookup_batch`].
pub fn lookup_burst<K: Key>(arena: &Arena, view: View, keys: &[K], out: &mut [NextHopId]) {
    in_bursts(arena.words(), view, keys, out);
}

#[inline(always)]
fn in_bursts<K: Key>(words: &Words, views: impl Views, keys: &[K], out: &mut [NextHopId]) {
    for (i, (keys, out)) in keys.chunks(BURST).zip(out.chunks_mut(BURST)).enumerate() {
        let lanes = keys.len().min(out.len());
        burst(words, views.skip(i * BURST), &keys[..lanes], &mut out[..lanes]);
    }
}

/// Appends `lane` to the first `count` of `lanes` if `wanted`, and returns their new count.
#[inline(always)]
fn push_if(lanes: &mut [u8; BURST], count: usize, lane: usize, wanted: bool) -> usize {
    lanes[count % BURST] = lane as u8;
    count + usize::from(wanted)
}

/// At most [`BURST`] lookups; `keys` and `out` have the same length.
#[inline(always)]
fn burst<K: Key>(words: &Words, views: impl Views, keys: &[K], out: &mut [NextHopId]) {
    let (mut open, mut count) = ([0; BURST], 0);
    for (lane, (key, out)) in keys.iter().zip(out.iter_mut()).enumerate() {
        let entry = load(words, views.view(lane).word(key.top()));
        *out = NextHopId::new(entry.bits());
        count = push_if(&mut open, count, lane, !entry.is_answer());
    }
    let mut open = &open[..count.min(BURST)];
    #[cfg(target_arch = "x86_64")]
    if count >= super::simd::WORTHWHILE {
        let done = super::simd::below_root(words, views, keys, out);
        open = &open[open.partition_point(|lane| usize::from(*lane) < done)..];
    }
    if !open.is_empty() {
        below_root(words, views, keys, out, open);
    }
}

/// Goes on with the lanes `open`, which the root did not answer; `out` holds their entries. For every CPU.
#[inline(always)]
fn below_root<K: Key>(words: &Words, views: impl Views, keys: &[K], out: &mut [NextHopId], open: &[u8]) {
    let (mut nodes, mut node_count) = ([0; BURST], 0);
    let (mut cells, mut cell_count) = ([0; BURST], 0);
    // What each lane reads next.
    let mut word = [0; BURST];
    let mut go_on = |word: &mut [u32; BURST], lane: usize, entry: Entry, depth: u32| {
        let at = views.view(lane).stride() + depth;
        let byte = if entry.is_node() { keys[lane].byte(at) } else { 0 };
        word[lane] = entry.target() | byte;
        prefetch(&words[word[lane] as usize]);
        cell_count = push_if(&mut cells, cell_count, lane, entry.is_cell());
    };
    for lane in open.iter().map(|lane| usize::from(*lane)) {
        let entry = Entry::from_bits(out[lane].get());
        go_on(&mut word, lane, entry, 0);
        node_count = push_if(&mut nodes, node_count, lane, entry.is_node());
    }
    for depth in (8..K::BITS).step_by(8) {
        if node_count == 0 {
            break;
        }
        // The list is rewritten while it is read, never ahead of the reader.
        let count = node_count;
        node_count = 0;
        for i in 0..count {
            let lane = usize::from(nodes[i % BURST]);
            let entry = load(words, word[lane % BURST]);
            out[lane] = NextHopId::new(entry.bits());
            go_on(&mut word, lane, entry, depth);
            node_count = push_if(&mut nodes, node_count, lane, entry.is_node());
        }
    }
    for lane in cells.iter().take(cell_count).map(|lane| usize::from(*lane)) {
        out[lane] = NextHopId::new(cell::answer(words, word[lane % BURST], keys[lane]));
    }
    for lane in open.iter().map(|lane| usize::from(*lane)) {
        if out[lane] == NextHopId::NO_ROUTE {
            out[lane] = NextHopId::new(default(words, views.view(lane), keys[lane]));
        }
    }
}
