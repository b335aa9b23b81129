//! Things that are kept over a restart, as messages: those of the API, so that a newer router reads what an older one left.

use super::bridge_domain::{flood_change, remote_station};
use super::interface::address;
use super::message::{interface_name, mac, mtu, octets, required, vrf_name};
use super::nexthop::{next_hops, wire};
use super::status::Field;
use crate::model::interface::{InterfaceKind, VirtualKind};
use crate::model::nexthop::NextHops;
use crate::model::number::{Choice, Mtu, VlanId};
use crate::model::overlay::OverlayError;
use crate::model::port::PortSpec;
use crate::model::prefix;
use crate::model::saved::{
    SavedInterface, SavedNeighbour, SavedStation, SavedTwin, Thing, ThingKind,
};
use ferroute_dataplane::wire::vxlan::Vni;
use ferroute_proto::v1 as pb;
use prost::Message;
use std::path::PathBuf;
use tonic::Status;

/// Why what was kept has no meaning.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SavedError {
    /// It is no message.
    #[error("it is no message: {0}")]
    Message(#[from] prost::DecodeError),
    /// The message is not valid.
    #[error("{}", .0.message())]
    Invalid(Box<Status>),
}

impl From<Status> for SavedError {
    fn from(status: Status) -> Self {
        Self::Invalid(Box::new(status))
    }
}

/// The message of a thing.
pub(crate) fn encode(thing: Thing) -> Vec<u8> {
    match thing {
        Thing::Vrf(spec) => pb::VrfSpec::from(spec).encode_to_vec(),
        Thing::Port(spec) => port(&spec).encode_to_vec(),
        Thing::Interface(interface) => self::interface(&interface).encode_to_vec(),
        Thing::Address(name, address, place) => pb::Interface {
            name: name.to_string(),
            id: place,
            addresses: vec![address.into()],
            ..pb::Interface::default()
        }
        .encode_to_vec(),
        Thing::Neighbour(neighbour) => {
            let state = match neighbour.permanent {
                true => pb::NeighbourState::Permanent,
                false => pb::NeighbourState::Stale,
            };
            pb::Neighbour {
                interface: neighbour.interface.to_string(),
                address: octets(neighbour.address),
                mac: mac(Some(neighbour.mac)),
                state: state.into(),
                ..pb::Neighbour::default()
            }
            .encode_to_vec()
        }
        Thing::Endpoint(spec) => pb::EndpointSpec::from(*spec).encode_to_vec(),
        Thing::Vni(spec) => pb::VniSpec::from(*spec).encode_to_vec(),
        Thing::Label(spec) => pb::LabelSpec::from(*spec).encode_to_vec(),
        Thing::Domain(spec) => pb::BridgeDomainSpec::from(*spec).encode_to_vec(),
        Thing::Segment(spec) => pb::SegmentSpec::from(*spec).encode_to_vec(),
        Thing::Station(station) => self::station(&station).encode_to_vec(),
        Thing::Flood(domain, end) => pb::FloodChange {
            domain: domain.to_string(),
            end: Some(end.into()),
            remove: false,
        }
        .encode_to_vec(),
        Thing::Twin(twin) => self::twin(&twin).encode_to_vec(),
    }
}

