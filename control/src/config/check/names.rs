//! Rules about names: each is given once, and each reference leads somewhere.

use super::{Checker, at};
use crate::config::links::{Interface, Port};
use crate::config::mistake::Problem;
use crate::model::interface::{InterfaceKind, VirtualKind};
use crate::model::name::VrfName;
use crate::model::number::Mtu;
use crate::model::vrf::MAIN_TABLE;
use ferroute_dataplane::ids::MAX_PORTS;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

pub(super) fn check(checker: &mut Checker<'_>) {
    vrfs(checker);
    ports(checker);
    interfaces(checker);
    neighbours(checker);
}

/// Reports every key of `keys` that an earlier element of the same list has already.
pub(super) fn unique<K: Ord + ToString>(
    checker: &mut Checker<'_>,
    list: &str,
    field: &str,
    what: &'static str,
    keys: impl Iterator<Item = Option<K>>,
) {
    let mut first = BTreeMap::new();
    for (place, key) in keys
        .enumerate()
        .filter_map(|(place, key)| Some((place, key?)))
    {
        match first.entry(key) {
            Entry::Vacant(slot) => {
                slot.insert(place);
            }
            Entry::Occupied(slot) => {
                let (name, first) = (
                    slot.key().to_string(),
                    checker.line(at![list, *slot.get(), field]),
                );
                checker.report(
                    at![list, place, field],
                    Problem::Duplicate { what, name, first },
                );
            }
        }
    }
}

fn vrfs(checker: &mut Checker<'_>) {
    let config = checker.config;
    unique(
        checker,
        "vrfs",
        "name",
        "VRF",
        config.vrfs.iter().map(|vrf| Some(vrf.name)),
    );
    unique(
        checker,
        "vrfs",
        "table",
        "table",
        config.vrfs.iter().map(|vrf| vrf.table),
    );
    for (place, vrf) in config.vrfs.iter().enumerate() {
        if vrf.name == VrfName::default() {
            checker.report(
                at!["vrfs", place, "name"],
                Problem::Rule("the VRF default always exists; it is not listed"),
            );
        }
        if vrf
            .table
            .is_some_and(|table| table.get() == MAIN_TABLE.get())
        {
            checker.report(
                at!["vrfs", place, "table"],
                Problem::Rule("table 254 is that of the default VRF"),
            );
        }
    }
}

fn ports(checker: &mut Checker<'_>) {
    let config = checker.config;
    unique(
        checker,
        "ports",
        "name",
        "port",
        config.ports.iter().map(|port| Some(port.name)),
    );
    unique(
        checker,
        "ports",
        "device",
        "device",
        config.ports.iter().map(|port| Some(port.device.identity())),
    );
    if config.ports.len() > MAX_PORTS {
        checker.report(
            at!["ports"],
            Problem::TooMany {
                what: "ports",
                count: config.ports.len(),
                max: MAX_PORTS,
            },
        );
    }
}

fn interfaces(checker: &mut Checker<'_>) {
    let config = checker.config;
    unique(
        checker,
        "interfaces",
        "name",
        "interface",
        config
            .interfaces
            .iter()
            .map(|interface| Some(interface.name)),
    );
    let kinds: Vec<_> = config
        .interfaces
        .iter()
        .map(|interface| interface.kind(|name| checker.ports.contains(name)))
        .collect();
    let vlans = kinds.iter().map(|kind| match kind {
        Some(InterfaceKind::Virtual(VirtualKind::Vlan { parent, vlan_id })) => {
            Some(format!("{vlan_id} on {parent}"))
        }
        _ => None,
    });
    unique(checker, "interfaces", "name", "VLAN", vlans);
    for (place, (interface, kind)) in config.interfaces.iter().zip(kinds).enumerate() {
        checker.vrf(at!["interfaces", place, "vrf"], interface.vrf);
        let port = match kind {
            Some(InterfaceKind::Port) => Some(interface.name),
            Some(InterfaceKind::Virtual(VirtualKind::Vlan { parent, .. })) => {
                let field = if interface.port.is_some() {
                    "port"
                } else {
                    "name"
                };
                checker.port(at!["interfaces", place, field], parent);
                if checker.ports.contains(&interface.name) {
                    let message = "this is the name of a port, whose own interface is no VLAN";
                    checker.report(at!["interfaces", place, "name"], Problem::Rule(message));
                }
                Some(parent)
            }
            Some(
                InterfaceKind::Virtual(VirtualKind::Loopback)
                | InterfaceKind::Vxlan { .. }
                | InterfaceKind::Mpls
                | InterfaceKind::Bridge { .. }
                | InterfaceKind::Ip { .. },
            ) => None,
            None => {
                if checker.document.is_whole("ports") {
                    let message = "neither a port, nor <port>.<vlan>; give it `port` and `vlan`, or `loopback: true`, not both";
                    checker.report(at!["interfaces", place, "name"], Problem::Rule(message));
                }
                None
            }
        };
        let port = config
            .ports
            .iter()
            .find(|candidate| Some(candidate.name) == port);
        mtu(checker, place, interface, port);
        if interface.mpls && interface.loopback {
            checker.report(
                at!["interfaces", place, "mpls"],
                Problem::Rule("packets with labels come by ports and VLANs only"),
            );
        }
    }
}

/// An interface's MTU fits its port and its addresses.
fn mtu(checker: &mut Checker<'_>, place: usize, interface: &Interface, port: Option<&Port>) {
    /// The MTU of Ethernet (RFC 894).
    const ETHERNET: u16 = 1500;
    /// The least that a link with IPv6 must take (RFC 8200 section 5).
    const IPV6_LEAST: u16 = 1280;
    let above = port.map(|port| port.mtu.map_or(ETHERNET, Mtu::get));
    let own = interface.mtu.map(Mtu::get);
    if let (Some(mtu), Some(port)) = (own, above)
        && mtu > port
    {
        checker.report(
            at!["interfaces", place, "mtu"],
            Problem::AbovePort { mtu, port },
        );
    }
    let ipv6 = interface
        .addresses
        .iter()
        .position(|address| address.address().is_ipv6());
    if let (Some(address), Some(..IPV6_LEAST)) = (ipv6, own.or(above)) {
        let message = "an IPv6 link has an MTU of at least 1280 (RFC 8200)";
        checker.report(
            at!["interfaces", place, "addresses", address],
            Problem::Rule(message),
        );
    }
}

fn neighbours(checker: &mut Checker<'_>) {
    let config = checker.config;
    let keys = config
        .neighbours
        .iter()
        .map(|neighbour| Some(format!("{} on {}", neighbour.address, neighbour.interface)));
    unique(checker, "neighbours", "address", "neighbour", keys);
    for (place, neighbour) in config.neighbours.iter().enumerate() {
        checker.interface(at!["neighbours", place, "interface"], neighbour.interface);
        if config
            .interfaces
            .iter()
            .any(|interface| interface.name == neighbour.interface && interface.loopback)
        {
            checker.report(
                at!["neighbours", place, "interface"],
                Problem::Rule("a loopback has no neighbours"),
            );
        }
    }
}
