//! Next hops as they are declared, before anything is resolved.

use std::net::IpAddr;
use std::num::NonZeroU16;

use ferroute_dataplane::ids::{EndpointId, InterfaceId, TunnelId, VrfId};
use smallvec::{SmallVec, smallvec};

/// Most members of one set.
pub const MAX_MEMBERS: usize = 256;

/// Where a next hop sends packets.
///
/// The order of the variants and fields is the order of members in a set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Via {
    /// To whatever route of `vrf` covers `address`, recursively.
    Recursive {
        /// The VRF in which the address is looked up.
        vrf: VrfId,
        /// The gateway.
        address: IpAddr,
    },
    /// To the neighbour `address` of `interface`, as long as a connected route of `vrf` on that interface covers it.
    Connected {
        /// The VRF of the interface.
        vrf: VrfId,
        /// The gateway.
        address: IpAddr,
        /// The egress interface.
        interface: InterfaceId,
    },
    /// To the neighbour `address` of `interface`, whatever the routes say.
    OnLink {
        /// The egress interface.
        interface: InterfaceId,
        /// The gateway.
        address: IpAddr,
    },
    /// The destination itself is a neighbour on `interface`.
    Link {
        /// The egress interface.
        interface: InterfaceId,
    },
    /// Into a tunnel, whose remote end is looked up like a gateway.
    Tunnel {
        /// The underlay: the VRF of the tunnel's endpoint.
        vrf: VrfId,
        /// The remote end.
        remote: IpAddr,
        /// The tunnel, which [`NextHops::tunnel`](super::NextHops::tunnel) gave.
        tunnel: TunnelId,
    },
}

/// One member of a set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NextHop {
    /// Where it sends packets.
    pub via: Via,
    /// Its share of the traffic relative to the other members.
    pub weight: NonZeroU16,
}

/// Why a next hop or a set of them has no valid form.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NextHopError {
    /// Neither gateway nor interface.
    #[error("a next hop needs a gateway or an interface")]
    NoVia,
    /// `onlink` speaks of the link of an interface.
    #[error("an on-link next hop needs a gateway and an interface")]
    OnLinkForm,
    /// The gateway is no unicast address of another station.
    #[error("{address} is no unicast address that a gateway can have")]
    InvalidGateway {
        /// The gateway that was given.
        address: IpAddr,
    },
    /// A link-local address means nothing without its link (RFC 4007 section 6).
    #[error("the link-local gateway {address} needs an interface")]
    LinkLocalWithoutInterface {
        /// The gateway that was given.
        address: IpAddr,
    },
    /// A member with no share of the traffic.
    #[error("a weight is between 1 and 65535")]
    ZeroWeight,
    /// A set without a member.
    #[error("a set needs a next hop")]
    Empty,
    /// A set with too many members.
    #[error("a set has at most {MAX_MEMBERS} next hops")]
    TooMany,
}

impl NextHop {
    /// The next hop made of the parts that clients and routing daemons give.
    ///
    /// `vrf` is where the gateway is looked up: the VRF that the next hop names, else the
    /// interface's, else the route's.
    pub fn from_parts(
        gateway: Option<IpAddr>,
        interface: Option<InterfaceId>,
        vrf: VrfId,
        onlink: bool,
        weight: u16,
    ) -> Result<Self, NextHopError> {
        let weight = NonZeroU16::new(weight).ok_or(NextHopError::ZeroWeight)?;
        if let Some(address) = gateway.filter(|gateway| !is_station(*gateway)) {
            return Err(NextHopError::InvalidGateway { address });
        }
        let via = match (gateway, interface) {
            (Some(address), Some(interface)) if onlink || is_link_local(address) => {
                Via::OnLink { interface, address }
            }
            _ if onlink => return Err(NextHopError::OnLinkForm),
            (Some(address), Some(interface)) => Via::Connected {
                vrf,
                address,
                interface,
            },
            (Some(address), None) if is_link_local(address) => {
                return Err(NextHopError::LinkLocalWithoutInterface { address });
            }
            (Some(address), None) => Via::Recursive { vrf, address },
            (None, Some(interface)) => Via::Link { interface },
            (None, None) => return Err(NextHopError::NoVia),
        };
        Ok(Self { via, weight })
    }

