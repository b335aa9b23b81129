//! What workers read of a tunnel: the outer header's bytes, ready to be copied.

use arrayvec::ArrayVec;

use super::{DontFragment, Encapsulation, Ends, TunnelPolicy, TunnelSpec};
use crate::ids::{InterfaceId, NextHopId};
use crate::wire::ethernet::{EtherType, EthernetHeader};
use crate::wire::gue::GueHeader;
use crate::wire::ipv4::{self, Ipv4Header};
use crate::wire::ipv6::Ipv6Header;
use crate::wire::mpls::{Label, LabelStack, MAX_PUSHED, MPLS_UDP_PORT, StackEntry};
use crate::wire::udp::UdpHeader;
use crate::wire::vxlan::VxlanHeader;
use crate::wire::{Header, Protocol, checksum};

/// Longest header that a tunnel puts in front: IPv6, UDP, the deepest label stack, and the two
/// entries of an entropy label; or IPv6, UDP, VXLAN and an Ethernet header.
pub const TUNNEL_HEADER_MAX: usize = Ipv6Header::LEN + UdpHeader::LEN + 4 * (MAX_PUSHED + 2);

/// What is written in front of a packet for a plain tunnel, in bytes: the longest is VXLAN's header over IPv4, with both
/// Ethernet headers.
pub(crate) const FRONT_BYTES: usize = 64;

/// The encapsulation of a tunnel, without its numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum TunnelKind {
    /// See [`Encapsulation::VxlanRouted`].
    VxlanRouted,
    /// See [`Encapsulation::VxlanBridged`].
    VxlanBridged,
    /// See [`Encapsulation::MplsUdp`].
    MplsUdp,
    /// See [`Encapsulation::Mpls`].
    Mpls,
    /// See [`Encapsulation::IpIp`].
    IpIp,
    /// See [`Encapsulation::Gue`].
    Gue,
}

/// What the outer header starts with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Outer {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// A label, on the link itself.
    Label,
}

impl Outer {
    /// The type that announces it in an Ethernet header.
    #[inline]
    #[must_use]
    pub const fn ethertype(self) -> EtherType {
        match self {
            Self::Ipv4 => EtherType::IPV4,
            Self::Ipv6 => EtherType::IPV6,
            Self::Label => EtherType::MPLS,
        }
    }

    /// The bytes of its IP header; 0 where there is none.
    #[inline]
    #[must_use]
    pub const fn ip_bytes(self) -> usize {
        match self {
            Self::Ipv4 => Ipv4Header::LEN,
            Self::Ipv6 => Ipv6Header::LEN,
            Self::Label => 0,
        }
    }
}

/// An encapsulation as workers see it, in two cache lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C, align(64))]
pub struct Tunnel {
    /// The header, at the end of it.
    header: [u8; TUNNEL_HEADER_MAX],
    header_len: u8,
    is_plain: bool,
    labels: u8,
    kind: TunnelKind,
    outer: Outer,
    payload_mtu_bytes: u16,
    underlay: NextHopId,
    interface: Option<InterfaceId>,
    /// Over IPv4 of the IP header, over IPv6 of the pseudo header, without the length (and the traffic class).
    outer_sum: checksum::ShortSum,
    policy: TunnelPolicy,
}

