//! IPv4 headers and packets (RFC 791).

use super::{Header, Protocol, checksum};
use crate::drops::DropReason;
use bytemuck::{Pod, Zeroable};
use std::net::Ipv4Addr;

/// The longest header in bytes, options included.
pub const MAX_HEADER_BYTES: usize = 60;
/// The datagram that every host can take, in bytes (RFC 791 section 3.2).
pub const MIN_REASSEMBLY_BYTES: usize = 576;
/// The smallest MTU that a link may have, in bytes (RFC 791 section 3.2).
pub const MIN_MTU: usize = 68;

const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
const OFFSET_MASK: u16 = 0x1fff;

/// The 20 bytes that every IPv4 header has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Ipv4Header {
    version_ihl: u8,
    traffic_class: u8,
    total_length: [u8; 2],
    identification: [u8; 2],
    flags_offset: [u8; 2],
    ttl: u8,
    protocol: u8,
    checksum: [u8; 2],
    source: [u8; 4],
    destination: [u8; 4],
}

impl Header for Ipv4Header {}

impl Ipv4Header {
    /// The header of an unfragmented packet without options, of traffic class and identification 0.
    /// `total_length` is that of header and payload in bytes. The checksum is 0 until
    /// [`seal`](Self::seal) is called.
    #[must_use]
    pub const fn new(
        source: Ipv4Addr,
        destination: Ipv4Addr,
        protocol: Protocol,
        ttl: u8,
        total_length: u16,
    ) -> Self {
        Self {
            version_ihl: 0x45,
            traffic_class: 0,
            total_length: total_length.to_be_bytes(),
            identification: [0; 2],
            flags_offset: [0; 2],
            ttl,
            protocol: protocol.get(),
            checksum: [0; 2],
            source: source.octets(),
            destination: destination.octets(),
        }
    }

    /// Computes the checksum over this header and `options`, and sets the header's length by them.
    /// `options` are padded to whole words and at most 40 bytes long; what is more is not counted.
    pub fn seal(&mut self, options: &[u8]) {
        let options = &options[..options.len().min(MAX_HEADER_BYTES - Self::LEN) & !3];
        self.version_ihl = 0x45 + (options.len() / 4) as u8;
        self.checksum = [0; 2];
        self.checksum = checksum::Sum::ZERO
            .add_bytes(self.bytes())
            .add_bytes(options)
            .checksum()
            .to_be_bytes();
    }

    /// The version, 4 in a good packet.
    #[inline(always)]
    #[must_use]
    pub const fn version(&self) -> u8 {
        self.version_ihl >> 4
    }

    /// The length of the header in bytes with its options, as the header says: 0 to 60.
    #[inline(always)]
    #[must_use]
    pub const fn header_length(&self) -> usize {
        (self.version_ihl & 0xf) as usize * 4
    }

