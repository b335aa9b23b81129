//! The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
//!
//! The sum is the same in any byte order up to a swap (RFC 1071 section 2(B)), so bytes are added
//! as they lie in memory, eight at a time, and brought into network order once at the end.

use super::protocol::Protocol;
use std::net::{Ipv4Addr, Ipv6Addr};

/// A ones' complement sum on its way to a checksum.
///
/// Pieces are added one after the other; each but the last has an even length, as 16-bit words may
/// not straddle two pieces.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[must_use]
pub struct Sum(u64);

impl Sum {
    /// The sum of nothing.
    pub const ZERO: Self = Self(0);

    /// Adds `bytes`; an odd last byte counts as if a zero followed it.
    #[inline]
    pub fn add_bytes(self, bytes: &[u8]) -> Self {
        let mut sum = self.0;
        let (eights, tail) = bytes.as_chunks::<8>();
        for chunk in eights {
            // Each half adds less than 2^32, so the accumulator cannot overflow under 2^31 chunks.
            let word = u64::from_ne_bytes(*chunk);
            sum += (word & 0xffff_ffff) + (word >> 32);
        }
        let (twos, odd) = tail.as_chunks::<2>();
        for pair in twos {
            sum += u64::from(u16::from_ne_bytes(*pair));
        }
        if let [last] = odd {
            sum += u64::from(u16::from_ne_bytes([*last, 0]));
        }
        Self(sum)
    }

    /// Adds one 16-bit word, given as a number.
    #[inline]
    pub const fn add_u16(self, word: u16) -> Self {
        Self(self.0 + word.to_be() as u64)
    }

    /// Adds one 32-bit word, given as a number.
    #[inline]
    pub const fn add_u32(self, word: u32) -> Self {
        Self(self.0 + word.to_be() as u64)
    }

    /// The same sum, folded for [`ShortSum`].
    #[inline]
    pub const fn short(self) -> ShortSum {
        ShortSum(fold(self.0) as u32)
    }

    /// The sum itself, folded to 16 bits, as a number. It is 0xffff for a region that contains its
    /// own right checksum.
    #[inline]
    #[must_use]
    pub const fn folded(self) -> u16 {
        u16::from_be(fold(self.0))
    }

    /// The checksum: the complement of the sum.
    #[inline]
    #[must_use]
    pub const fn checksum(self) -> u16 {
        !self.folded()
    }

    /// The checksum of UDP, where 0 says "none" and an all-zero result is sent as 0xffff (RFC 768,
    /// RFC 8200 section 8.1).
    #[inline]
    #[must_use]
    pub const fn udp_checksum(self) -> u16 {
        match self.checksum() {
            0 => 0xffff,
            other => other,
        }
    }
}

/// A sum that was folded, to which a few words are added yet: that of a header most of which stands still.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[must_use]
pub struct ShortSum(u32);

impl ShortSum {
    /// Adds one 16-bit word, given as a number; at most 65,535 of them.
    #[inline(always)]
    pub const fn add_u16(self, word: u16) -> Self {
        Self(self.0 + word.to_be() as u32)
    }

    /// The checksum: the complement of the sum.
    #[inline(always)]
    #[must_use]
    pub const fn checksum(self) -> u16 {
        // Halves added to each other crosswise: the upper half of the result is their sum with its carry.
        let sum = self.0.wrapping_add(self.0.rotate_left(16));
        !u16::from_be((sum >> 16) as u16)
    }

    /// The same sum, to which more can be added.
    #[inline]
    pub const fn long(self) -> Sum {
        Sum(self.0 as u64)
    }
}

const fn fold(mut sum: u64) -> u16 {
    sum = (sum & 0xffff_ffff) + (sum >> 32);
    sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    sum as u16
}

/// The checksum of `bytes`.
#[inline]
#[must_use]
pub fn of(bytes: &[u8]) -> u16 {
    Sum::ZERO.add_bytes(bytes).checksum()
}

/// Whether `bytes`, which contain their checksum at an even offset, are intact.
#[inline]
#[must_use]
pub fn verify(bytes: &[u8]) -> bool {
    Sum::ZERO.add_bytes(bytes).folded() == 0xffff
}

