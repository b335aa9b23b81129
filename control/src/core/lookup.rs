//! Routes as clients see them, and what happens to a packet, step by step.

use std::net::IpAddr;

use ferroute_dataplane::ids::{NextHopId, VrfId};
use ferroute_dataplane::snapshot::nexthop::NextHop;
use ferroute_dataplane::wire::address::{
    Ipv4Destination, Ipv6Destination, ipv4_destination, ipv6_destination,
};
use ferroute_dataplane::wire::ethernet::EtherType;
use ipnet::IpNet;

use super::router::Router;
use crate::model::lookup::{ListError, LookupOutcome, LookupQuery, LookupView, RecursionStep};
use crate::model::nexthop::{HopView, ResolvedMember};
use crate::model::number::{Epoch, Metric, NextHopSetId};
use crate::model::page::{PAGE_ITEMS, Page, RouteCursor};
use crate::model::prefix::{Family, Prefix};
use crate::model::route::{
    PrefixMatch, RouteFilter, RouteState, RouteTarget, RouteView, SpecialRoute,
};
use crate::nexthop::{NextHopSet, Via};
use crate::rib::{self, Prefixes, Query};

/// Most steps of recursion that are told.
const MAX_STEPS: usize = 64;

impl Router {
    /// One page of routes: by VRF, family, prefix and preference.
    ///
    /// # Errors
    /// [`ListError::UnknownVrf`].
    pub(super) fn route_page(
        &self,
        filter: &RouteFilter,
        after: Option<RouteCursor>,
    ) -> Result<Page<RouteView, RouteCursor>, ListError> {
        let only = filter
            .vrf
            .map(|vrf| self.vrfs.id(&vrf).ok_or(ListError::UnknownVrf { vrf }))
            .transpose()?;
        let owner = match filter.owner {
            Some(name) => match self.rib.owner(name.as_str()) {
                Some(view) => Some(view.id),
                None => {
                    return Ok(Page {
                        items: Vec::new(),
                        next: None,
                    });
                }
            },
            None => None,
        };
        let mut items = Vec::new();
        for (vrf, _) in self
            .vrfs
            .iter()
            .filter(|(id, _)| only.is_none_or(|only| only == *id))
        {
            if after.is_some_and(|after| vrf < after.vrf) {
                continue;
            }
            let here = after
                .filter(|after| after.vrf == vrf)
                .map(|after| after.prefix.net());
            for prefixes in asked(filter) {
                let resumed = match (here, prefixes) {
                    (Some(IpNet::V6(_)), Prefixes::AllIpv4) => continue,
                    (Some(IpNet::V4(_)), Prefixes::AllIpv6) => None,
                    (here, _) => here,
                };
                let query = Query {
                    vrf,
                    prefixes,
                    owner,
                    only_best: filter.only_best,
                };
                let mut routes = Vec::new();
                let next = self
                    .rib
                    .list(&self.hops, &query, resumed, PAGE_ITEMS, &mut routes);
                items.extend(
                    routes
                        .iter()
                        .filter_map(|route| self.route_view(vrf, route)),
                );
                let full = routes
                    .last()
                    .map(|r| r.prefix)
                    .filter(|_| items.len() >= PAGE_ITEMS);
                if let Some(last) = next.or(full) {
                    let next = Prefix::try_from(last)
                        .ok()
                        .map(|prefix| RouteCursor { vrf, prefix });
                    return Ok(Page { items, next });
                }
            }
        }
        Ok(Page { items, next: None })
    }

    /// A route as clients see it.
    fn route_view(&self, vrf: VrfId, route: &rib::RouteView) -> Option<RouteView> {
        let set = self.hops.get(route.attributes.set)?;
        let special = match set.declared {
            NextHopSet::Blackhole => Some(SpecialRoute::Blackhole),
            NextHopSet::Unreachable => Some(SpecialRoute::Unreachable),
            NextHopSet::Prohibit => Some(SpecialRoute::Prohibit),
            _ => None,
        };
        let members = self
            .next_hops_of(set.declared)
            .or_else(|| self.own_link(set.declared));
        let (target, set_members) = match (special, set.group, members) {
            (Some(special), ..) => (RouteTarget::Special(special), None),
            (None, Some(group), members) => (
                RouteTarget::Set(NextHopSetId::try_from(group.number).ok()?),
                members,
            ),
            (None, None, Some(members)) => (RouteTarget::NextHops(members), None),
            (None, None, None) => (RouteTarget::Special(SpecialRoute::Blackhole), None),
        };
        Some(RouteView {
            vrf: self.vrfs.name(vrf),
            prefix: Prefix::try_from(route.prefix).ok()?,
            owner: self.owner_name(route.owner)?,
            distance: route.attributes.distance,
            metric: Metric(route.attributes.metric),
            epoch: Epoch(route.epoch),
            target,
            set_members,
            state: match route.state {
                rib::RouteState::Active => RouteState::Active,
                rib::RouteState::Inactive => RouteState::Inactive,
                rib::RouteState::Unresolved => RouteState::Unresolved,
            },
            stale: route.stale,
        })
    }