    /// Whether the first byte is that of version 4 without options: the common case in one compare.
    #[inline(always)]
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        self.version_ihl == 0x45
    }

    /// DSCP and ECN (RFC 2474, RFC 3168), or the old TOS.
    #[inline(always)]
    #[must_use]
    pub const fn traffic_class(&self) -> u8 {
        self.traffic_class
    }

    /// Sets DSCP and ECN.
    pub const fn set_traffic_class(&mut self, traffic_class: u8) {
        self.traffic_class = traffic_class;
    }

    /// The length of the packet in bytes, header included, as the header says.
    #[inline(always)]
    #[must_use]
    pub const fn total_length(&self) -> u16 {
        u16::from_be_bytes(self.total_length)
    }

    /// Sets the length of the packet in bytes, header included.
    pub const fn set_total_length(&mut self, total_length: u16) {
        self.total_length = total_length.to_be_bytes();
    }

    /// The identification that fragments of one datagram share.
    #[inline(always)]
    #[must_use]
    pub const fn identification(&self) -> u16 {
        u16::from_be_bytes(self.identification)
    }

    /// Sets the identification.
    pub const fn set_identification(&mut self, identification: u16) {
        self.identification = identification.to_be_bytes();
    }

    const fn flags_offset(&self) -> u16 {
        u16::from_be_bytes(self.flags_offset)
    }

    /// The DF bit.
    #[inline(always)]
    #[must_use]
    pub const fn dont_fragment(&self) -> bool {
        self.flags_offset() & DONT_FRAGMENT != 0
    }

    /// The MF bit.
    #[inline(always)]
    #[must_use]
    pub const fn more_fragments(&self) -> bool {
        self.flags_offset() & MORE_FRAGMENTS != 0
    }

    /// Where in the datagram the payload starts, in units of 8 bytes.
    #[inline(always)]
    #[must_use]
    pub const fn fragment_offset(&self) -> u16 {
        self.flags_offset() & OFFSET_MASK
    }

    /// Whether this is a part of a datagram, the first included.
    #[inline(always)]
    #[must_use]
    pub const fn is_fragment(&self) -> bool {
        self.flags_offset() & (MORE_FRAGMENTS | OFFSET_MASK) != 0
    }

    /// Sets the DF bit and leaves the rest.
    pub const fn set_dont_fragment(&mut self, dont_fragment: bool) {
        let rest = self.flags_offset() & !DONT_FRAGMENT;
        self.flags_offset = (rest | if dont_fragment { DONT_FRAGMENT } else { 0 }).to_be_bytes();
    }

    /// Sets the place in the datagram in units of 8 bytes (13 bits) and the MF bit, and leaves DF.
    pub const fn set_fragment(&mut self, offset: u16, more_fragments: bool) {
        let rest = self.flags_offset() & !(MORE_FRAGMENTS | OFFSET_MASK);
        let more = if more_fragments { MORE_FRAGMENTS } else { 0 };
        self.flags_offset = (rest | offset & OFFSET_MASK | more).to_be_bytes();
    }

    /// How many routers may still forward the packet.
    #[inline(always)]
    #[must_use]
    pub const fn ttl(&self) -> u8 {
        self.ttl
    }

    /// Takes one from the TTL and mends the checksum (RFC 1624). Returns false and changes nothing
    /// when the packet may not be forwarded because the TTL is 0 or 1 (RFC 1812 section 5.3.1).
    #[inline(always)]
    #[must_use]
    pub const fn decrement_ttl(&mut self) -> bool {
        if self.ttl <= 1 {
            return false;
        }
        self.set_lifetime(self.aged());
        true
    }

    /// What [`decrement_ttl`](Self::decrement_ttl) makes of [`lifetime`](Self::lifetime), if the TTL has not run out.
    #[inline(always)]
    #[must_use]
    pub const fn aged(&self) -> [u8; 4] {
        let [a, b] = checksum::update_ttl_decrement(self.checksum);
        [self.ttl.wrapping_sub(1), self.protocol, a, b]
    }

    /// TTL, protocol and checksum as they stand there, as octets.
    #[inline(always)]
    #[must_use]
    pub const fn lifetime(&self) -> [u8; 4] {
        let [a, b] = self.checksum;
        [self.ttl, self.protocol, a, b]
    }

    /// Sets TTL, protocol and checksum, as octets.
    #[inline(always)]
    pub const fn set_lifetime(&mut self, [ttl, protocol, a, b]: [u8; 4]) {
        (self.ttl, self.protocol, self.checksum) = (ttl, protocol, [a, b]);
    }

    /// Sets the TTL of a packet on its way and mends the checksum (RFC 1624).
    pub const fn mend_ttl(&mut self, ttl: u8) {
        let protocol = self.protocol;
        let (old, new) = (
            u16::from_be_bytes([self.ttl, protocol]),
            u16::from_be_bytes([ttl, protocol]),
        );
        self.ttl = ttl;
        self.checksum = checksum::update(self.checksum(), old, new).to_be_bytes();
    }

    /// Sets DSCP and ECN of a packet on its way and mends the checksum (RFC 1624).
    pub const fn mend_traffic_class(&mut self, traffic_class: u8) {
        let first = self.version_ihl;
        let (old, new) = (
            u16::from_be_bytes([first, self.traffic_class]),
            u16::from_be_bytes([first, traffic_class]),
        );
        self.traffic_class = traffic_class;
        self.checksum = checksum::update(self.checksum(), old, new).to_be_bytes();
    }

    /// Sets what the packet carries.
    pub const fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol.get();
    }

    /// Sets the TTL of a packet in the making.
    pub const fn set_ttl(&mut self, ttl: u8) {
        self.ttl = ttl;
    }

    /// Sets the checksum.
    pub const fn set_checksum(&mut self, checksum: u16) {
        self.checksum = checksum.to_be_bytes();
    }

    /// What the packet carries.
    #[inline(always)]
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        Protocol::new(self.protocol)
    }

    /// The checksum as it stands there.
    #[inline(always)]
    #[must_use]
    pub const fn checksum(&self) -> u16 {
        u16::from_be_bytes(self.checksum)
    }

    /// Whether the checksum of a header without options is right.
    #[inline(always)]
    #[must_use]
    pub fn plain_checksum_is_right(&self) -> bool {
        checksum::is_right(bytemuck::cast_ref(self))
    }

    /// From whom it comes.
    #[inline(always)]
    #[must_use]
    pub const fn source(&self) -> Ipv4Addr {
        let [a, b, c, d] = self.source;
        Ipv4Addr::new(a, b, c, d)
    }

    /// To whom it goes.
    #[inline(always)]
    #[must_use]
    pub const fn destination(&self) -> Ipv4Addr {
        let [a, b, c, d] = self.destination;
        Ipv4Addr::new(a, b, c, d)
    }
}