    /// The gateway's address, if there is one. A tunnel's remote end is none: what it carries may be of either family.
    #[must_use]
    pub fn gateway(&self) -> Option<IpAddr> {
        match self.via {
            Via::Recursive { address, .. }
            | Via::Connected { address, .. }
            | Via::OnLink { address, .. } => Some(address),
            Via::Link { .. } | Via::Tunnel { .. } => None,
        }
    }

    /// The egress interface, if it is declared.
    #[must_use]
    pub fn interface(&self) -> Option<InterfaceId> {
        match self.via {
            Via::Connected { interface, .. }
            | Via::OnLink { interface, .. }
            | Via::Link { interface } => Some(interface),
            Via::Recursive { .. } | Via::Tunnel { .. } => None,
        }
    }
}

/// Whether a station can have the address.
#[must_use]
pub fn is_station(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            !(v4.octets()[0] == 0 || v4.is_loopback() || v4.is_multicast() || v4.is_broadcast())
        }
        IpAddr::V6(v6) => {
            !(v6.is_unspecified()
                || v6.is_loopback()
                || v6.is_multicast()
                || v6.to_ipv4_mapped().is_some())
        }
    }
}

fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

/// The members of a unicast set: at least one, in order, each way only once.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Members(SmallVec<[NextHop; 1]>);

impl std::ops::Deref for Members {
    type Target = [NextHop];

    fn deref(&self) -> &[NextHop] {
        &self.0
    }
}

/// What a route does with packets, as declared.
///
/// Two sets that mean the same are equal, whatever the order in which their members were given.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum NextHopSet {
    /// Sends them to one of the members, by flow and weight.
    Unicast(Members),
    /// Looks the destination up again in another VRF.
    Vrf(VrfId),
    /// Takes them as the router's own, on this interface.
    Local(InterfaceId),
    /// Takes them as the router's own, at an address where tunnels end: this interface's, this endpoint's.
    Endpoint(InterfaceId, EndpointId),
    /// Takes them as sent to all hosts on this interface's link, if they came from there.
    Broadcast(InterfaceId),
    /// Drops them silently.
    Blackhole,
    /// Drops them and answers that the destination is unreachable.
    Unreachable,
    /// Drops them and answers that this is prohibited.
    Prohibit,
}

impl NextHopSet {
    /// A set of these members. The weights of members that go the same way are added, up to 65535.
    pub fn unicast(members: impl IntoIterator<Item = NextHop>) -> Result<Self, NextHopError> {
        let mut sorted: SmallVec<[NextHop; 1]> =
            members.into_iter().take(MAX_MEMBERS + 1).collect();
        if sorted.is_empty() {
            return Err(NextHopError::Empty);
        }
        if sorted.len() > MAX_MEMBERS {
            return Err(NextHopError::TooMany);
        }
        sorted.sort_unstable();
        sorted.dedup_by(|next, kept| {
            let same = next.via == kept.via;
            if same {
                kept.weight = kept.weight.saturating_add(next.weight.get());
            }
            same
        });
        Ok(Self::Unicast(Members(sorted)))
    }

    /// The set of a connected prefix: its destinations are neighbours on `interface`.
    #[must_use]
    pub fn connected(interface: InterfaceId) -> Self {
        Self::single(Via::Link { interface })
    }

    /// The set of a route to a neighbour of `interface`.
    #[must_use]
    pub fn neighbour(interface: InterfaceId, address: IpAddr) -> Self {
        Self::single(Via::OnLink { interface, address })
    }

    /// The set with one member.
    #[must_use]
    pub fn single(via: Via) -> Self {
        Self::Unicast(Members(smallvec![NextHop {
            via,
            weight: NonZeroU16::MIN
        }]))
    }

    /// The members of a unicast set; none of another.
    #[must_use]
    pub fn members(&self) -> &[NextHop] {
        match self {
            Self::Unicast(members) => members,
            _ => &[],
        }
    }

    /// Whether a gateway is IPv4, which serves no IPv6 prefix (RFC 8950 goes the other way only).
    #[must_use]
    pub fn has_ipv4_gateway(&self) -> bool {
        self.members()
            .iter()
            .any(|hop| hop.gateway().is_some_and(|gateway| gateway.is_ipv4()))
    }
}
