//! Rules about static routes.

use super::{Checker, at, vrf_of};
use crate::config::mistake::Problem;
use crate::config::routes::{NextHop, Route, RouteKind};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Most next hops of one route.
const MAX_NEXT_HOPS: usize = 128;

pub(super) fn check(checker: &mut Checker<'_>) {
    let config = checker.config;
    let mut first = BTreeMap::new();
    for (place, route) in config.routes.iter().enumerate() {
        checker.vrf(at!["routes", place, "vrf"], route.vrf.as_ref());
        let key = (vrf_of(route.vrf.as_ref()), route.prefix.net());
        if let Some(earlier) = first.insert(key, place) {
            let name = format!("to {} in VRF {}", route.prefix, key.0);
            let line = checker.line(at!["routes", earlier, "prefix"]);
            checker.report(
                at!["routes", place, "prefix"],
                Problem::Duplicate {
                    what: "route",
                    name,
                    first: line,
                },
            );
        }
        next_hops(checker, place, route);
    }
}

fn next_hops(checker: &mut Checker<'_>, place: usize, route: &Route) {
    match (route.kind, route.via.len()) {
        (RouteKind::Unicast, 0) => {
            checker.report(
                at!["routes", place],
                Problem::Rule("a route needs `via`, or a `type` other than unicast"),
            );
        }
        (RouteKind::Unicast, count) if count > MAX_NEXT_HOPS => {
            checker.report(
                at!["routes", place, "via"],
                Problem::TooMany {
                    what: "next hops",
                    count,
                    max: MAX_NEXT_HOPS,
                },
            );
        }
        (RouteKind::Unicast, _) | (_, 0) => {}
        (_, _) => checker.report(
            at!["routes", place, "via"],
            Problem::Rule("only unicast routes have next hops"),
        ),
    }
    for (item, via) in route.via.iter().enumerate() {
        next_hop(checker, place, item, route, via);
    }
}

fn next_hop(checker: &mut Checker<'_>, place: usize, item: usize, route: &Route, via: &NextHop) {
    let at = at!["routes", place, "via", item];
    checker.vrf(at!["routes", place, "via", item, "vrf"], via.vrf.as_ref());
    if via.address.is_none() && via.dev.is_none() && via.vrf.is_none() {
        checker.report(
            at,
            Problem::Rule("a next hop needs `address`, `dev` or `vrf`"),
        );
    }
    if via.dev.is_some() && via.vrf.is_some() {
        checker.report(
            at,
            Problem::Rule("`dev` has its VRF already; give `dev` or `vrf`"),
        );
    }
    if via.onlink && (via.address.is_none() || via.dev.is_none()) {
        checker.report(
            at!["routes", place, "via", item, "onlink"],
            Problem::Rule("`onlink` needs `address` and `dev`"),
        );
    }
    if let Some(address) = &via.address {
        let at = at!["routes", place, "via", item, "address"];
        match address.ip() {
            IpAddr::V4(_) if route.prefix.net().addr().is_ipv6() => {
                let (prefix, next_hop) = (route.prefix.to_string(), address.to_string());
                checker.report(at, Problem::Family { prefix, next_hop });
            }
            IpAddr::V6(gateway) if gateway.is_unicast_link_local() && via.dev.is_none() => {
                checker.report(at, Problem::Rule("a link-local gateway needs `dev`"));
            }
            _ => {}
        }
        let own = |interface: &crate::config::links::Interface| {
            interface
                .addresses
                .iter()
                .any(|own| own.net().addr() == address.ip())
        };
        if via.vrf.is_none()
            && checker
                .config
                .interfaces
                .iter()
                .any(|interface| interface.vrf == route.vrf && own(interface))
        {
            checker.report(at, Problem::Rule("this is an address of the router itself"));
        }
    }
    if let Some(dev) = &via.dev {
        let at = at!["routes", place, "via", item, "dev"];
        checker.interface(at, dev);
        let vrf = vrf_of(route.vrf.as_ref());
        if let Some(other) = checker
            .interfaces
            .get(dev.as_str())
            .filter(|other| **other != vrf)
        {
            let problem = Problem::OtherVrf {
                interface: dev.to_string(),
                is_in: (*other).to_owned(),
                route_in: vrf.to_owned(),
            };
            checker.report(at, problem);
        }
    }
}
