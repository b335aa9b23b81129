//! The cell that carries snapshots from one publisher to many readers (QSBR).
//!
//! ```text
//!  publisher                                   reader (one per worker)
//!  ─────────                                   ───────────────────────
//!  1 current ← new                             a  e ← epoch            (acquire, once per burst)
//!  2 epoch   ← e + 1        (release)          b  e unchanged: go on with the pointer it has
//!  3 fence                                     c  e changed: slot ← e, fence, pointer ← current
//!  4 every slot ≥ e + 1, or offline: free old
//! ```
//!
//! * Reading costs one acquire load when nothing changed. No reader ever waits, locks or counts
//!   references.
//! * A reader's store to its slot (c) says: "I hold nothing that was retired before this epoch".
//!   The borrow checker enforces it: [`Reader::snapshot`] takes `&mut self`, so whatever was
//!   borrowed from the previous snapshot is gone when the next is asked for.
//! * The fences of 3 and c pair (Dekker): when a reader comes back from [`Reader::offline`] either
//!   the publisher sees its slot, or the reader sees the new pointer. Both are load-bearing.
//! * What is retired is dropped by the publisher, on the publisher's thread.
//! * A reader that hangs while online keeps what it may still see alive, and is named by
//!   [`Publisher::wait`]; it is never waited for without end.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crossbeam::utils::CachePadded;

#[cfg(not(loom))]
use std::sync::{
    Arc,
    atomic::{AtomicPtr, AtomicU64, Ordering, fence},
};

#[cfg(loom)]
use loom::sync::{
    Arc,
    atomic::{AtomicPtr, AtomicU64, Ordering, fence},
};

/// A slot that no reader has.
const FREE: u64 = 0;
/// A slot whose reader holds nothing.
const OFFLINE: u64 = u64::MAX;
/// The epoch of the first snapshot.
const FIRST: u64 = 1;

struct Domain<T> {
    epoch: CachePadded<AtomicU64>,
    current: AtomicPtr<T>,
    slots: Box<[CachePadded<AtomicU64>]>,
}

impl<T> Drop for Domain<T> {
    fn drop(&mut self) {
        let current = self.current.load(Ordering::Acquire);
        // SAFETY: `current` came from `Box::into_raw` and is owned by the domain alone; no reader
        // exists any more, since each holds the domain alive.
        drop(unsafe { Box::from_raw(current) });
    }
}

/// The one writer of a cell.
pub struct Publisher<T> {
    domain: Arc<Domain<T>>,
    retired: VecDeque<(u64, Box<T>)>,
}

/// One reader of a cell: a worker, or the exception thread.
pub struct Reader<T> {
    domain: Arc<Domain<T>>,
    slot: usize,
    seen: u64,
    pointer: *const T,
}

// SAFETY: a reader only hands out shared references to `T`, and owns its slot alone; it may move
// to another thread whenever `T` may be read from there.
unsafe impl<T: Send + Sync> Send for Reader<T> {}

/// Hands out the readers of a cell; may be shared.
pub struct Readers<T> {
    domain: Arc<Domain<T>>,
}

impl<T> Clone for Readers<T> {
    fn clone(&self) -> Self {
        Self {
            domain: Arc::clone(&self.domain),
        }
    }
}

/// Readers that did not pass an epoch within the bound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("readers {slots:?} did not pass epoch {epoch}")]
pub struct Laggards {
    /// The epoch that was waited for.
    pub epoch: u64,
    /// The slots of the readers that are behind.
    pub slots: Vec<usize>,
}

/// Every slot of the cell is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("all {0} reader slots are taken")]
pub struct NoSlot(pub usize);

/// Makes a cell that holds `first` and has room for `slots` readers.
pub fn cell<T>(first: T, slots: usize) -> (Publisher<T>, Readers<T>) {
    let domain = Arc::new(Domain {
        epoch: CachePadded::new(AtomicU64::new(FIRST)),
        current: AtomicPtr::new(Box::into_raw(Box::new(first))),
        slots: (0..slots)
            .map(|_| CachePadded::new(AtomicU64::new(FREE)))
            .collect(),
    });
    (
        Publisher {
            domain: Arc::clone(&domain),
            retired: VecDeque::new(),
        },
        Readers { domain },
    )
}

impl<T> Readers<T> {
    /// A new reader, offline until it first asks for a snapshot.
    ///
    /// # Errors
    /// [`NoSlot`] when as many readers exist as the cell has room for.
    pub fn reader(&self) -> Result<Reader<T>, NoSlot> {
        for (slot, seen) in self.domain.slots.iter().enumerate() {
            if seen
                .compare_exchange(FREE, OFFLINE, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
            {
                let domain = Arc::clone(&self.domain);
                return Ok(Reader {
                    domain,
                    slot,
                    seen: OFFLINE,
                    pointer: std::ptr::null(),
                });
            }
        }
        Err(NoSlot(self.domain.slots.len()))
    }
}

impl<T> Reader<T> {
    /// The current snapshot. Asking for it is this reader's quiescent point: nothing borrowed from
    /// an earlier one can still be alive.
    #[inline]
    pub fn snapshot(&mut self) -> &T {
        let epoch = self.domain.epoch.load(Ordering::Acquire);
        if epoch != self.seen {
            self.refresh(epoch);
        }
        // SAFETY: `refresh` ran at least once (`seen` starts as no epoch), so `pointer` is what
        // `current` was while this slot said `seen` or less. The publisher frees it only after
        // this slot says an epoch later than the one at which it was replaced, or offline; both
        // need `&mut self`, which the returned borrow excludes.
        unsafe { &*self.pointer }
    }

