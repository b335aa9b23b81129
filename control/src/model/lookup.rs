//! What happens to a packet, step by step.

use super::name::{OwnerName, VrfName};
use super::nexthop::{NextHopSpec, ResolvedMember};
use super::prefix::Prefix;
use super::reason::reasons;
use super::route::RouteView;
use ferroute_dataplane::ids::{GroupId, NextHopId};
use std::net::IpAddr;

/// A packet in question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LookupQuery {
    /// The VRF in which it is.
    pub vrf: VrfName,
    /// Its destination.
    pub destination: IpAddr,
    /// Its flow hash, if the member of a group that it takes is asked for.
    pub flow_hash: Option<u32>,
}

/// What happens to a packet at last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LookupOutcome {
    /// It is sent.
    Forward,
    /// It is for the router itself.
    Local,
    /// It is on a connected link; its neighbour is yet to be resolved.
    Glean,
    /// Dropped silently.
    Blackhole,
    /// Dropped, ICMP "unreachable".
    Unreachable,
    /// Dropped, ICMP "prohibited".
    Prohibit,
    /// No route covers it.
    NoRoute,
}

/// The whole chain from a destination to the wire.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LookupView {
    /// The route that was matched first.
    pub route: Option<RouteView>,
    /// How its next hops were resolved, outermost first.
    pub steps: Vec<RecursionStep>,
    /// What happens at last.
    pub outcome: LookupOutcome,
    /// What the FIB entry says, as the workers see it.
    pub next_hop: NextHopId,
    /// The load-balancing group, and for each bucket the place of its member in `members`.
    pub group: Option<(GroupId, Vec<u32>)>,
    /// The members: one, or those of the group.
    pub members: Vec<ResolvedMember>,
    /// Place in `members` of the one that the flow takes, if a flow was given.
    pub chosen: Option<u32>,
}

/// One step of resolving a next hop.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecursionStep {
    /// The next hop that was resolved.
    pub next_hop: NextHopSpec,
    /// The VRF in which it was looked up.
    pub vrf: VrfName,
    /// The route that covers it, if any.
    pub route: Option<(Prefix, OwnerName)>,
    /// How many steps stand above this one.
    pub depth: u32,
}

reasons! {
    /// Why routes cannot be shown.
    pub enum ListError {
        /// No VRF has the name.
        UnknownVrf { /// The name.
            vrf: VrfName } = "UNKNOWN_VRF", NotFound, "there is no VRF {vrf}";
        /// Packets to the destination are not looked up.
        NotRouted { /// The destination.
            destination: IpAddr } = "ADDRESS_INVALID", Invalid, "{destination} is multicast, broadcast, loopback, link-local or reserved: no table is asked for it";
    }
}
