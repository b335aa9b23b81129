//! Ethernet II frames and their VLAN tags (IEEE 802.3, 802.1Q, 802.1ad).

use super::Header;
use crate::drops::DropReason;
use crate::mac::Mac;
use bytemuck::{Pod, Zeroable};
use std::fmt;

/// The shortest frame that may go on a real link, in bytes without the frame check sequence
/// (IEEE 802.3 clause 4).
pub const MIN_FRAME_BYTES: usize = 60;

/// What a frame carries (IANA "EtherTypes").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(transparent)]
pub struct EtherType(u16);

impl EtherType {
    /// IPv4.
    pub const IPV4: Self = Self(0x0800);
    /// ARP (RFC 826).
    pub const ARP: Self = Self(0x0806);
    /// A customer VLAN tag (802.1Q).
    pub const VLAN: Self = Self(0x8100);
    /// IPv6 (RFC 2464).
    pub const IPV6: Self = Self(0x86dd);
    /// MPLS (RFC 3032 section 5).
    pub const MPLS: Self = Self(0x8847);
    /// A service VLAN tag (802.1ad).
    pub const SERVICE_VLAN: Self = Self(0x88a8);
    /// LLDP (802.1AB).
    pub const LLDP: Self = Self(0x88cc);

    /// The type with this number.
    #[inline(always)]
    #[must_use]
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// The number itself.
    #[inline(always)]
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Whether a VLAN tag follows.
    #[inline(always)]
    #[must_use]
    pub const fn is_vlan(self) -> bool {
        matches!(self, Self::VLAN | Self::SERVICE_VLAN)
    }

    /// Whether the field is the length of an 802.3 frame (IS-IS, spanning tree), not a type.
    #[inline(always)]
    #[must_use]
    pub const fn is_length(self) -> bool {
        self.0 < 0x0600
    }
}

/// A VLAN that an interface can have: 1 to 4094 (802.1Q section 9.6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(transparent)]
pub struct VlanId(u16);

/// Why a number is no VLAN.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0} is not a VLAN: they run from 1 to 4094")]
pub struct VlanIdError(
    /// The number that was given.
    pub u16,
);

impl VlanId {
    /// The VLAN with this number.
    ///
    /// # Errors
    /// 0 (a tag that bears priority only), 4095 (reserved) and what does not fit 12 bits.
    pub const fn new(number: u16) -> Result<Self, VlanIdError> {
        if matches!(number, 1..=4094) {
            Ok(Self(number))
        } else {
            Err(VlanIdError(number))
        }
    }

    /// The number itself.
    #[inline(always)]
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for VlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The 14 bytes at the front of every frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct EthernetHeader {
    destination: [u8; 6],
    source: [u8; 6],
    ethertype: [u8; 2],
}

impl Header for EthernetHeader {}

impl EthernetHeader {
    /// The header of a frame from `source` to `destination`.
    #[inline(always)]
    #[must_use]
    pub const fn new(destination: Mac, source: Mac, ethertype: EtherType) -> Self {
        Self {
            destination: destination.octets(),
            source: source.octets(),
            ethertype: ethertype.0.to_be_bytes(),
        }
    }

    /// The header of a frame with these addresses: destination, then source.
    #[inline(always)]
    #[must_use]
    pub const fn of_addresses(addresses: &[u8; 12], ethertype: EtherType) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = *addresses;
        Self {
            destination: [a, b, c, d, e, f],
            source: [g, h, i, j, k, l],
            ethertype: ethertype.0.to_be_bytes(),
        }
    }

    /// To whom it goes.
    #[inline(always)]
    #[must_use]
    pub const fn destination(&self) -> Mac {
        Mac::new(self.destination)
    }

    /// From whom it comes.
    #[inline(always)]
    #[must_use]
    pub const fn source(&self) -> Mac {
        Mac::new(self.source)
    }

