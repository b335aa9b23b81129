//! The rules between fields: names, references, CPUs, addresses, routes.
//!
//! They run over what has the right form. Where part of a list was left out because of its form, a name
//! that seems to be missing may stand in it, so references into that list are not judged.

mod addresses;
mod machine;
mod names;
mod routes;

use super::Config;
use super::cpus::CpuList;
use super::document::{Document, Step};
use super::mistake::{Mistake, Problem, nearest};
use super::text::Name;
use std::collections::{BTreeMap, BTreeSet};

/// The name of the VRF that always exists.
const DEFAULT_VRF: &str = "default";

/// A way into the document, such as `at!["ports", 1, "mtu"]`.
macro_rules! at {
    ($($step:expr),* $(,)?) => {
        &[$($crate::config::document::Step::from($step)),*]
    };
}
use at;

/// Everything that is wrong between the fields of `config`, which was read from `document`.
pub(super) fn check(config: &Config, document: &Document, allowed: &CpuList) -> Vec<Mistake> {
    let mut checker = Checker::new(config, document);
    machine::check(&mut checker, allowed);
    names::check(&mut checker);
    addresses::check(&mut checker);
    routes::check(&mut checker);
    checker.mistakes
}

/// What all rules need.
struct Checker<'a> {
    config: &'a Config,
    document: &'a Document,
    ports: BTreeSet<&'a str>,
    vrfs: BTreeSet<&'a str>,
    /// Every interface that will exist, and the VRF that it is in.
    interfaces: BTreeMap<&'a str, &'a str>,
    mistakes: Vec<Mistake>,
}

impl<'a> Checker<'a> {
    fn new(config: &'a Config, document: &'a Document) -> Self {
        let ports: BTreeSet<_> = config.ports.iter().map(|port| port.name.as_str()).collect();
        let vrfs = config
            .vrfs
            .iter()
            .map(|vrf| vrf.name.as_str())
            .chain([DEFAULT_VRF])
            .collect();
        let mut interfaces: BTreeMap<_, _> =
            ports.iter().map(|port| (*port, DEFAULT_VRF)).collect();
        interfaces.extend(
            config
                .interfaces
                .iter()
                .map(|interface| (interface.name.as_str(), vrf_of(interface.vrf.as_ref()))),
        );
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
        let node = self.document.find(path);
        self.mistakes.push(Mistake {
            mark: self.document.mark(node),
            field: self.document.field(node),
            problem,
        });
    }

    /// The line of the value at the end of `path`.
    fn line(&self, path: &[Step<'_>]) -> usize {
        self.document.mark(self.document.find(path)).line
    }

    /// Reports a VRF that does not exist.
    fn vrf(&mut self, path: &[Step<'_>], vrf: Option<&Name>) {
        if let Some(vrf) =
            vrf.filter(|vrf| !self.vrfs.contains(vrf.as_str()) && self.document.is_whole("vrfs"))
        {
            let near = nearest(vrf.as_str(), self.vrfs.iter().copied());
            self.report(
                path,
                Problem::NoSuch {
                    what: "VRF",
                    name: vrf.to_string(),
                    near,
                },
            );
        }
    }

    /// Reports an interface that does not exist.
    fn interface(&mut self, path: &[Step<'_>], interface: &Name) {
        let whole = self.document.is_whole("ports") && self.document.is_whole("interfaces");
        if whole && !self.interfaces.contains_key(interface.as_str()) {
            let near = nearest(interface.as_str(), self.interfaces.keys().copied());
            self.report(
                path,
                Problem::NoSuch {
                    what: "interface",
                    name: interface.to_string(),
                    near,
                },
            );
        }
    }
}

/// The VRF's name, where none stands for the default one.
fn vrf_of(vrf: Option<&Name>) -> &str {
    vrf.map_or(DEFAULT_VRF, Name::as_str)
}
