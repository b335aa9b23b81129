//! Validation of IPv4 packets (RFC 1812 section 5.2.2, RFC 1122 section 3.2.1).

use std::net::Ipv4Addr;

use dpdk_sys::Mbuf;

use super::batch::{Facts, Flags};
use super::input::{Verdict, to_router, trim};
use crate::drops::DropReason;
use crate::punt::PuntReason;
use crate::wire::address::{Ipv4Destination, ipv4_destination, ipv4_source_is_martian};
use crate::wire::ipv4::Ipv4Header;
use crate::wire::ipv4_options::{self, OptionsClass};
use crate::wire::{Header, checksum};

/// Whether [`validate`] would find nothing unusual: no options, a right checksum and lengths, host addresses. Decided
/// without a branch, since the answer is yes for nearly all packets. `carried_bytes` are those behind the link header.
#[inline(always)]
pub(super) fn is_plain(header: &Ipv4Header, carried_bytes: usize) -> bool {
    let total_bytes = usize::from(header.total_length());
    header.is_plain()
        & (total_bytes >= Ipv4Header::LEN)
        & (total_bytes <= carried_bytes)
        & header.plain_checksum_is_right()
        & !ipv4_source_is_martian(header.source())
        & !ipv4_source_is_martian(header.destination())
}

/// Checks the header at `facts.l3_offset`, fills the facts and trims the padding.
#[inline]
pub(super) fn validate(mbuf: &mut Mbuf, facts: &mut Facts) -> Verdict {
    let l3 = usize::from(facts.l3_offset);
    let carried_bytes = mbuf.len() - l3;
    let Some((header, _)) = mbuf.data().get(l3..).and_then(Ipv4Header::split) else {
        return Verdict::Drop(DropReason::Ipv4Truncated);
    };
    let total_bytes = header.total_length();
    if header.is_plain() {
        if usize::from(total_bytes) < Ipv4Header::LEN || usize::from(total_bytes) > carried_bytes {
            return Verdict::Drop(DropReason::Ipv4TotalLength);
        }
        if !header.plain_checksum_is_right() {
            return Verdict::Drop(DropReason::Ipv4Checksum);
        }
    } else {
        match unusual(header, &mbuf.data()[l3..], carried_bytes) {
            Ok(router_looks) => facts.flags.set(Flags::OPTIONS, router_looks),
            Err(reason) => return Verdict::Drop(reason),
        }
    }
    let (source, destination) = (header.source(), header.destination());
    facts.ip_bytes = total_bytes;
    facts.live_as_ipv4(header);
    trim(mbuf, facts);
    if ipv4_source_is_martian(source) && !asks_for_an_address(source, destination) {
        return Verdict::Drop(DropReason::Ipv4SourceMartian);
    }
    match ipv4_destination(destination) {
        Ipv4Destination::Unicast => Verdict::Ipv4(destination.to_bits()),
        Ipv4Destination::LinkMulticast | Ipv4Destination::LimitedBroadcast => {
            to_router(mbuf, facts, PuntReason::LinkMulticast)
        }
        Ipv4Destination::Multicast => Verdict::Drop(DropReason::Multicast),
        Ipv4Destination::Martian => Verdict::Drop(DropReason::Ipv4DestinationMartian),
    }
}

/// A DHCP client without an address speaks from 0.0.0.0 to all on its link (RFC 2131 section 4.1).
const fn asks_for_an_address(source: Ipv4Addr, destination: Ipv4Addr) -> bool {
    source.is_unspecified() && destination.is_broadcast()
}

/// Checks a header that does not start with version 4 and five words; true when its options want a
/// router's look.
#[cold]
fn unusual(header: &Ipv4Header, packet: &[u8], carried_bytes: usize) -> Result<bool, DropReason> {
    if header.version() != 4 {
        return Err(DropReason::Ipv4Version);
    }
    let header_bytes = header.header_length();
    if header_bytes < Ipv4Header::LEN || header_bytes > carried_bytes {
        return Err(DropReason::Ipv4HeaderLength);
    }
    let total_bytes = usize::from(header.total_length());
    if total_bytes < header_bytes || total_bytes > carried_bytes {
        return Err(DropReason::Ipv4TotalLength);
    }
    let whole = packet
        .get(..header_bytes)
        .ok_or(DropReason::Ipv4HeaderLength)?;
    if !checksum::verify(whole) {
        return Err(DropReason::Ipv4Checksum);
    }
    match ipv4_options::classify(&whole[Ipv4Header::LEN..]) {
        OptionsClass::None | OptionsClass::Ignorable => Ok(false),
        OptionsClass::RouterLooks => Ok(true),
        OptionsClass::SourceRoute => Err(DropReason::Ipv4SourceRoute),
        OptionsClass::Malformed => Err(DropReason::Ipv4Options),
    }
}
