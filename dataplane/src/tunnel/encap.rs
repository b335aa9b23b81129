//! The outer header of a packet: a copy of the tunnel's template, patched.
//!
//! What is patched, and from where:
//!
//! | field | value |
//! |---|---|
//! | lengths | the inner packet's and the header's |
//! | UDP source port | 49152 + the upper 14 bits of the flow's hash (RFC 7348 section 5, RFC 7510 section 3) |
//! | IPv6 flow label, entropy label | other bits of it, never zero or special (RFC 6438, RFC 6790) |
//! | TTL | the policy's, or the inner's |
//! | DSCP | 0, or the inner's (RFC 2983) |
//! | ECN | the inner's, or 0 (RFC 6040 section 4.1) |
//! | IPv4 identification | without DF: never the same twice in a row of 65,536 (RFC 6864) |
//! | IPv4 checksum, UDP checksum over IPv6 | computed |
//! | type of the inner packet | its family |

use dpdk_sys::Mbuf;

use super::inner::{Inner, InnerKind, Swapped};
use crate::drops::DropReason;
use crate::snapshot::tunnel::{
    DontFragment, EcnMode, Mode, Outer, Tunnel, TunnelKind, UdpChecksum,
};
use crate::wire::checksum::Sum;
use crate::wire::ecn::ECN_BITS;
use crate::wire::ethernet::{EtherType, EthernetHeader};
use crate::wire::gue::GueHeader;
use crate::wire::ipv4::Ipv4Header;
use crate::wire::ipv6::Ipv6Header;
use crate::wire::mpls::{Label, StackEntry};
use crate::wire::udp::UdpHeader;
use crate::wire::{Header, Protocol};

/// The first port that sources of tunnels use (RFC 6335 section 6: dynamic ports).
const ENTROPY_PORT_FIRST: u16 = 49_152;
/// Flow labels and MPLS labels have 20 bits.
const LABEL_BITS: u32 = 0x000f_ffff;

/// Why a packet cannot be put into a tunnel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EncapError {
    /// With the outer header it would exceed 65,535 bytes.
    #[error("the packet is too long for its outer header")]
    TooLong,
    /// The tunnel takes something else: frames, packets or label stacks.
    #[error("the tunnel does not take this kind of packet")]
    Kind,
}

impl From<EncapError> for DropReason {
    fn from(error: EncapError) -> Self {
        match error {
            EncapError::TooLong => Self::PacketTooBig,
            EncapError::Kind => Self::LabelPayload,
        }
    }
}

