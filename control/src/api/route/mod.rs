//! `RouteService`.

mod decode;
mod encode;
mod inject;
#[cfg(test)]
mod proptests;

use super::message::{MessageError, family, optional_vrf, vrf_name};
use super::status::Field;
use super::streams::{Answers, Stop, pages};
use crate::core::handle::CoreHandle;
use crate::core::request::RouteRequest;
use crate::model::lookup::LookupQuery;
use crate::model::name::OwnerName;
use crate::model::prefix::{self, Prefix};
use crate::model::route::{PrefixMatch, RouteFilter};
use ferroute_proto::v1 as pb;
use ferroute_proto::v1::route_service_server::RouteService;
use tonic::{Request, Response, Status, Streaming};

/// The service.
#[derive(Clone, Debug)]
pub(super) struct Routes {
    pub(super) core: CoreHandle,
    pub(super) stop: Stop,
}

#[tonic::async_trait]
impl RouteService for Routes {
    type InjectStream = Answers<pb::InjectResponse>;

    async fn inject(
        &self,
        request: Request<Streaming<pb::InjectRequest>>,
    ) -> Result<Response<Self::InjectStream>, Status> {
        let answers = inject::run(self.core.clone(), request.into_inner());
        Ok(Response::new(self.stop.guard(answers)))
    }

    type ListStream = Answers<pb::ListRoutesResponse>;

    async fn list(
        &self,
        request: Request<pb::ListRoutesRequest>,
    ) -> Result<Response<Self::ListStream>, Status> {
        let filter = RouteFilter::try_from(request.into_inner())?;
        let core = self.core.clone();
        let fetch = move |from| {
            let core = core.clone();
            async move {
                core.call(|reply| RouteRequest::List(Box::new(filter), from, reply).into())
                    .await
            }
        };
        let list = pages(fetch, |routes| pb::ListRoutesResponse { routes });
        Ok(Response::new(self.stop.guard(list)))
    }

    async fn lookup(
        &self,
        request: Request<pb::LookupRequest>,
    ) -> Result<Response<pb::LookupResponse>, Status> {
        let request = request.into_inner();
        let query = LookupQuery {
            vrf: vrf_name(&request.vrf).field("vrf")?,
            destination: prefix::address(&request.destination).field("destination")?,
            flow_hash: request.flow_hash,
        };
        let view = self
            .core
            .call(|reply| RouteRequest::Lookup(query, reply).into())
            .await?;
        Ok(Response::new((*view).into()))
    }

    async fn list_owners(
        &self,
        _: Request<pb::ListOwnersRequest>,
    ) -> Result<Response<pb::ListOwnersResponse>, Status> {
        let owners = self
            .core
            .call(|reply| RouteRequest::ListOwners(reply).into())
            .await?;
        Ok(Response::new(pb::ListOwnersResponse {
            owners: owners.into_iter().map(Into::into).collect(),
        }))
    }

    async fn remove_owner(
        &self,
        request: Request<pb::RemoveOwnerRequest>,
    ) -> Result<Response<pb::RemoveOwnerResponse>, Status> {
        let owner = request
            .get_ref()
            .owner
            .parse::<OwnerName>()
            .field("owner")?;
        let routes = self
            .core
            .call(|reply| RouteRequest::RemoveOwner(owner, reply).into())
            .await?;
        Ok(Response::new(pb::RemoveOwnerResponse { routes }))
    }
}

impl TryFrom<pb::ListRoutesRequest> for RouteFilter {
    type Error = Status;

    fn try_from(request: pb::ListRoutesRequest) -> Result<Self, Status> {
        let relation = match pb::PrefixMatch::try_from(request.r#match) {
            Ok(pb::PrefixMatch::Exact) => PrefixMatch::Exact,
            Ok(pb::PrefixMatch::Longer) => PrefixMatch::Longer,
            Ok(pb::PrefixMatch::Shorter) => PrefixMatch::Shorter,
            Err(_) => {
                return Err(MessageError::UnknownValue {
                    value: request.r#match,
                })
                .field("match");
            }
        };
        let prefix = request
            .prefix
            .map(|prefix| Prefix::from_octets(&prefix.address, prefix.length));
        let owner = Some(request.owner).filter(|name| !name.is_empty());
        Ok(Self {
            vrf: optional_vrf(request.vrf)?,
            family: family(request.family)?,
            prefix: prefix
                .transpose()
                .field("prefix")?
                .map(|prefix| (prefix, relation)),
            owner: owner.map(|name| name.parse()).transpose().field("owner")?,
            only_best: request.only_best,
        })
    }
}