/// [`verify`] for an IPv4 header without options, in few instructions and without a branch.
#[inline(always)]
#[must_use]
pub fn is_right(header: &[[u8; 4]; 5]) -> bool {
    let [a, b, c, d, e] = header.map(|word| u64::from(u32::from_ne_bytes(word)));
    let carried = |(sum, carry): (u64, bool)| sum + u64::from(carry);
    let sum = carried((a | b << 32).overflowing_add(c | d << 32));
    let sum = carried(sum.overflowing_add(e));
    // Halves added to each other crosswise: the upper half of the result is their sum with its carry.
    let sum = (sum.wrapping_add(sum.rotate_left(32)) >> 32) as u32;
    sum.wrapping_add(sum.rotate_left(16)) >> 16 == 0xffff
}

/// The sum of the pseudo header of TCP and UDP over IPv4 (RFC 9293 section 3.1, RFC 768).
/// `length` is that of the upper layer header and its data in bytes.
#[inline]
pub const fn pseudo_ipv4(
    source: Ipv4Addr,
    destination: Ipv4Addr,
    protocol: Protocol,
    length: u16,
) -> Sum {
    Sum::ZERO
        .add_u32(source.to_bits())
        .add_u32(destination.to_bits())
        .add_u16(protocol.get() as u16)
        .add_u16(length)
}

/// The sum of the pseudo header of upper layers over IPv6 (RFC 8200 section 8.1). `length` is that
/// of the upper layer header and its data in bytes.
#[inline]
pub fn pseudo_ipv6(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    protocol: Protocol,
    length: u32,
) -> Sum {
    Sum::ZERO
        .add_bytes(&source.octets())
        .add_bytes(&destination.octets())
        .add_u32(length)
        .add_u16(protocol.get().into())
}

/// The checksum after one 16-bit word under it changed from `old` to `new`: RFC 1624 equation 3,
/// `HC' = ~(~HC + ~m + m')`.
#[inline]
#[must_use]
pub const fn update(checksum: u16, old: u16, new: u16) -> u16 {
    !fold(!checksum as u64 + !old as u64 + new as u64)
}

