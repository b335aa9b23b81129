//! The bytes of a packet: reading, growing and shrinking it.

use super::{Mbuf, RawMbuf};
use crate::prefetch;
use std::ptr::{self, NonNull};
use std::slice;

/// A buffer has too little free space on that side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{wanted_bytes} bytes wanted, {room_bytes} free")]
pub struct NoRoom {
    /// What was asked for.
    pub wanted_bytes: usize,
    /// What is there.
    pub room_bytes: usize,
}

/// A packet, or its first segment, is shorter than what was asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{wanted_bytes} bytes wanted, {length_bytes} there")]
pub struct TooShort {
    /// What was asked for.
    pub wanted_bytes: usize,
    /// What is there.
    pub length_bytes: usize,
}

impl RawMbuf {
    /// Where the data begins.
    #[inline]
    pub(super) fn start(&self) -> *mut u8 {
        // SAFETY: invariant 2: there is a buffer.
        unsafe { std::hint::assert_unchecked(!self.buf_addr.is_null()) };
        // SAFETY: `data_off <= buf_len`, so this stays within the buffer or one past it.
        unsafe { self.buf_addr.cast::<u8>().add(usize::from(self.data_off)) }
    }

    #[inline]
    fn free_behind(&self) -> u16 {
        self.buf_len - self.data_off - self.data_len
    }
}

impl Mbuf {
    /// The bytes of the first segment: the whole packet if [`Mbuf::is_contiguous`].
    #[inline]
    #[must_use]
    pub fn data(&self) -> &[u8] {
        let raw = self.raw();
        // SAFETY: invariant 2; the borrow of `self` keeps writers out.
        unsafe { slice::from_raw_parts(raw.start(), usize::from(raw.data_len)) }
    }

    /// The bytes of the first segment, to be changed in place.
    #[inline]
    #[must_use]
    pub fn data_mut(&mut self) -> &mut [u8] {
        let raw = self.raw();
        // SAFETY: invariant 2; invariant 1 and the exclusive borrow keep all others out.
        unsafe { slice::from_raw_parts_mut(raw.start(), usize::from(raw.data_len)) }
    }

    /// The length of the packet over all segments, in bytes.
    #[inline]
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // a packet is not a collection
    pub fn len(&self) -> usize {
        self.raw().pkt_len as usize
    }

    /// Free bytes before the packet.
    #[inline]
    #[must_use]
    pub fn headroom(&self) -> usize {
        usize::from(self.raw().data_off)
    }

    /// Free bytes behind the packet, in its last segment.
    #[inline]
    #[must_use]
    pub fn tailroom(&self) -> usize {
        // SAFETY: `last` answers a segment of this packet.
        usize::from(unsafe { self.last().as_ref() }.free_behind())
    }

    /// Grows the packet at its front and answers the new bytes, whose contents are arbitrary.
    ///
    /// # Errors
    ///
    /// The headroom is smaller than `count_bytes`; the packet is unchanged.
    #[inline]
    pub fn prepend(&mut self, count_bytes: usize) -> Result<&mut [u8], NoRoom> {
        let raw = self.raw_mut();
        if count_bytes > usize::from(raw.data_off) {
            return Err(NoRoom {
                wanted_bytes: count_bytes,
                room_bytes: usize::from(raw.data_off),
            });
        }
        raw.data_off -= count_bytes as u16;
        raw.data_len += count_bytes as u16;
        raw.pkt_len += count_bytes as u32;
        // SAFETY: these are the first `count_bytes` bytes of the data, by the lines above.
        Ok(unsafe { slice::from_raw_parts_mut(raw.start(), count_bytes) })
    }

    /// Removes bytes from the front.
    ///
    /// # Errors
    ///
    /// The first segment is shorter than that; the packet is unchanged. (Headers of a received
    /// packet lie in its first segment; removing more than that is no use of a router.)
    #[inline]
    pub fn trim_front(&mut self, count_bytes: usize) -> Result<(), TooShort> {
        let raw = self.raw_mut();
        if count_bytes > usize::from(raw.data_len) {
            return Err(TooShort {
                wanted_bytes: count_bytes,
                length_bytes: usize::from(raw.data_len),
            });
        }
        raw.data_off += count_bytes as u16;
        raw.data_len -= count_bytes as u16;
        raw.pkt_len -= count_bytes as u32;
        Ok(())
    }

