//! From views of routes and owners to messages.

use crate::api::message::nanoseconds;
use crate::api::nexthop::wire;
use crate::model::lookup::{LookupOutcome, LookupView, RecursionStep};
use crate::model::owner::{OwnerState, OwnerView};
use crate::model::refusal::RouteError;
use crate::model::route::{BatchItem, Refusal, RouteState, RouteTarget, RouteView, SpecialRoute};
use ferroute_proto::v1 as pb;

impl From<RouteView> for pb::RouteEntry {
    fn from(route: RouteView) -> Self {
        let (kind, set, next_hops) = match &route.target {
            RouteTarget::Set(set) => (
                pb::RouteKind::Unicast,
                set.get(),
                route.set_members.as_ref().map(wire).unwrap_or_default(),
            ),
            RouteTarget::NextHops(hops) => (pb::RouteKind::Unicast, 0, wire(hops)),
            RouteTarget::Special(special) => ((*special).into(), 0, Vec::new()),
        };
        Self {
            vrf: route.vrf.to_string(),
            prefix: Some(route.prefix.into()),
            owner: route.owner.to_string(),
            distance: route.distance.into(),
            metric: route.metric.0,
            epoch: route.epoch.0,
            kind: kind.into(),
            next_hop_set: set,
            next_hops,
            state: pb::RouteState::from(route.state).into(),
            stale: route.stale,
        }
    }
}

impl From<SpecialRoute> for pb::RouteKind {
    fn from(special: SpecialRoute) -> Self {
        match special {
            SpecialRoute::Blackhole => Self::Blackhole,
            SpecialRoute::Unreachable => Self::Unreachable,
            SpecialRoute::Prohibit => Self::Prohibit,
        }
    }
}

impl From<RouteState> for pb::RouteState {
    fn from(state: RouteState) -> Self {
        match state {
            RouteState::Active => Self::Active,
            RouteState::Inactive => Self::Inactive,
            RouteState::Unresolved => Self::Unresolved,
        }
    }
}

impl From<LookupView> for pb::LookupResponse {
    fn from(view: LookupView) -> Self {
        Self {
            route: view.route.map(Into::into),
            steps: view.steps.into_iter().map(Into::into).collect(),
            outcome: pb::LookupOutcome::from(view.outcome).into(),
            next_hop_id: view.next_hop.get(),
            group: view.group.map(|(id, buckets)| pb::Group {
                id: id.get(),
                buckets,
            }),
            members: view.members.into_iter().map(Into::into).collect(),
            chosen: view.chosen,
        }
    }
}

impl From<LookupOutcome> for pb::LookupOutcome {
    fn from(outcome: LookupOutcome) -> Self {
        match outcome {
            LookupOutcome::Forward => Self::Forward,
            LookupOutcome::Local => Self::Local,
            LookupOutcome::Glean => Self::Glean,
            LookupOutcome::Blackhole => Self::Blackhole,
            LookupOutcome::Unreachable => Self::Unreachable,
            LookupOutcome::Prohibit => Self::Prohibit,
            LookupOutcome::NoRoute => Self::NoRoute,
        }
    }
}

impl From<RecursionStep> for pb::RecursionStep {
    fn from(step: RecursionStep) -> Self {
        let (prefix, owner) = step.route.unzip();
        Self {
            next_hop: Some((&step.next_hop).into()),
            vrf: step.vrf.to_string(),
            prefix: prefix.map(Into::into),
            owner: owner.map(|owner| owner.to_string()).unwrap_or_default(),
            depth: step.depth,
        }
    }
}

impl From<OwnerView> for pb::Owner {
    fn from(owner: OwnerView) -> Self {
        let state = match owner.state {
            OwnerState::Live => pb::OwnerState::Live,
            OwnerState::Replaying => pb::OwnerState::Replaying,
            OwnerState::Stale => pb::OwnerState::Stale,
            OwnerState::Removed => pb::OwnerState::Removed,
        };
        Self {
            name: owner.name.to_string(),
            state: state.into(),
            epoch: owner.epoch.0,
            routes: owner.routes,
            stale_routes: owner.stale_routes,
            next_hop_sets: owner.next_hop_sets,
            grace_left_ns: owner.grace_left.map(nanoseconds),
            persistent: owner.persistent,
            things: owner.things,
            stale_things: owner.stale_things,
        }
    }
}

/// The message for one refused item of the batch with this number.
pub(super) fn refused(id: u64, refusal: &Refusal) -> pb::Refused {
    let item = match refusal.item {
        BatchItem::Route(place) => pb::refused::Item::Route(place),
        BatchItem::Set(number) => pb::refused::Item::NextHopSet(number),
    };
    pb::Refused {
        id,
        item: Some(item),
        reason: pb::RefusalReason::from(&refusal.error).into(),
        message: refusal.error.to_string(),
    }
}

impl From<&RouteError> for pb::RefusalReason {
    fn from(error: &RouteError) -> Self {
        match error {
            RouteError::InvalidAddress { .. } => Self::InvalidAddress,
            RouteError::PrefixLength { .. } => Self::PrefixLength,
            RouteError::HostBits { .. } => Self::HostBits,
            RouteError::ReservedPrefix { .. } => Self::ReservedPrefix,
            RouteError::UnknownVrf { .. } => Self::UnknownVrf,
            RouteError::UnknownInterface { .. } => Self::UnknownInterface,
            RouteError::UnknownNextHopSet { .. } => Self::UnknownNextHopSet,
            RouteError::NoNextHop => Self::NoNextHop,
            RouteError::TooManyNextHops { .. } => Self::TooManyNextHops,
            RouteError::NextHopForm { .. } => Self::NextHopForm,
            RouteError::InvalidGateway { .. } => Self::InvalidGateway,
            RouteError::NextHopSelf { .. } => Self::NextHopSelf,
            RouteError::GatewayNotOnLink { .. } => Self::GatewayNotOnLink,
            RouteError::NextHopLoop { .. } => Self::NextHopLoop,
            RouteError::FamilyMismatch => Self::FamilyMismatch,
            RouteError::BadWeight { .. } => Self::BadWeight,
            RouteError::BadDistance { .. } => Self::BadDistance,
            RouteError::TableFull { .. } => Self::TableFull,
            RouteError::NoSuchRoute { .. } => Self::NoSuchRoute,
            RouteError::InUse { .. } => Self::InUse,
            RouteError::SetNumber => Self::SetNumber,
            RouteError::InvalidName { .. } => Self::InvalidName,
            RouteError::InterfaceKind { .. } => Self::InterfaceKind,
            RouteError::UnknownEndpoint { .. } => Self::UnknownEndpoint,
            RouteError::EndpointFamily { .. } => Self::EndpointFamily,
            RouteError::BadEncap { .. } => Self::BadEncap,
        }
    }
}
