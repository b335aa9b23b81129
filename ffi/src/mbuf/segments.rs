//! Packets in several segments.

use super::{Mbuf, RawMbuf, TooShort};
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::slice;

impl Mbuf {
    /// Whether the packet is in one segment, so that [`Mbuf::data`] is all of it.
    #[inline]
    #[must_use]
    pub fn is_contiguous(&self) -> bool {
        self.raw().nb_segs == 1
    }

    /// How many segments the packet has; at least 1.
    #[inline]
    #[must_use]
    pub fn segment_count(&self) -> usize {
        usize::from(self.raw().nb_segs)
    }

    /// The bytes of each segment, in order.
    #[inline]
    #[must_use]
    pub fn segments(&self) -> Segments<'_> {
        Segments {
            next: self.0.as_ptr(),
            left: self.raw().nb_segs,
            packet: PhantomData,
        }
    }

    /// Appends the whole packet to `into`.
    pub fn copy_to(&self, into: &mut Vec<u8>) {
        into.reserve(self.len());
        self.segments()
            .for_each(|segment| into.extend_from_slice(segment));
    }

    /// Copies the bytes from `offset_bytes` on into `into`, across segments.
    ///
    /// # Errors
    ///
    /// The packet ends before `into` is full; `into` is unchanged.
    pub fn read_at(&self, offset_bytes: usize, into: &mut [u8]) -> Result<(), TooShort> {
        let end = offset_bytes.saturating_add(into.len());
        if end > self.len() {
            return Err(TooShort {
                wanted_bytes: end,
                length_bytes: self.len(),
            });
        }
        let (mut skip, mut done) = (offset_bytes, 0);
        for segment in self.segments() {
            let part = segment.get(skip..).unwrap_or_default();
            skip -= skip.min(segment.len());
            let count = part.len().min(into.len() - done);
            into[done..done + count].copy_from_slice(&part[..count]);
            done += count;
            if done == into.len() {
                break;
            }
        }
        Ok(())
    }

    /// Appends another packet's segments to this one.
    ///
    /// # Errors
    ///
    /// Gives `tail` back when one of the two is from the heap and the other is not, or when
    /// together they have more segments (65,535) or bytes (4 GiB) than a packet can.
    pub fn chain(&mut self, tail: Self) -> Result<(), Self> {
        let segments = self.raw().nb_segs.checked_add(tail.raw().nb_segs);
        let length = self.raw().pkt_len.checked_add(tail.raw().pkt_len);
        let (Some(segments), Some(length), true) =
            (segments, length, self.is_heap() == tail.is_heap())
        else {
            return Err(tail);
        };
        let mut last = self.last();
        // SAFETY: the last segment of this packet, which is borrowed exclusively.
        unsafe { last.as_mut() }.next = tail.into_raw().as_ptr();
        let raw = self.raw_mut();
        raw.nb_segs = segments;
        raw.pkt_len = length;
        Ok(())
    }

    /// The last segment.
    #[inline]
    pub(super) fn last(&self) -> NonNull<RawMbuf> {
        let mut place = self.0;
        for _ in 1..self.raw().nb_segs {
            // SAFETY: invariant 3: `place` is a segment, and not the last, so it has a next.
            match NonNull::new(unsafe { place.as_ref() }.next) {
                Some(next) => place = next,
                None => break,
            }
        }
        place
    }
}

/// The segments of a packet, as byte slices. See [`Mbuf::segments`].
#[derive(Clone, Debug)]
pub struct Segments<'a> {
    next: *const RawMbuf,
    /// Counted down rather than following `next` to its end: `next` is in the header's second
    /// cache line, which a packet of one segment need not touch.
    left: u16,
    packet: PhantomData<&'a Mbuf>,
}

impl<'a> Iterator for Segments<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        // SAFETY: invariant 3: as long as `left` was not 0, `next` is a segment of the packet, which
        // is borrowed for 'a.
        let segment = unsafe { &*self.next };
        if self.left > 0 {
            self.next = segment.next;
        }
        // SAFETY: invariant 2.
        Some(unsafe { slice::from_raw_parts(segment.start(), usize::from(segment.data_len)) })
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::from(self.left), Some(usize::from(self.left)))
    }
}

impl ExactSizeIterator for Segments<'_> {}
