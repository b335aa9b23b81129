//! Brings the configuration into the router, through the same door as every client.

use std::fmt::Display;
use std::num::{NonZeroU16, NonZeroU32};

use ferroute_dataplane::ids::WorkerIndex;

use crate::config::Config;
use crate::config::links::{Interface, InterfaceKind, Neighbour, Port, Vrf};
use crate::config::routes::{NextHop, Route, RouteKind};
use crate::config::text::Name;
use crate::core::handle::{CallError, CoreHandle};
use crate::core::request::{InterfaceRequest, NeighbourRequest, PortRequest, VrfRequest};
use crate::model::interface::{InterfaceChange, InterfaceSpec, VirtualKind};
use crate::model::name::{InterfaceName, OwnerName, VrfName};
use crate::model::neighbour::NeighbourSpec;
use crate::model::nexthop::{NextHopSpec, Via};
use crate::model::number::{Choice, Distance, Metric, Mtu, VlanId, Weight};
use crate::model::owner::{OwnerLife, OwnerOpen};
use crate::model::port::{PortSettings, PortSpec};
use crate::model::route::{
    BatchPolicy, RouteBatch, RouteChange, RouteSpec, RouteTarget, SpecialRoute, VrfPlace,
};
use crate::model::vrf::VrfSpec;

/// Something of the configuration that the router refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what}: {reason}")]
pub struct ApplyError {
    /// The part, by its kind and name.
    pub what: String,
    /// Why.
    pub reason: String,
}

fn failed(what: impl Display, reason: impl Display) -> ApplyError {
    ApplyError {
        what: what.to_string(),
        reason: reason.to_string(),
    }
}

/// Applies everything, in the order in which one needs the other.
///
/// # Errors
/// All that was refused; the rest is in force.
pub async fn apply(config: &Config, core: &CoreHandle) -> Vec<ApplyError> {
    let mut refused = Vec::new();
    for vrf in &config.vrfs {
        refused.extend(apply_vrf(core, vrf).await.err());
    }
    for port in &config.ports {
        refused.extend(apply_port(core, port).await.err());
    }
    for interface in &config.interfaces {
        let is_port = |name: &str| config.ports.iter().any(|p| p.name.as_str() == name);
        refused.extend(apply_interface(core, interface, is_port).await.err());
    }
    for neighbour in &config.neighbours {
        refused.extend(apply_neighbour(core, neighbour).await.err());
    }
    if !config.routes.is_empty() {
        refused.extend(apply_routes(core, &config.routes).await);
    }
    refused
}

fn interface_name(name: &Name) -> Result<InterfaceName, ApplyError> {
    name.as_str()
        .parse()
        .map_err(|e| failed(format_args!("the name {}", name.as_str()), e))
}

fn vrf_name(name: Option<&Name>) -> Result<VrfName, ApplyError> {
    let Some(name) = name else {
        return Ok(VrfName::default());
    };
    name.as_str()
        .parse()
        .map_err(|e| failed(format_args!("the name {}", name.as_str()), e))
}

fn refused<E: Display>(what: impl Display) -> impl FnOnce(CallError<E>) -> ApplyError {
    move |error| match error {
        CallError::Stopped => failed(what, "the router is stopping"),
        CallError::Refused(error) => failed(what, error),
    }
}

async fn apply_vrf(core: &CoreHandle, vrf: &Vrf) -> Result<(), ApplyError> {
    let what = format!("vrf {}", vrf.name.as_str());
    let namespace = vrf
        .netns
        .as_ref()
        .map(|n| n.as_str().parse())
        .transpose()
        .map_err(|e| failed(&what, e))?;
    let spec = VrfSpec {
        name: vrf_name(Some(&vrf.name))?,
        table_id: vrf.table.and_then(|t| NonZeroU32::new(t.get())),
        namespace,
    };
    core.call(|reply| VrfRequest::Create(spec, reply).into())
        .await
        .map(drop)
        .map_err(refused(what))
}

fn count(count: Option<u16>) -> Choice<NonZeroU16> {
    count
        .and_then(NonZeroU16::new)
        .map_or(Choice::Auto, Choice::Exactly)
}

