//! IPv6 headers and packets (RFC 8200).

use super::extension::{ExtensionError, Upper};
use super::{Header, Protocol};
use crate::drops::DropReason;
use bytemuck::{Pod, Zeroable};
use std::net::Ipv6Addr;

/// The smallest MTU that an IPv6 link may have, in bytes (RFC 8200 section 5).
pub const MIN_MTU: usize = 1280;

/// The 40 bytes at the front of every IPv6 packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Ipv6Header {
    version_class_label: [u8; 4],
    payload_length: [u8; 2],
    next_header: u8,
    hop_limit: u8,
    source: [u8; 16],
    destination: [u8; 16],
}

impl Header for Ipv6Header {}

impl Ipv6Header {
    /// A header of traffic class and flow label 0. `payload_length` is in bytes, this header left out.
    #[must_use]
    pub const fn new(
        source: Ipv6Addr,
        destination: Ipv6Addr,
        next_header: Protocol,
        hop_limit: u8,
        payload_length: u16,
    ) -> Self {
        Self {
            version_class_label: [0x60, 0, 0, 0],
            payload_length: payload_length.to_be_bytes(),
            next_header: next_header.get(),
            hop_limit,
            source: source.octets(),
            destination: destination.octets(),
        }
    }

    const fn first_word(&self) -> u32 {
        u32::from_be_bytes(self.version_class_label)
    }

    /// The version, 6 in a good packet.
    #[inline(always)]
    #[must_use]
    pub const fn version(&self) -> u8 {
        self.version_class_label[0] >> 4
    }

    /// DSCP and ECN (RFC 2474, RFC 3168).
    #[inline(always)]
    #[must_use]
    pub const fn traffic_class(&self) -> u8 {
        (self.first_word() >> 20) as u8
    }

    /// Sets DSCP and ECN.
    pub const fn set_traffic_class(&mut self, traffic_class: u8) {
        self.version_class_label =
            (self.first_word() & !(0xff << 20) | (traffic_class as u32) << 20).to_be_bytes();
    }

    /// The flow label of 20 bits (RFC 6437).
    #[inline(always)]
    #[must_use]
    pub const fn flow_label(&self) -> u32 {
        self.first_word() & 0x000f_ffff
    }

    /// Sets the flow label; more than 20 bits are cut off.
    pub const fn set_flow_label(&mut self, label: u32) {
        self.version_class_label =
            (self.first_word() & 0xfff0_0000 | label & 0x000f_ffff).to_be_bytes();
    }

    /// The length of what follows this header in bytes, as the header says.
    #[inline(always)]
    #[must_use]
    pub const fn payload_length(&self) -> u16 {
        u16::from_be_bytes(self.payload_length)
    }

    /// Sets the length of what follows this header in bytes.
    pub const fn set_payload_length(&mut self, payload_length: u16) {
        self.payload_length = payload_length.to_be_bytes();
    }

    /// What follows this header: an upper layer or an extension header.
    #[inline(always)]
    #[must_use]
    pub const fn next_header(&self) -> Protocol {
        Protocol::new(self.next_header)
    }

    /// Sets what follows this header.
    pub const fn set_next_header(&mut self, next_header: Protocol) {
        self.next_header = next_header.get();
    }

    /// How many routers may still forward the packet.
    #[inline(always)]
    #[must_use]
    pub const fn hop_limit(&self) -> u8 {
        self.hop_limit
    }

    /// Sets the hop limit.
    pub const fn set_hop_limit(&mut self, hop_limit: u8) {
        self.hop_limit = hop_limit;
    }

    /// Takes one from the hop limit. Returns false and changes nothing when the packet may not be
    /// forwarded because the hop limit is 0 or 1 (RFC 8200 section 3).
    #[inline(always)]
    #[must_use]
    pub const fn decrement_hop_limit(&mut self) -> bool {
        if self.hop_limit <= 1 {
            return false;
        }
        self.hop_limit -= 1;
        true
    }

    /// From whom it comes.
    #[inline(always)]
    #[must_use]
    pub const fn source(&self) -> Ipv6Addr {
        Ipv6Addr::from_bits(u128::from_be_bytes(self.source))
    }

    /// To whom it goes.
    #[inline(always)]
    #[must_use]
    pub const fn destination(&self) -> Ipv6Addr {
        Ipv6Addr::from_bits(u128::from_be_bytes(self.destination))
    }
}

/// Why bytes are not an IPv6 packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Ipv6Error {
    /// Shorter than 40 bytes.
    #[error("the IPv6 header is cut off")]
    Truncated,
    /// Not version 6.
    #[error("the version is not 6")]
    Version,
    /// The payload length is past the frame.
    #[error("the IPv6 payload length is past the frame")]
    PayloadLength,
}

