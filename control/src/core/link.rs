//! What an interface's state means elsewhere: in the snapshot, the RIB, the exception path, the kernel.
//!
//! [`Router::sync_interface`] compares what is with what should be and writes the difference, so
//! that every change of an interface, whatever it was, is one call.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ferroute_dataplane::ids::InterfaceId;
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::snapshot;
use ferroute_dataplane::snapshot::interface::{PortMap, VLANS};
use ipnet::IpNet;

use super::interface::{Interface, OwnRoute};
use super::router::Router;
use crate::exception::command::{Command, InterfaceFacts};
use crate::model::interface::{
    InterfaceCounters, InterfaceError, InterfaceKind, InterfaceView, TwinView,
};
use crate::model::number::{Choice, Mtu};
use crate::model::port::Traffic;
use crate::model::saved::ThingKey;
use crate::nexthop::NextHopSet;
use crate::rib::Attributes;
use crate::twin::{TwinNameError, TwinSpec};

/// What Linux gives its own loopback.
const LOOPBACK_MTU: Mtu = Mtu::MAX;

impl Router {
    /// The interface's largest IP packet.
    pub(super) fn interface_mtu(&self, interface: &Interface) -> Mtu {
        match (interface.mtu, interface.port) {
            (_, Some(port)) if interface.kind == InterfaceKind::Port => self.port_mtu(port),
            (Choice::Exactly(mtu), Some(port)) => mtu.min(self.port_mtu(port)),
            (Choice::Exactly(mtu), None) => mtu,
            (Choice::Auto, Some(port)) => self.port_mtu(port),
            (Choice::Auto, None) => self.least_member_mtu(interface).unwrap_or(LOOPBACK_MTU),
        }
    }

    /// What every member of a gateway's bridge domain takes; `None` if it is no gateway.
    fn least_member_mtu(&self, interface: &Interface) -> Option<Mtu> {
        let domain = self.bridging.get(interface.bridge?)?;
        let members = domain.members().filter_map(|id| self.interfaces.get(id));
        let least = members.map(|member| self.interface_mtu(member)).min();
        Some(least.unwrap_or(Mtu::ETHERNET))
    }

    /// Whether the interface can carry packets.
    pub(super) fn is_running(&self, interface: &Interface) -> bool {
        interface.admin_up && interface.port.is_none_or(|port| self.port_link_up(port))
    }

    /// Makes everything else follow the interface.
    pub(super) fn sync_interface(&mut self, id: InterfaceId) {
        let Some(interface) = self.interfaces.get(id).cloned() else {
            return;
        };
        let addresses = interface.all_addresses();
        let running = self.is_running(&interface);
        let standby = self.is_standby(&interface);
        let link_local = addresses.iter().filter_map(|net| match net.addr() {
            IpAddr::V6(a) if a.is_unicast_link_local() => Some(a.to_bits()),
            _ => None,
        });
        let entry = snapshot::interface::Interface {
            bridge: interface.bridge,
            up: interface.admin_up && !standby,
            standby,
            vrf: interface.vrf,
            mac: interface.mac.unwrap_or_default(),
            mtu_bytes: self.interface_mtu(&interface).get(),
            port: interface.port,
            vlan: interface.vlan(),
            mpls: interface.mpls,
            tcp_mtu_bytes: interface
                .tcp_mtu
                .exactly()
                .and_then(|mtu| NonZeroU16::new(mtu.get())),
            link_local: link_local.collect(),
        };
        if self
            .plane
            .draft()
            .interface(id)
            .is_none_or(|before| *before != entry)
        {
            self.plane.edit().set_interface(id, entry);
            self.forwarding.refresh_interface(id, &mut self.plane);
            self.compose_all();
        }
        self.map_port(&interface, true);
        let facts = InterfaceFacts::new(interface.name.to_string(), &addresses, running);
        self.send(Command::Interface(id, Some(Arc::new(facts))));
        self.hops.set_interface(id, running);
        let mut wanted = own_routes(&interface, &addresses, running);
        self.mark_endpoints(&interface, &mut wanted);
        self.sync_routes(&interface, wanted);
        self.finish();
        self.follow_member(id, running);
    }

    /// Takes what is left of an interface without addresses and up state out.
    pub(super) fn forget_interface(&mut self, id: InterfaceId) {
        let Some(interface) = self.interfaces.get(id).cloned() else {
            return;
        };
        self.map_port(&interface, false);
        self.plane
            .edit()
            .set_interface(id, snapshot::interface::Interface::default());
        self.plane.publish();
        self.send(Command::Interface(id, None));
        self.disown_neighbours_of(interface.name);
        self.remove_twin(id);
    }

    /// Takes an interface's twin away, if it has one.
    pub(super) fn remove_twin(&mut self, id: InterfaceId) {
        self.send(Command::Twin(id, None));
        self.twins.remove(id);
        if let Some(interface) = self.interfaces.get_mut(id) {
            interface.twin = None;
            let key = ThingKey::Twin(interface.name);
            self.note_thing(&key);
        }
    }

