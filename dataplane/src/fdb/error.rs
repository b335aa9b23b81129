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
    /// The interface or tunnel has a number beyond the 30 bits that a target has for it.
    #[error("number {0} is beyond what an entry of the forwarding database can name")]
    Target(u32),
}
