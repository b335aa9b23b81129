//! Brings the configuration's VRFs, ports, interfaces, bridge domains, neighbours, tunnels and routes into the core.
//!
//! It asks for what a client could ask for, in the order in which one thing needs another. Its routes belong to
//! the owner `static`, for which no client may speak. What the core refuses is reported with its field, and the
//! rest is asked for nevertheless, so that all refusals are known at once.

mod domains;
mod segments;

use crate::config::Config;
use crate::config::links::{Interface, Port, Vrf};
use crate::config::routes::{Route, RouteKind, next_hops};
use crate::core::handle::{Call, CallError, CoreHandle};
use crate::core::request::{
    InterfaceRequest, NeighbourRequest, OverlayRequest, PortRequest, VrfRequest,
};
use crate::model::bridge::{DomainError, Refused};
use crate::model::interface::{
    InterfaceChange, InterfaceError, InterfaceKind, InterfaceSpec, VirtualKind,
};
use crate::model::name::{InterfaceName, NameError, VrfName};
use crate::model::neighbour::{NeighbourError, NeighbourSpec};
use crate::model::number::{Choice, Metric, Mtu};
use crate::model::overlay::{OverlayError, VniTarget};
use crate::model::owner::{OwnerError, OwnerLife, OwnerOpen};
use crate::model::port::{PortError, PortSettings, PortSpec};
use crate::model::refusal::RouteError;
use crate::model::route::{
    BatchItem, BatchPolicy, MAX_BATCH_ROUTES, RouteBatch, RouteChange, RouteSpec, RouteTarget,
    SpecialRoute, VrfPlace,
};
use crate::model::segment::SegmentError;
use crate::model::vrf::{VrfError, VrfSpec};
use ferroute_dataplane::ids::WorkerIndex;
use std::convert::Infallible;
use std::num::{NonZeroU16, NonZeroU32};

/// The owner of the configuration's routes.
const OWNER: &str = "static";

/// Something that the core refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{field}: {refusal}")]
pub struct ApplyError {
    /// The field of the configuration, such as `ports[1]`.
    pub field: String,
    /// Why.
    pub refusal: Refusal,
}

