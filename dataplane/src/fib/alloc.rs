//! Which blocks of the arena are free, in use, or in quarantine; and what the writer notes of them.
//!
//! Blocks of a class live in chunks of 2 MiB (a big root is a chunk of its own), so that a chunk
//! without blocks can be given back as whole huge pages. The lowest free block is handed out
//! first, so that chunks at the end drain. One empty chunk of a class is kept, so that a route that comes
//! and goes does not make the kernel zero a huge page each time.

use super::arena::{Capacity, Usage, WORDS};
use super::bits::FreeSet;
use super::error::{ArenaError, FibError};
use std::collections::VecDeque;

/// The kinds of blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    /// 2^8 entries: a node or a small root.
    Node,
    /// A root of 2^16 entries.
    Mid,
    /// A root of 2^24 entries.
    Big,
    /// Eight words: a cell, or the head of a trie.
    Cell,
}

/// A range of words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) first: u32,
    pub(super) words: usize,
}

const CHUNK_WORDS_LOG2: u32 = 19;

impl Class {
    const ALL: [Self; 4] = [Self::Node, Self::Mid, Self::Big, Self::Cell];

    /// The class of roots and nodes with 2^stride entries.
    pub(super) const fn of_stride(stride: u32) -> Self {
        match stride {
            24 => Self::Big,
            16 => Self::Mid,
            _ => Self::Node,
        }
    }

    /// The size of a block in words, as a power of two.
    const fn words_log2(self) -> u32 {
        match self {
            Self::Cell => 3,
            Self::Node => 8,
            Self::Mid => 16,
            Self::Big => 24,
        }
    }

    const fn chunk_words_log2(self) -> u32 {
        if self.words_log2() > CHUNK_WORDS_LOG2 {
            self.words_log2()
        } else {
            CHUNK_WORDS_LOG2
        }
    }

    const fn blocks_per_chunk(self) -> usize {
        1 << (self.chunk_words_log2() - self.words_log2())
    }

    /// The size of the bitmap of prefixes that end in a block, in 64-bit words.
    const fn bit_words(self) -> usize {
        match self {
            Self::Cell => 0,
            _ => 2 << self.words_log2() >> 6,
        }
    }

    /// The bytes that a block costs, with its bitmap and weight.
    const fn bytes(self) -> usize {
        let notes = if matches!(self, Self::Cell) {
            0
        } else {
            size_of::<u32>()
        };
        (4 << self.words_log2()) + self.bit_words() * 8 + notes
    }

    const fn full(self) -> FibError {
        match self {
            Self::Node => FibError::NodesFull,
            Self::Mid => FibError::MidRootsFull,
            Self::Big => FibError::BigRootsFull,
            Self::Cell => FibError::CellsFull,
        }
    }
}

#[derive(Debug)]
struct Chunk {
    free: FreeSet,
    used: usize,
    /// For each block, the prefixes that end in it. Those of free blocks are clear.
    bits: Vec<u64>,
    /// For each block, how many prefixes end in it and how many of its entries lead further.
    weights: Vec<u32>,
}

impl Chunk {
    fn new(class: Class) -> Self {
        let blocks = class.blocks_per_chunk();
        Self {
            free: FreeSet::full(blocks),
            used: 0,
            bits: vec![0; blocks * class.bit_words()],
            weights: vec![0; if class == Class::Cell { 0 } else { blocks }],
        }
    }
}

/// All blocks of one class.
#[derive(Debug)]
struct Pool {
    class: Class,
    first: u32,
    /// `None` where nothing was ever used, or memory was given back.
    chunks: Vec<Option<Chunk>>,
    /// Chunks with free blocks.
    open: FreeSet,
    used: usize,
    spare: Option<usize>,
}

impl Pool {
    fn new(class: Class, first: u32, chunks: usize) -> Self {
        let open = FreeSet::full(chunks);
        Self {
            class,
            first,
            chunks: (0..chunks).map(|_| None).collect(),
            open,
            used: 0,
            spare: None,
        }
    }

    fn free(&self) -> usize {
        self.chunks.len() * self.class.blocks_per_chunk() - self.used
    }

    fn place(&self, block: u32) -> (usize, usize) {
        let block = ((block - self.first) >> self.class.words_log2()) as usize;
        (
            block / self.class.blocks_per_chunk(),
            block % self.class.blocks_per_chunk(),
        )
    }

    fn span(&self, chunk: usize) -> Span {
        let log2 = self.class.chunk_words_log2();
        Span {
            first: self.first + ((chunk as u32) << log2),
            words: 1 << log2,
        }
    }

    fn take(&mut self) -> Result<u32, FibError> {
        let full = self.class.full();
        let place = self.open.least().ok_or(full)?;
        let chunk = self.chunks[place].get_or_insert_with(|| Chunk::new(self.class));
        let block = chunk.free.least().ok_or(full)?;
        chunk.free.remove(block);
        chunk.used += 1;
        self.used += 1;
        if chunk.used == self.class.blocks_per_chunk() {
            self.open.remove(place);
        }
        if self.spare == Some(place) {
            self.spare = None;
        }
        Ok(self.span(place).first + ((block as u32) << self.class.words_log2()))
    }