    /// What happens to a packet, as the workers see it.
    ///
    /// # Errors
    /// [`ListError`].
    pub(super) fn explain(&self, query: &LookupQuery) -> Result<LookupView, ListError> {
        let vrf = self
            .vrfs
            .id(&query.vrf)
            .ok_or(ListError::UnknownVrf { vrf: query.vrf })?;
        let destination = query.destination;
        // What workers do with the others depends on the interface that they come by.
        let is_looked_up = match destination {
            IpAddr::V4(v4) => ipv4_destination(v4) == Ipv4Destination::Unicast,
            IpAddr::V6(v6) => ipv6_destination(v6) == Ipv6Destination::Unicast,
        };
        if !is_looked_up {
            return Err(ListError::NotRouted { destination });
        }
        let next_hop = self.fib_says(vrf, query.destination);
        let matched = self.rib.lookup(vrf, query.destination);
        let route = matched.and_then(|(prefix, best)| {
            let mut routes = Vec::new();
            let query = Query {
                vrf,
                prefixes: Prefixes::Exact(prefix),
                owner: Some(best.owner),
                only_best: true,
            };
            self.rib.list(&self.hops, &query, None, 1, &mut routes);
            routes.first().and_then(|route| self.route_view(vrf, route))
        });
        let mut steps = Vec::new();
        if let Some((_, best)) = matched {
            self.steps(best.set, 0, &mut steps);
        }
        let set = self.set_of(next_hop);
        let mut members = set
            .map(|set| self.resolved_members(set))
            .unwrap_or_default();
        for member in &mut members {
            self.write_type(member, ethertype(query.destination));
        }
        let group = set
            .and_then(|set| self.forwarding.buckets(set))
            .map(|(group, buckets)| {
                let place = |hop| {
                    members
                        .iter()
                        .position(|m| m.hop.hop() == hop)
                        .unwrap_or_default()
                };
                (
                    group,
                    buckets
                        .iter()
                        .map(|id| u32::try_from(place(*id)).unwrap_or_default())
                        .collect::<Vec<u32>>(),
                )
            });
        let chosen = match (&group, query.flow_hash) {
            (Some((_, buckets)), Some(hash)) => buckets
                .get(hash as usize & buckets.len().wrapping_sub(1))
                .copied(),
            (None, Some(_)) if !members.is_empty() => Some(0),
            _ => None,
        };
        let outcome = match self.plane.draft().next_hop(next_hop) {
            _ if next_hop == NextHopId::NO_ROUTE => LookupOutcome::NoRoute,
            NextHop::Adjacency(_) | NextHop::Group(_) | NextHop::Tunnel(_) => {
                LookupOutcome::Forward
            }
            NextHop::Local(_) | NextHop::Broadcast(_) | NextHop::Endpoint(_) => {
                LookupOutcome::Local
            }
            NextHop::Glean(_) => LookupOutcome::Glean,
            NextHop::Vrf(other) => {
                let query = LookupQuery {
                    vrf: self.vrfs.name(other),
                    ..*query
                };
                return self.explain_leaked(&query, route, steps, next_hop);
            }
            NextHop::Unreachable => LookupOutcome::Unreachable,
            NextHop::Prohibit => LookupOutcome::Prohibit,
            NextHop::Blackhole | NextHop::Vacant => LookupOutcome::Blackhole,
        };
        Ok(LookupView {
            route,
            steps,
            outcome,
            next_hop,
            group,
            members,
            chosen,
        })
    }

