//! VNIs: VXLAN networks on an endpoint. A routed one is an interface of its VRF, a bridged one belongs to a bridge domain.

use ferroute_dataplane::ids::{EndpointId, InterfaceId};
use ferroute_dataplane::snapshot::endpoint::VniTarget as Leads;
use ferroute_dataplane::wire::vxlan::Vni;

use super::router::Router;
use crate::model::belonging::Belonging;
use crate::model::event::{Change, Happening};
use crate::model::interface::InterfaceKind;
use crate::model::name::{InterfaceName, OwnerName};
use crate::model::overlay::{OverlayError, VniCursor, VniKey, VniSpec, VniTarget, VniView};
use crate::model::page::{PAGE_ITEMS, Page};

impl Router {
    /// Makes a VNI, in somebody's name or nobody's.
    ///
    /// # Errors
    /// [`OverlayError`]; nothing was made then.
    pub(super) fn create_vni(
        &mut self,
        spec: &VniSpec,
        owner: Option<OwnerName>,
    ) -> Result<VniView, OverlayError> {
        let speaker = self.speaker(owner)?;
        let VniKey { endpoint, vni } = spec.key;
        let (id, on) = self.overlay.endpoints.named(&endpoint)?;
        if on.vnis.contains_key(&vni) {
            return Err(OverlayError::VniTaken { vni, endpoint });
        }
        let target = match &spec.target {
            VniTarget::Routed {
                vrf,
                router_mac,
                interface,
            } => {
                let vrf = self
                    .vrfs
                    .id(vrf)
                    .ok_or(OverlayError::UnknownVrf { vrf: *vrf })?;
                let name = interface.unwrap_or_else(|| InterfaceName::numbered("vni", vni.get()));
                let kind = InterfaceKind::Vxlan { vni, endpoint };
                Leads::Routed(self.make_overlay_interface(name, kind, vrf, Some(*router_mac))?)
            }
            VniTarget::Bridged { domain } => {
                let bridge = self.bridging.id(domain);
                let bridge = bridge.map_err(|_| OverlayError::UnknownDomain { domain: *domain })?;
                if self.bridging.get(bridge).is_some_and(|d| d.has_vni()) {
                    return Err(OverlayError::DomainHasVni { domain: *domain });
                }
                self.attach_vni(bridge, id, vni);
                Leads::Bridged(bridge)
            }
        };
        if let Some(on) = self.overlay.endpoints.get_mut(id) {
            on.vnis.insert(vni, target);
        }
        self.own(Belonging::Vni(spec.key), speaker, false);
        self.vni_changed(id);
        self.tell_vni(Change::Added, spec.key)
    }

    /// Moves a VNI to another VRF, or gives it another router MAC, in somebody's name or nobody's. Nobody is told of a change to
    /// what it is.
    ///
    /// # Errors
    /// [`OverlayError`]; it is as it was then.
    pub(super) fn change_vni(
        &mut self,
        spec: &VniSpec,
        owner: Option<OwnerName>,
    ) -> Result<VniView, OverlayError> {
        let speaker = self.speaker(owner)?;
        let view = self.vni_view(spec.key)?;
        if view.spec.target.is_as(&spec.target) {
            self.own(Belonging::Vni(spec.key), speaker, true);
            return Ok(view);
        }
        let (id, target) = self.find_vni(spec.key)?;
        let vni = spec.key.vni;
        let (
            VniTarget::Routed {
                vrf, router_mac, ..
            },
            Leads::Routed(interface),
        ) = (&spec.target, target)
        else {
            return Err(OverlayError::VniKind { vni });
        };
        let vrf = self
            .vrfs
            .id(vrf)
            .ok_or(OverlayError::UnknownVrf { vrf: *vrf })?;
        if let Some(interface) = self.interfaces.get_mut(interface) {
            interface.vrf = vrf;
            interface.mac = Some(*router_mac);
        }
        self.own(Belonging::Vni(spec.key), speaker, true);
        self.sync_interface(interface);
        self.tell_interface(Change::Changed, interface);
        self.vni_changed(id);
        self.tell_vni(Change::Changed, spec.key)
    }

