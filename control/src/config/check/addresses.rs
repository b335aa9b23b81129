//! Rules about interface addresses: none twice in a VRF, and no two links of a VRF with the same prefix.

use super::{Checker, at};
use crate::config::mistake::Problem;
use crate::model::name::VrfName;
use ipnet::IpNet;

/// Link-local addresses are told apart by their link. A host address within another link's prefix is a
/// common way to hand out service addresses, and means no second link.
fn overlap(one: IpNet, other: IpNet, same_interface: bool) -> bool {
    if one.addr() == other.addr() {
        return same_interface || !is_link_local(one);
    }
    let is_link = |net: IpNet| net.prefix_len() < net.max_prefix_len() && !is_link_local(net);
    !same_interface
        && is_link(one)
        && is_link(other)
        && (one.contains(&other.network()) || other.contains(&one.network()))
}

fn is_link_local(net: IpNet) -> bool {
    match net {
        IpNet::V4(_) => false,
        IpNet::V6(net) => net.addr().is_unicast_link_local(),
    }
}

pub(super) fn check(checker: &mut Checker<'_>) {
    let config = checker.config;
    let mut seen: Vec<(VrfName, usize, usize, IpNet)> = Vec::new();
    for (place, interface) in config.interfaces.iter().enumerate() {
        let vrf = interface.vrf;
        for (item, address) in interface.addresses.iter().enumerate() {
            let clash = seen.iter().find(|(other_vrf, other_place, _, other)| {
                *other_vrf == vrf && overlap(address.net(), *other, *other_place == place)
            });
            if let Some(&(_, other_place, other_item, other)) = clash {
                let first = checker.line(at!["interfaces", other_place, "addresses", other_item]);
                let interface = config.interfaces[other_place].name.to_string();
                let problem = Problem::Overlap {
                    address: address.to_string(),
                    other: other.to_string(),
                    interface,
                    first,
                };
                checker.report(at!["interfaces", place, "addresses", item], problem);
            }
            seen.push((vrf, place, item, address.net()));
        }
    }
}
