//! `OverlayService`: endpoints, VNIs, labels, tunnels.

mod convert;
#[cfg(test)]
mod proptests;

use super::message::required;
use super::nexthop::endpoint_name;
use super::nexthop::optional_owner;
use super::status::Field;
use super::streams::{Answers, Stop, pages};
use crate::core::handle::CoreHandle;
use crate::core::request::OverlayRequest;
use crate::model::name::EndpointName;
use ferroute_proto::v1 as pb;
use ferroute_proto::v1::overlay_service_server::OverlayService;
use tonic::{Request, Response, Status};

/// The service.
#[derive(Clone, Debug)]
pub(super) struct Overlays {
    pub(super) core: CoreHandle,
    pub(super) stop: Stop,
}

fn endpoint(name: &str, field: &str) -> Result<EndpointName, Status> {
    endpoint_name(name).field(field)
}

#[tonic::async_trait]
impl OverlayService for Overlays {
    type ListVnisStream = Answers<pb::ListVnisResponse>;
    type ListLabelsStream = Answers<pb::ListLabelsResponse>;
    type ListTunnelsStream = Answers<pb::ListTunnelsResponse>;

    async fn create_endpoint(
        &self,
        request: Request<pb::CreateEndpointRequest>,
    ) -> Result<Response<pb::Endpoint>, Status> {
        let spec = Box::new(required(request.into_inner().spec, "spec")?.try_into()?);
        let ask = |reply| OverlayRequest::CreateEndpoint(spec, reply).into();
        Ok(Response::new(self.core.call(ask).await?.into()))
    }

    async fn change_endpoint(
        &self,
        request: Request<pb::ChangeEndpointRequest>,
    ) -> Result<Response<pb::Endpoint>, Status> {
        let spec = Box::new(required(request.into_inner().spec, "spec")?.try_into()?);
        let ask = |reply| OverlayRequest::ChangeEndpoint(spec, reply).into();
        Ok(Response::new(self.core.call(ask).await?.into()))
    }

    async fn delete_endpoint(
        &self,
        request: Request<pb::DeleteEndpointRequest>,
    ) -> Result<Response<pb::DeleteEndpointResponse>, Status> {
        let name = endpoint(&request.get_ref().name, "name")?;
        let ask = |reply| OverlayRequest::DeleteEndpoint(name, reply).into();
        self.core.call(ask).await?;
        Ok(Response::new(pb::DeleteEndpointResponse {}))
    }

    async fn get_endpoint(
        &self,
        request: Request<pb::GetEndpointRequest>,
    ) -> Result<Response<pb::Endpoint>, Status> {
        let name = endpoint(&request.get_ref().name, "name")?;
        let ask = |reply| OverlayRequest::GetEndpoint(name, reply).into();
        Ok(Response::new(self.core.call(ask).await?.into()))
    }

