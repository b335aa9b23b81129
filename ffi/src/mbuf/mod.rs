//! An owned packet buffer.
//!
//! ```text
//!  RawMbuf (128 bytes)          buffer
//! ┌──────────────┐ buf_addr   ┌──────────┬───────────────────┬──────────┐
//! │ lengths,     ├───────────▶│ headroom │ data (data_len)   │ tailroom │
//! │ flags, pool  │            └──────────┴───────────────────┴──────────┘
//! │ next         ├──▶ the packet's next segment, if it has several
//! └──────────────┘
//! ```
//!
//! An [`Mbuf`] is the only way to its packet: not `Clone`, not `Copy`, and dropping it gives every
//! segment back. It is one pointer wide, so a burst is an array of them that DPDK fills and takes
//! directly. Its accessors read the header in place: no call leaves Rust until the buffer is freed.
//!
//! The same type lives on the heap ([`Mbuf::from_heap`]) with no DPDK behind it, so that every
//! stage of the packet path is tested without one. A heap buffer has no pool; a transmit queue
//! refuses it, dropping it frees it.
//!
//! What holds for every `Mbuf`, and what the `unsafe` of this module rests on:
//!
//! 1. the pointer is to a valid header that nothing else refers to (reference count 1);
//! 2. for each segment, `data_off + data_len <= buf_len`, and `buf_addr` points to `buf_len` bytes;
//! 3. `next` leads through exactly `nb_segs` segments, and `pkt_len` is the sum of their lengths;
//! 4. either all segments are from pools, or all from the heap.

mod data;
#[cfg(target_arch = "x86_64")]
mod eight;
mod heap;
mod meta;
mod segments;

#[cfg(test)]
mod tests;

pub use data::{NoRoom, TooShort};
#[cfg(target_arch = "x86_64")]
pub use eight::Eight;
pub(crate) use heap::may_exist as any_on_heap;
pub use meta::{L3Offload, L4Offload, TxOffload};
pub use segments::Segments;

use crate::raw;
use arrayvec::ArrayVec;
use std::fmt;
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};

/// The buffer's header; its layout is proven against DPDK's when the crate is built.
pub(crate) type RawMbuf = raw::shim_mbuf;

/// Free bytes before the data of a fresh buffer.
pub const HEADROOM_BYTES: u16 = raw::SHIM_HEADROOM_BYTES as u16;

/// An owned packet: one buffer, or a chain of them.
#[repr(transparent)]
pub struct Mbuf(NonNull<RawMbuf>);

// SAFETY: an Mbuf owns its segments (invariant 1), and both pools and the heap take buffers back
// from any thread.
unsafe impl Send for Mbuf {}
// SAFETY: through `&Mbuf` one can only read.
unsafe impl Sync for Mbuf {}

impl Mbuf {
    /// Takes over a buffer that DPDK handed out.
    ///
    /// # Safety
    ///
    /// The invariants of the module hold for `raw`, and the caller gives up its ownership.
    #[inline]
    pub(crate) const unsafe fn from_raw(raw: NonNull<RawMbuf>) -> Self {
        Self(raw)
    }

    #[inline]
    fn raw(&self) -> &RawMbuf {
        // SAFETY: invariant 1; the borrow of `self` keeps writers out.
        unsafe { self.0.as_ref() }
    }

    #[inline]
    fn raw_mut(&mut self) -> &mut RawMbuf {
        // SAFETY: invariant 1; the borrow of `self` is exclusive.
        unsafe { self.0.as_mut() }
    }

    /// Whether the buffer is from the heap rather than from a pool.
    #[inline]
    #[must_use]
    pub fn is_heap(&self) -> bool {
        self.raw().pool.is_null()
    }

    /// Gives back a burst of packets at once, which is cheaper than one by one.
    pub fn free_bulk<const N: usize>(burst: &mut ArrayVec<Self, N>) {
        let count = burst.len();
        let place = burst.as_mut_ptr();
        // SAFETY: 0 is never more than the capacity. From here on the burst owns nothing, and each
        // packet is moved out of its place exactly once below.
        unsafe { burst.set_len(0) };
        let mut pooled = 0;
        for i in 0..count {
            // SAFETY: the first `count` places hold packets, and `i` is read once.
            let packet = unsafe { place.add(i).read() };
            if !packet.is_heap() {
                // SAFETY: `pooled <= i`, a place that was already moved out of.
                unsafe { place.add(pooled).write(packet) };
                pooled += 1;
            }
        }
        if pooled > 0 {
            // SAFETY: an Mbuf is one pointer (`repr(transparent)`); the first `pooled` places hold
            // packets from pools, which nobody reads after this call.
            unsafe { raw::rte_pktmbuf_free_bulk(place.cast(), pooled as u32) };
        }
    }

    /// The packets at places of which none is empty, to be changed there.
    #[inline(always)]
    #[must_use]
    pub fn all_mut<const N: usize>(places: &mut [Option<Self>; N]) -> Option<&mut [Self; N]> {
        // Without a branch for each, so that it is done several at a time.
        let are_full = places.iter().fold(true, |all, place| all & place.is_some());
        // SAFETY: an `Option<Mbuf>` is one pointer as an Mbuf is, null for `None`, and none is. What is put into such a place is a
        // packet, which the place can hold.
        are_full.then(|| unsafe { &mut *ptr::from_mut(places).cast() })
    }

    /// Moves packets to the end of a burst. False, and nothing was moved, when a place is empty or the burst has no room for all.
    #[inline(always)]
    #[must_use]
    pub fn move_bulk<const N: usize, const M: usize>(
        places: &mut [Option<Self>; N],
        burst: &mut ArrayVec<Self, M>,
    ) -> bool {
        let length = burst.len();
        let Some(packets) = Self::all_mut(places).filter(|_| M - length >= N) else {
            return false;
        };
        // SAFETY: an `Option<Mbuf>` is one pointer as an Mbuf is, null for `None`. All places hold packets, which are read once,
        // since the places are emptied without a drop. The burst has room for them behind its first `length`.
        unsafe {
            let packets = ptr::from_mut(packets).cast::<[Option<Self>; N]>();
            let end = burst.as_mut_ptr().add(length).cast();
            ptr::copy_nonoverlapping(packets, end, 1);
            packets.write([const { None }; N]);
            burst.set_len(length + N);
        }
        true
    }

    /// Gives up the packet without freeing it.
    #[inline]
    fn into_raw(self) -> NonNull<RawMbuf> {
        ManuallyDrop::new(self).0
    }
}

impl Drop for Mbuf {
    #[inline]
    fn drop(&mut self) {
        if self.is_heap() {
            // SAFETY: invariants 3 and 4: the whole chain is from the heap, and ends here.
            unsafe { heap::free(self.0) };
        } else {
            // SAFETY: invariant 1; the chain goes back to its pools and is not used again.
            unsafe { raw::shim_mbuf_free(self.0.as_ptr()) };
        }
    }
}

impl fmt::Debug for Mbuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mbuf")
            .field("len", &self.len())
            .field("segments", &self.segment_count())
            .field("port", &self.port())
            .field("rss_hash", &self.rss_hash())
            .field("heap", &self.is_heap())
            .finish()
    }
}
