//! The neighbour table: who answers for an address on a link (ARP, RFC 826; neighbour unreachability
//! detection, RFC 4861 section 7.3, for both families).
//!
//! [`NeighbourTable`] is a state machine without I/O. Its owner feeds it what came ([`ArpSeen`],
//! [`AdvertisementSeen`], packets that wait for an address, the time) and carries out the
//! [`Effect`]s that it pushes into a buffer. Time is `now_ns`, a monotonic clock in nanoseconds
//! that never runs backwards between two calls.
//!
//! ```text
//!             hold / want                 answer                    reachable time over
//!   (absent) ────────────► Incomplete ───────────► Reachable ──────────────────────► Stale
//!                           │      ▲                   ▲                    in use │  │ unused
//!        3 requests at 1 s  ▼      │ hold-down over    │ answer                   ▼  ▼
//!                          Failed ─┘                   └── Probe ◄── 5 s ── Delay  (absent)
//!                                      3 unicast requests unanswered: Lost, then (absent)
//! ```
//!
//! What it promises:
//! * at most one request per destination and retransmission time (1 s), also when an entry is
//!   deleted and made anew in between;
//! * every packet that goes in comes out once: released in order, failed, dropped with a reason, or
//!   still held;
//! * memory is bounded: entries per interface, packets per neighbour, bytes over all.
//!
//! An adjacency in use is verified while traffic goes on: from Stale to Probe the address stays
//! valid, and only unanswered probes take it away. Each operation costs O(log n) in the entries.

mod admin;
mod announce;
mod config;
mod cooling;
mod effect;
mod entry;
mod held;
mod hold;
mod key;
mod learn;
mod machine;
mod stats;
mod store;
mod table;

pub use admin::ConfiguredFull;
pub use announce::Announcer;
pub use config::NeighbourConfig;
pub use effect::{Discard, Effect, Loss, NeighbourEvent, Request};
pub use entry::NeighbourState;
pub use key::NeighbourKey;
pub use learn::{AdvertisementSeen, ArpOperation, ArpSeen};
pub use stats::NeighbourStats;
pub use table::{Neighbour, NeighbourTable};

#[cfg(test)]
mod proptests;
#[cfg(test)]
mod tests;
