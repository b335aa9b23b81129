//! Rules about Ethernet segments.

use super::names::unique;
use super::{Checker, at, domains};
use crate::config::document::Step;
use crate::config::mistake::Problem;
use crate::config::segments::Segment;
use crate::model::name::InterfaceName;
use crate::model::segment::{MAX_PEERS, SegmentId};
use std::collections::BTreeMap;

pub(super) fn check(checker: &mut Checker<'_>) {
    let config = checker.config;
    let ids = config.segments.iter().map(|segment| Some(segment.esi));
    unique(checker, "segments", "esi", "Ethernet segment", ids);
    let mut homes = BTreeMap::new();
    for (place, segment) in config.segments.iter().enumerate() {
        members(checker, place, segment, &mut homes);
        peers(checker, place, segment);
        let mut seen = BTreeMap::new();
        for (item, domain) in segment.except.iter().enumerate() {
            let path = at!["segments", place, "except", item];
            domains::domain(checker, path, *domain);
            once(
                checker,
                path,
                "bridge domain",
                domain.to_string(),
                &mut seen,
            );
        }
    }
}

/// Reports what stands in a list already.
fn once(
    checker: &mut Checker<'_>,
    path: &[Step<'_>],
    what: &'static str,
    name: String,
    seen: &mut BTreeMap<String, usize>,
) {
    let line = checker.line(path);
    if let Some(first) = seen.insert(name.clone(), line) {
        checker.report(path, Problem::Duplicate { what, name, first });
    }
}

/// A member is a port or a VLAN, on one segment.
fn members(
    checker: &mut Checker<'_>,
    place: usize,
    segment: &Segment,
    homes: &mut BTreeMap<String, usize>,
) {
    for (item, member) in segment.members.iter().enumerate() {
        let path = at!["segments", place, "members", item];
        checker.interface(path, *member);
        once(checker, path, "member", member.to_string(), homes);
        if !can_attach(checker, *member) {
            let message = "a member is a port or a VLAN";
            checker.report(path, Problem::Rule(message));
        }
    }
}

fn can_attach(checker: &Checker<'_>, name: InterfaceName) -> bool {
    let config = checker.config;
    let loopback = config
        .interfaces
        .iter()
        .any(|i| i.name == name && i.loopback);
    let gateways = config.domains.iter().filter_map(|d| d.gateway.as_ref());
    let mut gateways = gateways.filter_map(|gateway| gateway.interface);
    !loopback && !gateways.any(|gateway| gateway == name)
}

fn peers(checker: &mut Checker<'_>, place: usize, segment: &Segment) {
    let config = checker.config;
    if segment.peers.len() > MAX_PEERS {
        let message = "a segment has at most 64 peers";
        checker.report(at!["segments", place, "peers"], Problem::Rule(message));
    }
    let mut seen = BTreeMap::new();
    for (item, peer) in segment.peers.iter().enumerate() {
        let path = at!["segments", place, "peers", item];
        once(checker, path, "peer", peer.to_string(), &mut seen);
        let mut own = config
            .endpoints
            .iter()
            .flat_map(|endpoint| &endpoint.addresses);
        if own.any(|own| own == peer) {
            let message =
                "this is an address of an endpoint of the router's own, and no other router";
            checker.report(path, Problem::Rule(message));
        }
    }
}

/// Reports an Ethernet segment if it does not exist.
pub(super) fn segment(checker: &mut Checker<'_>, path: &[Step<'_>], id: SegmentId) {
    let known: Vec<_> = checker.config.segments.iter().map(|s| s.esi).collect();
    if !known.contains(&id) && checker.document.is_whole("segments") {
        let names: Vec<_> = known.iter().map(ToString::to_string).collect();
        let names = names.iter().map(String::as_str);
        checker.no_such(path, "Ethernet segment", &id.to_string(), names);
    }
}
