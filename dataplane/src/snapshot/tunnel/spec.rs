//! Tunnels as the control plane describes them.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::ids::InterfaceId;
use crate::mac::Mac;
use crate::wire::gue::GUE_PORT;
use crate::wire::mpls::LabelStack;
use crate::wire::vxlan::{VXLAN_PORT, Vni};

/// Whether a field of the outer header has to do with the same field of the inner packet (RFC 2983,
/// RFC 3443).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
#[repr(u8)]
pub enum Mode {
    /// The tunnel's own on the way, the inner packet's untouched by it.
    #[default]
    Pipe,
    /// Carried over, in both directions.
    Uniform,
}

/// The ECN field of outer headers (RFC 6040 section 4.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
#[repr(u8)]
pub enum EcnMode {
    /// As the inner packet's.
    #[default]
    Normal,
    /// Zero, for remote ends that do not know of ECN.
    Compatibility,
}

/// The "don't fragment" bit of outer IPv4 headers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
#[repr(u8)]
pub enum DontFragment {
    /// Set.
    #[default]
    Set,
    /// As the inner packet's; set where that is not IPv4.
    Inner,
}

/// UDP checksums of outer IPv6 packets. (Over IPv4 they are zero, RFC 7348 section 5, RFC 7510
/// section 3.)
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
#[repr(u8)]
pub enum UdpChecksum {
    /// Computed over the whole payload.
    #[default]
    Computed,
    /// Zero, where both ends agreed on it (RFC 6935, RFC 6936).
    Zero,
}

/// What an endpoint writes into the outer headers of its tunnels.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TunnelPolicy {
    /// The UDP port of VXLAN.
    pub vxlan_port: u16,
    /// The UDP port of GUE.
    pub gue_port: u16,
    /// The TTL of outer headers and labels in pipe mode.
    pub ttl: u8,
    /// Whether the outer TTL is the inner's.
    pub ttl_mode: Mode,
    /// Whether the outer DSCP is the inner's, and the traffic class of labels its upper three bits.
    pub dscp_mode: Mode,
    /// The outer ECN field.
    pub ecn: EcnMode,
    /// The "don't fragment" bit over IPv4.
    pub dont_fragment: DontFragment,
    /// The UDP checksum over IPv6.
    pub udp_checksum: UdpChecksum,
    /// Whether an entropy label is pushed below the labels: only where the remote end signalled that
    /// it can take it off (RFC 6790 section 4).
    pub entropy_label: bool,
}

impl TunnelPolicy {
    /// Whether outer headers take nothing of the inner packet but its ECN bits, and need no identification.
    pub(super) fn takes_ecn_only(&self) -> bool {
        self.ttl_mode == Mode::Pipe
            && self.dscp_mode == Mode::Pipe
            && self.ecn == EcnMode::Normal
            && self.dont_fragment == DontFragment::Set
            && !self.entropy_label
    }
}

impl Default for TunnelPolicy {
    fn default() -> Self {
        Self {
            vxlan_port: VXLAN_PORT,
            gue_port: GUE_PORT,
            ttl: 64,
            ttl_mode: Mode::Pipe,
            dscp_mode: Mode::Pipe,
            ecn: EcnMode::Normal,
            dont_fragment: DontFragment::Set,
            udp_checksum: UdpChecksum::Computed,
            entropy_label: false,
        }
    }
}

/// The two ends of a tunnel, of one family.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Ends {
    /// Over IPv4.
    Ipv4 {
        /// The router's own address.
        source: Ipv4Addr,
        /// The remote end.
        remote: Ipv4Addr,
    },
    /// Over IPv6.
    Ipv6 {
        /// The router's own address.
        source: Ipv6Addr,
        /// The remote end.
        remote: Ipv6Addr,
    },
}

/// How a packet is encapsulated.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Encapsulation {
    /// IP packets in VXLAN, behind an Ethernet header to the remote router (RFC 9136 section 4.4.1).
    VxlanRouted {
        /// The ends.
        ends: Ends,
        /// The network, as the remote end calls it.
        vni: Vni,
        /// The interface of the router's own network, on which what is sent is counted, if there is one.
        interface: Option<InterfaceId>,
        /// The router's own Ethernet address in this VRF.
        source_mac: Mac,
        /// The remote router's Ethernet address.
        router_mac: Mac,
    },
    /// Frames in VXLAN (RFC 7348).
    VxlanBridged {
        /// The ends.
        ends: Ends,
        /// The network, as the remote end calls it.
        vni: Vni,
    },
    /// A label stack in UDP (RFC 7510).
    MplsUdp {
        /// The ends.
        ends: Ends,
        /// The labels.
        labels: LabelStack,
    },
    /// A label stack on a link (RFC 3032).
    Mpls {
        /// The labels.
        labels: LabelStack,
    },
    /// IP in IP, any family in any (RFC 2003, RFC 2473, RFC 4213).
    IpIp {
        /// The ends.
        ends: Ends,
    },
    /// Generic UDP encapsulation, variant 0 (draft-ietf-intarea-gue).
    Gue {
        /// The ends.
        ends: Ends,
    },
}

/// A tunnel as the control plane describes it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct TunnelSpec {
    /// How packets are encapsulated, from where to where.
    pub encapsulation: Encapsulation,
    /// The rest of the outer header.
    pub policy: TunnelPolicy,
}