    /// Whether it goes from a station (no group, and not zero) to the address with these [`Mac::bits`]. Two loads tell: each
    /// takes in some of the field behind it, which is shifted out.
    #[inline(always)]
    #[must_use]
    pub fn is_from_station_to(&self, to_bits: u64) -> bool {
        let bytes: &[u8; Self::LEN] = bytemuck::cast_ref(self);
        let (Some(front), Some(back)) = (bytes.first_chunk(), bytes.last_chunk()) else {
            return false;
        };
        let (destination, source) = (u64::from_le_bytes(*front), u64::from_le_bytes(*back));
        (destination << 16 == to_bits << 16) & (source & 1 == 0) & (source << 16 != 0)
    }

    /// Sets what follows the header.
    #[inline(always)]
    pub const fn set_ethertype(&mut self, ethertype: EtherType) {
        self.ethertype = ethertype.0.to_be_bytes();
    }

    /// What follows the header, be it a VLAN tag.
    #[inline(always)]
    #[must_use]
    pub const fn ethertype(&self) -> EtherType {
        EtherType(u16::from_be_bytes(self.ethertype))
    }
}

/// A VLAN tag without the EtherType that announces it: the control information, and the EtherType
/// of what follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct VlanTag {
    control: [u8; 2],
    ethertype: [u8; 2],
}

impl Header for VlanTag {}

impl VlanTag {
    /// A tag of priority 0 in front of `ethertype`.
    #[inline(always)]
    #[must_use]
    pub const fn new(vlan: VlanId, ethertype: EtherType) -> Self {
        Self {
            control: vlan.0.to_be_bytes(),
            ethertype: ethertype.0.to_be_bytes(),
        }
    }

    /// The VLAN; `None` for 0 (priority only) and the reserved 4095.
    #[inline(always)]
    #[must_use]
    pub const fn vlan(&self) -> Option<VlanId> {
        match VlanId::new(self.raw_vlan()) {
            Ok(vlan) => Some(vlan),
            Err(_) => None,
        }
    }

    /// The 12 bits of the VLAN as they stand there, 0 to 4095.
    #[inline(always)]
    #[must_use]
    pub const fn raw_vlan(&self) -> u16 {
        u16::from_be_bytes(self.control) & 0x0fff
    }

    /// The priority code point, 0 to 7.
    #[inline(always)]
    #[must_use]
    pub const fn priority(&self) -> u8 {
        self.control[0] >> 5
    }

    /// What follows the tag.
    #[inline(always)]
    #[must_use]
    pub const fn ethertype(&self) -> EtherType {
        EtherType(u16::from_be_bytes(self.ethertype))
    }
}

/// Why bytes are not an Ethernet frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EthernetError {
    /// Shorter than the header and the tags it announces.
    #[error("the frame is shorter than its Ethernet header")]
    Truncated,
}

impl From<EthernetError> for DropReason {
    fn from(error: EthernetError) -> Self {
        match error {
            EthernetError::Truncated => Self::EthernetTruncated,
        }
    }
}

/// A frame with up to two VLAN tags taken apart.
#[derive(Clone, Copy, Debug)]
pub struct EthernetFrame<'a> {
    /// The addresses.
    pub header: &'a EthernetHeader,
    /// The outermost tag.
    pub outer: Option<&'a VlanTag>,
    /// The second tag, which stands directly behind the outermost.
    pub inner: Option<&'a VlanTag>,
    /// What [`payload`](Self::payload) is. A third tag would be payload.
    pub ethertype: EtherType,
    /// All behind the header and the tags, padding included.
    pub payload: &'a [u8],
}

impl<'a> EthernetFrame<'a> {
    /// Takes a frame apart.
    ///
    /// # Errors
    /// [`EthernetError::Truncated`] when it ends within the header or a tag.
    #[inline]
    pub fn parse(frame: &'a [u8]) -> Result<Self, EthernetError> {
        let (header, payload) = EthernetHeader::split(frame).ok_or(EthernetError::Truncated)?;
        let mut this = Self {
            header,
            outer: None,
            inner: None,
            ethertype: header.ethertype(),
            payload,
        };
        if this.ethertype.is_vlan() {
            this.outer = Some(this.take_tag()?);
            if this.ethertype.is_vlan() {
                this.inner = Some(this.take_tag()?);
            }
        }
        Ok(this)
    }