/// A hash that tells nothing of the one that it is made from, for the choice of the underlay's path:
/// else all that a group sent into one tunnel would take one path below it.
#[inline]
#[must_use]
pub const fn remix(hash: u32) -> u32 {
    let hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    let hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

/// The UDP source port of a flow: 14 bits of its hash.
#[inline]
#[must_use]
pub const fn entropy_port(hash: u32) -> u16 {
    ENTROPY_PORT_FIRST | (hash >> 18) as u16
}

/// The flow label of a flow, never 0 (RFC 6438 section 3).
#[inline]
const fn flow_label(hash: u32) -> u32 {
    let label = hash >> 6 & LABEL_BITS;
    if label == 0 { 1 } else { label }
}

/// The entropy label of a flow, never a special one (RFC 6790 section 4.2).
#[inline]
const fn entropy_label(hash: u32) -> u32 {
    let label = hash >> 6 & LABEL_BITS;
    if label < Label::FIRST_UNRESERVED.get() {
        label | Label::FIRST_UNRESERVED.get()
    } else {
        label
    }
}

/// Writes the outer header of a packet into `header`, which is as long as the tunnel's
/// [`Tunnel::header`]. `identification` is for IPv4 without DF. The UDP checksum over IPv6 is left
/// to the caller, as it needs the payload.
///
/// # Errors
/// [`EncapError`]; `header` is then of no use.
#[inline]
fn write(
    tunnel: &Tunnel,
    inner: &Inner,
    hash: u32,
    identification: u16,
    header: &mut [u8],
) -> Result<(), EncapError> {
    let template = tunnel.header();
    let total = template.len() + inner.bytes;
    if header.len() != template.len() || total > usize::from(u16::MAX) {
        return Err(EncapError::TooLong);
    }
    header.copy_from_slice(template);
    let policy = tunnel.policy();
    let uniform = |mode: Mode| mode == Mode::Uniform;
    let ttl = inner
        .ttl
        .filter(|_| uniform(policy.ttl_mode))
        .unwrap_or(policy.ttl);
    let dscp = if uniform(policy.dscp_mode) {
        inner.traffic_class & !ECN_BITS
    } else {
        0
    };
    let ecn = match policy.ecn {
        EcnMode::Normal => inner.traffic_class & ECN_BITS,
        EcnMode::Compatibility => 0,
    };
    let protocol = match (tunnel.kind(), inner.kind) {
        (TunnelKind::IpIp, InnerKind::Ipv4) => Protocol::IPV4,
        (TunnelKind::IpIp, InnerKind::Ipv6) => Protocol::IPV6,
        (TunnelKind::IpIp, _) => return Err(EncapError::Kind),
        _ => Protocol::UDP,
    };
    let after_ip = match tunnel.outer() {
        Outer::Ipv4 => {
            let Some((ip, rest)) = Ipv4Header::split_mut(header) else {
                return Err(EncapError::TooLong);
            };
            ip.set_traffic_class(dscp | ecn);
            ip.set_total_length(total as u16);
            ip.set_ttl(ttl);
            ip.set_protocol(protocol);
            if policy.dont_fragment == DontFragment::Inner {
                ip.set_dont_fragment(inner.dont_fragment);
            }
            if !ip.dont_fragment() {
                ip.set_identification(identification);
            }
            ip.set_checksum(Sum::ZERO.add_bytes(ip.bytes()).checksum());
            rest
        }
        Outer::Ipv6 => {
            let Some((ip, rest)) = Ipv6Header::split_mut(header) else {
                return Err(EncapError::TooLong);
            };
            ip.set_traffic_class(dscp | ecn);
            ip.set_flow_label(flow_label(hash));
            ip.set_payload_length((total - Ipv6Header::LEN) as u16);
            ip.set_hop_limit(ttl);
            ip.set_next_header(protocol);
            rest
        }
        Outer::Label => header,
    };
    let shim = if protocol == Protocol::UDP && tunnel.outer() != Outer::Label {
        let udp_bytes = (total - tunnel.outer().ip_bytes()) as u16;
        let Some((udp, rest)) = UdpHeader::split_mut(after_ip) else {
            return Err(EncapError::TooLong);
        };
        udp.set_source_port(entropy_port(hash));
        udp.set_length(udp_bytes);
        rest
    } else {
        after_ip
    };
    write_shim(tunnel, inner, hash, ttl, dscp >> 5, shim)
}

/// Patches what stands between the outer header and the inner packet.
#[inline]
fn write_shim(
    tunnel: &Tunnel,
    inner: &Inner,
    hash: u32,
    ttl: u8,
    traffic_class: u8,
    shim: &mut [u8],
) -> Result<(), EncapError> {
    match (tunnel.kind(), inner.kind) {
        (TunnelKind::VxlanRouted, InnerKind::Ipv4 | InnerKind::Ipv6) => {
            let link = shim.len().saturating_sub(EthernetHeader::LEN);
            if let Some((link, _)) = EthernetHeader::split_mut(&mut shim[link..]) {
                link.set_ethertype(if inner.kind == InnerKind::Ipv4 {
                    EtherType::IPV4
                } else {
                    EtherType::IPV6
                });
            }
            Ok(())
        }
        (TunnelKind::VxlanBridged, InnerKind::Frame) => Ok(()),
        (TunnelKind::IpIp, InnerKind::Ipv4 | InnerKind::Ipv6) => Ok(()),
        (TunnelKind::Gue, InnerKind::Ipv4 | InnerKind::Ipv6) => {
            if let Some((gue, _)) = GueHeader::split_mut(shim)
                && inner.kind == InnerKind::Ipv6
            {
                gue.set_protocol(Protocol::IPV6);
            }
            Ok(())
        }
        (
            TunnelKind::MplsUdp | TunnelKind::Mpls,
            InnerKind::Ipv4 | InnerKind::Ipv6 | InnerKind::Stack,
        ) => {
            let Swapped { ttl, traffic_class } =
                inner.swapped.unwrap_or(Swapped { ttl, traffic_class });
            let more = inner.kind == InnerKind::Stack;
            write_labels(shim, ttl, traffic_class, more, hash);
            Ok(())
        }
        _ => Err(EncapError::Kind),
    }
}

/// Patches the entries of a label stack; with `more`, other entries follow. The entropy label is the
/// entry below its indicator.
fn write_labels(stack: &mut [u8], ttl: u8, traffic_class: u8, more: bool, hash: u32) {
    let mut is_entropy = false;
    let mut rest = stack;
    while let Some((entry, below)) = StackEntry::split_mut(rest) {
        let bottom = entry.is_bottom() && !more;
        let (label, ttl) = if is_entropy {
            (Label::new(entropy_label(hash)).unwrap_or(entry.label()), 0)
        } else {
            (entry.label(), ttl)
        };
        is_entropy = label == Label::ENTROPY_INDICATOR && !is_entropy;
        *entry = StackEntry::new(label, traffic_class, bottom, ttl);
        rest = below;
    }
}

/// Computes and sets the UDP checksum of an outer IPv6 packet where the tunnel has one (RFC 8200 section
/// 8.1). `first` are its first bytes, from the IPv6 header on, `others` what follows, in pieces of any
/// lengths; returns what to put there.
fn udp_checksum<'a>(
    tunnel: &Tunnel,
    first: &[u8],
    others: impl Iterator<Item = &'a [u8]>,
) -> Option<u16> {
    let (_, rest) = Ipv6Header::split(first)?;
    let (udp, _) = UdpHeader::split(rest)?;
    let mut pieces = Pieces::new(tunnel.outer_sum().long().add_u16(udp.length()));
    pieces.add(rest);
    others.for_each(|piece| pieces.add(piece));
    Some(pieces.sum.udp_checksum())
}

