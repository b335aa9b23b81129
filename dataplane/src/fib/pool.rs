//! The blocks of one size: which are free, and what the writer notes of those in use.
//!
//! Blocks of a class live in chunks of 2 MiB (a big root is a chunk of its own), so that a chunk
//! without blocks can be given back as whole huge pages. The lowest free block is handed out
//! first, so that chunks at the end drain. One empty chunk of a class is kept, so that a route that comes
//! and goes does not make the kernel zero a huge page each time.

use super::bits::FreeSet;
use super::error::FibError;

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

pub(super) const CHUNK_WORDS_LOG2: u32 = 19;

impl Class {
    pub(super) const ALL: [Self; 4] = [Self::Node, Self::Mid, Self::Big, Self::Cell];

    /// The class of roots and nodes with 2^stride entries.
    pub(super) const fn of_stride(stride: u32) -> Self {
        match stride {
            24 => Self::Big,
            16 => Self::Mid,
            _ => Self::Node,
        }
    }

    /// The size of a block in words, as a power of two.
    pub(super) const fn words_log2(self) -> u32 {
        match self {
            Self::Cell => 3,
            Self::Node => 8,
            Self::Mid => 16,
            Self::Big => 24,
        }
    }

    pub(super) const fn chunk_words_log2(self) -> u32 {
        if self.words_log2() > CHUNK_WORDS_LOG2 {
            self.words_log2()
        } else {
            CHUNK_WORDS_LOG2
        }
    }

    pub(super) const fn blocks_per_chunk(self) -> usize {
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
    pub(super) const fn bytes(self) -> usize {
        let notes = if matches!(self, Self::Cell) {
            0
        } else {
            size_of::<u32>()
        };
        (4 << self.words_log2()) + self.bit_words() * 8 + notes
    }

    pub(super) const fn full(self) -> FibError {
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
pub(super) struct Pool {
    pub(super) class: Class,
    first: u32,
    /// `None` where nothing was ever used, or memory was given back.
    chunks: Vec<Option<Chunk>>,
    /// Chunks with free blocks.
    open: FreeSet,
    pub(super) used: usize,
    spare: Option<usize>,
}

impl Pool {
    pub(super) fn new(class: Class, first: u32, chunks: usize) -> Self {
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

    pub(super) fn free(&self) -> usize {
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

    pub(super) fn take(&mut self) -> Result<u32, FibError> {
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
    pub(super) fn put(&mut self, block: u32) -> Option<Span> {
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

    /// The bitmap of the prefixes that end in a block.
    pub(super) fn bits(&self, block: u32) -> &[u64] {
        let (place, block) = self.place(block);
        let size = self.class.bit_words();
        self.chunks[place]
            .as_ref()
            .map_or(&[], |chunk| &chunk.bits[block * size..][..size])
    }

    /// The bitmap, to be changed.
    pub(super) fn bits_mut(&mut self, block: u32) -> &mut [u64] {
        let (place, block) = self.place(block);
        let size = self.class.bit_words();
        self.chunks[place]
            .as_mut()
            .map_or(&mut [], |chunk| &mut chunk.bits[block * size..][..size])
    }

    /// How many prefixes end in a block, and how many of its entries lead further, together.
    pub(super) fn weight(&mut self, block: u32) -> Option<&mut u32> {
        let (place, block) = self.place(block);
        self.chunks[place]
            .as_mut()
            .and_then(|chunk| chunk.weights.get_mut(block))
    }
}
