//! Endpoints, VNIs, labels and tunnels as messages.

use crate::api::message::{MessageError, octets, required, vrf_name};
use crate::api::nexthop::{encap, endpoint_name, next_hops, wire};
use crate::api::status::Field;
use crate::model::interface::InterfaceCounters;
use crate::model::number::RangeError;
use crate::model::overlay::{
    EndpointAddresses, EndpointSpec, EndpointView, GUE_PORT, LabelSpec, LabelTarget, LabelView,
    OverlayError, TTL, TunnelView, VXLAN_PORT, VniKey, VniSpec, VniTarget, VniView,
};
use crate::model::prefix;
use ferroute_dataplane::ids::NextHopId;
use ferroute_dataplane::snapshot::label::Payload;
use ferroute_dataplane::snapshot::tunnel::{DontFragment, EcnMode, Mode};
use ferroute_dataplane::wire::mpls::Label;
use ferroute_dataplane::wire::vxlan::Vni;
use ferroute_proto::v1 as pb;
use prost::bytes::Bytes;
use std::net::IpAddr;
use std::num::{NonZeroU8, NonZeroU16};
use tonic::Status;

/// A label that the router may give a meaning.
pub(super) fn label(number: u32) -> Result<Label, OverlayError> {
    let label = Label::new(number).ok().filter(|label| !label.is_special());
    label.ok_or(OverlayError::LabelReserved { label: number })
}

/// A VNI of an endpoint. `path` is where the two fields stand, with a dot behind it.
pub(super) fn vni_key(vni: u32, endpoint: &str, path: &str) -> Result<VniKey, Status> {
    let number = Vni::new(vni).map_err(|_| OverlayError::BadVni { vni });
    Ok(VniKey {
        vni: number.field(&format!("{path}vni"))?,
        endpoint: endpoint_name(endpoint).field(&format!("{path}endpoint"))?,
    })
}

fn mode(value: i32, field: &str) -> Result<Mode, Status> {
    match pb::TunnelMode::try_from(value) {
        Ok(pb::TunnelMode::Pipe) => Ok(Mode::Pipe),
        Ok(pb::TunnelMode::Uniform) => Ok(Mode::Uniform),
        Err(_) => Err(MessageError::UnknownValue { value }).field(field),
    }
}

const fn mode_wire(mode: Mode) -> pb::TunnelMode {
    match mode {
        Mode::Pipe => pb::TunnelMode::Pipe,
        Mode::Uniform => pb::TunnelMode::Uniform,
    }
}

/// A number for which zero means `usual`.
fn or_usual<T: TryFrom<u32>>(value: u32, usual: T, max: u64) -> Result<T, RangeError> {
    if value == 0 {
        return Ok(usual);
    }
    T::try_from(value).map_err(|_| RangeError::OutOfRange {
        value: value.into(),
        min: 1,
        max,
    })
}

fn port(value: u32, usual: NonZeroU16) -> Result<NonZeroU16, RangeError> {
    let port = or_usual(value, usual.get(), u16::MAX.into())?;
    Ok(NonZeroU16::new(port).unwrap_or(usual))
}

impl TryFrom<pb::EndpointSpec> for EndpointSpec {
    type Error = Status;