/// Why the core refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// A VRF.
    #[error(transparent)]
    Vrf(#[from] VrfError),
    /// A port.
    #[error(transparent)]
    Port(#[from] PortError),
    /// An interface or an address.
    #[error(transparent)]
    Interface(#[from] InterfaceError),
    /// An endpoint, a VNI or a label.
    #[error(transparent)]
    Overlay(#[from] OverlayError),
    /// A bridge domain, a station or a remote end.
    #[error(transparent)]
    Domain(#[from] DomainError),
    /// An Ethernet segment.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// A neighbour.
    #[error(transparent)]
    Neighbour(#[from] NeighbourError),
    /// The owner of the routes.
    #[error(transparent)]
    Owner(#[from] OwnerError),
    /// The owner's name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A route.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// The core is gone.
    #[error("the router is stopping")]
    Stopped,
}

/// Asks the core for everything that the configuration names.
///
/// # Errors
/// What was refused. All else is in force.
pub async fn apply(config: &Config, core: &CoreHandle) -> Result<(), Vec<ApplyError>> {
    let mut errors = Errors(Vec::new());
    for (place, vrf) in config.vrfs.iter().enumerate() {
        let spec = vrf_spec(vrf);
        errors.note(
            || format!("vrfs[{place}]"),
            core.call(|reply| VrfRequest::Create(spec, reply).into())
                .await,
        );
    }
    for (place, port) in config.ports.iter().enumerate() {
        let spec = Box::new(port_spec(port));
        errors.note(
            || format!("ports[{place}]"),
            core.call(|reply| PortRequest::Add(spec, reply).into())
                .await,
        );
    }
    for (place, interface) in config.interfaces.iter().enumerate() {
        let kind = interface.kind(|name| config.ports.iter().any(|port| port.name == *name));
        match kind {
            Some(InterfaceKind::Virtual(kind)) => {
                let spec = Box::new(interface_spec(interface, kind));
                let made = core
                    .call(|reply| InterfaceRequest::Create(spec, reply).into())
                    .await;
                errors.note(|| format!("interfaces[{place}]"), made);
                if interface.mpls || interface.tcp_mtu.is_some() {
                    let change = InterfaceChange {
                        mpls: Some(interface.mpls),
                        tcp_mtu: interface.tcp_mtu.map(Choice::Exactly),
                        ..InterfaceChange::default()
                    };
                    change_interface(place, interface, change, core, &mut errors).await;
                }
            }
            Some(InterfaceKind::Port) => own_interface(place, interface, core, &mut errors).await,
            // The configuration's check lets no such entry pass, and the others come with VNIs, labels and endpoints.
            Some(
                InterfaceKind::Vxlan { .. }
                | InterfaceKind::Mpls
                | InterfaceKind::Ip { .. }
                | InterfaceKind::Bridge { .. },
            )
            | None => {}
        }
    }
    for (place, domain) in config.domains.iter().enumerate() {
        domains::make(place, domain, core, &mut errors).await;
    }
    for (place, neighbour) in config.neighbours.iter().enumerate() {
        let (address, mac) = (neighbour.address.ip(), neighbour.mac.mac());
        let spec = NeighbourSpec {
            interface: neighbour.interface,
            address,
            mac,
        };
        errors.note(
            || format!("neighbours[{place}]"),
            core.call(|reply| NeighbourRequest::Add(spec, None, reply).into())
                .await,
        );
    }
    overlays(config, core, &mut errors).await;
    for (place, segment) in config.segments.iter().enumerate() {
        segments::make(place, segment, core, &mut errors).await;
    }
    for (place, domain) in config.domains.iter().enumerate() {
        domains::fill(place, domain, core, &mut errors).await;
    }
    for (place, chunk) in config.routes.chunks(MAX_BATCH_ROUTES).enumerate() {
        routes(place * MAX_BATCH_ROUTES, chunk, core, &mut errors).await;
    }
    if errors.0.is_empty() {
        Ok(())
    } else {
        Err(errors.0)
    }
}

/// What was refused so far.
struct Errors(Vec<ApplyError>);

impl Errors {
    /// Notes the refusal of a call, if it was refused.
    fn note<T, E: Into<Refusal>>(&mut self, field: impl FnOnce() -> String, result: Call<T, E>) {
        let refusal = match result {
            Ok(_) => return,
            Err(CallError::Refused(error)) => error.into(),
            Err(CallError::Stopped) => Refusal::Stopped,
        };
        self.add(field(), refusal);
    }

    /// Notes what was refused of a list of changes, of which each stands at one of `places` in the configuration.
    fn note_refused(
        &mut self,
        field: impl Fn(usize) -> String,
        places: &[usize],
        answer: Call<Refused, Infallible>,
    ) {
        match answer {
            Ok(refused) => {
                for (item, error) in refused {
                    let place = places.get(item).copied().unwrap_or(item);
                    self.add(field(place), error);
                }
            }
            Err(CallError::Refused(never)) => match never {},
            Err(CallError::Stopped) => self.add(field(0), Refusal::Stopped),
        }
    }

    fn add(&mut self, field: String, refusal: impl Into<Refusal>) {
        self.0.push(ApplyError {
            field,
            refusal: refusal.into(),
        });
    }
}

fn vrf_spec(vrf: &Vrf) -> VrfSpec {
    VrfSpec {
        name: vrf.name,
        table_id: vrf.table.and_then(|table| NonZeroU32::new(table.get())),
        namespace: vrf.netns.clone(),
    }
}

fn port_spec(port: &Port) -> PortSpec {
    let choice = |number: Option<u16>| {
        number
            .and_then(NonZeroU16::new)
            .map_or(Choice::Auto, Choice::Exactly)
    };
    PortSpec {
        name: port.name,
        device: port.device.clone(),
        settings: PortSettings {
            rx_queues: choice(port.rx_queues.map(|count| count.get())),
            tx_queues: choice(port.tx_queues.map(|count| count.get())),
            rx_descriptors: choice(port.rx_descriptors.map(|count| count.get())),
            tx_descriptors: choice(port.tx_descriptors.map(|count| count.get())),
            mtu: port.mtu.map_or(Choice::Auto, Choice::Exactly),
            promiscuous: port.promiscuous,
            workers: port
                .workers
                .iter()
                .map(|worker| WorkerIndex::new(worker.get()))
                .collect(),
            twin: port.twin,
        },
    }
}

fn interface_spec(interface: &Interface, kind: VirtualKind) -> InterfaceSpec {
    InterfaceSpec {
        name: interface.name,
        kind,
        vrf: interface.vrf,
        mtu: interface.mtu.map_or(Choice::Auto, Choice::Exactly),
        admin_up: interface.up,
        addresses: interface.addresses.clone(),
    }
}

/// A port's own interface exists with its port; it is changed.
async fn own_interface(
    place: usize,
    interface: &Interface,
    core: &CoreHandle,
    errors: &mut Errors,
) {
    let change = InterfaceChange {
        admin_up: Some(interface.up),
        mtu: interface.mtu.map(Choice::Exactly),
        vrf: Some(interface.vrf),
        mpls: Some(interface.mpls),
        tcp_mtu: interface.tcp_mtu.map(Choice::Exactly),
    };
    change_interface(place, interface, change, core, errors).await;
    for (item, address) in interface.addresses.iter().enumerate() {
        let added = core
            .call(|reply| InterfaceRequest::AddAddress(interface.name, *address, reply).into())
            .await;
        errors.note(|| format!("interfaces[{place}].addresses[{item}]"), added);
    }
}

async fn change_interface(
    place: usize,
    interface: &Interface,
    change: InterfaceChange,
    core: &CoreHandle,
    errors: &mut Errors,
) {
    let changed = core
        .call(|reply| InterfaceRequest::Change(interface.name, change, reply).into())
        .await;
    errors.note(|| format!("interfaces[{place}]"), changed);
}

/// Sets the `tcp_mtu` of an interface that came with something else.
async fn tcp_mtu(
    field: impl FnOnce() -> String,
    interface: Option<InterfaceName>,
    wanted: Option<Mtu>,
    core: &CoreHandle,
    errors: &mut Errors,
) {
    let (Some(interface), Some(wanted)) = (interface, wanted) else {
        return;
    };
    let change = InterfaceChange {
        tcp_mtu: Some(Choice::Exactly(wanted)),
        ..InterfaceChange::default()
    };
    let changed = core
        .call(|reply| InterfaceRequest::Change(interface, change, reply).into())
        .await;
    errors.note(field, changed);
}

/// Endpoints before what is on them, all before the routes that lead into tunnels.
async fn overlays(config: &Config, core: &CoreHandle, errors: &mut Errors) {
    for (place, endpoint) in config.endpoints.iter().enumerate() {
        let field = || format!("endpoints[{place}]");
        match endpoint.spec().map(Box::new) {
            Ok(spec) => {
                let made = core
                    .call(|reply| OverlayRequest::CreateEndpoint(spec, reply).into())
                    .await;
                let interface = made.as_ref().ok().and_then(|view| view.ip_interface);
                errors.note(field, made);
                tcp_mtu(field, interface, endpoint.tcp_mtu, core, errors).await;
            }
            Err(error) => errors.add(field(), error),
        }
    }
    for (place, vni) in config.vnis.iter().enumerate() {
        let field = || format!("vnis[{place}]");
        // The configuration's check lets no other form pass.
        if let Some(spec) = vni.spec() {
            let made = core
                .call(|reply| OverlayRequest::CreateVni(spec, None, reply).into())
                .await;
            let interface = match made.as_ref().map(|view| &view.spec.target) {
                Ok(VniTarget::Routed { interface, .. }) => *interface,
                Ok(VniTarget::Bridged { .. }) | Err(_) => None,
            };
            errors.note(field, made);
            tcp_mtu(field, interface, vni.tcp_mtu, core, errors).await;
        }
    }
    for (place, label) in config.labels.iter().enumerate() {
        let field = || format!("labels[{place}]");
        match label.spec().map(Box::new) {
            Ok(spec) => {
                let made = core
                    .call(|reply| OverlayRequest::PutLabel(spec, None, reply).into())
                    .await;
                let interface = made.as_ref().ok().and_then(|view| view.interface);
                errors.note(field, made);
                tcp_mtu(field, interface, label.tcp_mtu, core, errors).await;
            }
            Err(error) => errors.add(field(), error),
        }
    }
}

/// One batch of routes, of which the first is the configuration's route number `first`.
async fn routes(first: usize, routes: &[Route], core: &CoreHandle, errors: &mut Errors) {
    let owner = match OWNER.parse() {
        Ok(owner) => owner,
        Err(error) => return errors.add("routes".to_owned(), error),
    };
    let (session, _) = match core
        .open(OwnerOpen {
            owner,
            life: OwnerLife::Persistent,
        })
        .await
    {
        Ok(opened) => opened,
        Err(error) => return errors.note::<(), _>(|| "routes".to_owned(), Err(error)),
    };
    let mut vrfs: Vec<VrfName> = Vec::new();
    let mut changes = Vec::with_capacity(routes.len());
    // Where each change stands in the configuration.
    let mut places = Vec::with_capacity(routes.len());
    for (place, route) in (first..).zip(routes) {
        match route_spec(route, &mut vrfs) {
            Ok(spec) => {
                changes.push(RouteChange::Announce(spec));
                places.push(place);
            }
            Err(error) => errors.add(format!("routes[{place}]"), error),
        }
    }
    let policy = BatchPolicy::BestEffort;
    let batch = RouteBatch {
        session: session.id(),
        policy,
        vrfs,
        sets: vec![],
        changes,
        deleted_sets: vec![],
    };
    match session.batch(batch).await.answer().await {
        Ok(outcome) => {
            for refusal in outcome.refused {
                let place = match refusal.item {
                    BatchItem::Route(item) => {
                        usize::try_from(item).ok().and_then(|item| places.get(item))
                    }
                    BatchItem::Set(_) => None,
                };
                let field =
                    place.map_or_else(|| "routes".to_owned(), |place| format!("routes[{place}]"));
                errors.add(field, refusal.error);
            }
        }
        Err(error) => errors.note::<(), _>(|| "routes".to_owned(), Err(error)),
    }
}

/// The route in the core's terms; its VRF gets a place in `vrfs`.
fn route_spec(route: &Route, vrfs: &mut Vec<VrfName>) -> Result<RouteSpec, RouteError> {
    let place = vrfs
        .iter()
        .position(|vrf| *vrf == route.vrf)
        .unwrap_or_else(|| {
            vrfs.push(route.vrf);
            vrfs.len() - 1
        });
    let place = u16::try_from(place).map_err(|_| RouteError::TableFull {
        table: "VRF",
        limit: u64::from(u16::MAX),
    })?;
    let target = match route.kind {
        RouteKind::Blackhole => RouteTarget::Special(SpecialRoute::Blackhole),
        RouteKind::Unreachable => RouteTarget::Special(SpecialRoute::Unreachable),
        RouteKind::Prohibit => RouteTarget::Special(SpecialRoute::Prohibit),
        RouteKind::Unicast => RouteTarget::NextHops(next_hops(&route.via)?),
    };
    let (distance, metric) = (route.distance, Metric(route.metric));
    Ok(RouteSpec {
        vrf: VrfPlace(place),
        prefix: route.prefix,
        distance,
        metric,
        target,
    })
}

#[cfg(test)]
mod tests;
