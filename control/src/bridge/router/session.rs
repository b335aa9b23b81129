//! One session with the router: its interfaces, its events, a stream of routes.

use crate::model::name::InterfaceName;
use ferroute_proto::v1;
use ferroute_proto::v1::event_service_client::EventServiceClient;
use ferroute_proto::v1::inject_request::What;
use ferroute_proto::v1::inject_response::What as Answer;
use ferroute_proto::v1::interface_service_client::InterfaceServiceClient;
use ferroute_proto::v1::route_service_client::RouteServiceClient;
use std::collections::BTreeSet;
use std::path::Path;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Status, Streaming};

/// Batches that may be unacknowledged. More would only make the queue long in which changes wait unmerged.
pub(in crate::bridge) const WINDOW: usize = 4;
/// Bytes that may be under way to the router on a stream and a connection: some full batches.
const WINDOW_BYTES: u32 = 4 << 20;

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub(in crate::bridge) enum SessionError {
    /// The router cannot be reached.
    #[error("cannot reach the router: {0}")]
    Unreachable(#[from] tonic::transport::Error),
    /// It refused.
    #[error("the router refused: {}", .0.message())]
    Refused(#[from] Status),
    /// It ended the stream.
    #[error("the router ended the stream")]
    Ended,
}

/// A session.
#[derive(Debug)]
pub(in crate::bridge) struct Session {
    /// The connection, for other calls.
    pub(in crate::bridge) channel: Channel,
    /// The epoch of the owner's routes.
    pub(in crate::bridge) epoch: u64,
    /// The router's interfaces at its beginning; events tell what becomes of them.
    pub(in crate::bridge) interfaces: BTreeSet<InterfaceName>,
    requests: mpsc::Sender<v1::InjectRequest>,
    answers: Streaming<v1::InjectResponse>,
    events: Streaming<v1::Event>,
}

/// What the router says.
#[derive(Debug)]
pub(in crate::bridge) enum Word {
    /// An answer on the stream of routes.
    Answer(Answer),
    /// Something happened to an interface.
    Interface(Box<v1::event::What>),
}

impl Session {
    /// Connects, asks for the interfaces, and opens the stream of routes.
    pub(in crate::bridge) async fn open(
        socket: &Path,
        open: v1::OpenOwner,
    ) -> Result<Self, SessionError> {
        let endpoint = Endpoint::from_shared(format!("unix:{}", socket.display()))?
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES);
        let channel = endpoint.connect().await?;
        // Events first, so that no interface falls between the listing and the events.
        let kinds = [v1::EventKind::Interface, v1::EventKind::Address];
        let watch = v1::WatchRequest {
            kinds: kinds.map(i32::from).to_vec(),
            ..v1::WatchRequest::default()
        };
        let events = EventServiceClient::new(channel.clone())
            .watch(watch)
            .await?
            .into_inner();
        let interfaces = interfaces(&channel).await?;
        let (requests, stream) = mpsc::channel(WINDOW + 2);
        let what = Some(What::Open(open));
        // The channel is new and has room.
        let _ = requests.send(v1::InjectRequest { what }).await;
        let mut answers = RouteServiceClient::new(channel.clone())
            .inject(ReceiverStream::new(stream))
            .await?
            .into_inner();
        let first = answers.message().await?.and_then(|answer| answer.what);
        let Some(Answer::Opened(opened)) = first else {
            return Err(SessionError::Ended);
        };
        Ok(Self {
            channel,
            epoch: opened.epoch,
            interfaces,
            requests,
            answers,
            events,
        })
    }

    /// Sends something, if the router listens still.
    pub(in crate::bridge) fn send(&self, what: What) -> Result<(), SessionError> {
        let request = v1::InjectRequest { what: Some(what) };
        self.requests
            .try_send(request)
            .map_err(|_| SessionError::Ended)
    }

    /// Waits for the router's next word. Nothing is lost when the waiting is given up.
    pub(in crate::bridge) async fn word(&mut self) -> Result<Word, SessionError> {
        loop {
            tokio::select! {
                answer = self.answers.message() => {
                    let answer = answer?.ok_or(SessionError::Ended)?;
                    if let Some(answer) = answer.what {
                        return Ok(Word::Answer(answer));
                    }
                }
                event = self.events.message() => {
                    let event = event?.ok_or(SessionError::Ended)?;
                    if let Some(what) = event.what {
                        return Ok(Word::Interface(Box::new(what)));
                    }
                }
            }
        }
    }
}

/// The names of the router's interfaces.
pub(in crate::bridge) async fn interfaces(
    channel: &Channel,
) -> Result<BTreeSet<InterfaceName>, Status> {
    let mut client = InterfaceServiceClient::new(channel.clone());
    let listed = client
        .list(v1::ListInterfacesRequest::default())
        .await?
        .into_inner();
    let names = listed.interfaces.iter();
    Ok(names
        .filter_map(|interface| interface.name.parse().ok())
        .collect())
}
