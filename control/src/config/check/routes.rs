//! Rules about static routes.

use super::{Checker, at, overlay};
use crate::config::document::Step;
use crate::config::mistake::Problem;
use crate::config::overlay::EncapKind;
use crate::config::routes::{NextHop, Route, RouteKind};
use crate::config::text::Address;
use crate::model::name::{EndpointName, InterfaceName, VrfName};
use crate::model::nexthop::MAX_NEXT_HOPS;
use crate::model::prefix::{Family, Prefix};
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
    let hops = Hops {
        list: "routes",
        place,
        vrf: route.vrf,
        prefix: Some(route.prefix),
    };
    hops.check(checker, &route.via);
}

/// Where next hops stand, and what they serve.
pub(super) struct Hops {
    /// `routes` or `labels`.
    pub(super) list: &'static str,
    /// The element of the list.
    pub(super) place: usize,
    /// The VRF in which gateways are looked up.
    pub(super) vrf: VrfName,
    /// What they lead to; none for labels.
    pub(super) prefix: Option<Prefix>,
}

impl Hops {
    /// Checks what stands in `via`.
    pub(super) fn check(&self, checker: &mut Checker<'_>, via: &[NextHop]) {
        for (item, hop) in via.iter().enumerate() {
            self.next_hop(checker, item, hop);
        }
    }

    fn next_hop(&self, checker: &mut Checker<'_>, item: usize, hop: &NextHop) {
        let &Self { list, place, .. } = self;
        match &hop.encap {
            Some(encap) if encap.encap().is_none() => {
                let message = "vxlan has `vni` and `router_mac`; mpls and mpls_udp have one to four `labels`, not 3 and 7; \
                               ip and gue have neither";
                let path = at![list, place, "via", item, "encap"];
                checker.report(path, Problem::Rule(message));
            }
            Some(_) if hop.via().is_none() => {
                let message = "`encap` goes with `address` alone, the remote end";
                checker.report(at![list, place, "via", item], Problem::Rule(message));
            }
            None if hop.via().is_none() => {
                let message = "a next hop has `address`, `address` and `dev`, `address` and `vrf`, `dev` alone or `vrf` alone; \
                               `onlink` goes with `address` and `dev`";
                checker.report(at![list, place, "via", item], Problem::Rule(message));
            }
            _ => {}
        }
        if let Some(encap) = &hop.encap
            // Labels on the link need none.
            && (encap.kind != EncapKind::Mpls || encap.endpoint != EndpointName::default())
        {
            let path = at![list, place, "via", item, "encap", "endpoint"];
            overlay::endpoint(checker, path, encap.endpoint);
        }
        if let Some(address) = hop.address {
            self.gateway(
                checker,
                at![list, place, "via", item, "address"],
                hop,
                address,
            );
        }
        if let Some(vrf) = hop.vrf {
            checker.vrf(at![list, place, "via", item, "vrf"], vrf);
        }
        if let Some(dev) = hop.dev {
            self.device(checker, at![list, place, "via", item, "dev"], dev);
        }
    }

    fn device(&self, checker: &mut Checker<'_>, path: &[Step<'_>], dev: InterfaceName) {
        checker.interface(path, dev);
        let other = checker.interfaces.get(&dev).copied();
        if let Some(other) = other.filter(|other| *other != self.vrf) {
            let (interface, is_in, route_in) =
                (dev.to_string(), other.to_string(), self.vrf.to_string());
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

    fn gateway(
        &self,
        checker: &mut Checker<'_>,
        path: &[Step<'_>],
        hop: &NextHop,
        address: Address,
    ) {
        match (address.ip(), self.prefix) {
            // A tunnel carries both families, whatever its own.
            (IpAddr::V4(_), Some(prefix))
                if prefix.family() == Family::Ipv6 && hop.encap.is_none() =>
            {
                let (prefix, next_hop) = (prefix.to_string(), address.to_string());
                checker.report(path, Problem::Family { prefix, next_hop });
            }
            (IpAddr::V6(gateway), _) if gateway.is_unicast_link_local() && hop.dev.is_none() => {
                checker.report(path, Problem::Rule("a link-local gateway needs `dev`"));
            }
            _ => {}
        }
        let vrf = match &hop.encap {
            Some(encap) => {
                let mut endpoints = checker.config.endpoints.iter();
                let starts = endpoints.find(|endpoint| endpoint.name == encap.endpoint);
                starts.map_or_else(VrfName::default, |endpoint| endpoint.vrf)
            }
            None => hop.vrf.unwrap_or(self.vrf),
        };
        let mut interfaces = checker.config.interfaces.iter();
        if interfaces.any(|interface| {
            let mut own = interface.addresses.iter();
            interface.vrf == vrf && own.any(|own| own.address() == address.ip())
        }) {
            checker.report(
                path,
                Problem::Rule("this is an address of the router itself"),
            );
        }
    }
}
