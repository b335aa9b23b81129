//! `BridgeDomainService`: bridge domains, stations, flood lists.

mod convert;

use super::message::{at_most, interface_name, required};
use super::nexthop::optional_owner;
use super::status::Field;
use super::streams::{Answers, Stop, pages};
use crate::core::handle::CoreHandle;
use crate::core::request::BridgeRequest;
use crate::model::bridge::{DomainSpec, FdbChange, FloodChange, MAX_CHANGES, StationFilter};
use crate::model::name::DomainName;
pub(super) use convert::{flood_change, remote_station};
use convert::{refusals, station_kind};
use ferroute_proto::v1 as pb;
use ferroute_proto::v1::bridge_domain_service_server::BridgeDomainService;
use tonic::{Request, Response, Status};

/// The service.
#[derive(Clone, Debug)]
pub(super) struct Domains {
    pub(super) core: CoreHandle,
    pub(super) stop: Stop,
}

fn domain(name: &str, field: &str) -> Result<DomainName, Status> {
    name.parse::<DomainName>().field(field)
}

/// A name that may be left out.
fn given<T>(
    name: &str,
    parse: impl FnOnce(&str) -> Result<T, Status>,
) -> Result<Option<T>, Status> {
    Some(name)
        .filter(|name| !name.is_empty())
        .map(parse)
        .transpose()
}

#[tonic::async_trait]
impl BridgeDomainService for Domains {
    type ListDomainsStream = Answers<pb::ListDomainsResponse>;
    type ListFdbStream = Answers<pb::ListFdbResponse>;

    async fn create_domain(
        &self,
        request: Request<pb::CreateDomainRequest>,
    ) -> Result<Response<pb::BridgeDomain>, Status> {
        let spec: DomainSpec = required(request.into_inner().spec, "spec")?.try_into()?;
        let ask = |reply| BridgeRequest::Create(Box::new(spec), reply).into();
        Ok(Response::new(self.core.call(ask).await?.into()))
    }

    async fn change_domain(
        &self,
        request: Request<pb::ChangeDomainRequest>,
    ) -> Result<Response<pb::BridgeDomain>, Status> {
        let spec: DomainSpec = required(request.into_inner().spec, "spec")?.try_into()?;
        let ask = |reply| BridgeRequest::Change(Box::new(spec), reply).into();
        Ok(Response::new(self.core.call(ask).await?.into()))
    }

    async fn delete_domain(
        &self,
        request: Request<pb::DeleteDomainRequest>,
    ) -> Result<Response<pb::DeleteDomainResponse>, Status> {
        let name = domain(&request.get_ref().name, "name")?;
        let ask = |reply| BridgeRequest::Delete(name, reply).into();
        self.core.call(ask).await?;
        Ok(Response::new(pb::DeleteDomainResponse {}))
    }

    async fn get_domain(
        &self,
        request: Request<pb::GetDomainRequest>,
    ) -> Result<Response<pb::BridgeDomain>, Status> {
        let name = domain(&request.get_ref().name, "name")?;
        let ask = |reply| BridgeRequest::Get(name, reply).into();
        Ok(Response::new(self.core.call(ask).await?.into()))
    }

    async fn list_domains(
        &self,
        _: Request<pb::ListDomainsRequest>,
    ) -> Result<Response<Self::ListDomainsStream>, Status> {
        let core = self.core.clone();
        let fetch = move |from| {
            let core = core.clone();
            async move {
                let ask = |reply| BridgeRequest::List(from, reply).into();
                core.call(ask).await
            }
        };
        let list = pages(fetch, |domains| pb::ListDomainsResponse { domains });
        Ok(Response::new(self.stop.guard(list)))
    }

    async fn add_member(
        &self,
        request: Request<pb::AddMemberRequest>,
    ) -> Result<Response<pb::BridgeDomain>, Status> {
        let request = request.get_ref();
        let name = domain(&request.domain, "domain")?;
        let member = interface_name(&request.interface, "interface")?;
        let ask = |reply| BridgeRequest::AddMember(name, member, reply).into();
        Ok(Response::new(self.core.call(ask).await?.into()))
    }

    async fn remove_member(
        &self,
        request: Request<pb::RemoveMemberRequest>,
    ) -> Result<Response<pb::BridgeDomain>, Status> {
        let request = request.get_ref();
        let name = domain(&request.domain, "domain")?;
        let member = interface_name(&request.interface, "interface")?;
        let ask = |reply| BridgeRequest::RemoveMember(name, member, reply).into();
        Ok(Response::new(self.core.call(ask).await?.into()))
    }

    async fn change_fdb(
        &self,
        request: Request<pb::ChangeFdbRequest>,
    ) -> Result<Response<pb::ChangeFdbResponse>, Status> {
        let request = request.into_inner();
        let owner = optional_owner(&request.owner)?;
        let changes = at_most(request.changes, MAX_CHANGES, "changes")?;
        let changes = changes.into_iter().enumerate();
        let changes = changes.map(|(place, change)| convert::fdb_change(&change, place));
        let changes: Vec<FdbChange> = changes.collect::<Result<_, Status>>()?;
        let ask = |reply| BridgeRequest::ChangeFdb(changes, owner, reply).into();
        let refused = refusals(self.core.call(ask).await?);
        Ok(Response::new(pb::ChangeFdbResponse { refused }))
    }

    async fn list_fdb(
        &self,
        request: Request<pb::ListFdbRequest>,
    ) -> Result<Response<Self::ListFdbStream>, Status> {
        let request = request.get_ref();
        let filter = StationFilter {
            domain: given(&request.domain, |name| domain(name, "domain"))?,
            kind: station_kind(request.kind).field("kind")?,
        };
        let core = self.core.clone();
        let fetch = move |from| {
            let core = core.clone();
            async move {
                let ask = |reply| BridgeRequest::ListFdb(filter, from, reply).into();
                core.call(ask).await
            }
        };
        let list = pages(fetch, |stations| pb::ListFdbResponse { stations });
        Ok(Response::new(self.stop.guard(list)))
    }

    async fn flush_fdb(
        &self,
        request: Request<pb::FlushFdbRequest>,
    ) -> Result<Response<pb::FlushFdbResponse>, Status> {
        let request = request.get_ref();
        let domain = given(&request.domain, |name| domain(name, "domain"))?;
        let member = given(&request.interface, |name| interface_name(name, "interface"))?;
        let ask = |reply| BridgeRequest::FlushFdb(domain, member, reply).into();
        let flushed = self.core.call(ask).await?;
        Ok(Response::new(pb::FlushFdbResponse { flushed }))
    }

    async fn change_flood(
        &self,
        request: Request<pb::ChangeFloodRequest>,
    ) -> Result<Response<pb::ChangeFloodResponse>, Status> {
        let request = request.into_inner();
        let owner = optional_owner(&request.owner)?;
        let changes = at_most(request.changes, MAX_CHANGES, "changes")?;
        let changes = changes.into_iter().enumerate();
        let changes = changes.map(|(place, change)| convert::flood_change(&change, place));
        let changes: Vec<FloodChange> = changes.collect::<Result<_, Status>>()?;
        let ask = |reply| BridgeRequest::ChangeFlood(changes, owner, reply).into();
        let refused = refusals(self.core.call(ask).await?);
        Ok(Response::new(pb::ChangeFloodResponse { refused }))
    }
}
