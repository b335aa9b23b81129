//! Roots and nodes as the writer sees them: entries, the prefixes that end in them, painting.

use super::alloc::Allocator;
use super::arena::Words;
use super::bits::PrefixBits;
use super::cell::{self, Cell};
use super::entry::{Entry, Kind};
use super::error::FibError;
use super::key::Key;
use super::pool::Class;
use std::sync::MutexGuard;
use std::sync::atomic::Ordering::{Relaxed, Release};

/// How many bits of the key a node decides.
pub(super) const NODE_STRIDE: u32 = 8;

/// The size of the bitmap of prefixes that end in a node, in words.
pub(super) const NODE_BITS: usize = 8;

/// A root or node: `2^stride` entries that decide the bits `start` to `start + stride` of the key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Block {
    /// The first word.
    pub(super) at: u32,
    pub(super) start: u32,
    pub(super) stride: u32,
}

impl Block {
    /// The root with `2^stride` entries at word `at`.
    pub(super) const fn root(at: u32, stride: u32) -> Self {
        Self {
            at,
            start: 0,
            stride,
        }
    }

    /// The node at word `at`, below an entry of this block.
    pub(super) const fn child(self, at: u32) -> Self {
        Self {
            at,
            start: self.end(),
            stride: NODE_STRIDE,
        }
    }

    /// The longest prefix length that ends in the block.
    pub(super) const fn end(self) -> u32 {
        self.start + self.stride
    }

    pub(super) const fn class(self) -> Class {
        Class::of_stride(self.stride)
    }

    /// How many entries the block has.
    pub(super) const fn entries(self) -> u32 {
        1 << self.stride
    }

    /// The number of the entry for `key`.
    pub(super) fn index<K: Key>(self, key: K) -> u32 {
        if self.start == 0 {
            key.top() >> (32 - self.stride)
        } else {
            key.byte(self.start)
        }
    }

    /// The word of the entry for `key`.
    pub(super) fn word<K: Key>(self, key: K) -> u32 {
        self.at + self.index(key)
    }

    /// The position (see [`PrefixBits`]) of the prefix of `len` bits, `start < len <= end`, covering `key`.
    pub(super) fn position<K: Key>(self, key: K, len: u32) -> u32 {
        (self.entries() | self.index(key)) >> (self.end() - len)
    }

    /// The length of the prefix at `position`.
    pub(super) const fn len(self, position: u32) -> u32 {
        self.start + position.ilog2()
    }

    /// The word of the first entry below `position`, and how many entries there are, as a power of two.
    pub(super) const fn range(self, position: u32) -> (u32, u32) {
        let height = self.stride - position.ilog2();
        (self.at + (position << height) - self.entries(), height)
    }
}

