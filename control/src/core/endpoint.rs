//! Endpoints: the router's own ends of tunnels.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use ferroute_dataplane::ids::{EndpointId, InterfaceId, VrfId};
use ferroute_dataplane::snapshot::endpoint::{
    DecapPolicy, Endpoint as Written, PeerSet, Peers, VniTable, VniTarget,
};
use ferroute_dataplane::snapshot::tunnel::{TunnelPolicy, UdpChecksum};
use ferroute_dataplane::wire::vxlan::Vni;

use super::router::Router;
use crate::model::event::{Change, Happening};
use crate::model::interface::InterfaceKind;
use crate::model::name::{EndpointName, InterfaceName};
use crate::model::overlay::{EndpointSpec, EndpointView, OverlayError};

/// An endpoint as the core holds it.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub(super) spec: EndpointSpec,
    /// The underlay.
    pub(super) vrf: VrfId,
    /// Whose addresses it has.
    pub(super) interface: InterfaceId,
    /// By which packets come out of IP in IP and GUE.
    pub(super) ip_interface: Option<InterfaceId>,
    /// What its VNIs lead to.
    pub(super) vnis: BTreeMap<Vni, VniTarget>,
}

impl Endpoint {
    /// What it writes into outer headers.
    pub(super) fn policy(&self) -> TunnelPolicy {
        let spec = &self.spec;
        TunnelPolicy {
            vxlan_port: spec.vxlan_port.get(),
            gue_port: spec.gue_port.get(),
            ttl: spec.ttl.get(),
            ttl_mode: spec.ttl_mode,
            dscp_mode: spec.dscp_mode,
            ecn: spec.ecn_mode,
            dont_fragment: spec.df,
            udp_checksum: if spec.udp6_zero_tx {
                UdpChecksum::Zero
            } else {
                UdpChecksum::Computed
            },
            entropy_label: false,
        }
    }
}

/// All endpoints.
#[derive(Debug, Default)]
pub(super) struct Endpoints {
    by_id: BTreeMap<EndpointId, Endpoint>,
    by_name: BTreeMap<EndpointName, EndpointId>,
}

impl Endpoints {
    pub(super) fn id(&self, name: &EndpointName) -> Result<EndpointId, OverlayError> {
        let found = self.by_name.get(name).copied();
        found.ok_or(OverlayError::UnknownEndpoint { endpoint: *name })
    }

    pub(super) fn get(&self, id: EndpointId) -> Option<&Endpoint> {
        self.by_id.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: EndpointId) -> Option<&mut Endpoint> {
        self.by_id.get_mut(&id)
    }

    pub(super) fn named(
        &self,
        name: &EndpointName,
    ) -> Result<(EndpointId, &Endpoint), OverlayError> {
        let id = self.id(name)?;
        let endpoint = self.by_id.get(&id);
        Ok((
            id,
            endpoint.ok_or(OverlayError::UnknownEndpoint { endpoint: *name })?,
        ))
    }

    /// All, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (EndpointId, &Endpoint)> {
        let ids = self.by_name.values();
        ids.filter_map(|id| Some((*id, self.by_id.get(id)?)))
    }

    /// The endpoint that has this address of the VRF.
    pub(super) fn at(&self, vrf: VrfId, address: IpAddr) -> Option<(EndpointId, &Endpoint)> {
        let has = |e: &Endpoint| e.vrf == vrf && e.spec.addresses.iter().any(|a| a == address);
        self.iter().find(|(_, endpoint)| has(endpoint))
    }

    /// The least number that no endpoint has; 0 is none's.
    fn free_id(&self) -> EndpointId {
        let mut ids = (1..).map(EndpointId::new);
        ids.find(|id| !self.by_id.contains_key(id))
            .unwrap_or_default()
    }
}

impl Router {
    /// Makes an endpoint.
    ///
    /// # Errors
    /// [`OverlayError`]; nothing was made then.
    pub(super) fn create_endpoint(
        &mut self,
        spec: EndpointSpec,
    ) -> Result<EndpointView, OverlayError> {
        let name = spec.name;
        if self.overlay.endpoints.id(&name).is_ok() {
            return Err(OverlayError::EndpointTaken { endpoint: name });
        }
        let id = self.overlay.endpoints.free_id();
        let (vrf, interface) = self.place_of(&spec)?;
        let ip_interface = self.make_ip_interface(id, &spec)?;
        self.overlay.endpoints.by_name.insert(name, id);
        self.overlay.endpoints.by_id.insert(
            id,
            Endpoint {
                spec,
                vrf,
                interface,
                ip_interface,
                vnis: BTreeMap::new(),
            },
        );
        self.write_endpoint(id);
        self.sync_interface(interface);
        self.tell_endpoint(Change::Added, &name)
    }

