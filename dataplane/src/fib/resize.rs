//! Roots that fit their tables.
//!
//! A larger root saves an access to each lookup of a longer prefix, and costs memory: 1 KiB, 256 KiB
//! or 64 MiB. The new root is built aside; what lies below an entry of both is shared, so
//! that the switch is one store of the trie's head.

use super::bits::copy_levels;
use super::blocks::{Block, Blocks, NODE_BITS, NODE_STRIDE};
use super::cell::Cell;
use super::edit::Group;
use super::entry::{Entry, Kind};
use super::error::FibError;
use super::key::Key;
use super::pool::Class;

/// The number of prefixes above which a root of 2^8 entries becomes one of 2^16: as many prefixes may need as
/// much memory in nodes.
const GROW_SMALL: usize = 256;
/// The number of prefixes above which a root of 2^16 entries becomes one of 2^24, where the family has such.
/// IPv4 lookups take 4.5 ns before and 3.9 ns after; the nodes that it saves take a quarter of its memory.
const GROW_MID: usize = 48 << 10;
/// A root shrinks when it has less than this part of what made it grow.
const HYSTERESIS: usize = 4;

/// Whether a root fits its table.
pub(super) enum Fit {
    Good,
    Grow,
    Shrink,
}

/// Whether a root of `stride` bits fits a table of `prefixes`.
pub(super) fn fit<K: Key>(stride: u32, prefixes: usize) -> Fit {
    let (low, high) = match stride {
        24 => (GROW_MID / HYSTERESIS, usize::MAX),
        16 => (GROW_SMALL / HYSTERESIS, GROW_MID),
        _ => (0, GROW_SMALL),
    };
    if prefixes > high && stride < K::MAX_ROOT_STRIDE {
        Fit::Grow
    } else if prefixes < low {
        Fit::Shrink
    } else {
        Fit::Good
    }
}

impl Blocks<'_> {
    /// A root with eight more bits for the `prefixes` below `root`, which is retired.
    pub(super) fn grow<K: Key>(&mut self, root: Block, prefixes: usize) -> Result<Block, FibError> {
        let stride = root.stride + NODE_STRIDE;
        self.allocator.ensure(Class::Cell, prefixes)?;
        let new = Block::root(self.allocator.take(Class::of_stride(stride))?, stride);
        let bits = self.prefixes(root).0.to_vec();
        self.bits_mut(new)[..bits.len()].copy_from_slice(&bits);
        for i in 0..root.entries() {
            let first = new.at + i * 256;
            match self.load(root.at + i).kind() {
                Kind::Leaf(value) => self.fill(first, 256, Entry::leaf(value)),
                Kind::Cell(at) => {
                    // A new cell, since readers of the old root need the fallback of the old one.
                    let Cell { route, fallback } = Cell::<K>::read(self.words, at);
                    self.fill(first, 256, Entry::leaf(fallback));
                    self.insert(new, route)?;
                    self.retire_cell(at);
                }
                Kind::Node(at) => {
                    let node = root.child(at);
                    self.copy_entries(first, at);
                    let bits = self.node_bits(node);
                    copy_levels(self.bits_mut(new), root.entries() | i, &bits, 1);
                    self.retire_block(node);
                }
            }
        }
        self.retire_block(root);
        Ok(new)
    }

    /// A root with eight bits less for the `prefixes` below `root`, which is retired.
    pub(super) fn shrink<K: Key>(
        &mut self,
        root: Block,
        prefixes: usize,
    ) -> Result<Block, FibError> {
        let stride = root.stride - NODE_STRIDE;
        self.allocator.ensure(Class::Node, prefixes / 2 + 1)?;
        self.allocator.ensure(Class::Cell, prefixes)?;
        let new = Block::root(self.allocator.take(Class::of_stride(stride))?, stride);
        let words = self.bits_mut(new).len();
        let bits = self.prefixes(root).0[..words].to_vec();
        self.bits_mut(new).copy_from_slice(&bits);
        for i in 0..new.entries() {
            let group = self.group(root, new.entries() | i);
            let entry = match self.fold_group(&group, K::from_top(i << (32 - stride)))? {
                Some(entry) => entry,
                None => {
                    let node = new.child(self.allocator.take(Class::Node)?);
                    self.copy_entries(node.at, group.first);
                    self.bits_mut(node).copy_from_slice(&group.bits);
                    self.weigh(node, group.weight.cast_signed());
                    Entry::node(node.at)
                }
            };
            self.settle(new.at + i, entry);
        }
        self.retire_block(root);
        Ok(new)
    }

    /// The 256 entries of `root` that are eight levels below `position`.
    fn group(&self, root: Block, position: u32) -> Group {
        let (first, _) = root.range(position);
        let mut bits = [0; NODE_BITS];
        copy_levels(&mut bits, 1, self.prefixes(root).0, position);
        let own: u32 = bits.iter().map(|word| word.count_ones()).sum();
        let further = (first..first + 256)
            .filter(|word| !self.load(*word).is_leaf())
            .count();
        Group {
            first,
            start: root.len(position),
            bits,
            weight: own + further as u32,
        }
    }

    fn copy_entries(&self, to: u32, from: u32) {
        for i in 0..256 {
            self.settle(to + i, self.load(from + i));
        }
    }

    /// Retires all blocks below `block`, and itself.
    pub(super) fn retire_all(&mut self, block: Block) {
        for word in block.at..block.at + block.entries() {
            match self.load(word).kind() {
                Kind::Leaf(_) => {}
                Kind::Cell(at) => self.retire_cell(at),
                Kind::Node(at) => self.retire_all(block.child(at)),
            }
        }
        self.retire_block(block);
    }
}