/// Why bytes are not an IPv4 packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Ipv4Error {
    /// Shorter than 20 bytes.
    #[error("the IPv4 header is cut off")]
    Truncated,
    /// Not version 4.
    #[error("the version is not 4")]
    Version,
    /// The header's length is under 20 bytes or past the frame.
    #[error("the IPv4 header length is wrong")]
    HeaderLength,
    /// The total length is under the header's or past the frame.
    #[error("the IPv4 total length is wrong")]
    TotalLength,
    /// The header checksum is wrong.
    #[error("the IPv4 header checksum is wrong")]
    Checksum,
}

impl From<Ipv4Error> for DropReason {
    fn from(error: Ipv4Error) -> Self {
        match error {
            Ipv4Error::Truncated => Self::Ipv4Truncated,
            Ipv4Error::Version => Self::Ipv4Version,
            Ipv4Error::HeaderLength => Self::Ipv4HeaderLength,
            Ipv4Error::TotalLength => Self::Ipv4TotalLength,
            Ipv4Error::Checksum => Self::Ipv4Checksum,
        }
    }
}

/// A packet whose header passed the tests of RFC 1812 section 5.2.2, without what padded its frame.
#[derive(Clone, Copy, Debug)]
pub struct Ipv4Packet<'a> {
    bytes: &'a [u8],
    header: &'a Ipv4Header,
    options: &'a [u8],
    payload: &'a [u8],
}

