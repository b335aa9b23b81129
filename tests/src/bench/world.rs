//! What a router is made of, in the words of `ip`: ports, addresses, VRFs, routes, neighbours.

use std::net::IpAddr;
use std::sync::Arc;

use ferroute_control::core::request::{
    InFlight, InterfaceRequest, NeighbourRequest, PortRequest, RouteRequest, VrfRequest,
};
use ferroute_control::model::interface::{
    InterfaceChange, InterfaceError, InterfaceSpec, InterfaceView, VirtualKind,
};
use ferroute_control::model::name::{EndpointName, InterfaceName, VrfName};
use ferroute_control::model::neighbour::NeighbourSpec;
use ferroute_control::model::nexthop::{NextHopSpec, TunnelHop, Via};
use ferroute_control::model::number::{Choice, Distance, Metric, Mtu, VlanId, Weight};
use ferroute_control::model::owner::{OwnerError, OwnerLife, OwnerOpen, SessionId};
use ferroute_control::model::port::{PortError, PortSettings, PortSpec, PortView};
use ferroute_control::model::prefix::Prefix;
use ferroute_control::model::refusal::RouteError;
use ferroute_control::model::route::{
    BatchOutcome, BatchPolicy, RouteBatch, RouteChange, RouteSpec, RouteTarget, SpecialRoute,
    VrfPlace,
};
use ferroute_control::model::vrf::VrfSpec;
use ferroute_control::nexthop::Encap;
use ferroute_dataplane::ids::PortId;
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::wire::mpls::{Label, LabelStack};
use ferroute_dataplane::wire::vxlan::Vni;
use ipnet::IpNet;

use super::{Bench, SECOND};

/// The owner of the routes that a bench makes.
const OWNER: &str = "bench";
/// The distance of those routes.
const DISTANCE: u32 = 10;
/// By then every address was announced as often as it is.
const ANNOUNCED: u64 = 10 * SECOND;

fn name(text: &str) -> InterfaceName {
    text.parse()
        .unwrap_or_else(|e| panic!("the name {text}: {e}"))
}

/// The VRF of a name; the empty one is the default VRF's.
fn vrf_name(text: &str) -> VrfName {
    if text.is_empty() {
        VrfName::default()
    } else {
        text.parse()
            .unwrap_or_else(|e| panic!("the name {text}: {e}"))
    }
}

fn net(text: &str) -> IpNet {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

/// What a route leads to, from text: `blackhole`, `unreachable`, `prohibit`, or next hops with `+` between them, each
/// `[via ADDRESS] [dev INTERFACE] [vrf NAME] [onlink] [weight N] [vxlan VNI/RMAC | mpls LABELS | mpls-udp LABELS | ip | gue]`.
///
/// # Panics
/// When it is none of these.
#[must_use]
pub fn target(text: &str) -> RouteTarget {
    match text {
        "blackhole" => RouteTarget::Special(SpecialRoute::Blackhole),
        "unreachable" => RouteTarget::Special(SpecialRoute::Unreachable),
        "prohibit" => RouteTarget::Special(SpecialRoute::Prohibit),
        hops => {
            let hops: Vec<_> = hops.split('+').map(next_hop).collect();
            RouteTarget::NextHops(hops.try_into().expect("next hops"))
        }
    }
}

fn next_hop(text: &str) -> NextHopSpec {
    let (mut via, mut dev, mut vrf, mut onlink, mut weight) = (None, None, None, false, 1);
    let mut encap = None;
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        let mut value = || {
            words
                .next()
                .unwrap_or_else(|| panic!("{text}: {word} of what?"))
        };
        match word {
            "via" => via = Some(value().parse::<IpAddr>().expect("a gateway")),
            "dev" => dev = Some(name(value())),
            "vrf" => vrf = Some(vrf_name(value())),
            "weight" => weight = value().parse().expect("a weight"),
            "onlink" => onlink = true,
            "vxlan" => encap = Some(vxlan(value())),
            "mpls" => encap = Some(Encap::Mpls(labels(value()))),
            "mpls-udp" => encap = Some(Encap::MplsUdp(labels(value()))),
            "ip" => encap = Some(Encap::IpIp),
            "gue" => encap = Some(Encap::Gue),
            other => panic!("{text}: what is {other}?"),
        }
    }
    let via = match (via, dev, vrf) {
        (Some(remote), None, None) if encap.is_some() => Via::Tunnel(Box::new(TunnelHop {
            remote,
            endpoint: EndpointName::default(),
            encap: encap.expect("just looked at"),
        })),
        (Some(gateway), Some(interface), _) => Via::Neighbour {
            gateway,
            interface,
            onlink,
        },
        (Some(gateway), None, vrf) => Via::Recursive { gateway, vrf },
        (None, Some(interface), _) => Via::Link(interface),
        (None, None, Some(vrf)) => Via::Vrf(vrf),
        (None, None, None) => panic!("{text:?} is no next hop"),
    };
    NextHopSpec {
        via,
        weight: Weight::try_from(weight).expect("a weight"),
    }
}

