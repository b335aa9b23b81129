//! What stands behind the outer header of a packet to one of the router's ends of tunnels.
//!
//! The outer IP header was validated before; here it is decided whether the packet is a tunnel's at
//! all, and checked what tunnels ask: that it is whole (RFC 7348 section 4.3), that its lengths agree,
//! that its checksum is right where it has one, that its sender is known, and that its VNI is.

use std::net::IpAddr;

use dpdk_sys::Mbuf;

use super::encap::Pieces;
use crate::drops::DropReason;
use crate::ids::InterfaceId;
use crate::snapshot::endpoint::{Endpoint, Peers, VniTarget};
use crate::wire::ecn::ECN_BITS;
use crate::wire::extension::Upper;
use crate::wire::gue::{GueError, GueHeader};
use crate::wire::ipv4::Ipv4Header;
use crate::wire::ipv6::Ipv6Header;
use crate::wire::mpls::{Label, MPLS_UDP_PORT, StackEntry};
use crate::wire::udp::UdpHeader;
use crate::wire::vxlan::{Vni, VxlanHeader};
use crate::wire::{Header, Protocol, checksum};

/// The shortest frame out of a VNI in bytes: an Ethernet header.
const FRAME_MIN_BYTES: usize = 14;

/// What a tunnel packet carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Carried {
    /// An Ethernet frame of a network.
    Frame(Vni, VniTarget),
    /// A label stack.
    Stack,
    /// An IPv4 packet that comes by this interface.
    Ipv4(InterfaceId),
    /// An IPv6 packet that comes by this interface.
    Ipv6(InterfaceId),
}

/// A tunnel packet, read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Taken {
    /// What it carries.
    pub carried: Carried,
    /// Where that starts, in bytes from the start of the outer IP header.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// The outer DSCP and ECN.
    pub traffic_class: u8,
    /// The outer TTL or hop limit.
    pub ttl: u8,
}

/// Why a tunnel packet is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecapError {
    /// It is a fragment.
    #[error("a tunnel packet is fragmented")]
    Fragment,
    /// It is cut off, or its lengths disagree.
    #[error("a tunnel packet is cut off")]
    Truncated,
    /// Its UDP checksum is wrong.
    #[error("the UDP checksum of a tunnel packet is wrong")]
    Checksum,
    /// It has no UDP checksum over IPv6.
    #[error("a tunnel packet over IPv6 has no UDP checksum")]
    ZeroChecksum,
    /// Its sender is no known remote end.
    #[error("{0} is no known remote end")]
    UnknownPeer(IpAddr),
    /// Its VXLAN header has no VNI.
    #[error("the VXLAN header has no VNI")]
    NoVni,
    /// The endpoint does not have its VNI.
    #[error("VNI {0} is not known")]
    UnknownVni(Vni),
    /// Its GUE header.
    #[error(transparent)]
    Gue(#[from] GueError),
    /// GUE carries something else than IP.
    #[error("GUE carries protocol {0:?}")]
    GuePayload(Protocol),
}

impl From<DecapError> for DropReason {
    fn from(error: DecapError) -> Self {
        match error {
            DecapError::Fragment => Self::TunnelFragment,
            DecapError::Truncated | DecapError::Gue(GueError::Truncated) => Self::TunnelTruncated,
            DecapError::Checksum => Self::TunnelChecksum,
            DecapError::ZeroChecksum => Self::TunnelZeroChecksum,
            DecapError::UnknownPeer(_) => Self::TunnelUnknownPeer,
            DecapError::NoVni => Self::VxlanNoVni,
            DecapError::UnknownVni(_) => Self::UnknownVni,
            DecapError::Gue(_) | DecapError::GuePayload(_) => Self::GueInvalid,
        }
    }
}

/// The outer IP header.
struct OuterIp {
    source: IpAddr,
    destination: IpAddr,
    protocol: Protocol,
    /// Its length in bytes, options or extension headers included.
    bytes: usize,
    traffic_class: u8,
    ttl: u8,
    fragment: Option<Fragment>,
}

#[derive(PartialEq, Eq)]
enum Fragment {
    First,
    Later,
}

