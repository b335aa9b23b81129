//! Eight frames with AVX2: which of them are plain packets for an interface.
//!
//! What makes a packet plain is said by `Batch::take_plain`, which looks at one after the other. Here the headers of eight are
//! turned over, so that a register has the same word of all of them, and each check is made once for all.

use std::arch::x86_64::*;

use bytemuck::must_cast;
use dpdk_sys::{Eight, Mbuf};

use super::WIDTH;
use crate::forward::Forwarder;
use crate::forward::batch::{Batch, Facts, Flags};
use crate::forward::input::{Arrival, Plain, trim};
use crate::ids::BURST;
use crate::wire::Header;
use crate::wire::ethernet::EthernetHeader;
use crate::wire::ipv4::Ipv4Header;
use crate::wire::ipv6::Ipv6Header;

/// As far as frames are looked at, in bytes: to the end of an IPv6 header.
const REACH: usize = EthernetHeader::LEN + Ipv6Header::LEN;
/// The flag of packets whose lifetime has run out, in the third word of their facts.
const EXPIRED: u32 = (Flags::EXPIRED.bits() as u32) << 24;
/// Where an IPv6 destination starts in a frame.
const IPV6_DESTINATION: usize = EthernetHeader::LEN + 24;

/// Eight frames.
type Frames = [Option<Mbuf>; WIDTH];

/// Their first octets.
type Heads<'f> = [&'f [u8; REACH]; WIDTH];

/// What was found out about eight frames. The first has the lowest bit.
struct Judged {
    /// Which are plain IPv4 packets.
    ipv4: u8,
    /// Which are plain IPv6 packets.
    ipv6: u8,
    /// Whether one of these has padding behind it.
    has_padding: bool,
    /// The length of each frame in bytes.
    frame_bytes: __m256i,
}

/// Whether the CPU has what is needed.
#[inline(always)]
pub(super) fn is_possible() -> bool {
    is_x86_feature_detected!("avx2")
}

