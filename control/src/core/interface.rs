//! Interfaces: what has addresses and belongs to a VRF.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use ferroute_dataplane::counters::MAX_INTERFACES;
use ferroute_dataplane::ids::{BridgeId, InterfaceId, PortId, VrfId};
use ferroute_dataplane::mac::Mac;
use ipnet::IpNet;

use super::router::Router;
use crate::model::event::{Change, Happening};
use crate::model::interface::{
    InterfaceChange, InterfaceError, InterfaceKind, InterfaceSpec, InterfaceView, TwinView,
    VirtualKind,
};
use crate::model::name::InterfaceName;
use crate::model::number::{Choice, Mtu};
use crate::model::prefix::InterfaceAddress;
use crate::model::saved::ThingKey;
use crate::nexthop::NextHopSet;

/// Most addresses of one interface.
pub const MAX_ADDRESSES: usize = 256;

/// An interface as the core holds it.
#[derive(Clone, Debug)]
pub struct Interface {
    /// Its name.
    pub name: InterfaceName,
    /// Its number.
    pub id: InterfaceId,
    /// What it is.
    pub kind: InterfaceKind,
    /// Its VRF.
    pub vrf: VrfId,
    /// What was asked for as its MTU.
    pub mtu: Choice<Mtu>,
    /// Whether it is administratively up.
    pub admin_up: bool,
    /// The addresses that clients gave it.
    pub addresses: Vec<InterfaceAddress>,
    /// Whether it takes packets with labels; those of a link that is not trusted would be let into any VRF (RFC 4364
    /// section 13.1).
    pub mpls: bool,
    /// The largest packet for TCP connections that open through it; [`Choice::Auto`] leaves it to their ends.
    pub tcp_mtu: Choice<Mtu>,
    /// The bridge domain whose member or gateway it is.
    pub bridge: Option<BridgeId>,
    /// The port that carries it.
    pub port: Option<PortId>,
    /// Its Ethernet address.
    pub mac: Option<Mac>,
    /// Its kernel twin.
    pub twin: Option<TwinView>,
    /// The routes that it has put into the RIB.
    pub(super) routes: BTreeMap<IpNet, (OwnRoute, NextHopSet)>,
}

/// A kind of route that an interface has by itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum OwnRoute {
    /// To its link.
    Connected,
    /// To itself.
    Local,
}

impl Interface {
    /// Its VLAN, if it is one.
    #[must_use]
    pub const fn vlan(&self) -> Option<u16> {
        match self.kind {
            InterfaceKind::Virtual(VirtualKind::Vlan { vlan_id, .. }) => Some(vlan_id.get()),
            _ => None,
        }
    }

    /// Whether it has a link with neighbours on it: a member of a bridge domain has none of its own.
    #[must_use]
    pub const fn has_link(&self) -> bool {
        self.kind.has_link() && !self.is_member()
    }

    /// Whether it is a member of a bridge domain.
    #[must_use]
    pub const fn is_member(&self) -> bool {
        self.bridge.is_some() && !matches!(self.kind, InterfaceKind::Bridge { .. })
    }

    /// Its addresses, with the link-local one that every link has (RFC 4291 section 2.8) unless it was given
    /// another.
    #[must_use]
    pub fn all_addresses(&self) -> Vec<IpNet> {
        let mut all: Vec<IpNet> = self.addresses.iter().map(|a| a.net()).collect();
        let link_local =
            |net: &IpNet| matches!(net.addr(), IpAddr::V6(a) if a.is_unicast_link_local());
        let linked = self.mac.filter(|_| self.has_link());
        if let Some(mac) = linked.filter(|_| !all.iter().any(link_local))
            && let Ok(own) = IpNet::new(mac.link_local().into(), 64)
        {
            all.push(own);
        }
        all
    }
}

/// All interfaces.
#[derive(Debug, Default)]
pub struct Interfaces {
    by_id: BTreeMap<InterfaceId, Interface>,
    by_name: BTreeMap<InterfaceName, InterfaceId>,
    free: VecDeque<InterfaceId>,
    made: u32,
}

impl Interfaces {
    /// The interface of this name.
    #[must_use]
    pub fn id(&self, name: &InterfaceName) -> Option<InterfaceId> {
        self.by_name.get(name).copied()
    }