fn set_udp_checksum(first: &mut [u8], checksum: u16) {
    if let Some((_, rest)) = Ipv6Header::split_mut(first)
        && let Some((udp, _)) = UdpHeader::split_mut(rest)
    {
        udp.set_checksum(checksum);
    }
}

const fn has_udp_checksum(tunnel: &Tunnel) -> bool {
    matches!(tunnel.outer(), Outer::Ipv6)
        && !matches!(tunnel.kind(), TunnelKind::IpIp)
        && matches!(tunnel.policy().udp_checksum, UdpChecksum::Computed)
}

/// A sum over pieces of any lengths: behind an odd one the bytes' places are exchanged.
pub(super) struct Pieces {
    pub(super) sum: Sum,
    odd: bool,
}

impl Pieces {
    pub(super) const fn new(sum: Sum) -> Self {
        Self { sum, odd: false }
    }

    pub(super) fn add(&mut self, piece: &[u8]) {
        let sum = Sum::ZERO.add_bytes(piece).folded();
        self.sum = self
            .sum
            .add_u16(if self.odd { sum.swap_bytes() } else { sum });
        self.odd ^= !piece.len().is_multiple_of(2);
    }
}

/// Puts a packet that starts with its network header (or a frame, or a label stack) into a tunnel: it
/// then starts with the outer header.
///
/// # Errors
/// A drop reason; the packet is then to be dropped.
#[inline]
pub fn encapsulate(
    tunnel: &Tunnel,
    inner: &Inner,
    hash: u32,
    identification: u16,
    mbuf: &mut Mbuf,
) -> Result<(), DropReason> {
    let header = mbuf
        .prepend(tunnel.header().len())
        .map_err(|_| DropReason::NoHeadroom)?;
    write(tunnel, inner, hash, identification, header)?;
    if has_udp_checksum(tunnel)
        && let Some(checksum) = udp_checksum(tunnel, mbuf.data(), mbuf.segments().skip(1))
    {
        set_udp_checksum(mbuf.data_mut(), checksum);
    }
    Ok(())
}

/// A packet that the exception path sends into a tunnel, from the outer header on. `packet` is an IP
/// packet whose TTL is as it shall be in the tunnel.
///
/// # Errors
/// [`EncapError`].
pub fn encapsulate_packet(
    tunnel: &Tunnel,
    packet: &[u8],
    hash: u32,
    identification: u16,
) -> Result<Vec<u8>, EncapError> {
    let inner = Inner::packet(packet).ok_or(EncapError::Kind)?;
    let mut outer = vec![0; tunnel.header().len()];
    write(tunnel, &inner, hash, identification, &mut outer)?;
    outer.extend_from_slice(packet);
    if has_udp_checksum(tunnel)
        && let Some(checksum) = udp_checksum(tunnel, &outer, std::iter::empty())
    {
        set_udp_checksum(&mut outer, checksum);
    }
    Ok(outer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::NextHopId;
    use crate::snapshot::tunnel::{Encapsulation, Ends, TunnelPolicy, TunnelSpec};
    use proptest::prelude::*;
    use std::net::Ipv6Addr;

    proptest! {
        #[test]
        fn a_sum_over_pieces_is_that_of_the_whole(
            bytes in prop::collection::vec(any::<u8>(), 0..200), cuts in prop::collection::vec(0..200usize, 0..5),
        ) {
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Pieces::new(Sum::ZERO);
            let mut from = 0;
            for cut in cuts.into_iter().chain([bytes.len()]) {
                pieces.add(&bytes[from..cut]);
                from = cut;
            }
            prop_assert_eq!(pieces.sum.udp_checksum(), Sum::ZERO.add_bytes(&bytes).udp_checksum());
        }

        #[test]
        fn the_exception_path_sends_what_a_worker_sends(
            hash: u32, identification: u16, payload in prop::collection::vec(any::<u8>(), 0..90),
        ) {
            let mut packet = Vec::new();
            etherparse::PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 63)
                .udp(1, 2)
                .write(&mut packet, &payload)
                .unwrap();
            let ends = Ends::Ipv6 { source: Ipv6Addr::LOCALHOST, remote: Ipv6Addr::LOCALHOST };
            let spec = TunnelSpec {
                encapsulation: Encapsulation::Gue { ends },
                policy: TunnelPolicy::default(),
            };
            let tunnel = Tunnel::compose(&spec, NextHopId::new(1), 1500);
            let mut mbuf = Mbuf::from_heap(&packet);
            let inner = Inner::packet(&packet).unwrap();
            encapsulate(&tunnel, &inner, hash, identification, &mut mbuf).unwrap();
            let outer = encapsulate_packet(&tunnel, &packet, hash, identification).unwrap();
            prop_assert_eq!(mbuf.data(), outer);
        }
    }
}
