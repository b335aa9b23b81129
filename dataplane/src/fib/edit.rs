//! Adding a route to a trie and taking one out.

use super::blocks::{Block, Blocks, NODE_BITS, NODE_STRIDE};
use super::cell::{self, Cell, Route};
use super::entry::{Entry, Kind};
use super::error::FibError;
use super::key::Key;
use arrayvec::ArrayVec;

/// The most blocks on a way from a root to a leaf: a root of stride 8 and nodes for the rest of 128 bits.
const MAX_DEPTH: usize = 16;

/// The blocks on the way to a prefix, root first.
pub(super) type Path = ArrayVec<Block, MAX_DEPTH>;

/// Where a prefix was found.
#[derive(Debug)]
pub(super) enum Place {
    /// It ends in the last block of the path.
    Own {
        /// Its position there.
        position: u32,
        /// The length of the next shorter prefix that covers it, if there is one.
        cover: Option<u32>,
    },
    /// It stands alone below an entry of the last block of the path, in the cell at this word.
    Cell(u32),
}

impl Blocks<'_> {
    /// Makes `route` part of the trie below `block`. Says whether its prefix is new there.
    ///
    /// Needs at most one node for every eight bits of the key and two cells.
    pub(super) fn insert<K: Key>(
        &mut self,
        mut block: Block,
        route: Route<K>,
    ) -> Result<bool, FibError> {
        loop {
            if route.len <= block.end() {
                let position = block.position(route.key, route.len);
                let new = !self.note(block, position, true);
                self.weigh(block, new.into());
                self.paint(block, position, route.value);
                return Ok(new);
            }
            let word = block.word(route.key);
            match self.load(word).kind() {
                Kind::Node(at) => block = block.child(at),
                Kind::Leaf(fallback) => {
                    let cell = self.new_cell(Cell { route, fallback })?;
                    self.weigh(block, 1);
                    self.store(word, cell);
                    return Ok(true);
                }
                Kind::Cell(at) => {
                    let Cell {
                        route: other,
                        fallback,
                    } = Cell::<K>::read(self.words, at);
                    if (other.key, other.len) == (route.key, route.len) {
                        cell::set_value(self.words, at, route.value);
                        return Ok(false);
                    }
                    let node = self.branch(block, fallback, [other, route])?;
                    self.store(word, Entry::node(node.at));
                    self.retire_cell(at);
                    return Ok(true);
                }
            }
        }
    }

    /// A node below an entry of `above` that holds two routes. They get new cells: the old one may
    /// be under a reader's eyes, for whom its fallback must not change.
    fn branch<K: Key>(
        &mut self,
        above: Block,
        fallback: u32,
        routes: [Route<K>; 2],
    ) -> Result<Block, FibError> {
        let node = self.new_node(above, fallback)?;
        let [one, other] = routes;
        let word = node.word(one.key);
        if one.len.min(other.len) > node.end() && word == node.word(other.key) {
            let child = self.branch(node, fallback, routes)?;
            self.weigh(node, 1);
            self.store(word, Entry::node(child.at));
        } else {
            self.insert(node, one)?;
            self.insert(node, other)?;
        }
        Ok(node)
    }

    /// Finds a prefix of the trie below `root`.
    pub(super) fn find<K: Key>(&self, root: Block, key: K, len: u32) -> Option<(Path, Place)> {
        let mut path = Path::new();
        let mut block = root;
        loop {
            path.try_push(block).ok()?;
            if len <= block.end() {
                let position = block.position(key, len);
                let cover = self.cover(&path, key, position / 2);
                return self
                    .prefixes(block)
                    .has(position)
                    .then_some((path, Place::Own { position, cover }));
            }
            match self.load(block.word(key)).kind() {
                Kind::Leaf(_) => return None,
                Kind::Node(at) => block = block.child(at),
                Kind::Cell(at) => {
                    let route = Cell::<K>::read(self.words, at).route;
                    return ((route.key, route.len) == (key, len))
                        .then_some((path, Place::Cell(at)));
                }
            }
        }
    }

    /// The length of the longest prefix that covers `key`, ends in a block of `path`, and, in the last of
    /// them, is at `position` or covers it.
    fn cover<K: Key>(&self, path: &[Block], key: K, position: u32) -> Option<u32> {
        let (last, above) = path.split_last()?;
        let covers =
            |block: &Block, position| self.prefixes(*block).cover(position).map(|p| block.len(p));
        covers(last, position).or_else(|| {
            above
                .iter()
                .rev()
                .find_map(|block| covers(block, block.position(key, block.end())))
        })
    }

    /// Takes the prefix of `key` at `place` out; `value` is what the keys that it leaves answer now.
    pub(super) fn remove<K: Key>(&mut self, path: Path, key: K, place: Place, value: u32) {
        let Some(&block) = path.last() else { return };
        match place {
            Place::Own { position, .. } => {
                self.note(block, position, false);
                self.paint(block, position, value);
            }
            Place::Cell(at) => {
                let Cell { fallback, .. } = Cell::<K>::read(self.words, at);
                self.store(block.word(key), Entry::leaf(fallback));
                self.retire_cell(at);
            }
        }
        self.weigh(block, -1);
        self.fold(path, key);
    }

    /// Replaces the nodes at the end of `path` that hold less than two prefixes.
    fn fold<K: Key>(&mut self, mut path: Path, key: K) {
        while let Some(node) = path.pop()
            && let Some(&above) = path.last()
        {
            let Ok(Some(entry)) = self.folded(node, key) else {
                return;
            };
            self.store(above.word(key), entry);
            self.retire_block(node);
            if entry.is_leaf() {
                self.weigh(above, -1);
            }
        }
    }

    /// The leaf or cell that can stand for `node`, which lies on the way to `key`; `None` if it holds two
    /// prefixes or more.
    fn folded<K: Key>(&mut self, node: Block, key: K) -> Result<Option<Entry>, FibError> {
        let (bits, weight) = (self.node_bits(node), self.weigh(node, 0));
        let group = Group {
            first: node.at,
            start: node.start,
            bits,
            weight,
        };
        self.fold_group(&group, key)
    }

    /// The leaf or cell that says all that 256 entries on the way to `key` say; `None` if they hold two
    /// prefixes or more.
    pub(super) fn fold_group<K: Key>(
        &mut self,
        group: &Group,
        key: K,
    ) -> Result<Option<Entry>, FibError> {
        if group.weight == 0 {
            return Ok(Some(self.load(group.first)));
        }
        if group.weight > 1 {
            return Ok(None);
        }
        if let Some(position) = group.least_position() {
            // The prefix's other half of the next shorter one has no prefix: it answers the fallback.
            let [value, fallback] =
                [position, position ^ 1].map(|p| self.load(group.word(p)).bits());
            let len = group.start + position.ilog2();
            let key = key
                .with_byte(group.start, group.byte(position))
                .truncate(len);
            return self
                .new_cell(Cell {
                    route: Route { key, len, value },
                    fallback,
                })
                .map(Some);
        }
        let below = (group.first..group.first + 256)
            .map(|word| self.load(word))
            .find(|entry| !entry.is_leaf());
        Ok(below.filter(|entry| entry.is_cell()))
    }
}

/// 256 entries: a node, or a part of a root that could be one.
#[derive(Debug)]
pub(super) struct Group {
    /// The first entry's word.
    pub(super) first: u32,
    /// How many bits of the key are decided above.
    pub(super) start: u32,
    /// The prefixes that end here.
    pub(super) bits: [u64; NODE_BITS],
    /// How many these are, together with the number of entries that lead further.
    pub(super) weight: u32,
}

impl Group {
    /// Whether a prefix ends here.
    pub(super) fn has_own(&self) -> bool {
        self.least_position().is_some()
    }

    fn least_position(&self) -> Option<u32> {
        (0..)
            .zip(self.bits)
            .find(|(_, bits)| *bits != 0)
            .map(|(i, bits)| i * 64 + bits.trailing_zeros())
    }

    /// The eight bits of the key that the first entry below `position` stands for.
    fn byte(&self, position: u32) -> u32 {
        position << (NODE_STRIDE - position.ilog2()) & 0xff
    }

    fn word(&self, position: u32) -> u32 {
        self.first + self.byte(position)
    }
}