/// Looks at eight frames for the interface with an Ethernet address, and writes down the facts of those that are plain, which have
/// the rest in common, and where each goes, by its family. `None` if one of the frames is none with which this can be done: it is
/// short, in several pieces, of a VLAN or by its first octets for somebody else. (As a part of its caller it has too few registers.)
#[target_feature(enable = "avx2")]
#[inline(never)]
fn judge(
    frames: &Frames,
    facts: &mut [Facts; WIDTH],
    ipv4_keys: &mut [u32; WIDTH],
    ipv6_keys: &mut [u128; WIDTH],
    mac_bits: u64,
    common: Facts,
) -> Option<Judged> {
    let Eight { heads, lengths } = Mbuf::eight::<REACH>(frames)?;
    if !heads
        .iter()
        .all(|[a, b, ..]| u16::from_le_bytes([*a, *b]) == mac_bits as u16)
    {
        return None;
    }
    // From the third octet of the frame on, so that the words of an IPv4 header are whole.
    let [to, from, from_and_type, ip_0] = turn(each(heads, |head| octets::<2>(head)));
    let [ip_1, ip_2, ip_3, ip_4] = turn(each(heads, |head| octets::<18>(head)));
    let carried = _mm256_sub_epi32(lengths, all(EthernetHeader::LEN as u32));

    // The EtherType beside the octet of the version.
    let kind = _mm256_blend_epi16::<0b1010_1010>(ip_0, from_and_type);

    let is_ours = || {
        let ours = _mm256_cmpeq_epi32(to, all((mac_bits >> 16) as u32));
        _mm256_and_si256(ours, is_station(from, from_and_type))
    };
    let of_ipv4 = is(kind, 0xffff_00ff, 0x0008_0045);
    let none = _mm256_setzero_si256();
    let (mut ip_bytes, mut aged, mut expired, mut is_ipv4) = (none, none, none, none);
    // Mostly all are of one family, and what only the other wants is left out.
    if _mm256_testz_si256(of_ipv4, of_ipv4) == 0 {
        ip_bytes = _mm256_shuffle_epi8(ip_0, big_endian::<2>());
        aged = aged_ipv4(ip_2);
        expired = is(ip_2, 0xfe, 0);
        let (front, back) = (add_pair(ip_0, ip_1), add_pair(ip_2, ip_3));
        let sum = _mm256_add_epi32(_mm256_add_epi32(front, back), add_halves(ip_4));
        is_ipv4 = every([
            is_ours(),
            of_ipv4,
            _mm256_cmpgt_epi32(ip_bytes, all(Ipv4Header::LEN as u32 - 1)),
            is_right_sum(sum),
            are_unicast(ip_3, ip_4),
        ]);
        is_ipv4 = _mm256_andnot_si256(_mm256_cmpgt_epi32(ip_bytes, carried), is_ipv4);
    }
    let (mut ipv4, mut ipv6) = (u8::MAX, 0);
    if _mm256_testc_si256(is_ipv4, all(u32::MAX)) == 0 {
        let is_ipv6 = every([
            is_ours(),
            is(kind, 0xffff_00f0, 0xdd86_0060),
            // Global unicast, 2000::/3.
            is(ip_2, 0xe0, 0x20),
        ]);
        let payload_bytes = _mm256_shuffle_epi8(ip_1, big_endian::<0>());
        let ipv6_bytes = _mm256_add_epi32(payload_bytes, all(Ipv6Header::LEN as u32));
        ip_bytes = _mm256_blendv_epi8(ip_bytes, ipv6_bytes, is_ipv6);
        let hop_limit = _mm256_srli_epi32::<24>(ip_1);
        let aged_ipv6 = _mm256_and_si256(_mm256_sub_epi32(hop_limit, all(1)), all(0xff));
        aged = _mm256_blendv_epi8(aged, aged_ipv6, is_ipv6);
        expired = _mm256_blendv_epi8(expired, is(hop_limit, 0xfe, 0), is_ipv6);
        let is_ipv6 = _mm256_andnot_si256(_mm256_cmpgt_epi32(ip_bytes, carried), is_ipv6);
        let are_global;
        (*ipv6_keys, are_global) =
            ipv6_destinations(each(heads, |head| octets::<IPV6_DESTINATION>(head)));
        let is_ipv6 = _mm256_and_si256(are_global, is_ipv6);
        (ipv4, ipv6) = (signs(is_ipv4), signs(is_ipv6));
    }
    *ipv4_keys = must_cast(_mm256_shuffle_epi8(ip_4, swapped()));
    // Length, offset and flags are the third word of the facts.
    let offset = all((EthernetHeader::LEN as u32) << 16);
    let flags = _mm256_and_si256(expired, all(EXPIRED));
    let thirds = _mm256_or_si256(_mm256_or_si256(ip_bytes, offset), flags);
    *facts = with(common, thirds, aged);
    Some(Judged {
        ipv4,
        ipv6,
        has_padding: _mm256_testz_si256(_mm256_cmpgt_epi32(carried, ip_bytes), all(u32::MAX)) == 0,
        frame_bytes: lengths,
    })
}

/// Sixteen octets of a frame from a place on.
#[target_feature(enable = "avx2")]
#[inline]
fn octets<const AT: usize>(head: &[u8; REACH]) -> __m128i {
    let octets = head.get(AT..).and_then(<[u8]>::first_chunk);
    must_cast(octets.map_or([0; 16], |octets| *octets))
}

/// The same of each frame. (What the library has for this is not made one with its caller, which has another instruction set.)
#[target_feature(enable = "avx2")]
#[inline]
fn each(
    [a, b, c, d, e, f, g, h]: Heads<'_>,
    of: impl Fn(&[u8; REACH]) -> __m128i,
) -> [__m128i; WIDTH] {
    [of(a), of(b), of(c), of(d), of(e), of(f), of(g), of(h)]
}