/// The thing of a message.
///
/// # Errors
/// [`SavedError`].
pub(crate) fn decode(kind: ThingKind, message: &[u8]) -> Result<Thing, SavedError> {
    Ok(match kind {
        ThingKind::Vrf => Thing::Vrf(pb::VrfSpec::decode(message)?.try_into()?),
        ThingKind::Port => Thing::Port(Box::new(pb::PortSpec::decode(message)?.try_into()?)),
        ThingKind::Interface => {
            let settings = saved_interface(&pb::Interface::decode(message)?)?;
            Thing::Interface(Box::new(settings))
        }
        ThingKind::Address => {
            let message = pb::Interface::decode(message)?;
            Thing::Address(
                interface_name(&message.name, "name")?,
                address(
                    required(message.addresses.first(), "addresses")?,
                    "addresses",
                )?,
                message.id,
            )
        }
        ThingKind::Neighbour => {
            let message = pb::Neighbour::decode(message)?;
            Thing::Neighbour(SavedNeighbour {
                interface: interface_name(&message.interface, "interface")?,
                address: prefix::station(&message.address).field("address")?,
                mac: prefix::station_mac(&message.mac).field("mac")?,
                permanent: message.state() == pb::NeighbourState::Permanent,
            })
        }
        ThingKind::Endpoint => {
            Thing::Endpoint(Box::new(pb::EndpointSpec::decode(message)?.try_into()?))
        }
        ThingKind::Vni => Thing::Vni(Box::new(pb::VniSpec::decode(message)?.try_into()?)),
        ThingKind::Label => Thing::Label(Box::new(pb::LabelSpec::decode(message)?.try_into()?)),
        ThingKind::Domain => {
            Thing::Domain(Box::new(pb::BridgeDomainSpec::decode(message)?.try_into()?))
        }
        ThingKind::Segment => {
            Thing::Segment(Box::new(pb::SegmentSpec::decode(message)?.try_into()?))
        }
        ThingKind::Station => Thing::Station(saved_station(&pb::Station::decode(message)?)?),
        ThingKind::Flood => {
            let change = flood_change(&pb::FloodChange::decode(message)?, 0)?;
            Thing::Flood(change.domain, change.end)
        }
        ThingKind::Twin => Thing::Twin(Box::new(saved_twin(&pb::Interface::decode(message)?)?)),
    })
}

/// The message of a set's next hops.
pub(crate) fn encode_hops(hops: &NextHops) -> Vec<u8> {
    let next_hops = wire(hops);
    pb::LabelNextHops { next_hops }.encode_to_vec()
}

/// The next hops of a message.
///
/// # Errors
/// [`SavedError`].
pub(crate) fn decode_hops(message: &[u8]) -> Result<NextHops, SavedError> {
    let list = pb::LabelNextHops::decode(message)?.next_hops;
    Ok(next_hops(&list).field("next_hops")?)
}

fn choice(mtu: Choice<Mtu>) -> u32 {
    mtu.exactly().map_or(0, |mtu| mtu.get().into())
}

fn port(spec: &PortSpec) -> pb::PortSpec {
    let settings = &spec.settings;
    let count = |choice: Choice<std::num::NonZeroU16>| {
        choice.exactly().map_or(0, |count| u32::from(count.get()))
    };
    pb::PortSpec {
        name: spec.name.to_string(),
        device: spec.device.to_string(),
        rx_queues: count(settings.rx_queues),
        tx_queues: count(settings.tx_queues),
        rx_descriptors: count(settings.rx_descriptors),
        tx_descriptors: count(settings.tx_descriptors),
        mtu: choice(settings.mtu),
        promiscuous: settings.promiscuous,
        workers: settings.workers.iter().map(|w| w.get().into()).collect(),
        without_twins: !settings.twin,
    }
}

fn interface(saved: &SavedInterface) -> pb::Interface {
    use pb::interface::Kind;
    let kind = match saved.kind {
        InterfaceKind::Virtual(VirtualKind::Vlan { parent, vlan_id }) => Kind::Vlan(pb::Vlan {
            parent: parent.to_string(),
            vlan_id: vlan_id.get().into(),
        }),
        InterfaceKind::Virtual(VirtualKind::Loopback) => Kind::Loopback(pb::Loopback {}),
        InterfaceKind::Port => Kind::Port(pb::PortInterface {
            port: saved.name.to_string(),
        }),
        InterfaceKind::Vxlan { vni, endpoint } => Kind::Vxlan(pb::VxlanInterface {
            vni: vni.get(),
            endpoint: endpoint.to_string(),
        }),
        InterfaceKind::Mpls => Kind::Mpls(pb::MplsInterface {}),
        InterfaceKind::Ip { endpoint } => Kind::Ip(pb::IpTunnelInterface {
            endpoint: endpoint.to_string(),
        }),
        InterfaceKind::Bridge { domain } => Kind::Bridge(pb::BridgeInterface {
            domain: domain.to_string(),
        }),
    };
    pb::Interface {
        name: saved.name.to_string(),
        kind: Some(kind),
        vrf: saved.vrf.to_string(),
        mtu: choice(saved.mtu),
        admin_up: saved.admin_up,
        mpls_input: saved.mpls,
        tcp_mtu: choice(saved.tcp_mtu),
        ..pb::Interface::default()
    }
}

