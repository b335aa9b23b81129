//! The table and its lookup.

use std::sync::Arc;

use super::slot::{Slot, Word};
use super::{FdbKey, FdbTarget, Second};
use crate::fib::prefetch;

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

    /// Where the two buckets of a key are. They differ.
    #[inline(always)]
    fn places_of(&self, key: FdbKey) -> [u32; 2] {
        let (one, other) = key.hash(self.seed);
        let one = one & self.mask;
        let mut other = other & self.mask;
        if other == one {
            other ^= 1;
        }
        [one, other]
    }

    /// The two buckets of a key.
    #[inline]
    pub(super) fn pair(&self, key: FdbKey) -> [&Bucket; 2] {
        self.places_of(key)
            .map(|place| &self.buckets[place as usize])
    }

    #[inline]
    pub(super) fn find(&self, key: FdbKey) -> Option<(&Slot, Word)> {
        let places = self.places_of(key);
        self.find_at(&Sought { key, places })
    }

    #[inline]
    fn find_at(&self, sought: &Sought) -> Option<(&Slot, Word)> {
        for place in sought.places {
            for slot in &self.buckets.get(place as usize)?.slots {
                if let Some(word) = slot.find(sought.key) {
                    return Some((slot, word));
                }
            }
        }
        None
    }
}

/// A key that is about to be looked up, and where that is to be done: found out once, when it starts to be loaded.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sought {
    key: FdbKey,
    places: [u32; 2],
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

    /// Starts to load what a lookup of this key reads.
    #[inline]
    #[must_use]
    pub fn seek(&self, key: FdbKey) -> Sought {
        let places = self.table.places_of(key);
        for bucket in places
            .iter()
            .filter_map(|p| self.table.buckets.get(*p as usize))
        {
            prefetch(bucket);
        }
        Sought { key, places }
    }

    /// Which way a station is.
    #[inline]
    #[must_use]
    pub fn find(&self, key: FdbKey) -> Option<FdbTarget> {
        self.table.find(key)?.1.target()
    }

    /// Which way a station is that this reader was told to [`seek`](Self::seek).
    #[inline]
    #[must_use]
    pub fn found(&self, sought: &Sought) -> Option<FdbTarget> {
        self.table.find_at(sought)?.1.target()
    }

    /// Notes that a station, which this reader was told to [`seek`](Self::seek), sent a frame from `target`, at most once a
    /// second, and says whether the FDB has it there.
    #[inline]
    #[must_use]
    pub fn see(&self, station: &Sought, target: FdbTarget, now: Second) -> Seen {
        let Some((slot, word)) = self.table.find_at(station) else {
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
