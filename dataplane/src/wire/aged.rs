//! Ageing: what a packet's header says of its lifetime when the packet is sent on.
//!
//! It is found out where the header is read anyway, for eight packets at a time where that can be, and written with the link
//! header.

use bytemuck::{Pod, Zeroable};

use super::Header;
use super::ipv4::Ipv4Header;
use super::ipv6::Ipv6Header;

/// The octets of a network header from the TTL or hop limit on, as they are sent: one less than received. In IPv4 protocol and
/// the checksum that follows (RFC 1624) stand behind it, in IPv6 nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Pod, Zeroable)]
#[repr(transparent)]
pub(crate) struct Aged([u8; 4]);

impl Aged {
    /// That of an IPv4 packet.
    #[inline(always)]
    pub(crate) const fn ipv4(header: &Ipv4Header) -> Self {
        Self(header.aged())
    }

    /// That of an IPv6 packet.
    #[inline(always)]
    pub(crate) const fn ipv6(header: &Ipv6Header) -> Self {
        Self([header.hop_limit().wrapping_sub(1), 0, 0, 0])
    }

    /// Writes it into the header of the packet that it is of, where it may stand already. False, and nothing was done, where there is
    /// no header.
    #[inline(always)]
    pub(crate) fn write<const FAMILY: u8>(self, packet: &mut [u8]) -> bool {
        if FAMILY == 4 {
            Ipv4Header::split_mut(packet).is_some_and(|(header, _)| {
                debug_assert!(self == Self::ipv4(header) || self.0 == header.lifetime());
                header.set_lifetime(self.0);
                true
            })
        } else {
            Ipv6Header::split_mut(packet).is_some_and(|(header, _)| {
                debug_assert!(self == Self::ipv6(header) || self.0[0] == header.hop_limit());
                header.set_hop_limit(self.0[0]);
                true
            })
        }
    }
}
