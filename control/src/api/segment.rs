//! `SegmentService`: Ethernet segments.

use super::message::{MessageError, at_most, interface_name, octets, required};
use super::nexthop::optional_owner;
use super::status::Field;
use super::streams::{Answers, Stop, pages};
use crate::core::handle::CoreHandle;
use crate::core::request::SegmentRequest;
use crate::model::name::DomainName;
use crate::model::prefix;
use crate::model::segment::{
    Attachment, Designation, MAX_PEERS, PathView, Redundancy, SegmentId, SegmentLeads, SegmentSpec,
    SegmentView,
};
use ferroute_dataplane::counters::MAX_INTERFACES;
use ferroute_proto::v1 as pb;
use ferroute_proto::v1::segment_service_server::SegmentService;
use prost::bytes::Bytes;
use tonic::{Request, Response, Status};

/// Most bridge domains of which a request says something special.
const MAX_EXCEPTIONS: usize = 4096;

/// The service.
#[derive(Clone, Debug)]
pub(super) struct Segments {
    pub(super) core: CoreHandle,
    pub(super) stop: Stop,
}

#[tonic::async_trait]
impl SegmentService for Segments {
    type ListSegmentsStream = Answers<pb::ListSegmentsResponse>;

    async fn create_segment(
        &self,
        request: Request<pb::CreateSegmentRequest>,
    ) -> Result<Response<pb::Segment>, Status> {
        let request = request.into_inner();
        let owner = optional_owner(&request.owner)?;
        let spec: SegmentSpec = required(request.spec, "spec")?.try_into()?;
        let ask = |reply| SegmentRequest::Create(Box::new(spec), owner, reply).into();
        Ok(Response::new(self.core.call(ask).await?.into()))
    }

    async fn change_segment(
        &self,
        request: Request<pb::ChangeSegmentRequest>,
    ) -> Result<Response<pb::Segment>, Status> {
        let request = request.into_inner();
        let owner = optional_owner(&request.owner)?;
        let spec: SegmentSpec = required(request.spec, "spec")?.try_into()?;
        let ask = |reply| SegmentRequest::Change(Box::new(spec), owner, reply).into();
        Ok(Response::new(self.core.call(ask).await?.into()))
    }

    async fn delete_segment(
        &self,
        request: Request<pb::DeleteSegmentRequest>,
    ) -> Result<Response<pb::DeleteSegmentResponse>, Status> {
        let id = segment_id(&request.get_ref().id, "id")?;
        let ask = |reply| SegmentRequest::Delete(id, reply).into();
        self.core.call(ask).await?;
        Ok(Response::new(pb::DeleteSegmentResponse {}))
    }

    async fn get_segment(
        &self,
        request: Request<pb::GetSegmentRequest>,
    ) -> Result<Response<pb::Segment>, Status> {
        let id = segment_id(&request.get_ref().id, "id")?;
        let ask = |reply| SegmentRequest::Get(id, reply).into();
        Ok(Response::new(self.core.call(ask).await?.into()))
    }

    async fn list_segments(
        &self,
        _: Request<pb::ListSegmentsRequest>,
    ) -> Result<Response<Self::ListSegmentsStream>, Status> {
        let core = self.core.clone();
        let fetch = move |from| {
            let core = core.clone();
            async move {
                let ask = |reply| SegmentRequest::List(from, reply).into();
                core.call(ask).await
            }
        };
        let list = pages(fetch, |segments| pb::ListSegmentsResponse { segments });
        Ok(Response::new(self.stop.guard(list)))
    }
}

/// The segment identifier in a field.
pub(super) fn segment_id(id: &[u8], field: &str) -> Result<SegmentId, Status> {
    SegmentId::try_from(id).field(field)
}

/// A segment identifier as it goes over the wire.
pub(super) fn id_wire(id: SegmentId) -> Bytes {
    Bytes::copy_from_slice(&id.octets())
}

/// A list in which nothing stands twice, each entry read by `read`, which gets the name of its field.
fn distinct<T, U: PartialEq>(
    list: &[T],
    field: &str,
    read: impl Fn(&T, &str) -> Result<U, Status>,
) -> Result<Vec<U>, Status> {
    let mut distinct = Vec::with_capacity(list.len());
    for (place, item) in list.iter().enumerate() {
        let field = format!("{field}[{place}]");
        let item = read(item, &field)?;
        if distinct.contains(&item) {
            return Err(MessageError::Twice).field(&field);
        }
        distinct.push(item);
    }
    Ok(distinct)
}

impl TryFrom<pb::SegmentSpec> for SegmentSpec {
    type Error = Status;

    fn try_from(spec: pb::SegmentSpec) -> Result<Self, Status> {
        let members = at_most(spec.members, MAX_INTERFACES, "spec.members")?;
        let peers = at_most(spec.peers, MAX_PEERS, "spec.peers")?;
        let exceptions = at_most(spec.exceptions, MAX_EXCEPTIONS, "spec.exceptions")?;
        Ok(Self {
            id: segment_id(&spec.id, "spec.id")?,
            redundancy: if spec.single_active {
                Redundancy::SingleActive
            } else {
                Redundancy::AllActive
            },
            members: distinct(&members, "spec.members", |name, field| {
                interface_name(name, field)
            })?,
            peers: distinct(&peers, "spec.peers", |peer, field| {
                prefix::station(peer).field(field)
            })?,
            designation: Designation {
                general: spec.designated,
                exceptions: distinct(&exceptions, "spec.exceptions", |name, field| {
                    name.parse::<DomainName>().field(field)
                })?,
            },
        })
    }
}

impl From<SegmentSpec> for pb::SegmentSpec {
    fn from(spec: SegmentSpec) -> Self {
        let exceptions = spec.designation.exceptions.iter();
        Self {
            id: id_wire(spec.id),
            single_active: spec.redundancy == Redundancy::SingleActive,
            members: spec.members.iter().map(ToString::to_string).collect(),
            peers: spec.peers.into_iter().map(octets).collect(),
            designated: spec.designation.general,
            exceptions: exceptions.map(ToString::to_string).collect(),
        }
    }
}

impl From<SegmentView> for pb::Segment {
    fn from(view: SegmentView) -> Self {
        Self {
            spec: Some(view.spec.into()),
            attached: view.attached.into_iter().map(Into::into).collect(),
            paths: view.paths.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Attachment> for pb::SegmentAttachment {
    fn from(member: Attachment) -> Self {
        Self {
            domain: member.domain.to_string(),
            interface: member.interface.to_string(),
            designated: member.designated,
            standby: member.standby,
        }
    }
}

impl From<PathView> for pb::SegmentPath {
    fn from(path: PathView) -> Self {
        let (interface, ends) = match path.leads {
            SegmentLeads::Nowhere => (String::new(), Vec::new()),
            SegmentLeads::Member(member) => (member.to_string(), Vec::new()),
            SegmentLeads::Ends(ends) => (String::new(), ends),
        };
        Self {
            domain: path.domain.to_string(),
            primary: path.primary.map(Into::into),
            stations: path.stations,
            interface,
            ends: ends.into_iter().map(octets).collect(),
        }
    }
}