    /// The rest of a chain that leads into another VRF.
    fn explain_leaked(
        &self,
        query: &LookupQuery,
        route: Option<RouteView>,
        steps: Vec<RecursionStep>,
        next_hop: NextHopId,
    ) -> Result<LookupView, ListError> {
        // A circle of VRFs ends where the workers end it.
        if steps.len() >= MAX_STEPS {
            return Ok(LookupView {
                route,
                steps,
                outcome: LookupOutcome::Blackhole,
                next_hop,
                group: None,
                members: Vec::new(),
                chosen: None,
            });
        }
        let mut rest = self.explain(query)?;
        rest.steps.splice(0..0, steps);
        Ok(LookupView {
            route,
            next_hop,
            ..rest
        })
    }

    /// Writes what follows the Ethernet header into a member's rewrite: an IPv6 neighbour may carry IPv4 (RFC 8950), and
    /// the underlay carries what the tunnel makes.
    fn write_type(&self, member: &mut ResolvedMember, ethertype: EtherType) {
        match &mut member.hop {
            HopView::Adjacency(adjacency) => {
                let rewrite = adjacency.rewrite.as_mut();
                if let Some(kind) = rewrite.and_then(|rewrite| rewrite.last_chunk_mut()) {
                    *kind = ethertype.get().to_be_bytes();
                }
            }
            HopView::Tunnel { id, underlay, .. } => {
                let outer = self
                    .plane
                    .draft()
                    .tunnel(*id)
                    .map(|t| t.outer().ethertype());
                for member in underlay {
                    self.write_type(member, outer.unwrap_or(ethertype));
                }
            }
        }
    }

    fn fib_says(&self, vrf: VrfId, destination: IpAddr) -> NextHopId {
        let Some(tables) = self.plane.draft().vrf(vrf) else {
            return NextHopId::NO_ROUTE;
        };
        match destination {
            IpAddr::V4(to) => tables.ipv4.lookup(to.to_bits()),
            IpAddr::V6(to) => tables.ipv6.lookup(to.to_bits()),
        }
    }

    /// Tells how the members of a set are resolved, depth first.
    fn steps(&self, set: crate::nexthop::NextHopSetId, depth: u32, steps: &mut Vec<RecursionStep>) {
        let Some(view) = self.hops.get(set) else {
            return;
        };
        for hop in view.declared.members() {
            let (Via::Recursive { vrf, address }
            | Via::Tunnel {
                vrf,
                remote: address,
                ..
            }) = hop.via
            else {
                continue;
            };
            let (Some(next_hop), true) = (self.next_hop_spec(hop), steps.len() < MAX_STEPS) else {
                continue;
            };
            let found = self.rib.lookup(vrf, address);
            let route = found.and_then(|(prefix, best)| {
                Some((Prefix::try_from(prefix).ok()?, self.owner_name(best.owner)?))
            });
            steps.push(RecursionStep {
                next_hop,
                vrf: self.vrfs.name(vrf),
                route,
                depth,
            });
            if let Some((_, best)) = found.filter(|_| depth < u32::from(crate::nexthop::MAX_DEPTH))
            {
                self.steps(best.set, depth + 1, steps);
            }
        }
    }

    /// The interface of a local or broadcast route, shown as its link.
    fn own_link(&self, set: &NextHopSet) -> Option<crate::model::nexthop::NextHops> {
        let (NextHopSet::Local(id) | NextHopSet::Endpoint(id, _) | NextHopSet::Broadcast(id)) = set
        else {
            return None;
        };
        let via = crate::model::nexthop::Via::Link(self.interfaces.get(*id)?.name);
        vec![crate::model::nexthop::NextHopSpec {
            via,
            weight: crate::model::number::Weight::MIN,
        }]
        .try_into()
        .ok()
    }
}

fn ethertype(destination: IpAddr) -> EtherType {
    match destination {
        IpAddr::V4(_) => EtherType::IPV4,
        IpAddr::V6(_) => EtherType::IPV6,
    }
}

fn asked(filter: &RouteFilter) -> Vec<Prefixes> {
    match (filter.prefix, filter.family) {
        (Some((prefix, PrefixMatch::Exact)), _) => vec![Prefixes::Exact(prefix.net())],
        (Some((prefix, PrefixMatch::Longer)), _) => vec![Prefixes::Longer(prefix.net())],
        (Some((prefix, PrefixMatch::Shorter)), _) => vec![Prefixes::Shorter(prefix.net())],
        (None, Some(Family::Ipv4)) => vec![Prefixes::AllIpv4],
        (None, Some(Family::Ipv6)) => vec![Prefixes::AllIpv6],
        (None, None) => vec![Prefixes::AllIpv4, Prefixes::AllIpv6],
    }
}
