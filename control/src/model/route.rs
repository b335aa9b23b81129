//! Routes: what owners say, what clients see, why a route is refused.

use super::name::{OwnerName, VrfName};
use super::nexthop::{NextHopSet, NextHops};
use super::number::{Distance, Epoch, Metric, NextHopSetId};
use super::owner::SessionId;
use super::prefix::{Family, Prefix};
use super::refusal::RouteError;

/// Most routes in one batch.
pub const MAX_BATCH_ROUTES: usize = 65_536;

/// Place of a VRF in [`RouteBatch::vrfs`]. A batch names each of its VRFs once, so that a route carries two
/// bytes and the core resolves a name once a batch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct VrfPlace(pub u16);

/// A route as its owner says it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RouteSpec {
    /// Its VRF.
    pub vrf: VrfPlace,
    /// Its prefix; the core refuses reserved ones ([`Prefix::is_reserved`]).
    pub prefix: Prefix,
    /// Compared first; the lowest wins.
    pub distance: Distance,
    /// Compared second; the lowest wins.
    pub metric: Metric,
    /// What it does with packets.
    pub target: RouteTarget,
}

/// What a route does with a packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RouteTarget {
    /// Sends it to a set of the same owner.
    Set(NextHopSetId),
    /// Sends it to next hops of its own.
    NextHops(NextHops),
    /// Treats it so.
    Special(SpecialRoute),
}

/// Routes that send nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SpecialRoute {
    /// Drops silently.
    Blackhole,
    /// Drops and answers ICMP "host unreachable" or ICMPv6 "reject route".
    Unreachable,
    /// Drops and answers "administratively prohibited".
    Prohibit,
}

/// One change of a batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RouteChange {
    /// Adds the owner's route for the prefix, or replaces it.
    Announce(RouteSpec),
    /// Takes the owner's route for the prefix away.
    Withdraw {
        /// Its VRF.
        vrf: VrfPlace,
        /// Its prefix.
        prefix: Prefix,
    },
}

/// What happens to the rest of a batch when an item is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum BatchPolicy {
    /// The rest is applied.
    #[default]
    BestEffort,
    /// Nothing is applied.
    AllOrNothing,
}

/// Changes of one owner, applied in the order `sets`, `changes`, `deleted_sets`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RouteBatch {
    /// The owner's session; it says owner and epoch.
    pub session: SessionId,
    /// What happens to the rest when an item is refused.
    pub policy: BatchPolicy,
    /// The VRFs of the routes; every [`VrfPlace`] in `changes` is a place in here.
    pub vrfs: Vec<VrfName>,
    /// Sets to make or replace.
    pub sets: Vec<NextHopSet>,
    /// Changes of routes; at most [`MAX_BATCH_ROUTES`].
    pub changes: Vec<RouteChange>,
    /// Sets to delete.
    pub deleted_sets: Vec<NextHopSetId>,
}

/// What became of a batch, said when the workers see it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BatchOutcome {
    /// Items (sets and routes) that are in force.
    pub applied: u32,
    /// Items that are not, each with its reason. With [`BatchPolicy::AllOrNothing`] the items that
    /// would have been fine are neither applied nor listed.
    pub refused: Vec<Refusal>,
}

/// One item that was refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The item.
    pub item: BatchItem,
    /// Why.
    pub error: RouteError,
}

/// Names an item of a batch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum BatchItem {
    /// Place in [`RouteBatch::changes`].
    Route(u32),
    /// Number of a set in [`RouteBatch::sets`] or [`RouteBatch::deleted_sets`].
    Set(u32),
}

/// Which routes; what is given must match.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RouteFilter {
    /// Only of this VRF.
    pub vrf: Option<VrfName>,
    /// Only of this family.
    pub family: Option<Family>,
    /// Only prefixes that relate so to this one.
    pub prefix: Option<(Prefix, PrefixMatch)>,
    /// Only of this owner.
    pub owner: Option<OwnerName>,
    /// Only the best of each prefix.
    pub only_best: bool,
}

/// How a listed prefix relates to the one in the filter.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PrefixMatch {
    /// It is the same.
    #[default]
    Exact,
    /// It is the same or lies within.
    Longer,
    /// It is the same or covers it.
    Shorter,
}

/// State of a route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RouteState {
    /// Best of its prefix, and in the FIB.
    Active,
    /// Another route of its prefix is better.
    Inactive,
    /// None of its next hops can be resolved at present.
    Unresolved,
}

/// A route as the router holds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RouteView {
    /// Its VRF.
    pub vrf: VrfName,
    /// Its prefix.
    pub prefix: Prefix,
    /// Its owner.
    pub owner: OwnerName,
    /// Its distance; 0 for the router's own connected routes.
    pub distance: u8,
    /// Its metric.
    pub metric: Metric,
    /// The owner's epoch in which it was last said.
    pub epoch: Epoch,
    /// What it does with packets.
    pub target: RouteTarget,
    /// The members of the set, if its target is one.
    pub set_members: Option<NextHops>,
    /// Its state.
    pub state: RouteState,
    /// Whether its owner is gone, or back and has not repeated it yet.
    pub stale: bool,
}
