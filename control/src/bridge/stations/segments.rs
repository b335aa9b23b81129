//! The VNIs of a source, and which of the kernel's netdevs belong to which.

use super::groups::{Groups, Numbering};
use super::segment::Segment;
use super::words::Netdevs;
use crate::bridge::config::L2vni;
use crate::bridge::netlink::update::{LinkKind, LinkUpdate, Update};
use crate::bridge::overlay::shadow::vni_of_stations_port;
use crate::model::name::InterfaceName;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// Why the router does not have a VNI while nobody could tell it.
pub(super) const NO_SESSION: &str = "no session with the router";

/// A VNI.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) config: L2vni,
    pub(super) segment: Segment,
    /// The router has heard of the VNI in this session.
    pub(super) said: bool,
    /// The gateway of its domain, if it has one; or why the router does not have the VNI.
    pub(super) router: Result<Option<InterfaceName>, String>,
}

/// What the kernel says of a netdev of a VNI.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Part {
    /// Place of the VNI.
    of: usize,
    kind: PartKind,
    controller: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum PartKind {
    Vxlan,
    Port,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Segments {
    pub(super) served: Vec<Served>,
    pub(super) groups: Groups,
    by_vni: FxHashMap<u32, usize>,
    /// VXLAN devices and ports by index.
    links: BTreeMap<u32, Part>,
    /// The VNI of each netdev, bridges too.
    by_netdev: FxHashMap<u32, usize>,
}

impl Segments {
    /// These, of which nothing is known.
    pub(super) fn new(l2vnis: &[L2vni], numbering: Numbering) -> Self {
        let served = l2vnis.iter().map(|l2vni| Served {
            config: l2vni.clone(),
            segment: Segment::new(numbering),
            said: false,
            router: Err(NO_SESSION.to_owned()),
        });
        let vnis = l2vnis.iter().map(|l2vni| l2vni.vni.get());
        Self {
            served: served.collect(),
            groups: Groups::new(numbering),
            by_vni: vnis.zip(0..).collect(),
            links: BTreeMap::new(),
            by_netdev: FxHashMap::default(),
        }
    }

    /// The kernel said something; what is not about these VNIs is nothing.
    pub(super) fn hear(&mut self, update: Update) {
        match update {
            Update::Link(update) => self.link(update),
            Update::Fdb(update) => {
                if let Some(place) = self.by_netdev.get(&update.key.interface) {
                    self.served[*place].segment.fdb(&update);
                }
            }
            Update::Neighbour(update) => {
                if let Some(place) = self.by_netdev.get(&update.interface)
                    && !self.links.contains_key(&update.interface)
                {
                    let segment = &mut self.served[*place].segment;
                    segment.neighbour(update.address, update.known);
                }
            }
            Update::NextHop(update) => {
                let id = update.id;
                if self.groups.hear(update) {
                    for served in &mut self.served {
                        served.segment.group_gone(id);
                    }
                }
            }
            Update::Route(_) | Update::Lsp(_) => {}
        }
    }

    fn link(&mut self, update: LinkUpdate) {
        let part = update.link.and_then(|link| {
            let (vni, kind) = match link.kind {
                LinkKind::Vxlan { vni } => (vni, PartKind::Vxlan),
                LinkKind::Other => (vni_of_stations_port(&link.name)?, PartKind::Port),
                LinkKind::Bridge | LinkKind::Vrf { .. } => return None,
            };
            let of = *self.by_vni.get(&vni)?;
            let controller = link.controller;
            Some(Part {
                of,
                kind,
                controller,
            })
        });
        let before = match part {
            Some(part) => self.links.insert(update.index, part),
            None => self.links.remove(&update.index),
        };
        if before == part {
            return;
        }
        for place in [before, part].into_iter().flatten().map(|part| part.of) {
            let find = |kind| {
                let mut links = self.links.iter();
                links.find(|(_, part)| part.of == place && part.kind == kind)
            };
            let vxlan = find(PartKind::Vxlan);
            let bridge = vxlan.and_then(|(_, part)| part.controller);
            let port = find(PartKind::Port).filter(|(_, part)| part.controller == bridge);
            let netdevs = Netdevs {
                vxlan: vxlan.map(|(index, _)| *index),
                bridge,
                port: port.map(|(index, _)| *index).filter(|_| bridge.is_some()),
            };
            self.by_netdev.retain(|_, of| *of != place);
            let own = [netdevs.vxlan, netdevs.bridge, netdevs.port];
            let own = own.into_iter().flatten().map(|index| (index, place));
            self.by_netdev.extend(own);
            self.served[place].segment.netdevs(netdevs);
        }
    }
}
