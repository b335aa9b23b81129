//! UDP (RFC 768).

use super::Header;
use bytemuck::{Pod, Zeroable};

/// The 8 bytes at the front of every datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct UdpHeader {
    source_port: [u8; 2],
    destination_port: [u8; 2],
    length: [u8; 2],
    checksum: [u8; 2],
}

impl Header for UdpHeader {}

impl UdpHeader {
    /// A header with checksum 0, "none". `length` is that of header and data in bytes.
    #[inline]
    #[must_use]
    pub const fn new(source_port: u16, destination_port: u16, length: u16) -> Self {
        Self {
            source_port: source_port.to_be_bytes(),
            destination_port: destination_port.to_be_bytes(),
            length: length.to_be_bytes(),
            checksum: [0; 2],
        }
    }

    /// The port of the sender.
    #[inline(always)]
    #[must_use]
    pub const fn source_port(&self) -> u16 {
        u16::from_be_bytes(self.source_port)
    }

    /// The port of the receiver.
    #[inline(always)]
    #[must_use]
    pub const fn destination_port(&self) -> u16 {
        u16::from_be_bytes(self.destination_port)
    }

    /// The length of header and data in bytes, as the header says.
    #[inline(always)]
    #[must_use]
    pub const fn length(&self) -> u16 {
        u16::from_be_bytes(self.length)
    }

    /// The checksum as it stands there; 0 is "none".
    #[inline(always)]
    #[must_use]
    pub const fn checksum(&self) -> u16 {
        u16::from_be_bytes(self.checksum)
    }

    /// Sets the port of the sender.
    #[inline(always)]
    pub const fn set_source_port(&mut self, port: u16) {
        self.source_port = port.to_be_bytes();
    }

    /// Sets the length of header and data in bytes.
    #[inline(always)]
    pub const fn set_length(&mut self, length: u16) {
        self.length = length.to_be_bytes();
    }

    /// Sets the checksum.
    #[inline(always)]
    pub const fn set_checksum(&mut self, checksum: u16) {
        self.checksum = checksum.to_be_bytes();
    }
}

/// Why bytes are not a UDP datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UdpError {
    /// Shorter than 8 bytes.
    #[error("the UDP header is cut off")]
    Truncated,
    /// The length is under 8 or past the packet.
    #[error("the UDP length is wrong")]
    Length,
}

/// A datagram whose length fits its packet.
#[derive(Clone, Copy, Debug)]
pub struct UdpDatagram<'a> {
    /// The header.
    pub header: &'a UdpHeader,
    /// The data, cut to the length of the header.
    pub data: &'a [u8],
}

impl<'a> UdpDatagram<'a> {
    /// The datagram at the front of an IP payload. The checksum is not judged.
    ///
    /// # Errors
    /// A header that is cut off or a length that does not fit.
    pub fn parse(payload: &'a [u8]) -> Result<Self, UdpError> {
        let (header, rest) = UdpHeader::split(payload).ok_or(UdpError::Truncated)?;
        let data_length = usize::from(header.length())
            .checked_sub(UdpHeader::LEN)
            .ok_or(UdpError::Length)?;
        Ok(Self {
            header,
            data: rest.get(..data_length).ok_or(UdpError::Length)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Protocol, checksum};
    use std::net::{Ipv4Addr, Ipv6Addr};

    #[test]
    fn emits_what_etherparse_builds() {
        let (a, b) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
        let data = [3, 1, 4, 1, 5];
        let mut header = UdpHeader::new(5353, 4789, 13);
        let sum = checksum::pseudo_ipv4(a, b, Protocol::UDP, 13)
            .add_bytes(header.bytes())
            .add_bytes(&data);
        header.set_checksum(sum.udp_checksum());
        let theirs = etherparse::UdpHeader::with_ipv4_checksum(
            5353,
            4789,
            &etherparse::Ipv4Header::new(13, 64, etherparse::IpNumber::UDP, a.octets(), b.octets())
                .unwrap(),
            &data,
        )
        .unwrap();
        assert_eq!(header.bytes(), theirs.to_bytes());
        let bytes = [header.bytes(), &data, &[0; 3]].concat();
        let datagram = UdpDatagram::parse(&bytes).unwrap();
        assert_eq!((datagram.header, datagram.data), (&header, &data[..]));
        for cut in 0..13 {
            let expected = if cut < 8 {
                UdpError::Truncated
            } else {
                UdpError::Length
            };
            assert_eq!(UdpDatagram::parse(&bytes[..cut]).unwrap_err(), expected);
        }
        assert_eq!(
            UdpDatagram::parse(UdpHeader::new(1, 2, 7).bytes()).unwrap_err(),
            UdpError::Length
        );
    }

    #[test]
    fn a_zero_sum_is_sent_as_ones() {
        let (a, b) = (Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
        let header = UdpHeader::new(0, 0, 10);
        let sum = |data: u16| {
            checksum::pseudo_ipv6(a, b, Protocol::UDP, 10)
                .add_bytes(header.bytes())
                .add_u16(data)
        };
        let data = sum(0).checksum();
        assert_eq!(
            (sum(data).checksum(), sum(data).udp_checksum()),
            (0, 0xffff)
        );
    }
}
