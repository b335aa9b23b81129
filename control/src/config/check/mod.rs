//! The rules between fields: names, references, CPUs, addresses, routes.
//!
//! They run over what has the right form. Where part of a list was left out because of its form, a name
//! that seems to be missing may stand in it, so references into that list are not judged.

mod addresses;
mod domains;
mod limits;
mod machine;
mod names;
mod overlay;
mod routes;
mod segments;

use super::Config;
use super::cpus::CpuList;
use super::document::{Document, Step};
use super::mistake::{Mistake, Problem, nearest};
use crate::model::name::{InterfaceName, VrfName};
use std::collections::{BTreeMap, BTreeSet};

/// A way into the document, such as `at!["ports", 1, "mtu"]`.
macro_rules! at {
    ($($step:expr),* $(,)?) => {
        &[$($crate::config::Step::from($step)),*]
    };
}
pub(crate) use at;

/// Everything that is wrong between the fields of `config`, which was read from `document`.
pub(super) fn check(config: &Config, document: &Document, allowed: &CpuList) -> Vec<Mistake> {
    let mut checker = Checker::new(config, document);
    machine::check(&mut checker, allowed);
    limits::check(&mut checker);
    names::check(&mut checker);
    addresses::check(&mut checker);
    overlay::check(&mut checker);
    domains::check(&mut checker);
    segments::check(&mut checker);
    routes::check(&mut checker);
    checker.mistakes
}

/// What all rules need.
struct Checker<'a> {
    config: &'a Config,
    document: &'a Document,
    ports: BTreeSet<InterfaceName>,
    vrfs: BTreeSet<VrfName>,
    /// Every interface that will exist, and the VRF that it is in.
    interfaces: BTreeMap<InterfaceName, VrfName>,
    mistakes: Vec<Mistake>,
}

impl<'a> Checker<'a> {
    fn new(config: &'a Config, document: &'a Document) -> Self {
        let ports: BTreeSet<_> = config.ports.iter().map(|port| port.name).collect();
        let vrfs = config
            .vrfs
            .iter()
            .map(|vrf| vrf.name)
            .chain([VrfName::default()])
            .collect();
        let mut interfaces: BTreeMap<_, _> = ports
            .iter()
            .map(|port| (*port, VrfName::default()))
            .collect();
        interfaces.extend(
            config
                .interfaces
                .iter()
                .map(|interface| (interface.name, interface.vrf)),
        );
        let gateways = config.domains.iter().filter_map(|d| d.gateway.as_ref());
        interfaces.extend(gateways.filter_map(|g| Some((g.interface?, g.vrf))));
        Self {
            config,
            document,
            ports,
            vrfs,
            interfaces,
            mistakes: Vec::new(),
        }
    }

    /// Reports what is wrong with the value at the end of `path`.
    fn report(&mut self, path: &[Step<'_>], problem: Problem) {
        self.mistakes.push(self.document.mistake(path, problem));
    }

    /// The line of the value at the end of `path`.
    fn line(&self, path: &[Step<'_>]) -> usize {
        self.document.mark(self.document.find(path)).line
    }

    /// Reports a port, VRF or interface that does not exist.
    fn no_such<'b>(
        &mut self,
        path: &[Step<'_>],
        what: &'static str,
        name: &str,
        known: impl Iterator<Item = &'b str>,
    ) {
        let near = nearest(name, known);
        self.report(
            path,
            Problem::NoSuch {
                what,
                name: name.to_owned(),
                near,
            },
        );
    }

    /// Reports a port if it does not exist.
    fn port(&mut self, path: &[Step<'_>], port: InterfaceName) {
        if !self.ports.contains(&port) && self.document.is_whole("ports") {
            let known = self.ports.clone();
            self.no_such(
                path,
                "port",
                port.as_str(),
                known.iter().map(InterfaceName::as_str),
            );
        }
    }

    /// Reports a VRF if it does not exist.
    fn vrf(&mut self, path: &[Step<'_>], vrf: VrfName) {
        if !self.vrfs.contains(&vrf) && self.document.is_whole("vrfs") {
            let known = self.vrfs.clone();
            self.no_such(path, "VRF", vrf.as_str(), known.iter().map(VrfName::as_str));
        }
    }

    /// Reports an interface if it does not exist.
    fn interface(&mut self, path: &[Step<'_>], interface: InterfaceName) {
        let whole = ["ports", "interfaces", "domains"];
        let whole = whole.iter().all(|list| self.document.is_whole(list));
        if whole && !self.interfaces.contains_key(&interface) {
            let known = self.interfaces.clone();
            self.no_such(
                path,
                "interface",
                interface.as_str(),
                known.keys().map(InterfaceName::as_str),
            );
        }
    }
}
