//! Roots that fit their tables.
//!
//! A larger root saves an access to each lookup of a longer prefix, and costs memory: 1 KiB, 256 KiB
//! or 64 MiB. The new root is built aside, and what lies below an entry of both is shared, so that the switch is one
//! store of the trie's head.
//!
//! To fill 2^24 entries takes tens of milliseconds, for which nobody who changes a route shall wait. So the new root is
//! built piece by piece, some with each change of the table and the rest when there is time:
//!
//! ```text
//!  Build: a group is 256 entries of the larger root, one of the smaller     Clear: the old root is out of sight
//!  ┌──────┬──────┬──────┬──────┐  step: takes groups out and copies them    retire, piece by piece, what
//!  │ done │ todo │ done │ todo │  change of the table: puts its groups in   only the old root led to
//!  └──────┴──────┴──────┴──────┘  none left: publish the new root ────────▶
//! ```
//!
//! The old root stays whole and is what readers read and changes are made to until the switch. A storm of changes to
//! short prefixes, each of which puts up to all groups in again, can hold the switch up; lookups are right all the
//! same.

use super::bits::{FreeSet, copy_levels};
use super::blocks::{Block, Blocks, NODE_BITS, NODE_STRIDE};
use super::cell::Cell;
use super::edit::Group;
use super::entry::{Entry, Kind};
use super::error::FibError;
use super::key::Key;
use super::pool::Class;
use std::collections::BTreeMap;

/// The number of prefixes above which a root of 2^8 entries becomes one of 2^16: as many prefixes may need as
/// much memory in nodes.
const GROW_SMALL: usize = 256;
/// The number of prefixes above which a root of 2^16 entries becomes one of 2^24, where the family has such.
/// IPv4 lookups take 4.5 ns before and 3.9 ns after; the nodes that it saves take a quarter of its memory.
const GROW_MID: usize = 48 << 10;
/// A root shrinks when it has less than this part of what made it grow.
const HYSTERESIS: usize = 4;

/// The stride of the root that fits a table of `prefixes`, where it is not the present `stride`.
pub(super) fn unfit<K: Key>(stride: u32, prefixes: usize) -> Option<u32> {
    let (low, high) = match stride {
        24 => (GROW_MID / HYSTERESIS, usize::MAX),
        16 => (GROW_SMALL / HYSTERESIS, GROW_MID),
        _ => (0, GROW_SMALL),
    };
    if prefixes > high && stride < K::MAX_ROOT_STRIDE {
        Some(stride + NODE_STRIDE)
    } else if prefixes < low {
        Some(stride - NODE_STRIDE)
    } else {
        None
    }
}

/// A change of a trie's root that is under way.
#[derive(Debug)]
pub(super) enum Resize {
    /// The new root is built.
    Build(Build),
    /// The new root is in use; of the old one, the entries from `next` on may still lead to blocks.
    Clear { old: Block, next: u32 },
}

/// A root that is built aside.
#[derive(Debug)]
pub(super) struct Build {
    new: Block,
    /// The bits of a key that say its group.
    group_bits: u32,
    /// Groups that are not copied, or changed since.
    todo: FreeSet,
    /// By group, the cell or node that was made for the new root and is not part of the old one.
    made: BTreeMap<u32, Entry>,
}

impl Build {
    /// Notes that the answers for keys of the prefix change.
    pub(super) fn touch<K: Key>(&mut self, key: K, len: u32) {
        let first = (key.top() >> (32 - self.group_bits)) as usize;
        let count = 1 << self.group_bits.saturating_sub(len);
        self.todo.insert_all(first..first + count);
    }
}