/// The arena, locked for an update.
pub(super) struct Blocks<'a> {
    pub(super) words: &'a Words,
    allocator: MutexGuard<'a, Allocator>,
    /// By how many bytes the blocks taken exceed those retired since the lock was taken.
    pub(super) gained_bytes: isize,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(words: &'a Words, allocator: MutexGuard<'a, Allocator>) -> Self {
        Self {
            words,
            allocator,
            gained_bytes: 0,
        }
    }

    /// Makes sure that the next `count` blocks of a class can be had.
    pub(super) fn ensure(&self, class: Class, count: usize) -> Result<(), FibError> {
        self.allocator.ensure(class, count)
    }

    /// The first word of a block that is now in use, see [`Allocator::take`].
    pub(super) fn take(&mut self, class: Class) -> Result<u32, FibError> {
        let block = self.allocator.take(class)?;
        self.gained_bytes += class.bytes().cast_signed();
        Ok(block)
    }

    fn retire(&mut self, class: Class, block: u32) {
        self.allocator.retire(class, block);
        self.gained_bytes -= class.bytes().cast_signed();
    }

    /// The entry at a word.
    pub(super) fn load(&self, word: u32) -> Entry {
        // The writer reads what only it writes.
        Entry::from_bits(self.words[word as usize].load(Relaxed))
    }

    /// Publishes an entry. What it leads to must be complete.
    pub(super) fn store(&self, word: u32, entry: Entry) {
        self.words[word as usize].store(entry.bits(), Release);
    }

    /// As [`Blocks::store`], but leaves a word alone that has the entry already, so that
    /// memory never written stays uncommitted and shared cache lines stay clean.
    pub(super) fn settle(&self, word: u32, entry: Entry) {
        if self.load(word) != entry {
            self.store(word, entry);
        }
    }

    /// Settles `count` words from `first` on.
    pub(super) fn fill(&self, first: u32, count: u32, entry: Entry) {
        for word in first..first + count {
            self.settle(word, entry);
        }
    }

    /// A node below an entry of `above` (or a root, where that is all of it) that answers `value` throughout.
    pub(super) fn new_node(&mut self, above: Block, value: u32) -> Result<Block, FibError> {
        let node = above.child(self.take(Class::Node)?);
        self.fill(node.at, node.entries(), Entry::leaf(value));
        Ok(node)
    }

    /// An entry that leads to a new cell.
    pub(super) fn new_cell<K: Key>(&mut self, cell: Cell<K>) -> Result<Entry, FibError> {
        let at = self.take(Class::Cell)?;
        cell.write(self.words, at);
        Ok(Entry::cell(at))
    }

    pub(super) fn retire_block(&mut self, block: Block) {
        self.retire(block.class(), block.at);
    }

    pub(super) fn retire_cell(&mut self, at: u32) {
        self.retire(Class::Cell, at);
    }

    /// The prefixes that end in `block`.
    pub(super) fn prefixes(&self, block: Block) -> PrefixBits<'_> {
        PrefixBits(self.allocator.pool(block.class()).bits(block.at))
    }

    /// The prefixes that end in `block`, to be changed.
    pub(super) fn bits_mut(&mut self, block: Block) -> &mut [u64] {
        self.allocator.pool_mut(block.class()).bits_mut(block.at)
    }

    /// The prefixes that end in `node`, copied.
    pub(super) fn node_bits(&self, node: Block) -> [u64; NODE_BITS] {
        let mut bits = [0; NODE_BITS];
        bits.copy_from_slice(self.prefixes(node).0);
        bits
    }

    /// Notes whether the prefix at `position` ends in `block`, and returns what was noted before.
    pub(super) fn note(&mut self, block: Block, position: u32, present: bool) -> bool {
        let word = &mut self.bits_mut(block)[position as usize / 64];
        let mask = 1 << (position % 64);
        let before = *word & mask != 0;
        *word = if present { *word | mask } else { *word & !mask };
        before
    }

    /// Adds to the number of prefixes and further blocks that hang on `block`, and returns it.
    pub(super) fn weigh(&mut self, block: Block, change: i32) -> u32 {
        self.allocator
            .pool_mut(block.class())
            .weight(block.at)
            .map_or(0, |weight| {
                *weight = weight.saturating_add_signed(change);
                *weight
            })
    }

    /// Makes `value` the answer for all keys below `position` that no longer prefix covers. Each
    /// key's answer changes by one store.
    pub(super) fn paint(&self, block: Block, position: u32, value: u32) {
        let (first, height) = block.range(position);
        let prefixes = self.prefixes(block);
        if height > 6 {
            for half in [position * 2, position * 2 + 1] {
                if !prefixes.has(half) {
                    self.paint(block, half, value);
                }
            }
            return;
        }
        let covered = prefixes.covered_below(position, height);
        for i in 0..1 << height {
            if covered >> i & 1 == 0 {
                self.inherit(block, first + i, value);
            }
        }
    }

    /// Makes `value` what the entry at `word` answers where nothing below it is longer.
    fn inherit(&self, block: Block, word: u32, value: u32) {
        match self.load(word).kind() {
            Kind::Leaf(_) => self.settle(word, Entry::leaf(value)),
            Kind::Cell(at) => cell::set_fallback(self.words, at, value),
            Kind::Node(at) => self.paint(block.child(at), 1, value),
        }
    }
}
