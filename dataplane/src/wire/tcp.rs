//! TCP headers (RFC 9293), as far as a router looks at them.

use super::Header;
use bytemuck::{Pod, Zeroable};

/// The flags of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(transparent)]
pub struct TcpFlags(u8);

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// Opens a connection.
    pub const SYN: Self = Self(0x02);
    /// Aborts the connection.
    pub const RST: Self = Self(0x04);
    /// Push.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgment number is valid.
    pub const ACK: Self = Self(0x10);
    /// The urgent pointer is valid.
    pub const URG: Self = Self(0x20);
    /// Congestion was seen (RFC 3168).
    pub const ECE: Self = Self(0x40);
    /// The congestion window was reduced (RFC 3168).
    pub const CWR: Self = Self(0x80);

    /// The flags in this byte.
    #[inline(always)]
    #[must_use]
    pub const fn new(bits: u8) -> Self {
        Self(bits)
    }

    /// The byte itself.
    #[inline(always)]
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Whether all of `flags` are set.
    #[inline(always)]
    #[must_use]
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// Whether a segment with these flags asks for a new connection: SYN without ACK.
    #[inline(always)]
    #[must_use]
    pub const fn opens(self) -> bool {
        self.0 & (Self::SYN.0 | Self::ACK.0) == Self::SYN.0
    }
}

/// The 20 bytes that every TCP header has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct TcpHeader {
    source_port: [u8; 2],
    destination_port: [u8; 2],
    sequence: [u8; 4],
    acknowledgment: [u8; 4],
    data_offset: u8,
    flags: u8,
    window: [u8; 2],
    checksum: [u8; 2],
    urgent: [u8; 2],
}

impl Header for TcpHeader {}

impl TcpHeader {
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

    /// The flags.
    #[inline(always)]
    #[must_use]
    pub const fn flags(&self) -> TcpFlags {
        TcpFlags(self.flags)
    }

    /// The length of the header in bytes with its options, as the header says: 0 to 60.
    #[inline(always)]
    #[must_use]
    pub const fn header_length(&self) -> usize {
        (self.data_offset >> 4) as usize * 4
    }

    /// The checksum as it stands there.
    #[inline(always)]
    #[must_use]
    pub const fn checksum(&self) -> u16 {
        u16::from_be_bytes(self.checksum)
    }
}

/// Why bytes are not a TCP segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TcpError {
    /// Shorter than 20 bytes.
    #[error("the TCP header is cut off")]
    Truncated,
    /// The header's length is under 20 bytes or past the packet.
    #[error("the TCP header length is wrong")]
    HeaderLength,
}

/// A segment whose header fits its packet.
#[derive(Clone, Copy, Debug)]
pub struct TcpSegment<'a> {
    /// The fixed part of the header.
    pub header: &'a TcpHeader,
    /// The options, padding included.
    pub options: &'a [u8],
    /// The data.
    pub data: &'a [u8],
}

impl<'a> TcpSegment<'a> {
    /// The segment in an IP payload. The checksum is not judged.
    ///
    /// # Errors
    /// A header that is cut off or a header length that does not fit.
    pub fn parse(payload: &'a [u8]) -> Result<Self, TcpError> {
        let (header, rest) = TcpHeader::split(payload).ok_or(TcpError::Truncated)?;
        let options_length = header
            .header_length()
            .checked_sub(TcpHeader::LEN)
            .ok_or(TcpError::HeaderLength)?;
        let (options, data) = rest
            .split_at_checked(options_length)
            .ok_or(TcpError::HeaderLength)?;
        Ok(Self {
            header,
            options,
            data,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_apart_what_etherparse_builds() {
        let mut theirs = etherparse::TcpHeader::new(179, 40_000, 1, 512);
        theirs.syn = true;
        theirs
            .set_options(&[etherparse::TcpOptionElement::MaximumSegmentSize(1460)])
            .unwrap();
        theirs.checksum = 0xabcd;
        let mut bytes = theirs.to_bytes().to_vec();
        bytes.extend([1, 2, 3]);
        let segment = TcpSegment::parse(&bytes).unwrap();
        let header = segment.header;
        assert_eq!(
            (header.source_port(), header.destination_port()),
            (179, 40_000)
        );
        assert_eq!((header.header_length(), header.checksum()), (24, 0xabcd));
        assert_eq!(
            (segment.options, segment.data),
            (&[2, 4, 5, 0xb4][..], &[1, 2, 3][..])
        );
        assert!(header.flags().opens() && header.flags().contains(TcpFlags::SYN));
        theirs.ack = true;
        assert!(
            !TcpHeader::split(&theirs.to_bytes())
                .unwrap()
                .0
                .flags()
                .opens()
        );
        for cut in 0..24 {
            let expected = if cut < 20 {
                TcpError::Truncated
            } else {
                TcpError::HeaderLength
            };
            assert_eq!(TcpSegment::parse(&bytes[..cut]).unwrap_err(), expected);
        }
        bytes[12] = 0x40;
        assert_eq!(
            TcpSegment::parse(&bytes).unwrap_err(),
            TcpError::HeaderLength
        );
    }
}
