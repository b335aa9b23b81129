//! Rules about static routes.

use super::{Checker, at};
use crate::config::document::Step;
use crate::config::mistake::Problem;
use crate::config::routes::{NextHop, Route, RouteKind};
use crate::config::text::Address;
use crate::model::nexthop::MAX_NEXT_HOPS;
use crate::model::prefix::Family;
use std::collections::BTreeMap;
use std::net::IpAddr;

pub(super) fn check(checker: &mut Checker<'_>) {
    let config = checker.config;
    let mut first = BTreeMap::new();
    for (place, route) in config.routes.iter().enumerate() {
        checker.vrf(at!["routes", place, "vrf"], route.vrf);
        let key = (route.vrf, route.prefix);
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
        if route.prefix.is_reserved() {
            let message = "multicast, loopback and link-local prefixes take no route";
            checker.report(at!["routes", place, "prefix"], Problem::Rule(message));
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

fn next_hop(checker: &mut Checker<'_>, place: usize, item: usize, route: &Route, hop: &NextHop) {
    if hop.via().is_none() {
        let message = "a next hop has `address`, `address` and `dev`, `address` and `vrf`, `dev` alone or `vrf` alone; \
                       `onlink` goes with `address` and `dev`";
        checker.report(at!["routes", place, "via", item], Problem::Rule(message));
    }
    if let Some(address) = hop.address {
        gateway(
            checker,
            at!["routes", place, "via", item, "address"],
            route,
            hop,
            address,
        );
    }
    if let Some(vrf) = hop.vrf {
        checker.vrf(at!["routes", place, "via", item, "vrf"], vrf);
    }
    if let Some(dev) = hop.dev {
        let path = at!["routes", place, "via", item, "dev"];
        checker.interface(path, dev);
        if let Some(other) = checker
            .interfaces
            .get(&dev)
            .copied()
            .filter(|other| *other != route.vrf)
        {
            let (interface, is_in, route_in) =
                (dev.to_string(), other.to_string(), route.vrf.to_string());
            checker.report(
                path,
                Problem::OtherVrf {
                    interface,
                    is_in,
                    route_in,
                },
            );
        }
    }
}

fn gateway(
    checker: &mut Checker<'_>,
    path: &[Step<'_>],
    route: &Route,
    hop: &NextHop,
    address: Address,
) {
    match address.ip() {
        IpAddr::V4(_) if route.prefix.family() == Family::Ipv6 => {
            let (prefix, next_hop) = (route.prefix.to_string(), address.to_string());
            checker.report(path, Problem::Family { prefix, next_hop });
        }
        IpAddr::V6(gateway) if gateway.is_unicast_link_local() && hop.dev.is_none() => {
            checker.report(path, Problem::Rule("a link-local gateway needs `dev`"));
        }
        _ => {}
    }
    let vrf = hop.vrf.unwrap_or(route.vrf);
    let mut in_vrf = checker
        .config
        .interfaces
        .iter()
        .filter(|interface| interface.vrf == vrf);
    if in_vrf.any(|interface| {
        interface
            .addresses
            .iter()
            .any(|own| own.address() == address.ip())
    }) {
        checker.report(
            path,
            Problem::Rule("this is an address of the router itself"),
        );
    }
}
