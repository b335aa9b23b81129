//! The router's label table, as the source's label switched paths are.

use super::keeper::Kept;
use crate::model::name::OwnerName;
use ferroute_proto::v1;
use ferroute_proto::v1::label_spec::Target;
use ferroute_proto::v1::overlay_service_client::OverlayServiceClient;
use tonic::transport::Channel;
use tonic::{Code, Status};

/// Labels: each leads somewhere.
#[derive(Debug)]
pub(in crate::bridge) struct Labels {
    /// The owner with whom they go.
    pub(in crate::bridge) owner: OwnerName,
}

impl Kept for Labels {
    type Key = u32;
    type Value = Target;

    async fn call(
        &self,
        channel: Channel,
        label: u32,
        target: Option<Target>,
    ) -> Result<(), Status> {
        let mut client = OverlayServiceClient::new(channel);
        match target {
            Some(target) => {
                let spec = v1::LabelSpec {
                    label,
                    target: Some(target),
                    ..v1::LabelSpec::default()
                };
                let request = v1::PutLabelRequest {
                    spec: Some(spec),
                    owner: self.owner.to_string(),
                };
                client.put_label(request).await.map(drop)
            }
            None => match client.delete_label(v1::DeleteLabelRequest { label }).await {
                Err(status) if status.code() != Code::NotFound => Err(status),
                _ => Ok(()),
            },
        }
    }
}