    /// Tells what became of a VNI; answers it.
    fn tell_vni(&self, change: Change, key: VniKey) -> Result<VniView, OverlayError> {
        let view = self.vni_view(key)?;
        let vni = Box::new(view.clone());
        self.tell(Happening::Vni { change, vni });
        Ok(view)
    }

    /// Removes a VNI.
    ///
    /// # Errors
    /// [`OverlayError::UnknownEndpoint`], [`OverlayError::UnknownVni`].
    pub(super) fn delete_vni(&mut self, key: VniKey) -> Result<(), OverlayError> {
        let (id, target) = self.find_vni(key)?;
        let gone = self.vni_view(key)?;
        if let Some(on) = self.overlay.endpoints.get_mut(id) {
            on.vnis.remove(&key.vni);
        }
        self.disown(&Belonging::Vni(key));
        self.vni_changed(id);
        match target {
            Leads::Routed(interface) => self.drop_interface(interface),
            Leads::Bridged(bridge) | Leads::BridgedFrom(bridge) => self.detach_vni(bridge),
        }
        self.tell(Happening::Vni {
            change: Change::Removed,
            vni: Box::new(gone),
        });
        Ok(())
    }

    /// Lets endpoint and tunnels follow a change of VNIs: what is sent into a network has its router MAC as inner source.
    fn vni_changed(&mut self, id: EndpointId) {
        self.overlay.stale_endpoints.insert(id);
        self.compose_all_from(id);
        self.finish();
    }

    /// A VNI as clients see it.
    pub(super) fn vni_view(&self, key: VniKey) -> Result<VniView, OverlayError> {
        let (_, target) = self.find_vni(key)?;
        let VniKey { endpoint, vni } = key;
        let gone = OverlayError::UnknownVni { vni, endpoint };
        let (target, counters) = match target {
            Leads::Routed(interface) => {
                let made = self.interfaces.get(interface).ok_or(gone)?;
                let target = VniTarget::Routed {
                    vrf: self.vrfs.name(made.vrf),
                    router_mac: made.mac.unwrap_or_default(),
                    interface: Some(made.name),
                };
                (target, Some(self.interface_counters(interface)))
            }
            Leads::Bridged(bridge) | Leads::BridgedFrom(bridge) => {
                let domain = self.bridging.get(bridge).ok_or(gone)?.name();
                (VniTarget::Bridged { domain }, None)
            }
        };
        Ok(VniView {
            spec: VniSpec { key, target },
            counters,
        })
    }

    /// One page of VNIs, by endpoint and number.
    pub(super) fn vni_page(&self, after: Option<VniCursor>) -> Page<VniView, VniCursor> {
        let keys = self.overlay.endpoints.iter().flat_map(|(_, on)| {
            on.vnis.keys().map(|vni| VniKey {
                endpoint: on.spec.name,
                vni: *vni,
            })
        });
        let keys = keys.filter(|key| after.is_none_or(|after| *key > after));
        let views = keys.filter_map(|key| self.vni_view(key).ok());
        Page::filled(views.take(PAGE_ITEMS).collect(), |view| view.spec.key)
    }

    fn find_vni(&self, key: VniKey) -> Result<(EndpointId, Leads), OverlayError> {
        let VniKey { endpoint, vni } = key;
        let (id, on) = self.overlay.endpoints.named(&endpoint)?;
        let target = on.vnis.get(&vni).copied();
        Ok((
            id,
            target.ok_or(OverlayError::UnknownVni { vni, endpoint })?,
        ))
    }

    /// The interface of a routed VNI, or of the least if there is no such: whose router MAC is the inner source.
    pub(super) fn vni_source(&self, endpoint: EndpointId, vni: Vni) -> Option<InterfaceId> {
        let vnis = &self.overlay.endpoints.get(endpoint)?.vnis;
        let routed = |target: &Leads| match target {
            Leads::Routed(interface) => Some(*interface),
            Leads::Bridged(_) | Leads::BridgedFrom(_) => None,
        };
        let own = vnis.get(&vni).and_then(routed);
        own.or_else(|| vnis.values().find_map(routed))
    }
}