    fn try_from(spec: pb::EndpointSpec) -> Result<Self, Status> {
        let mut addresses = Vec::new();
        for (place, given) in spec.addresses.iter().take(3).enumerate() {
            let field = format!("spec.addresses[{place}]");
            addresses.push(prefix::station(given).field(&field)?);
        }
        let ttl = or_usual(spec.ttl, TTL.get(), u8::MAX.into()).field("spec.ttl")?;
        let ecn_mode = match pb::EcnMode::try_from(spec.ecn_mode) {
            Ok(pb::EcnMode::Normal) => EcnMode::Normal,
            Ok(pb::EcnMode::Compatibility) => EcnMode::Compatibility,
            Err(_) => {
                let value = spec.ecn_mode;
                return Err(MessageError::UnknownValue { value }).field("spec.ecn_mode");
            }
        };
        let df = match pb::DontFragment::try_from(spec.df) {
            Ok(pb::DontFragment::Set) => DontFragment::Set,
            Ok(pb::DontFragment::Inner) => DontFragment::Inner,
            Err(_) => {
                let value = spec.df;
                return Err(MessageError::UnknownValue { value }).field("spec.df");
            }
        };
        let ip_vrf = Some(spec.ip_vrf.as_str()).filter(|name| !name.is_empty());
        Ok(Self {
            name: endpoint_name(&spec.name).field("spec.name")?,
            vrf: vrf_name(&spec.vrf).field("spec.vrf")?,
            addresses: EndpointAddresses::new(&addresses).field("spec.addresses")?,
            vxlan_port: port(spec.vxlan_port, VXLAN_PORT).field("spec.vxlan_port")?,
            gue_port: port(spec.gue_port, GUE_PORT).field("spec.gue_port")?,
            ttl: NonZeroU8::new(ttl).unwrap_or(TTL),
            ttl_mode: mode(spec.ttl_mode, "spec.ttl_mode")?,
            dscp_mode: mode(spec.dscp_mode, "spec.dscp_mode")?,
            ecn_mode,
            df,
            udp6_zero_tx: spec.udp6_zero_tx,
            udp6_zero_rx: spec.udp6_zero_rx,
            known_peers_only: spec.known_peers_only,
            mpls_udp: spec.mpls_udp,
            ip_vrf: ip_vrf.map(str::parse).transpose().field("spec.ip_vrf")?,
        })
    }
}

