//! Rules about interface addresses: none twice in a VRF, and no two links of a VRF that overlap.

use super::{Checker, at};
use crate::config::Config;
use crate::config::mistake::Problem;
use crate::model::name::VrfName;
use crate::model::prefix::InterfaceAddress;

/// What has addresses: an interface, or the gateway of a bridge domain, by its place in its list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holder {
    Interface(usize),
    Gateway(usize),
}

impl Holder {
    fn at<T>(self, item: usize, then: impl FnOnce(&[crate::config::Step<'_>]) -> T) -> T {
        match self {
            Self::Interface(place) => then(at!["interfaces", place, "addresses", item]),
            Self::Gateway(place) => then(at!["domains", place, "gateway", "addresses", item]),
        }
    }

    fn name(self, config: &Config) -> String {
        match self {
            Self::Interface(place) => config.interfaces[place].name.to_string(),
            Self::Gateway(place) => format!("the gateway of {}", config.domains[place].name),
        }
    }
}

pub(super) fn check(checker: &mut Checker<'_>) {
    let config = checker.config;
    let interfaces = config.interfaces.iter().enumerate();
    let interfaces =
        interfaces.map(|(place, i)| (Holder::Interface(place), i.vrf, i.addresses.as_slice()));
    let gateways = config.domains.iter().enumerate();
    let gateways = gateways.filter_map(|(place, domain)| {
        let gateway = domain.gateway.as_ref()?;
        Some((
            Holder::Gateway(place),
            gateway.vrf,
            gateway.addresses.as_slice(),
        ))
    });
    let mut seen: Vec<(VrfName, Holder, usize, InterfaceAddress)> = Vec::new();
    for (holder, vrf, addresses) in interfaces.chain(gateways) {
        for (item, address) in addresses.iter().enumerate() {
            let clash = seen.iter().find(|(other_vrf, other_holder, _, other)| {
                *other_vrf == vrf && address.clashes(*other, *other_holder == holder)
            });
            if let Some(&(_, other_holder, other_item, other)) = clash {
                let problem = Problem::Overlap {
                    address: address.to_string(),
                    other: other.to_string(),
                    interface: other_holder.name(config),
                    first: other_holder.at(other_item, |path| checker.line(path)),
                };
                holder.at(item, |path| checker.report(path, problem));
            }
            seen.push((vrf, holder, item, *address));
        }
    }
}
