//! VNIs: VXLAN networks on an endpoint. A routed one is an interface of its VRF.

use ferroute_dataplane::ids::{EndpointId, InterfaceId};
use ferroute_dataplane::wire::vxlan::Vni;

use super::router::Router;
use crate::model::event::Change;
use crate::model::interface::InterfaceKind;
use crate::model::name::InterfaceName;
use crate::model::overlay::{OverlayError, VniCursor, VniKey, VniSpec, VniTarget, VniView};
use crate::model::page::{PAGE_ITEMS, Page};

impl Router {
    /// Makes a VNI.
    ///
    /// # Errors
    /// [`OverlayError`]; nothing was made then.
    pub(super) fn create_vni(&mut self, spec: &VniSpec) -> Result<VniView, OverlayError> {
        let VniKey { endpoint, vni } = spec.key;
        let (id, on) = self.overlay.endpoints.named(&endpoint)?;
        if on.vnis.contains_key(&vni) {
            return Err(OverlayError::VniTaken { vni, endpoint });
        }
        let VniTarget::Routed {
            vrf,
            router_mac,
            interface,
        } = &spec.target;
        let vrf = self
            .vrfs
            .id(vrf)
            .ok_or(OverlayError::UnknownVrf { vrf: *vrf })?;
        let name = interface.unwrap_or_else(|| InterfaceName::numbered("vni", vni.get()));
        let kind = InterfaceKind::Vxlan { vni, endpoint };
        let interface = self.make_overlay_interface(name, kind, vrf, Some(*router_mac))?;
        if let Some(on) = self.overlay.endpoints.get_mut(id) {
            on.vnis.insert(vni, interface);
        }
        self.vni_changed(id);
        self.vni_view(spec.key)
    }

    /// Moves a VNI to another VRF, or gives it another router MAC.
    ///
    /// # Errors
    /// [`OverlayError`]; it is as it was then.
    pub(super) fn change_vni(&mut self, spec: &VniSpec) -> Result<VniView, OverlayError> {
        let (id, interface) = self.find_vni(spec.key)?;
        let VniTarget::Routed {
            vrf, router_mac, ..
        } = &spec.target;
        let vrf = self
            .vrfs
            .id(vrf)
            .ok_or(OverlayError::UnknownVrf { vrf: *vrf })?;
        if let Some(interface) = self.interfaces.get_mut(interface) {
            interface.vrf = vrf;
            interface.mac = Some(*router_mac);
        }
        self.sync_interface(interface);
        self.tell_interface(Change::Changed, interface);
        self.vni_changed(id);
        self.vni_view(spec.key)
    }

    /// Removes a VNI.
    ///
    /// # Errors
    /// [`OverlayError::UnknownEndpoint`], [`OverlayError::UnknownVni`].
    pub(super) fn delete_vni(&mut self, key: VniKey) -> Result<(), OverlayError> {
        let (id, interface) = self.find_vni(key)?;
        if let Some(on) = self.overlay.endpoints.get_mut(id) {
            on.vnis.remove(&key.vni);
        }
        self.vni_changed(id);
        self.drop_interface(interface);
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
        let (_, interface) = self.find_vni(key)?;
        let VniKey { endpoint, vni } = key;
        let made = self.interfaces.get(interface);
        let made = made.ok_or(OverlayError::UnknownVni { vni, endpoint })?;
        Ok(VniView {
            spec: VniSpec {
                key,
                target: VniTarget::Routed {
                    vrf: self.vrfs.name(made.vrf),
                    router_mac: made.mac.unwrap_or_default(),
                    interface: Some(made.name),
                },
            },
            counters: self.interface_counters(interface),
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

    fn find_vni(&self, key: VniKey) -> Result<(EndpointId, InterfaceId), OverlayError> {
        let VniKey { endpoint, vni } = key;
        let (id, on) = self.overlay.endpoints.named(&endpoint)?;
        let interface = on.vnis.get(&vni).copied();
        Ok((
            id,
            interface.ok_or(OverlayError::UnknownVni { vni, endpoint })?,
        ))
    }

    /// The interface of a routed VNI, or of the least if there is no such: whose router MAC is the inner source.
    pub(super) fn vni_source(&self, endpoint: EndpointId, vni: Vni) -> Option<InterfaceId> {
        let vnis = &self.overlay.endpoints.get(endpoint)?.vnis;
        let own = vnis.get(&vni).or_else(|| vnis.values().next());
        own.copied()
    }
}
