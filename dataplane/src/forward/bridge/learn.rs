//! What workers tell the control plane of the sources of frames.

use std::sync::Arc;

use crossbeam::queue::ArrayQueue;

use crate::fdb::FdbKey;
use crate::ids::InterfaceId;

/// How often in a second one station at one place is told of at most.
pub(super) const TOLD_AGAIN_HZ: u64 = 100;
/// Stations that a worker remembers to have told of; a power of two.
const REMEMBERED: usize = 256;

/// A station that is not where the FDB has it, or not in the FDB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Learn {
    /// The station, and its bridge domain.
    pub station: FdbKey,
    /// The member that its frame came in by.
    pub interface: InterfaceId,
}

impl Learn {
    pub(super) const fn new(station: FdbKey, interface: InterfaceId) -> Self {
        Self { station, interface }
    }
}

/// A worker's end of the ring of [`Learn`] records.
///
/// Until the control plane has written the FDB, all frames of a new station look new. So what was
/// told in the last hundredth of a second is not told again.
#[derive(Debug)]
pub(in crate::forward) struct Learner {
    ring: Arc<ArrayQueue<Learn>>,
    told: Box<[Option<(Learn, u64)>]>,
}

impl Learner {
    /// Tells into `ring`.
    pub(in crate::forward) fn new(ring: Arc<ArrayQueue<Learn>>) -> Self {
        Self {
            ring,
            told: vec![None; REMEMBERED].into_boxed_slice(),
        }
    }

    /// Tells of a station, if that was not done less than `hold_ticks` ago. False when the ring is
    /// full.
    pub(super) fn tell(&mut self, learn: Learn, now_ticks: u64, hold_ticks: u64) -> bool {
        let octets = learn.station.mac().octets();
        let mixed = octets.iter().fold(learn.interface.get(), |h, octet| {
            (h ^ u32::from(*octet)).wrapping_mul(0x0100_0193)
        });
        let place = &mut self.told[(mixed >> 8) as usize % REMEMBERED];
        if let Some((told, at)) = place
            && *told == learn
            && now_ticks.wrapping_sub(*at) < hold_ticks
        {
            return true;
        }
        let heard = self.ring.push(learn).is_ok();
        if heard {
            *place = Some((learn, now_ticks));
        }
        heard
    }
}