    async fn list_endpoints(
        &self,
        _: Request<pb::ListEndpointsRequest>,
    ) -> Result<Response<pb::ListEndpointsResponse>, Status> {
        let ask = |reply| OverlayRequest::ListEndpoints(reply).into();
        let endpoints = self.core.call(ask).await?;
        let endpoints = endpoints.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListEndpointsResponse { endpoints }))
    }

    async fn create_vni(
        &self,
        request: Request<pb::CreateVniRequest>,
    ) -> Result<Response<pb::Vni>, Status> {
        let request = request.into_inner();
        let owner = optional_owner(&request.owner)?;
        let spec = required(request.spec, "spec")?.try_into()?;
        let ask = |reply| OverlayRequest::CreateVni(spec, owner, reply).into();
        Ok(Response::new(self.core.call(ask).await?.into()))
    }

    async fn change_vni(
        &self,
        request: Request<pb::ChangeVniRequest>,
    ) -> Result<Response<pb::Vni>, Status> {
        let request = request.into_inner();
        let owner = optional_owner(&request.owner)?;
        let spec = required(request.spec, "spec")?.try_into()?;
        let ask = |reply| OverlayRequest::ChangeVni(spec, owner, reply).into();
        Ok(Response::new(self.core.call(ask).await?.into()))
    }

    async fn delete_vni(
        &self,
        request: Request<pb::DeleteVniRequest>,
    ) -> Result<Response<pb::DeleteVniResponse>, Status> {
        let request = request.get_ref();
        let key = convert::vni_key(request.vni, &request.endpoint, "")?;
        let ask = |reply| OverlayRequest::DeleteVni(key, reply).into();
        self.core.call(ask).await?;
        Ok(Response::new(pb::DeleteVniResponse {}))
    }

    async fn get_vni(
        &self,
        request: Request<pb::GetVniRequest>,
    ) -> Result<Response<pb::Vni>, Status> {
        let request = request.get_ref();
        let key = convert::vni_key(request.vni, &request.endpoint, "")?;
        let ask = |reply| OverlayRequest::GetVni(key, reply).into();
        Ok(Response::new(self.core.call(ask).await?.into()))
    }

    async fn list_vnis(
        &self,
        _: Request<pb::ListVnisRequest>,
    ) -> Result<Response<Self::ListVnisStream>, Status> {
        let core = self.core.clone();
        let fetch = move |from| {
            let core = core.clone();
            async move {
                let ask = |reply| OverlayRequest::ListVnis(from, reply).into();
                core.call(ask).await
            }
        };
        let list = pages(fetch, |vnis| pb::ListVnisResponse { vnis });
        Ok(Response::new(self.stop.guard(list)))
    }

    async fn put_label(
        &self,
        request: Request<pb::PutLabelRequest>,
    ) -> Result<Response<pb::Label>, Status> {
        let request = request.into_inner();
        let owner = optional_owner(&request.owner)?;
        let spec = Box::new(required(request.spec, "spec")?.try_into()?);
        let ask = |reply| OverlayRequest::PutLabel(spec, owner, reply).into();
        Ok(Response::new(self.core.call(ask).await?.into()))
    }

    async fn delete_label(
        &self,
        request: Request<pb::DeleteLabelRequest>,
    ) -> Result<Response<pb::DeleteLabelResponse>, Status> {
        let label = convert::label(request.get_ref().label).field("label")?;
        let ask = |reply| OverlayRequest::DeleteLabel(label, reply).into();
        self.core.call(ask).await?;
        Ok(Response::new(pb::DeleteLabelResponse {}))
    }

    async fn get_label(
        &self,
        request: Request<pb::GetLabelRequest>,
    ) -> Result<Response<pb::Label>, Status> {
        let label = convert::label(request.get_ref().label).field("label")?;
        let ask = |reply| OverlayRequest::GetLabel(label, reply).into();
        Ok(Response::new(self.core.call(ask).await?.into()))
    }

    async fn list_labels(
        &self,
        _: Request<pb::ListLabelsRequest>,
    ) -> Result<Response<Self::ListLabelsStream>, Status> {
        let core = self.core.clone();
        let fetch = move |from| {
            let core = core.clone();
            async move {
                let ask = |reply| OverlayRequest::ListLabels(from, reply).into();
                core.call(ask).await
            }
        };
        let list = pages(fetch, |labels| pb::ListLabelsResponse { labels });
        Ok(Response::new(self.stop.guard(list)))
    }

    async fn list_tunnels(
        &self,
        _: Request<pb::ListTunnelsRequest>,
    ) -> Result<Response<Self::ListTunnelsStream>, Status> {
        let core = self.core.clone();
        let fetch = move |from| {
            let core = core.clone();
            async move {
                let ask = |reply| OverlayRequest::ListTunnels(from, reply).into();
                core.call(ask).await
            }
        };
        let list = pages(fetch, |tunnels| pb::ListTunnelsResponse { tunnels });
        Ok(Response::new(self.stop.guard(list)))
    }
}
