//! The gateway of a bridge domain: the router's own interface in it.

use ferroute_dataplane::fdb::FdbKey;
use ferroute_dataplane::ids::{BridgeId, InterfaceId, VrfId};
use ferroute_dataplane::mac::Mac;

use super::domain::Gateway;
use super::station::Station;
use crate::core::router::Router;
use crate::model::bridge::{DomainError, GatewaySpec};
use crate::model::event::Change;
use crate::model::interface::InterfaceKind;
use crate::model::name::InterfaceName;
use crate::model::overlay::OverlayError;

impl Router {
    /// Makes this the gateway of a domain, if there is to be one.
    ///
    /// # Errors
    /// [`DomainError`]; it is as it was then.
    pub(super) fn set_gateway(
        &mut self,
        id: BridgeId,
        spec: Option<GatewaySpec>,
    ) -> Result<(), DomainError> {
        let Some(domain) = self.bridging.get(id) else {
            return Ok(());
        };
        match (domain.gateway, spec) {
            (None, None) => Ok(()),
            (None, Some(spec)) => self.make_gateway(id, spec),
            (Some(gateway), None) => self.drop_gateway(id, gateway),
            (Some(gateway), Some(spec)) => {
                let same = Some(gateway.spec.interface) == Some(spec.interface);
                let named = spec.interface.is_some() && !same;
                if named {
                    self.drop_gateway(id, gateway)?;
                    self.make_gateway(id, spec)
                } else {
                    let interface = gateway.spec.interface;
                    self.change_gateway(id, gateway, GatewaySpec { interface, ..spec })
                }
            }
        }
    }

    fn make_gateway(&mut self, id: BridgeId, spec: GatewaySpec) -> Result<(), DomainError> {
        let Some(domain) = self.bridging.get(id) else {
            return Ok(());
        };
        let vrf = self.gateway_vrf(&spec)?;
        let kind = InterfaceKind::Bridge {
            domain: domain.name(),
        };
        let usual = || InterfaceName::numbered("br", id.get().into());
        let name = spec.interface.unwrap_or_else(usual);
        let made = self.make_overlay_interface(name, kind, vrf, Some(spec.mac));
        let interface = made.map_err(|error| match error {
            OverlayError::TooManyInterfaces { limit } => DomainError::TooManyInterfaces { limit },
            _ => DomainError::InterfaceTaken { interface: name },
        })?;
        if let Some(interface) = self.interfaces.get_mut(interface) {
            interface.bridge = Some(id);
        }
        let gateway = Gateway { spec, interface };
        if let Err(error) = self.enthrone(id, spec.mac, Some(interface)) {
            self.drop_interface(interface);
            return Err(error);
        }
        self.put_gateway(id, Some(gateway));
        if let Err(message) = self.sync_twin(interface) {
            self.put_gateway(id, None);
            self.dethrone(id, spec.mac);
            self.drop_interface(interface);
            return Err(DomainError::Twin { message });
        }
        self.sync_interface(interface);
        Ok(())
    }

    fn change_gateway(
        &mut self,
        id: BridgeId,
        before: Gateway,
        spec: GatewaySpec,
    ) -> Result<(), DomainError> {
        if spec == before.spec {
            return Ok(());
        }
        let interface = before.interface;
        let vrf = self.gateway_vrf(&spec)?;
        if spec.vrf != before.spec.vrf && !self.can_move(interface, vrf) {
            return Err(self.gateway_in_use(interface));
        }
        if spec.mac != before.spec.mac {
            self.enthrone(id, spec.mac, Some(interface))?;
            self.dethrone(id, before.spec.mac);
        }
        if let Some(interface) = self.interfaces.get_mut(interface) {
            interface.vrf = vrf;
            interface.mac = Some(spec.mac);
        }
        self.put_gateway(id, Some(Gateway { spec, interface }));
        if before.spec.twin && !spec.twin {
            self.remove_twin(interface);
        } else if let Err(message) = self.sync_twin(interface) {
            return Err(DomainError::Twin { message });
        }
        self.sync_interface(interface);
        self.tell_interface(Change::Changed, interface);
        Ok(())
    }

    fn drop_gateway(&mut self, id: BridgeId, gateway: Gateway) -> Result<(), DomainError> {
        if self.endpoint_of(gateway.interface, None).is_some() {
            return Err(self.gateway_in_use(gateway.interface));
        }
        self.put_gateway(id, None);
        self.plane.publish();
        self.dethrone(id, gateway.spec.mac);
        self.drop_interface(gateway.interface);
        Ok(())
    }

    fn put_gateway(&mut self, id: BridgeId, gateway: Option<Gateway>) {
        if let Some(domain) = self.bridging.get_mut(id) {
            domain.gateway = gateway;
        }
        self.write_domain(id);
    }

    /// Makes an address that of the gateway, whoever had it before.
    fn enthrone(
        &mut self,
        id: BridgeId,
        mac: Mac,
        gateway: Option<InterfaceId>,
    ) -> Result<(), DomainError> {
        let key = FdbKey::new(id, mac);
        let before = self.bridging.stations.get(key);
        let learned = before.learned.filter(|_| gateway.is_none());
        let station = Station {
            gateway,
            learned,
            ..before
        };
        self.write_station(key, station)
            .map_err(|error| self.fdb_full(error))
    }

    fn dethrone(&mut self, id: BridgeId, mac: Mac) {
        if let Err(error) = self.enthrone(id, mac, None) {
            tracing::warn!(%mac, %error, "the station of a gateway that is gone stays");
        }
    }

    fn gateway_vrf(&self, spec: &GatewaySpec) -> Result<VrfId, DomainError> {
        let vrf = self.vrfs.id(&spec.vrf);
        vrf.ok_or(DomainError::UnknownVrf { vrf: spec.vrf })
    }

    fn gateway_in_use(&self, id: InterfaceId) -> DomainError {
        match self.interfaces.get(id) {
            Some(interface) => DomainError::GatewayInUse {
                interface: interface.name,
            },
            None => DomainError::Twin {
                message: "the gateway is gone".to_owned(),
            },
        }
    }
}
