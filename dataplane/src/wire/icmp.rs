//! What ICMP and ICMPv6 share.

use super::Header;
use super::checksum::Sum;
use crate::drops::DropReason;
use bytemuck::{Pod, Zeroable};

/// The 8 bytes at the front of every ICMP and ICMPv6 message that a router handles: type, code,
/// checksum, and four bytes whose meaning the type gives (RFC 792, RFC 4443).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct IcmpHeader {
    kind: u8,
    code: u8,
    checksum: [u8; 2],
    rest: [u8; 4],
}

impl Header for IcmpHeader {}

impl IcmpHeader {
    /// A header with checksum 0.
    #[must_use]
    pub const fn new(kind: u8, code: u8, rest: [u8; 4]) -> Self {
        Self {
            kind,
            code,
            checksum: [0; 2],
            rest,
        }
    }

    /// The same header with the checksum over itself and `body`. `pseudo` is the sum of the pseudo
    /// header (ICMPv6) or zero (ICMP).
    #[must_use]
    pub fn sealed(mut self, pseudo: Sum, body: &[u8]) -> Self {
        self.checksum = [0; 2];
        self.checksum = pseudo
            .add_bytes(self.bytes())
            .add_bytes(body)
            .checksum()
            .to_be_bytes();
        self
    }

    /// The type.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        self.kind
    }

    /// The code.
    #[must_use]
    pub const fn code(&self) -> u8 {
        self.code
    }

    /// The four bytes behind the checksum.
    #[must_use]
    pub const fn rest(&self) -> [u8; 4] {
        self.rest
    }
}

/// What an echo request carries and its reply gives back (RFC 792, RFC 4443 section 4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Echo {
    /// Tells the senders of one host apart.
    pub identifier: u16,
    /// Counts the requests of one sender.
    pub sequence: u16,
}

impl Echo {
    pub(super) const fn from_rest([a, b, c, d]: [u8; 4]) -> Self {
        Self {
            identifier: u16::from_be_bytes([a, b]),
            sequence: u16::from_be_bytes([c, d]),
        }
    }

    pub(super) const fn rest(self) -> [u8; 4] {
        let ([a, b], [c, d]) = (self.identifier.to_be_bytes(), self.sequence.to_be_bytes());
        [a, b, c, d]
    }
}

/// Why bytes are not an ICMP or ICMPv6 message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IcmpError {
    /// Shorter than 8 bytes.
    #[error("the ICMP message is cut off")]
    Truncated,
    /// The checksum is wrong.
    #[error("the ICMP checksum is wrong")]
    Checksum,
}

impl From<IcmpError> for DropReason {
    fn from(_: IcmpError) -> Self {
        Self::IcmpInvalid
    }
}