    /// Puts the interface into its port's map of who takes what comes in, or out of it.
    fn map_port(&mut self, interface: &Interface, present: bool) {
        let Some(port) = interface.port else { return };
        let place = present.then_some(interface.id);
        let Some(map) = self.plane.draft().ports.get(port.index()) else {
            return;
        };
        match interface.vlan() {
            None if map.untagged == place => {}
            None => self.plane.edit().ports[port.index()].untagged = place,
            Some(vlan) => {
                let old = map
                    .vlans
                    .as_ref()
                    .map_or(InterfaceId::default(), |v| v[usize::from(vlan)]);
                if old != place.unwrap_or_default() {
                    set_vlan(
                        &mut self.plane.edit().ports[port.index()],
                        vlan,
                        place.unwrap_or_default(),
                    );
                }
            }
        }
    }

    /// Brings the routes that the interface has by itself from what they were to what they should
    /// be.
    fn sync_routes(
        &mut self,
        interface: &Interface,
        wanted: BTreeMap<IpNet, (OwnRoute, NextHopSet)>,
    ) {
        let moved = self
            .route_vrf
            .get(&interface.id)
            .copied()
            .filter(|vrf| *vrf != interface.vrf);
        let vrf = moved.unwrap_or(interface.vrf);
        for (prefix, (kind, set)) in &interface.routes {
            if moved.is_some() || wanted.get(prefix) != Some(&(*kind, set.clone())) {
                let session = self.own.session(*kind);
                if self
                    .rib
                    .remove(&mut self.hops, session, vrf, *prefix, &mut self.changes)
                    .is_err()
                {
                    tracing::debug!(%prefix, "the route of an interface had another holder");
                }
            }
        }
        for (prefix, (kind, set)) in &wanted {
            if moved.is_none() && interface.routes.get(prefix) == Some(&(*kind, set.clone())) {
                continue;
            }
            let session = self.own.session(*kind);
            let attributes = self
                .hops
                .intern(set.clone(), &self.rib)
                .map(|set| Attributes {
                    distance: 0,
                    metric: 0,
                    set,
                });
            let done = attributes
                .map_err(|e| e.to_string())
                .and_then(|attributes| {
                    let done = self.rib.insert(
                        &mut self.hops,
                        session,
                        interface.vrf,
                        *prefix,
                        attributes,
                        &mut self.changes,
                    );
                    done.map(drop).map_err(|e| e.to_string())
                });
            if let Err(error) = done {
                tracing::error!(interface = %interface.name, %prefix, %error, "the route of an address has no place");
            }
        }
        self.route_vrf.insert(interface.id, interface.vrf);
        if let Some(interface) = self.interfaces.get_mut(interface.id) {
            interface.routes = wanted;
        }
    }

    /// Makes the routes to addresses at which tunnels end lead to their endpoints.
    fn mark_endpoints(
        &self,
        interface: &Interface,
        routes: &mut BTreeMap<IpNet, (OwnRoute, NextHopSet)>,
    ) {
        for (prefix, (_, set)) in routes {
            if let NextHopSet::Local(id) = *set
                && let Some(endpoint) = self.endpoint_at(interface.vrf, prefix.addr())
            {
                *set = NextHopSet::Endpoint(id, endpoint);
            }
        }
    }

    /// Makes the kernel twin what the interface is.
    ///
    /// # Errors
    /// What the kernel said.
    pub(super) fn sync_twin(&mut self, id: InterfaceId) -> Result<(), String> {
        let Some(interface) = self.interfaces.get(id) else {
            return Ok(());
        };
        if !self.has_twin(interface) {
            return Ok(());
        }
        let vrf = self.vrfs.get(interface.vrf);
        let namespace = vrf
            .and_then(|v| v.spec.namespace.as_ref())
            .map(|n| n.as_str().to_owned());
        let namespace = namespace.or_else(|| self.settings.twin_namespace.clone());
        let spec = TwinSpec {
            id,
            name: interface
                .name
                .as_str()
                .parse()
                .map_err(|e: TwinNameError| e.to_string())?,
            netns: namespace.as_deref().map(namespace_path),
            mac: interface.mac.unwrap_or_else(|| loopback_mac(id)),
            mtu: self.interface_mtu(interface).get(),
            up: interface.admin_up,
            link: self.is_running(interface),
            addresses: interface.all_addresses(),
        };
        let name = interface.name;
        let made = self.twins.apply(&spec).map_err(|e| e.to_string())?;
        if let Some(io) = made {
            self.send(Command::Twin(id, Some(io)));
        }
        let ifindex = self.twins.ifindex(id).unwrap_or_default();
        if let Some(interface) = self.interfaces.get_mut(id) {
            interface.twin = Some(TwinView {
                name,
                namespace,
                ifindex,
            });
        }
        self.note_thing(&ThingKey::Twin(name));
        Ok(())
    }

