//! Neighbour discovery (RFC 4861): the five messages, proven by the rules for receivers.

use super::address::{Ipv6Source, ipv6_source, is_solicited_node};
use super::checksum::pseudo_ipv6;
use super::icmp::IcmpHeader;
use super::ipv6::Ipv6Header;
use super::nd_options::{
    NdOption, NdOptions, OptionLengthError, SOURCE_LINK_ADDRESS, TARGET_LINK_ADDRESS,
};
use super::{Header, Protocol, icmp6};
use crate::drops::DropReason;
use crate::mac::Mac;
use arrayvec::ArrayVec;
use bytemuck::{Pod, Zeroable};
use std::net::Ipv6Addr;

const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
const REDIRECT: u8 = icmp6::REDIRECT;

/// The hop limit that proves that a message crossed no router.
pub const HOP_LIMIT: u8 = 255;

/// Whether this ICMPv6 type is neighbour discovery.
#[inline]
#[must_use]
pub const fn is_nd(kind: u8) -> bool {
    matches!(kind, ROUTER_SOLICITATION..=REDIRECT)
}

/// Solicitation and advertisement of a neighbour (sections 4.3, 4.4) before their options.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct NeighbourHeader {
    icmp: IcmpHeader,
    target: [u8; 16],
}

impl Header for NeighbourHeader {}

/// Advertisement of a router (section 4.2) before its options.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct RouterAdvertisementHeader {
    icmp: IcmpHeader,
    reachable_ms: [u8; 4],
    retransmit_ms: [u8; 4],
}

impl Header for RouterAdvertisementHeader {}

/// Redirect (section 4.5) before its options.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct RedirectHeader {
    icmp: IcmpHeader,
    target: [u8; 16],
    destination: [u8; 16],
}

impl Header for RedirectHeader {}

/// The bytes of a solicitation or advertisement of a neighbour: 24, and 8 for the link address.
pub type NeighbourBytes = ArrayVec<u8, 32>;

/// Asks who has an address, or whether a neighbour is still there (section 4.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NeighbourSolicitation {
    /// The address in question.
    pub target: Ipv6Addr,
    /// The Ethernet address of who asks.
    pub source_link_address: Option<Mac>,
}

impl NeighbourSolicitation {
    /// The ICMPv6 message for a packet from `source` to `destination`.
    #[must_use]
    pub fn emit(&self, source: Ipv6Addr, destination: Ipv6Addr) -> NeighbourBytes {
        let icmp = IcmpHeader::new(NEIGHBOUR_SOLICITATION, 0, [0; 4]);
        let option = self
            .source_link_address
            .map(|mac| NdOption::link_address(SOURCE_LINK_ADDRESS, mac));
        emit_neighbour(icmp, self.target, option, source, destination)
    }
}

/// Says who has an address (section 4.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NeighbourAdvertisement {
    /// The sender is a router.
    pub router: bool,
    /// It answers a solicitation, and so confirms that the neighbour is reachable.
    pub solicited: bool,
    /// The link address replaces one that is known.
    pub overrides: bool,
    /// The address in question.
    pub target: Ipv6Addr,
    /// The Ethernet address of who has it.
    pub target_link_address: Option<Mac>,
}

impl NeighbourAdvertisement {
    const ROUTER: u8 = 0x80;
    const SOLICITED: u8 = 0x40;
    const OVERRIDE: u8 = 0x20;

    /// The ICMPv6 message for a packet from `source` to `destination`.
    #[must_use]
    pub fn emit(&self, source: Ipv6Addr, destination: Ipv6Addr) -> NeighbourBytes {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let flags = flag(self.router, Self::ROUTER)
            | flag(self.solicited, Self::SOLICITED)
            | flag(self.overrides, Self::OVERRIDE);
        let icmp = IcmpHeader::new(NEIGHBOUR_ADVERTISEMENT, 0, [flags, 0, 0, 0]);
        let option = self
            .target_link_address
            .map(|mac| NdOption::link_address(TARGET_LINK_ADDRESS, mac));
        emit_neighbour(icmp, self.target, option, source, destination)
    }
}

fn emit_neighbour(
    icmp: IcmpHeader,
    target: Ipv6Addr,
    option: Option<[u8; 8]>,
    source: Ipv6Addr,
    destination: Ipv6Addr,
) -> NeighbourBytes {
    let mut body = ArrayVec::<u8, 24>::new();
    body.extend(target.octets());
    body.extend(option.into_iter().flatten());
    let length = (IcmpHeader::LEN + body.len()) as u32;
    let icmp = icmp.sealed(
        pseudo_ipv6(source, destination, Protocol::ICMPV6, length),
        &body,
    );
    icmp.bytes().iter().copied().chain(body).collect()
}

