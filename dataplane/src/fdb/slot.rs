//! One place of the table, and how it changes under its readers.
//!
//! ```text
//!  writer                                          reader
//!  ──────                                          ──────
//!  take    word ← (0, generation + 1)    (release) a  w ← word   (acquire)
//!  put     key  ← new                    (release) b  k ← key    (acquire)
//!          word ← (target, generation+1) (release) c  generation of word still that of w?
//!  change  word ← (new target, same generation)
//! ```
//!
//! `take` leaves no key behind, so that of all places only one ever looks as if it had an entry.
//!
//! The word of an entry is read before the key and its generation again after it. If `k` is the key
//! of a later entry than `w`, then b has seen the store of that key, and with it the `take` before
//! it: c sees another generation, and the reader reads again. If `w` is of a later entry than `k`,
//! a would have shown b the later key. So `w` and `k` belong together, whatever happened between.
//! A generation comes back after 65,536 changes of hands; a reader would have to stand still
//! between a and c for that long, to the number.

use super::{FdbKey, FdbTarget, Second};

#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU64, Ordering};

/// Target bits, generation and last use, as they stand in one word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Word(u64);

impl Word {
    const fn new(target: u32, generation: u16, used: Second) -> Self {
        Self((target as u64) << 32 | (generation as u64) << 16 | used.get() as u64)
    }

    pub(super) const fn target(self) -> Option<FdbTarget> {
        FdbTarget::decode((self.0 >> 32) as u32)
    }

    const fn target_bits(self) -> u32 {
        (self.0 >> 32) as u32
    }

    const fn generation(self) -> u16 {
        (self.0 >> 16) as u16
    }

    /// Whether both are words of the same entry.
    #[inline(always)]
    const fn is_of_entry(self, other: Self) -> bool {
        (self.0 ^ other.0) & 0xffff_0000 == 0
    }

    /// Whether the entry is at this target and its use in this second is noted.
    #[inline(always)]
    pub(super) const fn is_used_at(self, target: u32, now: Second) -> bool {
        self.0 & !0xffff_0000 == Self::new(target, 0, now).0
    }

    pub(super) const fn used(self) -> Second {
        Second::new(self.0 as u16)
    }
}

/// A place for one entry.
#[derive(Debug)]
#[cfg_attr(not(loom), derive(bytemuck::Zeroable))]
#[repr(C)]
pub(super) struct Slot {
    key: AtomicU64,
    word: AtomicU64,
}

impl Slot {
    /// A free place.
    #[cfg(loom)]
    pub(super) fn new() -> Self {
        Self {
            key: AtomicU64::new(0),
            word: AtomicU64::new(0),
        }
    }

    /// Whether the entry with this key seems to be here: [`Slot::find`] knows.
    #[inline(always)]
    pub(super) fn seems(&self, key: FdbKey) -> bool {
        self.key.load(Ordering::Acquire) == key.bits()
    }

    /// The word of the entry with this key, if it is here.
    #[inline]
    pub(super) fn find(&self, key: FdbKey) -> Option<Word> {
        loop {
            let word = Word(self.word.load(Ordering::Acquire));
            if self.key.load(Ordering::Acquire) != key.bits() || word.target_bits() == 0 {
                return None;
            }
            let again = Word(self.word.load(Ordering::Relaxed));
            if again.is_of_entry(word) {
                return Some(word);
            }
        }
    }

    /// Notes a use of the entry that `word` was read of. When the word has changed since, nothing
    /// is noted: the next packet will.
    #[inline]
    pub(super) fn mark(&self, word: Word, used: Second) {
        let marked = Word::new(word.target_bits(), word.generation(), used);
        // Both outcomes are right.
        let _ = self
            .word
            .compare_exchange(word.0, marked.0, Ordering::Release, Ordering::Relaxed);
    }

    // What follows is for the writer alone.

    /// The entry here.
    pub(super) fn entry(&self) -> Option<(FdbKey, Word)> {
        let word = Word(self.word.load(Ordering::Relaxed));
        (word.target_bits() != 0).then(|| {
            let key = FdbKey::from_bits(self.key.load(Ordering::Relaxed));
            (key, word)
        })
    }

    /// Puts an entry into this free place.
    pub(super) fn put(&self, key: FdbKey, target: u32, used: Second) {
        let generation = Word(self.word.load(Ordering::Relaxed)).generation();
        self.key.store(key.bits(), Ordering::Release);
        self.swap(Word::new(target, generation.wrapping_add(1), used));
    }

    /// Gives the entry here another target, and notes a use.
    pub(super) fn change(&self, target: u32, used: Second) {
        let generation = Word(self.word.load(Ordering::Relaxed)).generation();
        self.swap(Word::new(target, generation, used));
    }

    /// Frees this place.
    pub(super) fn take(&self) {
        let old = Word(self.word.load(Ordering::Relaxed));
        let free = Word::new(0, old.generation().wrapping_add(1), old.used());
        self.swap(free);
        self.key.store(0, Ordering::Release);
    }

    /// Replaces the word after whatever mark there is: what the writer stores, it reads again.
    fn swap(&self, word: Word) {
        self.word.swap(word.0, Ordering::AcqRel);
    }
}
