//! How the rest of the daemon talks to the core.
//!
//! Requests go through one unbounded crossbeam channel, so that sending never blocks a tokio thread and
//! the core can wait for requests, for the exception path and for a deadline at once
//! (`crossbeam::select!`). What bounds the channel is its senders: each waits for its answer before it
//! asks again, and the only ones that do not, route streams, must first take room for their batch from a
//! semaphore that counts routes ([`ROUTES_IN_FLIGHT`]). The room goes with the batch and comes
//! back when the core has dealt with it; a stream that finds no room stops reading, and HTTP/2 flow
//! control holds its client. Requests of one sender are handled in the order in which they were sent.

use super::request::{
    BridgeRequest, InFlight, InterfaceRequest, NeighbourRequest, NextHopRequest, OverlayRequest,
    PortRequest, Reply, Request, RouteRequest, SegmentRequest, StatsRequest, SystemRequest,
    TraceRequest, VrfRequest,
};
use crate::model::event::{Event, Happening};
use crate::model::owner::{OwnerError, OwnerOpen, OwnerOpened, SessionId};
use crate::model::route::{BatchOutcome, MAX_BATCH_ROUTES, RouteBatch};
use crossbeam::channel::{Receiver, Sender, unbounded};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::{Semaphore, broadcast, oneshot};

/// Routes and sets that all streams together may have in flight to the core: some 20 MB.
pub const ROUTES_IN_FLIGHT: usize = 4 * MAX_BATCH_ROUTES;
/// Events that a slow watcher may be behind before it loses the oldest.
const EVENTS_BEHIND: usize = 4096;

/// Why a call has no result.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CallError<E> {
    /// The core is gone.
    #[error("the router is stopping")]
    Stopped,
    /// The core refused.
    #[error(transparent)]
    Refused(#[from] E),
}

/// What a call gives.
pub type Call<T, E> = Result<T, CallError<E>>;

/// Talks to the core. Clones are cheap.
#[derive(Clone, Debug)]
pub struct CoreHandle {
    requests: Sender<Request>,
    room: Arc<Semaphore>,
    events: Events,
}

/// The core's end.
#[derive(Debug)]
pub struct CoreInbox {
    /// Requests in the order in which they came. Disconnected when the last handle is gone.
    pub requests: Receiver<Request>,
    /// Where events go.
    pub events: Events,
}

/// A channel to a core: the handle for those who ask, the inbox for the core.
#[must_use]
pub fn channel() -> (CoreHandle, CoreInbox) {
    let (sender, requests) = unbounded();
    let events = Events::new();
    let room = Arc::new(Semaphore::new(ROUTES_IN_FLIGHT));
    (
        CoreHandle {
            requests: sender,
            room,
            events: events.clone(),
        },
        CoreInbox { requests, events },
    )
}

impl CoreHandle {
    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// [`CallError::Refused`] with the core's reason, [`CallError::Stopped`] if the core is gone.
    pub async fn call<T, E>(&self, request: impl FnOnce(Reply<T, E>) -> Request) -> Call<T, E> {
        Pending::send(self, request).answer().await
    }

    /// Opens a session for an owner. The core is told that the owner is gone when the session is dropped.
    ///
    /// # Errors
    /// Those of [`OwnerError`] that opening can meet.
    pub async fn open(&self, open: OwnerOpen) -> Call<(Session, OwnerOpened), OwnerError> {
        // The answer must not be lost between the core and here, or the session would stay open for ever: the task
        // goes on when the caller is cancelled, and drops the session at once.
        let core = self.clone();
        let opening = tokio::spawn(async move {
            let opened = core
                .call(|reply| RouteRequest::Open(open, reply).into())
                .await?;
            Ok((
                Session {
                    core,
                    id: opened.session,
                },
                opened,
            ))
        });
        opening.await.unwrap_or(Err(CallError::Stopped))
    }

    /// Events from now on.
    #[must_use]
    pub fn watch(&self) -> broadcast::Receiver<Arc<Event>> {
        self.events.sender.subscribe()
    }

