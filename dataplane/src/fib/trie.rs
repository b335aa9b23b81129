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
use super::resize::{Resize, unfit};
use super::ruin::Walk;
use crate::ids::NextHopId;
use std::sync::Arc;

/// How many groups of a root that is being replaced are worked on with each change: some 20 µs at most, and the
/// 2^16 groups of the largest root in 1,024 changes.
const GROUPS_PER_CHANGE: usize = 64;

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
    resize: Option<Resize>,
    /// How far it is taken down, once that began.
    razed: Option<Walk>,
    /// Without /0.
    prefixes: usize,
    bytes: usize,
}

impl<K: Key> Trie<K> {
    /// A table without routes. It takes 1 KiB and 32 bytes of the arena.
    ///
    /// # Errors
    /// [`FibError::NodesFull`], [`FibError::CellsFull`].
    pub fn new(arena: &Arc<Arena>) -> Result<Self, FibError> {
        let mut blocks = arena.blocks();
        blocks.ensure(Class::Node, 1)?;
        let head = blocks.take(Class::Cell)?;
        let root = Block::root(blocks.take(Class::Node)?, NODE_STRIDE);
        blocks.fill(root.at, root.entries(), Entry::leaf(0));
        blocks.store(head | HEAD_DEFAULT, Entry::leaf(0));
        publish(&blocks, head, root);
        let bytes = blocks.gained_bytes.unsigned_abs();
        drop(blocks);
        let reader = TrieReader::new(Arc::clone(arena), head);
        Ok(Self {
            arena: Arc::clone(arena),
            reader,
            head,
            root,
            resize: None,
            razed: None,
            prefixes: 0,
            bytes,
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

    /// The memory that the table takes of the arena, in bytes, with the writer's notes. Parts of a root that were
    /// never written count, blocks in quarantine do not.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
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
        let arena = Arc::clone(&self.arena);
        let mut blocks = arena.blocks();
        blocks.ensure(Class::Node, (K::BITS / NODE_STRIDE) as usize)?;
        blocks.ensure(Class::Cell, 2)?;
        let new = blocks.insert(self.root, Route { key, len, value })?;
        self.prefixes += usize::from(new);
        self.changed(blocks, key, len);
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
        let arena = Arc::clone(&self.arena);
        let mut blocks = arena.blocks();
        blocks.remove(path, key, place, value);
        self.prefixes -= 1;
        self.changed(blocks, key, len);
        true
    }

    /// Whether the table is on its way to a root of another size, which [`Trie::resize`] can speed up.
    #[must_use]
    pub const fn is_resizing(&self) -> bool {
        self.resize.is_some()
    }

    /// Goes on with a root of another size, which changes of the table have made due: over `groups` of at most 2^16
    /// groups of 256 entries, some 0.3 µs each. Readers see nothing of it, or the switch.
    pub fn resize(&mut self, groups: usize) {
        let arena = Arc::clone(&self.arena);
        let mut blocks = arena.blocks();
        self.step(&mut blocks, groups);
        self.account(&blocks);
    }

    /// What follows each change of a prefix.
    fn changed(&mut self, mut blocks: Blocks<'_>, key: K, len: u32) {
        if let Some(Resize::Build(build)) = &mut self.resize {
            build.touch(key, len);
        } else if self.resize.is_none()
            && let Some(stride) = unfit::<K>(self.root.stride, self.prefixes)
        {
            // Where memory does not suffice, the table keeps the root that it has.
            self.resize = blocks.begin(self.root, stride).ok().map(Resize::Build);
        }
        self.step(&mut blocks, GROUPS_PER_CHANGE);
        self.account(&blocks);
    }

    fn step(&mut self, blocks: &mut Blocks<'_>, groups: usize) {
        let Some(resize) = self.resize.take() else {
            return;
        };
        self.resize = match resize {
            Resize::Build(mut build) => match blocks.build::<K>(&mut build, self.root, groups) {
                Ok(None) => Some(Resize::Build(build)),
                Ok(Some(new)) => {
                    publish(blocks, self.head, new);
                    let old = std::mem::replace(&mut self.root, new);
                    if new.stride > old.stride {
                        Some(Resize::Clear { old, next: 0 })
                    } else {
                        blocks.retire_block(old);
                        None
                    }
                }
                Err(_) => {
                    blocks.give_up(&build);
                    None
                }
            },
            Resize::Clear { old, next } => blocks
                .clear(old, next, groups)
                .map(|next| Resize::Clear { old, next }),
        };
    }

    /// Takes the table down over `entries` entries, as [`Ruin`](super::Ruin) says. True when only its head is left.
    pub(super) fn raze(&mut self, entries: usize) -> bool {
        let arena = Arc::clone(&self.arena);
        let mut blocks = arena.blocks();
        let done = match self.resize.take() {
            Some(Resize::Build(build)) => {
                blocks.give_up(&build);
                false
            }
            Some(Resize::Clear { old, next }) => {
                self.resize = blocks
                    .clear(old, next, entries)
                    .map(|next| Resize::Clear { old, next });
                false
            }
            None => {
                let walk = self.razed.get_or_insert_with(|| Walk::new(self.root));
                blocks.raze(walk, entries)
            }
        };
        self.account(&blocks);
        done
    }

    fn account(&mut self, blocks: &Blocks<'_>) {
        self.bytes = self.bytes.saturating_add_signed(blocks.gained_bytes);
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
        while !self.raze(usize::MAX) {}
        self.arena.blocks().retire_cell(self.head);
    }
}

fn publish(blocks: &Blocks<'_>, head: u32, root: Block) {
    blocks.store(
        head | HEAD_ROOT,
        Entry::from_bits(root.at + root.stride / NODE_STRIDE),
    );
}
