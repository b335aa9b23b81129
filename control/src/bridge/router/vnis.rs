//! The router's routed VNIs and the endpoint that they are on, as the daemons' netdevs have them.

use super::keeper::Kept;
use crate::bridge::table::octets;
use crate::model::name::VrfName;
use ferroute_dataplane::mac::Mac;
use ferroute_proto::v1;
use ferroute_proto::v1::overlay_service_client::OverlayServiceClient;
use ferroute_proto::v1::vni_spec::Target;
use prost::bytes::Bytes;
use std::net::IpAddr;
use tonic::transport::Channel;
use tonic::{Code, Status};

/// What a routed VNI is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::bridge) struct Routed {
    /// The VRF in which its packets are looked up.
    pub(in crate::bridge) vrf: VrfName,
    /// The router MAC that the daemons announce.
    pub(in crate::bridge) router_mac: Mac,
}

/// Routed VNIs on the endpoint `default`. They stay when nobody wants them any more: packets that are under way go by them.
#[derive(Debug)]
pub(in crate::bridge) struct Vnis {
    /// Addresses of the endpoint, which is made if it is not there; none: others make it.
    pub(in crate::bridge) addresses: Vec<IpAddr>,
}

impl Kept for Vnis {
    type Key = u32;
    type Value = Routed;

    async fn call(&self, channel: Channel, vni: u32, routed: Option<Routed>) -> Result<(), Status> {
        let Some(routed) = routed else {
            return Ok(());
        };
        let mut client = OverlayServiceClient::new(channel);
        let (known, endpoint) = (
            v1::GetVniRequest {
                vni,
                ..v1::GetVniRequest::default()
            },
            String::new(),
        );
        let wanted = v1::RoutedVni {
            vrf: routed.vrf.to_string(),
            router_mac: Bytes::copy_from_slice(&routed.router_mac.octets()),
            ..v1::RoutedVni::default()
        };
        let known = match client.get_vni(known).await {
            Ok(known) => known.into_inner().spec.and_then(|spec| spec.target),
            Err(status) if status.code() == Code::NotFound => {
                self.endpoint(&mut client).await?;
                None
            }
            Err(status) => return Err(status),
        };
        let spec = |target| {
            Some(v1::VniSpec {
                vni,
                endpoint,
                target: Some(Target::Routed(target)),
            })
        };
        match known {
            None => {
                let spec = spec(wanted);
                client.create_vni(v1::CreateVniRequest { spec }).await?;
            }
            Some(Target::Routed(known))
                if (&known.vrf, &known.router_mac) == (&wanted.vrf, &wanted.router_mac) => {}
            Some(_) => {
                let spec = spec(wanted);
                client.change_vni(v1::ChangeVniRequest { spec }).await?;
            }
        }
        Ok(())
    }
}

impl Vnis {
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
        client.create_endpoint(request).await.map(drop)
    }
}
