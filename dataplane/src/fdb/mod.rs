//! The forwarding database: which way each Ethernet address of each bridge domain is.
//!
//! One table serves all bridge domains. One thread changes it through an [`Fdb`]; any number of
//! [`FdbReader`]s look up and leave use marks meanwhile, without locks.
//!
//! ```text
//!  key ─ hash ─┬─▶ bucket: ┌─────────────┬─────────────┬─────────────┬─────────────┐  one cache line
//!              │           │ key    word │ key    word │ key    word │ key    word │
//!              └─▶ bucket: └─────────────┴──────│──────┴─────────────┴─────────────┘
//!                                               └ target 32 bits │ generation 16 │ last use 16
//! ```
//!
//! A key is in one of two buckets: the first, or if that was nearly full when it came, the emptier. Entries never move within a table, so
//! a lookup that finds nothing is right to say so. A station that moves is one store of the word.
//! At half load, or when both buckets of a key are full, the writer builds a table of twice the
//! size; workers see it with the next snapshot, and the use marks that they left in the old one
//! meanwhile are taken over by [`Fdb::settle`].
//!
//! Cost: 16 bytes a place, 32 to 64 a MAC, 128 for each of the capacity at most; a lookup reads two
//! cache lines that the burst has prefetched.

mod edit;
mod error;
mod key;
mod second;
mod slot;
mod table;
mod target;

#[cfg(test)]
mod tests;

pub use edit::{Entry, Fdb, Set};
pub use error::FdbError;
pub use key::FdbKey;
pub use second::{SECONDS_MAX, Second};
pub use table::{FdbReader, FdbView, Seen, Sought};
pub use target::FdbTarget;
