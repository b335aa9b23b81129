//! `NextHopService`, and next hops as messages.

use super::message::{mac, octets, required};
use super::status::Field;
use super::streams::{Answers, Stop, pages};
use crate::core::handle::CoreHandle;
use crate::core::request::NextHopRequest;
use crate::model::name::{EndpointName, NameError, OwnerName};
use crate::model::nexthop::{
    AdjacencyView, HopView, MAX_NEXT_HOPS, NextHopEntry, NextHopKey, NextHopSet, NextHopSpec,
    NextHops, ResolvedMember, TunnelHop, Via,
};
use crate::model::number::{NextHopSetId, Weight};
use crate::model::owner::OwnerError;
use crate::model::prefix;
use crate::model::refusal::RouteError;
use crate::nexthop::Encap;
use ferroute_dataplane::ids::{GroupId, NextHopId};
use ferroute_dataplane::wire::mpls::{Label, LabelStack};
use ferroute_dataplane::wire::vxlan::Vni;
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

/// The owner with whom something is to go, if one is named.
pub(super) fn optional_owner(name: &str) -> Result<Option<OwnerName>, Status> {
    (!name.is_empty()).then(|| client(name)).transpose()
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
        (Some(remote), None, None)
            if hop.encap.is_some() && !hop.onlink && !is_link_local(remote) =>
        {
            Via::Tunnel(Box::new(tunnel(remote, hop.encap.as_ref())?))
        }
        _ if hop.encap.is_some() => {
            return Err(form(
                "a tunnel needs a remote end, and that alone, as its gateway",
            ));
        }
        (Some(gateway), Some(interface), None) => Via::Neighbour {
            gateway,
            interface,
            onlink: hop.onlink,
        },
        _ if hop.onlink => return Err(form("onlink needs a gateway and an interface")),
        (Some(gateway), None, vrf) => {
            if is_link_local(gateway) {
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

fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

/// The endpoint with this name; an empty one means the endpoint `default`.
pub(super) fn endpoint_name(text: &str) -> Result<EndpointName, NameError> {
    if text.is_empty() {
        Ok(EndpointName::default())
    } else {
        text.parse()
    }
}

fn tunnel(remote: IpAddr, encap: Option<&pb::Encap>) -> Result<TunnelHop, RouteError> {
    use pb::encap::Kind;
    let bad = |problem: &dyn std::fmt::Display| RouteError::BadEncap {
        problem: problem.to_string(),
    };
    let stack = |given: &pb::LabelEncap| {
        let labels = given.labels.iter().map(|label| Label::new(*label));
        let labels: Vec<_> = labels.collect::<Result<_, _>>().map_err(|e| bad(&e))?;
        LabelStack::new(&labels).map_err(|e| bad(&e))
    };
    let kind = match encap.and_then(|encap| encap.kind.as_ref()) {
        Some(Kind::Vxlan(vxlan)) => Encap::Vxlan {
            vni: Vni::new(vxlan.vni).map_err(|e| bad(&e))?,
            router_mac: prefix::station_mac(&vxlan.router_mac).map_err(|e| bad(&e))?,
        },
        Some(Kind::MplsUdp(labels)) => Encap::MplsUdp(stack(labels)?),
        Some(Kind::Mpls(labels)) => Encap::Mpls(stack(labels)?),
        Some(Kind::Ipip(pb::IpIpEncap {})) => Encap::IpIp,
        Some(Kind::Gue(pb::GueEncap {})) => Encap::Gue,
        None => return Err(bad(&"the kind of the encapsulation is not known")),
    };
    Ok(TunnelHop {
        remote,
        endpoint: endpoint_name(encap.map_or("", |encap| &encap.endpoint))?,
        encap: kind,
    })
}

/// The message for an encapsulation.
pub(super) fn encap(endpoint: EndpointName, encap: &Encap) -> pb::Encap {
    use pb::encap::Kind;
    let stack = |stack: &LabelStack| pb::LabelEncap {
        labels: stack.labels().iter().map(|label| label.get()).collect(),
    };
    let vxlan = |vni: Vni, router_mac| {
        Kind::Vxlan(pb::VxlanEncap {
            vni: vni.get(),
            router_mac: mac(router_mac),
        })
    };
    let kind = match encap {
        Encap::Vxlan { vni, router_mac } => vxlan(*vni, Some(*router_mac)),
        Encap::VxlanBridged { vni } => vxlan(*vni, None),
        Encap::MplsUdp(labels) => Kind::MplsUdp(stack(labels)),
        Encap::Mpls(labels) => Kind::Mpls(stack(labels)),
        Encap::IpIp => Kind::Ipip(pb::IpIpEncap {}),
        Encap::Gue => Kind::Gue(pb::GueEncap {}),
    };
    pb::Encap {
        endpoint: endpoint.to_string(),
        kind: Some(kind),
    }
}

fn gateway(octets: &[u8]) -> Result<IpAddr, RouteError> {
    Ok(prefix::station(octets)?)
}

/// The messages for next hops.
pub(super) fn wire(hops: &NextHops) -> Vec<pb::NextHop> {
    hops.as_slice().iter().map(Into::into).collect()
}

impl From<&NextHopSpec> for pb::NextHop {
    fn from(hop: &NextHopSpec) -> Self {
        let mut wire = Self {
            weight: hop.weight.get().into(),
            ..Self::default()
        };
        match &hop.via {
            Via::Recursive { gateway, vrf } => {
                wire.gateway = octets(*gateway);
                wire.vrf = vrf.map(|vrf| vrf.to_string()).unwrap_or_default();
            }
            Via::Neighbour {
                gateway,
                interface,
                onlink,
            } => {
                wire.gateway = octets(*gateway);
                wire.interface = interface.to_string();
                wire.onlink = *onlink;
            }
            Via::Link(interface) => wire.interface = interface.to_string(),
            Via::Vrf(vrf) => wire.vrf = vrf.to_string(),
            Via::Tunnel(tunnel) => {
                wire.gateway = octets(tunnel.remote);
                wire.encap = Some(encap(tunnel.endpoint, &tunnel.encap));
            }
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
        let mut wire = Self {
            weight: member.weight,
            buckets: member.buckets,
            ..Self::default()
        };
        match member.hop {
            HopView::Adjacency(adjacency) => wire.adjacency = Some(adjacency.into()),
            HopView::Tunnel {
                id,
                header,
                underlay,
            } => {
                wire.tunnel = id.get();
                wire.tunnel_header = header.into();
                wire.underlay = underlay.into_iter().map(Into::into).collect();
            }
        }
        wire
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