/// VXLAN, from `VNI/RMAC`.
fn vxlan(text: &str) -> Encap {
    let (vni, mac) = text.split_once('/').expect("a VNI and a router MAC");
    Encap::Vxlan {
        vni: Vni::new(vni.parse().expect("a number")).expect("a VNI"),
        router_mac: mac.parse().expect("a router MAC"),
    }
}

/// Labels with slashes between them.
fn labels(text: &str) -> LabelStack {
    let label = |text: &str| Label::new(text.parse().expect("a number")).expect("a label");
    LabelStack::new(&text.split('/').map(label).collect::<Vec<_>>()).expect("labels")
}

/// An announcement of a route in the VRF at place 0 of its batch.
///
/// # Panics
/// When prefix or target are none.
#[must_use]
pub fn announce(prefix: &str, to: &str) -> RouteChange {
    RouteChange::Announce(RouteSpec {
        vrf: VrfPlace(0),
        prefix: Prefix::try_from(net(prefix)).unwrap_or_else(|e| panic!("{prefix}: {e}")),
        distance: Distance::try_from(DISTANCE).expect("a distance"),
        metric: Metric::default(),
        target: target(to),
    })
}

/// A withdrawal of a route in the VRF at place 0 of its batch.
///
/// # Panics
/// When the prefix is none.
#[must_use]
pub fn withdraw(prefix: &str) -> RouteChange {
    RouteChange::Withdraw {
        vrf: VrfPlace(0),
        prefix: Prefix::try_from(net(prefix)).unwrap_or_else(|e| panic!("{prefix}: {e}")),
    }
}

/// A batch of changes in one VRF.
#[must_use]
pub fn batch(session: SessionId, vrf: &str, changes: Vec<RouteChange>) -> RouteBatch {
    let vrfs = vec![vrf_name(vrf)];
    RouteBatch {
        session,
        policy: BatchPolicy::BestEffort,
        vrfs,
        sets: Vec::new(),
        changes,
        deleted_sets: Vec::new(),
    }
}

impl Bench {
    /// Adds a port with addresses in the default VRF, and lets time pass until they are announced. Its device has the
    /// port's name.
    pub fn port(&mut self, port: &str, mac: [u8; 6], addresses: &[&str]) -> &mut Self {
        self.port_in("", port, mac, addresses)
    }

    /// The same in a VRF.
    pub fn port_in(
        &mut self,
        vrf: &str,
        port: &str,
        mac: [u8; 6],
        addresses: &[&str],
    ) -> &mut Self {
        self.add_port(port, mac, PortSettings::default())
            .unwrap_or_else(|e| panic!("port {port}: {e}"));
        if !vrf.is_empty() {
            let change = InterfaceChange {
                vrf: Some(vrf_name(vrf)),
                ..InterfaceChange::default()
            };
            self.change(port, change)
                .unwrap_or_else(|e| panic!("{port} into {vrf}: {e}"));
        }
        for address in addresses {
            self.address(port, address);
        }
        self.advance(ANNOUNCED);
        self
    }

