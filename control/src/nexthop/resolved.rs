//! What next hops resolve to.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ferroute_dataplane::ids::{EndpointId, InterfaceId, TunnelId, VrfId};

/// Most recursions between a set and the interfaces that it leads to.
pub const MAX_DEPTH: u8 = 16;
/// Most paths that a set may resolve to.
pub const MAX_PATHS: usize = 1024;

/// A way out of the router: what an adjacency is made for, or a tunnel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Way {
    /// To a neighbour.
    Neighbour {
        /// The egress interface.
        interface: InterfaceId,
        /// The neighbour on it; `None` where the packet's destination is the neighbour.
        neighbour: Option<IpAddr>,
    },
    /// Into a tunnel. Which ways its remote end is reached by is a matter of the tunnel's underlay.
    Tunnel(TunnelId),
}

/// A way, and how much of the traffic takes it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Path {
    /// The way.
    pub way: Way,
    /// Its share of the traffic relative to the other paths of the same set.
    pub weight: u32,
}

/// A decision that ends in no neighbour.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Action {
    /// Look the destination up again in this VRF.
    Vrf(VrfId),
    /// Take the packet as the router's own.
    Local(InterfaceId),
    /// Take it as the router's own, at an address where tunnels end.
    Endpoint(EndpointId),
    /// Take it as sent to all hosts of this interface's link, if it came from there.
    Broadcast(InterfaceId),
    /// Drop it silently.
    Blackhole,
    /// Drop it and say that the destination is unreachable.
    Unreachable,
    /// Drop it and say that this is prohibited.
    Prohibit,
}

/// What a set comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Resolved {
    /// These paths: at least one, ordered by way, each once, weights without a
    /// common divisor.
    Paths(Arc<[Path]>),
    /// No path but a decision.
    Action(Action),
    /// Nothing: routes with this set are kept but not used.
    Unresolved(Unresolved),
}

impl Resolved {
    /// Whether routes with this set may go to the FIB.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        !matches!(self, Self::Unresolved(_))
    }
}

/// Why a set comes to nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unresolved {
    /// No usable route covers the gateway.
    #[error("no route leads to the gateway {0}")]
    NoRoute(Gateway),
    /// No connected prefix of the interface covers the gateway.
    #[error("the gateway {0} is on no connected prefix of the interface")]
    NotOnLink(Gateway),
    /// The gateway is an address of the router itself.
    #[error("the gateway {0} is an address of this router")]
    GatewayIsLocal(Gateway),
    /// The gateway's route leads into another VRF; the next hop must name that VRF itself.
    #[error("the route to the gateway {0} leads into another VRF")]
    OtherVrf(Gateway),
    /// The interface is down or gone.
    #[error("interface {0} is down")]
    InterfaceDown(InterfaceId),
    /// The next hops lead back to themselves.
    #[error("the next hops lead back to themselves: {0}")]
    Loop(Loop),
    /// The remote end of a tunnel is itself reached through a tunnel: packets are encapsulated once.
    #[error("tunnel in tunnel: the remote end {0} is reached through another tunnel")]
    TunnelInTunnel(Gateway),
    /// More than [`MAX_DEPTH`] recursions.
    #[error("more than {MAX_DEPTH} recursions")]
    TooDeep,
    /// More than [`MAX_PATHS`] paths.
    #[error("more than {MAX_PATHS} paths")]
    TooManyPaths,
}

/// An address that is looked up to resolve a next hop.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Gateway {
    /// Where it is looked up.
    pub vrf: VrfId,
    /// The address.
    pub address: IpAddr,
    /// If given, only connected routes of this interface count.
    pub interface: Option<InterfaceId>,
}

impl fmt::Display for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

/// A circle of gateways, each of which is reached through the next and the last through the first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loop(Arc<[Gateway]>);

impl Loop {
    /// The loop through these, which starts with the least, so that equal loops are equal values.
    pub(super) fn new(mut gateways: Vec<Gateway>) -> Self {
        let least = (0..gateways.len())
            .min_by_key(|&at| gateways[at])
            .unwrap_or(0);
        gateways.rotate_left(least);
        Self(gateways.into())
    }

    /// The gateways, in the order in which they lead to each other.
    #[must_use]
    pub fn gateways(&self) -> &[Gateway] {
        &self.0
    }
}

impl fmt::Display for Loop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for gateway in self.0.iter() {
            write!(f, "{gateway} → ")?;
        }
        self.0.first().map_or(Ok(()), |first| first.fmt(f))
    }
}
