//! What the exception path counts.

use std::sync::atomic::{AtomicU64, Ordering};

use bytemuck::zeroed_slice_box;
use ferroute_dataplane::counters::{Counter, MAX_BRIDGES};
use ferroute_dataplane::drops::DropReason;
use ferroute_dataplane::ids::BridgeId;

/// Counters with one writer, the exception thread.
#[derive(Debug)]
pub struct ExceptionCounters {
    /// Packets taken from the punt ring.
    pub taken: Counter,
    /// Of those, given to a twin.
    pub to_twin: Counter,
    /// Of those, ended here for a purpose: answered, learned from.
    pub consumed: Counter,
    /// Of those, sent on after all: released, fragmented, or with options.
    pub forwarded: Counter,
    /// Of those, dropped, by [`DropReason::index`].
    pub drops: [Counter; DropReason::COUNT],
    /// Of those, waiting for a neighbour now.
    pub held: AtomicU64,
    /// Frames that twins' kernels sent.
    pub from_twin: Counter,
    /// Of those, sent on a port.
    pub from_twin_sent: Counter,
    /// Of those, dropped: the interface is down or the inject ring full.
    pub from_twin_dropped: Counter,
    /// Frames that the router made itself: answers, requests, errors.
    pub originated: Counter,
    /// ICMP and ICMPv6 errors sent.
    pub icmp_errors: Counter,
    answered: Box<[Counter]>,
}

impl Default for ExceptionCounters {
    fn default() -> Self {
        Self {
            taken: Counter::default(),
            to_twin: Counter::default(),
            consumed: Counter::default(),
            forwarded: Counter::default(),
            drops: std::array::from_fn(|_| Counter::default()),
            held: AtomicU64::new(0),
            from_twin: Counter::default(),
            from_twin_sent: Counter::default(),
            from_twin_dropped: Counter::default(),
            originated: Counter::default(),
            icmp_errors: Counter::default(),
            // Memory is taken as domains use it.
            answered: zeroed_slice_box(MAX_BRIDGES),
        }
    }
}

impl ExceptionCounters {
    /// Counts a drop.
    pub fn drop_for(&self, reason: DropReason) {
        self.drops[reason.index()].add(1);
    }

    /// Requests for neighbours that were answered in the place of stations of a bridge domain.
    #[must_use]
    pub fn answered(&self, domain: BridgeId) -> &Counter {
        &self.answered[domain.index() % MAX_BRIDGES]
    }

    /// All drops of punted packets. Frames that found no buffer or no room in the inject ring are not
    /// among them: what they carried was accounted for when they were made.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        let of_frames = |reason: &DropReason| {
            matches!(reason, DropReason::NoBuffer | DropReason::InjectRingFull)
        };
        let reasons = DropReason::ALL.iter().filter(|reason| !of_frames(reason));
        reasons.map(|reason| self.drops[reason.index()].get()).sum()
    }

    /// Packets waiting for a neighbour.
    #[must_use]
    pub fn held_now(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }
}
