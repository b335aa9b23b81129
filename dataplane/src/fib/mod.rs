//! Longest-prefix match for IPv4 and IPv6, in batches.
//!
//! A [`Trie`] maps prefixes to [`NextHopId`](crate::ids::NextHopId)s. One thread changes it, any number of
//! [`TrieReader`]s look up meanwhile: for a burst each takes a [`View`] of every trie that it needs and
//! calls [`lookup_batch`] or [`lookup_burst`]. All tries share an [`Arena`].
//!
//! ```text
//!  head            root: 2^8, 2^16 or 2^24 entries      node: 256 entries      cell: a prefix that stands alone
//! ┌─────────┐     ┌──────┬──────┬──────┬──────┐        ┌──────┬──────┬──┐     ┌──────────────────────────────┐
//! │ root    │ ──▶ │ leaf │ leaf │ node │ cell │  ──▶   │ leaf │ cell │… │ ──▶ │ key, length, value, fallback │
//! │ default │     └──────┴──────┴──────┴──────┘        └──────┴──────┴──┘     └──────────────────────────────┘
//! └─────────┘
//! ```
//!
//! Leaves are pushed: an entry that is a leaf holds the answer for every key that leads to it; 0 stands for
//! the default route, whose value is in the head. What lies below an entry follows from the number of prefixes
//! longer than the entry: none makes a leaf, one a cell, more a node.
//!
//! Cost: an empty trie takes 1 KiB, a full IPv4 table a root of 64 MiB. A change writes each entry that
//! changes its answer, once: one for a /24 in a big root, 65,536 for a /8. The changes after the one with which a table
//! outgrows its root each build a piece of a new one (see `resize`): some 20 µs more for each, 20 ms in all for 2^24
//! entries. A lookup never waits, and during a change it gives the answer of before or after. `examples/fib_bench.rs` measures all this.

mod alloc;
mod arena;
mod batch;
mod bits;
mod blocks;
mod cell;
mod edit;
mod entry;
mod error;
mod far;
mod key;
mod lookup;
mod pool;
mod resize;
mod ruin;
#[cfg(target_arch = "x86_64")]
mod simd;
pub mod synth;
mod trie;

#[cfg(test)]
mod tests;

pub use arena::{Arena, Capacity, Usage};
pub(crate) use batch::lookup_lane;
pub use batch::{lookup_batch, lookup_burst};
pub use error::{ArenaError, FibError};
pub(crate) use far::FarRoot;
pub use key::Key;
pub use lookup::{TrieReader, View};
pub use ruin::Ruin;
pub use trie::Trie;
