//! `EventService`.

use super::message::MessageError;
use super::status::Field;
use super::streams::{Answers, Stop};
use crate::core::handle::CoreHandle;
use crate::model::event::{Change, Event, Happening};
use crate::model::name::{InterfaceName, OwnerName};
use ferroute_proto::v1 as pb;
use ferroute_proto::v1::event::What;
use ferroute_proto::v1::event_service_server::EventService;
use futures::StreamExt;
use futures::future::ready;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use tonic::{Request, Response, Status};

/// The service.
#[derive(Clone, Debug)]
pub(super) struct Events {
    pub(super) core: CoreHandle,
    pub(super) stop: Stop,
}

#[tonic::async_trait]
impl EventService for Events {
    type WatchStream = Answers<pb::Event>;

    async fn watch(
        &self,
        request: Request<pb::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let filter = Filter::try_from(request.into_inner())?;
        let events = BroadcastStream::new(self.core.watch()).filter_map(move |event| {
            ready(match event {
                Ok(event) => filter.wants(&event.what).then(|| Ok(wire(&event))),
                Err(BroadcastStreamRecvError::Lagged(count)) => Some(Ok(missed(count))),
            })
        });
        Ok(Response::new(self.stop.guard(events)))
    }
}

/// Which events a watcher wants.
#[derive(Debug)]
struct Filter {
    kinds: Vec<pb::EventKind>,
    interface: Option<InterfaceName>,
    owner: Option<OwnerName>,
}

impl Filter {
    fn wants(&self, what: &Happening) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&kind(what)))
            && (self.interface.is_none() || self.interface == what.about_interface())
            && (self.owner.is_none() || self.owner == what.about_owner())
    }
}

impl TryFrom<pb::WatchRequest> for Filter {
    type Error = Status;

    fn try_from(request: pb::WatchRequest) -> Result<Self, Status> {
        let given = |text: String| Some(text).filter(|text| !text.is_empty());
        let kinds = request
            .kinds
            .into_iter()
            .map(|value| match pb::EventKind::try_from(value) {
                Ok(kind) if kind != pb::EventKind::Unspecified => Ok(kind),
                _ => Err(MessageError::UnknownValue { value }),
            });
        Ok(Self {
            kinds: kinds.collect::<Result<_, _>>().field("kinds")?,
            interface: given(request.interface)
                .map(|name| name.parse())
                .transpose()
                .field("interface")?,
            owner: given(request.owner)
                .map(|name| name.parse())
                .transpose()
                .field("owner")?,
        })
    }
}

const fn kind(what: &Happening) -> pb::EventKind {
    match what {
        Happening::Port { .. } => pb::EventKind::Port,
        Happening::Interface { .. } => pb::EventKind::Interface,
        Happening::Address { .. } => pb::EventKind::Address,
        Happening::Neighbour { .. } => pb::EventKind::Neighbour,
        Happening::Owner(_) => pb::EventKind::Owner,
        Happening::Worker { .. } => pb::EventKind::Worker,
        Happening::Station { .. } => pb::EventKind::Station,
        Happening::Segment { .. } => pb::EventKind::Segment,
        Happening::Endpoint { .. } => pb::EventKind::Endpoint,
        Happening::Vni { .. } => pb::EventKind::Vni,
        Happening::Label { .. } => pb::EventKind::Label,
        Happening::Tunnel { .. } => pb::EventKind::Tunnel,
        Happening::Refusal { .. } => pb::EventKind::Refusal,
    }
}

fn missed(count: u64) -> pb::Event {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    pb::Event {
        sequence: 0,
        time_unix_ns: super::message::nanoseconds(now),
        what: Some(What::Missed(pb::MissedEvent { count })),
    }
}

fn wire(event: &Event) -> pb::Event {
    let what = match &event.what {
        Happening::Port { change, name, link } => What::Port(pb::PortEvent {
            change: pb::Change::from(*change).into(),
            name: name.to_string(),
            link: Some((*link).into()),
        }),
        Happening::Interface {
            change,
            name,
            vrf,
            admin_up,
            oper_up,
            mtu,
        } => What::Interface(pb::InterfaceEvent {
            change: pb::Change::from(*change).into(),
            name: name.to_string(),
            vrf: vrf.to_string(),
            admin_up: *admin_up,
            oper_up: *oper_up,
            mtu: mtu.get().into(),
        }),
        Happening::Address {
            change,
            interface,
            address,
        } => What::Address(pb::AddressEvent {
            change: pb::Change::from(*change).into(),
            interface: interface.to_string(),
            address: Some((*address).into()),
        }),
        Happening::Neighbour { change, neighbour } => What::Neighbour(pb::NeighbourEvent {
            change: pb::Change::from(*change).into(),
            neighbour: Some((*neighbour).into()),
        }),
        Happening::Owner(owner) => What::Owner(pb::OwnerEvent {
            owner: Some((*owner).into()),
        }),
        Happening::Worker { worker, hung } => What::Worker(pb::WorkerEvent {
            worker: worker.get().into(),
            hung: *hung,
        }),
        Happening::Station {
            change,
            cause,
            station,
            previous_interface,
        } => What::Station(pb::StationEvent {
            change: pb::Change::from(*change).into(),
            cause: pb::StationCause::from(*cause).into(),
            station: Some((*station).into()),
            previous_interface: previous_interface
                .map(|name| name.to_string())
                .unwrap_or_default(),
        }),
        Happening::Segment { change, segment } => What::Segment(pb::SegmentEvent {
            change: pb::Change::from(*change).into(),
            segment: Some(segment.as_ref().clone().into()),
        }),
        Happening::Endpoint { change, endpoint } => What::Endpoint(pb::EndpointEvent {
            change: pb::Change::from(*change).into(),
            endpoint: Some(endpoint.as_ref().clone().into()),
        }),
        Happening::Vni { change, vni } => What::Vni(pb::VniEvent {
            change: pb::Change::from(*change).into(),
            vni: Some(vni.as_ref().clone().into()),
        }),
        Happening::Label { change, label } => What::Label(pb::LabelEvent {
            change: pb::Change::from(*change).into(),
            label: Some(label.as_ref().clone().into()),
        }),
        Happening::Tunnel { change, tunnel } => What::Tunnel(pb::TunnelEvent {
            change: pb::Change::from(*change).into(),
            tunnel: Some(tunnel.as_ref().clone().into()),
        }),
        Happening::Refusal {
            owner,
            reason,
            message,
        } => What::Refusal(pb::RefusalEvent {
            owner: owner.map(|owner| owner.to_string()).unwrap_or_default(),
            reason: (*reason).to_owned(),
            message: message.clone(),
        }),
    };
    pb::Event {
        sequence: event.sequence,
        time_unix_ns: event.time_unix_ns,
        what: Some(what),
    }
}

impl From<Change> for pb::Change {
    fn from(change: Change) -> Self {
        match change {
            Change::Added => Self::Added,
            Change::Changed => Self::Changed,
            Change::Removed => Self::Removed,
        }
    }
}
