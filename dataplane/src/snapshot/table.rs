//! A table whose copies share what did not change.
//!
//! A snapshot is replaced as a whole, yet most of it stays as it was. `Table` is a spine of shared
//! chunks: copying it copies the spine (one pointer per 64 entries), changing an entry copies one
//! chunk. Reading costs one more load than a plain array, and the spine stays in the first cache.

use std::sync::Arc;

const BITS: usize = 6;
const CHUNK: usize = 1 << BITS;

/// A growing array with cheap copies. Entries that were never set are `T::default()`.
#[derive(Clone, Debug)]
pub struct Table<T> {
    chunks: Vec<Arc<[T; CHUNK]>>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T: Clone + Default> Table<T> {
    /// The entry at `index`; `None` past the end.
    #[inline]
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&T> {
        self.chunks
            .get(index >> BITS)
            .map(|chunk| &chunk[index & (CHUNK - 1)])
    }

    /// Sets the entry at `index`, growing the table to hold it.
    pub fn set(&mut self, index: usize, value: T) {
        let chunk = index >> BITS;
        while self.chunks.len() <= chunk {
            self.chunks
                .push(Arc::new(std::array::from_fn(|_| T::default())));
        }
        Arc::make_mut(&mut self.chunks[chunk])[index & (CHUNK - 1)] = value;
    }

    /// Every entry with its index, in order, those never set included.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        self.chunks
            .iter()
            .flat_map(|chunk| chunk.iter())
            .enumerate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_keeps_its_entries_when_the_original_changes() {
        let mut table = Table::default();
        table.set(3, 30);
        table.set(200, 2000);
        let copy = table.clone();
        table.set(3, 31);
        assert_eq!((table.get(3), copy.get(3)), (Some(&31), Some(&30)));
        assert_eq!(
            (copy.get(4), copy.get(200), copy.get(256)),
            (Some(&0), Some(&2000), None)
        );
        assert!(
            Arc::ptr_eq(&table.chunks[3], &copy.chunks[3]),
            "an untouched chunk is shared"
        );
        assert_eq!(
            copy.iter()
                .filter(|(_, v)| **v != 0)
                .map(|(i, _)| i)
                .collect::<Vec<_>>(),
            [3, 200]
        );
    }
}
