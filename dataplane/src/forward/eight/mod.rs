//! Taking in eight frames at a time, where the CPU can.
//!
//! Nearly all packets of a routed port are plain. Whether one is takes some hundred instructions when it is looked at alone, and half
//! of that when eight are looked at together.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(all(test, target_arch = "x86_64"))]
mod tests;

use super::Forwarder;
use super::input::{Arrival, Plain};

impl Forwarder {
    /// Takes packets as [`Forwarder::take_routed`] does, as long as there are eight; answers how many that were.
    #[inline(always)]
    pub(super) fn take_eights<E: Fn(u32) + Copy>(
        &mut self,
        arrival: Arrival<'_, '_>,
        count: usize,
        plain: Plain<E>,
    ) -> usize {
        #[cfg(target_arch = "x86_64")]
        if count >= avx2::WIDTH && avx2::is_possible() {
            // SAFETY: the CPU has AVX2.
            return unsafe { self.take_eights_with_avx2(arrival, count, plain) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (arrival, count, plain);
        0
    }
}
