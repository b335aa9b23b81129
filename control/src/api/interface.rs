//! `InterfaceService`.

use super::message::{
    MessageError, at_most, interface_name, mac, mtu, optional_vrf, required, vrf_name,
};
use super::status::Field;
use crate::core::handle::CoreHandle;
use crate::core::request::InterfaceRequest;
use crate::model::interface::{
    InterfaceChange, InterfaceCounters, InterfaceKind, InterfaceSpec, InterfaceView, VirtualKind,
};
use crate::model::number::VlanId;
use crate::model::prefix::InterfaceAddress;
use ferroute_proto::v1 as pb;
use ferroute_proto::v1::interface_service_server::InterfaceService;
use tonic::{Request, Response, Status};

/// Most addresses that an interface can be made with; more can be added later.
const MAX_ADDRESSES: usize = 64;

/// The service.
#[derive(Clone, Debug)]
pub(super) struct Interfaces(pub(super) CoreHandle);

#[tonic::async_trait]
impl InterfaceService for Interfaces {
    async fn create(
        &self,
        request: Request<pb::CreateInterfaceRequest>,
    ) -> Result<Response<pb::Interface>, Status> {
        let spec = Box::new(required(request.into_inner().spec, "spec")?.try_into()?);
        let interface = self
            .0
            .call(|reply| InterfaceRequest::Create(spec, reply).into())
            .await?;
        Ok(Response::new(interface.into()))
    }

    async fn delete(
        &self,
        request: Request<pb::DeleteInterfaceRequest>,
    ) -> Result<Response<pb::DeleteInterfaceResponse>, Status> {
        let name = interface_name(&request.get_ref().name, "name")?;
        self.0
            .call(|reply| InterfaceRequest::Delete(name, reply).into())
            .await?;
        Ok(Response::new(pb::DeleteInterfaceResponse {}))
    }

    async fn change(
        &self,
        request: Request<pb::ChangeInterfaceRequest>,
    ) -> Result<Response<pb::Interface>, Status> {
        let request = request.into_inner();
        let name = interface_name(&request.name, "name")?;
        let change = InterfaceChange {
            admin_up: request.admin_up,
            mtu: request.mtu.map(mtu).transpose().field("mtu")?,
            vrf: optional_vrf(request.vrf)?,
            mpls: request.mpls_input,
            tcp_mtu: request.tcp_mtu.map(mtu).transpose().field("tcp_mtu")?,
        };
        let interface = self
            .0
            .call(|reply| InterfaceRequest::Change(name, change, reply).into())
            .await?;
        Ok(Response::new(interface.into()))
    }

    async fn add_address(
        &self,
        request: Request<pb::AddAddressRequest>,
    ) -> Result<Response<pb::Interface>, Status> {
        let request = request.into_inner();
        let name = interface_name(&request.interface, "interface")?;
        let address = address(&required(request.address, "address")?, "address")?;
        let interface = self
            .0
            .call(|reply| InterfaceRequest::AddAddress(name, address, reply).into())
            .await?;
        Ok(Response::new(interface.into()))
    }

    async fn remove_address(
        &self,
        request: Request<pb::RemoveAddressRequest>,
    ) -> Result<Response<pb::Interface>, Status> {
        let request = request.into_inner();
        let name = interface_name(&request.interface, "interface")?;
        let address = address(&required(request.address, "address")?, "address")?;
        let interface = self
            .0
            .call(|reply| InterfaceRequest::RemoveAddress(name, address, reply).into())
            .await?;
        Ok(Response::new(interface.into()))
    }

    async fn get(
        &self,
        request: Request<pb::GetInterfaceRequest>,
    ) -> Result<Response<pb::Interface>, Status> {
        let name = interface_name(&request.get_ref().name, "name")?;
        let interface = self
            .0
            .call(|reply| InterfaceRequest::Get(name, reply).into())
            .await?;
        Ok(Response::new(interface.into()))
    }

    async fn list(
        &self,
        request: Request<pb::ListInterfacesRequest>,
    ) -> Result<Response<pb::ListInterfacesResponse>, Status> {
        let vrf = optional_vrf(request.into_inner().vrf)?;
        let interfaces = self
            .0
            .call(|reply| InterfaceRequest::List(vrf, reply).into())
            .await?;
        let interfaces = interfaces.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListInterfacesResponse { interfaces }))
    }
}

