//! The stream on which an owner injects routes.
//!
//! ```text
//!  client ──▶ reader task ──batch──▶ core
//!                 │  due answers, in order, bounded
//!                 ▼
//!  client ◀── answers: wait for the core, then `refused` …, `ack`
//! ```
//!
//! The reader does not wait for the core's answer before it sends the next batch, so a client keeps
//! many in flight. It stops reading when [`DUE`] answers are due or when the core's room for routes
//! is taken; HTTP/2 flow control then holds the client. The session ends with the reader, which ends with
//! the stream, whatever the reason.

use super::decode::{Decoded, Defaults, InjectError, to_client};
use super::encode;
use crate::api::status::{Field, status};
use crate::core::handle::{CoreHandle, Pending, Session};
use crate::model::event::Happening;
use crate::model::name::OwnerName;
use crate::model::number::{Distance, Epoch, Metric, RangeError};
use crate::model::owner::{MAX_GRACE, OwnerError, OwnerLife, OwnerOpen, OwnerOpened};
use crate::model::reason::Reason;
use crate::model::route::{BatchOutcome, Refusal};
use ferroute_proto::v1 as pb;
use ferroute_proto::v1::inject_request::What;
use ferroute_proto::v1::inject_response::What as Answer;
use futures::stream::{self, Stream, StreamExt};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

/// Answers that may be due on one stream before it is read on.
const DUE: usize = 256;

/// Serves one stream.
pub(super) fn run(
    core: CoreHandle,
    incoming: Streaming<pb::InjectRequest>,
) -> impl Stream<Item = Result<pb::InjectResponse, Status>> + Send + 'static {
    let (due, answers) = mpsc::channel(DUE);
    tokio::spawn(read(core, incoming, due));
    ReceiverStream::new(answers)
        .then(Due::messages)
        .flat_map(stream::iter)
}

/// Reads until the client ends, breaks the rules, or listens no more.
async fn read(
    core: CoreHandle,
    mut incoming: Streaming<pb::InjectRequest>,
    due: mpsc::Sender<Due>,
) {
    let mut owner = None;
    loop {
        let message = tokio::select! {
            message = incoming.message() => message,
            () = due.closed() => return,
        };
        let message = match message {
            Ok(Some(message)) => message,
            Ok(None) => return,
            Err(status) => {
                // A message that is too large or none at all; if it is the transport, this reaches nobody.
                let _ = due.send(Due::Failure(status)).await;
                return;
            }
        };
        let answer = step(&core, &mut owner, message).await;
        let fatal = matches!(answer, Due::Failure(_));
        if due.send(answer).await.is_err() || fatal {
            return;
        }
    }
}

/// The owner for whom a stream speaks.
struct Speaker {
    core: CoreHandle,
    session: Session,
    name: OwnerName,
    defaults: Defaults,
}

async fn step(core: &CoreHandle, owner: &mut Option<Speaker>, message: pb::InjectRequest) -> Due {
    let answer = match (message.what, owner.as_ref()) {
        (Some(What::Open(open)), None) => match open_owner(core, open).await {
            Ok((speaker, opened)) => {
                *owner = Some(speaker);
                Ok(Due::Opened(opened))
            }
            Err(status) => return Due::Failure(status),
        },
        (Some(What::Open(_)), Some(_)) => Err(InjectError::AlreadyOpen),
        (Some(What::Batch(batch)), Some(speaker)) => speaker.batch(&batch).await,
        (Some(What::EndOfRib(end)), Some(speaker)) => Ok(Due::EndOfRib {
            id: end.id,
            swept: speaker.session.end_of_rib(),
        }),
        (Some(_), None) => Err(InjectError::NotOpen),
        (None, _) => Err(InjectError::EmptyMessage),
    };
    answer.unwrap_or_else(|error| Due::Failure(status(&error)))
}

