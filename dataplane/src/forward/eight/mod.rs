//! Taking in eight frames at a time, where the CPU can.
//!
//! Nearly all packets of a routed port are plain. Whether one is takes some hundred instructions when it is looked at alone, and half
//! of that when eight are looked at together.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod load;
#[cfg(all(test, target_arch = "x86_64"))]
mod tests;

use super::Forwarder;
use super::batch::Batch;
use super::egress::PlainLink;
use super::input::{Arrival, Plain};
use super::tx::TxPort;

/// How many packets are taken in or sent together.
pub(super) const WIDTH: usize = 8;

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
        if count >= WIDTH && avx2::is_possible() {
            // SAFETY: the CPU has AVX2.
            return unsafe { self.take_eights_with_avx2(arrival, count, plain) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (arrival, count, plain);
        0
    }
}

impl Batch {
    /// Moves packets into a transmit buffer with room for them as [`Batch::load`] does, with a link header without a tag in the
    /// place of another, as long as there are eight and nothing is unusual about any; answers how many were moved, and the bytes
    /// of their IP packets.
    #[inline(always)]
    pub(super) fn load_eights<const FAMILY: u8>(
        &mut self,
        slots: &[u8],
        tx: &mut TxPort,
        longest_bytes: u16,
        link: PlainLink,
    ) -> (usize, u64) {
        #[cfg(target_arch = "x86_64")]
        if slots.len() >= WIDTH && avx2::is_possible() {
            // SAFETY: the CPU has AVX2.
            let (sent, bytes) =
                unsafe { self.load_rows_with_avx2::<FAMILY>(slots, tx, longest_bytes, link) };
            let rest = &slots[sent..];
            if rest.len() < WIDTH {
                return (sent, bytes);
            }
            // SAFETY: the same.
            let (more, more_bytes) =
                unsafe { self.load_scattered_with_avx2::<FAMILY>(rest, tx, longest_bytes, link) };
            return (sent + more, bytes + more_bytes);
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (slots, tx, longest_bytes, link);
        (0, 0)
    }
}
