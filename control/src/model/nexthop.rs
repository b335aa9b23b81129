//! Next hops, sets of them, and what they resolve to.

use super::name::{EndpointName, InterfaceName, OwnerName, VrfName};
use super::number::{NextHopSetId, Weight};
use super::port::Traffic;
use super::prefix::Family;
use super::reason::reasons;
use super::refusal::RouteError;
use crate::nexthop::Encap;
use ferroute_dataplane::ids::{AdjacencyId, GroupId, NextHopId, TunnelId};
use ferroute_dataplane::snapshot::nexthop::Hop;
use std::net::IpAddr;

/// Most members of one set.
pub const MAX_NEXT_HOPS: usize = 256;

/// One way to the destination.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NextHopSpec {
    /// Where to.
    pub via: Via,
    /// Share of the traffic relative to the other members.
    pub weight: Weight,
}

/// Where a next hop leads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Via {
    /// A gateway that is looked up in turn.
    Recursive {
        /// The gateway, a station's address that is not link-local.
        gateway: IpAddr,
        /// The VRF in which it is looked up; absent: the route's own.
        vrf: Option<VrfName>,
    },
    /// A neighbour on an interface.
    Neighbour {
        /// The neighbour, a station's address.
        gateway: IpAddr,
        /// The interface on whose link it is.
        interface: InterfaceName,
        /// Whether it is on the link though no connected prefix covers it.
        onlink: bool,
    },
    /// The destination itself is on the interface's link.
    Link(InterfaceName),
    /// The destination is looked up again in another VRF.
    Vrf(VrfName),
    /// Into a tunnel.
    Tunnel(Box<TunnelHop>),
}

/// A tunnel as a next hop declares it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TunnelHop {
    /// The remote end, a station's address that is not link-local.
    pub remote: IpAddr,
    /// Where it starts.
    pub endpoint: EndpointName,
    /// What is put around packets.
    pub encap: Encap,
}

impl Via {
    /// The gateway, if there is one. A tunnel's remote end is none: what it carries may be of either family.
    #[must_use]
    pub const fn gateway(&self) -> Option<IpAddr> {
        match self {
            Self::Recursive { gateway, .. } | Self::Neighbour { gateway, .. } => Some(*gateway),
            Self::Link(_) | Self::Vrf(_) | Self::Tunnel(_) => None,
        }
    }

    /// Whether packets of the family can go there: an IPv6 gateway serves IPv4 (RFC 8950), an IPv4 gateway does not
    /// serve IPv6.
    #[must_use]
    pub fn serves(&self, family: Family) -> bool {
        family == Family::Ipv4 || !matches!(self.gateway(), Some(IpAddr::V4(_)))
    }
}

/// The members of a set: at least one, at most [`MAX_NEXT_HOPS`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NextHops(Box<[NextHopSpec]>);

impl NextHops {
    /// The members.
    #[must_use]
    pub fn as_slice(&self) -> &[NextHopSpec] {
        &self.0
    }

    /// Whether packets of the family can go to every member.
    #[must_use]
    pub fn serve(&self, family: Family) -> bool {
        self.0.iter().all(|hop| hop.via.serves(family))
    }
}

impl TryFrom<Vec<NextHopSpec>> for NextHops {
    type Error = RouteError;

    fn try_from(hops: Vec<NextHopSpec>) -> Result<Self, RouteError> {
        match hops.len() {
            0 => Err(RouteError::NoNextHop),
            1..=MAX_NEXT_HOPS => Ok(Self(hops.into_boxed_slice())),
            count => Err(RouteError::TooManyNextHops {
                count,
                limit: MAX_NEXT_HOPS,
            }),
        }
    }
}

/// A set that an owner declares.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NextHopSet {
    /// The owner's number for it.
    pub id: NextHopSetId,
    /// Its members.
    pub next_hops: NextHops,
}

/// Names one entry of the next hop table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NextHopKey {
    /// A set of an owner.
    Set(OwnerName, NextHopSetId),
    /// What FIB entries say.
    Id(NextHopId),
}

/// A next hop set as the router holds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NextHopEntry {
    /// What FIB entries say; absent while nothing is resolved.
    pub id: Option<NextHopId>,
    /// Who declared it under which number; absent for one that the router made.
    pub declared: Option<(OwnerName, NextHopSetId)>,
    /// Its members as declared.
    pub next_hops: NextHops,
    /// Prefixes that lead here.
    pub prefixes: u64,
    /// What it resolved to; empty while nothing is resolved.
    pub members: Vec<ResolvedMember>,
    /// Its load-balancing group, if it has more than one member.
    pub group: Option<GroupId>,
    /// Whether its owner has not yet repeated it since it came back.
    pub stale: bool,
}

/// One resolved member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResolvedMember {
    /// Where it leads.
    pub hop: HopView,
    /// Weight after recursion.
    pub weight: u32,
    /// Buckets of the group that it has; 0 outside groups.
    pub buckets: u32,
}

/// Where a member leads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HopView {
    /// To a neighbour.
    Adjacency(AdjacencyView),
    /// Into a tunnel.
    Tunnel {
        /// Its number.
        id: TunnelId,
        /// The header bytes that it puts before packets.
        header: Vec<u8>,
        /// Where its underlay leads.
        underlay: Vec<ResolvedMember>,
    },
}

impl HopView {
    /// The same, as workers see it.
    #[must_use]
    pub const fn hop(&self) -> Hop {
        match self {
            Self::Adjacency(adjacency) => Hop::Adjacency(adjacency.id),
            Self::Tunnel { id, .. } => Hop::Tunnel(*id),
        }
    }
}

/// A rewrite towards one neighbour.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AdjacencyView {
    /// Its number.
    pub id: AdjacencyId,
    /// Egress interface.
    pub interface: InterfaceName,
    /// Egress port, if there is one.
    pub port: Option<InterfaceName>,
    /// The neighbour, if it has an address.
    pub neighbour: Option<IpAddr>,
    /// The header bytes before the IP header on the wire, once the neighbour is resolved. The type in the
    /// last two follows the packet; it is 0 where no packet is spoken of.
    pub rewrite: Option<Vec<u8>>,
    /// Largest IP packet in bytes.
    pub mtu: u16,
    /// What was sent through it.
    pub traffic: Traffic,
}

reasons! {
    /// Why a next hop entry cannot be shown.
    pub enum NextHopError {
        /// The owner has no such set.
        UnknownNextHopSet { /// The owner.
            owner: OwnerName, /// The set's number.
            next_hop_set: NextHopSetId } = "UNKNOWN_NEXT_HOP_SET", NotFound, "owner {owner} has no next hop set {next_hop_set}";
        /// There is no such entry.
        UnknownNextHop { /// Its number.
            next_hop: NextHopId } = "UNKNOWN_NEXT_HOP", NotFound, "there is no next hop {next_hop}";
    }
}
