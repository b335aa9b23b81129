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
#[cfg(target_arch = "x86_64")]
use super::simd::lookup as vector;
use crate::ids::{BURST, NextHopId};
use dpdk_sys::prefetch;

/// With how many lanes SIMD is faster than one after the other.
const WORTHWHILE: usize = 16;

/// The views of a burst, by lane: one for all, or a slice with one for each.
pub(crate) trait Views: Copy {
    /// The view of a lane.
    fn view(self, lane: usize) -> View;
    /// The views from a lane on.
    fn skip(self, lanes: usize) -> Self;
    /// What all lanes answer that found no route but the default, if that is one value and still the one it was.
    fn common_default(self, words: &Words) -> Option<NextHopId>;
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

    #[inline(always)]
    fn common_default(self, _: &Words) -> Option<NextHopId> {
        None
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

    #[inline(always)]
    fn common_default(self, words: &Words) -> Option<NextHopId> {
        self.is_current(words).then(|| self.default_hop())
    }
}

/// Looks each key up in the trie of its view: `out[i]` becomes the next hop of `keys[i]` in `views[i]`.
///
/// Where the slices differ in length, the shortest counts. They may be of any length; [`BURST`] keys are worked
/// on together.
pub fn lookup_batch<K: Key>(arena: &Arena, views: &[View], keys: &[K], out: &mut [NextHopId]) {
    let keys = &keys[..keys.len().min(views.len())];
    in_bursts::<K, true>(arena.words(), views, keys, out);
}

/// Looks all keys up in one trie: `out[i]` becomes the next hop of `keys[i]`. Lengths as in [`lookup_batch`].
pub fn lookup_burst<K: Key>(arena: &Arena, view: View, keys: &[K], out: &mut [NextHopId]) {
    in_bursts::<K, true>(arena.words(), view, keys, out);
}

/// Looks the first `count` keys up, as many as a burst has at most, without a copy of what is not there: `out[i]` becomes
/// the next hop of `keys[i]`, and anything beyond them.
#[inline]
pub(crate) fn lookup_lane<K: Key>(
    arena: &Arena,
    views: impl Views,
    keys: &[K; BURST],
    out: &mut [NextHopId; BURST],
    count: usize,
) {
    burst::<K, true>(arena.words(), views, keys, out, count.min(BURST));
}

/// As the public functions; without `SIMD`, by the means of every CPU.
#[inline]
pub(super) fn in_bursts<K: Key, const SIMD: bool>(
    words: &Words,
    views: impl Views,
    keys: &[K],
    out: &mut [NextHopId],
) {
    for (i, (keys, out)) in keys.chunks(BURST).zip(out.chunks_mut(BURST)).enumerate() {
        let views = views.skip(i * BURST);
        if let (Ok(keys), Ok(out)) = (
            keys.try_into(),
            <&mut [NextHopId; BURST]>::try_from(&mut *out),
        ) {
            burst::<K, SIMD>(words, views, keys, out, BURST);
            continue;
        }
        let mut padded = [K::from_top(0); BURST];
        let mut answers = [NextHopId::NO_ROUTE; BURST];
        let count = keys.len().min(out.len());
        for (padded, key) in padded.iter_mut().zip(keys) {
            *padded = *key;
        }
        burst::<K, SIMD>(words, views, &padded, &mut answers, count);
        for (out, answer) in out.iter_mut().zip(answers) {
            *out = answer;
        }
    }
}

/// The first `count` lookups of a burst. What `out` has beyond them is anything.
#[inline]
fn burst<K: Key, const SIMD: bool>(
    words: &Words,
    views: impl Views,
    keys: &[K; BURST],
    out: &mut [NextHopId; BURST],
    count: usize,
) {
    if !(SIMD && count >= WORTHWHILE && vector(words, views, keys, out, count)) {
        scalar(words, views, keys, out, count);
        fill_defaults(words, views, keys, out, count);
    }
}

/// Gives the first `count` lanes that found no route what their default answers.
#[inline(always)]
pub(super) fn fill_defaults<K: Key>(
    words: &Words,
    views: impl Views,
    keys: &[K; BURST],
    out: &mut [NextHopId; BURST],
    count: usize,
) {
    if let Some(default) = views.common_default(words) {
        // Without a branch for each, so that it is done many at a time.
        for out in out.iter_mut().take(count) {
            *out = if *out == NextHopId::NO_ROUTE {
                default
            } else {
                *out
            };
        }
        return;
    }
    for lane in 0..count {
        if out[lane] == NextHopId::NO_ROUTE {
            out[lane] = NextHopId::new(default(words, views.view(lane), keys[lane]));
        }
    }
}

/// Walks down for the first `count` keys, leaving out the default, by the means of every CPU.
#[inline]
fn scalar<K: Key>(
    words: &Words,
    views: impl Views,
    keys: &[K; BURST],
    out: &mut [NextHopId; BURST],
    count: usize,
) {
    // The lanes that the root does not answer.
    let (mut open, mut opened) = ([0; BURST], 0);
    for (lane, (key, out)) in keys.iter().zip(out.iter_mut()).enumerate().take(count) {
        let entry = load(words, views.view(lane).word(key.top()));
        *out = NextHopId::new(entry.bits());
        opened = push_if(&mut open, opened, lane, !entry.is_leaf());
    }
    if opened > 0 {
        below_root(words, views, keys, out, lanes(&open, opened));
    }
}

/// Stands for SIMD on CPUs for which there is none here.
#[cfg(not(target_arch = "x86_64"))]
fn vector<K: Key>(
    _: &Words,
    _: impl Views,
    _: &[K; BURST],
    _: &mut [NextHopId; BURST],
    _: usize,
) -> bool {
    false
}

/// Goes on with the lanes `open`; `out` holds their entries of the root.
#[inline(always)]
fn below_root<K: Key>(
    words: &Words,
    views: impl Views,
    keys: &[K; BURST],
    out: &mut [NextHopId; BURST],
    open: impl Iterator<Item = usize>,
) {
    let (mut nodes, mut node_count) = ([0; BURST], 0);
    let (mut cells, mut cell_count) = ([0; BURST], 0);
    // What each lane reads next.
    let mut word = [0; BURST];
    let mut go_on = |word: &mut [u32; BURST], lane: usize, entry: Entry, depth: u32| {
        let at = views.view(lane).stride() + depth;
        let byte = if entry.is_node() {
            keys[lane].byte(at)
        } else {
            0
        };
        word[lane] = entry.target() | byte;
        prefetch(&words[word[lane] as usize]);
        cell_count = push_if(&mut cells, cell_count, lane, entry.is_cell());
    };
    for lane in open {
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
            let lane = usize::from(nodes[i % BURST]) % BURST;
            let entry = load(words, word[lane]);
            out[lane] = NextHopId::new(entry.bits());
            go_on(&mut word, lane, entry, depth);
            node_count = push_if(&mut nodes, node_count, lane, entry.is_node());
        }
    }
    for lane in lanes(&cells, cell_count) {
        out[lane] = NextHopId::new(cell::answer(words, word[lane], keys[lane]));
    }
}

/// Appends `lane` to the first `count` of `list` if `wanted`, and returns their new count. (The count is no part of
/// the list, so that it stays in a register.)
#[inline(always)]
fn push_if(list: &mut [u8; BURST], count: usize, lane: usize, wanted: bool) -> usize {
    list[count % BURST] = lane as u8;
    count + usize::from(wanted)
}

/// The first `count` of `list`.
#[inline(always)]
fn lanes(list: &[u8; BURST], count: usize) -> impl Iterator<Item = usize> {
    list.iter()
        .take(count)
        .map(|lane| usize::from(*lane) % BURST)
}
