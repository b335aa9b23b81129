//! The two kinds of keys: IPv4 addresses as `u32`, IPv6 addresses as `u128`.

use ipnet::{Ipv4Net, Ipv6Net};
use std::fmt::Debug;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::{BitAnd, BitXor};

mod sealed {
    pub trait Sealed {}
    impl Sealed for u32 {}
    impl Sealed for u128 {}
}

/// An address as a number: its most significant bit is the first bit on the wire.
pub trait Key:
    sealed::Sealed
    + BitAnd<Output = Self>
    + BitXor<Output = Self>
    + Copy
    + Ord
    + Debug
    + Send
    + Sync
    + 'static
{
    /// The width of an address in bits.
    const BITS: u32;
    /// How many bits the root of a large table decides.
    const MAX_ROOT_STRIDE: u32;
    /// The prefix type of the family.
    type Net: Copy + Debug;

    /// The address of a prefix without its host bits, and its length.
    fn split(net: Self::Net) -> (Self, u32);
    /// The prefix of length `len` that covers this address.
    fn net(self, len: u32) -> Self::Net;
    /// The address with the network bits of `net` and the host bits of `host`.
    fn inside(net: Self::Net, host: Self) -> Self;
    /// The first 32 bits.
    fn top(self) -> u32;
    /// The 32 bits from bit `32 * at` on; `at` is below `BITS / 32`.
    fn word(self, at: u32) -> u32;
    /// The eight bits from bit `at` on, counted from the first; `at` is below `BITS`.
    fn byte(self, at: u32) -> u32;
    /// The key that starts with the bits `top` and ends in zeros.
    fn from_top(top: u32) -> Self;
    /// The key with its eight bits from bit `at` on replaced by `byte`.
    fn with_byte(self, at: u32, byte: u32) -> Self;
    /// The bits that count where the last `shift`, fewer than all, are left out.
    fn mask(shift: u32) -> Self;
    /// The address as four words, the first 32 bits first. IPv4 uses the first word only.
    fn to_words(self) -> [u32; 4];
    /// The address whose words `word(0)` to `word(3)` gives; the inverse of [`Key::to_words`].
    fn from_words(word: impl Fn(u32) -> u32) -> Self;

    /// The key with only its first `len` bits (at least 1) kept.
    fn truncate(self, len: u32) -> Self {
        debug_assert!(len > 0);
        self & Self::mask(Self::BITS - len)
    }

    /// Whether this and `other` agree in the bits of `mask`.
    #[inline(always)]
    fn agrees(self, other: Self, mask: Self) -> bool {
        (self ^ other) & mask == Self::from_top(0)
    }
}

impl Key for u32 {
    const BITS: u32 = 32;
    const MAX_ROOT_STRIDE: u32 = 24;
    type Net = Ipv4Net;

    fn split(net: Ipv4Net) -> (Self, u32) {
        (net.network().to_bits(), net.prefix_len().into())
    }

    fn net(self, len: u32) -> Ipv4Net {
        Ipv4Net::new_assert(Ipv4Addr::from_bits(self), len.min(Self::BITS) as u8).trunc()
    }

    fn inside(net: Self::Net, host: Self) -> Self {
        net.network().to_bits() | host & net.hostmask().to_bits()
    }

    #[inline(always)]
    fn top(self) -> u32 {
        self
    }

    #[inline(always)]
    fn word(self, _: u32) -> u32 {
        self
    }

    #[inline(always)]
    fn byte(self, at: u32) -> u32 {
        self.wrapping_shl(at) >> 24
    }

    #[inline(always)]
    fn from_top(top: u32) -> Self {
        top
    }

    fn with_byte(self, at: u32, byte: u32) -> Self {
        let shift = Self::BITS - 8 - at;
        self & !(0xff << shift) | byte << shift
    }

    #[inline(always)]
    fn mask(shift: u32) -> Self {
        Self::MAX.wrapping_shl(shift)
    }

    fn to_words(self) -> [u32; 4] {
        [self, 0, 0, 0]
    }

    #[inline(always)]
    fn from_words(word: impl Fn(u32) -> u32) -> Self {
        word(0)
    }
}

impl Key for u128 {
    const BITS: u32 = 128;
    /// A larger root would save no time (measured up to 100 k routes): the few nodes below the first 16
    /// bits that routes share stay in the nearest cache.
    const MAX_ROOT_STRIDE: u32 = 16;
    type Net = Ipv6Net;

    fn split(net: Ipv6Net) -> (Self, u32) {
        (net.network().to_bits(), net.prefix_len().into())
    }

    fn net(self, len: u32) -> Ipv6Net {
        Ipv6Net::new_assert(Ipv6Addr::from_bits(self), len.min(Self::BITS) as u8).trunc()
    }

    fn inside(net: Self::Net, host: Self) -> Self {
        net.network().to_bits() | host & net.hostmask().to_bits()
    }

    #[inline(always)]
    fn top(self) -> u32 {
        (self >> 96) as u32
    }

    #[inline(always)]
    fn word(self, at: u32) -> u32 {
        let half = if at < 2 { self >> 64 } else { self } as u64;
        if at.is_multiple_of(2) {
            (half >> 32) as u32
        } else {
            half as u32
        }
    }

    #[inline(always)]
    fn byte(self, at: u32) -> u32 {
        let half = if at < 64 { self >> 64 } else { self } as u64;
        (half.wrapping_shl(at) >> 56) as u32
    }

    #[inline(always)]
    fn from_top(top: u32) -> Self {
        Self::from(top) << 96
    }

    fn with_byte(self, at: u32, byte: u32) -> Self {
        let shift = Self::BITS - 8 - at;
        self & !(0xff << shift) | Self::from(byte) << shift
    }

    #[inline(always)]
    fn mask(shift: u32) -> Self {
        Self::MAX.wrapping_shl(shift)
    }

    fn to_words(self) -> [u32; 4] {
        [96, 64, 32, 0].map(|shift| (self >> shift) as u32)
    }

    #[inline(always)]
    fn from_words(word: impl Fn(u32) -> u32) -> Self {
        let pair = |high, low| u128::from(word(high)) << 32 | u128::from(word(low));
        pair(0, 1) << 64 | pair(2, 3)
    }
}