    /// The interface.
    #[must_use]
    pub fn get(&self, id: InterfaceId) -> Option<&Interface> {
        self.by_id.get(&id)
    }

    /// The interface of this name.
    #[must_use]
    pub fn named(&self, name: &InterfaceName) -> Option<&Interface> {
        self.get(self.id(name)?)
    }

    pub(super) fn get_mut(&mut self, id: InterfaceId) -> Option<&mut Interface> {
        self.by_id.get_mut(&id)
    }

    /// All, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Interface> {
        self.by_name.values().filter_map(|id| self.by_id.get(id))
    }

    /// Those of a VRF, by name.
    pub fn in_vrf(&self, vrf: VrfId) -> impl Iterator<Item = &Interface> {
        self.iter().filter(move |i| i.vrf == vrf)
    }

    /// Those that a port carries, by name.
    pub fn on_port(&self, port: PortId) -> impl Iterator<Item = &Interface> {
        self.iter().filter(move |i| i.port == Some(port))
    }

    /// Adds one under a new number, which `make` gets; `None` when there is no number left.
    pub(super) fn add(
        &mut self,
        name: InterfaceName,
        make: impl FnOnce(InterfaceId) -> Interface,
    ) -> Option<InterfaceId> {
        let id = if self.made as usize + 1 < MAX_INTERFACES {
            self.made += 1;
            InterfaceId::new(self.made)
        } else {
            // The longest free number first, so that counters and records of the last holder are old.
            self.free.pop_front()?
        };
        self.by_name.insert(name, id);
        self.by_id.insert(id, make(id));
        Some(id)
    }

    pub(super) fn remove(&mut self, id: InterfaceId) -> Option<Interface> {
        let interface = self.by_id.remove(&id)?;
        self.by_name.remove(&interface.name);
        self.free.push_back(id);
        Some(interface)
    }
}

impl Router {
    /// Makes a VLAN sub-interface or a loopback.
    ///
    /// # Errors
    /// [`InterfaceError`]; nothing was made then.
    pub(super) fn create_interface(
        &mut self,
        spec: InterfaceSpec,
    ) -> Result<InterfaceView, InterfaceError> {
        let name = spec.name;
        if self.interfaces.id(&name).is_some() {
            return Err(InterfaceError::NameTaken { name });
        }
        let vrf = self
            .vrfs
            .id(&spec.vrf)
            .ok_or(InterfaceError::UnknownVrf { vrf: spec.vrf })?;
        let (port, mac) = match spec.kind {
            VirtualKind::Loopback => (None, None),
            VirtualKind::Vlan { parent, vlan_id } => {
                let of = self
                    .interfaces
                    .named(&parent)
                    .ok_or(InterfaceError::UnknownInterface { interface: parent })?;
                let Some(port) = of.port.filter(|_| of.kind == InterfaceKind::Port) else {
                    return Err(InterfaceError::ParentKind { parent });
                };
                if let Some(other) = self
                    .interfaces
                    .on_port(port)
                    .find(|i| i.vlan() == Some(vlan_id.get()))
                {
                    return Err(InterfaceError::VlanTaken {
                        vlan_id,
                        interface: other.name,
                    });
                }
                (Some(port), of.mac)
            }
        };
        self.check_mtu(spec.mtu, port)?;
        for (place, address) in spec.addresses.iter().enumerate() {
            if let Some(taken) = spec.addresses[..place]
                .iter()
                .find(|other| address.clashes(**other, true))
            {
                return Err(InterfaceError::AddressTaken {
                    address: *taken,
                    interface: name,
                });
            }
            self.check_address(None, vrf, *address)?;
        }
        let made = self.interfaces.add(name, |id| Interface {
            name,
            id,
            kind: InterfaceKind::Virtual(spec.kind),
            vrf,
            mtu: spec.mtu,
            admin_up: spec.admin_up,
            addresses: spec.addresses,
            mpls: false,
            tcp_mtu: Choice::Auto,
            bridge: None,
            port,
            mac,
            twin: None,
            routes: BTreeMap::new(),
        });
        let id = made.ok_or(InterfaceError::TooManyInterfaces {
            limit: MAX_INTERFACES - 1,
        })?;
        self.count_interface(id);
        if let Err(message) = self.sync_twin(id) {
            self.drop_interface(id);
            return Err(InterfaceError::Twin { message });
        }
        self.sync_interface(id);
        self.tell_interface(Change::Added, id);
        self.interface_view(id)
    }

