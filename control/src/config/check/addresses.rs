//! Rules about interface addresses: none twice in a VRF, and no two links of a VRF that overlap.

use super::{Checker, at};
use crate::config::mistake::Problem;
use crate::model::name::VrfName;
use crate::model::prefix::InterfaceAddress;

pub(super) fn check(checker: &mut Checker<'_>) {
    let config = checker.config;
    let mut seen: Vec<(VrfName, usize, usize, InterfaceAddress)> = Vec::new();
    for (place, interface) in config.interfaces.iter().enumerate() {
        let vrf = interface.vrf;
        for (item, address) in interface.addresses.iter().enumerate() {
            let clash = seen.iter().find(|(other_vrf, other_place, _, other)| {
                *other_vrf == vrf && address.clashes(*other, *other_place == place)
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
            seen.push((vrf, place, item, *address));
        }
    }
}
