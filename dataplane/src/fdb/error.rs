//! Why the FDB did not take an entry.

/// Why the FDB did not take an entry. What it had stays as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FdbError {
    /// It holds as many entries as it may.
    #[error("the forwarding database is full with {entries} entries of {capacity}")]
    Full {
        /// The entries that it holds.
        entries: usize,
        /// The entries that it may hold.
        capacity: usize,
    },
    /// The interface, tunnel or segment has a number that an entry cannot have.
    #[error("number {0} is not one that an entry of the forwarding database can name")]
    Target(u32),
}
