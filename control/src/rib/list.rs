//! Listings of routes, page by page.

use std::ops::{Bound, ControlFlow};

use ferroute_dataplane::ids::VrfId;
use ipnet::IpNet;

use crate::nexthop::NextHops;

use super::key::{AnyKey, Key, Key4, Key6};
use super::owner::OwnerId;
use super::route::{Attributes, Candidates, Route};
use super::store::Rib;
use super::table::Table;

/// Which prefixes are asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Prefixes {
    /// All IPv4 prefixes.
    AllIpv4,
    /// All IPv6 prefixes.
    AllIpv6,
    /// This one.
    Exact(IpNet),
    /// This one and those within it.
    Longer(IpNet),
    /// This one and those that cover it.
    Shorter(IpNet),
}

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Query {
    /// The VRF.
    pub vrf: VrfId,
    /// Which prefixes.
    pub prefixes: Prefixes,
    /// Only routes of this owner.
    pub owner: Option<OwnerId>,
    /// Only routes that are in the FIB.
    pub only_best: bool,
}

/// What a route is good for at present.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RouteState {
    /// In the FIB.
    Active,
    /// Usable, but another of its prefix is preferred.
    Inactive,
    /// Its next hops come to nothing.
    Unresolved,
}

/// A route as others see it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RouteView {
    /// The prefix.
    pub prefix: IpNet,
    /// Whose route it is.
    pub owner: OwnerId,
    /// What the owner says.
    pub attributes: Attributes,
    /// The owner's epoch in which it was last said; 0 if the owner has none.
    pub epoch: u64,
    /// The owner's generation in which it was last said.
    pub generation: u32,
    /// Whether the owner has not yet repeated it since it came back.
    pub stale: bool,
    /// What it is good for at present.
    pub state: RouteState,
}

/// Most prefixes that are looked at for one page, however few of them match.
const MAX_VISITS: usize = 1 << 16;

/// One page under way.
struct Page<'a> {
    rib: &'a Rib,
    hops: &'a NextHops,
    query: &'a Query,
    limit: usize,
    routes: &'a mut Vec<RouteView>,
}

impl Rib {
    /// Adds routes to `routes`, by prefix and preference, until there are at least `limit` or all. The routes of
    /// one prefix are never parted.
    ///
    /// Starts after the prefix `after`, and gives back the prefix after which the next page starts; `None` at the end.
    /// Between pages routes may change: each page tells what is when it is made.
    pub fn list(
        &self,
        hops: &NextHops,
        query: &Query,
        after: Option<IpNet>,
        limit: usize,
        routes: &mut Vec<RouteView>,
    ) -> Option<IpNet> {
        let vrf = self.vrfs.get(&query.vrf)?;
        let mut page = Page {
            rib: self,
            hops,
            query,
            limit,
            routes,
        };
        let after = after.map(AnyKey::from_net);
        let (after4, after6) = match after {
            Some(AnyKey::V4(key)) => (Some(key), None),
            Some(AnyKey::V6(key)) => (None, Some(key)),
            None => (None, None),
        };
        match query.prefixes {
            Prefixes::AllIpv4 => page.range(&vrf.v4, Key4::new(0, 0), after4),
            Prefixes::AllIpv6 => page.range(&vrf.v6, Key6::new(0, 0), after6),
            Prefixes::Longer(net) => match AnyKey::from_net(net) {
                AnyKey::V4(key) => page.range(&vrf.v4, key, after4),
                AnyKey::V6(key) => page.range(&vrf.v6, key, after6),
            },
            Prefixes::Exact(net) => {
                match AnyKey::from_net(net) {
                    AnyKey::V4(key) => page.add(net.trunc(), vrf.v4.map.get(&key)),
                    AnyKey::V6(key) => page.add(net.trunc(), vrf.v6.map.get(&key)),
                }
                None
            }
            Prefixes::Shorter(net) => {
                // At most 129 prefixes: one page.
                let mut covering = Vec::new();
                self.walk(query.vrf, net, &mut |prefix, _| {
                    covering.push(prefix);
                    ControlFlow::Continue(())
                });
                for prefix in covering.into_iter().rev() {
                    match AnyKey::from_net(prefix) {
                        AnyKey::V4(key) => page.add(prefix, vrf.v4.map.get(&key)),
                        AnyKey::V6(key) => page.add(prefix, vrf.v6.map.get(&key)),
                    }
                }
                None
            }
        }
    }

    fn view(&self, hops: &NextHops, prefix: IpNet, route: &Route) -> RouteView {
        let owner = self.owners.get(route.owner);
        RouteView {
            prefix,
            owner: route.owner,
            attributes: route.attributes(),
            epoch: owner.map_or(0, |owner| owner.epoch_of(route.generation)),
            generation: route.generation,
            stale: owner.is_none_or(|owner| owner.is_stale(route)),
            state: match (route.installed, hops.is_usable(route.set)) {
                (true, _) => RouteState::Active,
                (false, true) => RouteState::Inactive,
                (false, false) => RouteState::Unresolved,
            },
        }
    }
}

impl Page<'_> {
    /// Adds the routes of the prefixes within `within` and after `after`.
    fn range<K: Key>(&mut self, table: &Table<K>, within: K, after: Option<K>) -> Option<IpNet> {
        let start = match after {
            Some(after) if after >= within => Bound::Excluded(after),
            _ => Bound::Included(within),
        };
        // A range must not start after its end.
        if after.is_some_and(|after| after >= within.last()) {
            return None;
        }
        for (visits, (key, candidates)) in table
            .map
            .range((start, Bound::Included(within.last())))
            .enumerate()
        {
            self.add(key.net(), Some(candidates));
            if self.routes.len() >= self.limit || visits >= MAX_VISITS {
                return Some(key.net());
            }
        }
        None
    }

    fn add(&mut self, prefix: IpNet, candidates: Option<&Candidates>) {
        let (rib, hops, query) = (self.rib, self.hops, self.query);
        let matching = candidates
            .map_or(&[][..], Candidates::as_slice)
            .iter()
            .filter(|route| query.owner.is_none_or(|owner| owner == route.owner))
            .filter(|route| !query.only_best || route.installed);
        self.routes
            .extend(matching.map(|route| rib.view(hops, prefix, route)));
    }
}