    /// Gives an endpoint another spec.
    ///
    /// # Errors
    /// [`OverlayError`]; it is as it was then.
    pub(super) fn change_endpoint(
        &mut self,
        spec: EndpointSpec,
    ) -> Result<EndpointView, OverlayError> {
        let name = spec.name;
        let (id, before) = self.overlay.endpoints.named(&name)?;
        let before = before.clone();
        if spec.vrf != before.spec.vrf {
            let vrf = before.spec.vrf;
            return Err(OverlayError::EndpointVrf { vrf });
        }
        let (_, interface) = self.place_of(&spec)?;
        let homeless = |remote: IpAddr| spec.addresses.source_for(remote).is_none();
        let tunnels = self.tunnels_from(id).filter(|key| homeless(key.remote));
        let tunnels = tunnels.count();
        if tunnels > 0 {
            return Err(OverlayError::InUse {
                endpoint: name,
                vnis: 0,
                tunnels,
            });
        }
        let kept = spec.ip_vrf == before.spec.ip_vrf;
        if !kept && let Some(old) = before.ip_interface {
            self.drop_interface(old);
        }
        let ip_interface = if kept {
            before.ip_interface
        } else {
            self.make_ip_interface(id, &spec)?
        };
        if let Some(endpoint) = self.overlay.endpoints.get_mut(id) {
            endpoint.spec = spec;
            endpoint.interface = interface;
            endpoint.ip_interface = ip_interface;
        }
        self.write_endpoint(id);
        self.compose_all_from(id);
        self.sync_interface(before.interface);
        self.sync_interface(interface);
        self.tell_endpoint(Change::Changed, &name)
    }

    /// Removes an endpoint.
    ///
    /// # Errors
    /// [`OverlayError`]; it stays then.
    pub(super) fn delete_endpoint(&mut self, name: EndpointName) -> Result<(), OverlayError> {
        let view = self.endpoint_view(&name)?;
        if view.vnis + view.tunnels > 0 {
            return Err(OverlayError::InUse {
                endpoint: name,
                vnis: view.vnis,
                tunnels: view.tunnels,
            });
        }
        self.overlay.endpoints.by_name.remove(&name);
        let Some(gone) = self.overlay.endpoints.by_id.remove(&view.id) else {
            return Ok(());
        };
        self.sync_interface(gone.interface);
        self.plane.edit().endpoints.set(view.id.index(), None);
        if let Some(interface) = gone.ip_interface {
            self.drop_interface(interface);
        }
        self.finish();
        self.tell(Happening::Endpoint {
            change: Change::Removed,
            endpoint: Box::new(view),
        });
        Ok(())
    }

    /// Tells what became of an endpoint; answers it.
    fn tell_endpoint(
        &self,
        change: Change,
        name: &EndpointName,
    ) -> Result<EndpointView, OverlayError> {
        let view = self.endpoint_view(name)?;
        let endpoint = Box::new(view.clone());
        self.tell(Happening::Endpoint { change, endpoint });
        Ok(view)
    }

    /// An endpoint as clients see it.
    pub(super) fn endpoint_view(&self, name: &EndpointName) -> Result<EndpointView, OverlayError> {
        let (id, endpoint) = self.overlay.endpoints.named(name)?;
        let name_of = |id| self.interfaces.get(id).map(|i| i.name);
        let interface = name_of(endpoint.interface);
        Ok(EndpointView {
            spec: endpoint.spec.clone(),
            id,
            interface: interface.ok_or(OverlayError::UnknownEndpoint { endpoint: *name })?,
            ip_interface: endpoint.ip_interface.and_then(name_of),
            vnis: endpoint.vnis.len(),
            tunnels: self.tunnels_from(id).count(),
        })
    }

    /// All endpoints, by name.
    pub(super) fn endpoint_views(&self) -> Vec<EndpointView> {
        let all = self.overlay.endpoints.iter();
        all.filter_map(|(_, endpoint)| self.endpoint_view(&endpoint.spec.name).ok())
            .collect()
    }

