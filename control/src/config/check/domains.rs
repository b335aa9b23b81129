//! Rules about bridge domains, and the VNIs that lead to them.

use super::names::unique;
use super::{Checker, at, segments};
use crate::config::document::Step;
use crate::config::domains::{Domain, Gateway};
use crate::config::mistake::Problem;
use crate::model::name::{DomainName, InterfaceName};
use std::collections::BTreeMap;

pub(super) fn check(checker: &mut Checker<'_>) {
    let config = checker.config;
    let names = config.domains.iter().map(|domain| Some(domain.name));
    unique(checker, "domains", "name", "bridge domain", names);
    let gateways = config.domains.iter().map(|domain| domain.gateway.as_ref());
    let names = gateways.map(|gateway| gateway.and_then(|g| g.interface));
    unique(checker, "domains", "gateway", "interface", names);
    let mut homes = BTreeMap::new();
    for (place, domain) in config.domains.iter().enumerate() {
        members(checker, place, domain, &mut homes);
        if let Some(gateway) = &domain.gateway {
            self::gateway(checker, place, gateway);
        }
        stations(checker, place, domain);
        flood(checker, place, domain);
    }
}

/// A member is a port or a VLAN without addresses, in one domain.
fn members(
    checker: &mut Checker<'_>,
    place: usize,
    domain: &Domain,
    homes: &mut BTreeMap<InterfaceName, usize>,
) {
    for (item, member) in domain.members.iter().enumerate() {
        let path = at!["domains", place, "members", item];
        checker.interface(path, *member);
        let line = checker.line(path);
        if let Some(first) = homes.insert(*member, line) {
            let (what, name) = ("member", member.to_string());
            checker.report(path, Problem::Duplicate { what, name, first });
        }
        let mut listed = checker.config.interfaces.iter();
        let listed = listed.find(|interface| interface.name == *member);
        let gateway = is_gateway(checker, *member);
        if gateway || listed.is_some_and(|interface| interface.loopback) {
            let message = "a member is a port or a VLAN";
            checker.report(path, Problem::Rule(message));
        }
        if listed.is_some_and(|interface| !interface.addresses.is_empty()) {
            let message = "a member has no addresses; the domain's `gateway` has them";
            checker.report(path, Problem::Rule(message));
        }
    }
}

fn is_gateway(checker: &Checker<'_>, name: InterfaceName) -> bool {
    let mut gateways = checker
        .config
        .domains
        .iter()
        .filter_map(|d| d.gateway.as_ref());
    gateways.any(|gateway| gateway.interface == Some(name))
}

fn gateway(checker: &mut Checker<'_>, place: usize, gateway: &Gateway) {
    checker.vrf(at!["domains", place, "gateway", "vrf"], gateway.vrf);
    let Some(name) = gateway.interface else {
        return;
    };
    let config = checker.config;
    let mut listed = config.interfaces.iter().map(|interface| interface.name);
    if checker.ports.contains(&name) || listed.any(|other| other == name) {
        let message = "this is the name of another interface; the gateway comes with its domain";
        let path = at!["domains", place, "gateway", "interface"];
        checker.report(path, Problem::Rule(message));
    }
}

fn stations(checker: &mut Checker<'_>, place: usize, domain: &Domain) {
    let mut macs = BTreeMap::new();
    for (item, station) in domain.fdb.iter().enumerate() {
        let path = at!["domains", place, "fdb", item];
        let line = checker.line(path);
        if let Some(first) = macs.insert(station.mac.mac(), line) {
            let (what, name) = ("station", station.mac.to_string());
            checker.report(path, Problem::Duplicate { what, name, first });
        }
        if let Some(segment) = station.segment {
            let path = at!["domains", place, "fdb", item, "segment"];
            segments::segment(checker, path, segment);
            remote(checker, path, domain.name);
        }
        match (station.interface, station.remote) {
            (Some(interface), None) if !domain.members.contains(&interface) => {
                let message = "this is no member of the domain";
                let path = at!["domains", place, "fdb", item, "interface"];
                checker.report(path, Problem::Rule(message));
            }
            (Some(_), None) if station.vni.is_none() && station.segment.is_none() => {}
            (None, None) if station.vni.is_none() && station.segment.is_some() => {}
            (None, Some(_)) => {
                let path = at!["domains", place, "fdb", item, "remote"];
                remote(checker, path, domain.name);
            }
            _ => {
                let message = "a station is behind an `interface`, a `segment`, or a `remote` end that may have a `vni`";
                checker.report(path, Problem::Rule(message));
            }
        }
    }
}

fn flood(checker: &mut Checker<'_>, place: usize, domain: &Domain) {
    let mut ends = BTreeMap::new();
    for (item, end) in domain.flood.iter().enumerate() {
        let path = at!["domains", place, "flood", item];
        let line = checker.line(path);
        if let Some(first) = ends.insert((end.address.ip(), end.vni), line) {
            let (what, name) = ("remote end", end.address.to_string());
            checker.report(path, Problem::Duplicate { what, name, first });
        }
        remote(checker, path, domain.name);
    }
}

/// Something remote needs a VNI of its domain.
fn remote(checker: &mut Checker<'_>, path: &[Step<'_>], domain: DomainName) {
    let mut vnis = checker.config.vnis.iter();
    if !vnis.any(|vni| vni.domain == Some(domain)) && checker.document.is_whole("vnis") {
        let message = "no entry of `vnis` leads to this domain, so nothing is remote";
        checker.report(path, Problem::Rule(message));
    }
}

/// Reports a bridge domain if it does not exist.
pub(super) fn domain(checker: &mut Checker<'_>, path: &[Step<'_>], domain: DomainName) {
    let known: Vec<_> = checker.config.domains.iter().map(|d| d.name).collect();
    if !known.contains(&domain) && checker.document.is_whole("domains") {
        let names = known.iter().map(DomainName::as_str);
        checker.no_such(path, "bridge domain", domain.as_str(), names);
    }
}
