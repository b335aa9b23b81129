//! Routes over the Inject stream, encoded beforehand and acknowledged batch by batch.

use super::api::{channel, runtime};
use super::codec::Encoded;
use super::setup::octets;
use crate::error::PerfError;
use bytes::Bytes;
use ferroute_proto::v1::inject_request::What;
use ferroute_proto::v1::inject_response::What as Answer;
use ferroute_proto::v1::{
    InjectRequest, InjectResponse, NextHopSet, OpenOwner, Refused, Route, RouteBatch,
};
use ipnet::IpNet;
use prost::Message;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Request, Status, Streaming};

const METHOD: &str = "/ferroute.v1.RouteService/Inject";
/// Batches that may wait for the connection; HTTP/2's own windows say how many are under way.
const QUEUE: usize = 16;
/// Routes in a batch: "a few thousand serve best".
pub const BATCH: usize = 4_096;

/// A batch as it goes over the wire.
#[derive(Clone, Debug)]
pub struct Batch(Bytes);

impl Batch {
    fn of(batch: RouteBatch) -> Self {
        Self::encode(What::Batch(batch))
    }

    fn encode(what: What) -> Self {
        Self(InjectRequest { what: Some(what) }.encode_to_vec().into())
    }

    /// A batch that makes or replaces sets of next hops.
    #[must_use]
    pub fn sets(sets: Vec<NextHopSet>) -> Self {
        Self::of(RouteBatch {
            next_hop_sets: sets,
            ..RouteBatch::default()
        })
    }

    /// A batch of changes.
    #[must_use]
    pub fn changes(changes: impl IntoIterator<Item = Change>) -> Self {
        let routes = changes.into_iter().map(Change::route).collect();
        Self::of(RouteBatch {
            routes,
            ..RouteBatch::default()
        })
    }

    /// Batches of [`BATCH`] changes.
    #[must_use]
    pub fn table(changes: &[Change]) -> Vec<Self> {
        changes
            .chunks(BATCH)
            .map(|chunk| Self::changes(chunk.iter().copied()))
            .collect()
    }
}

/// What is said of a prefix.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// It leads to this set of next hops.
    Set(IpNet, u32),
    /// It is withdrawn.
    Withdraw(IpNet),
}

impl Change {
    fn route(self) -> Route {
        let (net, next_hop_set, withdraw) = match self {
            Self::Set(net, set) => (net, set, false),
            Self::Withdraw(net) => (net, 0, true),
        };
        Route {
            address: octets(net.network()),
            length: net.prefix_len().into(),
            next_hop_set,
            withdraw,
            ..Route::default()
        }
    }
}

/// An open stream of one owner.
#[derive(Debug)]
pub struct Injector {
    runtime: Runtime,
    requests: mpsc::Sender<Bytes>,
    answers: Streaming<InjectResponse>,
}

impl Injector {
    /// Opens a stream as `owner`.
    pub(super) fn open(socket: &Path, owner: &str) -> Result<Self, PerfError> {
        let runtime = runtime()?;
        let (requests, queue) = mpsc::channel(QUEUE);
        let open = OpenOwner {
            owner: owner.to_owned(),
            ..OpenOwner::default()
        };
        let open = Batch::encode(What::Open(open)).0;
        let answers = runtime.block_on(async {
            let mut client = Grpc::new(channel(socket).await?);
            // The router may answer with its headers only once it has read the first message.
            let _ = requests.send(open).await;
            client
                .ready()
                .await
                .map_err(|error| Status::from_error(error.into()))?;
            let request = Request::new(ReceiverStream::new(queue));
            let path = PathAndQuery::from_static(METHOD);
            let mut answers = client.streaming(request, path, Encoded).await?.into_inner();
            match answers.message().await? {
                Some(InjectResponse {
                    what: Some(Answer::Opened(_)),
                }) => Ok(answers),
                _ => Err(Status::cancelled("the stream was not opened")),
            }
        })?;
        Ok(Self {
            runtime,
            requests,
            answers,
        })
    }

    /// Sends batches, as fast as the router takes them, and waits until all are acknowledged: the time from before the
    /// first byte until the workers see the last route.
    ///
    /// # Errors
    /// Something was refused, or the stream ended.
    pub fn send(&mut self, batches: &[Batch]) -> Result<Duration, PerfError> {
        let Self {
            runtime,
            requests,
            answers,
        } = self;
        let send = async {
            for batch in batches {
                requests
                    .send(batch.0.clone())
                    .await
                    .map_err(|_| PerfError::StreamEnded)?;
            }
            Ok(())
        };
        let start = Instant::now();
        runtime.block_on(async { tokio::try_join!(send, acknowledged(answers, batches.len())) })?;
        Ok(start.elapsed())
    }
}

/// Waits for this many acknowledgements.
async fn acknowledged(
    answers: &mut Streaming<InjectResponse>,
    count: usize,
) -> Result<(), PerfError> {
    let mut first: Option<Refused> = None;
    let (mut acks, mut refused) = (0, 0);
    while acks < count {
        match answers.message().await?.ok_or(PerfError::StreamEnded)?.what {
            Some(Answer::Ack(ack)) => {
                acks += 1;
                refused += u64::from(ack.refused);
            }
            Some(Answer::Refused(refused)) if first.is_none() => first = Some(refused),
            Some(Answer::Refused(_) | Answer::Opened(_)) | None => {}
        }
    }
    match first {
        None => Ok(()),
        Some(first) => Err(PerfError::Refused {
            count: refused,
            reason: first.reason().as_str_name().to_owned(),
            message: first.message,
        }),
    }
}
