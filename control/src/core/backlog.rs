//! What the streams of routes sent and the core has not done yet.
//!
//! Batches are long, and the core does one thing at a time. So each stream has a queue here, the streams take
//! turns, and a turn does a piece of a batch at most: whoever asks for anything else, and whatever is due meanwhile
//! (links, workers), waits for one piece, and a single route of one stream for one piece of each other stream that
//! loads. Within a stream the order stays as sent. Batches that stand or fall as a whole are done in one turn, however
//! long they are.

use std::collections::VecDeque;

use super::request::{Request, RouteRequest};
use super::route::Progress;
use super::router::Router;
use crate::model::owner::SessionId;

/// Most changes of one piece: less than half a millisecond's worth.
const PIECE: usize = 256;

/// The queues of streams that have something to do, in the order of their turns.
#[derive(Default)]
pub(super) struct Backlog(VecDeque<(SessionId, VecDeque<Waiting>)>);

/// A request of a stream, and how far it came.
struct Waiting {
    request: RouteRequest,
    progress: Progress,
}

impl Backlog {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts what a stream sent behind what it sent before, and does everything else at once.
    pub(super) fn take(&mut self, router: &mut Router, request: Request) {
        let Request::Route(request) = request else {
            return router.handle(request);
        };
        let Some(session) = stream(&request) else {
            return router.handle(request.into());
        };
        let waiting = Waiting {
            request,
            progress: Progress::default(),
        };
        match self.0.iter_mut().find(|(id, _)| *id == session) {
            Some((_, queue)) => queue.push_back(waiting),
            None => self.0.push_back((session, [waiting].into())),
        }
    }

    /// Gives the next stream its turn.
    pub(super) fn step(&mut self, router: &mut Router) {
        let Some((session, mut queue)) = self.0.pop_front() else {
            return;
        };
        if let Some(rest) = queue.pop_front().and_then(|first| first.step(router)) {
            queue.push_front(rest);
        }
        if !queue.is_empty() {
            self.0.push_back((session, queue));
        }
    }
}

impl Waiting {
    /// Does a piece; answers what is left.
    fn step(mut self, router: &mut Router) -> Option<Self> {
        let (flight, reply) = match self.request {
            RouteRequest::Batch(flight, reply) => (flight, reply),
            other => {
                router.handle(other.into());
                return None;
            }
        };
        match router.apply_piece(&flight.batch, &mut self.progress, PIECE) {
            Ok(true) => Some(Self {
                request: RouteRequest::Batch(flight, reply),
                progress: self.progress,
            }),
            // An asker that went away is no error.
            Ok(false) => {
                drop(reply.send(Ok(self.progress.into_outcome())));
                None
            }
            Err(error) => {
                drop(reply.send(Err(error)));
                None
            }
        }
    }
}

/// The stream whose order a request keeps.
fn stream(request: &RouteRequest) -> Option<SessionId> {
    match request {
        RouteRequest::Batch(flight, _) => Some(flight.batch.session),
        RouteRequest::EndOfRib(session, _) | RouteRequest::OwnerGone(session) => Some(*session),
        _ => None,
    }
}
