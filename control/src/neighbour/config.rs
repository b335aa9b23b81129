//! The constants of neighbour discovery and the bounds of the table.

const SECOND_NS: u64 = 1_000_000_000;

/// Times and bounds of a [`super::NeighbourTable`]. The default is RFC 4861 section 10 where it
/// names a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeighbourConfig {
    /// Mean time for which a confirmation holds; each is drawn between half and one and a half of
    /// it (ReachableTime, RFC 4861 section 6.3.2).
    pub reachable_base_ns: u64,
    /// How long a used stale neighbour may be confirmed by others before it is probed
    /// (DELAY_FIRST_PROBE_TIME).
    pub delay_ns: u64,
    /// Least time between two requests to one destination (RetransTimer; RFC 1122 section 2.3.2.1
    /// asks for at least one second). 0 counts as 1.
    pub retransmit_ns: u64,
    /// Multicast or broadcast requests before resolution fails (MAX_MULTICAST_SOLICIT). 0 counts
    /// as 1.
    pub multicast_requests: u8,
    /// Unicast requests before a known neighbour is lost (MAX_UNICAST_SOLICIT). 0 counts as 1.
    pub unicast_requests: u8,
    /// How long a neighbour that did not answer is not asked again; doubles with each further
    /// failure.
    pub hold_down_min_ns: u64,
    /// The longest hold-down.
    pub hold_down_max_ns: u64,
    /// How long a stale entry that nobody uses is kept.
    pub stale_keep_ns: u64,
    /// How long a failed entry that nobody asks for is kept.
    pub failed_keep_ns: u64,
    /// Most packets that wait for one neighbour.
    pub hold_packets: usize,
    /// Most bytes that wait for all neighbours together.
    pub hold_bytes: usize,
    /// Most entries of one interface that traffic made: neither wanted nor permanent.
    pub max_learned: usize,
    /// Most wanted keys and permanent entries of one interface together.
    pub max_configured: usize,
    /// Least time between two events of the same kind about the same thing.
    pub event_interval_ns: u64,
}

impl Default for NeighbourConfig {
    fn default() -> Self {
        Self {
            reachable_base_ns: 30 * SECOND_NS,
            delay_ns: 5 * SECOND_NS,
            retransmit_ns: SECOND_NS,
            multicast_requests: 3,
            unicast_requests: 3,
            hold_down_min_ns: SECOND_NS,
            hold_down_max_ns: 16 * SECOND_NS,
            stale_keep_ns: 300 * SECOND_NS,
            failed_keep_ns: 60 * SECOND_NS,
            hold_packets: 8,
            hold_bytes: 4 << 20,
            max_learned: 8192,
            max_configured: 8192,
            event_interval_ns: 10 * SECOND_NS,
        }
    }
}

/// A small generator for spreading timers (SplitMix64): no secrets come from it.
#[derive(Debug)]
pub(super) struct Jitter(u64);

impl Jitter {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A time between half and one and a half of `base_ns`.
    pub(super) fn around(&mut self, base_ns: u64) -> u64 {
        base_ns / 2 + self.next() % base_ns.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::Jitter;

    #[test]
    fn jitter_stays_between_half_and_one_and_a_half_and_spreads() {
        let mut jitter = Jitter::new(7);
        let drawn: Vec<u64> = (0..1000).map(|_| jitter.around(1000)).collect();
        assert!(drawn.iter().all(|d| (500..1500).contains(d)));
        assert!(drawn.iter().any(|d| *d < 600) && drawn.iter().any(|d| *d > 1400));
        assert_eq!(jitter.around(0), 0);
    }
}