    /// Makes a kernel twin again that somebody else removed.
    pub(super) fn restore_twin(&mut self, id: InterfaceId) {
        let before = self.twins.ifindex(id);
        let synced = self.sync_twin(id);
        let Some(interface) = self.interfaces.get(id) else {
            return;
        };
        let name = interface.name;
        match synced {
            Err(message) => {
                tracing::warn!(interface = %name, %message, "its kernel twin was removed by somebody else");
            }
            // One that the router removed or moved itself stands as it is to be.
            Ok(()) if self.twins.ifindex(id) == before => {}
            Ok(()) => {
                tracing::warn!(interface = %name, "its kernel twin was removed by somebody else, and made again");
            }
        }
    }

    /// Whether the interface is to have a twin.
    fn has_twin(&self, interface: &Interface) -> bool {
        let gateway = interface.bridge.and_then(|id| self.bridging.get(id));
        let of_kind = match interface.kind {
            InterfaceKind::Bridge { .. } => gateway.is_some_and(|d| d.gateway_has_twin()),
            kind => !kind.is_overlay(),
        };
        self.settings.twins && of_kind && interface.port.is_none_or(|port| self.port_has_twin(port))
    }

    /// An interface as clients see it.
    pub(super) fn interface_view(&self, id: InterfaceId) -> Result<InterfaceView, InterfaceError> {
        let Some(interface) = self.interfaces.get(id) else {
            return Err(InterfaceError::Unsupported {
                what: "an interface that is gone",
            });
        };
        let addresses = interface
            .all_addresses()
            .into_iter()
            .filter_map(|net| net.try_into().ok())
            .collect();
        Ok(InterfaceView {
            name: interface.name,
            id,
            kind: interface.kind,
            vrf: self.vrfs.name(interface.vrf),
            mtu: self.interface_mtu(interface),
            admin_up: interface.admin_up,
            oper_up: self.is_running(interface),
            mpls: interface.mpls,
            tcp_mtu: interface.tcp_mtu,
            bridge_domain: interface
                .bridge
                .filter(|_| interface.is_member())
                .and_then(|id| Some(self.bridging.get(id)?.name())),
            mac: interface.mac,
            addresses,
            twin: interface.twin.clone(),
            counters: self.interface_counters(id),
        })
    }

    /// What all workers counted for an interface's number.
    pub(super) fn interface_counted(&self, id: InterfaceId) -> InterfaceCounters {
        let mut sum = InterfaceCounters::default();
        for worker in self.hardware.workers() {
            let counted = worker.counters.interface(id);
            let add = |to: &mut Traffic, from: &ferroute_dataplane::counters::Traffic| {
                to.packets += from.packets.get();
                to.bytes += from.bytes.get();
            };
            add(&mut sum.rx, &counted.rx);
            add(&mut sum.tx, &counted.tx);
            sum.punted_packets += counted.punted.get();
            sum.dropped_packets += counted.rx_dropped.get();
        }
        sum
    }
}

/// The Ethernet address of a loopback's twin, which nobody else ever sees: locally administered, by
/// the interface's number.
fn loopback_mac(id: InterfaceId) -> Mac {
    let [a, b, c, d] = id.get().to_be_bytes();
    Mac::new([0x02, 0xfe, a, b, c, d])
}

/// The file of a network namespace, by its name under `/run/netns` or by its path.
pub(crate) fn namespace_path(name: &str) -> PathBuf {
    if name.starts_with('/') {
        PathBuf::from(name)
    } else {
        Path::new("/run/netns").join(name)
    }
}

fn set_vlan(map: &mut PortMap, vlan: u16, interface: InterfaceId) {
    let mut vlans = map
        .vlans
        .as_deref()
        .copied()
        .unwrap_or([InterfaceId::default(); VLANS]);
    vlans[usize::from(vlan) % VLANS] = interface;
    map.vlans = vlans
        .iter()
        .any(|id| *id != InterfaceId::default())
        .then(|| Arc::new(vlans));
}

/// The routes that an interface has by itself: to each of its own addresses, to the links of its prefixes and to their
/// broadcast addresses. Link-local prefixes mean something else on every link and are no routes.
fn own_routes(
    interface: &Interface,
    addresses: &[IpNet],
    running: bool,
) -> BTreeMap<IpNet, (OwnRoute, NextHopSet)> {
    let mut routes = BTreeMap::new();
    if !interface.admin_up {
        return routes;
    }
    for net in addresses {
        if matches!(net.addr(), IpAddr::V6(a) if a.is_unicast_link_local()) {
            continue;
        }
        let link = net.trunc();
        if running && interface.has_link() && net.prefix_len() < net.max_prefix_len() {
            routes.insert(
                link,
                (OwnRoute::Connected, NextHopSet::connected(interface.id)),
            );
            // Subnets of /31 have no broadcast address (RFC 3021).
            if net.addr().is_ipv4() && net.prefix_len() < 31 {
                let broadcast = IpNet::from(net.broadcast());
                routes.insert(
                    broadcast,
                    (OwnRoute::Local, NextHopSet::Broadcast(interface.id)),
                );
            }
        }
    }
    for net in addresses {
        if !matches!(net.addr(), IpAddr::V6(a) if a.is_unicast_link_local()) {
            routes.insert(
                IpNet::from(net.addr()),
                (OwnRoute::Local, NextHopSet::Local(interface.id)),
            );
        }
    }
    routes
}
