//! The exception path: kernel twins, policing of what is punted, ICMP errors.

use super::number::Rate;
use crate::model::vrf::Namespace;
use ferroute_dataplane::punt::PuntClass;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kernel netdevs that get what the router does not handle itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Twin {
    /// Whether ports have twins.
    pub enabled: bool,
    /// The network namespace of the twins; absent: that of the process.
    pub netns: Option<Namespace>,
    /// Whether twins stay, without a carrier, while the router is away, so that the kernel keeps their addresses and the routes
    /// over them, and connections to the host live on. They go with their port, or with `ferrouted --forget`.
    pub persist: bool,
}

impl Default for Twin {
    fn default() -> Self {
        Self {
            enabled: true,
            netns: None,
            persist: true,
        }
    }
}

/// How many packets of each class a worker hands to the exception path, of all ports together. Each port has an even share that
/// no other can take, and what others leave of theirs. Every worker has its own buckets, so the router as a whole takes up to
/// this times the number of workers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Punt {
    /// ARP.
    pub arp: Rate,
    /// IPv6 neighbour discovery.
    pub neighbour_discovery: Rate,
    /// Routing protocols and liveness: BGP, BFD, OSPF, IS-IS, LDP, LLDP, VRRP.
    pub routing: Rate,
    /// TCP segments of running sessions.
    pub tcp: Rate,
    /// TCP segments that open a session.
    pub tcp_open: Rate,
    /// ICMP and ICMPv6 to the router.
    pub icmp: Rate,
    /// All else to the router or for the twin.
    pub other: Rate,
    /// Packets that want a neighbour resolved.
    pub resolve: Rate,
    /// Packets whose sender is to learn the path's MTU: too big for the next link, and not to be fragmented.
    pub packet_too_big: Rate,
    /// Packets that want another ICMP error, or to be fragmented, or have options.
    pub exception: Rate,
}

impl Default for Punt {
    fn default() -> Self {
        Self {
            arp: Rate::fixed(1_000, 200),
            neighbour_discovery: Rate::fixed(1_000, 200),
            routing: Rate::fixed(20_000, 4_000),
            tcp: Rate::fixed(50_000, 10_000),
            tcp_open: Rate::fixed(1_000, 200),
            icmp: Rate::fixed(1_000, 200),
            other: Rate::fixed(5_000, 1_000),
            resolve: Rate::fixed(2_000, 400),
            packet_too_big: Rate::fixed(2_000, 400),
            exception: Rate::fixed(5_000, 1_000),
        }
    }
}

impl Punt {
    /// The rate of one class.
    #[must_use]
    pub const fn rate(&self, class: PuntClass) -> Rate {
        match class {
            PuntClass::Arp => self.arp,
            PuntClass::NeighbourDiscovery => self.neighbour_discovery,
            PuntClass::Routing => self.routing,
            PuntClass::Tcp => self.tcp,
            PuntClass::TcpOpen => self.tcp_open,
            PuntClass::Icmp => self.icmp,
            PuntClass::Other => self.other,
            PuntClass::Resolve => self.resolve,
            PuntClass::PacketTooBig => self.packet_too_big,
            PuntClass::Exception => self.exception,
        }
    }
}

/// ICMP and ICMPv6 that the router itself sends.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Icmp {
    /// Errors of all types together, for each family (RFC 1812 section 4.3.2.8, RFC 4443 section 2.4 (f)).
    pub errors: Rate,
    /// Of these: destination unreachable.
    pub unreachable: Rate,
    /// Of these: fragmentation needed, packet too big.
    pub packet_too_big: Rate,
    /// Of these: TTL or hop limit exceeded.
    pub time_exceeded: Rate,
    /// Of these: parameter problem.
    pub parameter_problem: Rate,
    /// Echo replies of both families together.
    pub echo_replies: Rate,
}

impl Default for Icmp {
    fn default() -> Self {
        Self {
            errors: Rate::fixed(2_000, 400),
            unreachable: Rate::fixed(500, 100),
            packet_too_big: Rate::fixed(500, 100),
            time_exceeded: Rate::fixed(500, 100),
            parameter_problem: Rate::fixed(500, 100),
            echo_replies: Rate::fixed(10_000, 1_000),
        }
    }
}
