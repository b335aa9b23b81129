//! The router's VNIs and the endpoint that they are on, as the daemons' netdevs have them.

use super::keeper::Kept;
use crate::bridge::table::octets;
use crate::model::name::{DomainName, OwnerName, VrfName};
use ferroute_dataplane::mac::Mac;
use ferroute_proto::v1;
use ferroute_proto::v1::overlay_service_client::OverlayServiceClient;
use ferroute_proto::v1::vni_spec::Target;
use prost::bytes::Bytes;
use std::net::IpAddr;
use tonic::transport::Channel;
use tonic::{Code, Status};

/// What a VNI is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::bridge) enum Vni {
    /// Its packets are routed.
    Routed {
        /// The VRF in which they are looked up.
        vrf: VrfName,
        /// The router MAC that the daemons announce.
        router_mac: Mac,
    },
    /// Its frames are bridged in this domain.
    Bridged(DomainName),
}

impl Vni {
    /// Whether the router has it so. What is not said here may be as somebody else wants it.
    fn is(&self, known: &Target) -> bool {
        match (self.target(), known) {
            (Target::Routed(wanted), Target::Routed(known)) => {
                (&known.vrf, &known.router_mac) == (&wanted.vrf, &wanted.router_mac)
            }
            (Target::Bridged(wanted), Target::Bridged(known)) => known.domain == wanted.domain,
            _ => false,
        }
    }

    fn target(&self) -> Target {
        match self {
            Self::Routed { vrf, router_mac } => Target::Routed(v1::RoutedVni {
                vrf: vrf.to_string(),
                router_mac: Bytes::copy_from_slice(&router_mac.octets()),
                ..v1::RoutedVni::default()
            }),
            Self::Bridged(domain) => Target::Bridged(v1::BridgedVni {
                domain: domain.to_string(),
            }),
        }
    }
}

/// VNIs on the endpoint `default`. They stay as long as their owner when nobody wants them any more: packets that are under way
/// go by them.
#[derive(Debug)]
pub(in crate::bridge) struct Vnis {
    /// The owner with whom they go.
    pub(in crate::bridge) owner: OwnerName,
    /// Addresses of the endpoint, which is made if it is not there; none: others make it.
    pub(in crate::bridge) addresses: Vec<IpAddr>,
}

impl Kept for Vnis {
    type Key = u32;
    type Value = Vni;

    async fn call(&self, channel: Channel, vni: u32, wanted: Option<Vni>) -> Result<(), Status> {
        match wanted {
            Some(wanted) => self.put(channel, vni, wanted, true).await,
            None => Ok(()),
        }
    }
}

impl Vnis {
    /// Has the router have a VNI. `again` says that it is to hear of it also if it has it, so that it does not go.
    pub(in crate::bridge) async fn put(
        &self,
        channel: Channel,
        vni: u32,
        wanted: Vni,
        again: bool,
    ) -> Result<(), Status> {
        let mut client = OverlayServiceClient::new(channel);
        let request = v1::GetVniRequest {
            vni,
            ..v1::GetVniRequest::default()
        };
        let known = match client.get_vni(request).await {
            Ok(known) => known.into_inner().spec.and_then(|spec| spec.target),
            Err(status) if status.code() == Code::NotFound => {
                self.endpoint(&mut client).await?;
                None
            }
            Err(status) => return Err(status),
        };
        let is_new = known.is_none();
        let as_wanted = known.filter(|known| wanted.is(known));
        if as_wanted.is_some() && !again {
            return Ok(());
        }
        let spec = Some(v1::VniSpec {
            vni,
            endpoint: String::new(),
            target: Some(as_wanted.unwrap_or_else(|| wanted.target())),
        });
        let owner = self.owner.to_string();
        let done = if is_new {
            let request = v1::CreateVniRequest { spec, owner };
            client.create_vni(request).await
        } else {
            let request = v1::ChangeVniRequest { spec, owner };
            client.change_vni(request).await
        };
        done.map(drop)
    }

    /// Makes the endpoint if there is none. One that an operator made stays as it is.
    async fn endpoint(&self, client: &mut OverlayServiceClient<Channel>) -> Result<(), Status> {
        if self.addresses.is_empty() {
            return Ok(());
        }
        match client.get_endpoint(v1::GetEndpointRequest::default()).await {
            Err(status) if status.code() == Code::NotFound => {}
            other => return other.map(drop),
        }
        let spec = v1::EndpointSpec {
            addresses: self.addresses.iter().copied().map(octets).collect(),
            ..v1::EndpointSpec::default()
        };
        let request = v1::CreateEndpointRequest { spec: Some(spec) };
        match client.create_endpoint(request).await {
            // Another source made it meanwhile.
            Err(status) if status.code() == Code::AlreadyExists => Ok(()),
            other => other.map(drop),
        }
    }
}