    #[cold]
    fn refresh(&mut self, epoch: u64) {
        // Release: the reads of the previous snapshot happen before the publisher sees this.
        self.domain.slots[self.slot].store(epoch, Ordering::Release);
        // Pairs with the fence of `Publisher::passed`, for a reader that was offline.
        fence(Ordering::SeqCst);
        self.pointer = self.domain.current.load(Ordering::Acquire);
        self.seen = epoch;
    }

    /// Says that this reader holds nothing until it asks again: before it sleeps or blocks.
    pub fn offline(&mut self) {
        if self.seen != OFFLINE {
            self.seen = OFFLINE;
            self.domain.slots[self.slot].store(OFFLINE, Ordering::Release);
        }
    }

    /// The number by which [`Laggards`] names this reader.
    #[must_use]
    pub fn slot(&self) -> usize {
        self.slot
    }
}

impl<T> Drop for Reader<T> {
    fn drop(&mut self) {
        self.domain.slots[self.slot].store(FREE, Ordering::Release);
    }
}

impl<T> Publisher<T> {
    /// The newest snapshot.
    #[must_use]
    pub fn current(&self) -> &T {
        // SAFETY: only the publisher replaces `current`, and that takes `&mut self`.
        unsafe { &*self.domain.current.load(Ordering::Acquire) }
    }

    /// Replaces the snapshot. Returns the new epoch; the old snapshot is dropped by a later
    /// [`Publisher::collect`], when every reader has passed.
    pub fn publish(&mut self, new: T) -> u64 {
        let old = self
            .domain
            .current
            .swap(Box::into_raw(Box::new(new)), Ordering::AcqRel);
        let epoch = self.tick();
        // SAFETY: `old` came from `Box::into_raw`, and the swap made it this publisher's alone.
        self.retired
            .push_back((epoch, unsafe { Box::from_raw(old) }));
        epoch
    }

    /// Opens a new epoch without changing the snapshot, for what changes in place (the FIB).
    /// What was unlinked before the call is out of every reader's sight once the epoch returned
    /// has passed.
    pub fn tick(&mut self) -> u64 {
        let epoch = self.epoch() + 1;
        self.domain.epoch.store(epoch, Ordering::Release);
        epoch
    }

    /// The newest epoch.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.domain.epoch.load(Ordering::Relaxed)
    }

    /// The epoch that every reader has passed.
    #[must_use]
    pub fn passed(&self) -> u64 {
        // Pairs with the fence of `Reader::refresh`.
        fence(Ordering::SeqCst);
        let newest = self.epoch();
        let seen = self.domain.slots.iter().map(|s| s.load(Ordering::Acquire));
        seen.filter(|&s| s != FREE && s != OFFLINE)
            .fold(newest, u64::min)
    }

    /// Drops the snapshots that no reader can see any more, and returns the epoch that every
    /// reader has passed.
    pub fn collect(&mut self) -> u64 {
        let passed = self.passed();
        while self
            .retired
            .front()
            .is_some_and(|(epoch, _)| *epoch <= passed)
        {
            self.retired.pop_front();
        }
        passed
    }

    /// Waits until every reader has passed `epoch`, for at most `bound`.
    ///
    /// # Errors
    /// [`Laggards`] names the readers that did not: they hang, or their work between two bursts
    /// takes longer than `bound`.
    pub fn wait(&self, epoch: u64, bound: Duration) -> Result<(), Laggards> {
        let mut start = None;
        let mut tries = 0_u32;
        while self.passed() < epoch {
            tries += 1;
            if tries < 64 {
                std::hint::spin_loop();
                continue;
            }
            if start.get_or_insert_with(Instant::now).elapsed() > bound {
                return Err(Laggards {
                    epoch,
                    slots: self.behind(epoch),
                });
            }
            std::thread::yield_now();
        }
        Ok(())
    }

    fn behind(&self, epoch: u64) -> Vec<usize> {
        let seen = self
            .domain
            .slots
            .iter()
            .map(|s| s.load(Ordering::Acquire))
            .enumerate();
        seen.filter(|&(_, s)| s != FREE && s != OFFLINE && s < epoch)
            .map(|(slot, _)| slot)
            .collect()
    }
}

impl<T> Drop for Publisher<T> {
    fn drop(&mut self) {
        self.collect();
        // A reader that is behind may still look at these.
        self.retired.drain(..).for_each(std::mem::forget);
    }
}

#[cfg(test)]
#[path = "cell_tests.rs"]
mod tests;
