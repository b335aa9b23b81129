//! Bridge domains and stations as messages.

use crate::api::message::{MessageError, at_most, interface_name, octets, required, vrf_name};
use crate::api::segment::{id_wire, segment_id};
use crate::api::status::Field;
use crate::model::bridge::{
    AGEING_MAX_SECONDS, AGEING_MIN_SECONDS, AGEING_SECONDS, DomainCounters, DomainError,
    DomainPolicy, DomainSpec, DomainView, FdbChange, FloodChange, FloodRate, GatewaySpec,
    MAX_MOVES, MOVE_WINDOW_SECONDS, RemoteEnd, RemotePlace, RemoteStation, StationCause,
    StationKind, StationView,
};
use crate::model::number::RangeError;
use crate::model::overlay::OverlayError;
use crate::model::prefix;
use crate::model::reason::Reason;
use ferroute_dataplane::counters::MAX_INTERFACES;
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::wire::vxlan::Vni;
use ferroute_proto::v1 as pb;
use prost::bytes::Bytes;
use std::num::{NonZeroU16, NonZeroU32};
use tonic::Status;

/// The kind that a filter or a deletion names.
pub(super) fn station_kind(value: i32) -> Result<Option<StationKind>, MessageError> {
    match pb::FdbKind::try_from(value) {
        Ok(pb::FdbKind::Unspecified) => Ok(None),
        Ok(pb::FdbKind::Static) => Ok(Some(StationKind::Static)),
        Ok(pb::FdbKind::Remote) => Ok(Some(StationKind::Remote)),
        Ok(pb::FdbKind::Learned) => Ok(Some(StationKind::Learned)),
        Ok(pb::FdbKind::Gateway) => Ok(Some(StationKind::Gateway)),
        Err(_) => Err(MessageError::UnknownValue { value }),
    }
}

const fn kind_wire(kind: StationKind) -> pb::FdbKind {
    match kind {
        StationKind::Static => pb::FdbKind::Static,
        StationKind::Remote => pb::FdbKind::Remote,
        StationKind::Learned => pb::FdbKind::Learned,
        StationKind::Gateway => pb::FdbKind::Gateway,
    }
}

fn mac_wire(mac: Mac) -> Bytes {
    Bytes::copy_from_slice(&mac.octets())
}

fn ageing(value: u32) -> Result<NonZeroU16, RangeError> {
    let range = AGEING_MIN_SECONDS..=AGEING_MAX_SECONDS;
    match u16::try_from(value).map(NonZeroU16::new) {
        Ok(None) => Ok(AGEING_SECONDS),
        Ok(Some(seconds)) if range.contains(&seconds.get()) => Ok(seconds),
        _ => Err(RangeError::OutOfRange {
            value: value.into(),
            min: AGEING_MIN_SECONDS.into(),
            max: AGEING_MAX_SECONDS.into(),
        }),
    }
}

impl TryFrom<pb::BridgePolicy> for DomainPolicy {
    type Error = Status;

    fn try_from(policy: pb::BridgePolicy) -> Result<Self, Status> {
        let burst = |rate: u64| (rate / 100).max(1);
        let flood = Some(policy.flood_pps).filter(|rate| *rate > 0);
        Ok(Self {
            learn: !policy.no_learning,
            learn_remote: policy.learn_remote,
            unknown_unicast: !policy.no_unknown_unicast,
            broadcast: !policy.no_broadcast,
            multicast: !policy.no_multicast,
            suppress: policy.suppress,
            flood: flood.map(|packets_per_second| FloodRate {
                packets_per_second,
                burst_packets: if policy.flood_burst == 0 {
                    burst(packets_per_second)
                } else {
                    policy.flood_burst
                },
            }),
            max_learned: NonZeroU32::new(policy.max_learned),
            ageing_seconds: ageing(policy.ageing_seconds).field("spec.policy.ageing_seconds")?,
            max_moves: NonZeroU32::new(policy.max_moves).unwrap_or(MAX_MOVES),
            move_window_seconds: NonZeroU32::new(policy.move_window_seconds)
                .unwrap_or(MOVE_WINDOW_SECONDS),
        })
    }
}