impl Tunnel {
    /// The tunnel of a description. `underlay` is the next hop that its remote end resolved to, an
    /// adjacency or a group of such; `egress_mtu_bytes` the largest IP packet that all of these send.
    #[must_use]
    pub fn compose(spec: &TunnelSpec, underlay: NextHopId, egress_mtu_bytes: u16) -> Self {
        let policy = spec.policy;
        let mut header = HeaderBytes::new();
        let (kind, ends, labels) = match &spec.encapsulation {
            Encapsulation::VxlanRouted { ends, .. } => (TunnelKind::VxlanRouted, Some(ends), None),
            Encapsulation::VxlanBridged { ends, .. } => {
                (TunnelKind::VxlanBridged, Some(ends), None)
            }
            Encapsulation::MplsUdp { ends, labels } => {
                (TunnelKind::MplsUdp, Some(ends), Some(labels))
            }
            Encapsulation::Mpls { labels } => (TunnelKind::Mpls, None, Some(labels)),
            Encapsulation::IpIp { ends } => (TunnelKind::IpIp, Some(ends), None),
            Encapsulation::Gue { ends } => (TunnelKind::Gue, Some(ends), None),
        };
        let interface = match spec.encapsulation {
            Encapsulation::VxlanRouted { interface, .. } => interface,
            _ => None,
        };
        let udp_port = match kind {
            TunnelKind::VxlanRouted | TunnelKind::VxlanBridged => Some(policy.vxlan_port),
            TunnelKind::MplsUdp => Some(MPLS_UDP_PORT),
            TunnelKind::Gue => Some(policy.gue_port),
            TunnelKind::Mpls | TunnelKind::IpIp => None,
        };
        // The inner packet's type; IP in IP patches it.
        let protocol = udp_port.map_or(Protocol::IPV4, |_| Protocol::UDP);
        let (outer, outer_sum) = match ends {
            None => (Outer::Label, checksum::Sum::ZERO),
            Some(Ends::Ipv4 { source, remote }) => {
                let mut ip = Ipv4Header::new(*source, *remote, protocol, policy.ttl, 0);
                ip.set_dont_fragment(policy.dont_fragment == DontFragment::Set);
                header.add(&ip);
                ip.set_checksum(0);
                let sum = checksum::Sum::ZERO.add_bytes(ip.bytes());
                (Outer::Ipv4, sum)
            }
            Some(Ends::Ipv6 { source, remote }) => {
                header.add(&Ipv6Header::new(*source, *remote, protocol, policy.ttl, 0));
                let sum = checksum::pseudo_ipv6(*source, *remote, protocol, 0);
                (Outer::Ipv6, sum)
            }
        };
        if let Some(port) = udp_port {
            header.add(&UdpHeader::new(0, port, 0));
        }
        match &spec.encapsulation {
            Encapsulation::VxlanRouted {
                vni,
                source_mac,
                router_mac,
                ..
            } => {
                header.add(&VxlanHeader::new(*vni));
                header.add(&EthernetHeader::new(
                    *router_mac,
                    *source_mac,
                    EtherType::IPV4,
                ));
            }
            Encapsulation::VxlanBridged { vni, .. } => header.add(&VxlanHeader::new(*vni)),
            Encapsulation::Gue { .. } => header.add(&GueHeader::new(Protocol::IPV4)),
            Encapsulation::MplsUdp { .. }
            | Encapsulation::Mpls { .. }
            | Encapsulation::IpIp { .. } => {}
        }
        let labels = labels.map_or(0, |stack| header.add_labels(stack, &policy));
        // A frame brings its own Ethernet header.
        let inner_ethernet = if kind == TunnelKind::VxlanBridged {
            EthernetHeader::LEN
        } else {
            0
        };
        let payload = usize::from(egress_mtu_bytes)
            .saturating_sub(header.0.len() + inner_ethernet)
            .max(ipv4::MIN_MTU);
        let mut bytes = [0; TUNNEL_HEADER_MAX];
        bytes[TUNNEL_HEADER_MAX - header.0.len()..].copy_from_slice(&header.0);
        let is_plain = outer == Outer::Ipv4
            && matches!(kind, TunnelKind::VxlanRouted | TunnelKind::MplsUdp)
            && policy.takes_ecn_only()
            && header.0.len() + EthernetHeader::LEN <= FRONT_BYTES;
        Self {
            header: bytes,
            header_len: header.0.len() as u8,
            is_plain,
            labels,
            kind,
            outer,
            payload_mtu_bytes: payload as u16,
            underlay,
            interface,
            outer_sum: outer_sum.short(),
            policy,
        }
    }

    /// What is put in front of the inner packet or frame. Over the wire it differs in lengths,
    /// checksums, source port and flow label, and in what the policy takes from the inner packet.
    #[inline]
    #[must_use]
    pub fn header(&self) -> &[u8] {
        let start = TUNNEL_HEADER_MAX.saturating_sub(self.header_len.into());
        &self.header[start..]
    }

    /// The bytes that end with the header, room for a link header in front of it included; `None` where more than the
    /// lengths, the source port, the ECN bits and the checksum of IPv4 differ from packet to packet.
    #[inline(always)]
    pub(crate) fn plain_front(&self) -> Option<&[u8; FRONT_BYTES]> {
        self.header.last_chunk().filter(|_| self.is_plain)
    }

    /// The encapsulation.
    #[inline]
    #[must_use]
    pub const fn kind(&self) -> TunnelKind {
        self.kind
    }

    /// What the header starts with.
    #[inline]
    #[must_use]
    pub const fn outer(&self) -> Outer {
        self.outer
    }

    /// How many stack entries it pushes, those of an entropy label included.
    #[inline]
    #[must_use]
    pub const fn stack_entries(&self) -> usize {
        self.labels as usize
    }

    /// The largest inner IP packet that fits, in bytes; at least 68. IPv6 packets of up to 1,280 are
    /// taken whatever it is (RFC 8200 section 5).
    #[inline]
    #[must_use]
    pub const fn payload_mtu_bytes(&self) -> u16 {
        self.payload_mtu_bytes
    }

    /// The next hop that the remote end resolved to.
    #[inline]
    #[must_use]
    pub const fn underlay(&self) -> NextHopId {
        self.underlay
    }

    /// The interface on which what is sent is counted, as a frame with the inner Ethernet header; `None` but for routed
    /// VXLAN.
    #[inline]
    #[must_use]
    pub const fn interface(&self) -> Option<InterfaceId> {
        self.interface
    }

    /// The policy of the outer header.
    #[inline]
    #[must_use]
    pub const fn policy(&self) -> &TunnelPolicy {
        &self.policy
    }

    /// The sum that a checksum starts with: over IPv4 that of the IP header without length and traffic class, over IPv6
    /// UDP's, without the length.
    #[inline]
    pub(crate) const fn outer_sum(&self) -> checksum::ShortSum {
        self.outer_sum
    }
}

