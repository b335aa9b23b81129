//! Writes the paths of the packets of a burst.

use std::sync::Arc;

use dpdk_sys::Mbuf;
use dpdk_sys::clock::tsc;

use super::{Filter, Path, Ring, Step};
use crate::ids::{BURST, InterfaceId};

/// Where a packet's buffer is, which stays the same while headers come and go in front of it.
fn identity(mbuf: &Mbuf) -> usize {
    (mbuf.data().as_ptr() as usize).wrapping_sub(mbuf.headroom())
}

/// One worker's end of a trace.
#[derive(Debug)]
pub struct Tracer {
    ring: Arc<Ring<Path>>,
    filter: Filter,
    /// Packets that fitted, sampled or not.
    fitted: u64,
    /// Slots of the burst whose packets are traced.
    active: u64,
    /// Slots whose packets fitted and were left out by the sampling.
    left_out: u64,
    paths: Box<[(usize, Path); BURST]>,
}

impl Tracer {
    /// Traces what fits the filter, into the ring.
    #[must_use]
    pub fn new(ring: Arc<Ring<Path>>, filter: Filter) -> Self {
        Self {
            ring,
            filter,
            fitted: 0,
            active: 0,
            left_out: 0,
            paths: Box::new(std::array::from_fn(|_| Default::default())),
        }
    }

    /// Forgets the last burst.
    pub(crate) fn next_burst(&mut self) {
        (self.active, self.left_out) = (0, 0);
    }

    /// Begins to trace the packet at `slot` if it fits and is sampled. True when it is traced now.
    pub(crate) fn begin(&mut self, slot: usize, interface: InterfaceId, mbuf: &Mbuf) -> bool {
        let bit = 1 << slot;
        if (self.active | self.left_out) & bit != 0 || !self.filter.fits(interface, mbuf.data()) {
            return false;
        }
        // What is shown only for its reason is sampled when that is known.
        if self.filter.reason.is_none() && !self.is_sampled() {
            self.left_out |= bit;
            return false;
        }
        self.active |= bit;
        let (buffer, path) = &mut self.paths[slot];
        *buffer = identity(mbuf);
        path.restart(tsc(), mbuf.data(), mbuf.len());
        true
    }

    /// Whether the packet at `slot` is traced.
    pub(crate) const fn is_tracing(&self, slot: usize) -> bool {
        self.active >> slot & 1 == 1
    }

    /// Whether `mbuf` is the packet that is traced at `slot`, and no copy of it.
    pub(crate) fn is_at(&self, slot: usize, mbuf: &Mbuf) -> bool {
        self.is_tracing(slot) && self.paths[slot].0 == identity(mbuf)
    }

    /// The slots whose packets are traced.
    pub(crate) fn slots(&self) -> impl Iterator<Item = usize> + use<> {
        let active = self.active;
        (0..BURST).filter(move |slot| active >> slot & 1 == 1)
    }

    /// The interface that took the packet at `slot` last.
    pub(crate) fn taken_by(&self, slot: usize) -> Option<InterfaceId> {
        let steps = self.paths[slot].1.steps.iter().rev();
        let mut taken = steps.filter_map(|step| match step {
            Step::Taken { interface, .. } => Some(*interface),
            _ => None,
        });
        taken.next()
    }

    /// Notes a decision about the packet at `slot`, if it is traced.
    pub(crate) fn note(&mut self, slot: usize, step: Step) {
        if self.is_tracing(slot) {
            self.paths[slot].1.note(step);
        }
    }

    /// Notes the frame that the packet at `slot` leaves as.
    pub(crate) fn leaves_as(&mut self, slot: usize, frame: &[u8]) {
        self.paths[slot].1.sent(frame);
    }

    /// Ends the path of the packet at `slot` and hands it over, if its reason fits.
    pub(crate) fn end(&mut self, slot: usize, step: Step) {
        let bit = 1 << slot;
        if self.active & bit == 0 {
            return;
        }
        self.active &= !bit;
        // Nothing else of it is traced in this burst.
        self.left_out |= bit;
        let reason = match step {
            Step::Punted { reason, .. } => Some(reason.name()),
            Step::Dropped { reason } => Some(reason.name()),
            _ => None,
        };
        let chosen =
            self.filter.reason.is_none() || (self.filter.fits_reason(reason) && self.is_sampled());
        if chosen {
            let path = &mut self.paths[slot].1;
            path.end(step);
            self.ring.put(|record| record.clone_from(path));
        }
    }

    fn is_sampled(&mut self) -> bool {
        let number = self.fitted;
        self.fitted = number.wrapping_add(1);
        number.is_multiple_of(self.filter.sample.get().into())
    }
}
