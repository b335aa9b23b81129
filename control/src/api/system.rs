//! `SystemService`.

use super::message::nanoseconds;
use crate::core::handle::CoreHandle;
use crate::core::request::SystemRequest;
use crate::model::system::{ConfigView, SystemView};
use ferroute_proto::v1 as pb;
use ferroute_proto::v1::system_service_server::SystemService;
use tonic::{Request, Response, Status};

/// The service.
#[derive(Clone, Debug)]
pub(super) struct System(pub(super) CoreHandle);

#[tonic::async_trait]
impl SystemService for System {
    async fn info(
        &self,
        _: Request<pb::InfoRequest>,
    ) -> Result<Response<pb::InfoResponse>, Status> {
        let info = self
            .0
            .call(|reply| SystemRequest::Info(reply).into())
            .await?;
        Ok(Response::new(info.into()))
    }

    async fn config(
        &self,
        _: Request<pb::ConfigRequest>,
    ) -> Result<Response<pb::ConfigResponse>, Status> {
        let config = self
            .0
            .call(|reply| SystemRequest::Config(reply).into())
            .await?;
        Ok(Response::new(config.into()))
    }
}

impl From<SystemView> for pb::InfoResponse {
    fn from(system: SystemView) -> Self {
        Self {
            version: system.version.to_owned(),
            dpdk_version: system.dpdk_version,
            uptime_ns: nanoseconds(system.uptime),
            snapshot_epoch: system.snapshot_epoch,
            workers: system.workers.into(),
            pid: std::process::id(),
        }
    }
}

impl From<ConfigView> for pb::ConfigResponse {
    fn from(config: ConfigView) -> Self {
        let path = config.path.map(|path| path.display().to_string());
        Self {
            yaml: config.yaml,
            path: path.unwrap_or_default(),
        }
    }
}
