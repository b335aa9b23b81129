//! Tables on their way out, taken down piece by piece.
//!
//! A full table has millions of blocks below a root of 2^24 entries: to visit them all takes tens of milliseconds, for which
//! nobody who deletes a VRF shall wait.

use super::blocks::{Block, Blocks};
use super::entry::Kind;
use super::key::Key;
use super::trie::Trie;

/// A table that nobody reads or changes any more. Each step gives some of its blocks to the arena's quarantine; dropping it
/// does the rest at once.
#[derive(Debug)]
pub struct Ruin<K: Key>(Trie<K>);

impl<K: Key> From<Trie<K>> for Ruin<K> {
    fn from(trie: Trie<K>) -> Self {
        Self(trie)
    }
}

impl<K: Key> Ruin<K> {
    /// Goes on over `entries` entries of roots and nodes, some nanoseconds each. True when nothing is left to do.
    pub fn step(&mut self, entries: usize) -> bool {
        self.0.raze(entries)
    }
}

/// A walk over all blocks below a root: where it stands in each block from the root down.
#[derive(Debug)]
pub(super) struct Walk(Vec<(Block, u32)>);

impl Walk {
    /// From the first entry of `root` on.
    pub(super) fn new(root: Block) -> Self {
        Self(vec![(root, 0)])
    }
}

impl Blocks<'_> {
    /// Retires what the next `entries` of the walk lead to, and each block whose last entry is passed. True at the end.
    pub(super) fn raze(&mut self, walk: &mut Walk, mut entries: usize) -> bool {
        while let Some((block, next)) = walk.0.last_mut() {
            let block = *block;
            if *next == block.entries() {
                walk.0.pop();
                self.retire_block(block);
                continue;
            }
            if entries == 0 {
                return false;
            }
            entries -= 1;
            let word = block.at + *next;
            *next += 1;
            match self.load(word).kind() {
                Kind::Leaf(_) => {}
                Kind::Cell(at) => self.retire_cell(at),
                Kind::Node(at) => walk.0.push((block.child(at), 0)),
            }
        }
        true
    }
}