/// A header in the making.
struct HeaderBytes(ArrayVec<u8, TUNNEL_HEADER_MAX>);

impl HeaderBytes {
    fn new() -> Self {
        Self(ArrayVec::new())
    }

    /// The bounds of labels and forms keep every header within its places.
    fn add(&mut self, part: &impl Header) {
        self.0.extend(part.bytes().iter().copied());
    }

    /// Adds the labels, and room for an entropy label below them; answers how many entries these are.
    fn add_labels(&mut self, stack: &LabelStack, policy: &TunnelPolicy) -> u8 {
        let labels = stack.labels();
        for (place, label) in labels.iter().enumerate() {
            let bottom = place + 1 == labels.len() && !policy.entropy_label;
            self.add(&StackEntry::new(*label, 0, bottom, policy.ttl));
        }
        if !policy.entropy_label {
            return labels.len() as u8;
        }
        self.add(&StackEntry::new(
            Label::ENTROPY_INDICATOR,
            0,
            false,
            policy.ttl,
        ));
        // Its TTL is zero, so that it never leads anywhere (RFC 6790 section 4.2).
        self.add(&StackEntry::new(Label::FIRST_UNRESERVED, 0, true, 0));
        labels.len() as u8 + 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mac::Mac;
    use crate::wire::vxlan::Vni;
    use std::net::{Ipv4Addr, Ipv6Addr};

    const ENDS4: Ends = Ends::Ipv4 {
        source: Ipv4Addr::new(192, 0, 2, 1),
        remote: Ipv4Addr::new(192, 0, 2, 2),
    };
    const ENDS6: Ends = Ends::Ipv6 {
        source: Ipv6Addr::LOCALHOST,
        remote: Ipv6Addr::LOCALHOST,
    };

    fn labels(count: u32) -> LabelStack {
        let labels: Vec<_> = (0..count).map(|n| Label::new(100 + n).unwrap()).collect();
        LabelStack::new(&labels).unwrap()
    }

    fn mtu(encapsulation: Encapsulation, egress: u16) -> u16 {
        let spec = TunnelSpec {
            encapsulation,
            policy: TunnelPolicy::default(),
        };
        let tunnel = Tunnel::compose(&spec, NextHopId::new(7), egress);
        assert_eq!(tunnel.underlay(), NextHopId::new(7));
        tunnel.payload_mtu_bytes()
    }

    #[test]
    fn p_01_the_payload_mtu_is_the_egress_mtu_less_the_encapsulation() {
        let vni = Vni::new(1).unwrap();
        for (ends, ip) in [(ENDS4, 20), (ENDS6, 40)] {
            let routed = Encapsulation::VxlanRouted {
                ends,
                vni,
                interface: None,
                source_mac: Mac::ZERO,
                router_mac: Mac::ZERO,
            };
            assert_eq!(mtu(routed, 1500), 1500 - ip - 8 - 8 - 14);
            let bridged = Encapsulation::VxlanBridged { ends, vni };
            assert_eq!(mtu(bridged, 9000), 9000 - ip - 8 - 8 - 14);
            for count in 1..=4 {
                let labels = labels(count.into());
                let mpls = Encapsulation::MplsUdp { ends, labels };
                assert_eq!(mtu(mpls, 1500), 1500 - ip - 8 - 4 * count);
            }
            assert_eq!(mtu(Encapsulation::IpIp { ends }, 1500), 1500 - ip);
            assert_eq!(mtu(Encapsulation::Gue { ends }, 1500), 1500 - ip - 12);
            assert_eq!(mtu(Encapsulation::IpIp { ends }, 60), 68);
        }
        assert_eq!(mtu(Encapsulation::Mpls { labels: labels(2) }, 1500), 1492);
    }

    #[test]
    fn the_longest_header_fits_and_a_tunnel_is_two_cache_lines() {
        assert_eq!(size_of::<Option<Tunnel>>(), 128);
        let spec = TunnelSpec {
            encapsulation: Encapsulation::MplsUdp {
                ends: ENDS6,
                labels: labels(MAX_PUSHED as u32),
            },
            policy: TunnelPolicy {
                entropy_label: true,
                ..TunnelPolicy::default()
            },
        };
        let tunnel = Tunnel::compose(&spec, NextHopId::new(1), 1500);
        assert_eq!(tunnel.header().len(), TUNNEL_HEADER_MAX);
        assert_eq!(tunnel.stack_entries(), 6);
    }

    #[test]
    fn u_07_l_01_labels_are_pushed_outermost_first_and_only_the_last_has_the_bottom_bit() {
        let spec = TunnelSpec {
            encapsulation: Encapsulation::Mpls { labels: labels(2) },
            policy: TunnelPolicy::default(),
        };
        let tunnel = Tunnel::compose(&spec, NextHopId::new(1), 1500);
        assert_eq!(
            tunnel.header(),
            [0, 6, 0x40, 64, 0, 6, 0x51, 64],
            "labels 100 and 101 of TTL 64"
        );
    }
}
