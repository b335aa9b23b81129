//! ICMP (RFC 792, RFC 1191, RFC 1812 section 4.3).

use super::Header;
use super::checksum::{self, Sum};
use super::icmp::{Echo, IcmpError, IcmpHeader};

const ECHO_REPLY: u8 = 0;
const UNREACHABLE: u8 = 3;
const ECHO_REQUEST: u8 = 8;
const TIME_EXCEEDED: u8 = 11;
const PARAMETER_PROBLEM: u8 = 12;
const FRAGMENTATION_NEEDED: u8 = 4;

/// Why a destination is unreachable, for the reasons that need no further field.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Unreachable {
    /// No route leads to the network (code 0).
    Network = 0,
    /// The host does not answer (code 1).
    Host = 1,
    /// The host does not know the protocol (code 2).
    Protocol = 2,
    /// Nobody listens on the port (code 3).
    Port = 3,
    /// The source route cannot be followed (code 5).
    SourceRouteFailed = 5,
    /// A filter forbids it (code 13, RFC 1812 section 5.2.7.1).
    Prohibited = 13,
}

impl Unreachable {
    const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Network,
            1 => Self::Host,
            2 => Self::Protocol,
            3 => Self::Port,
            5 => Self::SourceRouteFailed,
            13 => Self::Prohibited,
            _ => return None,
        })
    }
}

/// What an ICMP message says, without its body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Icmp4Message {
    /// The answer to an echo request (type 0).
    EchoReply(Echo),
    /// A request to answer (type 8).
    EchoRequest(Echo),
    /// The quoted packet could not be delivered (type 3).
    Unreachable(Unreachable),
    /// The quoted packet is larger than the next link takes and has DF (type 3 code 4).
    FragmentationNeeded {
        /// What the next link takes in bytes (RFC 1191 section 4).
        mtu: u16,
    },
    /// The TTL of the quoted packet ran out on its way (type 11 code 0).
    TtlExceeded,
    /// Fragments of the quoted packet did not come in time (type 11 code 1).
    ReassemblyTimeExceeded,
    /// A byte of the quoted packet's header is wrong (type 12 code 0).
    ParameterProblem {
        /// Which byte, counted from 0.
        pointer: u8,
    },
    /// Anything else.
    Other {
        /// The type.
        kind: u8,
        /// The code.
        code: u8,
        /// The four bytes behind the checksum.
        rest: [u8; 4],
    },
}

impl Icmp4Message {
    /// What `header` says.
    #[must_use]
    pub const fn from_header(header: &IcmpHeader) -> Self {
        let (kind, code, rest) = (header.kind(), header.code(), header.rest());
        let [pointer, _, mtu_high, mtu_low] = rest;
        match (kind, code) {
            (ECHO_REPLY, 0) => Self::EchoReply(Echo::from_rest(rest)),
            (ECHO_REQUEST, 0) => Self::EchoRequest(Echo::from_rest(rest)),
            (UNREACHABLE, FRAGMENTATION_NEEDED) => Self::FragmentationNeeded {
                mtu: u16::from_be_bytes([mtu_high, mtu_low]),
            },
            (UNREACHABLE, code) => match Unreachable::from_code(code) {
                Some(reason) => Self::Unreachable(reason),
                None => Self::Other { kind, code, rest },
            },
            (TIME_EXCEEDED, 0) => Self::TtlExceeded,
            (TIME_EXCEEDED, 1) => Self::ReassemblyTimeExceeded,
            (PARAMETER_PROBLEM, 0) => Self::ParameterProblem { pointer },
            _ => Self::Other { kind, code, rest },
        }
    }

    /// The message's header with the checksum over it and `body`.
    #[must_use]
    pub fn header(&self, body: &[u8]) -> IcmpHeader {
        let (kind, code, rest) = match *self {
            Self::EchoReply(echo) => (ECHO_REPLY, 0, echo.rest()),
            Self::EchoRequest(echo) => (ECHO_REQUEST, 0, echo.rest()),
            Self::Unreachable(reason) => (UNREACHABLE, reason as u8, [0; 4]),
            Self::FragmentationNeeded { mtu } => (
                UNREACHABLE,
                FRAGMENTATION_NEEDED,
                u32::from(mtu).to_be_bytes(),
            ),
            Self::TtlExceeded => (TIME_EXCEEDED, 0, [0; 4]),
            Self::ReassemblyTimeExceeded => (TIME_EXCEEDED, 1, [0; 4]),
            Self::ParameterProblem { pointer } => (PARAMETER_PROBLEM, 0, [pointer, 0, 0, 0]),
            Self::Other { kind, code, rest } => (kind, code, rest),
        };
        IcmpHeader::new(kind, code, rest).sealed(Sum::ZERO, body)
    }

