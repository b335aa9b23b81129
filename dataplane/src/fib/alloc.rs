//! Which blocks of the arena are in use, and which wait for a grace period.

use super::arena::{Capacity, Usage, WORDS};
use super::error::{ArenaError, FibError};
use super::pool::{CHUNK_WORDS_LOG2, Class, Pool, Span};
use std::collections::VecDeque;

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

    /// All blocks of a class.
    pub(super) fn pool(&self, class: Class) -> &Pool {
        &self.pools[class as usize]
    }

    /// All blocks of a class, to be changed.
    pub(super) fn pool_mut(&mut self, class: Class) -> &mut Pool {
        &mut self.pools[class as usize]
    }
}
