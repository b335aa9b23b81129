//! `NextHopService`, and next hops as messages.

use super::message::{octets, required};
use super::status::Field;
use super::streams::{Answers, Stop, pages};
use crate::core::handle::CoreHandle;
use crate::core::request::NextHopRequest;
use crate::model::name::OwnerName;
use crate::model::nexthop::{
    AdjacencyView, MAX_NEXT_HOPS, NextHopEntry, NextHopKey, NextHopSet, NextHopSpec, NextHops,
    ResolvedMember, Via,
};
use crate::model::number::{NextHopSetId, Weight};
use crate::model::owner::OwnerError;
use crate::model::prefix;
use crate::model::refusal::RouteError;
use ferroute_dataplane::ids::{GroupId, NextHopId};
use ferroute_proto::v1 as pb;
use ferroute_proto::v1::next_hop_service_server::NextHopService;
use std::net::IpAddr;
use tonic::{Request, Response, Status};

/// The service.
#[derive(Clone, Debug)]
pub(super) struct NextHopSets {
    pub(super) core: CoreHandle,
    pub(super) stop: Stop,
}

#[tonic::async_trait]
impl NextHopService for NextHopSets {
    type ListStream = Answers<pb::ListNextHopsResponse>;

    async fn put(
        &self,
        request: Request<pb::PutNextHopSetRequest>,
    ) -> Result<Response<pb::NextHopEntry>, Status> {
        let request = request.into_inner();
        let owner = client(&request.owner)?;
        let set = set(&required(request.set, "set")?).field("set")?;
        let entry = self
            .core
            .call(|reply| NextHopRequest::Put(owner, set, reply).into())
            .await?;
        Ok(Response::new(entry.into()))
    }

    async fn delete(
        &self,
        request: Request<pb::DeleteNextHopSetRequest>,
    ) -> Result<Response<pb::DeleteNextHopSetResponse>, Status> {
        let request = request.get_ref();
        let owner = client(&request.owner)?;
        let id = set_id(request.id).field("id")?;
        self.core
            .call(|reply| NextHopRequest::Delete(owner, id, reply).into())
            .await?;
        Ok(Response::new(pb::DeleteNextHopSetResponse {}))
    }

    async fn get(
        &self,
        request: Request<pb::GetNextHopRequest>,
    ) -> Result<Response<pb::NextHopEntry>, Status> {
        let key = match required(request.into_inner().key, "key")? {
            pb::get_next_hop_request::Key::Id(id) => NextHopKey::Id(NextHopId::new(id)),
            pb::get_next_hop_request::Key::Set(set) => NextHopKey::Set(
                set.owner.parse::<OwnerName>().field("set.owner")?,
                set_id(set.id).field("set.id")?,
            ),
        };
        let entry = self
            .core
            .call(|reply| NextHopRequest::Get(key, reply).into())
            .await?;
        Ok(Response::new(entry.into()))
    }

    async fn list(
        &self,
        request: Request<pb::ListNextHopsRequest>,
    ) -> Result<Response<Self::ListStream>, Status> {
        let owner = request.into_inner().owner;
        let owner = Some(owner).filter(|name| !name.is_empty());
        let owner = owner
            .map(|name| name.parse::<OwnerName>())
            .transpose()
            .field("owner")?;
        let core = self.core.clone();
        let fetch = move |from| {
            let core = core.clone();
            async move {
                core.call(|reply| NextHopRequest::List(owner, from, reply).into())
                    .await
            }
        };
        let list = pages(fetch, |entries| pb::ListNextHopsResponse { entries });
        Ok(Response::new(self.stop.guard(list)))
    }
}

/// An owner for whom a client may speak.
fn client(name: &str) -> Result<OwnerName, Status> {
    let owner = name.parse::<OwnerName>().field("owner")?;
    if owner.is_reserved() {
        Err(OwnerError::Reserved { owner }).field("owner")
    } else {
        Ok(owner)
    }
}

/// The number of a set.
pub(super) fn set_id(id: u32) -> Result<NextHopSetId, RouteError> {
    NextHopSetId::try_from(id).map_err(|_| RouteError::SetNumber)
}

/// The set that a message describes.
pub(super) fn set(set: &pb::NextHopSet) -> Result<NextHopSet, RouteError> {
    Ok(NextHopSet {
        id: set_id(set.id)?,
        next_hops: next_hops(&set.next_hops)?,
    })
}

