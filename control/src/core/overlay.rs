//! Overlays: what the core holds of endpoints, VNIs and labels, and how changes of them reach the workers.
//!
//! * [`endpoint`](super::endpoint): the router's own ends of tunnels.
//! * [`vni`](super::vni): networks on them, each with its interface.
//! * [`label`](super::label): the label table.
//! * [`tunnel`](super::tunnel): what next hops lead into, composed anew when something under it changes.
//!
//! Everything is in the snapshot's draft before the FIB entries and next hops that name it are published, and
//! leaves it after them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ferroute_dataplane::ids::{EndpointId, InterfaceId, TunnelId, VrfId};
use ferroute_dataplane::wire::mpls::Label;

use super::endpoint::Endpoints;
use super::interface::Interface;
use super::label::{LabelEntry, LabelSet};
use super::router::Router;
use super::tunnel::LearnedMtus;
use crate::model::event::Change;
use crate::model::interface::InterfaceKind;
use crate::model::name::InterfaceName;
use crate::model::number::Choice;
use crate::model::overlay::OverlayError;
use crate::nexthop::NextHopSetId;
use ferroute_dataplane::counters::MAX_INTERFACES;
use ferroute_dataplane::mac::Mac;

/// The overlays of a router.
#[derive(Debug, Default)]
pub struct Overlay {
    pub(super) endpoints: Endpoints,
    pub(super) labels: BTreeMap<Label, LabelEntry>,
    /// The interfaces by which packets with labels come into VRFs, and how many labels lead there.
    pub(super) label_interfaces: BTreeMap<VrfId, (InterfaceId, usize)>,
    /// The labels over each next hop set.
    pub(super) label_sets: HashMap<NextHopSetId, LabelSet>,
    /// The tunnels that clients know of, and whether they know them as resolved.
    pub(super) told_tunnels: HashMap<TunnelId, bool>,
    pub(super) learned: LearnedMtus,
    /// Tunnels that are to be composed anew before the next publication.
    pub(super) stale_tunnels: BTreeSet<TunnelId>,
    /// Endpoints that are to be written anew before the next publication.
    pub(super) stale_endpoints: BTreeSet<EndpointId>,
}

impl Router {
    /// Brings what changed under tunnels and endpoints into the draft.
    pub(super) fn write_overlay(&mut self) {
        for tunnel in std::mem::take(&mut self.overlay.stale_tunnels) {
            self.write_tunnel(tunnel);
            self.tell_tunnel(tunnel);
        }
        for endpoint in std::mem::take(&mut self.overlay.stale_endpoints) {
            self.write_endpoint(endpoint);
        }
    }

    /// Makes an interface by which packets come out of an overlay into a VRF.
    pub(super) fn make_overlay_interface(
        &mut self,
        name: InterfaceName,
        kind: InterfaceKind,
        vrf: VrfId,
        mac: Option<Mac>,
    ) -> Result<InterfaceId, OverlayError> {
        if self.interfaces.id(&name).is_some() {
            return Err(OverlayError::InterfaceTaken { interface: name });
        }
        let made = self.interfaces.add(name, |id| Interface {
            name,
            id,
            kind,
            vrf,
            mtu: Choice::Auto,
            admin_up: true,
            addresses: Vec::new(),
            mpls: false,
            tcp_mtu: Choice::Auto,
            bridge: None,
            port: None,
            mac,
            twin: None,
            routes: BTreeMap::new(),
        });
        let id = made.ok_or(OverlayError::TooManyInterfaces {
            limit: MAX_INTERFACES - 1,
        })?;
        self.count_interface(id);
        self.sync_interface(id);
        self.tell_interface(Change::Added, id);
        Ok(id)
    }
}