    /// Frees a block; the result is a chunk whose memory is to be given back.
    fn put(&mut self, block: u32) -> Option<Span> {
        let (place, block) = self.place(block);
        let chunk = self.chunks[place].as_mut()?;
        chunk.free.insert(block);
        chunk.used -= 1;
        self.used -= 1;
        self.open.insert(place);
        let empty = chunk.used == 0;
        if empty && (self.class == Class::Big || self.spare.is_some()) {
            self.chunks[place] = None;
            return Some(self.span(place));
        }
        if empty {
            self.spare = Some(place);
        }
        let size = self.class.bit_words();
        chunk.bits[block * size..][..size].fill(0);
        if let Some(weight) = chunk.weights.get_mut(block) {
            *weight = 0;
        }
        None
    }
}

/// The state of all blocks of an arena.
#[derive(Debug)]
pub(super) struct Allocator {
    pools: [Pool; 4],
    /// Retired blocks, the oldest first: those of each seal, then those not yet sealed.
    quarantine: VecDeque<(Class, u32)>,
    /// Epochs with the number of blocks that wait for each.
    seals: VecDeque<(u64, usize)>,
    unsealed: usize,
}

impl Allocator {
    pub(super) fn new(capacity: Capacity) -> Result<Self, ArenaError> {
        let Capacity {
            nodes,
            mid_roots,
            big_roots,
            cells,
        } = capacity;
        let counts = [nodes, mid_roots, big_roots, cells];
        // The first chunk stays zero: it is what the default view reads.
        let mut words = 1_u64 << CHUNK_WORDS_LOG2;
        let layout = [0, 1, 2, 3].map(|i| {
            let class = Class::ALL[i];
            let chunks = (counts[i] as usize).div_ceil(class.blocks_per_chunk());
            let first = words;
            words += (chunks as u64) << class.chunk_words_log2();
            (class, first, chunks)
        });
        if words > WORDS {
            return Err(ArenaError::TooLarge { words });
        }
        // `first` can be 2^32 only for a pool without chunks, which never uses it.
        let pools = layout.map(|(class, first, chunks)| Pool::new(class, first as u32, chunks));
        Ok(Self {
            pools,
            quarantine: VecDeque::new(),
            seals: VecDeque::new(),
            unsealed: 0,
        })
    }

    /// Makes sure that the next `count` blocks of a class can be had.
    pub(super) fn ensure(&self, class: Class, count: usize) -> Result<(), FibError> {
        if self.pools[class as usize].free() < count {
            Err(class.full())
        } else {
            Ok(())
        }
    }

    /// The first word of a block that is now in use. Its words hold what their last user left; no
    /// prefix ends in it and its weight is 0.
    pub(super) fn take(&mut self, class: Class) -> Result<u32, FibError> {
        self.pools[class as usize].take()
    }

    /// Puts a block that no entry names any more into quarantine.
    pub(super) fn retire(&mut self, class: Class, block: u32) {
        self.quarantine.push_back((class, block));
        self.unsealed += 1;
    }

    pub(super) fn seal(&mut self, epoch: u64) {
        if self.unsealed > 0 {
            self.seals.push_back((epoch, self.unsealed));
            self.unsealed = 0;
        }
    }

    pub(super) fn reclaim(&mut self, passed: u64, mut discard: impl FnMut(Span)) -> usize {
        let mut total = 0;
        while let Some(&(epoch, count)) = self.seals.front()
            && epoch <= passed
        {
            self.seals.pop_front();
            for (class, block) in self.quarantine.drain(..count) {
                self.pools[class as usize]
                    .put(block)
                    .into_iter()
                    .for_each(&mut discard);
            }
            total += count;
        }
        total
    }

    pub(super) fn usage(&self) -> Usage {
        let [nodes, mid_roots, big_roots, cells] = [0, 1, 2, 3].map(|i| self.pools[i].used);
        let bytes_in_use = self
            .pools
            .iter()
            .map(|pool| pool.used * pool.class.bytes())
            .sum();
        Usage {
            nodes,
            mid_roots,
            big_roots,
            cells,
            quarantined: self.quarantine.len(),
            bytes_in_use,
        }
    }

    /// The bitmap of the prefixes that end in a block of entries.
    pub(super) fn bits(&self, class: Class, block: u32) -> &[u64] {
        let pool = &self.pools[class as usize];
        let (place, block) = pool.place(block);
        let size = class.bit_words();
        pool.chunks[place]
            .as_ref()
            .map_or(&[], |chunk| &chunk.bits[block * size..][..size])
    }

    /// The bitmap, to be changed.
    pub(super) fn bits_mut(&mut self, class: Class, block: u32) -> &mut [u64] {
        let pool = &mut self.pools[class as usize];
        let (place, block) = pool.place(block);
        let size = class.bit_words();
        pool.chunks[place]
            .as_mut()
            .map_or(&mut [], |chunk| &mut chunk.bits[block * size..][..size])
    }

    /// How many prefixes end in a block, and how many of its entries lead further, together.
    pub(super) fn weight(&mut self, class: Class, block: u32) -> Option<&mut u32> {
        let pool = &mut self.pools[class as usize];
        let (place, block) = pool.place(block);
        pool.chunks[place]
            .as_mut()
            .and_then(|chunk| chunk.weights.get_mut(block))
    }
}
