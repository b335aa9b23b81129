//! The table and its lookup.

use std::hint::select_unpredictable;
use std::sync::Arc;

use dpdk_sys::prefetch;

use super::slot::{Slot, Word};
use super::{FdbKey, FdbTarget, Second};
use crate::ids::InterfaceId;

/// Places in one bucket: one cache line of them.
pub(super) const PLACES: usize = 4;

/// A cache line of places.
#[derive(Debug)]
#[cfg_attr(not(loom), derive(bytemuck::Zeroable))]
#[repr(C, align(64))]
pub(super) struct Bucket {
    pub(super) slots: [Slot; PLACES],
}

/// A table of one size.
#[derive(Debug)]
pub(super) struct Table {
    buckets: Box<[Bucket]>,
    /// The number of buckets, a power of two, less one.
    mask: u32,
    seed: u64,
}

impl Table {
    /// An empty table of `buckets`, a power of two of at least 2.
    pub(super) fn new(buckets: u32, seed: u64) -> Self {
        let count = buckets as usize;
        Self {
            #[cfg(not(loom))]
            buckets: bytemuck::zeroed_slice_box(count),
            #[cfg(loom)]
            buckets: (0..count)
                .map(|_| Bucket {
                    slots: std::array::from_fn(|_| Slot::new()),
                })
                .collect(),
            mask: buckets - 1,
            seed,
        }
    }

    pub(super) fn places(&self) -> usize {
        self.buckets.len() * PLACES
    }

    pub(super) fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    /// The two buckets of a key.
    #[inline]
    pub(super) fn pair(&self, key: FdbKey) -> [&Bucket; 2] {
        let hash = key.hash(self.seed);
        let view = self.view();
        [view.first(hash), view.other(hash)].map(|place| &self.buckets[place])
    }

    #[inline]
    pub(super) fn find(&self, key: FdbKey) -> Option<(&Slot, Word)> {
        let hash = key.hash(self.seed);
        self.view().find(&Sought { key, hash })
    }

    #[inline(always)]
    pub(super) const fn view(&self) -> FdbView<'_> {
        FdbView {
            buckets: &self.buckets,
            mask: self.mask,
            seed: self.seed,
        }
    }
}

/// The table as it is looked up for a whole burst, by values that stay in registers: behind an acquire load, the compiler
/// must read again all that is in memory.
#[derive(Clone, Copy, Debug)]
pub struct FdbView<'t> {
    buckets: &'t [Bucket],
    mask: u32,
    seed: u64,
}

impl<'t> FdbView<'t> {
    /// Where the first bucket of a key is.
    #[inline(always)]
    const fn first(self, hash: u64) -> usize {
        (hash as u32 & self.mask) as usize
    }

    /// Where the other bucket of a key is.
    #[inline(always)]
    const fn other(self, hash: u64) -> usize {
        let other = ((hash >> 32) as u32 & self.mask) as usize;
        if other == self.first(hash) {
            other ^ 1
        } else {
            other
        }
    }

    #[inline(always)]
    fn find(self, sought: &Sought) -> Option<(&'t Slot, Word)> {
        let slot = seeming(
            &self.buckets.get(self.first(sought.hash))?.slots,
            sought.key,
        )
        .or_else(|| elsewhere(self.buckets, self.other(sought.hash), sought.key))?;
        Some((slot, slot.find(sought.key)?))
    }

    /// Starts to load what a lookup of this key reads.
    #[inline(always)]
    #[must_use]
    pub fn seek(self, key: FdbKey) -> Sought {
        let hash = key.hash(self.seed);
        // Whether both are one and the same is left to the lookup.
        for place in [self.first(hash), self.first(hash >> 32)] {
            if let Some(bucket) = self.buckets.get(place) {
                prefetch(bucket);
            }
        }
        Sought { key, hash }
    }

    /// Which way a station is that was to be [sought](Self::seek).
    #[inline(always)]
    #[must_use]
    pub fn found(self, sought: &Sought) -> Option<FdbTarget> {
        self.find(sought)?.1.target()
    }

    /// Whether a station that was to be [sought](Self::seek) is behind `member`, and its use in this second is noted already.
    #[inline(always)]
    #[must_use]
    pub fn is_here(self, station: &Sought, member: InterfaceId, now: Second) -> bool {
        let Ok(target) = FdbTarget::Interface(member).encode() else {
            return false;
        };
        self.find(station)
            .is_some_and(|(_, word)| word.is_used_at(target, now))
    }
}

/// The place of a key that its first bucket does not have.
#[inline(never)]
fn elsewhere(buckets: &[Bucket], place: usize, key: FdbKey) -> Option<&Slot> {
    seeming(&buckets.get(place)?.slots, key)
}

/// The place that seems to have the key. Which of them that is is anybody's guess, so the CPU is not left to guess: all are
/// compared, without a branch. An entry that comes and goes meanwhile may be missed: for a moment it was not there.
#[inline(always)]
pub(super) fn seeming(slots: &[Slot], key: FdbKey) -> Option<&Slot> {
    slots.iter().fold(None, |found, slot| {
        select_unpredictable(slot.seems(key), Some(slot), found)
    })
}

/// A key that is about to be looked up, and its hash: found out once, when it starts to be loaded.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sought {
    key: FdbKey,
    hash: u64,
}

impl Sought {
    /// The key itself.
    #[inline(always)]
    #[must_use]
    pub const fn key(&self) -> FdbKey {
        self.key
    }
}

/// A worker's view of the FDB. Clones are views of the same table.
#[derive(Clone, Debug)]
pub struct FdbReader {
    pub(super) table: Arc<Table>,
    pub(super) tick_hz: u64,
}

/// What the FDB knew of the source of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seen {
    /// It is where the frame came from. The use is noted.
    Here,
    /// It is elsewhere.
    Elsewhere(FdbTarget),
    /// It is not known.
    Nowhere,
}

impl FdbReader {
    /// The rate of the workers' clock, in ticks a second.
    #[inline]
    #[must_use]
    pub const fn tick_hz(&self) -> u64 {
        self.tick_hz
    }

    /// The second of a time of the workers' clock.
    #[inline]
    #[must_use]
    pub const fn second(&self, now_ticks: u64) -> Second {
        Second::of(now_ticks, self.tick_hz)
    }

    /// The table as it is now, for the lookups of a burst.
    #[inline(always)]
    #[must_use]
    pub fn view(&self) -> FdbView<'_> {
        self.table.view()
    }

    /// Which way a station is.
    #[inline]
    #[must_use]
    pub fn find(&self, key: FdbKey) -> Option<FdbTarget> {
        self.table.find(key)?.1.target()
    }

    /// Notes that a station, which was to be [sought](FdbView::seek), sent a frame from `target`, at most once a
    /// second, and says whether the FDB has it there.
    #[inline]
    #[must_use]
    pub fn see(&self, station: &Sought, target: FdbTarget, now: Second) -> Seen {
        let Some((slot, word)) = self.view().find(station) else {
            return Seen::Nowhere;
        };
        match word.target() {
            Some(known) if known == target => {
                if word.used() != now {
                    slot.mark(word, now);
                }
                Seen::Here
            }
            Some(known) => Seen::Elsewhere(known),
            None => Seen::Nowhere,
        }
    }
}