    /// Adds a port, without more.
    ///
    /// # Errors
    /// The core's refusal.
    pub fn add_port(
        &mut self,
        port: &str,
        mac: [u8; 6],
        settings: PortSettings,
    ) -> Result<PortView, PortError> {
        self.fabric.plug(port, Mac::new(mac));
        let spec = PortSpec {
            name: name(port),
            device: port.parse().expect("a device"),
            settings,
        };
        self.call(|reply| PortRequest::Add(Box::new(spec), reply).into())
    }

    /// Removes a port.
    pub fn remove_port(&mut self, port: &str) -> &mut Self {
        self.call(|reply| PortRequest::Remove(name(port), reply).into())
            .unwrap_or_else(|e| panic!("{port}: {e}"));
        self
    }

    /// DPDK's number of a port.
    #[must_use]
    pub fn port_id(&self, port: &str) -> PortId {
        self.fabric
            .port(port)
            .unwrap_or_else(|| panic!("no port {port}"))
    }

    /// Whether a port takes frames for all stations.
    #[must_use]
    pub fn is_promiscuous(&self, port: &str) -> bool {
        self.fabric.is_promiscuous(self.port_id(port))
    }

    /// Sets the carrier of a port, and waits until the core has seen it.
    pub fn carrier(&mut self, port: &str, up: bool) -> &mut Self {
        self.fabric.set_carrier(port, up);
        self.wait_until("the core sees the link", |bench| {
            bench.interface(port).oper_up == up
        });
        self
    }

    /// Adds an address to an interface.
    pub fn address(&mut self, interface: &str, address: &str) -> &mut Self {
        let parsed = net(address)
            .try_into()
            .unwrap_or_else(|e| panic!("{address}: {e}"));
        let added =
            self.call(|reply| InterfaceRequest::AddAddress(name(interface), parsed, reply).into());
        added.unwrap_or_else(|e| panic!("{address} on {interface}: {e}"));
        self
    }

    /// Changes an interface.
    ///
    /// # Errors
    /// The core's refusal.
    pub fn change(
        &mut self,
        interface: &str,
        change: InterfaceChange,
    ) -> Result<InterfaceView, InterfaceError> {
        self.call(|reply| InterfaceRequest::Change(name(interface), change, reply).into())
    }

    /// Sets the MTU of an interface.
    pub fn mtu(&mut self, interface: &str, mtu_bytes: u32) -> &mut Self {
        let mtu = Some(Choice::Exactly(Mtu::try_from(mtu_bytes).expect("an MTU")));
        let change = InterfaceChange {
            mtu,
            ..InterfaceChange::default()
        };
        self.change(interface, change)
            .unwrap_or_else(|e| panic!("MTU of {interface}: {e}"));
        self
    }

    /// Sets an interface up or down.
    pub fn admin(&mut self, interface: &str, up: bool) -> &mut Self {
        let change = InterfaceChange {
            admin_up: Some(up),
            ..InterfaceChange::default()
        };
        self.change(interface, change)
            .unwrap_or_else(|e| panic!("{interface}: {e}"));
        self
    }

    /// An interface as it is.
    pub fn interface(&mut self, interface: &str) -> InterfaceView {
        let view = self.call(|reply| InterfaceRequest::Get(name(interface), reply).into());
        view.unwrap_or_else(|e| panic!("{interface}: {e}"))
    }

    /// Adds a VLAN on a port, in a VRF or (with an empty name) in the default one.
    pub fn vlan(
        &mut self,
        interface: &str,
        port: &str,
        vlan_id: u32,
        vrf: &str,
        addresses: &[&str],
    ) -> &mut Self {
        let vlan_id = VlanId::try_from(vlan_id).expect("a VLAN");
        self.create(
            interface,
            VirtualKind::Vlan {
                parent: name(port),
                vlan_id,
            },
            vrf,
            addresses,
        )
    }

    /// Adds a loopback.
    pub fn loopback(&mut self, interface: &str, vrf: &str, addresses: &[&str]) -> &mut Self {
        self.create(interface, VirtualKind::Loopback, vrf, addresses)
    }