    /// Removes an interface that is not a port's own.
    ///
    /// # Errors
    /// [`InterfaceError`]; it stays then.
    pub(super) fn delete_interface(&mut self, name: InterfaceName) -> Result<(), InterfaceError> {
        let interface = self
            .interfaces
            .named(&name)
            .ok_or(InterfaceError::UnknownInterface { interface: name })?;
        if interface.kind == InterfaceKind::Port {
            return Err(InterfaceError::BelongsToPort { interface: name });
        }
        if interface.kind.is_overlay() {
            return Err(InterfaceError::BelongsToOverlay { interface: name });
        }
        let id = interface.id;
        self.check_unused(id, name, None)?;
        self.drop_interface(id);
        Ok(())
    }

    /// Changes an interface.
    ///
    /// # Errors
    /// [`InterfaceError`]; it is as it was then.
    pub(super) fn change_interface(
        &mut self,
        name: InterfaceName,
        change: InterfaceChange,
    ) -> Result<InterfaceView, InterfaceError> {
        let before = self
            .interfaces
            .named(&name)
            .ok_or(InterfaceError::UnknownInterface { interface: name })?
            .clone();
        let vrf = match change.vrf {
            Some(vrf) => self
                .vrfs
                .id(&vrf)
                .ok_or(InterfaceError::UnknownVrf { vrf })?,
            None => before.vrf,
        };
        if let Some(mtu) = change.mtu {
            if before.kind == InterfaceKind::Port {
                self.change_port_mtu(name, mtu)?;
            } else {
                self.check_mtu(mtu, before.port)?;
            }
        }
        if vrf != before.vrf {
            if before.kind.is_overlay() {
                return Err(InterfaceError::BelongsToOverlay { interface: name });
            }
            self.check_unused(before.id, name, None)?;
            for address in &before.addresses {
                self.check_address(Some(before.id), vrf, *address)?;
            }
        }
        if let Some(interface) = self.interfaces.get_mut(before.id) {
            interface.vrf = vrf;
            interface.mtu = change.mtu.unwrap_or(interface.mtu);
            interface.admin_up = change.admin_up.unwrap_or(interface.admin_up);
            interface.mpls = change.mpls.unwrap_or(interface.mpls);
            interface.tcp_mtu = change.tcp_mtu.unwrap_or(interface.tcp_mtu);
        }
        // What goes by an interface that goes down moves at once: the kernel takes its time over a twin.
        let goes_down = before.admin_up && change.admin_up == Some(false);
        if goes_down {
            self.sync_interface(before.id);
        }
        if let Err(message) = self.sync_twin(before.id) {
            if let Some(interface) = self.interfaces.get_mut(before.id) {
                (interface.vrf, interface.mtu) = (before.vrf, before.mtu);
                (interface.admin_up, interface.mpls) = (before.admin_up, before.mpls);
                interface.tcp_mtu = before.tcp_mtu;
            }
            if goes_down {
                self.sync_interface(before.id);
            }
            return Err(InterfaceError::Twin { message });
        }
        if !goes_down {
            self.sync_interface(before.id);
        }
        self.tell_interface(Change::Changed, before.id);
        self.interface_view(before.id)
    }

    /// Adds an address.
    ///
    /// # Errors
    /// [`InterfaceError`]; nothing was added then.
    pub(super) fn add_address(
        &mut self,
        name: InterfaceName,
        address: InterfaceAddress,
    ) -> Result<InterfaceView, InterfaceError> {
        let interface = self
            .interfaces
            .named(&name)
            .ok_or(InterfaceError::UnknownInterface { interface: name })?;
        let (id, vrf) = (interface.id, interface.vrf);
        if interface.is_member() {
            return Err(InterfaceError::BridgeMember { interface: name });
        }
        if interface.addresses.len() >= MAX_ADDRESSES {
            return Err(InterfaceError::TooManyAddresses {
                limit: MAX_ADDRESSES,
            });
        }
        self.check_address(Some(id), vrf, address)?;
        self.edit_addresses(id, |addresses| addresses.push(address))?;
        self.tell(Happening::Address {
            change: Change::Added,
            interface: name,
            address,
        });
        self.interface_view(id)
    }

