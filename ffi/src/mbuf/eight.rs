//! Eight received packets at once, with AVX2.
//!
//! A driver writes what it knows of a packet into 32 bytes of its header, one behind the other. That of eight is looked at
//! together here, and leads to their first bytes.

use super::{Mbuf, RawMbuf};
use crate::raw;
use std::arch::x86_64::*;
use std::mem::offset_of;
use std::ptr;

/// Eight packets that lie alike: each is in one piece, of `L` bytes at least, from the same place of its buffer on, and no tag was
/// taken off it.
#[derive(Clone, Copy, Debug)]
pub struct Eight<'p, const L: usize> {
    /// The first bytes of each.
    pub heads: [&'p [u8; L]; 8],
    /// The length of each in bytes.
    pub lengths: __m256i,
}

/// Where the two halves of what drivers write start.
const FRONT: usize = offset_of!(RawMbuf, data_off);
const BACK: usize = offset_of!(RawMbuf, packet_type);
/// The word of the second half whose lower half is the length of a segment.
const LENGTH_WORD: usize = (offset_of!(RawMbuf, data_len) - BACK) / 4;
const _: () = assert!(
    BACK == FRONT + 16 && LENGTH_WORD == 2 && offset_of!(RawMbuf, data_len).is_multiple_of(4)
);

/// A value of a field of the first half, in its place.
const fn field(offset: usize, value: u64) -> u128 {
    (value as u128) << (8 * (offset - FRONT))
}

const HEADROOM: u128 = field(offset_of!(RawMbuf, data_off), u16::MAX as u64);
/// What of the first half matters.
const MASK: u128 = HEADROOM
    | field(offset_of!(RawMbuf, nb_segs), u16::MAX as u64)
    | field(offset_of!(RawMbuf, ol_flags), raw::SHIM_RX_VLAN_STRIPPED);
/// What that is, but for the headroom.
const PLAIN: u128 = field(offset_of!(RawMbuf, nb_segs), 1);

impl Mbuf {
    /// The packets at eight places, if all are there and lie alike, as nearly all do that one device received.
    ///
    /// # Safety
    ///
    /// The CPU has AVX2.
    #[target_feature(enable = "avx2")]
    #[inline]
    #[must_use]
    pub fn eight<const L: usize>(places: &[Option<Self>; 8]) -> Option<Eight<'_, L>> {
        let [a, b, c, d, e, f, g, h] = places;
        let packets = [
            a.as_ref()?,
            b.as_ref()?,
            c.as_ref()?,
            d.as_ref()?,
            e.as_ref()?,
            f.as_ref()?,
            g.as_ref()?,
            h.as_ref()?,
        ];
        let first = packets[0];
        let expected = _mm_or_si128(
            _mm_and_si128(half::<FRONT>(first), bits(HEADROOM)),
            bits(PLAIN),
        );
        let mut other = _mm_setzero_si128();
        let mut least = _mm_set1_epi32(-1);
        for packet in packets {
            other = _mm_or_si128(other, _mm_xor_si128(half::<FRONT>(packet), expected));
            least = _mm_min_epu16(least, half::<BACK>(packet));
        }
        let least_bytes = _mm_extract_epi16::<{ 2 * LENGTH_WORD as i32 }>(least);
        if _mm_testz_si128(other, bits(MASK)) == 0 || (least_bytes as usize) < L {
            return None;
        }
        let headroom = usize::from(first.raw().data_off);
        let [a, b, c, d, e, f, g, h] = packets;
        // SAFETY: the headroom is that of each, and each has `L` bytes behind it.
        let heads = unsafe {
            [
                a.head_behind(headroom),
                b.head_behind(headroom),
                c.head_behind(headroom),
                d.head_behind(headroom),
                e.head_behind(headroom),
                f.head_behind(headroom),
                g.head_behind(headroom),
                h.head_behind(headroom),
            ]
        };
        let (ab, cd) = (
            _mm256_unpackhi_epi32(pair(a, e), pair(b, f)),
            _mm256_unpackhi_epi32(pair(c, g), pair(d, h)),
        );
        let lengths = _mm256_and_si256(_mm256_unpacklo_epi64(ab, cd), _mm256_set1_epi32(0xffff));
        Some(Eight { heads, lengths })
    }

    /// The first bytes of the packet.
    ///
    /// # Safety
    ///
    /// `headroom_bytes` is its headroom, and the first segment has `L` bytes.
    #[inline(always)]
    unsafe fn head_behind<const L: usize>(&self, headroom_bytes: usize) -> &[u8; L] {
        let buffer = self.raw().buf_addr.cast::<u8>();
        // SAFETY: invariant 2: these bytes are in the buffer; the borrow of `self` keeps writers out.
        unsafe { &*buffer.add(headroom_bytes).cast() }
    }
}

/// Sixteen bytes of the header.
#[target_feature(enable = "avx2")]
#[inline]
fn half<const AT: usize>(packet: &Mbuf) -> __m128i {
    const { assert!(AT + 16 <= size_of::<RawMbuf>()) };
    // SAFETY: the header is valid (invariant 1) and has these bytes, all of which are initialized.
    unsafe { _mm_loadu_si128(ptr::from_ref(packet.raw()).byte_add(AT).cast()) }
}

/// The second halves of two packets.
#[target_feature(enable = "avx2")]
#[inline]
fn pair(low: &Mbuf, high: &Mbuf) -> __m256i {
    _mm256_setr_m128i(half::<BACK>(low), half::<BACK>(high))
}

#[target_feature(enable = "avx2")]
#[inline]
fn bits(bits: u128) -> __m128i {
    _mm_set_epi64x((bits >> 64) as i64, bits as i64)
}