async fn apply_port(core: &CoreHandle, port: &Port) -> Result<(), ApplyError> {
    let what = format!("port {}", port.name.as_str());
    let spec = PortSpec {
        name: interface_name(&port.name)?,
        device: port.device.as_str().parse().map_err(|e| failed(&what, e))?,
        settings: PortSettings {
            rx_queues: count(port.rx_queues.map(|q| q.get())),
            tx_queues: count(port.tx_queues.map(|q| q.get())),
            rx_descriptors: count(port.rx_descriptors.map(|d| d.get())),
            tx_descriptors: count(port.tx_descriptors.map(|d| d.get())),
            mtu: Choice::Exactly(
                Mtu::try_from(u32::from(port.mtu.get())).map_err(|e| failed(&what, e))?,
            ),
            promiscuous: port.promiscuous,
            workers: port
                .workers
                .iter()
                .map(|w| WorkerIndex::new(w.get()))
                .collect(),
            twin: port.twin,
        },
    };
    core.call(|reply| PortRequest::Add(Box::new(spec), reply).into())
        .await
        .map(drop)
        .map_err(refused(what))
}

async fn apply_interface(
    core: &CoreHandle,
    interface: &Interface,
    is_port: impl Fn(&str) -> bool,
) -> Result<(), ApplyError> {
    let what = format!("interface {}", interface.name.as_str());
    let name = interface_name(&interface.name)?;
    let vrf = vrf_name(interface.vrf.as_ref())?;
    let mtu = match interface.mtu {
        Some(mtu) => {
            Choice::Exactly(Mtu::try_from(u32::from(mtu.get())).map_err(|e| failed(&what, e))?)
        }
        None => Choice::Auto,
    };
    let addresses: Result<Vec<_>, _> = interface
        .addresses
        .iter()
        .map(|a| a.net().try_into())
        .collect();
    let addresses = addresses.map_err(|e: crate::model::prefix::AddressError| failed(&what, e))?;
    let kind = match interface.kind(is_port) {
        Some(InterfaceKind::Vlan { port, vlan }) => {
            let parent = interface_name(&port)?;
            let vlan_id = VlanId::try_from(u32::from(vlan.get())).map_err(|e| failed(&what, e))?;
            VirtualKind::Vlan { parent, vlan_id }
        }
        Some(InterfaceKind::Loopback) => VirtualKind::Loopback,
        Some(InterfaceKind::Port) | None => {
            let change = InterfaceChange {
                admin_up: Some(interface.up),
                mtu: interface.mtu.map(|_| mtu),
                vrf: Some(vrf),
            };
            core.call(|reply| InterfaceRequest::Change(name, change, reply).into())
                .await
                .map_err(refused(&what))?;
            for address in addresses {
                core.call(|reply| InterfaceRequest::AddAddress(name, address, reply).into())
                    .await
                    .map_err(refused(&what))?;
            }
            return Ok(());
        }
    };
    let spec = InterfaceSpec {
        name,
        kind,
        vrf,
        mtu,
        admin_up: interface.up,
        addresses,
    };
    core.call(|reply| InterfaceRequest::Create(Box::new(spec), reply).into())
        .await
        .map(drop)
        .map_err(refused(what))
}

async fn apply_neighbour(core: &CoreHandle, neighbour: &Neighbour) -> Result<(), ApplyError> {
    let address = neighbour.address.ip();
    let what = format!("neighbour {address} on {}", neighbour.interface.as_str());
    let spec = NeighbourSpec {
        interface: interface_name(&neighbour.interface)?,
        address,
        mac: neighbour.mac.mac(),
    };
    core.call(|reply| NeighbourRequest::Add(spec, reply).into())
        .await
        .map(drop)
        .map_err(refused(what))
}

