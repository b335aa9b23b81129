//! ICMPv6 errors (RFC 4443): whether one may be sent, and its bytes.

use super::ratelimit::ErrorKind;
use ferroute_dataplane::drops::DropReason;
use ferroute_dataplane::punt::PuntReason;
use ferroute_dataplane::wire::address::{Ipv6Source, ipv6_source};
use ferroute_dataplane::wire::extension::ActiveRouting;
use ferroute_dataplane::wire::icmp::IcmpHeader;
use ferroute_dataplane::wire::icmp6::{Icmp6Message, Problem, REDIRECT, Unreachable, is_error};
use ferroute_dataplane::wire::ipv6::{Ipv6Header, Ipv6Packet, MIN_MTU};
use ferroute_dataplane::wire::{Header, Protocol};
use std::net::Ipv6Addr;

/// The hop limit of what the router itself sends: the default that IANA recommends, as for IPv4.
pub const HOP_LIMIT: u8 = 64;
/// Class selector 6, network control, as for IPv4.
const ERROR_TRAFFIC_CLASS: u8 = 6 << 5;

/// What the router has to say about a packet that it does not forward.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Icmp6Report {
    /// It cannot be delivered.
    Unreachable(Unreachable),
    /// It is larger than the next link takes, in bytes.
    PacketTooBig {
        /// What the next link takes.
        mtu: u16,
    },
    /// Its hop limit ran out.
    HopLimitExceeded,
    /// A byte of it is wrong.
    ParameterProblem {
        /// In which way.
        problem: Problem,
        /// Which byte, counted from 0.
        pointer: u32,
    },
}

impl Icmp6Report {
    /// What is to be said about a packet that was punted for `reason`; `None` where the packet is
    /// not lost (yet).
    #[must_use]
    pub const fn of_punt(reason: PuntReason) -> Option<Self> {
        Some(match reason {
            PuntReason::TtlExpired => Self::HopLimitExceeded,
            PuntReason::TooBig { mtu, .. } => Self::PacketTooBig { mtu },
            PuntReason::NoRoute => Self::Unreachable(Unreachable::NoRoute),
            PuntReason::RouteUnreachable => Self::Unreachable(Unreachable::Rejected),
            PuntReason::RouteProhibited => Self::Unreachable(Unreachable::Prohibited),
            PuntReason::BeyondScope => Self::Unreachable(Unreachable::BeyondScope),
            _ => return None,
        })
    }

    /// What is to be said about a packet to the router's own address whose routing header has
    /// segments left. The router follows none, type 0 least of all (RFC 8200 section 4.4, RFC 5095).
    #[must_use]
    pub const fn of_routing(routing: ActiveRouting) -> Self {
        Self::ParameterProblem {
            problem: Problem::Field,
            pointer: routing.type_pointer as u32,
        }
    }

    /// The kind by which it is limited.
    #[must_use]
    pub const fn kind(self) -> ErrorKind {
        match self {
            Self::Unreachable(_) => ErrorKind::Unreachable,
            Self::PacketTooBig { .. } => ErrorKind::TooBig,
            Self::HopLimitExceeded => ErrorKind::TimeExceeded,
            Self::ParameterProblem { .. } => ErrorKind::ParameterProblem,
        }
    }

    /// Whether it may also answer what went to many (RFC 4443 section 2.4(e.3)): path MTU discovery
    /// works for multicast, and an unknown option may ask for it.
    const fn may_answer_group(self) -> bool {
        matches!(
            self,
            Self::PacketTooBig { .. }
                | Self::ParameterProblem {
                    problem: Problem::Option,
                    ..
                }
        )
    }

    fn message(self) -> Icmp6Message {
        match self {
            Self::Unreachable(reason) => Icmp6Message::Unreachable(reason),
            Self::PacketTooBig { mtu } => Icmp6Message::PacketTooBig {
                mtu: u32::from(mtu).max(MIN_MTU as u32),
            },
            Self::HopLimitExceeded => Icmp6Message::HopLimitExceeded,
            Self::ParameterProblem { problem, pointer } => {
                Icmp6Message::ParameterProblem { problem, pointer }
            }
        }
    }
}

/// Whether `packet` may cause the ICMPv6 error `report` (RFC 4443 section 2.4(e)). `group_frame` says
/// that it came in a broadcast or multicast frame.
///
/// # Errors
/// [`DropReason::IcmpNotAllowed`] for ICMPv6 errors and redirects, for what went to a group, and for
/// sources that are not one node; also where extension headers hide whether it is one of these.
pub fn may_answer(
    packet: &Ipv6Packet<'_>,
    group_frame: bool,
    report: Icmp6Report,
) -> Result<(), DropReason> {
    let header = packet.header();
    let to_many = group_frame || header.destination().is_multicast();
    let from_one = matches!(
        ipv6_source(header.source()),
        Ipv6Source::Unicast | Ipv6Source::LinkLocal
    );
    if !from_one || to_many && !report.may_answer_group() || may_be_about_error(packet) {
        return Err(DropReason::IcmpNotAllowed);
    }
    Ok(())
}

fn may_be_about_error(packet: &Ipv6Packet<'_>) -> bool {
    let Ok(upper) = packet.upper() else {
        return true;
    };
    if upper.protocol != Protocol::ICMPV6 {
        return false;
    }
    upper.is_later_fragment()
        || upper
            .bytes
            .first()
            .is_none_or(|kind| is_error(*kind) || *kind == REDIRECT)
}

/// The IPv6 packet that tells the sender of `packet` about it, from `source`, an address of the
/// router in the same VRF that the sender can reach (for senders off the link, not a link-local one).
///
/// It quotes as much of the packet as fits 1280 bytes (RFC 4443 section 2.4(c)); what padded its
/// frame is no part of it. Whether it may be sent is for [`may_answer`] to say.
#[must_use]
pub fn build(report: Icmp6Report, source: Ipv6Addr, packet: &Ipv6Packet<'_>) -> Vec<u8> {
    const QUOTE_BYTES: usize = MIN_MTU - Ipv6Header::LEN - IcmpHeader::LEN;
    let quote = &packet.bytes()[..packet.bytes().len().min(QUOTE_BYTES)];
    let length = IcmpHeader::LEN + quote.len();
    let destination = packet.header().source();
    let mut header = Ipv6Header::new(
        source,
        destination,
        Protocol::ICMPV6,
        HOP_LIMIT,
        length as u16,
    );
    header.set_traffic_class(ERROR_TRAFFIC_CLASS);
    [
        header.bytes(),
        report.message().header(source, destination, quote).bytes(),
        quote,
    ]
    .concat()
}

#[cfg(test)]
#[path = "icmp6_tests.rs"]
mod tests;