impl<'a> Ipv4Packet<'a> {
    /// The packet at the front of `bytes`. What follows its total length is padding and left out.
    ///
    /// # Errors
    /// One per test of the header, in the order in which [`Ipv4Error`] lists them. Options and
    /// addresses are not judged.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Ipv4Error> {
        let (header, rest) = Ipv4Header::split(bytes).ok_or(Ipv4Error::Truncated)?;
        if header.version() != 4 {
            return Err(Ipv4Error::Version);
        }
        let header_length = header.header_length();
        let options_length = header_length
            .checked_sub(Ipv4Header::LEN)
            .ok_or(Ipv4Error::HeaderLength)?;
        let (options, _) = rest
            .split_at_checked(options_length)
            .ok_or(Ipv4Error::HeaderLength)?;
        let bytes = bytes
            .get(..header.total_length().into())
            .ok_or(Ipv4Error::TotalLength)?;
        let (whole_header, payload) = bytes
            .split_at_checked(header_length)
            .ok_or(Ipv4Error::TotalLength)?;
        if !checksum::verify(whole_header) {
            return Err(Ipv4Error::Checksum);
        }
        Ok(Self {
            bytes,
            header,
            options,
            payload,
        })
    }

    /// The whole packet.
    #[inline(always)]
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The fixed part of the header.
    #[inline(always)]
    #[must_use]
    pub const fn header(&self) -> &'a Ipv4Header {
        self.header
    }

    /// The options, padding included.
    #[inline(always)]
    #[must_use]
    pub const fn options(&self) -> &'a [u8] {
        self.options
    }

    /// What the packet carries.
    #[inline(always)]
    #[must_use]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(options: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut header = etherparse::Ipv4Header::new(
            payload.len() as u16,
            64,
            etherparse::IpNumber::UDP,
            [10, 1, 2, 3],
            [192, 0, 2, 9],
        )
        .unwrap();
        header.identification = 0xbeef;
        header.dscp = 10.try_into().unwrap();
        header.dont_fragment = true;
        header.options = options.try_into().unwrap();
        header.set_payload_len(payload.len()).unwrap();
        header.header_checksum = header.calc_header_checksum();
        let mut bytes = Vec::new();
        header.write(&mut bytes).unwrap();
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn emits_what_etherparse_builds() {
        for options in [&[][..], &[1, 1, 1, 0], &[148, 4, 0, 0, 1, 1, 1, 1]] {
            let total = 20 + options.len() as u16 + 3;
            let mut header = Ipv4Header::new(
                Ipv4Addr::new(10, 1, 2, 3),
                Ipv4Addr::new(192, 0, 2, 9),
                Protocol::UDP,
                64,
                total,
            );
            header.set_identification(0xbeef);
            header.set_traffic_class(10 << 2);
            header.set_dont_fragment(true);
            header.seal(options);
            let bytes = [header.bytes(), options, &[1, 2, 3]].concat();
            assert_eq!(bytes, reference(options, &[1, 2, 3]));
            let packet = Ipv4Packet::parse(&bytes).unwrap();
            assert_eq!(packet.header(), &header);
            assert_eq!(
                (packet.options(), packet.payload()),
                (options, &[1, 2, 3][..])
            );
            assert_eq!(header.is_plain(), options.is_empty());
        }
    }

    #[test]
    fn v4_07_padding_is_left_out() {
        let bytes = reference(&[], &[9; 6]);
        let padded = [&bytes[..], &[0xee; 20]].concat();
        let packet = Ipv4Packet::parse(&padded).unwrap();
        assert_eq!(
            (packet.bytes(), packet.payload()),
            (&bytes[..], &[9; 6][..])
        );
    }

    #[test]
    fn v4_05_v4_06_each_wrong_field_is_named() {
        let good = reference(&[1, 1, 1, 0], &[0; 8]);
        let bad = |at: usize, value: u8| {
            let mut bytes = good.clone();
            bytes[at] = value;
            Ipv4Packet::parse(&bytes).unwrap_err()
        };
        assert_eq!(bad(0, 0x66), Ipv4Error::Version);
        assert_eq!(bad(0, 0x44), Ipv4Error::HeaderLength);
        assert_eq!(bad(0, 0x4f), Ipv4Error::HeaderLength);
        assert_eq!(bad(3, 23), Ipv4Error::TotalLength);
        assert_eq!(bad(3, 33), Ipv4Error::TotalLength);
        assert_eq!(bad(8, 63), Ipv4Error::Checksum);
        assert_eq!(bad(21, 0), Ipv4Error::Checksum);
        for cut in 0..good.len() {
            let error = Ipv4Packet::parse(&good[..cut]).unwrap_err();
            let expected = match cut {
                0..20 => Ipv4Error::Truncated,
                20..24 => Ipv4Error::HeaderLength,
                _ => Ipv4Error::TotalLength,
            };
            assert_eq!(error, expected, "cut at {cut}");
        }
    }

    #[test]
    fn v4_01_decrement_changes_ttl_and_checksum_only() {
        let before = reference(&[], &[1]);
        let mut after = before.clone();
        let (header, _) = Ipv4Header::split_mut(&mut after).unwrap();
        assert!(header.decrement_ttl());
        assert_eq!(header.ttl(), 63);
        assert!(header.plain_checksum_is_right());
        let changed: Vec<_> = (0..before.len())
            .filter(|&i| before[i] != after[i])
            .collect();
        assert!(
            changed.iter().all(|i| [8, 10, 11].contains(i)),
            "{changed:?}"
        );
        for ttl in [0, 1] {
            let mut header = Ipv4Header::new(
                Ipv4Addr::LOCALHOST,
                Ipv4Addr::LOCALHOST,
                Protocol::UDP,
                ttl,
                20,
            );
            header.seal(&[]);
            let before = header;
            assert!(!header.decrement_ttl());
            assert_eq!(header, before);
        }
    }

    #[test]
    fn fragment_fields() {
        let mut header = Ipv4Header::new(
            Ipv4Addr::LOCALHOST,
            Ipv4Addr::LOCALHOST,
            Protocol::UDP,
            1,
            20,
        );
        assert!(!header.is_fragment());
        header.set_dont_fragment(true);
        header.set_fragment(0x1fff, true);
        assert!(header.is_fragment() && header.dont_fragment() && header.more_fragments());
        assert_eq!(header.fragment_offset(), 0x1fff);
        header.set_fragment(1, false);
        header.set_dont_fragment(false);
        assert!(header.is_fragment() && !header.dont_fragment() && !header.more_fragments());
        assert_eq!(header.fragment_offset(), 1);
    }
}