    /// Grows the packet at its end, in its last segment, and answers the new bytes, whose contents
    /// are arbitrary.
    ///
    /// # Errors
    ///
    /// The tailroom is smaller than `count_bytes`; the packet is unchanged.
    #[inline]
    pub fn append(&mut self, count_bytes: usize) -> Result<&mut [u8], NoRoom> {
        let mut last = self.last();
        // SAFETY: a segment of this packet, which is borrowed exclusively.
        let raw = unsafe { last.as_mut() };
        let room = raw.free_behind();
        if count_bytes > usize::from(room) {
            return Err(NoRoom {
                wanted_bytes: count_bytes,
                room_bytes: usize::from(room),
            });
        }
        // SAFETY: `start + data_len` is within the buffer, and `count_bytes` fit behind it.
        let fresh = unsafe {
            slice::from_raw_parts_mut(raw.start().add(usize::from(raw.data_len)), count_bytes)
        };
        raw.data_len += count_bytes as u16;
        self.raw_mut().pkt_len += count_bytes as u32;
        Ok(fresh)
    }

    /// Appends as many of the bytes as the tailroom takes, and answers the others.
    pub(crate) fn append_most<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (now, later) = bytes.split_at(bytes.len().min(self.tailroom()));
        if let Ok(room) = self.append(now.len()) {
            room.copy_from_slice(now);
        }
        later
    }

    /// Cuts the packet to this length and gives segments that are no longer needed back. A packet
    /// that is not longer stays as it is.
    #[inline]
    pub fn truncate(&mut self, length_bytes: usize) {
        if length_bytes >= self.len() {
            return;
        }
        if !self.is_contiguous() {
            return self.truncate_chain(length_bytes);
        }
        let raw = self.raw_mut();
        // The new length is under the old one, which both fields hold.
        raw.data_len = length_bytes as u16;
        raw.pkt_len = length_bytes as u32;
    }

    #[cold]
    fn truncate_chain(&mut self, length_bytes: usize) {
        let (mut left, mut kept, mut place) = (length_bytes, 1, self.0);
        let behind = loop {
            // SAFETY: a segment of this packet, which is borrowed exclusively.
            let segment = unsafe { place.as_mut() };
            if left <= usize::from(segment.data_len) {
                segment.data_len = left as u16;
                break std::mem::replace(&mut segment.next, std::ptr::null_mut());
            }
            left -= usize::from(segment.data_len);
            match NonNull::new(segment.next) {
                Some(next) => place = next,
                // Invariant 3 excludes this: the segments add up to more than `length_bytes`.
                None => return,
            }
            kept += 1;
        };
        let raw = self.raw_mut();
        raw.nb_segs = kept;
        raw.pkt_len = length_bytes as u32;
        if let Some(behind) = NonNull::new(behind) {
            // SAFETY: these segments were this packet's and are cut off from it. Freeing follows
            // `next` only, so the lengths in the first of them do not matter.
            drop(unsafe { Self::from_raw(behind) });
        }
    }

    /// Asks the processor to load the first bytes of the packet.
    #[inline]
    pub fn prefetch_header(&self) {
        prefetch(self.raw().start());
    }

    /// Asks the processor to load the first bytes of packets, as if those of each lay as far from its header as the first one's
    /// do. That is so where one device received them, and else a hint is lost; so nothing is read of the others.
    #[inline(always)]
    pub fn prefetch_alike(places: &[Option<Self>]) {
        let Some(Some(first)) = places.first() else {
            return;
        };
        let distance = first
            .raw()
            .start()
            .addr()
            .wrapping_sub(first.0.addr().get());
        for place in places {
            let header = place
                .as_ref()
                .map_or(ptr::null(), |packet| packet.0.as_ptr());
            prefetch(header.cast::<u8>().wrapping_add(distance));
        }
    }
}
