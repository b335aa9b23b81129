//! ICMP errors for IPv4 (RFC 792, RFC 1812 section 4.3.2): whether one may be sent, and its bytes.

use super::ratelimit::ErrorKind;
use ferroute_dataplane::drops::DropReason;
use ferroute_dataplane::punt::PuntReason;
use ferroute_dataplane::wire::address::{
    Ipv4Destination, ipv4_destination, ipv4_source_is_martian,
};
use ferroute_dataplane::wire::icmp::IcmpHeader;
use ferroute_dataplane::wire::icmp4::{Icmp4Message, Unreachable, is_error};
use ferroute_dataplane::wire::ipv4::{Ipv4Header, Ipv4Packet, MIN_MTU, MIN_REASSEMBLY_BYTES};
use ferroute_dataplane::wire::{Header, Protocol};
use std::net::Ipv4Addr;

/// The TTL of what the router itself sends: the default that IANA recommends (RFC 1812 section
/// 4.2.2.9 has it configurable, and nobody ever needed another for ICMP).
pub const TTL: u8 = 64;
/// Precedence 6, internetwork control, with the default type of service (RFC 1812 section 4.3.2.5).
const ERROR_TRAFFIC_CLASS: u8 = 6 << 5;

/// What the router has to say about a packet that it does not forward.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Icmp4Report {
    /// It cannot be delivered.
    Unreachable(Unreachable),
    /// It is larger than the next link takes, in bytes, and has DF.
    FragmentationNeeded {
        /// What the next link takes.
        mtu: u16,
    },
    /// Its TTL ran out.
    TtlExceeded,
    /// A byte of its header is wrong.
    ParameterProblem {
        /// Which byte, counted from 0.
        pointer: u8,
    },
}

impl Icmp4Report {
    /// What is to be said about a packet that was punted for `reason`; `None` where the packet is
    /// not lost (yet).
    ///
    /// [`PuntReason::TooBig`] is meant for packets with DF; the others are fragmented.
    #[must_use]
    pub const fn of_punt(reason: PuntReason) -> Option<Self> {
        Some(match reason {
            PuntReason::TtlExpired => Self::TtlExceeded,
            PuntReason::TooBig { mtu, .. } => Self::FragmentationNeeded { mtu },
            PuntReason::NoRoute => Self::Unreachable(Unreachable::Network),
            PuntReason::RouteUnreachable => Self::Unreachable(Unreachable::Host),
            PuntReason::RouteProhibited => Self::Unreachable(Unreachable::Prohibited),
            _ => return None,
        })
    }

    /// The kind by which it is limited.
    #[must_use]
    pub const fn kind(self) -> ErrorKind {
        match self {
            Self::Unreachable(_) => ErrorKind::Unreachable,
            Self::FragmentationNeeded { .. } => ErrorKind::TooBig,
            Self::TtlExceeded => ErrorKind::TimeExceeded,
            Self::ParameterProblem { .. } => ErrorKind::ParameterProblem,
        }
    }

    fn message(self) -> Icmp4Message {
        match self {
            Self::Unreachable(reason) => Icmp4Message::Unreachable(reason),
            // Less than every link takes would only confuse the sender.
            Self::FragmentationNeeded { mtu } => Icmp4Message::FragmentationNeeded {
                mtu: mtu.max(MIN_MTU as u16),
            },
            Self::TtlExceeded => Icmp4Message::TtlExceeded,
            Self::ParameterProblem { pointer } => Icmp4Message::ParameterProblem { pointer },
        }
    }
}

/// Whether `packet` may cause an ICMP error (RFC 1812 section 4.3.2.7). `group_frame` says that it
/// came in a broadcast or multicast frame, `is_subnet_broadcast` knows the broadcast addresses of
/// the router's own subnets.
///
/// # Errors
/// [`DropReason::IcmpNotAllowed`] for ICMP errors, for what went to a group or to broadcast, for
/// fragments that are not the first, and for sources that are not one host.
pub fn may_answer(
    packet: &Ipv4Packet<'_>,
    group_frame: bool,
    is_subnet_broadcast: impl Fn(Ipv4Addr) -> bool,
) -> Result<(), DropReason> {
    let header = packet.header();
    let (source, destination) = (header.source(), header.destination());
    let to_many = group_frame
        || matches!(
            ipv4_destination(destination),
            Ipv4Destination::LinkMulticast
                | Ipv4Destination::Multicast
                | Ipv4Destination::LimitedBroadcast
        )
        || is_subnet_broadcast(destination);
    let from_one = !ipv4_source_is_martian(source) && !is_subnet_broadcast(source);
    let later_fragment = header.fragment_offset() != 0;
    // An ICMP message without its type may have been an error.
    let about_error = header.protocol() == Protocol::ICMP
        && packet.payload().first().is_none_or(|kind| is_error(*kind));
    if to_many || !from_one || later_fragment || about_error {
        return Err(DropReason::IcmpNotAllowed);
    }
    Ok(())
}

/// The IPv4 packet that tells the sender of `packet` about it, from `source`, an address of the
/// router in the same VRF.
///
/// It quotes as much of the packet as fits 576 bytes (RFC 1812 section 4.3.2.3); what padded its
/// frame is no part of it. It is atomic (DF set) and so needs no identification (RFC 6864 section
/// 4.1). Whether it may be sent is for [`may_answer`] to say.
#[must_use]
pub fn build(report: Icmp4Report, source: Ipv4Addr, packet: &Ipv4Packet<'_>) -> Vec<u8> {
    const QUOTE_BYTES: usize = MIN_REASSEMBLY_BYTES - Ipv4Header::LEN - IcmpHeader::LEN;
    let quote = &packet.bytes()[..packet.bytes().len().min(QUOTE_BYTES)];
    let total = Ipv4Header::LEN + IcmpHeader::LEN + quote.len();
    let mut header = Ipv4Header::new(
        source,
        packet.header().source(),
        Protocol::ICMP,
        TTL,
        total as u16,
    );
    header.set_traffic_class(ERROR_TRAFFIC_CLASS);
    header.set_dont_fragment(true);
    header.seal(&[]);
    [
        header.bytes(),
        report.message().header(quote).bytes(),
        quote,
    ]
    .concat()
}

#[cfg(test)]
#[path = "icmp4_tests.rs"]
mod tests;
