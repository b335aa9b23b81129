//! A bounded ring of records whose memory is made once.

use crossbeam::queue::ArrayQueue;

use crate::counters::Counter;

/// Records on their way from one worker to one reader.
///
/// There are as many records as places, and each is in exactly one of the two queues or in the hands
/// of either side, so that giving one on never fails.
#[derive(Debug)]
pub struct Ring<T> {
    free: ArrayQueue<Box<T>>,
    full: ArrayQueue<Box<T>>,
    lost: Counter,
}

impl<T> Ring<T> {
    /// A ring of this many records (at least one), each made by `make`.
    #[must_use]
    pub fn new(records: usize, mut make: impl FnMut() -> T) -> Self {
        let records = records.max(1);
        let (free, full) = (ArrayQueue::new(records), ArrayQueue::new(records));
        for _ in 0..records {
            // There is room: it holds as many.
            drop(free.push(Box::new(make())));
        }
        Self {
            free,
            full,
            lost: Counter::default(),
        }
    }

    /// Fills a free record and gives it to the reader; without one, the record is lost and counted.
    /// Only the worker may call this.
    pub fn put(&self, fill: impl FnOnce(&mut T)) {
        match self.free.pop() {
            Some(mut record) => {
                fill(&mut record);
                drop(self.full.push(record));
            }
            None => self.lost.add(1),
        }
    }

    /// Shows the reader at most `most` records, in order; returns how many there were.
    pub fn drain(&self, most: usize, mut each: impl FnMut(&T)) -> usize {
        let records = std::iter::from_fn(|| self.full.pop()).take(most);
        records
            .map(|record| {
                each(&record);
                drop(self.free.push(record));
            })
            .count()
    }

    /// How many records found no place.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.get()
    }
}
