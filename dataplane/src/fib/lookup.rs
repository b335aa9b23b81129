//! The reader's side of a trie.

use super::arena::{Arena, Words};
use super::cell;
use super::entry::{Entry, VALUE};
use super::key::Key;
use crate::ids::NextHopId;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::Ordering::Acquire;

/// The word of a trie's head that names its root: the root's first word, which is a multiple of 256,
/// plus the logarithm of its size divided by eight.
pub(super) const HEAD_ROOT: u32 = 0;
/// The word of a trie's head with the value of /0 (30 bits) and, above it, a count of its changes.
pub(super) const HEAD_DEFAULT: u32 = 1;

/// Reads a trie while its [`Trie`](super::Trie) changes it. Cheap to clone and to share.
///
/// A reader must not be used any more once a grace period has passed since its `Trie` was dropped: its
/// answers would be those of other tries. It never faults.
#[derive(Clone, Debug)]
pub struct TrieReader<K: Key> {
    arena: Arc<Arena>,
    head: u32,
    family: PhantomData<fn(K)>,
}

/// Where a trie's root is and what its default route says: taken once for each trie in a burst, and
/// not kept beyond it, since what it names is freed after the next grace period. The default view is
/// that of an empty trie.
#[derive(Clone, Copy, Debug, Default)]
pub struct View {
    head: u32,
    root: u32,
    pub(super) default: u32,
}

impl<K: Key> TrieReader<K> {
    pub(super) fn new(arena: Arc<Arena>, head: u32) -> Self {
        Self {
            arena,
            head,
            family: PhantomData,
        }
    }

    /// The view for one burst.
    #[inline]
    #[must_use]
    pub fn view(&self) -> View {
        View::of(self.arena.words(), self.head)
    }

    /// The next hop of the longest prefix that covers `key`, [`NextHopId::NO_ROUTE`] if none does.
    #[inline]
    #[must_use]
    pub fn lookup(&self, key: K) -> NextHopId {
        let words = self.arena.words();
        NextHopId::new(lookup(words, View::of(words, self.head), key))
    }

    /// The arena in which the trie lives.
    #[must_use]
    pub fn arena(&self) -> &Arc<Arena> {
        &self.arena
    }
}

impl View {
    /// Whether both are views of one trie.
    #[inline(always)]
    #[must_use]
    pub const fn is_of_trie(self, other: Self) -> bool {
        self.head == other.head
    }

    #[inline(always)]
    fn of(words: &Words, head: u32) -> Self {
        // The default first: a root that was replaced before the default was read would go with a default
        // that it never had.
        let default = words[(head | HEAD_DEFAULT) as usize].load(Acquire);
        let root = words[(head | HEAD_ROOT) as usize].load(Acquire);
        Self {
            head,
            root,
            default,
        }
    }

    /// The root's first word.
    #[inline(always)]
    pub(super) fn root(self) -> u32 {
        self.root & !3
    }

    /// How many bits of the key the root decides; 0 in the default view.
    #[inline(always)]
    pub(super) fn stride(self) -> u32 {
        self.root % 4 * 8
    }

    /// The word of the root's entry for a key that starts with the bits `top`.
    #[inline(always)]
    pub(super) fn word(self, top: u32) -> u32 {
        self.root()
            .wrapping_add((u64::from(top) >> (32 - self.stride())) as u32)
    }

    /// What the default route answers.
    #[inline(always)]
    pub(super) fn default_hop(self) -> NextHopId {
        NextHopId::new(self.default & VALUE)
    }

    /// Whether the default route is still the one that this view has.
    #[inline(always)]
    pub(super) fn is_current(self, words: &Words) -> bool {
        words[(self.head | HEAD_DEFAULT) as usize].load(Acquire) == self.default
    }
}

/// One lookup, start to end.
#[inline]
pub(super) fn lookup<K: Key>(words: &Words, view: View, key: K) -> u32 {
    let value = walk(words, view, key);
    if value == 0 {
        default(words, view, key)
    } else {
        value
    }
}

/// The answer where a walk with `view` found no route but the default.
///
/// The default is looked at before the walk (in the view) and after it. Had it changed in between, an
/// update before and one after could be mixed into an answer that no state of the table gives:
/// such a walk is done again.
#[inline(always)]
pub(super) fn default<K: Key>(words: &Words, view: View, key: K) -> u32 {
    if view.is_current(words) {
        view.default & VALUE
    } else {
        again(words, view, key)
    }
}

#[cold]
fn again<K: Key>(words: &Words, view: View, key: K) -> u32 {
    // Each turn means that the default route changed during a walk. A writer that does nothing else is
    // left alone after a while: a worker must not spin on it.
    const TURNS: usize = 64;
    let mut view = view;
    for _ in 0..TURNS {
        view = View::of(words, view.head);
        let value = walk(words, view, key);
        if value != 0 {
            return value;
        }
        if view.is_current(words) {
            break;
        }
    }
    view.default & VALUE
}

/// The value of the longest prefix of the trie that covers `key`, 0 if only the default does.
#[inline]
fn walk<K: Key>(words: &Words, view: View, key: K) -> u32 {
    let mut entry = load(words, view.word(key.top()));
    let mut at = view.stride();
    loop {
        if entry.is_leaf() {
            return entry.bits();
        }
        // The second condition ends a walk through memory that changed its meaning: a reader outlived
        // its trie.
        if entry.is_cell() || at >= K::BITS {
            return cell::answer(words, entry.target(), key) & VALUE;
        }
        entry = load(words, entry.target() | key.byte(at));
        at += 8;
    }
}

/// The entry at a word, with everything it leads to.
#[inline(always)]
pub(super) fn load(words: &Words, word: u32) -> Entry {
    Entry::from_bits(words[word as usize].load(Acquire))
}
