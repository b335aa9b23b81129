//! The writer of the FDB.

use std::sync::Arc;

use super::slot::Slot;
use super::table::{Bucket, PLACES, Table};
use super::{FdbError, FdbKey, FdbReader, FdbTarget, Second};

const BUCKETS_MIN: u32 = 64;

/// The one writer of the FDB.
#[derive(Debug)]
pub struct Fdb {
    table: Arc<Table>,
    /// The table before the last growth, in which workers may still leave marks.
    outgrown: Option<Arc<Table>>,
    len: usize,
    capacity: usize,
    buckets_max: u32,
    seed: u64,
    tick_hz: u64,
}

/// An entry as it stands in the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The station.
    pub key: FdbKey,
    /// Which way it is.
    pub target: FdbTarget,
    /// When it last sent a frame from there, or was set.
    pub used: Second,
}

/// What [`Fdb::set`] did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Set {
    /// Which way the station was before.
    pub previous: Option<FdbTarget>,
    /// The table was outgrown: workers see this and later changes only when a snapshot with a new
    /// [`Fdb::reader`] is published.
    pub grown: bool,
}

impl Fdb {
    /// An empty FDB for at most `capacity` entries.
    ///
    /// `seed` spreads the keys; it should not be known outside, so that nobody can choose addresses
    /// that collide. `tick_hz` is the rate of the workers' clock.
    #[must_use]
    pub fn new(capacity: usize, seed: u64, tick_hz: u64) -> Self {
        let buckets_max = u32::try_from(capacity)
            .unwrap_or(u32::MAX)
            .clamp(BUCKETS_MIN, 1 << 26)
            .next_power_of_two();
        Self {
            table: Arc::new(Table::new(BUCKETS_MIN, seed)),
            outgrown: None,
            len: 0,
            capacity,
            buckets_max,
            seed,
            tick_hz,
        }
    }

    /// The workers' view of the table as it is now.
    #[must_use]
    pub fn reader(&self) -> FdbReader {
        FdbReader {
            table: Arc::clone(&self.table),
            tick_hz: self.tick_hz,
        }
    }

    /// How many entries it holds.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many entries it may hold.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// The memory of its table, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.table.places() / PLACES * size_of::<Bucket>()
    }

    /// The entry of a station.
    #[must_use]
    pub fn get(&self, key: FdbKey) -> Option<Entry> {
        let (slot, _) = self.place(key)?;
        entry(slot)
    }

    /// Every entry, in no order.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        let slots = self.table.buckets().iter().flat_map(|b| &b.slots);
        slots.filter_map(entry)
    }

    /// Says which way a station is; a station that is known elsewhere moves.
    ///
    /// # Errors
    /// [`FdbError::Full`] when it is new and there is no place; [`FdbError::Target`]. Nothing has
    /// changed then.
    pub fn set(&mut self, key: FdbKey, target: FdbTarget, now: Second) -> Result<Set, FdbError> {
        let bits = target.encode()?;
        if let Some((slot, previous)) = self.place(key) {
            slot.change(bits, now);
            return Ok(Set {
                previous: Some(previous),
                grown: false,
            });
        }
        if self.len >= self.capacity {
            return Err(self.full());
        }
        let mut grown = false;
        if (self.len + 1) * 2 > self.table.places() {
            grown = self.grow();
        }
        while !insert(&self.table, key, bits, now) {
            if !self.grow() {
                return Err(self.full());
            }
            grown = true;
        }
        self.len += 1;
        Ok(Set {
            previous: None,
            grown,
        })
    }

    /// Forgets a station; returns which way it was.
    pub fn remove(&mut self, key: FdbKey) -> Option<FdbTarget> {
        let (slot, previous) = self.place(key)?;
        slot.take();
        self.len -= 1;
        Some(previous)
    }

    /// Takes over the use marks that workers left in an outgrown table. To be called when every
    /// worker has the new one, and before entries are judged by their age.
    pub fn settle(&mut self) {
        let Some(old) = self.outgrown.take() else {
            return;
        };
        for (key, word) in old
            .buckets()
            .iter()
            .flat_map(|b| &b.slots)
            .filter_map(Slot::entry)
        {
            let Some((slot, current)) = self.table.find(key) else {
                continue;
            };
            if current.target() == word.target() && word.used().since(current.used()) > 0 {
                slot.mark(current, word.used());
            }
        }
    }

    fn place(&self, key: FdbKey) -> Option<(&Slot, FdbTarget)> {
        let (slot, word) = self.table.find(key)?;
        Some((slot, word.target()?))
    }

    const fn full(&self) -> FdbError {
        FdbError::Full {
            entries: self.len,
            capacity: self.capacity,
        }
    }

    /// Moves to a larger table; false when there is none in which all entries find a place.
    fn grow(&mut self) -> bool {
        let mut buckets = self.table.buckets().len() as u32;
        while buckets < self.buckets_max {
            buckets *= 2;
            let larger = Table::new(buckets, self.seed);
            let slots = self.table.buckets().iter().flat_map(|b| &b.slots);
            let all = slots.filter_map(entry).all(|e| {
                e.target
                    .encode()
                    .is_ok_and(|bits| insert(&larger, e.key, bits, e.used))
            });
            if all {
                self.settle();
                self.outgrown = Some(std::mem::replace(&mut self.table, Arc::new(larger)));
                return true;
            }
        }
        false
    }
}

fn entry(slot: &Slot) -> Option<Entry> {
    let (key, word) = slot.entry()?;
    Some(Entry {
        key,
        target: word.target()?,
        used: word.used(),
    })
}

/// How many places of a key's first bucket are left to keys that find their other one full.
const LEFT: usize = 1;

/// Puts a new key into its first bucket, which a lookup reads first, unless that is nearly full and the other one emptier.
/// False when both are full.
fn insert(table: &Table, key: FdbKey, target: u32, used: Second) -> bool {
    let [first, other] = table.pair(key);
    let free = |b: &Bucket| b.slots.iter().filter(|s| s.entry().is_none()).count();
    let room = free(first);
    let bucket = if room > LEFT || room >= free(other) {
        first
    } else {
        other
    };
    match bucket.slots.iter().find(|s| s.entry().is_none()) {
        Some(slot) => {
            slot.put(key, target, used);
            true
        }
        None => false,
    }
}
