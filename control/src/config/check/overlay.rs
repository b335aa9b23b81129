//! Rules about endpoints, VNIs and labels.

use super::names::unique;
use super::routes::Hops;
use super::{Checker, at};
use crate::config::document::Step;
use crate::config::mistake::Problem;
use crate::config::overlay::Endpoint;
use crate::model::name::{EndpointName, VrfName};

pub(super) fn check(checker: &mut Checker<'_>) {
    endpoints(checker);
    vnis(checker);
    labels(checker);
}

fn endpoints(checker: &mut Checker<'_>) {
    let config = checker.config;
    let names = config.endpoints.iter().map(|endpoint| Some(endpoint.name));
    unique(checker, "endpoints", "name", "endpoint", names);
    for (place, endpoint) in config.endpoints.iter().enumerate() {
        checker.vrf(at!["endpoints", place, "vrf"], endpoint.vrf);
        if let Some(vrf) = endpoint.ip_vrf {
            checker.vrf(at!["endpoints", place, "ip_vrf"], vrf);
        }
        if endpoint.tcp_mtu.is_some() && endpoint.ip_vrf.is_none() {
            let message = "nothing comes out of IP in IP and GUE without `ip_vrf`";
            checker.report(at!["endpoints", place, "tcp_mtu"], Problem::Rule(message));
        }
        let path = at!["endpoints", place, "addresses"];
        if endpoint.spec().is_err() {
            let message = "an endpoint has one address of each family at most, and one at least";
            checker.report(path, Problem::Rule(message));
        }
        addresses(checker, place, endpoint);
    }
}

/// Its addresses are those of one interface.
fn addresses(checker: &mut Checker<'_>, place: usize, endpoint: &Endpoint) {
    if !checker.document.is_whole("interfaces") {
        return;
    }
    let mut home = None;
    for (item, address) in endpoint.addresses.iter().enumerate() {
        let has = checker.config.interfaces.iter().find(|interface| {
            let mut own = interface.addresses.iter();
            interface.vrf == endpoint.vrf && own.any(|own| own.address() == address.ip())
        });
        let path = at!["endpoints", place, "addresses", item];
        match (has, home) {
            (None, _) => {
                let message = "no interface of the endpoint's VRF has this address";
                checker.report(path, Problem::Rule(message));
            }
            (Some(one), Some(other)) if one.name != other => {
                let message = "the addresses of an endpoint are those of one interface";
                checker.report(path, Problem::Rule(message));
            }
            (Some(one), _) => home = Some(one.name),
        }
    }
}

fn vnis(checker: &mut Checker<'_>) {
    let config = checker.config;
    let domains = config.vnis.iter().map(|vni| vni.domain);
    unique(checker, "vnis", "domain", "VNI of bridge domain", domains);
    let keys = config.vnis.iter();
    let keys = keys.map(|vni| Some(format!("{} of endpoint {}", vni.vni, vni.endpoint)));
    unique(checker, "vnis", "vni", "VNI", keys);
    for (place, vni) in config.vnis.iter().enumerate() {
        if vni.spec().is_none() {
            let message = "a VNI has `vrf` and `router_mac`, with `interface` and `tcp_mtu` or without; or it has `domain`";
            checker.report(at!["vnis", place], Problem::Rule(message));
        }
        if let Some(vrf) = vni.vrf {
            checker.vrf(at!["vnis", place, "vrf"], vrf);
        }
        if let Some(domain) = vni.domain {
            super::domains::domain(checker, at!["vnis", place, "domain"], domain);
        }
        let path = at!["vnis", place, "endpoint"];
        endpoint(checker, path, vni.endpoint);
    }
}

fn labels(checker: &mut Checker<'_>) {
    let config = checker.config;
    let keys = config.labels.iter().map(|label| Some(label.label));
    unique(checker, "labels", "label", "label", keys);
    for (place, label) in config.labels.iter().enumerate() {
        if label.vrf.is_some() != label.via.is_empty() {
            let message = "a label leads into a `vrf` or has next hops in `via`, one of the two";
            checker.report(at!["labels", place], Problem::Rule(message));
        }
        if let Some(vrf) = label.vrf {
            checker.vrf(at!["labels", place, "vrf"], vrf);
        }
        let others = config.labels.iter().take(place);
        let mut said = others.filter(|other| other.vrf == label.vrf);
        let differs = said.any(|other| other.tcp_mtu.is_some() && other.tcp_mtu != label.tcp_mtu);
        let message = match label.vrf {
            None => {
                Some("a label with next hops has no `tcp_mtu`; only what goes into a `vrf` has one")
            }
            Some(_) if differs => {
                Some("labels into the same `vrf` that have a `tcp_mtu` have the same")
            }
            Some(_) => None,
        };
        if let Some(message) = message.filter(|_| label.tcp_mtu.is_some()) {
            checker.report(at!["labels", place, "tcp_mtu"], Problem::Rule(message));
        }
        let hops = Hops {
            list: "labels",
            place,
            vrf: VrfName::default(),
            prefix: None,
        };
        hops.check(checker, &label.via);
    }
}

/// Reports an endpoint if it does not exist.
pub(super) fn endpoint(checker: &mut Checker<'_>, path: &[Step<'_>], endpoint: EndpointName) {
    let known = checker.config.endpoints.iter().map(|known| known.name);
    let known: Vec<_> = known.collect();
    if !known.contains(&endpoint) && checker.document.is_whole("endpoints") {
        let names = known.iter().map(EndpointName::as_str);
        checker.no_such(path, "endpoint", endpoint.as_str(), names);
    }
}