/// The checksum of an IPv4 header after its TTL went down by one.
///
/// The word of TTL and protocol falls by 0x0100, so the checksum rises by as much, in ones' complement and as the bytes lie
/// in memory. 0xffff, the other zero, becomes 0, as equation 3 has it.
#[inline(always)]
#[must_use]
pub const fn update_ttl_decrement(checksum: [u8; 2]) -> [u8; 2] {
    let sum = u16::from_ne_bytes(checksum) as u32 + 0x0100_u16.to_be() as u32;
    let carry = (sum >= 0xffff) as u32;
    ((sum + carry) as u16).to_ne_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 1071 section 4.1, as plainly as it can be written.
    fn naive(bytes: &[u8]) -> u16 {
        let mut sum: u32 = 0;
        for pair in bytes.chunks(2) {
            sum += u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |b| u32::from(*b));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    #[test]
    fn the_example_of_rfc_1071() {
        let sum = Sum::ZERO.add_bytes(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(sum.folded(), 0xddf2);
    }

    #[test]
    fn the_example_of_rfc_1624() {
        // Section 4: HC = 0xdd2f, m = 0x5555, m' = 0x3285, and the answer is 0x0000, not 0xffff.
        assert_eq!(update(0xdd2f, 0x5555, 0x3285), 0x0000);
    }

    #[test]
    fn v4_02_ttl_decrement_equals_recomputation_for_every_ttl_and_checksum() {
        // The identification runs through all values, and with it the checksum: for some TTLs with each, for the others with
        // one in 251.
        for ttl in 1..=255u8 {
            let step = if [1, 2, 64, 128, 255].contains(&ttl) {
                1
            } else {
                251
            };
            let rest = Sum::ZERO
                .add_bytes(&[0x45, 0, 0, 84])
                .add_bytes(&[0x40, 0])
                .add_bytes(&[192, 0, 2, 1, 198, 51, 100, 7]);
            for id in (0..=u16::MAX).step_by(step) {
                let with_ttl = |ttl: u8| rest.add_u16(id).add_bytes(&[ttl, 17]).checksum();
                let before = with_ttl(ttl);
                let after = with_ttl(ttl - 1);
                let updated = update_ttl_decrement(before.to_be_bytes());
                assert_eq!(updated, after.to_be_bytes(), "ttl {ttl} id {id}");
                let word = u16::from_be_bytes([ttl, 17]);
                assert_eq!(
                    update(before, word, word - 0x100),
                    after,
                    "ttl {ttl} id {id}"
                );
            }
        }
    }

    #[test]
    fn v4_02_both_forms_of_zero_lead_to_the_same_valid_checksum() {
        // A header whose other words sum to 0xffff verifies with 0x0000 and with 0xffff.
        assert_eq!(
            update_ttl_decrement([0; 2]),
            update_ttl_decrement([0xff; 2])
        );
        // And 0xffff, which no header that is not all zero computes to, is never produced.
        assert!(
            (0..=u16::MAX)
                .all(|checksum| update_ttl_decrement(checksum.to_be_bytes()) != [0xff; 2])
        );
    }

    proptest! {
        #[test]
        fn the_short_form_is_right_where_the_long_one_is(mut header: [[u8; 4]; 5], sealed: bool, ones: bool) {
            if sealed {
                header[2][2..].fill(if ones { 0xff } else { 0 });
                let checksum = of(header.as_flattened());
                header[2][2..].copy_from_slice(&checksum.to_be_bytes());
            }
            prop_assert_eq!(is_right(&header), verify(header.as_flattened()));
            prop_assert!(is_right(&[[0xff; 4]; 5]));
            prop_assert!(!is_right(&[[0; 4]; 5]));
        }

        #[test]
        fn the_sum_equals_the_naive_one(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(of(&bytes), naive(&bytes));
        }

        #[test]
        fn a_folded_sum_and_a_few_words_sum_as_the_whole(
            bytes in proptest::collection::vec(any::<u8>(), 0..100),
            words in proptest::collection::vec(prop_oneof![Just(0xffff), any::<u16>()], 0..8),
        ) {
            let sum = Sum::ZERO.add_bytes(&bytes);
            let long = words.iter().fold(sum, |sum, word| sum.add_u16(*word));
            let short = words.iter().fold(sum.short(), |sum, word| sum.add_u16(*word));
            prop_assert_eq!(short.checksum(), long.checksum());
            prop_assert_eq!(short.long().checksum(), long.checksum());
        }

        #[test]
        fn pieces_sum_as_the_whole(bytes in proptest::collection::vec(any::<u8>(), 0..100), cut in 0usize..50) {
            let cut = (cut * 2).min(bytes.len() & !1);
            let pieces = Sum::ZERO.add_bytes(&bytes[..cut]).add_bytes(&bytes[cut..]);
            prop_assert_eq!(pieces.checksum(), of(&bytes));
        }

        #[test]
        fn an_update_equals_recomputation(
            mut words in proptest::collection::vec(any::<u16>(), 2..20),
            place in any::<proptest::sample::Index>(),
            new in any::<u16>(),
        ) {
            let bytes = |words: &[u16]| words.iter().flat_map(|w| w.to_be_bytes()).collect::<Vec<_>>();
            // One word is fixed so that neither sum is of zeros only.
            words.push(0x4500);
            let place = place.index(words.len() - 1);
            let (old, before) = (words[place], of(&bytes(&words)));
            words[place] = new;
            prop_assert_eq!(update(before, old, new), of(&bytes(&words)));
        }

        #[test]
        fn any_flipped_byte_is_noticed(mut bytes in proptest::collection::vec(any::<u8>(), 2..60), at in any::<proptest::sample::Index>(), flip in 1u8..) {
            if bytes.len() % 2 == 1 { bytes.push(0); }
            let check = of(&bytes);
            bytes.extend(check.to_be_bytes());
            prop_assert!(verify(&bytes));
            let at = at.index(bytes.len());
            let old = bytes[at];
            bytes[at] ^= flip;
            // 0x0000 and 0xffff are the same number in ones' complement.
            let pair = bytes[at & !1..(at & !1) + 2].to_vec();
            let mut was = pair.clone();
            was[at & 1] = old;
            let zero = |p: &[u8]| p == [0, 0] || p == [0xff, 0xff];
            prop_assert_eq!(verify(&bytes), zero(&pair) && zero(&was));
        }
    }
}