/// From four words of each frame to a register for each word, in the order of the frames.
#[target_feature(enable = "avx2")]
#[inline]
fn turn([a, b, c, d, e, f, g, h]: [__m128i; WIDTH]) -> [__m256i; 4] {
    let (a, b) = (pair(a, e), pair(b, f));
    let (c, d) = (pair(c, g), pair(d, h));
    let (low_ab, high_ab) = (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
    let (low_cd, high_cd) = (_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
    [
        _mm256_unpacklo_epi64(low_ab, low_cd),
        _mm256_unpackhi_epi64(low_ab, low_cd),
        _mm256_unpacklo_epi64(high_ab, high_cd),
        _mm256_unpackhi_epi64(high_ab, high_cd),
    ]
}

#[target_feature(enable = "avx2")]
#[inline]
fn pair(low: __m128i, high: __m128i) -> __m256i {
    _mm256_setr_m128i(low, high)
}

impl Forwarder {
    /// See [`Forwarder::take_eights`].
    #[target_feature(enable = "avx2")]
    pub(super) fn take_eights_with_avx2<E: Fn(u32) + Copy>(
        &mut self,
        arrival: Arrival<'_, '_>,
        count: usize,
        plain: Plain<E>,
    ) -> usize {
        let whole = count.min(BURST) / WIDTH * WIDTH;
        let (mut packets, mut bytes) = (0, _mm256_setzero_si256());
        prefetch(&self.batch.packets);
        for first in (0..whole).step_by(WIDTH) {
            prefetch(&self.batch.packets[first + WIDTH..]);
            match self.batch.take_eight(first, plain) {
                Some(frame_bytes) => {
                    packets += WIDTH as u64;
                    bytes = _mm256_add_epi32(bytes, frame_bytes);
                }
                None => self.take_singly(arrival, first..first + WIDTH, plain),
            }
        }
        let counters = self.counters.interface(plain.facts.interface);
        let bytes: [u32; WIDTH] = must_cast(bytes);
        counters
            .rx
            .add(packets, bytes.into_iter().map(u64::from).sum());
        whole
    }
}

impl Batch {
    /// Takes the eight packets from slot `first` on into their lanes if all are plain, and answers the length of each frame in
    /// bytes.
    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) fn take_eight<E: Fn(u32)>(
        &mut self,
        first: usize,
        plain: Plain<E>,
    ) -> Option<__m256i> {
        let frames: &Frames = self.packets.get(first..)?.first_chunk()?;
        let facts = self.facts.get_mut(first..)?.first_chunk_mut()?;
        let (v4, v6) = (self.ipv4.next_eight()?, self.ipv6.next_eight()?);
        let judged = judge(frames, facts, v4, v6, plain.mac_bits, plain.facts)?;
        match (judged.ipv4, judged.ipv6) {
            (u8::MAX, _) => {
                v4.iter().copied().for_each(plain.expect);
                self.ipv4.push_eight(first);
            }
            (_, u8::MAX) => self.ipv6.push_eight(first),
            (ipv4, ipv6) if ipv4 | ipv6 == u8::MAX => self.push_mixed(first, ipv4, plain.expect),
            _ => return None,
        }
        if judged.has_padding {
            self.trim_eight(first);
        }
        Some(judged.frame_bytes)
    }

    /// Adds eight packets, of which some are of IPv4, with the keys that were written for both families.
    #[inline(never)]
    fn push_mixed(&mut self, first: usize, ipv4: u8, expect: impl Fn(u32)) {
        let (Some(v4), Some(v6)) = (self.ipv4.next_eight(), self.ipv6.next_eight()) else {
            return;
        };
        let (v4, v6) = (*v4, *v6);
        for i in 0..WIDTH {
            if ipv4 >> i & 1 == 1 {
                expect(v4[i]);
                self.ipv4.push(first + i, v4[i]);
            } else {
                self.ipv6.push(first + i, v6[i]);
            }
        }
    }

    /// Takes the padding off eight packets.
    #[inline(never)]
    fn trim_eight(&mut self, first: usize) {
        let packets = self
            .packets
            .iter_mut()
            .zip(&self.facts)
            .skip(first)
            .take(WIDTH);
        for (packet, facts) in packets {
            if let Some(mbuf) = packet {
                trim(mbuf, facts);
            }
        }
    }
}

/// The bytes of eight IP packets together, if nothing is unusual about any, none is longer than `longest_bytes`, and in front of
/// each is a link header without a tag.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn usual_bytes(facts: &[Facts; WIDTH], longest_bytes: u16) -> Option<u64> {
    let [a, b, c, d]: [__m256i; 4] = must_cast(*facts);
    // The second half of each.
    let (ab, cd) = (_mm256_unpackhi_epi64(a, b), _mm256_unpackhi_epi64(c, d));
    let bytes = |half| _mm256_and_si256(half, _mm256_set1_epi64x(0xffff));
    let (bytes_ab, bytes_cd) = (bytes(ab), bytes(cd));
    let longest = _mm256_set1_epi64x(longest_bytes.into());
    let too_long = _mm256_or_si256(
        _mm256_cmpgt_epi32(bytes_ab, longest),
        _mm256_cmpgt_epi32(bytes_cd, longest),
    );
    // Offset and flags.
    let usual = _mm256_set1_epi64x((EthernetHeader::LEN as i64) << 16);
    let other = _mm256_or_si256(_mm256_xor_si256(ab, usual), _mm256_xor_si256(cd, usual));
    let others = _mm256_and_si256(other, _mm256_set1_epi64x(0xffff_0000));
    let wrong = _mm256_or_si256(too_long, others);
    if _mm256_testz_si256(wrong, wrong) == 0 {
        return None;
    }
    let sums: [u64; 4] = must_cast(_mm256_add_epi64(bytes_ab, bytes_cd));
    Some(sums[0] + sums[1] + sums[2] + sums[3])
}