impl OuterIp {
    #[inline]
    fn read(packet: &[u8]) -> Option<Self> {
        if packet.first()? >> 4 == 4 {
            let (ip, _) = Ipv4Header::split(packet)?;
            let fragment = ip.is_fragment().then(|| match ip.fragment_offset() {
                0 => Fragment::First,
                _ => Fragment::Later,
            });
            return Some(Self {
                source: ip.source().into(),
                destination: ip.destination().into(),
                protocol: ip.protocol(),
                bytes: ip.header_length(),
                traffic_class: ip.traffic_class(),
                ttl: ip.ttl(),
                fragment,
            });
        }
        let (ip, payload) = Ipv6Header::split(packet)?;
        let mut outer = Self {
            source: ip.source().into(),
            destination: ip.destination().into(),
            protocol: ip.next_header(),
            bytes: Ipv6Header::LEN,
            traffic_class: ip.traffic_class(),
            ttl: ip.hop_limit(),
            fragment: None,
        };
        if outer.protocol != Protocol::UDP {
            let upper = Upper::find(outer.protocol, payload).ok()?;
            outer.protocol = upper.protocol;
            outer.bytes = packet.len() - upper.bytes.len();
            outer.fragment = upper.is_fragment().then(|| {
                if upper.is_later_fragment() {
                    Fragment::Later
                } else {
                    Fragment::First
                }
            });
        }
        Some(outer)
    }

    fn check_peer(&self, peers: &Peers) -> Result<(), DecapError> {
        match peers {
            Peers::Any => Ok(()),
            Peers::Known(peers) if peers.contains(&self.source) => Ok(()),
            Peers::Known(_) => Err(DecapError::UnknownPeer(self.source)),
        }
    }
}

/// What tells where a tunnel packet belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tag {
    /// Its VNI.
    Vni(Vni),
    /// The only label of its stack.
    Label(Label),
}

/// A tunnel packet of the plain kind, read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct PlainTaken<'p> {
    /// Where it belongs.
    pub(crate) tag: Tag,
    /// The frame, or the IP packet under the label.
    pub(crate) carried: &'p [u8],
    /// The outer ECN bits.
    pub(crate) ecn: u8,
}

/// Reads what nearly all tunnel packets are: VXLAN or one label in UDP without a checksum, in IPv4 without options and whole,
/// where anybody is listened to. `packet` is of the length that its outer header says. `None` for any other, which [`read`]
/// knows.
#[inline(always)]
pub(crate) fn read_plain<'p>(endpoint: &Endpoint, packet: &'p [u8]) -> Option<PlainTaken<'p>> {
    let (ip, rest) = Ipv4Header::split(packet)?;
    let (udp, rest) = UdpHeader::split(rest)?;
    let plain = ip.is_plain()
        & !ip.is_fragment()
        & (ip.protocol() == Protocol::UDP)
        & (udp.checksum() == 0)
        & (Ipv4Header::LEN + usize::from(udp.length()) == packet.len())
        & matches!(endpoint.peers, Peers::Any);
    if !plain {
        return None;
    }
    let (tag, carried) = if udp.destination_port() == endpoint.vxlan_port {
        let (header, frame) = VxlanHeader::split(rest)?;
        (Tag::Vni(header.vni()?), frame)
    } else if (udp.destination_port() == MPLS_UDP_PORT) & endpoint.mpls {
        let (entry, packet) = StackEntry::split(rest)?;
        let label = entry.label();
        if !(entry.is_bottom() & (entry.ttl() > 1) & !label.is_special()) {
            return None;
        }
        (Tag::Label(label), packet)
    } else {
        return None;
    };
    Some(PlainTaken {
        tag,
        carried,
        ecn: ip.traffic_class() & ECN_BITS,
    })
}