    /// The endpoint at an address of a VRF.
    pub(super) fn endpoint_at(&self, vrf: VrfId, address: IpAddr) -> Option<EndpointId> {
        self.overlay.endpoints.at(vrf, address).map(|(id, _)| id)
    }

    /// The endpoint that keeps an interface's address, or one of them, from going.
    pub(super) fn endpoint_of(
        &self,
        interface: InterfaceId,
        address: Option<IpAddr>,
    ) -> Option<EndpointName> {
        let here = |e: &&Endpoint| {
            let at = |wanted| e.spec.addresses.iter().any(|own| own == wanted);
            e.interface == interface && address.is_none_or(at)
        };
        let mut all = self.overlay.endpoints.iter().map(|(_, endpoint)| endpoint);
        all.find(here).map(|endpoint| endpoint.spec.name)
    }

    /// Writes an endpoint into the draft.
    pub(super) fn write_endpoint(&mut self, id: EndpointId) {
        let Some(endpoint) = self.overlay.endpoints.get(id) else {
            return;
        };
        let vnis = endpoint.vnis.iter();
        let written = |target: &VniTarget| match *target {
            VniTarget::Bridged(id) if self.bridging.get(id).is_some_and(|d| d.asks_source()) => {
                VniTarget::BridgedFrom(id)
            }
            target => target,
        };
        let vnis = vnis.map(|(vni, target)| (*vni, written(target)));
        let vnis: VniTable = vnis.collect();
        let peers = if endpoint.spec.known_peers_only {
            let known: PeerSet = self.tunnels_from(id).map(|key| key.remote).collect();
            Peers::Known(Arc::new(known))
        } else {
            Peers::Any
        };
        let written = Written {
            interface: endpoint.interface,
            vxlan_port: endpoint.spec.vxlan_port.get(),
            gue_port: endpoint.spec.gue_port.get(),
            vnis: Arc::new(vnis),
            ip: endpoint.ip_interface,
            mpls: endpoint.spec.mpls_udp,
            policy: DecapPolicy {
                ttl_mode: endpoint.spec.ttl_mode,
                dscp_mode: endpoint.spec.dscp_mode,
                zero_checksum_over_ipv6: endpoint.spec.udp6_zero_rx,
            },
            peers,
        };
        let endpoints = &mut self.plane.edit().endpoints;
        endpoints.set(id.index(), Some(written));
    }

    /// The VRF of an endpoint, and the interface that has its addresses.
    fn place_of(&self, spec: &EndpointSpec) -> Result<(VrfId, InterfaceId), OverlayError> {
        let vrf = self.vrfs.id(&spec.vrf);
        let vrf = vrf.ok_or(OverlayError::UnknownVrf { vrf: spec.vrf })?;
        let mut place: Option<(InterfaceId, InterfaceName)> = None;
        for address in spec.addresses.iter() {
            if let Some((_, other)) = self.overlay.endpoints.at(vrf, address)
                && other.spec.name != spec.name
            {
                return Err(OverlayError::AddressTaken {
                    address,
                    endpoint: other.spec.name,
                });
            }
            let mut of_vrf = self.interfaces.in_vrf(vrf);
            let has = of_vrf.find(|i| i.addresses.iter().any(|a| a.address() == address));
            let has = has.ok_or(OverlayError::NoSuchAddress {
                address,
                vrf: spec.vrf,
            })?;
            match place {
                Some((id, one)) if id != has.id => {
                    return Err(OverlayError::TwoInterfaces {
                        one,
                        other: has.name,
                    });
                }
                _ => place = Some((has.id, has.name)),
            }
        }
        let (interface, _) = place.ok_or(OverlayError::AddressMissing)?;
        Ok((vrf, interface))
    }

    fn make_ip_interface(
        &mut self,
        id: EndpointId,
        spec: &EndpointSpec,
    ) -> Result<Option<InterfaceId>, OverlayError> {
        let Some(name) = spec.ip_vrf else {
            return Ok(None);
        };
        let vrf = self.vrfs.id(&name);
        let vrf = vrf.ok_or(OverlayError::UnknownVrf { vrf: name })?;
        let interface = InterfaceName::numbered("tun", id.get());
        let kind = InterfaceKind::Ip {
            endpoint: spec.name,
        };
        self.make_overlay_interface(interface, kind, vrf, None)
            .map(Some)
    }
}
