//! What an outer header takes from the packet or frame that it is put in front of.

use crate::wire::Header;
use crate::wire::ethernet::{EtherType, EthernetHeader};
use crate::wire::flow::FlowHasher;
use crate::wire::ipv4::Ipv4Header;
use crate::wire::ipv6::Ipv6Header;

/// What is encapsulated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InnerKind {
    /// An IPv4 packet.
    Ipv4,
    /// An IPv6 packet.
    Ipv6,
    /// An Ethernet frame.
    Frame,
    /// The rest of a label stack and what is below it.
    Stack,
}

/// What takes the place of a label that was swapped (RFC 3032 section 2.4.2, RFC 5462).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Swapped {
    /// The TTL of the label that came in, less one.
    pub ttl: u8,
    /// Its traffic class.
    pub traffic_class: u8,
}

/// What an outer header takes from a packet or frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Inner {
    /// What it is.
    pub kind: InnerKind,
    /// Its length in bytes, over all segments.
    pub bytes: usize,
    /// DSCP and ECN; 0 where it is no IP.
    pub traffic_class: u8,
    /// TTL or hop limit, after this router took its one; `None` where it is no IP packet that is routed
    /// here.
    pub ttl: Option<u8>,
    /// Whether it may not be fragmented.
    pub dont_fragment: bool,
    /// The label that it came with, where that is swapped.
    pub swapped: Option<Swapped>,
}

impl Inner {
    /// An IPv4 packet of this header.
    #[inline]
    #[must_use]
    pub const fn ipv4(header: &Ipv4Header, bytes: usize) -> Self {
        Self {
            kind: InnerKind::Ipv4,
            bytes,
            traffic_class: header.traffic_class(),
            ttl: Some(header.ttl()),
            dont_fragment: header.dont_fragment(),
            swapped: None,
        }
    }

    /// An IPv6 packet of this header.
    #[inline]
    #[must_use]
    pub const fn ipv6(header: &Ipv6Header, bytes: usize) -> Self {
        Self {
            kind: InnerKind::Ipv6,
            bytes,
            traffic_class: header.traffic_class(),
            ttl: Some(header.hop_limit()),
            dont_fragment: true,
            swapped: None,
        }
    }

    /// An IP packet, told by its version; `None` when it is none or its header is cut off.
    #[must_use]
    pub fn packet(packet: &[u8]) -> Option<Self> {
        match packet.first()? >> 4 {
            4 => Ipv4Header::split(packet).map(|(header, _)| Self::ipv4(header, packet.len())),
            6 => Ipv6Header::split(packet).map(|(header, _)| Self::ipv6(header, packet.len())),
            _ => None,
        }
    }

    /// A frame, of whose `bytes` these are the first. Where it carries IP without a tag, the outer
    /// header takes from that what is a tunnel's business (RFC 6040); its TTL is not, as a bridge is no
    /// hop.
    #[must_use]
    pub fn frame(start: &[u8], bytes: usize) -> Self {
        let packet = EthernetHeader::split(start).and_then(|(link, packet)| {
            matches!(link.ethertype(), EtherType::IPV4 | EtherType::IPV6)
                .then(|| Self::packet(packet))?
        });
        Self {
            kind: InnerKind::Frame,
            bytes,
            traffic_class: packet.map_or(0, |p| p.traffic_class),
            ttl: None,
            dont_fragment: packet.is_none_or(|p| p.dont_fragment),
            swapped: None,
        }
    }

    /// A label stack and what is below it.
    #[must_use]
    pub const fn stack(bytes: usize, swapped: Swapped) -> Self {
        Self {
            kind: InnerKind::Stack,
            bytes,
            traffic_class: 0,
            ttl: None,
            dont_fragment: true,
            swapped: Some(swapped),
        }
    }
}

/// The hash of a frame's flow: of what it carries where that is IP, of its addresses otherwise.
#[must_use]
pub fn frame_hash(hasher: FlowHasher, start: &[u8]) -> u32 {
    EthernetHeader::split(start).map_or(0, |(link, packet)| {
        hasher
            .network(link.ethertype(), packet)
            .unwrap_or_else(|| hasher.ethernet(link))
    })
}

/// The hash of an IP packet's flow; 0 when it is none.
#[inline(always)]
#[must_use]
pub fn packet_hash(hasher: FlowHasher, packet: &[u8]) -> u32 {
    let kind = match packet.first().map(|first| first >> 4) {
        Some(4) => EtherType::IPV4,
        _ => EtherType::IPV6,
    };
    hasher.network(kind, packet).unwrap_or_default()
}
