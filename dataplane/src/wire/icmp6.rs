//! ICMPv6 (RFC 4443); neighbour discovery is in [`nd`](super::nd).

use super::checksum::pseudo_ipv6;
use super::icmp::{Echo, IcmpError, IcmpHeader};
use super::{Header, Protocol};
use std::net::Ipv6Addr;

const UNREACHABLE: u8 = 1;
const PACKET_TOO_BIG: u8 = 2;
const TIME_EXCEEDED: u8 = 3;
const PARAMETER_PROBLEM: u8 = 4;
const ECHO_REQUEST: u8 = 128;
const ECHO_REPLY: u8 = 129;
/// Redirect, which counts among the errors when it comes to causing another (RFC 4443 section
/// 2.4(e.2)).
pub const REDIRECT: u8 = 137;

/// Why a destination is unreachable (RFC 4443 section 3.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Unreachable {
    /// No route leads there.
    NoRoute = 0,
    /// A filter forbids it.
    Prohibited = 1,
    /// The destination is beyond the scope of the source address.
    BeyondScope = 2,
    /// The neighbour does not answer, or any other reason.
    Address = 3,
    /// Nobody listens on the port.
    Port = 4,
    /// The source address failed a policy of ingress or egress.
    SourcePolicy = 5,
    /// A route says to reject it.
    Rejected = 6,
}

impl Unreachable {
    const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::NoRoute,
            1 => Self::Prohibited,
            2 => Self::BeyondScope,
            3 => Self::Address,
            4 => Self::Port,
            5 => Self::SourcePolicy,
            6 => Self::Rejected,
            _ => return None,
        })
    }
}

/// What is wrong with a packet (RFC 4443 section 3.4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Problem {
    /// A header field has a wrong value.
    Field = 0,
    /// The next header is unknown.
    NextHeader = 1,
    /// An option is unknown; the one parameter problem that also answers multicast.
    Option = 2,
}

/// What an ICMPv6 message says, without its body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Icmp6Message {
    /// The quoted packet could not be delivered (type 1).
    Unreachable(Unreachable),
    /// The quoted packet is larger than the next link takes (type 2).
    PacketTooBig {
        /// What the next link takes in bytes.
        mtu: u32,
    },
    /// The hop limit of the quoted packet ran out on its way (type 3 code 0).
    HopLimitExceeded,
    /// Fragments of the quoted packet did not come in time (type 3 code 1).
    ReassemblyTimeExceeded,
    /// The quoted packet is wrong (type 4).
    ParameterProblem {
        /// In which way.
        problem: Problem,
        /// Which byte of it, counted from 0.
        pointer: u32,
    },
    /// A request to answer (type 128).
    EchoRequest(Echo),
    /// The answer to an echo request (type 129).
    EchoReply(Echo),
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

impl Icmp6Message {
    /// What `header` says.
    #[must_use]
    pub fn from_header(header: &IcmpHeader) -> Self {
        let (kind, code, rest) = (header.kind(), header.code(), header.rest());
        let problem = |problem| Self::ParameterProblem {
            problem,
            pointer: u32::from_be_bytes(rest),
        };
        match (kind, code) {
            (UNREACHABLE, code) => match Unreachable::from_code(code) {
                Some(reason) => Self::Unreachable(reason),
                None => Self::Other { kind, code, rest },
            },
            // The code is to be ignored by receivers (RFC 4443 section 3.2).
            (PACKET_TOO_BIG, _) => Self::PacketTooBig {
                mtu: u32::from_be_bytes(rest),
            },
            (TIME_EXCEEDED, 0) => Self::HopLimitExceeded,
            (TIME_EXCEEDED, 1) => Self::ReassemblyTimeExceeded,
            (PARAMETER_PROBLEM, 0) => problem(Problem::Field),
            (PARAMETER_PROBLEM, 1) => problem(Problem::NextHeader),
            (PARAMETER_PROBLEM, 2) => problem(Problem::Option),
            (ECHO_REQUEST, 0) => Self::EchoRequest(Echo::from_rest(rest)),
            (ECHO_REPLY, 0) => Self::EchoReply(Echo::from_rest(rest)),
            _ => Self::Other { kind, code, rest },
        }
    }

    /// The message's header for a packet from `source` to `destination`, with the checksum over it,
    /// `body` and the pseudo header.
    #[must_use]
    pub fn header(&self, source: Ipv6Addr, destination: Ipv6Addr, body: &[u8]) -> IcmpHeader {
        let (kind, code, rest) = match *self {
            Self::Unreachable(reason) => (UNREACHABLE, reason as u8, [0; 4]),
            Self::PacketTooBig { mtu } => (PACKET_TOO_BIG, 0, mtu.to_be_bytes()),
            Self::HopLimitExceeded => (TIME_EXCEEDED, 0, [0; 4]),
            Self::ReassemblyTimeExceeded => (TIME_EXCEEDED, 1, [0; 4]),
            Self::ParameterProblem { problem, pointer } => {
                (PARAMETER_PROBLEM, problem as u8, pointer.to_be_bytes())
            }
            Self::EchoRequest(echo) => (ECHO_REQUEST, 0, echo.rest()),
            Self::EchoReply(echo) => (ECHO_REPLY, 0, echo.rest()),
            Self::Other { kind, code, rest } => (kind, code, rest),
        };
        let length = (IcmpHeader::LEN + body.len()) as u32;
        IcmpHeader::new(kind, code, rest).sealed(
            pseudo_ipv6(source, destination, Protocol::ICMPV6, length),
            body,
        )
    }