impl From<EndpointSpec> for pb::EndpointSpec {
    fn from(spec: EndpointSpec) -> Self {
        Self {
            name: spec.name.to_string(),
            vrf: spec.vrf.to_string(),
            addresses: spec.addresses.iter().map(octets).collect(),
            vxlan_port: spec.vxlan_port.get().into(),
            gue_port: spec.gue_port.get().into(),
            ttl: spec.ttl.get().into(),
            ttl_mode: mode_wire(spec.ttl_mode).into(),
            dscp_mode: mode_wire(spec.dscp_mode).into(),
            ecn_mode: match spec.ecn_mode {
                EcnMode::Normal => pb::EcnMode::Normal,
                EcnMode::Compatibility => pb::EcnMode::Compatibility,
            }
            .into(),
            df: match spec.df {
                DontFragment::Set => pb::DontFragment::Set,
                DontFragment::Inner => pb::DontFragment::Inner,
            }
            .into(),
            udp6_zero_tx: spec.udp6_zero_tx,
            udp6_zero_rx: spec.udp6_zero_rx,
            known_peers_only: spec.known_peers_only,
            mpls_udp: spec.mpls_udp,
            ip_vrf: spec.ip_vrf.map(|vrf| vrf.to_string()).unwrap_or_default(),
        }
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl From<EndpointView> for pb::Endpoint {
    fn from(view: EndpointView) -> Self {
        let ip_interface = view.ip_interface.map(|name| name.to_string());
        Self {
            spec: Some(view.spec.into()),
            id: view.id.get(),
            interface: view.interface.to_string(),
            ip_interface: ip_interface.unwrap_or_default(),
            vnis: count(view.vnis),
            tunnels: count(view.tunnels),
        }
    }
}

impl TryFrom<pb::VniSpec> for VniSpec {
    type Error = Status;

    fn try_from(spec: pb::VniSpec) -> Result<Self, Status> {
        let target = match required(spec.target, "spec.target")? {
            pb::vni_spec::Target::Routed(routed) => {
                let interface = Some(routed.interface.as_str()).filter(|name| !name.is_empty());
                VniTarget::Routed {
                    vrf: vrf_name(&routed.vrf).field("spec.routed.vrf")?,
                    router_mac: prefix::station_mac(&routed.router_mac)
                        .field("spec.routed.router_mac")?,
                    interface: interface
                        .map(str::parse)
                        .transpose()
                        .field("spec.routed.interface")?,
                }
            }
            pb::vni_spec::Target::Bridged(bridged) => VniTarget::Bridged {
                domain: bridged.domain.parse().field("spec.bridged.domain")?,
            },
        };
        Ok(Self {
            key: vni_key(spec.vni, &spec.endpoint, "spec.")?,
            target,
        })
    }
}

impl From<VniSpec> for pb::VniSpec {
    fn from(spec: VniSpec) -> Self {
        let target = match spec.target {
            VniTarget::Routed {
                vrf,
                router_mac,
                interface,
            } => pb::vni_spec::Target::Routed(pb::RoutedVni {
                vrf: vrf.to_string(),
                router_mac: Bytes::copy_from_slice(&router_mac.octets()),
                interface: interface.map(|name| name.to_string()).unwrap_or_default(),
            }),
            VniTarget::Bridged { domain } => pb::vni_spec::Target::Bridged(pb::BridgedVni {
                domain: domain.to_string(),
            }),
        };
        Self {
            vni: spec.key.vni.get(),
            endpoint: spec.key.endpoint.to_string(),
            target: Some(target),
        }
    }
}

impl From<InterfaceCounters> for pb::InterfaceTraffic {
    fn from(counters: InterfaceCounters) -> Self {
        Self {
            rx: Some(counters.rx.into()),
            tx: Some(counters.tx.into()),
            dropped_packets: counters.dropped_packets,
        }
    }
}

impl From<VniView> for pb::Vni {
    fn from(view: VniView) -> Self {
        Self {
            spec: Some(view.spec.into()),
            traffic: view.counters.map(Into::into),
        }
    }
}

impl TryFrom<pb::LabelSpec> for LabelSpec {
    type Error = Status;

    fn try_from(spec: pb::LabelSpec) -> Result<Self, Status> {
        let target = match required(spec.target, "spec.target")? {
            pb::label_spec::Target::Vrf(name) => {
                LabelTarget::Vrf(vrf_name(&name).field("spec.vrf")?)
            }
            pb::label_spec::Target::NextHops(list) => {
                let hops = next_hops(&list.next_hops);
                LabelTarget::NextHops(hops.field("spec.next_hops")?)
            }
        };
        let payload = match pb::LabelPayload::try_from(spec.payload) {
            Ok(pb::LabelPayload::Both) => Payload::Both,
            Ok(pb::LabelPayload::Ipv4) => Payload::Ipv4,
            Ok(pb::LabelPayload::Ipv6) => Payload::Ipv6,
            Err(_) => {
                let value = spec.payload;
                return Err(MessageError::UnknownValue { value }).field("spec.payload");
            }
        };
        Ok(Self {
            label: label(spec.label).field("spec.label")?,
            target,
            payload,
            ttl_mode: mode(spec.ttl_mode, "spec.ttl_mode")?,
        })
    }
}

impl From<LabelSpec> for pb::LabelSpec {
    fn from(spec: LabelSpec) -> Self {
        let target = match &spec.target {
            LabelTarget::Vrf(vrf) => pb::label_spec::Target::Vrf(vrf.to_string()),
            LabelTarget::NextHops(hops) => {
                let next_hops = wire(hops);
                pb::label_spec::Target::NextHops(pb::LabelNextHops { next_hops })
            }
        };
        Self {
            label: spec.label.get(),
            target: Some(target),
            payload: match spec.payload {
                Payload::Both => pb::LabelPayload::Both,
                Payload::Ipv4 => pb::LabelPayload::Ipv4,
                Payload::Ipv6 => pb::LabelPayload::Ipv6,
            }
            .into(),
            ttl_mode: mode_wire(spec.ttl_mode).into(),
        }
    }
}

impl From<LabelView> for pb::Label {
    fn from(view: LabelView) -> Self {
        let interface = view.interface.map(|name| name.to_string());
        Self {
            spec: Some(view.spec.into()),
            interface: interface.unwrap_or_default(),
            next_hop_id: view.next_hop.map_or(0, NextHopId::get),
            resolved: view.resolved,
            traffic: Some(view.traffic.into()),
        }
    }
}

impl From<TunnelView> for pb::Tunnel {
    fn from(view: TunnelView) -> Self {
        let bytes = |address: Option<IpAddr>| address.map(octets).unwrap_or_default();
        Self {
            id: view.id.get(),
            remote: octets(view.remote),
            source: bytes(view.source),
            encap: Some(encap(view.endpoint, &view.encap)),
            users: view.users,
            underlay: view.underlay.get(),
            resolved: view.problem.is_none(),
            problem: view.problem.unwrap_or_default(),
            payload_mtu: view.payload_mtu.into(),
            header: view.header.into(),
            traffic: Some(view.traffic.into()),
        }
    }
}