/// Asks for the headers of the first eight packets.
#[inline(always)]
fn prefetch(packets: &[Option<Mbuf>]) {
    Mbuf::prefetch_alike(packets.first_chunk::<WIDTH>().map_or(&[], |eight| eight));
}

/// Whether the source address of the link, of which the last two octets stand in the lower half of `rest`, is a station's.
#[target_feature(enable = "avx2")]
#[inline]
fn is_station(first: __m256i, rest: __m256i) -> __m256i {
    let any = _mm256_or_si256(first, _mm256_slli_epi32::<16>(rest));
    let none = _mm256_cmpeq_epi32(any, _mm256_setzero_si256());
    _mm256_andnot_si256(none, is(first, 1, 0))
}

/// The facts of eight packets, with the third and the fourth word of each.
#[target_feature(enable = "avx2")]
#[inline]
fn with(common: Facts, thirds: __m256i, fourths: __m256i) -> [Facts; WIDTH] {
    let [front, _]: [i64; 2] = must_cast(common);
    let front = _mm256_set1_epi64x(front);
    let (low, high) = (
        _mm256_unpacklo_epi32(thirds, fourths),
        _mm256_unpackhi_epi32(thirds, fourths),
    );
    let (a, b) = (
        _mm256_unpacklo_epi64(front, low),
        _mm256_unpackhi_epi64(front, low),
    );
    let (c, d) = (
        _mm256_unpacklo_epi64(front, high),
        _mm256_unpackhi_epi64(front, high),
    );
    must_cast([
        _mm256_permute2x128_si256::<0x20>(a, b),
        _mm256_permute2x128_si256::<0x20>(c, d),
        _mm256_permute2x128_si256::<0x31>(a, b),
        _mm256_permute2x128_si256::<0x31>(c, d),
    ])
}

/// What [`Aged::ipv4`](crate::wire::aged::Aged::ipv4) makes of TTL, protocol and checksum.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn aged_ipv4(words: __m256i) -> __m256i {
    // The upper half is the checksum, to which 1 is added, and what is carried out of 0xfffe and 0xffff.
    let largest = _mm256_or_si256(words, all(0x0001_ffff));
    let carry = _mm256_cmpeq_epi16(largest, all(0xffff_0000));
    let aged = _mm256_sub_epi8(words, all(1));
    _mm256_sub_epi16(_mm256_add_epi16(aged, all(0x0001_0000)), carry)
}

/// Whether the ten halves of five words add up to the sum of a header whose checksum is right (RFC 1071). In that sum the order
/// of octets does not matter.
#[target_feature(enable = "avx2")]
#[inline]
fn is_right_sum(sum: __m256i) -> __m256i {
    let folded = _mm256_add_epi32(
        _mm256_and_si256(sum, all(0xffff)),
        _mm256_srli_epi32::<16>(sum),
    );
    _mm256_cmpeq_epi32(folded, all(0xffff))
}

/// The sum of the two halves of each word.
#[target_feature(enable = "avx2")]
#[inline]
fn add_halves(words: __m256i) -> __m256i {
    let lower = _mm256_blend_epi16::<0b1010_1010>(words, _mm256_setzero_si256());
    _mm256_add_epi32(lower, _mm256_srli_epi32::<16>(words))
}