/// Applies static routes as their own owner, who never goes away.
async fn apply_routes(core: &CoreHandle, routes: &[Route]) -> Vec<ApplyError> {
    let Ok(owner) = "static".parse::<OwnerName>() else {
        return Vec::new();
    };
    let open = OwnerOpen {
        owner,
        life: OwnerLife::Persistent,
    };
    let (session, _) = match core.open(open).await {
        Ok(opened) => opened,
        Err(error) => return vec![refused("static routes")(error)],
    };
    let mut errors = Vec::new();
    let mut vrfs: Vec<VrfName> = Vec::new();
    let mut changes = Vec::new();
    for route in routes {
        match route_spec(route, &mut vrfs) {
            Ok(spec) => changes.push(RouteChange::Announce(spec)),
            Err(error) => errors.push(error),
        }
    }
    let prefixes: Vec<String> = changes
        .iter()
        .map(|c| match c {
            RouteChange::Announce(spec) => spec.prefix.to_string(),
            RouteChange::Withdraw { prefix, .. } => prefix.to_string(),
        })
        .collect();
    let batch = RouteBatch {
        session: session.id(),
        policy: BatchPolicy::BestEffort,
        vrfs,
        sets: Vec::new(),
        changes,
        deleted_sets: Vec::new(),
    };
    match session.batch(batch).await.answer().await {
        Ok(outcome) => errors.extend(outcome.refused.into_iter().map(|refusal| {
            let place = match refusal.item {
                crate::model::route::BatchItem::Route(place) => {
                    prefixes.get(place as usize).cloned().unwrap_or_default()
                }
                crate::model::route::BatchItem::Set(number) => number.to_string(),
            };
            failed(format_args!("route {place}"), refusal.error)
        })),
        Err(error) => errors.push(refused("static routes")(error)),
    }
    errors
}

fn route_spec(route: &Route, vrfs: &mut Vec<VrfName>) -> Result<RouteSpec, ApplyError> {
    let what = format!("route {}", route.prefix.net());
    let vrf = vrf_name(route.vrf.as_ref())?;
    let place = vrfs.iter().position(|v| *v == vrf).unwrap_or_else(|| {
        vrfs.push(vrf);
        vrfs.len() - 1
    });
    let target = match route.kind {
        RouteKind::Unicast => {
            let hops: Result<Vec<_>, _> =
                route.via.iter().map(|hop| next_hop(&what, hop)).collect();
            RouteTarget::NextHops(hops?.try_into().map_err(|e| failed(&what, e))?)
        }
        RouteKind::Blackhole => RouteTarget::Special(SpecialRoute::Blackhole),
        RouteKind::Unreachable => RouteTarget::Special(SpecialRoute::Unreachable),
        RouteKind::Prohibit => RouteTarget::Special(SpecialRoute::Prohibit),
    };
    Ok(RouteSpec {
        vrf: VrfPlace(u16::try_from(place).map_err(|e| failed(&what, e))?),
        prefix: route
            .prefix
            .net()
            .try_into()
            .map_err(|e| failed(&what, e))?,
        distance: Distance::try_from(u32::from(route.distance.get()))
            .map_err(|e| failed(&what, e))?,
        metric: Metric(route.metric),
        target,
    })
}

fn next_hop(what: &str, hop: &NextHop) -> Result<NextHopSpec, ApplyError> {
    let vrf = hop
        .vrf
        .as_ref()
        .map(|name| vrf_name(Some(name)))
        .transpose()?;
    let dev = hop.dev.as_ref().map(interface_name).transpose()?;
    let via = match (hop.address.as_ref().map(|a| a.ip()), dev, vrf) {
        (Some(gateway), Some(interface), _) => Via::Neighbour {
            gateway,
            interface,
            onlink: hop.onlink,
        },
        (Some(gateway), None, vrf) => Via::Recursive { gateway, vrf },
        (None, Some(interface), _) => Via::Link(interface),
        (None, None, Some(vrf)) => Via::Vrf(vrf),
        (None, None, None) => {
            return Err(failed(
                what,
                "a next hop needs an address, an interface or a VRF",
            ));
        }
    };
    let weight = Weight::try_from(u32::from(hop.weight.get())).map_err(|e| failed(what, e))?;
    Ok(NextHopSpec { via, weight })
}
