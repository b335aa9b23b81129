//! `VrfService`.

use super::message::{required, vrf_name};
use super::status::Field;
use crate::core::handle::CoreHandle;
use crate::core::request::VrfRequest;
use crate::model::name::VrfName;
use crate::model::vrf::{Namespace, VrfSpec, VrfView};
use ferroute_proto::v1 as pb;
use ferroute_proto::v1::vrf_service_server::VrfService;
use std::num::NonZeroU32;
use tonic::{Request, Response, Status};

/// The service.
#[derive(Clone, Debug)]
pub(super) struct Vrfs(pub(super) CoreHandle);

#[tonic::async_trait]
impl VrfService for Vrfs {
    async fn create(
        &self,
        request: Request<pb::CreateVrfRequest>,
    ) -> Result<Response<pb::Vrf>, Status> {
        let spec = required(request.into_inner().spec, "spec")?.try_into()?;
        let vrf = self
            .0
            .call(|reply| VrfRequest::Create(spec, reply).into())
            .await?;
        Ok(Response::new(vrf.into()))
    }

    async fn delete(
        &self,
        request: Request<pb::DeleteVrfRequest>,
    ) -> Result<Response<pb::DeleteVrfResponse>, Status> {
        let name = vrf_name(&request.get_ref().name).field("name")?;
        self.0
            .call(|reply| VrfRequest::Delete(name, reply).into())
            .await?;
        Ok(Response::new(pb::DeleteVrfResponse {}))
    }

    async fn get(&self, request: Request<pb::GetVrfRequest>) -> Result<Response<pb::Vrf>, Status> {
        let name = vrf_name(&request.get_ref().name).field("name")?;
        let vrf = self
            .0
            .call(|reply| VrfRequest::Get(name, reply).into())
            .await?;
        Ok(Response::new(vrf.into()))
    }

    async fn list(
        &self,
        _: Request<pb::ListVrfsRequest>,
    ) -> Result<Response<pb::ListVrfsResponse>, Status> {
        let vrfs = self.0.call(|reply| VrfRequest::List(reply).into()).await?;
        Ok(Response::new(pb::ListVrfsResponse {
            vrfs: vrfs.into_iter().map(Into::into).collect(),
        }))
    }
}

impl TryFrom<pb::VrfSpec> for VrfSpec {
    type Error = Status;

    fn try_from(spec: pb::VrfSpec) -> Result<Self, Status> {
        let namespace = Some(spec.namespace).filter(|name| !name.is_empty());
        Ok(Self {
            // An empty name means the default VRF elsewhere; here it would only hide a mistake.
            name: spec.name.parse::<VrfName>().field("spec.name")?,
            table_id: NonZeroU32::new(spec.table_id),
            namespace: namespace
                .map(|name| name.parse::<Namespace>())
                .transpose()
                .field("spec.namespace")?,
        })
    }
}

impl From<VrfSpec> for pb::VrfSpec {
    fn from(spec: VrfSpec) -> Self {
        Self {
            name: spec.name.to_string(),
            table_id: spec.table_id.map_or(0, NonZeroU32::get),
            namespace: spec
                .namespace
                .map(|name| name.to_string())
                .unwrap_or_default(),
        }
    }
}

impl From<VrfView> for pb::Vrf {
    fn from(vrf: VrfView) -> Self {
        Self {
            spec: Some(vrf.spec.into()),
            id: vrf.id.get(),
            interfaces: vrf.interfaces.iter().map(ToString::to_string).collect(),
            ipv4_prefixes: vrf.ipv4_prefixes,
            ipv6_prefixes: vrf.ipv6_prefixes,
        }
    }
}
