//! Counters of the table.

/// What a table did since it was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NeighbourStats {
    /// Requests asked for, of both kinds.
    pub requests: u64,
    /// Neighbours that got an address.
    pub resolved: u64,
    /// Neighbours whose address became another one.
    pub changed: u64,
    /// Neighbours that lost their address, for whatever reason.
    pub lost: u64,
    /// Resolutions that ended without an answer.
    pub unanswered: u64,
    /// Entries that gave way to others.
    pub evicted: u64,
    /// Entries that found no room.
    pub table_full: u64,
    /// Claims of our addresses by others.
    pub conflicts: u64,
    /// Packets handed in.
    pub packets: u64,
    /// Packets released to a neighbour.
    pub released: u64,
    /// Packets that failed with an unreachable error.
    pub failed: u64,
    /// Packets dropped by a bound.
    pub dropped: u64,
}