    /// Takes a message apart: what it says, and its body.
    ///
    /// # Errors
    /// A message under 8 bytes, or with a wrong checksum.
    pub fn parse(message: &[u8]) -> Result<(Self, &[u8]), IcmpError> {
        let (header, body) = IcmpHeader::split(message).ok_or(IcmpError::Truncated)?;
        if !checksum::verify(message) {
            return Err(IcmpError::Checksum);
        }
        Ok((Self::from_header(header), body))
    }
}

/// Whether a message of this type may be an error, which must not cause another (RFC 1122 section
/// 3.2.2, RFC 1812 section 4.3.2.7): all types but the known queries and their replies, as what is
/// unknown may be an error.
#[must_use]
pub const fn is_error(kind: u8) -> bool {
    // Echo, router discovery, timestamp, information, address mask, extended echo (RFC 8335).
    !matches!(kind, ECHO_REPLY | ECHO_REQUEST | 9 | 10 | 13..=18 | 42 | 43)
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::{Icmpv4Type, icmpv4};

    const BODY: [u8; 29] = [0x5a; 29];

    #[test]
    fn emits_what_etherparse_builds() {
        use Icmp4Message as M;
        let echo = Echo {
            identifier: 0x1234,
            sequence: 0xfffe,
        };
        let their_echo = etherparse::IcmpEchoHeader {
            id: 0x1234,
            seq: 0xfffe,
        };
        for (ours, theirs) in [
            (M::EchoReply(echo), Icmpv4Type::EchoReply(their_echo)),
            (M::EchoRequest(echo), Icmpv4Type::EchoRequest(their_echo)),
            (
                M::Unreachable(Unreachable::Network),
                Icmpv4Type::DestinationUnreachable(icmpv4::DestUnreachableHeader::Network),
            ),
            (
                M::Unreachable(Unreachable::Host),
                Icmpv4Type::DestinationUnreachable(icmpv4::DestUnreachableHeader::Host),
            ),
            (
                M::Unreachable(Unreachable::Protocol),
                Icmpv4Type::DestinationUnreachable(icmpv4::DestUnreachableHeader::Protocol),
            ),
            (
                M::Unreachable(Unreachable::Port),
                Icmpv4Type::DestinationUnreachable(icmpv4::DestUnreachableHeader::Port),
            ),
            (
                M::Unreachable(Unreachable::SourceRouteFailed),
                Icmpv4Type::DestinationUnreachable(
                    icmpv4::DestUnreachableHeader::SourceRouteFailed,
                ),
            ),
            (
                M::Unreachable(Unreachable::Prohibited),
                Icmpv4Type::DestinationUnreachable(icmpv4::DestUnreachableHeader::FilterProhibited),
            ),
            (
                M::FragmentationNeeded { mtu: 1400 },
                Icmpv4Type::DestinationUnreachable(
                    icmpv4::DestUnreachableHeader::FragmentationNeeded { next_hop_mtu: 1400 },
                ),
            ),
            (
                M::TtlExceeded,
                Icmpv4Type::TimeExceeded(icmpv4::TimeExceededCode::TtlExceededInTransit),
            ),
            (
                M::ReassemblyTimeExceeded,
                Icmpv4Type::TimeExceeded(icmpv4::TimeExceededCode::FragmentReassemblyTimeExceeded),
            ),
            (
                M::ParameterProblem { pointer: 20 },
                Icmpv4Type::ParameterProblem(
                    icmpv4::ParameterProblemHeader::PointerIndicatesError(20),
                ),
            ),
        ] {
            let mut bytes = ours.header(&BODY).bytes().to_vec();
            assert_eq!(
                bytes,
                etherparse::Icmpv4Header::with_checksum(theirs, &BODY)
                    .to_bytes()
                    .as_slice(),
                "{ours:?}"
            );
            bytes.extend(BODY);
            assert_eq!(M::parse(&bytes), Ok((ours, &BODY[..])));
            bytes[12] ^= 1;
            assert_eq!(M::parse(&bytes), Err(IcmpError::Checksum));
            for cut in 0..bytes.len() {
                assert!(M::parse(&bytes[..cut]).is_err(), "{cut}");
            }
        }
    }

    #[test]
    fn v4_16_errors_are_told_from_queries() {
        for error in [3, 4, 5, 11, 12, 40, 255] {
            assert!(is_error(error), "{error}");
        }
        for query in [0, 8, 13, 14, 15, 16, 17, 18] {
            assert!(!is_error(query), "{query}");
        }
    }
}