impl From<DomainPolicy> for pb::BridgePolicy {
    fn from(policy: DomainPolicy) -> Self {
        Self {
            no_learning: !policy.learn,
            no_unknown_unicast: !policy.unknown_unicast,
            no_broadcast: !policy.broadcast,
            no_multicast: !policy.multicast,
            suppress: policy.suppress,
            flood_pps: policy.flood.map_or(0, |rate| rate.packets_per_second),
            flood_burst: policy.flood.map_or(0, |rate| rate.burst_packets),
            max_learned: policy.max_learned.map_or(0, NonZeroU32::get),
            ageing_seconds: policy.ageing_seconds.get().into(),
            max_moves: policy.max_moves.get(),
            move_window_seconds: policy.move_window_seconds.get(),
            learn_remote: policy.learn_remote,
        }
    }
}

impl TryFrom<pb::BridgeGateway> for GatewaySpec {
    type Error = Status;

    fn try_from(gateway: pb::BridgeGateway) -> Result<Self, Status> {
        let interface = Some(gateway.interface.as_str()).filter(|name| !name.is_empty());
        let interface = interface.map(|name| interface_name(name, "spec.gateway.interface"));
        Ok(Self {
            vrf: vrf_name(&gateway.vrf).field("spec.gateway.vrf")?,
            mac: prefix::station_mac(&gateway.mac).field("spec.gateway.mac")?,
            interface: interface.transpose()?,
            twin: gateway.twin,
        })
    }
}

impl From<GatewaySpec> for pb::BridgeGateway {
    fn from(gateway: GatewaySpec) -> Self {
        let interface = gateway.interface.map(|name| name.to_string());
        Self {
            vrf: gateway.vrf.to_string(),
            mac: mac_wire(gateway.mac),
            interface: interface.unwrap_or_default(),
            twin: gateway.twin,
        }
    }
}

impl TryFrom<pb::BridgeDomainSpec> for DomainSpec {
    type Error = Status;

    fn try_from(spec: pb::BridgeDomainSpec) -> Result<Self, Status> {
        let mut members = Vec::new();
        let given = at_most(spec.members, MAX_INTERFACES, "spec.members")?;
        for (place, name) in given.iter().enumerate() {
            let field = format!("spec.members[{place}]");
            let name = interface_name(name, &field)?;
            if members.contains(&name) {
                return Err(MessageError::Twice).field(&field);
            }
            members.push(name);
        }
        Ok(Self {
            name: super::domain(&spec.name, "spec.name")?,
            members,
            policy: spec.policy.unwrap_or_default().try_into()?,
            gateway: spec.gateway.map(TryInto::try_into).transpose()?,
        })
    }
}

impl From<DomainSpec> for pb::BridgeDomainSpec {
    fn from(spec: DomainSpec) -> Self {
        Self {
            name: spec.name.to_string(),
            members: spec.members.iter().map(ToString::to_string).collect(),
            policy: Some(spec.policy.into()),
            gateway: spec.gateway.map(Into::into),
        }
    }
}

impl From<DomainView> for pb::BridgeDomain {
    fn from(view: DomainView) -> Self {
        let vni = view.vni.map(|(endpoint, vni)| pb::BridgeVni {
            endpoint: endpoint.to_string(),
            vni: vni.get(),
        });
        Self {
            spec: Some(view.spec.into()),
            id: view.id.get().into(),
            vni,
            flood: view.flood.into_iter().map(Into::into).collect(),
            learned: view.stations.learned,
            r#static: view.stations.fixed,
            remote: view.stations.remote,
            counters: Some(view.counters.into()),
        }
    }
}

impl From<DomainCounters> for pb::BridgeCounters {
    fn from(counters: DomainCounters) -> Self {
        let stations = counters.stations;
        Self {
            frames: Some(counters.frames.into()),
            flooded: counters.flooded,
            copies: counters.copies,
            gateway: counters.gateway,
            dropped: counters.dropped,
            learn_lost: counters.learn_lost,
            over_limit: stations.over_limit,
            fdb_full: stations.fdb_full,
            moves: stations.moves,
            damped: stations.damped,
            violations: stations.violations,
            answered: counters.answered,
            local_bias: counters.local_bias,
            not_designated: counters.not_designated,
        }
    }
}

/// What a message says of a station behind a remote end.
pub(in crate::api) fn remote_station(
    remote: &pb::RemoteStation,
    field: &str,
) -> Result<RemoteStation, Status> {
    Ok(RemoteStation {
        place: remote_place(remote, field)?,
        sequence: remote.sequence,
        sticky: remote.sticky,
    })
}

fn remote_end(end: Option<&pb::RemoteEnd>, field: &str) -> Result<RemoteEnd, Status> {
    let end = required(end, field)?;
    let number = |vni| Vni::new(vni).map_err(|_| OverlayError::BadVni { vni });
    Ok(RemoteEnd {
        address: prefix::station(&end.address).field(&format!("{field}.address"))?,
        vni: end
            .vni
            .map(number)
            .transpose()
            .field(&format!("{field}.vni"))?,
    })
}