/// IPv6 addresses as numbers, and which are global unicast (2000::/3).
#[target_feature(enable = "avx2")]
#[inline]
fn ipv6_destinations([a, b, c, d, e, f, g, h]: [__m128i; WIDTH]) -> ([u128; WIDTH], __m256i) {
    let (low, high) = (0x0809_0a0b_0c0d_0e0f, 0x0001_0203_0405_0607);
    let reversed = _mm256_setr_epi64x(low, high, low, high);
    let ab = _mm256_shuffle_epi8(pair(a, b), reversed);
    let cd = _mm256_shuffle_epi8(pair(c, d), reversed);
    let ef = _mm256_shuffle_epi8(pair(e, f), reversed);
    let gh = _mm256_shuffle_epi8(pair(g, h), reversed);
    // The last word of each has the first octets.
    let (abcd, efgh) = (_mm256_unpackhi_epi32(ab, cd), _mm256_unpackhi_epi32(ef, gh));
    let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    let first = _mm256_permutevar8x32_epi32(_mm256_unpackhi_epi64(abcd, efgh), order);
    (
        must_cast([ab, cd, ef, gh]),
        is(first, 0xe000_0000, 0x2000_0000),
    )
}

/// The sum of the four halves of two words.
#[target_feature(enable = "avx2")]
#[inline]
fn add_pair(one: __m256i, other: __m256i) -> __m256i {
    _mm256_add_epi32(add_halves(one), add_halves(other))
}

/// Whether two IPv4 addresses are hosts': not of 0/8, 127/8, or 224/3.
#[target_feature(enable = "avx2")]
#[inline]
fn are_unicast(one: __m256i, other: __m256i) -> __m256i {
    let both = _mm256_blend_epi16::<0b1010_1010>(one, _mm256_slli_epi32::<16>(other));
    let nets = _mm256_and_si256(both, all(0x00ff_00ff));
    let within = _mm256_and_si256(
        _mm256_cmpgt_epi16(nets, _mm256_setzero_si256()),
        _mm256_cmpgt_epi16(all(0x00e0_00e0), nets),
    );
    let loopback = _mm256_cmpeq_epi16(nets, all(0x007f_007f));
    // Both halves of the word.
    _mm256_cmpeq_epi32(_mm256_andnot_si256(loopback, within), all(u32::MAX))
}

/// Where the bits of `mask` are those of `value`.
#[target_feature(enable = "avx2")]
#[inline]
fn is(words: __m256i, mask: u32, value: u32) -> __m256i {
    _mm256_cmpeq_epi32(_mm256_and_si256(words, all(mask)), all(value))
}

/// Where all are.
#[target_feature(enable = "avx2")]
#[inline]
fn every<const N: usize>(conditions: [__m256i; N]) -> __m256i {
    let mut together = _mm256_set1_epi32(-1);
    for condition in conditions {
        together = _mm256_and_si256(together, condition);
    }
    together
}

/// Takes two octets from the place `AT` of each word on as a number.
#[target_feature(enable = "avx2")]
#[inline]
fn big_endian<const AT: u32>() -> __m256i {
    let first = 0x8080_0001 + 0x0101 * AT;
    _mm256_setr_epi32(
        first.cast_signed(),
        (first + 0x0404).cast_signed(),
        (first + 0x0808).cast_signed(),
        (first + 0x0c0c).cast_signed(),
        first.cast_signed(),
        (first + 0x0404).cast_signed(),
        (first + 0x0808).cast_signed(),
        (first + 0x0c0c).cast_signed(),
    )
}

/// Takes the octets of each word in network order.
#[target_feature(enable = "avx2")]
#[inline]
fn swapped() -> __m256i {
    let (low, high) = (0x0405_0607_0001_0203, 0x0c0d_0e0f_0809_0a0b);
    _mm256_setr_epi64x(low, high, low, high)
}

#[target_feature(enable = "avx2")]
#[inline]
fn all(word: u32) -> __m256i {
    _mm256_set1_epi32(word.cast_signed())
}

/// The sign bits of the words.
#[target_feature(enable = "avx2")]
#[inline]
fn signs(words: __m256i) -> u8 {
    _mm256_movemask_ps(_mm256_castsi256_ps(words)) as u8
}
