//! Prefixes as compact map keys, in the order of addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// A prefix of one family. Keys are ordered by address, then by length, so a prefix stands right
/// before all that it covers.
pub(super) trait Key: Copy + Ord {
    /// An address of the family.
    type Address: Copy;
    /// Bits of an address.
    const BITS: u8;

    /// The prefix of this length that covers the address.
    fn new(address: Self::Address, length: u8) -> Self;
    /// The length in bits.
    fn length(self) -> u8;
    /// The prefix's address; host bits are zero.
    fn address(self) -> Self::Address;
    /// How many leading bits the prefix's address has in common with this one; may exceed its length.
    fn common(self, address: Self::Address) -> u8;
    /// The greatest key that the prefix covers.
    fn last(self) -> Self;
    /// The prefix for others.
    fn net(self) -> IpNet;

    /// Whether the prefix covers the address.
    fn covers(self, address: Self::Address) -> bool {
        self.common(address) >= self.length()
    }
}

/// An IPv4 prefix in 8 bytes: the address, then the length.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Key4(u64);

impl Key4 {
    pub(super) fn from_net(net: Ipv4Net) -> Self {
        Self::new(net.addr().to_bits(), net.prefix_len())
    }
}

impl Key for Key4 {
    type Address = u32;
    const BITS: u8 = 32;

    fn new(address: u32, length: u8) -> Self {
        let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
        Self(u64::from(address & mask) << 8 | u64::from(length))
    }

    fn address(self) -> u32 {
        (self.0 >> 8) as u32
    }

    fn length(self) -> u8 {
        self.0 as u8
    }

    fn common(self, address: u32) -> u8 {
        (self.address() ^ address).leading_zeros() as u8
    }

    fn last(self) -> Self {
        let host = u32::MAX.checked_shr(u32::from(self.length())).unwrap_or(0);
        Self::new(self.address() | host, Self::BITS)
    }

    fn net(self) -> IpNet {
        Ipv4Net::new_assert(Ipv4Addr::from_bits(self.address()), self.length()).into()
    }
}

/// An IPv6 prefix in 24 bytes: the address in halves, then the length.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Key6 {
    high: u64,
    low: u64,
    length: u8,
}

impl Key6 {
    pub(super) fn from_net(net: Ipv6Net) -> Self {
        Self::new(net.addr().to_bits(), net.prefix_len())
    }
}

impl Key for Key6 {
    type Address = u128;
    const BITS: u8 = 128;

    fn new(address: u128, length: u8) -> Self {
        let address = address & u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
        Self {
            high: (address >> 64) as u64,
            low: address as u64,
            length,
        }
    }

    fn address(self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }

    fn length(self) -> u8 {
        self.length
    }

    fn common(self, address: u128) -> u8 {
        (self.address() ^ address).leading_zeros() as u8
    }

    fn last(self) -> Self {
        let host = u128::MAX.checked_shr(u32::from(self.length)).unwrap_or(0);
        Self::new(self.address() | host, Self::BITS)
    }

    fn net(self) -> IpNet {
        Ipv6Net::new_assert(Ipv6Addr::from_bits(self.address()), self.length).into()
    }
}

/// A prefix of either family, as a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum AnyKey {
    V4(Key4),
    V6(Key6),
}

impl AnyKey {
    /// The key of a prefix; host bits are cut off.
    pub(super) fn from_net(net: IpNet) -> Self {
        match net {
            IpNet::V4(net) => Self::V4(Key4::from_net(net)),
            IpNet::V6(net) => Self::V6(Key6::from_net(net)),
        }
    }

    /// The prefix for others.
    pub(super) fn net(self) -> IpNet {
        match self {
            Self::V4(key) => key.net(),
            Self::V6(key) => key.net(),
        }
    }
}