    fn create(
        &mut self,
        interface: &str,
        kind: VirtualKind,
        vrf: &str,
        addresses: &[&str],
    ) -> &mut Self {
        let addresses = addresses
            .iter()
            .map(|a| net(a).try_into().unwrap_or_else(|e| panic!("{a}: {e}")))
            .collect();
        let spec = InterfaceSpec {
            name: name(interface),
            kind,
            vrf: vrf_name(vrf),
            mtu: Choice::Auto,
            admin_up: true,
            addresses,
        };
        let made = self.call(|reply| InterfaceRequest::Create(Box::new(spec), reply).into());
        made.unwrap_or_else(|e| panic!("{interface}: {e}"));
        self.advance(ANNOUNCED);
        self
    }

    /// Adds a VRF.
    pub fn vrf(&mut self, vrf: &str) -> &mut Self {
        let spec = VrfSpec {
            name: vrf_name(vrf),
            table_id: None,
            namespace: None,
        };
        self.call(|reply| VrfRequest::Create(spec, reply).into())
            .unwrap_or_else(|e| panic!("VRF {vrf}: {e}"));
        self
    }

    /// Adds a permanent neighbour.
    pub fn neighbour(&mut self, interface: &str, address: &str, mac: [u8; 6]) -> &mut Self {
        let spec = NeighbourSpec {
            interface: name(interface),
            address: address.parse().expect("an address"),
            mac: Mac::new(mac),
        };
        let added = self.call(|reply| NeighbourRequest::Add(spec, None, reply).into());
        added.unwrap_or_else(|e| panic!("neighbour {address}: {e}"));
        self
    }

    /// The session of an owner of routes, opened when it is first asked for. Its routes are persistent.
    pub fn session(&mut self, owner: &str) -> SessionId {
        if let Some(session) = self.sessions.get(owner) {
            return *session;
        }
        let open = OwnerOpen {
            owner: owner.parse().expect("a name"),
            life: OwnerLife::Persistent,
        };
        let opened = self.call(|reply| RouteRequest::Open(open, reply).into());
        let session = opened
            .unwrap_or_else(|e| panic!("owner {owner}: {e}"))
            .session;
        self.sessions.insert(owner.to_owned(), session);
        session
    }

    /// Sends a batch.
    ///
    /// # Errors
    /// The core's refusal of the whole.
    pub fn batch(&mut self, batch: RouteBatch) -> Result<BatchOutcome, OwnerError> {
        let room = Arc::clone(&self.room).try_acquire_owned().expect("room");
        self.call(|reply| RouteRequest::Batch(InFlight { batch, room }, reply).into())
    }

    /// Sends route changes in one VRF as one batch of the bench's own owner.
    pub fn routes(&mut self, vrf: &str, changes: Vec<RouteChange>) -> BatchOutcome {
        let session = self.session(OWNER);
        self.batch(batch(session, vrf, changes))
            .unwrap_or_else(|e| panic!("a batch: {e}"))
    }

    /// Tries to add a route in a VRF.
    ///
    /// # Errors
    /// The core's refusal.
    pub fn try_route(&mut self, vrf: &str, prefix: &str, to: &str) -> Result<(), RouteError> {
        let outcome = self.routes(vrf, vec![announce(prefix, to)]);
        outcome
            .refused
            .into_iter()
            .next()
            .map_or(Ok(()), |refusal| Err(refusal.error))
    }

    /// Adds or replaces a route in the default VRF; see [`target`] for `to`.
    pub fn route(&mut self, prefix: &str, to: &str) -> &mut Self {
        self.route_in("", prefix, to)
    }

    /// The same in a VRF.
    pub fn route_in(&mut self, vrf: &str, prefix: &str, to: &str) -> &mut Self {
        self.try_route(vrf, prefix, to)
            .unwrap_or_else(|e| panic!("{prefix} {to}: {e}"));
        self
    }

    /// Removes a route from the default VRF.
    pub fn unroute(&mut self, prefix: &str) -> &mut Self {
        let outcome = self.routes("", vec![withdraw(prefix)]);
        assert!(outcome.refused.is_empty(), "{prefix}: {outcome:?}");
        self
    }
}