    /// Takes apart a message that came from `source` to `destination`: what it says, and its body.
    ///
    /// # Errors
    /// A message under 8 bytes, or with a wrong checksum.
    pub fn parse(
        source: Ipv6Addr,
        destination: Ipv6Addr,
        message: &[u8],
    ) -> Result<(Self, &[u8]), IcmpError> {
        let (header, body) = IcmpHeader::split(message).ok_or(IcmpError::Truncated)?;
        if !checksum_is_right(source, destination, message) {
            return Err(IcmpError::Checksum);
        }
        Ok((Self::from_header(header), body))
    }
}

/// Whether the checksum of a message that came from `source` to `destination` is right.
#[must_use]
pub fn checksum_is_right(source: Ipv6Addr, destination: Ipv6Addr, message: &[u8]) -> bool {
    pseudo_ipv6(source, destination, Protocol::ICMPV6, message.len() as u32)
        .add_bytes(message)
        .folded()
        == 0xffff
}

/// Whether a message of this type is an error (RFC 4443 section 2.1).
#[must_use]
pub const fn is_error(kind: u8) -> bool {
    kind < 128
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::{Icmpv6Type, icmpv6};

    const BODY: [u8; 29] = [0x5a; 29];
    const A: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    const B: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);

    #[test]
    fn v6_11_emits_what_etherparse_builds() {
        use Icmp6Message as M;
        use Icmpv6Type as T;
        let echo = Echo {
            identifier: 0x1234,
            sequence: 0xfffe,
        };
        let their_echo = etherparse::IcmpEchoHeader {
            id: 0x1234,
            seq: 0xfffe,
        };
        let problem = |code| {
            T::ParameterProblem(icmpv6::ParameterProblemHeader {
                code,
                pointer: 1300,
            })
        };
        for (ours, theirs) in [
            (M::EchoReply(echo), T::EchoReply(their_echo)),
            (M::EchoRequest(echo), T::EchoRequest(their_echo)),
            (
                M::Unreachable(Unreachable::NoRoute),
                T::DestinationUnreachable(icmpv6::DestUnreachableCode::NoRoute),
            ),
            (
                M::Unreachable(Unreachable::Prohibited),
                T::DestinationUnreachable(icmpv6::DestUnreachableCode::Prohibited),
            ),
            (
                M::Unreachable(Unreachable::BeyondScope),
                T::DestinationUnreachable(icmpv6::DestUnreachableCode::BeyondScope),
            ),
            (
                M::Unreachable(Unreachable::Address),
                T::DestinationUnreachable(icmpv6::DestUnreachableCode::Address),
            ),
            (
                M::Unreachable(Unreachable::Port),
                T::DestinationUnreachable(icmpv6::DestUnreachableCode::Port),
            ),
            (
                M::Unreachable(Unreachable::SourcePolicy),
                T::DestinationUnreachable(icmpv6::DestUnreachableCode::SourceAddressFailedPolicy),
            ),
            (
                M::Unreachable(Unreachable::Rejected),
                T::DestinationUnreachable(icmpv6::DestUnreachableCode::RejectRoute),
            ),
            (
                M::PacketTooBig { mtu: 70_000 },
                T::PacketTooBig { mtu: 70_000 },
            ),
            (
                M::HopLimitExceeded,
                T::TimeExceeded(icmpv6::TimeExceededCode::HopLimitExceeded),
            ),
            (
                M::ReassemblyTimeExceeded,
                T::TimeExceeded(icmpv6::TimeExceededCode::FragmentReassemblyTimeExceeded),
            ),
            (
                M::ParameterProblem {
                    problem: Problem::Field,
                    pointer: 1300,
                },
                problem(icmpv6::ParameterProblemCode::ErroneousHeaderField),
            ),
            (
                M::ParameterProblem {
                    problem: Problem::NextHeader,
                    pointer: 1300,
                },
                problem(icmpv6::ParameterProblemCode::UnrecognizedNextHeader),
            ),
            (
                M::ParameterProblem {
                    problem: Problem::Option,
                    pointer: 1300,
                },
                problem(icmpv6::ParameterProblemCode::UnrecognizedIpv6Option),
            ),
        ] {
            let mut bytes = ours.header(A, B, &BODY).bytes().to_vec();
            let theirs =
                etherparse::Icmpv6Header::with_checksum(theirs, A.octets(), B.octets(), &BODY)
                    .unwrap();
            assert_eq!(bytes, theirs.to_bytes().as_slice(), "{ours:?}");
            bytes.extend(BODY);
            assert_eq!(M::parse(A, B, &bytes), Ok((ours, &BODY[..])));
            assert_eq!(M::parse(A, A, &bytes), Err(IcmpError::Checksum));
            for cut in 0..bytes.len() {
                assert!(M::parse(A, B, &bytes[..cut]).is_err(), "{cut}");
            }
        }
    }
}
