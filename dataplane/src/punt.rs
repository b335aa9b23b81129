//! What a worker hands to the exception path.
//!
//! A worker never builds an ICMP error, resolves a neighbour or talks to the kernel. It pushes the
//! packet with a [`Punt`] record into a bounded ring and goes on. Each punt has a class, and each
//! class a token bucket in each worker, so that a flood of one class leaves the others alive.

use crate::drops::DropReason;
use crate::ids::{AdjacencyId, InterfaceId, VrfId};
use crate::snapshot::nexthop::Hop;
use dpdk_sys::Mbuf;

/// Why a packet left the fast path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PuntReason {
    /// An ARP packet (RFC 826).
    Arp,
    /// A neighbour discovery message: ICMPv6 types 133 to 137 (RFC 4861).
    NeighbourDiscovery,
    /// An ARP request or neighbour solicitation of a member of a bridge domain, which the router may
    /// answer in the place of its target (RFC 9161); unanswered, it is flooded.
    Suppress,
    /// Addressed to the router itself.
    Local,
    /// Addressed to a multicast group or to broadcast on its own link.
    LinkMulticast,
    /// Not IP: LLDP, IS-IS and the like, for the kernel twin.
    NonIp,
    /// TTL or hop limit ran out in transit: ICMP 11/0, ICMPv6 3/0.
    TtlExpired,
    /// Larger than the next link's MTU. IPv4 without DF is to be fragmented, all else gets
    /// ICMP 3/4 or ICMPv6 2/0. The packet is as it came: its TTL is not yet decremented.
    TooBig {
        /// The MTU of the next link in bytes, IP header included.
        mtu: u16,
        /// Where the fragments would go.
        hop: Hop,
    },
    /// No route: ICMP 3/0, ICMPv6 1/0.
    NoRoute,
    /// The route says unreachable: ICMP 3/1, ICMPv6 1/6 (a reject route, RFC 4443 section 3.1).
    RouteUnreachable,
    /// The route says prohibited: ICMP 3/13, ICMPv6 1/1.
    RouteProhibited,
    /// The destination is on a connected link and has no adjacency yet. TTL is not yet decremented.
    Glean {
        /// The connected interface.
        egress: InterfaceId,
    },
    /// The adjacency has no Ethernet address yet. TTL is not yet decremented.
    Unresolved {
        /// The adjacency that waits.
        adjacency: AdjacencyId,
    },
    /// The adjacency has no Ethernet address yet, and the packet is the router's own: complete, as it is
    /// to leave, but for the addresses of its Ethernet header, whose type is right.
    Originated {
        /// The adjacency that waits.
        adjacency: AdjacencyId,
    },
    /// IPv4 options that a router must look at (RR, timestamp, router alert); to be forwarded by
    /// the exception path.
    Ipv4Options,
    /// A source of link scope with a destination beyond it: ICMPv6 1/2.
    BeyondScope,
}

impl PuntReason {
    /// The stable names of all reasons, in snake case.
    pub const NAMES: [&'static str; 16] = [
        "arp",
        "neighbour_discovery",
        "suppress",
        "local",
        "link_multicast",
        "non_ip",
        "ttl_expired",
        "too_big",
        "no_route",
        "route_unreachable",
        "route_prohibited",
        "glean",
        "unresolved",
        "originated",
        "ipv4_options",
        "beyond_scope",
    ];

    /// The stable name, in snake case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::NAMES[match self {
            Self::Arp => 0,
            Self::NeighbourDiscovery => 1,
            Self::Suppress => 2,
            Self::Local => 3,
            Self::LinkMulticast => 4,
            Self::NonIp => 5,
            Self::TtlExpired => 6,
            Self::TooBig { .. } => 7,
            Self::NoRoute => 8,
            Self::RouteUnreachable => 9,
            Self::RouteProhibited => 10,
            Self::Glean { .. } => 11,
            Self::Unresolved { .. } => 12,
            Self::Originated { .. } => 13,
            Self::Ipv4Options => 14,
            Self::BeyondScope => 15,
        }]
    }

    /// The reason for the drop when the packet may not be punted: its own dead end where it has
    /// one, the policer otherwise.
    #[must_use]
    pub const fn refused_as(self, otherwise: DropReason) -> DropReason {
        match self {
            Self::TtlExpired => DropReason::TtlExpired,
            Self::TooBig { .. } => DropReason::PacketTooBig,
            Self::NoRoute => DropReason::NoRoute,
            Self::RouteUnreachable => DropReason::RouteUnreachable,
            Self::RouteProhibited => DropReason::RouteProhibited,
            Self::BeyondScope => DropReason::Ipv6BeyondScope,
            _ => otherwise,
        }
    }
}

/// The class by which a punted packet is policed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum PuntClass {
    /// ARP.
    Arp,
    /// IPv6 neighbour discovery.
    NeighbourDiscovery,
    /// Routing protocols and liveness: BGP, BFD, OSPF, IS-IS, LDP, LLDP, VRRP.
    Routing,
    /// TCP segments of running sessions (neither of routing nor opening).
    Tcp,
    /// TCP segments that open a session (SYN without ACK).
    TcpOpen,
    /// ICMP and ICMPv6 to the router.
    Icmp,
    /// All else to the router or for the twin.
    Other,
    /// Packets that want a neighbour resolved.
    Resolve,
    /// Packets whose sender is to learn the path's MTU: too big for the next link, and not to be
    /// fragmented. Apart from the other errors, so that a flood of those does not starve path MTU
    /// discovery (RFC 1191, RFC 8201).
    PacketTooBig,
    /// Packets that want another ICMP error, or to be fragmented, or have options.
    Exception,
}

impl PuntClass {
    /// Every class, in the order of its number.
    pub const ALL: [Self; 10] = [
        Self::Arp,
        Self::NeighbourDiscovery,
        Self::Routing,
        Self::Tcp,
        Self::TcpOpen,
        Self::Icmp,
        Self::Other,
        Self::Resolve,
        Self::PacketTooBig,
        Self::Exception,
    ];
    /// How many classes there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The stable name, in snake case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Arp => "arp",
            Self::NeighbourDiscovery => "neighbour_discovery",
            Self::Routing => "routing",
            Self::Tcp => "tcp",
            Self::TcpOpen => "tcp_open",
            Self::Icmp => "icmp",
            Self::Other => "other",
            Self::Resolve => "resolve",
            Self::PacketTooBig => "packet_too_big",
            Self::Exception => "exception",
        }
    }

    /// The class's place in a counter array.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// A packet on its way from a worker to the exception path. Dropping it frees the buffer.
#[derive(Debug)]
pub struct Punt {
    /// The whole frame as it came, Ethernet header first; a VLAN tag that the card took off is
    /// not in it (`interface` says which VLAN it was).
    pub mbuf: Mbuf,
    /// Why it is here.
    pub reason: PuntReason,
    /// The class by which it was policed.
    pub class: PuntClass,
    /// The interface on which it came.
    pub interface: InterfaceId,
    /// The member of a bridge domain by which it came to the domain's gateway, which `interface` is then; `None` when
    /// it came by no member.
    pub member: Option<InterfaceId>,
    /// The VRF in which it was looked up.
    pub vrf: VrfId,
    /// Where the network header starts, in bytes from the start of the frame.
    pub l3_offset: u8,
    /// Whether it came in a broadcast or multicast frame.
    pub group_frame: bool,
}