impl From<Ipv6Error> for DropReason {
    fn from(error: Ipv6Error) -> Self {
        match error {
            Ipv6Error::Truncated => Self::Ipv6Truncated,
            Ipv6Error::Version => Self::Ipv6Version,
            Ipv6Error::PayloadLength => Self::Ipv6PayloadLength,
        }
    }
}

/// A packet of version 6 that is whole, without what padded its frame.
///
/// Jumbograms (RFC 2675, payload length 0 with an option) are not supported: they are packets
/// without payload here, as no Ethernet link carries one.
#[derive(Clone, Copy, Debug)]
pub struct Ipv6Packet<'a> {
    bytes: &'a [u8],
    header: &'a Ipv6Header,
    payload: &'a [u8],
}

impl<'a> Ipv6Packet<'a> {
    /// The packet at the front of `bytes`. What follows its payload length is padding and left out.
    ///
    /// # Errors
    /// One per test, in the order in which [`Ipv6Error`] lists them. Extension headers and addresses
    /// are not judged.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Ipv6Error> {
        let (header, rest) = Ipv6Header::split(bytes).ok_or(Ipv6Error::Truncated)?;
        if header.version() != 6 {
            return Err(Ipv6Error::Version);
        }
        let payload = rest
            .get(..header.payload_length().into())
            .ok_or(Ipv6Error::PayloadLength)?;
        let bytes = bytes
            .get(..Ipv6Header::LEN + payload.len())
            .ok_or(Ipv6Error::PayloadLength)?;
        Ok(Self {
            bytes,
            header,
            payload,
        })
    }

    /// The whole packet.
    #[inline(always)]
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The header.
    #[inline(always)]
    #[must_use]
    pub const fn header(&self) -> &'a Ipv6Header {
        self.header
    }

    /// What follows the header, extension headers included.
    #[inline(always)]
    #[must_use]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The upper layer behind the extension headers.
    ///
    /// # Errors
    /// As [`Upper::find`].
    pub fn upper(&self) -> Result<Upper<'a>, ExtensionError> {
        Upper::find(self.header.next_header(), self.payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference() -> Vec<u8> {
        let header = etherparse::Ipv6Header {
            traffic_class: 0xa5,
            flow_label: 0xabcde.try_into().unwrap(),
            payload_length: 4,
            next_header: etherparse::IpNumber::UDP,
            hop_limit: 7,
            source: Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 3, 4, 5, 6).octets(),
            destination: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9).octets(),
        };
        [&header.to_bytes()[..], &[1, 2, 3, 4]].concat()
    }

    #[test]
    fn emits_what_etherparse_builds() {
        let source = Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 3, 4, 5, 6);
        let destination = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9);
        let mut header = Ipv6Header::new(source, destination, Protocol::UDP, 7, 4);
        header.set_flow_label(0xfffa_bcde);
        header.set_traffic_class(0xa5);
        let bytes = [header.bytes(), &[1, 2, 3, 4]].concat();
        assert_eq!(bytes, reference());
        let packet = Ipv6Packet::parse(&bytes).unwrap();
        assert_eq!(
            (packet.header(), packet.payload()),
            (&header, &[1, 2, 3, 4][..])
        );
        assert_eq!(
            (header.source(), header.destination()),
            (source, destination)
        );
        assert_eq!(
            (
                header.version(),
                header.traffic_class(),
                header.flow_label()
            ),
            (6, 0xa5, 0xabcde)
        );
        assert_eq!(
            (
                header.next_header(),
                header.hop_limit(),
                header.payload_length()
            ),
            (Protocol::UDP, 7, 4)
        );
    }

    #[test]
    fn v6_02_padding_is_left_out_and_short_frames_are_refused() {
        let good = reference();
        let padded = [&good[..], &[0xee; 9]].concat();
        assert_eq!(Ipv6Packet::parse(&padded).unwrap().bytes(), good);
        for cut in 0..good.len() {
            let expected = if cut < 40 {
                Ipv6Error::Truncated
            } else {
                Ipv6Error::PayloadLength
            };
            assert_eq!(Ipv6Packet::parse(&good[..cut]).unwrap_err(), expected);
        }
        let mut bad = good;
        bad[0] = 0x45;
        assert_eq!(Ipv6Packet::parse(&bad).unwrap_err(), Ipv6Error::Version);
    }

    #[test]
    fn v6_01_hop_limit_falls_by_one_and_stops_at_one() {
        let mut bytes = reference();
        let (header, _) = Ipv6Header::split_mut(&mut bytes).unwrap();
        for left in (1..7).rev() {
            assert!(header.decrement_hop_limit());
            assert_eq!(header.hop_limit(), left);
        }
        assert!(!header.decrement_hop_limit());
        assert_eq!(header.hop_limit(), 1);
    }
}
