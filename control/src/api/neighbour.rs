//! `NeighbourService`.

use super::message::{
    MessageError, family, interface_name, mac, nanoseconds, octets, optional_interface,
    optional_vrf,
};
use super::nexthop::optional_owner;
use super::status::Field;
use super::streams::{Answers, Stop, pages};
use crate::core::handle::CoreHandle;
use crate::core::request::NeighbourRequest;
use crate::model::neighbour::{NeighbourFilter, NeighbourSpec, NeighbourState, NeighbourView};
use crate::model::prefix;
use ferroute_proto::v1 as pb;
use ferroute_proto::v1::neighbour_service_server::NeighbourService;
use tonic::{Request, Response, Status};

/// The service.
#[derive(Clone, Debug)]
pub(super) struct Neighbours {
    pub(super) core: CoreHandle,
    pub(super) stop: Stop,
}

#[tonic::async_trait]
impl NeighbourService for Neighbours {
    type ListStream = Answers<pb::ListNeighboursResponse>;

    async fn list(
        &self,
        request: Request<pb::ListNeighboursRequest>,
    ) -> Result<Response<Self::ListStream>, Status> {
        let request = request.into_inner();
        let filter = NeighbourFilter {
            interface: optional_interface(request.interface)?,
            vrf: optional_vrf(request.vrf)?,
            family: family(request.family)?,
            state: state(request.state)?,
        };
        let core = self.core.clone();
        let fetch = move |from| {
            let core = core.clone();
            async move {
                core.call(|reply| NeighbourRequest::List(filter, from, reply).into())
                    .await
            }
        };
        let list = pages(fetch, |neighbours| pb::ListNeighboursResponse {
            neighbours,
        });
        Ok(Response::new(self.stop.guard(list)))
    }

    async fn add(
        &self,
        request: Request<pb::AddNeighbourRequest>,
    ) -> Result<Response<pb::Neighbour>, Status> {
        let request = request.get_ref();
        let spec = NeighbourSpec {
            interface: interface_name(&request.interface, "interface")?,
            address: prefix::station(&request.address).field("address")?,
            mac: prefix::station_mac(&request.mac).field("mac")?,
        };
        let owner = optional_owner(&request.owner)?;
        let neighbour = self
            .core
            .call(|reply| NeighbourRequest::Add(spec, owner, reply).into())
            .await?;
        Ok(Response::new(neighbour.into()))
    }

    async fn delete(
        &self,
        request: Request<pb::DeleteNeighbourRequest>,
    ) -> Result<Response<pb::DeleteNeighbourResponse>, Status> {
        let request = request.get_ref();
        let interface = interface_name(&request.interface, "interface")?;
        let address = prefix::address(&request.address).field("address")?;
        self.core
            .call(|reply| NeighbourRequest::Delete(interface, address, reply).into())
            .await?;
        Ok(Response::new(pb::DeleteNeighbourResponse {}))
    }

    async fn flush(
        &self,
        request: Request<pb::FlushNeighboursRequest>,
    ) -> Result<Response<pb::FlushNeighboursResponse>, Status> {
        let request = request.into_inner();
        let filter = NeighbourFilter {
            interface: optional_interface(request.interface)?,
            vrf: optional_vrf(request.vrf)?,
            family: family(request.family)?,
            state: None,
        };
        let deleted = self
            .core
            .call(|reply| NeighbourRequest::Flush(filter, reply).into())
            .await?;
        Ok(Response::new(pb::FlushNeighboursResponse { deleted }))
    }
}

fn state(value: i32) -> Result<Option<NeighbourState>, Status> {
    use pb::NeighbourState as Wire;
    let state = match Wire::try_from(value) {
        Ok(Wire::Unspecified) => return Ok(None),
        Ok(Wire::Incomplete) => NeighbourState::Incomplete,
        Ok(Wire::Reachable) => NeighbourState::Reachable,
        Ok(Wire::Stale) => NeighbourState::Stale,
        Ok(Wire::Delay) => NeighbourState::Delay,
        Ok(Wire::Probe) => NeighbourState::Probe,
        Ok(Wire::Failed) => NeighbourState::Failed,
        Ok(Wire::Permanent) => NeighbourState::Permanent,
        Err(_) => return Err(MessageError::UnknownValue { value }).field("state"),
    };
    Ok(Some(state))
}

impl From<NeighbourState> for pb::NeighbourState {
    fn from(state: NeighbourState) -> Self {
        match state {
            NeighbourState::Incomplete => Self::Incomplete,
            NeighbourState::Reachable => Self::Reachable,
            NeighbourState::Stale => Self::Stale,
            NeighbourState::Delay => Self::Delay,
            NeighbourState::Probe => Self::Probe,
            NeighbourState::Failed => Self::Failed,
            NeighbourState::Permanent => Self::Permanent,
        }
    }
}

impl From<NeighbourView> for pb::Neighbour {
    fn from(neighbour: NeighbourView) -> Self {
        Self {
            interface: neighbour.interface.to_string(),
            address: octets(neighbour.address),
            mac: mac(neighbour.mac),
            state: pb::NeighbourState::from(neighbour.state).into(),
            router: neighbour.router,
            confirmed_ns: neighbour.confirmed.map(nanoseconds),
            held_packets: neighbour.held_packets,
            owner: neighbour
                .owner
                .map_or_else(String::new, |owner| owner.to_string()),
        }
    }
}