/// The next hops that a message lists.
pub(super) fn next_hops(list: &[pb::NextHop]) -> Result<NextHops, RouteError> {
    // Counted before they are converted, so that an absurd list costs nothing.
    if list.len() > MAX_NEXT_HOPS {
        return Err(RouteError::TooManyNextHops {
            count: list.len(),
            limit: MAX_NEXT_HOPS,
        });
    }
    list.iter()
        .map(next_hop)
        .collect::<Result<Vec<_>, _>>()?
        .try_into()
}

fn next_hop(hop: &pb::NextHop) -> Result<NextHopSpec, RouteError> {
    let gateway = if hop.gateway.is_empty() {
        None
    } else {
        Some(gateway(&hop.gateway)?)
    };
    let interface = if hop.interface.is_empty() {
        None
    } else {
        Some(hop.interface.parse()?)
    };
    let vrf = if hop.vrf.is_empty() {
        None
    } else {
        Some(hop.vrf.parse()?)
    };
    let form = |problem| RouteError::NextHopForm { problem };
    let via = match (gateway, interface, vrf) {
        (Some(gateway), Some(interface), None) => Via::Neighbour {
            gateway,
            interface,
            onlink: hop.onlink,
        },
        _ if hop.onlink => return Err(form("onlink needs a gateway and an interface")),
        (Some(gateway), None, vrf) => {
            if matches!(gateway, IpAddr::V6(v6) if v6.is_unicast_link_local()) {
                return Err(RouteError::InvalidGateway { gateway });
            }
            Via::Recursive { gateway, vrf }
        }
        (None, Some(interface), None) => Via::Link(interface),
        (None, None, Some(vrf)) => Via::Vrf(vrf),
        (_, Some(_), Some(_)) => {
            return Err(form(
                "an interface belongs to its VRF; give the one or the other",
            ));
        }
        (None, None, None) => {
            return Err(form("a next hop needs a gateway, an interface or a VRF"));
        }
    };
    let weight = Weight::try_from(hop.weight.max(1))
        .map_err(|_| RouteError::BadWeight { weight: hop.weight })?;
    Ok(NextHopSpec { via, weight })
}

fn gateway(octets: &[u8]) -> Result<IpAddr, RouteError> {
    Ok(prefix::station(octets)?)
}

/// The messages for next hops.
pub(super) fn wire(hops: &NextHops) -> Vec<pb::NextHop> {
    hops.as_slice().iter().copied().map(Into::into).collect()
}

impl From<NextHopSpec> for pb::NextHop {
    fn from(hop: NextHopSpec) -> Self {
        let mut wire = Self {
            weight: hop.weight.get().into(),
            ..Self::default()
        };
        match hop.via {
            Via::Recursive { gateway, vrf } => {
                wire.gateway = octets(gateway);
                wire.vrf = vrf.map(|vrf| vrf.to_string()).unwrap_or_default();
            }
            Via::Neighbour {
                gateway,
                interface,
                onlink,
            } => {
                wire.gateway = octets(gateway);
                wire.interface = interface.to_string();
                wire.onlink = onlink;
            }
            Via::Link(interface) => wire.interface = interface.to_string(),
            Via::Vrf(vrf) => wire.vrf = vrf.to_string(),
        }
        wire
    }
}

impl From<NextHopEntry> for pb::NextHopEntry {
    fn from(entry: NextHopEntry) -> Self {
        let (owner, id) = match entry.declared {
            Some((owner, id)) => (owner.to_string(), id.get()),
            None => (String::new(), 0),
        };
        Self {
            id: entry.id.map_or(0, NextHopId::get),
            owner,
            set: Some(pb::NextHopSet {
                id,
                next_hops: wire(&entry.next_hops),
            }),
            prefixes: entry.prefixes,
            members: entry.members.into_iter().map(Into::into).collect(),
            group: entry.group.map_or(0, GroupId::get),
            stale: entry.stale,
        }
    }
}

impl From<ResolvedMember> for pb::ResolvedMember {
    fn from(member: ResolvedMember) -> Self {
        Self {
            adjacency: Some(member.adjacency.into()),
            weight: member.weight,
            buckets: member.buckets,
        }
    }
}

impl From<AdjacencyView> for pb::Adjacency {
    fn from(adjacency: AdjacencyView) -> Self {
        Self {
            id: adjacency.id.get(),
            interface: adjacency.interface.to_string(),
            port: adjacency
                .port
                .map(|port| port.to_string())
                .unwrap_or_default(),
            neighbour: adjacency.neighbour.map(octets).unwrap_or_default(),
            resolved: adjacency.rewrite.is_some(),
            rewrite: adjacency.rewrite.unwrap_or_default().into(),
            mtu: adjacency.mtu.into(),
            traffic: Some(adjacency.traffic.into()),
        }
    }
}