/// Asks for routers (section 4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RouterSolicitation {
    /// The Ethernet address of who asks.
    pub source_link_address: Option<Mac>,
}

/// Says that a router is there (section 4.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RouterAdvertisement<'a> {
    /// The hop limit that hosts are to use; 0 for "not said".
    pub hop_limit: u8,
    /// Managed (0x80) and other configuration (0x40), and the flags of later RFCs.
    pub flags: u8,
    /// How long it is a default router, in seconds.
    pub lifetime_s: u16,
    /// How long a neighbour counts as reachable, in milliseconds; 0 for "not said".
    pub reachable_ms: u32,
    /// The time between solicitations, in milliseconds; 0 for "not said".
    pub retransmit_ms: u32,
    /// Link address, MTU, prefixes and what else there is.
    pub options: NdOptions<'a>,
}

/// Says that there is a better first hop (section 4.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Redirect<'a> {
    /// The better first hop.
    pub target: Ipv6Addr,
    /// The destination for which it is better.
    pub destination: Ipv6Addr,
    /// Link address of the target, and the packet that caused it.
    pub options: NdOptions<'a>,
}

/// A message that passed the tests for receivers of sections 6.1, 7.1 and 8.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NdMessage<'a> {
    /// Type 133.
    RouterSolicitation(RouterSolicitation),
    /// Type 134.
    RouterAdvertisement(RouterAdvertisement<'a>),
    /// Type 135.
    NeighbourSolicitation(NeighbourSolicitation),
    /// Type 136.
    NeighbourAdvertisement(NeighbourAdvertisement),
    /// Type 137. That it comes from the first hop which now serves the destination (section 8.1)
    /// is for the receiver to see.
    Redirect(Redirect<'a>),
}

/// Which rule for receivers a message breaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NdError {
    /// The type is not one of neighbour discovery.
    #[error("not a neighbour discovery message")]
    Type,
    /// The hop limit is not 255: it may have come from afar.
    #[error("the hop limit is not 255")]
    HopLimit,
    /// Shorter than its type demands.
    #[error("the message is cut off")]
    Truncated,
    /// The ICMPv6 checksum is wrong.
    #[error("the ICMPv6 checksum is wrong")]
    Checksum,
    /// The code is not 0.
    #[error("the code is not 0")]
    Code,
    /// An option's length is 0 or past the message.
    #[error(transparent)]
    OptionLength(#[from] OptionLengthError),
    /// The target of a solicitation or advertisement, or the destination of a redirect, is a group.
    #[error("the target is a group")]
    TargetMulticast,
    /// A solicitation from `::` has a source link-layer address.
    #[error("a link-layer address comes from the unspecified address")]
    LinkAddressOfNobody,
    /// A neighbour solicitation from `::` goes elsewhere than to a solicited-node group.
    #[error("duplicate address detection is not sent to a solicited-node group")]
    DetectionDestination,
    /// A solicited advertisement goes to a group.
    #[error("a solicited advertisement goes to a group")]
    SolicitedMulticast,
    /// A router advertisement or redirect comes from an address that is not link-local.
    #[error("the source is not link-local")]
    SourceNotLinkLocal,
    /// The target of a redirect is neither link-local nor the destination itself.
    #[error("the redirect's target is neither a router nor the destination")]
    RedirectTarget,
}

impl From<NdError> for DropReason {
    fn from(_: NdError) -> Self {
        Self::NdInvalid
    }
}

impl<'a> NdMessage<'a> {
    /// Proves and takes apart the ICMPv6 message that a packet with the header `ip` carries.
    ///
    /// A fragment must not come here: neighbour discovery is never fragmented (RFC 6980).
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn parse(ip: &Ipv6Header, message: &'a [u8]) -> Result<Self, NdError> {
        let (source, destination) = (ip.source(), ip.destination());
        let (icmp, solicitation_options) = IcmpHeader::split(message).ok_or(NdError::Truncated)?;
        if !is_nd(icmp.kind()) {
            return Err(NdError::Type);
        }
        if ip.hop_limit() != HOP_LIMIT {
            return Err(NdError::HopLimit);
        }
        if !icmp6::checksum_is_right(source, destination, message) {
            return Err(NdError::Checksum);
        }
        if icmp.code() != 0 {
            return Err(NdError::Code);
        }
        match icmp.kind() {
            ROUTER_SOLICITATION => {
                let options = NdOptions::parse(solicitation_options)?;
                Ok(Self::RouterSolicitation(RouterSolicitation {
                    source_link_address: asker(source, options)?,
                }))
            }
            ROUTER_ADVERTISEMENT => {
                router_advertisement(source, message).map(Self::RouterAdvertisement)
            }
            NEIGHBOUR_SOLICITATION => {
                let (_, target, options) = neighbour(message)?;
                let source_link_address = asker(source, options)?;
                if source.is_unspecified() && !is_solicited_node(destination) {
                    return Err(NdError::DetectionDestination);
                }
                Ok(Self::NeighbourSolicitation(NeighbourSolicitation {
                    target,
                    source_link_address,
                }))
            }
            NEIGHBOUR_ADVERTISEMENT => {
                neighbour_advertisement(destination, message).map(Self::NeighbourAdvertisement)
            }
            _ => redirect(source, message).map(Self::Redirect),
        }
    }
}

/// The link address of who asks, which `::` may not give.
fn asker(source: Ipv6Addr, options: NdOptions<'_>) -> Result<Option<Mac>, NdError> {
    match options.find(SOURCE_LINK_ADDRESS) {
        Some(_) if source.is_unspecified() => Err(NdError::LinkAddressOfNobody),
        option => Ok(option.and_then(|option| option.mac())),
    }
}

fn neighbour(message: &[u8]) -> Result<(&IcmpHeader, Ipv6Addr, NdOptions<'_>), NdError> {
    let (header, options) = NeighbourHeader::split(message).ok_or(NdError::Truncated)?;
    let target = Ipv6Addr::from(header.target);
    if target.is_multicast() {
        return Err(NdError::TargetMulticast);
    }
    Ok((&header.icmp, target, NdOptions::parse(options)?))
}

fn neighbour_advertisement(
    destination: Ipv6Addr,
    message: &[u8],
) -> Result<NeighbourAdvertisement, NdError> {
    let (icmp, target, options) = neighbour(message)?;
    let [flags, ..] = icmp.rest();
    let advertisement = NeighbourAdvertisement {
        router: flags & NeighbourAdvertisement::ROUTER != 0,
        solicited: flags & NeighbourAdvertisement::SOLICITED != 0,
        overrides: flags & NeighbourAdvertisement::OVERRIDE != 0,
        target,
        target_link_address: options.mac(TARGET_LINK_ADDRESS),
    };
    if advertisement.solicited && destination.is_multicast() {
        return Err(NdError::SolicitedMulticast);
    }
    Ok(advertisement)
}

fn router_advertisement(
    source: Ipv6Addr,
    message: &[u8],
) -> Result<RouterAdvertisement<'_>, NdError> {
    let (header, options) = RouterAdvertisementHeader::split(message).ok_or(NdError::Truncated)?;
    if ipv6_source(source) != Ipv6Source::LinkLocal {
        return Err(NdError::SourceNotLinkLocal);
    }
    let [hop_limit, flags, lifetime @ ..] = header.icmp.rest();
    Ok(RouterAdvertisement {
        hop_limit,
        flags,
        lifetime_s: u16::from_be_bytes(lifetime),
        reachable_ms: u32::from_be_bytes(header.reachable_ms),
        retransmit_ms: u32::from_be_bytes(header.retransmit_ms),
        options: NdOptions::parse(options)?,
    })
}

fn redirect(source: Ipv6Addr, message: &[u8]) -> Result<Redirect<'_>, NdError> {
    let (header, options) = RedirectHeader::split(message).ok_or(NdError::Truncated)?;
    if ipv6_source(source) != Ipv6Source::LinkLocal {
        return Err(NdError::SourceNotLinkLocal);
    }
    let (target, destination) = (
        Ipv6Addr::from(header.target),
        Ipv6Addr::from(header.destination),
    );
    if destination.is_multicast() {
        return Err(NdError::TargetMulticast);
    }
    if target != destination && ipv6_source(target) != Ipv6Source::LinkLocal {
        return Err(NdError::RedirectTarget);
    }
    Ok(Redirect {
        target,
        destination,
        options: NdOptions::parse(options)?,
    })
}

#[cfg(test)]
mod tests;
