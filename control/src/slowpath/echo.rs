//! Answers to echo requests (RFC 1812 section 4.3.3.6, RFC 4443 section 4.2).
//!
//! Only whole requests without IP options are answered here. The rest, which is rare, is left to
//! the kernel twin, which reassembles and knows all options.

use super::fragment::{fragment_ipv4, fragment_ipv6};
use super::{icmp4, icmp6};
use ferroute_dataplane::drops::DropReason;
use ferroute_dataplane::wire::address::{
    Ipv4Destination, Ipv6Source, ipv4_destination, ipv4_source_is_martian, ipv6_source,
};
use ferroute_dataplane::wire::icmp4::Icmp4Message;
use ferroute_dataplane::wire::icmp6::Icmp6Message;
use ferroute_dataplane::wire::ipv4::{Ipv4Header, Ipv4Packet};
use ferroute_dataplane::wire::ipv6::{Ipv6Header, Ipv6Packet};
use ferroute_dataplane::wire::{Header, Protocol};
use std::net::Ipv6Addr;

/// DSCP without ECN: a reply is sent with its request's (RFC 1812 section 4.3.2.5).
const DSCP_MASK: u8 = 0xfc;

/// The answer to an ICMP message to one of the router's own addresses, as IPv4 packets of at most
/// `mtu` bytes. `None` if the message is no echo request, or is one that is left to the twin; then
/// it goes there.
///
/// The reply has DF and identification of the request, so that what the requester does for unique
/// identifications (RFC 6864) holds for it too. If it has to be fragmented, DF is cleared and
/// `fresh_identification` is asked for one.
///
/// # Errors
/// [`DropReason::IcmpInvalid`] for a wrong checksum or length, [`DropReason::IcmpNotAllowed`] for a
/// request to or from many, and what [`fragment_ipv4`] finds.
pub fn answer_ipv4(
    packet: &Ipv4Packet<'_>,
    group_frame: bool,
    mtu: usize,
    fresh_identification: impl FnOnce() -> u16,
) -> Result<Option<Vec<Vec<u8>>>, DropReason> {
    let header = packet.header();
    if header.protocol() != Protocol::ICMP || header.is_fragment() || !packet.options().is_empty() {
        return Ok(None);
    }
    let (message, data) = Icmp4Message::parse(packet.payload())?;
    let Icmp4Message::EchoRequest(echo) = message else {
        return Ok(None);
    };
    let (own, requester) = (header.destination(), header.source());
    if group_frame
        || ipv4_destination(own) != Ipv4Destination::Unicast
        || ipv4_source_is_martian(requester)
    {
        return Err(DropReason::IcmpNotAllowed);
    }
    let mut reply = Ipv4Header::new(
        own,
        requester,
        Protocol::ICMP,
        icmp4::TTL,
        header.total_length(),
    );
    reply.set_traffic_class(header.traffic_class() & DSCP_MASK);
    if packet.bytes().len() <= mtu {
        reply.set_dont_fragment(header.dont_fragment());
        reply.set_identification(header.identification());
    } else {
        reply.set_identification(fresh_identification());
    }
    reply.seal(&[]);
    let bytes = [
        reply.bytes(),
        Icmp4Message::EchoReply(echo).header(data).bytes(),
        data,
    ]
    .concat();
    let reply = Ipv4Packet::parse(&bytes)?;
    Ok(Some(fragment_ipv4(&reply, mtu)?))
}

/// The answer to an ICMPv6 message, as IPv6 packets of at most `mtu` bytes that come from `own`: the
/// address to which the request went or, if that was a group, one of the router's own on the link.
/// `None` if the message is no echo request, or is one that is left to the twin; then it goes there.
///
/// # Errors
/// [`DropReason::IcmpInvalid`] for a wrong checksum or length, [`DropReason::IcmpNotAllowed`] for a
/// request from many, [`DropReason::Ipv6ExtensionHeaders`], and what [`fragment_ipv6`] finds.
pub fn answer_ipv6(
    packet: &Ipv6Packet<'_>,
    own: Ipv6Addr,
    mtu: usize,
    fresh_identification: impl FnOnce() -> u32,
) -> Result<Option<Vec<Vec<u8>>>, DropReason> {
    let header = packet.header();
    let upper = packet.upper()?;
    if upper.protocol != Protocol::ICMPV6 || upper.is_fragment() || upper.routing.is_some() {
        return Ok(None);
    }
    let requester = header.source();
    let (message, data) = Icmp6Message::parse(requester, header.destination(), upper.bytes)?;
    let Icmp6Message::EchoRequest(echo) = message else {
        return Ok(None);
    };
    if !matches!(
        ipv6_source(requester),
        Ipv6Source::Unicast | Ipv6Source::LinkLocal
    ) {
        return Err(DropReason::IcmpNotAllowed);
    }
    let icmp = Icmp6Message::EchoReply(echo).header(own, requester, data);
    let message = [icmp.bytes(), data].concat();
    let mut reply = Ipv6Header::new(
        own,
        requester,
        Protocol::ICMPV6,
        icmp6::HOP_LIMIT,
        message.len() as u16,
    );
    reply.set_traffic_class(header.traffic_class() & DSCP_MASK);
    let identification = if Ipv6Header::LEN + message.len() <= mtu {
        0
    } else {
        fresh_identification()
    };
    Ok(Some(fragment_ipv6(&reply, &message, identification, mtu)?))
}

#[cfg(test)]
#[path = "echo_tests.rs"]
mod tests;
