//! Validation of IPv6 packets (RFC 8200 section 3, RFC 4291 section 2).

use std::net::Ipv6Addr;

use dpdk_sys::Mbuf;

use super::batch::{Facts, Flags};
use super::input::{Verdict, to_router, trim};
use crate::drops::DropReason;
use crate::punt::PuntReason;
use crate::wire::Header;
use crate::wire::address::{
    Ipv6Destination, Ipv6Source, MulticastScope, ipv6_destination, ipv6_source,
};
use crate::wire::ipv6::Ipv6Header;

/// Whether [`validate`] would find nothing unusual: right lengths, and global unicast addresses (2000::/3). Decided
/// without a branch, since the answer is yes for nearly all packets. `carried_bytes` are those behind the link header.
#[inline(always)]
pub(super) fn is_plain(header: &Ipv6Header, carried_bytes: usize) -> bool {
    let ip_bytes = Ipv6Header::LEN + usize::from(header.payload_length());
    (header.version() == 6)
        & (ip_bytes <= carried_bytes)
        & (ip_bytes <= usize::from(u16::MAX))
        & is_global(header.source())
        & is_global(header.destination())
}

/// Global unicast (2000::/3, RFC 4291 section 2.4) as it is assigned today.
#[inline(always)]
fn is_global(address: Ipv6Addr) -> bool {
    address.octets()[0] >> 5 == 1
}

/// Checks the header at `facts.l3_offset`, fills the facts and trims the padding. `link_local` are
/// the interface's own link-local addresses.
#[inline]
pub(super) fn validate(mbuf: &mut Mbuf, facts: &mut Facts, link_local: &[u128]) -> Verdict {
    let l3 = usize::from(facts.l3_offset);
    let carried_bytes = mbuf.len() - l3;
    let Some((header, _)) = mbuf.data().get(l3..).and_then(Ipv6Header::split) else {
        return Verdict::Drop(DropReason::Ipv6Truncated);
    };
    if header.version() != 6 {
        return Verdict::Drop(DropReason::Ipv6Version);
    }
    let ip_bytes = Ipv6Header::LEN + usize::from(header.payload_length());
    let Some(ip_bytes) = u16::try_from(ip_bytes)
        .ok()
        .filter(|&b| usize::from(b) <= carried_bytes)
    else {
        return Verdict::Drop(DropReason::Ipv6PayloadLength);
    };
    let (source, destination) = (header.source(), header.destination());
    facts.ip_bytes = ip_bytes;
    facts.live_as_ipv6(header);
    trim(mbuf, facts);
    if is_global(source) && is_global(destination) {
        return Verdict::Ipv6(destination.to_bits());
    }
    special(mbuf, facts, source, destination, link_local)
}

/// Addresses with a scope or a meaning of their own.
#[inline(never)]
fn special(
    mbuf: &Mbuf,
    facts: &mut Facts,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    link_local: &[u128],
) -> Verdict {
    let source = ipv6_source(source);
    if source == Ipv6Source::Invalid {
        return Verdict::Drop(DropReason::Ipv6SourceInvalid);
    }
    match ipv6_destination(destination) {
        Ipv6Destination::Invalid => Verdict::Drop(DropReason::Ipv6DestinationInvalid),
        Ipv6Destination::Multicast(MulticastScope::Link) => {
            to_router(mbuf, facts, PuntReason::LinkMulticast)
        }
        Ipv6Destination::Multicast(_) => Verdict::Drop(DropReason::Multicast),
        // Only what goes to groups, such as duplicate address detection, may have no source.
        _ if source == Ipv6Source::Unspecified => Verdict::Drop(DropReason::Ipv6SourceInvalid),
        Ipv6Destination::LinkLocal if link_local.contains(&destination.to_bits()) => {
            to_router(mbuf, facts, PuntReason::Local)
        }
        Ipv6Destination::LinkLocal => Verdict::Drop(DropReason::Ipv6BeyondScope),
        Ipv6Destination::Unicast => {
            facts
                .flags
                .set(Flags::LINK_SCOPE, source == Ipv6Source::LinkLocal);
            Verdict::Ipv6(destination.to_bits())
        }
    }
}
