//! Packet buffers without DPDK: the header and its buffer in one allocation.

use super::{HEADROOM_BYTES, Mbuf, RawMbuf};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, Ordering};

/// One cache line; a heap buffer is a boxed slice of these, which gives it the header's alignment.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; LINE_BYTES]);

const LINE_BYTES: usize = 64;
const HEADER_LINES: usize = size_of::<RawMbuf>() / LINE_BYTES;
const _: () = assert!(
    size_of::<RawMbuf>() == HEADER_LINES * LINE_BYTES
        && align_of::<RawMbuf>() == align_of::<Line>()
);

/// The largest buffer that `buf_len` can say, in whole lines.
const BUFFER_MAX_BYTES: usize = u16::MAX as usize / LINE_BYTES * LINE_BYTES;
/// Free bytes after the data.
const TAILROOM_BYTES: usize = 128;
/// Most headroom, so that a segment always has room for data.
const HEADROOM_MAX_BYTES: usize = 32 * 1024;

impl Mbuf {
    /// A packet on the heap with these bytes, the headroom of a pool's buffer before them, and 128
    /// or more free bytes after them. Frames that exceed one buffer (about 64 KiB) become a chain.
    #[must_use]
    pub fn from_heap(bytes: &[u8]) -> Self {
        Self::heap_with_headroom(HEADROOM_BYTES, bytes)
    }

    /// A packet on the heap with these bytes and this much headroom (at most 32 KiB).
    #[must_use]
    pub fn heap_with_headroom(headroom_bytes: u16, bytes: &[u8]) -> Self {
        let headroom = usize::from(headroom_bytes).min(HEADROOM_MAX_BYTES);
        from_parts(
            headroom,
            bytes.chunks(BUFFER_MAX_BYTES - headroom - TAILROOM_BYTES),
        )
    }

    /// A packet on the heap with one segment for each part. Only the first has headroom.
    ///
    /// Parts are at most 32 KiB long and at most 65,535; what exceeds that is left out.
    #[must_use]
    pub fn heap_chain(parts: &[&[u8]]) -> Self {
        from_parts(
            usize::from(HEADROOM_BYTES),
            parts
                .iter()
                .map(|part| part.get(..HEADROOM_MAX_BYTES).unwrap_or(part)),
        )
    }
}

/// Whether this process ever made a packet on the heap. Who holds one knows of it: it came after the store.
static MADE: AtomicBool = AtomicBool::new(false);

/// Whether there may be packets on the heap.
#[inline]
pub(crate) fn may_exist() -> bool {
    MADE.load(Ordering::Relaxed)
}

fn from_parts<'a>(headroom: usize, mut parts: impl Iterator<Item = &'a [u8]>) -> Mbuf {
    MADE.store(true, Ordering::Relaxed);
    let mut packet = segment(headroom, parts.next().unwrap_or_default());
    for part in parts {
        if packet.chain(segment(0, part)).is_err() {
            break;
        }
    }
    packet
}

/// One segment. The callers keep `headroom + bytes.len() + TAILROOM_BYTES` within a buffer.
fn segment(headroom: usize, bytes: &[u8]) -> Mbuf {
    let buffer_lines = (headroom + bytes.len() + TAILROOM_BYTES).div_ceil(LINE_BYTES);
    let lines = vec![Line([0; LINE_BYTES]); HEADER_LINES + buffer_lines].into_boxed_slice();
    let header = Box::into_raw(lines).cast::<RawMbuf>();
    // SAFETY: the allocation begins with HEADER_LINES lines of the header's size and alignment.
    // All bytes are zero, which is a valid value of each field (null pointers, zero numbers).
    let raw = unsafe { &mut *header };
    raw.refcnt = 1;
    raw.nb_segs = 1;
    raw.port = u16::MAX;
    raw.data_off = headroom as u16;
    raw.buf_len = (buffer_lines * LINE_BYTES) as u16;
    // SAFETY: the buffer begins right behind the header, in the same allocation.
    raw.buf_addr = unsafe { header.add(1) }.cast();
    // SAFETY: a Box is never null. The header is complete and satisfies the invariants with
    // `data_len` 0, and nobody else has the pointer.
    let mut packet = unsafe { Mbuf::from_raw(NonNull::new_unchecked(header)) };
    packet.append_most(bytes);
    packet
}

/// Frees a chain.
///
/// # Safety
///
/// `head` and all that its `next` leads to were made by [`segment`], and are not used again.
#[cold]
pub(super) unsafe fn free(head: NonNull<RawMbuf>) {
    let mut next = head.as_ptr();
    while !next.is_null() {
        let header = next;
        // SAFETY: by the caller's promise this is a header that is still allocated.
        let buf_len = unsafe {
            next = (*header).next;
            (*header).buf_len
        };
        let lines = HEADER_LINES + usize::from(buf_len) / LINE_BYTES;
        // SAFETY: `segment` made this very slice; `buf_len` does not change after that.
        drop(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(header.cast::<Line>(), lines)) });
    }
}