/// Where a remote station is.
fn remote_place(remote: &pb::RemoteStation, field: &str) -> Result<RemotePlace, Status> {
    let at = format!("{field}.end");
    if remote.segment.is_empty() {
        return remote_end(remote.end.as_ref(), &at).map(RemotePlace::End);
    }
    let primary = remote.end.as_ref().map(|end| remote_end(Some(end), &at));
    Ok(RemotePlace::Segment {
        id: segment_id(&remote.segment, &format!("{field}.segment"))?,
        primary: primary.transpose()?,
    })
}

impl From<RemoteStation> for pb::RemoteStation {
    fn from(remote: RemoteStation) -> Self {
        Self {
            end: remote.place.end().map(Into::into),
            sequence: remote.sequence,
            sticky: remote.sticky,
            segment: remote.place.segment().map(id_wire).unwrap_or_default(),
        }
    }
}

impl From<RemoteEnd> for pb::RemoteEnd {
    fn from(end: RemoteEnd) -> Self {
        Self {
            address: octets(end.address),
            vni: end.vni.map(Vni::get),
        }
    }
}

/// A change of the FDB, which stands at this place of its list.
pub(super) fn fdb_change(change: &pb::FdbChange, place: usize) -> Result<FdbChange, Status> {
    use pb::fdb_change::Change;
    use pb::fdb_entry::Place;
    let at = |field: &str| format!("changes[{place}].{field}");
    match required(change.change.as_ref(), &at("change"))? {
        Change::Put(entry) => {
            let domain = super::domain(&entry.domain, &at("put.domain"))?;
            let mac = prefix::station_mac(&entry.mac).field(&at("put.mac"))?;
            match required(entry.place.as_ref(), &at("put.place"))? {
                Place::Interface(name) => Ok(FdbChange::PutStatic {
                    domain,
                    mac,
                    interface: interface_name(name, &at("put.interface"))?,
                }),
                Place::Remote(remote) => Ok(FdbChange::PutRemote {
                    domain,
                    mac,
                    remote: remote_station(remote, &at("put.remote"))?,
                }),
            }
        }
        Change::Delete(delete) => Ok(FdbChange::Delete {
            domain: super::domain(&delete.domain, &at("delete.domain"))?,
            mac: prefix::station_mac(&delete.mac).field(&at("delete.mac"))?,
            kind: station_kind(delete.kind).field(&at("delete.kind"))?,
            end: match &delete.end {
                Some(end) => Some(remote_end(Some(end), &at("delete.end"))?),
                None => None,
            },
        }),
    }
}

/// A change of a flood list, which stands at this place of its list.
pub(in crate::api) fn flood_change(
    change: &pb::FloodChange,
    place: usize,
) -> Result<FloodChange, Status> {
    let at = |field: &str| format!("changes[{place}].{field}");
    Ok(FloodChange {
        domain: super::domain(&change.domain, &at("domain"))?,
        end: remote_end(change.end.as_ref(), &at("end"))?,
        remove: change.remove,
    })
}

/// What was refused.
pub(super) fn refusals(refused: Vec<(usize, DomainError)>) -> Vec<pb::BridgeRefusal> {
    let wire = |(place, error): (usize, DomainError)| pb::BridgeRefusal {
        index: u32::try_from(place).unwrap_or(u32::MAX),
        reason: error.reason().to_owned(),
        message: error.to_string(),
    };
    refused.into_iter().map(wire).collect()
}

impl From<StationView> for pb::Station {
    fn from(view: StationView) -> Self {
        let interface = view.interface.map(|name| name.to_string());
        Self {
            domain: view.domain.to_string(),
            mac: mac_wire(view.mac),
            kind: kind_wire(view.kind).into(),
            interface: interface.unwrap_or_default(),
            remote: view.remote.map(Into::into),
            sequence: view.sequence,
            idle_seconds: view.idle_seconds.into(),
            damped: view.damped,
            owner: view
                .owner
                .map_or_else(String::new, |owner| owner.to_string()),
        }
    }
}

impl From<StationCause> for pb::StationCause {
    fn from(cause: StationCause) -> Self {
        match cause {
            StationCause::Learned => Self::Learned,
            StationCause::Moved => Self::Moved,
            StationCause::Aged => Self::Aged,
            StationCause::Damped => Self::Damped,
            StationCause::Configured => Self::Configured,
        }
    }
}