/// The address in a field.
pub(super) fn address(
    address: &pb::InterfaceAddress,
    field: &str,
) -> Result<InterfaceAddress, Status> {
    InterfaceAddress::from_octets(&address.address, address.length).field(field)
}

impl TryFrom<pb::InterfaceSpec> for InterfaceSpec {
    type Error = Status;

    fn try_from(spec: pb::InterfaceSpec) -> Result<Self, Status> {
        let kind = match required(spec.kind, "spec.kind")? {
            pb::interface_spec::Kind::Vlan(vlan) => VirtualKind::Vlan {
                parent: interface_name(&vlan.parent, "spec.vlan.parent")?,
                vlan_id: VlanId::try_from(vlan.vlan_id).field("spec.vlan.vlan_id")?,
            },
            pb::interface_spec::Kind::Loopback(pb::Loopback {}) => VirtualKind::Loopback,
        };
        let mut addresses = Vec::new();
        for (place, given) in at_most(spec.addresses, MAX_ADDRESSES, "spec.addresses")?
            .iter()
            .enumerate()
        {
            let field = format!("spec.addresses[{place}]");
            let given = address(given, &field)?;
            if addresses.contains(&given) {
                return Err(MessageError::Twice).field(&field);
            }
            addresses.push(given);
        }
        Ok(Self {
            name: interface_name(&spec.name, "spec.name")?,
            kind,
            vrf: vrf_name(&spec.vrf).field("spec.vrf")?,
            mtu: mtu(spec.mtu).field("spec.mtu")?,
            admin_up: spec.admin_up,
            addresses,
        })
    }
}

impl From<InterfaceView> for pb::Interface {
    fn from(interface: InterfaceView) -> Self {
        use pb::interface::Kind;
        let name = interface.name.to_string();
        let kind = match interface.kind {
            InterfaceKind::Port => Kind::Port(pb::PortInterface { port: name.clone() }),
            InterfaceKind::Virtual(VirtualKind::Vlan { parent, vlan_id }) => Kind::Vlan(pb::Vlan {
                parent: parent.to_string(),
                vlan_id: vlan_id.get().into(),
            }),
            InterfaceKind::Virtual(VirtualKind::Loopback) => Kind::Loopback(pb::Loopback {}),
            InterfaceKind::Vxlan { vni, endpoint } => Kind::Vxlan(pb::VxlanInterface {
                vni: vni.get(),
                endpoint: endpoint.to_string(),
            }),
            InterfaceKind::Mpls => Kind::Mpls(pb::MplsInterface {}),
            InterfaceKind::Bridge { domain } => Kind::Bridge(pb::BridgeInterface {
                domain: domain.to_string(),
            }),
            InterfaceKind::Ip { endpoint } => Kind::Ip(pb::IpTunnelInterface {
                endpoint: endpoint.to_string(),
            }),
        };
        let twin = interface.twin.map(|twin| pb::Twin {
            name: twin.name.to_string(),
            namespace: twin.namespace.unwrap_or_default(),
            ifindex: twin.ifindex,
        });
        Self {
            name,
            id: interface.id.get(),
            kind: Some(kind),
            vrf: interface.vrf.to_string(),
            mtu: interface.mtu.get().into(),
            admin_up: interface.admin_up,
            oper_up: interface.oper_up,
            mpls_input: interface.mpls,
            tcp_mtu: interface
                .tcp_mtu
                .exactly()
                .map_or(0, |mtu| mtu.get().into()),
            bridge_domain: interface
                .bridge_domain
                .map(|domain| domain.to_string())
                .unwrap_or_default(),
            mac: mac(interface.mac),
            addresses: interface.addresses.into_iter().map(Into::into).collect(),
            twin,
            counters: Some(interface.counters.into()),
        }
    }
}

impl From<InterfaceCounters> for pb::InterfaceCounters {
    fn from(counters: InterfaceCounters) -> Self {
        Self {
            rx: Some(counters.rx.into()),
            tx: Some(counters.tx.into()),
            punted_packets: counters.punted_packets,
            dropped_packets: counters.dropped_packets,
        }
    }
}
