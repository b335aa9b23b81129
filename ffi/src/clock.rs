//! The processor's cycle counter.

use crate::eal::Eal;
use crate::raw;

/// The cycle counter, in cycles. It does not order the instructions around it, and costs 10 ns or so.
#[inline]
#[must_use]
pub fn tsc() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every processor that DPDK runs on has the instruction, and it changes nothing.
    unsafe {
        std::arch::x86_64::_rdtsc()
    }
    #[cfg(not(target_arch = "x86_64"))]
    // SAFETY: reads a counter.
    unsafe {
        raw::shim_tsc()
    }
}

/// Cycles per second of [`tsc`], which DPDK measured when it started.
#[must_use]
pub fn tsc_hz(_eal: &Eal) -> u64 {
    // SAFETY: reads a variable that the start of DPDK set.
    unsafe { raw::rte_get_tsc_hz() }
}