fn saved_interface(message: &pb::Interface) -> Result<SavedInterface, Status> {
    use pb::interface::Kind;
    let kind = match required(message.kind.as_ref(), "kind")? {
        Kind::Vlan(vlan) => InterfaceKind::Virtual(VirtualKind::Vlan {
            parent: interface_name(&vlan.parent, "vlan.parent")?,
            vlan_id: VlanId::try_from(vlan.vlan_id).field("vlan.vlan_id")?,
        }),
        Kind::Loopback(_) => InterfaceKind::Virtual(VirtualKind::Loopback),
        Kind::Port(_) => InterfaceKind::Port,
        Kind::Vxlan(vxlan) => InterfaceKind::Vxlan {
            vni: Vni::new(vxlan.vni)
                .map_err(|_| OverlayError::BadVni { vni: vxlan.vni })
                .field("vxlan.vni")?,
            endpoint: vxlan.endpoint.parse().field("vxlan.endpoint")?,
        },
        Kind::Mpls(_) => InterfaceKind::Mpls,
        Kind::Ip(ip) => InterfaceKind::Ip {
            endpoint: ip.endpoint.parse().field("ip.endpoint")?,
        },
        Kind::Bridge(bridge) => InterfaceKind::Bridge {
            domain: bridge.domain.parse().field("bridge.domain")?,
        },
    };
    Ok(SavedInterface {
        name: interface_name(&message.name, "name")?,
        kind,
        vrf: vrf_name(&message.vrf).field("vrf")?,
        mtu: mtu(message.mtu).field("mtu")?,
        admin_up: message.admin_up,
        mpls: message.mpls_input,
        tcp_mtu: mtu(message.tcp_mtu).field("tcp_mtu")?,
    })
}

fn station(saved: &SavedStation) -> pb::Station {
    let (kind, interface, sequence) = match (saved.fixed, saved.learned) {
        (Some(fixed), _) => (pb::FdbKind::Static, fixed.to_string(), 0),
        (None, Some((at, sequence))) => (pb::FdbKind::Learned, at.to_string(), sequence),
        (None, None) => (pb::FdbKind::Remote, String::new(), 0),
    };
    pb::Station {
        domain: saved.domain.to_string(),
        mac: mac(Some(saved.mac)),
        kind: kind.into(),
        interface,
        remote: saved.remote.map(Into::into),
        sequence,
        ..pb::Station::default()
    }
}

fn saved_station(message: &pb::Station) -> Result<SavedStation, Status> {
    let at = || interface_name(&message.interface, "interface");
    let (fixed, learned) = match message.kind() {
        pb::FdbKind::Static => (Some(at()?), None),
        pb::FdbKind::Learned => (None, Some((at()?, message.sequence))),
        _ => (None, None),
    };
    Ok(SavedStation {
        domain: message.domain.parse().field("domain")?,
        mac: prefix::station_mac(&message.mac).field("mac")?,
        fixed,
        learned,
        remote: message
            .remote
            .as_ref()
            .map(|remote| remote_station(remote, "remote"))
            .transpose()?,
    })
}

fn twin(saved: &SavedTwin) -> pb::Interface {
    let namespace = saved.namespace.as_ref();
    pb::Interface {
        name: saved.name.clone(),
        addresses: saved
            .addresses
            .iter()
            .map(|net| pb::InterfaceAddress {
                address: octets(net.addr()),
                length: net.prefix_len().into(),
            })
            .collect(),
        twin: namespace.map(|namespace| pb::Twin {
            name: saved.name.clone(),
            namespace: namespace.display().to_string(),
            ifindex: 0,
        }),
        ..pb::Interface::default()
    }
}

fn saved_twin(message: &pb::Interface) -> Result<SavedTwin, Status> {
    let addresses = message.addresses.iter();
    let addresses = addresses.map(|given| address(given, "addresses").map(|a| a.net()));
    Ok(SavedTwin {
        namespace: message
            .twin
            .as_ref()
            .map(|twin| PathBuf::from(&twin.namespace)),
        name: message.name.clone(),
        addresses: addresses.collect::<Result<_, _>>()?,
    })
}