    /// Removes an address.
    ///
    /// # Errors
    /// [`InterfaceError`]; it stays then.
    pub(super) fn remove_address(
        &mut self,
        name: InterfaceName,
        address: InterfaceAddress,
    ) -> Result<InterfaceView, InterfaceError> {
        let interface = self
            .interfaces
            .named(&name)
            .ok_or(InterfaceError::UnknownInterface { interface: name })?;
        let id = interface.id;
        if !interface.addresses.contains(&address) {
            return Err(InterfaceError::UnknownAddress { address });
        }
        self.check_unused(id, name, Some(address.address()))?;
        self.edit_addresses(id, |addresses| addresses.retain(|a| *a != address))?;
        self.tell(Happening::Address {
            change: Change::Removed,
            interface: name,
            address,
        });
        self.interface_view(id)
    }

    fn edit_addresses(
        &mut self,
        id: InterfaceId,
        edit: impl FnOnce(&mut Vec<InterfaceAddress>),
    ) -> Result<(), InterfaceError> {
        let before = self
            .interfaces
            .get(id)
            .map(|i| i.addresses.clone())
            .unwrap_or_default();
        if let Some(interface) = self.interfaces.get_mut(id) {
            edit(&mut interface.addresses);
        }
        if let Err(message) = self.sync_twin(id) {
            if let Some(interface) = self.interfaces.get_mut(id) {
                interface.addresses = before;
            }
            return Err(InterfaceError::Twin { message });
        }
        self.sync_interface(id);
        Ok(())
    }

    fn check_mtu(&self, mtu: Choice<Mtu>, port: Option<PortId>) -> Result<(), InterfaceError> {
        let (Choice::Exactly(mtu), Some(port)) = (mtu, port) else {
            return Ok(());
        };
        let parent_mtu = self.port_mtu(port);
        if mtu > parent_mtu {
            Err(InterfaceError::MtuAboveParent { mtu, parent_mtu })
        } else {
            Ok(())
        }
    }

    /// Whether the interface may have this address in the VRF ([`InterfaceAddress::clashes`]).
    fn check_address(
        &self,
        interface: Option<InterfaceId>,
        vrf: VrfId,
        address: InterfaceAddress,
    ) -> Result<(), InterfaceError> {
        for other in self.interfaces.in_vrf(vrf) {
            let same_interface = Some(other.id) == interface;
            let clash = |a: &&InterfaceAddress| address.clashes(**a, same_interface);
            if let Some(taken) = other.addresses.iter().find(clash) {
                return Err(InterfaceError::AddressTaken {
                    address: *taken,
                    interface: other.name,
                });
            }
        }
        Ok(())
    }

    /// Refuses what would take an address from an endpoint of tunnels: this one, or any of the interface's.
    fn check_unused(
        &self,
        id: InterfaceId,
        interface: InterfaceName,
        address: Option<IpAddr>,
    ) -> Result<(), InterfaceError> {
        match self.endpoint_of(id, address) {
            Some(endpoint) => Err(InterfaceError::UsedByEndpoint {
                interface,
                endpoint,
            }),
            None => Ok(()),
        }
    }

    /// Whether an interface with its addresses can be moved into a VRF.
    pub(super) fn can_move(&self, id: InterfaceId, vrf: VrfId) -> bool {
        let addresses = self.interfaces.get(id).map(|i| &i.addresses[..]);
        let mut addresses = addresses.unwrap_or_default().iter();
        self.endpoint_of(id, None).is_none()
            && addresses.all(|a| self.check_address(Some(id), vrf, *a).is_ok())
    }

    pub(super) fn tell_interface(&self, change: Change, id: InterfaceId) {
        if let Ok(view) = self.interface_view(id) {
            self.tell(Happening::interface(change, &view));
        }
    }

    /// Takes an interface out of everything.
    pub(super) fn drop_interface(&mut self, id: InterfaceId) {
        self.leave_domain(id);
        self.leave_segment(id);
        let Ok(view) = self.interface_view(id) else {
            return;
        };
        if let Some(interface) = self.interfaces.get_mut(id) {
            interface.admin_up = false;
            interface.addresses.clear();
            interface.mac = None;
        }
        self.sync_interface(id);
        self.forget_interface(id);
        self.interfaces.remove(id);
        self.note_thing(&ThingKey::Interface(view.name));
        self.note_thing(&ThingKey::Twin(view.name));
        self.tell(Happening::interface(Change::Removed, &view));
    }
}
