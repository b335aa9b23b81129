//! The router's permanent neighbours, as the kernel has them.

use super::keeper::Kept;
use crate::bridge::table::octets;
use crate::model::name::{InterfaceName, OwnerName};
use ferroute_dataplane::mac::Mac;
use ferroute_proto::v1;
use ferroute_proto::v1::neighbour_service_client::NeighbourServiceClient;
use prost::bytes::Bytes;
use std::net::IpAddr;
use tonic::transport::Channel;
use tonic::{Code, Status};

/// Neighbours: each has an Ethernet address.
#[derive(Debug)]
pub(in crate::bridge) struct Neighbours {
    /// The owner with whom they go.
    pub(in crate::bridge) owner: OwnerName,
}

impl Kept for Neighbours {
    type Key = (InterfaceName, IpAddr);
    type Value = Mac;

    async fn call(
        &self,
        channel: Channel,
        (interface, address): Self::Key,
        mac: Option<Mac>,
    ) -> Result<(), Status> {
        let mut client = NeighbourServiceClient::new(channel);
        let (interface, address) = (interface.to_string(), octets(address));
        match mac {
            Some(mac) => {
                let mac = Bytes::copy_from_slice(&mac.octets());
                let request = v1::AddNeighbourRequest {
                    interface,
                    address,
                    mac,
                    owner: self.owner.to_string(),
                };
                client.add(request).await.map(drop)
            }
            None => {
                let request = v1::DeleteNeighbourRequest { interface, address };
                match client.delete(request).await {
                    Err(status) if status.code() != Code::NotFound => Err(status),
                    _ => Ok(()),
                }
            }
        }
    }
}