    fn take_tag(&mut self) -> Result<&'a VlanTag, EthernetError> {
        let (tag, payload) = VlanTag::split(self.payload).ok_or(EthernetError::Truncated)?;
        (self.ethertype, self.payload) = (tag.ethertype(), payload);
        Ok(tag)
    }

    /// Where the payload starts, in bytes from the start of the frame.
    #[inline]
    #[must_use]
    pub const fn payload_offset(&self) -> usize {
        EthernetHeader::LEN
            + VlanTag::LEN * (self.outer.is_some() as usize + self.inner.is_some() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Mac = Mac::new([2, 0, 0, 0, 0, 1]);
    const B: Mac = Mac::new([2, 0, 0, 0, 0, 2]);

    #[test]
    fn takes_apart_what_etherparse_builds() {
        let mut bytes = Vec::new();
        etherparse::PacketBuilder::ethernet2(A.octets(), B.octets())
            .double_vlan(
                etherparse::VlanId::try_new(100).unwrap(),
                etherparse::VlanId::try_new(4094).unwrap(),
            )
            .ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
            .udp(1, 2)
            .write(&mut bytes, &[7])
            .unwrap();
        let frame = EthernetFrame::parse(&bytes).unwrap();
        assert_eq!((frame.header.source(), frame.header.destination()), (A, B));
        assert_eq!(frame.header.ethertype(), EtherType::SERVICE_VLAN);
        assert_eq!(frame.outer.unwrap().vlan(), VlanId::new(100).ok());
        assert_eq!(frame.inner.unwrap().vlan(), VlanId::new(4094).ok());
        assert_eq!(
            (frame.ethertype, frame.payload_offset()),
            (EtherType::IPV4, 22)
        );
        assert_eq!(frame.payload, &bytes[22..]);
        for cut in 0..22 {
            assert_eq!(
                EthernetFrame::parse(&bytes[..cut]).unwrap_err(),
                EthernetError::Truncated
            );
        }
    }

    #[test]
    fn emits_what_it_parses() {
        let header = EthernetHeader::new(A, B, EtherType::VLAN);
        let mut tag = VlanTag::new(VlanId::new(7).unwrap(), EtherType::ARP);
        tag.control[0] |= 5 << 5;
        assert_eq!(
            (tag.raw_vlan(), tag.priority(), tag.ethertype()),
            (7, 5, EtherType::ARP)
        );
        let bytes = [header.bytes(), tag.bytes(), &[1, 2]].concat();
        let frame = EthernetFrame::parse(&bytes).unwrap();
        assert_eq!(
            (frame.header, frame.outer, frame.inner),
            (&header, Some(&tag), None)
        );
        assert_eq!(
            (frame.ethertype, frame.payload),
            (EtherType::ARP, &[1, 2][..])
        );
    }

    #[test]
    fn a_frame_from_a_station_to_an_address_is_just_that() {
        let group = Mac::new([3, 0, 0, 0, 0, 2]);
        let high = Mac::new([0, 0, 0, 0, 0, 9]);
        for (to, from, kind, expected) in [
            (A, B, EtherType::IPV4, true),
            (A, high, EtherType::IPV6, true),
            (A, group, EtherType::IPV4, false),
            (A, Mac::ZERO, EtherType::IPV4, false),
            (B, B, EtherType::IPV4, false),
            (Mac::new([2, 0, 0, 0, 1, 1]), B, EtherType::IPV4, false),
        ] {
            let header = EthernetHeader::new(to, from, kind);
            assert_eq!(
                header.is_from_station_to(A.bits()),
                expected,
                "{from} to {to}"
            );
        }
    }

    #[test]
    fn vlan_numbers_are_checked() {
        assert!(
            [0, 4095, 4096, u16::MAX]
                .into_iter()
                .all(|n| VlanId::new(n) == Err(VlanIdError(n)))
        );
        assert!(
            [1, 4094]
                .into_iter()
                .all(|n| VlanId::new(n).is_ok_and(|v| v.get() == n))
        );
        let (priority_tag, _) = VlanTag::split(&[0xe0, 0, 8, 0]).unwrap();
        assert_eq!((priority_tag.vlan(), priority_tag.priority()), (None, 7));
    }
}
