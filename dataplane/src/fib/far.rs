//! The entries of a root that no near cache holds.

use std::sync::atomic::AtomicU32;

use dpdk_sys::prefetch;

use super::arena::Arena;
use super::lookup::View;

/// The bits of an address that the largest root decides.
const STRIDE: u32 = 24;
const ENTRIES: usize = 1 << STRIDE;

/// An IPv4 table's root of 2^24 entries. It is larger than all caches but the last, so the entry of a key is asked for as
/// soon as the key is known; smaller roots are near anyway.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FarRoot<'a>(&'a [AtomicU32; ENTRIES]);

impl<'a> FarRoot<'a> {
    /// The root of a view, if it is so large.
    pub(crate) fn of(arena: &'a Arena, view: View) -> Option<Self> {
        if view.stride() != STRIDE {
            return None;
        }
        let words = arena.words().get(view.root() as usize..)?;
        words.first_chunk().map(Self)
    }

    /// Starts to load the entry of `key`.
    #[inline(always)]
    pub(crate) fn expect(self, key: u32) {
        let place = key >> (u32::BITS - STRIDE);
        prefetch(&self.0[place as usize]);
    }
}