impl Blocks<'_> {
    /// Begins to build a root of `stride` bits in place of `root`.
    pub(super) fn begin(&mut self, root: Block, stride: u32) -> Result<Build, FibError> {
        let new = Block::root(self.take(Class::of_stride(stride))?, stride);
        let group_bits = root.stride.min(stride);
        Ok(Build {
            new,
            group_bits,
            todo: FreeSet::full(1 << group_bits),
            made: BTreeMap::new(),
        })
    }

    /// Copies up to `groups` groups of `root`; gives back the new root when there is none left.
    pub(super) fn build<K: Key>(
        &mut self,
        build: &mut Build,
        root: Block,
        groups: usize,
    ) -> Result<Option<Block>, FibError> {
        let new = build.new;
        for _ in 0..groups {
            let Some(place) = build.todo.least() else {
                break;
            };
            let group = place as u32;
            if let Some(before) = build.made.remove(&group) {
                self.retire_made(new, before);
            }
            let made = if new.stride > root.stride {
                self.widen::<K>(root, new, group)
            } else {
                self.narrow::<K>(root, new, group)
            };
            if let Some(made) = made? {
                build.made.insert(group, made);
            }
            build.todo.remove(place);
        }
        if build.todo.least().is_some() {
            return Ok(None);
        }
        // The prefixes that end in both: those that are not within a group.
        let words = (2_usize << build.group_bits) / 64;
        let bits = self.prefixes(root).0[..words].to_vec();
        self.bits_mut(new)[..words].copy_from_slice(&bits);
        Ok(Some(new))
    }

    /// Retires a root that no reader has seen, with what was made for it.
    pub(super) fn give_up(&mut self, build: &Build) {
        for made in build.made.values() {
            self.retire_made(build.new, *made);
        }
        self.retire_block(build.new);
    }

    fn retire_made(&mut self, new: Block, made: Entry) {
        match made.kind() {
            Kind::Leaf(_) => {}
            Kind::Cell(at) => self.retire_cell(at),
            Kind::Node(at) => self.retire_block(new.child(at)),
        }
    }

    /// Retires what `count` entries of a smaller root from `next` on lead to: a root of eight more bits has copies of it.
    /// After the last of them, the root. Gives back the entry that is next.
    pub(super) fn clear(&mut self, old: Block, next: u32, count: usize) -> Option<u32> {
        let end = old.entries().min(next.saturating_add(count as u32));
        for word in old.at + next..old.at + end {
            match self.load(word).kind() {
                Kind::Leaf(_) => {}
                Kind::Cell(at) => self.retire_cell(at),
                Kind::Node(at) => self.retire_block(old.child(at)),
            }
        }
        if end == old.entries() {
            self.retire_block(old);
            None
        } else {
            Some(end)
        }
    }

    /// Writes the 256 entries of `new` that are below entry `i` of `root`. Gives back the cell that this made.
    fn widen<K: Key>(
        &mut self,
        root: Block,
        new: Block,
        i: u32,
    ) -> Result<Option<Entry>, FibError> {
        let first = new.at + i * 256;
        let mut bits = [0; NODE_BITS];
        let mut alone = None;
        match self.load(root.at + i).kind() {
            Kind::Leaf(value) => self.fill(first, 256, Entry::leaf(value)),
            Kind::Cell(at) => {
                // A new cell, since readers of the old root need the fallback of the old one.
                let Cell { route, fallback } = Cell::<K>::read(self.words, at);
                self.fill(first, 256, Entry::leaf(fallback));
                alone = Some(route);
            }
            Kind::Node(at) => {
                self.copy_entries(first, at);
                bits = self.node_bits(root.child(at));
            }
        }
        copy_levels(self.bits_mut(new), root.entries() | i, &bits, 1);
        let Some(route) = alone else {
            return Ok(None);
        };
        self.insert(new, route)?;
        Ok(Some(self.load(new.word(route.key))).filter(|entry| entry.is_cell()))
    }

    /// Writes entry `i` of `new`, above 256 entries of `root`. Gives back what this made.
    fn narrow<K: Key>(
        &mut self,
        root: Block,
        new: Block,
        i: u32,
    ) -> Result<Option<Entry>, FibError> {
        let group = self.group(root, new.entries() | i);
        let (entry, is_made) = match self.fold_group(&group, K::from_top(i << (32 - new.stride)))? {
            Some(entry) => (entry, entry.is_cell() && group.has_own()),
            None => {
                let node = new.child(self.take(Class::Node)?);
                self.copy_entries(node.at, group.first);
                self.bits_mut(node).copy_from_slice(&group.bits);
                self.weigh(node, group.weight.cast_signed());
                (Entry::node(node.at), true)
            }
        };
        self.settle(new.at + i, entry);
        Ok(Some(entry).filter(|_| is_made))
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
}