    /// Tells all watchers of something that happened outside the core.
    pub fn publish(&self, what: Happening) {
        self.events.publish(what);
    }

    /// Whether the core is there to take it.
    fn send(&self, request: Request) -> bool {
        self.requests.send(request).is_ok()
    }
}

/// An answer that is due.
#[derive(Debug)]
pub struct Pending<T, E>(Option<oneshot::Receiver<Result<T, E>>>);

impl<T, E> Pending<T, E> {
    fn send(core: &CoreHandle, request: impl FnOnce(Reply<T, E>) -> Request) -> Self {
        let (reply, answer) = oneshot::channel();
        Self(core.send(request(reply)).then_some(answer))
    }

    /// Waits for the answer.
    ///
    /// # Errors
    /// [`CallError::Refused`] with the core's reason, [`CallError::Stopped`] if the core is gone.
    pub async fn answer(self) -> Call<T, E> {
        match self.0 {
            Some(answer) => answer
                .await
                .map_err(|_| CallError::Stopped)?
                .map_err(CallError::Refused),
            None => Err(CallError::Stopped),
        }
    }
}

/// The right to speak for an owner. Dropping it tells the core that the owner is gone.
#[derive(Debug)]
pub struct Session {
    core: CoreHandle,
    id: SessionId,
}

impl Session {
    /// The session's number, for [`RouteBatch::session`].
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// Waits for room, then sends a batch. The answer may be awaited later: many batches can be in flight, and the core
    /// handles them in the order of these calls.
    pub async fn batch(&self, batch: RouteBatch) -> Pending<BatchOutcome, OwnerError> {
        let items = batch.changes.len() + batch.sets.len() + batch.deleted_sets.len();
        let share = u32::try_from(items.clamp(1, ROUTES_IN_FLIGHT)).unwrap_or(u32::MAX);
        match Arc::clone(&self.core.room).acquire_many_owned(share).await {
            Ok(room) => Pending::send(&self.core, |reply| {
                RouteRequest::Batch(InFlight { batch, room }, reply).into()
            }),
            Err(_closed) => Pending(None),
        }
    }

    /// Says that the owner has said all that it has. The answer is how many routes were swept.
    pub fn end_of_rib(&self) -> Pending<u64, OwnerError> {
        Pending::send(&self.core, |reply| {
            RouteRequest::EndOfRib(self.id, reply).into()
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.core.send(RouteRequest::OwnerGone(self.id).into());
    }
}

/// Where events go. Clones number their events in one sequence.
#[derive(Clone, Debug)]
pub struct Events {
    sender: broadcast::Sender<Arc<Event>>,
    sequence: Arc<Mutex<u64>>,
}

impl Events {
    fn new() -> Self {
        Self {
            sender: broadcast::channel(EVENTS_BEHIND).0,
            sequence: Arc::default(),
        }
    }

    /// Tells all watchers. Never waits for them.
    pub fn publish(&self, what: Happening) {
        let time_unix_ns = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_nanos() as u64);
        // Held while sending, so that watchers see the numbers in order.
        let mut sequence = self.sequence.lock().unwrap_or_else(PoisonError::into_inner);
        *sequence += 1;
        // Without a watcher there is nobody to tell, which is no error.
        let _ = self.sender.send(Arc::new(Event {
            sequence: *sequence,
            time_unix_ns,
            what,
        }));
    }
}

macro_rules! from {
    ($($kind:ident($request:ty)),+ $(,)?) => {
        $(
            impl From<$request> for Request {
                fn from(request: $request) -> Self {
                    Self::$kind(request)
                }
            }
        )+
    };
}

from!(
    Port(PortRequest),
    Interface(InterfaceRequest),
    Vrf(VrfRequest),
    Route(RouteRequest),
    NextHop(NextHopRequest),
    Overlay(OverlayRequest),
    Bridge(BridgeRequest),
    Segment(SegmentRequest),
    Neighbour(NeighbourRequest),
    Stats(StatsRequest),
    Trace(TraceRequest),
    System(SystemRequest),
);

#[cfg(test)]
mod tests;
