//! What a measurement asks the router, from ordinary blocking code.

use crate::error::PerfError;
use ferroute_proto::v1;
use std::net::IpAddr;
use std::path::Path;
use tokio::runtime::{Builder, Runtime};
use tonic::transport::{Channel, Endpoint};
use tonic::{Response, Status};
use v1::overlay_service_client::OverlayServiceClient;
use v1::route_service_client::RouteServiceClient;
use v1::stats_service_client::StatsServiceClient;

/// A connection to the router's API.
#[derive(Debug)]
pub struct Api {
    runtime: Runtime,
    channel: Channel,
}

/// A runtime of one thread: the caller's.
pub(super) fn runtime() -> Result<Runtime, PerfError> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(PerfError::system("making a runtime"))
}

/// The channel to a router's socket.
pub(super) async fn channel(socket: &Path) -> Result<Channel, Status> {
    let failed = |error: tonic::transport::Error| Status::from_error(error.into());
    let endpoint = Endpoint::try_from(format!("unix://{}", socket.display())).map_err(failed)?;
    endpoint.connect().await.map_err(failed)
}

impl Api {
    pub(super) fn connect(socket: &Path) -> Result<Self, PerfError> {
        let runtime = runtime()?;
        let channel = runtime.block_on(channel(socket))?;
        Ok(Self { runtime, channel })
    }

    /// A connection for a service's client.
    pub(super) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Waits for a call's answer.
    pub(super) fn call<T>(
        &self,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, PerfError> {
        Ok(self.runtime.block_on(call)?.into_inner())
    }

    fn stats(&self) -> StatsServiceClient<Channel> {
        StatsServiceClient::new(self.channel())
    }

    /// The workers.
    ///
    /// # Errors
    /// The API does not answer.
    pub fn workers(&mut self) -> Result<Vec<v1::Worker>, PerfError> {
        let answer = self.call(self.stats().workers(v1::WorkersRequest {}))?;
        Ok(answer.workers)
    }

    /// What the exception path was given and what not, by class.
    ///
    /// # Errors
    /// The API does not answer.
    pub fn punts(&mut self) -> Result<Vec<v1::PuntClass>, PerfError> {
        Ok(self.call(self.stats().punts(v1::PuntsRequest {}))?.classes)
    }

    /// Memory.
    ///
    /// # Errors
    /// The API does not answer.
    pub fn memory(&mut self) -> Result<v1::MemoryResponse, PerfError> {
        self.call(self.stats().memory(v1::MemoryRequest {}))
    }

    fn overlay(&self) -> OverlayServiceClient<Channel> {
        OverlayServiceClient::new(self.channel())
    }

    /// Makes an end of tunnels.
    ///
    /// # Errors
    /// The router refuses.
    pub fn create_endpoint(&mut self, spec: v1::EndpointSpec) -> Result<(), PerfError> {
        let spec = Some(spec);
        self.call(
            self.overlay()
                .create_endpoint(v1::CreateEndpointRequest { spec }),
        )
        .map(drop)
    }

    /// Makes a VNI.
    ///
    /// # Errors
    /// The router refuses.
    pub fn create_vni(&mut self, spec: v1::VniSpec) -> Result<(), PerfError> {
        let spec = Some(spec);
        self.call(self.overlay().create_vni(v1::CreateVniRequest {
            spec,
            ..v1::CreateVniRequest::default()
        }))
        .map(drop)
    }

    /// Removes a VNI of the default endpoint.
    ///
    /// # Errors
    /// The router refuses.
    pub fn delete_vni(&mut self, vni: u32) -> Result<(), PerfError> {
        let request = v1::DeleteVniRequest {
            vni,
            ..v1::DeleteVniRequest::default()
        };
        self.call(self.overlay().delete_vni(request)).map(drop)
    }

    /// Makes an entry of the label table.
    ///
    /// # Errors
    /// The router refuses.
    pub fn put_label(&mut self, spec: v1::LabelSpec) -> Result<(), PerfError> {
        let spec = Some(spec);
        self.call(self.overlay().put_label(v1::PutLabelRequest {
            spec,
            ..v1::PutLabelRequest::default()
        }))
        .map(drop)
    }

    /// What happens to a packet with this destination.
    ///
    /// # Errors
    /// The API does not answer.
    pub fn outcome(&mut self, destination: IpAddr) -> Result<v1::LookupOutcome, PerfError> {
        let mut routes = RouteServiceClient::new(self.channel());
        let request = v1::LookupRequest {
            destination: super::setup::octets(destination),
            ..v1::LookupRequest::default()
        };
        Ok(self.call(routes.lookup(request))?.outcome())
    }
}
