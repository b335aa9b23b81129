//! The writer's side of a trie.

use super::arena::Arena;
use super::blocks::{Block, Blocks, NODE_STRIDE};
use super::cell::Route;
use super::edit::Place;
use super::entry::{Entry, VALUE};
use super::error::FibError;
use super::key::Key;
use super::lookup::{HEAD_DEFAULT, HEAD_ROOT, TrieReader};
use super::pool::Class;
use super::resize::{Fit, fit};
use crate::ids::NextHopId;
use std::sync::Arc;

/// A table of prefixes with a next hop each, for one family of one VRF. `Trie` is its one writer;
/// [`TrieReader`]s look up while it changes.
///
/// A lookup during a change answers what the table said before it or what it says after it. Blocks that a change
/// replaces wait in the arena's quarantine, see [`Arena::seal`].
#[derive(Debug)]
pub struct Trie<K: Key> {
    arena: Arc<Arena>,
    reader: TrieReader<K>,
    head: u32,
    root: Block,
    /// Without /0.
    prefixes: usize,
}

impl<K: Key> Trie<K> {
    /// A table without routes. It takes 1 KiB and 32 bytes of the arena.
    ///
    /// # Errors
    /// [`FibError::NodesFull`], [`FibError::CellsFull`].
    pub fn new(arena: &Arc<Arena>) -> Result<Self, FibError> {
        let mut blocks = arena.blocks();
        blocks.allocator.ensure(Class::Node, 1)?;
        let head = blocks.allocator.take(Class::Cell)?;
        let root = Block::root(blocks.allocator.take(Class::Node)?, NODE_STRIDE);
        blocks.fill(root.at, root.entries(), Entry::leaf(0));
        blocks.store(head | HEAD_DEFAULT, Entry::leaf(0));
        publish(&blocks, head, root);
        drop(blocks);
        let reader = TrieReader::new(Arc::clone(arena), head);
        Ok(Self {
            arena: Arc::clone(arena),
            reader,
            head,
            root,
            prefixes: 0,
        })
    }

    /// A handle for readers.
    #[must_use]
    pub fn reader(&self) -> TrieReader<K> {
        self.reader.clone()
    }

    /// The number of prefixes in the table.
    #[must_use]
    pub fn len(&self) -> usize {
        self.prefixes + usize::from(self.default_value() != 0)
    }

    /// Whether the table has no prefix.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds `prefix` with `next_hop`, or gives it another next hop. Host bits do not count. The change is
    /// visible to readers when the call returns.
    ///
    /// # Errors
    /// [`FibError::NextHopOutOfRange`], or the kind of memory that ran out; the table is then as it was.
    /// Memory is asked for as the worst prefix of the family needs it: 16 nodes for IPv6, 4 for IPv4.
    pub fn set(&mut self, prefix: K::Net, next_hop: NextHopId) -> Result<(), FibError> {
        if next_hop == NextHopId::NO_ROUTE || next_hop > NextHopId::MAX {
            return Err(FibError::NextHopOutOfRange(next_hop));
        }
        let (key, len) = K::split(prefix);
        let value = next_hop.get();
        if len == 0 {
            self.set_default(value);
            return Ok(());
        }
        let mut blocks = self.arena.blocks();
        blocks
            .allocator
            .ensure(Class::Node, (K::BITS / NODE_STRIDE) as usize)?;
        blocks.allocator.ensure(Class::Cell, 2)?;
        if blocks.insert(self.root, Route { key, len, value })? {
            self.prefixes += 1;
            adapt::<K>(blocks, self.head, &mut self.root, self.prefixes);
        }
        Ok(())
    }

    /// Takes `prefix` out of the table; says whether it was there. The addresses that it covered fall
    /// to the next shorter prefix of the table, if there is one besides /0: `parent` is asked for its next hop.
    pub fn remove(&mut self, prefix: K::Net, parent: impl FnOnce(K::Net) -> NextHopId) -> bool {
        let (key, len) = K::split(prefix);
        if len == 0 {
            let present = self.default_value() != 0;
            self.set_default(0);
            return present;
        }
        let Some((path, place)) = self.arena.blocks().find(self.root, key, len) else {
            return false;
        };
        // Asked while the arena is not locked, so that `parent` may use it.
        let value = match place {
            Place::Own {
                cover: Some(len), ..
            } => parent(key.net(len)).get() & VALUE,
            Place::Own { cover: None, .. } | Place::Cell(_) => 0,
        };
        let mut blocks = self.arena.blocks();
        blocks.remove(path, key, place, value);
        self.prefixes -= 1;
        adapt::<K>(blocks, self.head, &mut self.root, self.prefixes);
        true
    }

    fn default_value(&self) -> u32 {
        self.arena.blocks().load(self.head | HEAD_DEFAULT).bits() & VALUE
    }

    fn set_default(&mut self, value: u32) {
        let blocks = self.arena.blocks();
        let word = self.head | HEAD_DEFAULT;
        let before = blocks.load(word).bits();
        if before & VALUE != value {
            // The bits above the value count the changes.
            let changes = before.wrapping_add(VALUE + 1) & !VALUE;
            blocks.store(word, Entry::from_bits(changes | value));
        }
    }
}

impl<K: Key> Drop for Trie<K> {
    fn drop(&mut self) {
        let mut blocks = self.arena.blocks();
        blocks.retire_all(self.root);
        blocks.retire_cell(self.head);
    }
}

/// Gives a trie the root that fits its number of prefixes. Where memory does not suffice it keeps the one it has.
fn adapt<K: Key>(mut blocks: Blocks<'_>, head: u32, root: &mut Block, prefixes: usize) {
    let resized = match fit::<K>(root.stride, prefixes) {
        Fit::Good => return,
        Fit::Grow => blocks.grow::<K>(*root, prefixes),
        Fit::Shrink => blocks.shrink::<K>(*root, prefixes),
    };
    if let Ok(new) = resized {
        publish(&blocks, head, new);
        *root = new;
    }
}

fn publish(blocks: &Blocks<'_>, head: u32, root: Block) {
    blocks.store(
        head | HEAD_ROOT,
        Entry::from_bits(root.at + root.stride / NODE_STRIDE),
    );
}
