//! Why a route was refused.

use ferroute_dataplane::ids::VrfId;
use ipnet::IpNet;

use crate::nexthop::{Loop, NextHopSetId};

/// Why a route was not added, replaced or withdrawn. What was there before stays.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RouteError {
    /// The session ended: its owner is gone, or has another by now.
    #[error("the owner's session has ended")]
    SessionOver,
    /// There is no such VRF.
    #[error("there is no VRF {0}")]
    UnknownVrf(VrfId),
    /// Bits are set past the prefix's length.
    #[error("{0} has bits set past its length")]
    HostBits(IpNet),
    /// There is no such next hop set.
    #[error("there is no next hop set {0}")]
    UnknownSet(NextHopSetId),
    /// An IPv4 gateway for an IPv6 prefix (RFC 8950 goes the other way only).
    #[error("an IPv4 gateway cannot serve the IPv6 prefix {0}")]
    FamilyMismatch(IpNet),
    /// The route would be reached through itself.
    #[error("the next hops lead back to the route: {0}")]
    Loop(Loop),
    /// The VRF has all the routes that it may have.
    #[error("VRF {vrf} already has {limit} routes")]
    VrfFull {
        /// The VRF.
        vrf: VrfId,
        /// How many routes it may have.
        limit: usize,
    },
    /// The router has all the routes that it may have.
    #[error("there are already {limit} routes")]
    Full {
        /// How many routes there may be.
        limit: usize,
    },
    /// The owner has no route of this prefix.
    #[error("the owner has no route {0}")]
    NoSuchRoute(IpNet),
}

/// The VRF exists already, or its routes are still on their way out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("VRF {0} exists")]
pub struct VrfExists(pub VrfId);