async fn open_owner(
    core: &CoreHandle,
    open: pb::OpenOwner,
) -> Result<(Speaker, OwnerOpened), Status> {
    let name = open.owner.parse::<OwnerName>().field("open.owner")?;
    if name.is_reserved() {
        return Err(OwnerError::Reserved { owner: name }).field("open.owner");
    }
    let distance = match open.distance {
        0 => Distance::CLIENT,
        given => Distance::try_from(given).field("open.distance")?,
    };
    let life = if open.persistent {
        if open.epoch != 0 || open.grace_ms.is_some() {
            return Err(InjectError::PersistentEpoch).field("open.persistent");
        }
        OwnerLife::Persistent
    } else {
        let epoch = Some(Epoch(open.epoch)).filter(|epoch| epoch.0 != 0);
        OwnerLife::Session {
            epoch,
            grace: open
                .grace_ms
                .map(grace)
                .transpose()
                .field("open.grace_ms")?,
        }
    };
    let (session, opened) = core.open(OwnerOpen { owner: name, life }).await?;
    let defaults = Defaults {
        distance,
        metric: Metric(open.metric),
    };
    Ok((
        Speaker {
            core: core.clone(),
            session,
            name,
            defaults,
        },
        opened,
    ))
}

fn grace(given: u32) -> Result<Duration, RangeError> {
    let grace = Duration::from_millis(given.into());
    if grace <= MAX_GRACE {
        Ok(grace)
    } else {
        Err(RangeError::OutOfRange {
            value: given.into(),
            min: 0,
            max: MAX_GRACE.as_secs() * 1000,
        })
    }
}

impl Speaker {
    async fn batch(&self, message: &pb::RouteBatch) -> Result<Due, InjectError> {
        let Decoded {
            batch,
            refused,
            places,
        } = Decoded::new(message, self.session.id(), self.defaults)?;
        let outcome = match batch {
            Some(batch) => Some(self.session.batch(batch).await),
            None => None,
        };
        Ok(Due::Batch(Box::new(DueBatch {
            core: self.core.clone(),
            owner: self.name,
            id: message.id,
            refused,
            places,
            outcome,
        })))
    }
}

/// An answer that is due.
enum Due {
    /// To `open`.
    Opened(OwnerOpened),
    /// To a batch.
    Batch(Box<DueBatch>),
    /// To an end of RIB.
    EndOfRib {
        /// The client's number.
        id: u64,
        /// How many routes were swept.
        swept: Pending<u64, OwnerError>,
    },
    /// The stream cannot go on.
    Failure(Status),
}

/// The answer to a batch.
struct DueBatch {
    core: CoreHandle,
    owner: OwnerName,
    id: u64,
    refused: Vec<Refusal>,
    places: Option<Vec<u32>>,
    outcome: Option<Pending<BatchOutcome, OwnerError>>,
}

impl Due {
    /// Waits for the core, then gives the messages for the client.
    async fn messages(self) -> Vec<Result<pb::InjectResponse, Status>> {
        let answers = match self {
            Self::Opened(opened) => Ok(vec![Answer::Opened(pb::OwnerOpened {
                epoch: opened.epoch.0,
                held_routes: opened.held_routes,
            })]),
            Self::Batch(batch) => batch.answers().await,
            Self::EndOfRib { id, swept } => match swept.answer().await {
                Ok(swept) => Ok(vec![Answer::Ack(pb::Ack {
                    id,
                    swept,
                    ..pb::Ack::default()
                })]),
                Err(error) => Err(error.into()),
            },
            Self::Failure(status) => Err(status),
        };
        match answers {
            Ok(answers) => answers
                .into_iter()
                .map(|what| Ok(pb::InjectResponse { what: Some(what) }))
                .collect(),
            Err(status) => vec![Err(status)],
        }
    }
}

impl DueBatch {
    async fn answers(self) -> Result<Vec<Answer>, Status> {
        let mut outcome = match self.outcome {
            Some(outcome) => outcome.answer().await?,
            None => BatchOutcome::default(),
        };
        for refusal in &mut outcome.refused {
            to_client(self.places.as_deref(), refusal);
        }
        let mut all = self.refused;
        if let Some(first) = all.first() {
            // What the core refuses it tells itself.
            let (owner, reason) = (Some(self.owner), first.error.reason());
            self.core.publish(Happening::Refusal {
                owner,
                reason,
                message: first.error.to_string(),
            });
        }
        all.append(&mut outcome.refused);
        all.sort_by_key(|refusal| refusal.item);
        // Both kinds of item are bounded by MAX_BATCH_ROUTES.
        let refused = u32::try_from(all.len()).unwrap_or(u32::MAX);
        let mut answers: Vec<Answer> = all
            .iter()
            .map(|refusal| Answer::Refused(encode::refused(self.id, refusal)))
            .collect();
        answers.push(Answer::Ack(pb::Ack {
            id: self.id,
            applied: outcome.applied,
            refused,
            swept: 0,
        }));
        Ok(answers)
    }
}
