//! What the bridge tells about itself: `BridgeService` on its own socket.

use super::source::Question;
use ferroute_proto::v1;
use ferroute_proto::v1::bridge_service_server::{BridgeService, BridgeServiceServer};
use std::os::unix::net::UnixListener;
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

/// Problems that are listed for each source unless more or fewer are wanted.
const PROBLEMS: usize = 100;

/// All sources, to be asked.
#[derive(Clone, Debug)]
pub(super) struct Sources {
    sources: Vec<mpsc::Sender<Question>>,
    started: Instant,
}

impl Sources {
    /// These sources, started now.
    pub(super) fn new(sources: Vec<mpsc::Sender<Question>>) -> Self {
        Self {
            sources,
            started: Instant::now(),
        }
    }

    /// The state of all.
    pub(super) async fn status(&self, max_problems: usize) -> v1::BridgeStatusResponse {
        let mut sources = Vec::with_capacity(self.sources.len());
        for source in &self.sources {
            let (answer, answered) = oneshot::channel();
            let question = Question {
                max_problems,
                answer,
            };
            // A source that does not answer is ending, and the bridge with it.
            if source.send(question).await.is_ok()
                && let Ok(state) = answered.await
            {
                sources.push(state);
            }
        }
        v1::BridgeStatusResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_ns: u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX),
            sources,
        }
    }
}

#[tonic::async_trait]
impl BridgeService for Sources {
    async fn status(
        &self,
        request: Request<v1::BridgeStatusRequest>,
    ) -> Result<Response<v1::BridgeStatusResponse>, Status> {
        let most = match request.into_inner().max_problems {
            0 => PROBLEMS,
            given => given as usize,
        };
        Ok(Response::new(Self::status(self, most).await))
    }
}

/// Serves until `stop` is done.
pub(super) async fn serve(
    sources: Sources,
    listener: UnixListener,
    stop: impl Future<Output = ()>,
) -> Result<(), super::BridgeError> {
    let listener = tokio::net::UnixListener::from_std(listener)?;
    Server::builder()
        .add_service(BridgeServiceServer::new(sources))
        .serve_with_incoming_shutdown(UnixListenerStream::new(listener), stop)
        .await?;
    Ok(())
}