/// Reads a packet of `ip_bytes` whose outer IP header starts at `l3`. `None` when it is no tunnel's, and
/// so for the router itself.
///
/// # Errors
/// See [`DecapError`].
#[inline]
pub fn read(
    endpoint: &Endpoint,
    mbuf: &Mbuf,
    l3: usize,
    ip_bytes: usize,
) -> Result<Option<Taken>, DecapError> {
    let packet = mbuf.data().get(l3..).unwrap_or_default();
    let packet = &packet[..packet.len().min(ip_bytes)];
    let Some(outer) = OuterIp::read(packet) else {
        return Ok(None);
    };
    let taken = |carried, start, end| {
        Ok(Some(Taken {
            carried,
            start,
            end,
            traffic_class: outer.traffic_class,
            ttl: outer.ttl,
        }))
    };
    if let Some(carried) = ip_in_ip(endpoint, outer.protocol) {
        if outer.fragment.is_some() {
            return Err(DecapError::Fragment);
        }
        outer.check_peer(&endpoint.peers)?;
        return taken(carried, outer.bytes, ip_bytes);
    }
    // What a later fragment belongs to is not told by it; without its first nobody can use it.
    if outer.protocol != Protocol::UDP || outer.fragment == Some(Fragment::Later) {
        return Ok(None);
    }
    let Some((udp, rest)) = packet.get(outer.bytes..).and_then(UdpHeader::split) else {
        return Ok(None);
    };
    let port = udp.destination_port();
    let is_vxlan = port == endpoint.vxlan_port;
    let is_mpls = port == MPLS_UDP_PORT && endpoint.mpls;
    let is_gue = port == endpoint.gue_port && endpoint.ip.is_some();
    if !is_vxlan && !is_mpls && !is_gue {
        return Ok(None);
    }
    if outer.fragment.is_some() {
        return Err(DecapError::Fragment);
    }
    let udp_bytes = usize::from(udp.length());
    if udp_bytes < UdpHeader::LEN || outer.bytes + udp_bytes > ip_bytes {
        return Err(DecapError::Truncated);
    }
    outer.check_peer(&endpoint.peers)?;
    verify(endpoint, &outer, udp, mbuf, l3)?;
    let start = outer.bytes + UdpHeader::LEN;
    let end = outer.bytes + udp_bytes;
    let rest = &rest[..rest.len().min(udp_bytes - UdpHeader::LEN)];
    if is_vxlan {
        let (header, frame) = VxlanHeader::split(rest).ok_or(DecapError::Truncated)?;
        if frame.len() < FRAME_MIN_BYTES {
            return Err(DecapError::Truncated);
        }
        let vni = header.vni().ok_or(DecapError::NoVni)?;
        let target = endpoint.vnis.get(vni).ok_or(DecapError::UnknownVni(vni))?;
        return taken(Carried::Frame(vni, target), start + VxlanHeader::LEN, end);
    }
    if is_mpls {
        return taken(Carried::Stack, start, end);
    }
    let payload = GueHeader::payload(rest)?;
    let carried =
        ip_in_ip(endpoint, payload.protocol).ok_or(DecapError::GuePayload(payload.protocol))?;
    taken(carried, start + payload.offset, end)
}

/// The source of the outer IP header at the start of a packet that was [read](read).
#[must_use]
pub fn outer_source(packet: &[u8]) -> Option<IpAddr> {
    if packet.first()? >> 4 == 4 {
        Ipv4Header::split(packet).map(|(ip, _)| ip.source().into())
    } else {
        Ipv6Header::split(packet).map(|(ip, _)| ip.source().into())
    }
}

/// What a protocol carries, where the endpoint takes IP out of it.
#[inline]
fn ip_in_ip(endpoint: &Endpoint, protocol: Protocol) -> Option<Carried> {
    match protocol {
        Protocol::IPV4 => endpoint.ip.map(Carried::Ipv4),
        Protocol::IPV6 => endpoint.ip.map(Carried::Ipv6),
        _ => None,
    }
}

/// Verifies the UDP checksum where there is one, over all segments.
#[inline]
fn verify(
    endpoint: &Endpoint,
    outer: &OuterIp,
    udp: &UdpHeader,
    mbuf: &Mbuf,
    l3: usize,
) -> Result<(), DecapError> {
    match (udp.checksum(), outer.destination) {
        (0, IpAddr::V4(_)) => Ok(()),
        (0, IpAddr::V6(_)) if endpoint.policy.zero_checksum_over_ipv6 => Ok(()),
        (0, IpAddr::V6(_)) => Err(DecapError::ZeroChecksum),
        _ if sum(outer, udp, mbuf, l3) == 0xffff => Ok(()),
        _ => Err(DecapError::Checksum),
    }
}

#[inline(never)]
fn sum(outer: &OuterIp, udp: &UdpHeader, mbuf: &Mbuf, l3: usize) -> u16 {
    let pseudo = match (outer.source, outer.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            checksum::pseudo_ipv4(source, destination, Protocol::UDP, udp.length())
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            checksum::pseudo_ipv6(source, destination, Protocol::UDP, udp.length().into())
        }
        _ => return 0,
    };
    let mut pieces = Pieces::new(pseudo);
    let (mut skip, mut left) = (l3 + outer.bytes, usize::from(udp.length()));
    for segment in mbuf.segments() {
        let piece = segment.get(skip..).unwrap_or_default();
        skip = skip.saturating_sub(segment.len());
        let piece = &piece[..piece.len().min(left)];
        left -= piece.len();
        pieces.add(piece);
    }
    pieces.sum.folded()
}
