//! Owners of routes and the streams that speak for them.

use std::collections::HashMap;
use std::time::Duration;

use super::request::Reply;
use super::router::Router;
use crate::model::event::Happening;
use crate::model::name::OwnerName;
use crate::model::number::Epoch;
use crate::model::owner::{
    OwnerError, OwnerLife, OwnerOpen, OwnerOpened, OwnerState, OwnerView, SessionId,
};
use crate::rib::{self, Finished, OwnerId, Session, Tenure};
use crate::state::Record;

/// Most owners of one router.
pub const MAX_OWNERS: usize = u16::MAX as usize;

/// A client that waits for a sweep.
#[derive(Debug)]
struct Waiting {
    owner: OwnerId,
    generation: u32,
    reply: Reply<u64, OwnerError>,
}

/// The streams that are open, and those who wait for the end of a sweep.
#[derive(Debug, Default)]
pub struct Sessions {
    open: HashMap<SessionId, (Session, OwnerName)>,
    opened: u64,
    waiting: Vec<Waiting>,
    removing: Vec<(OwnerName, OwnerId, Reply<u64, OwnerError>)>,
    /// Who waits for the end of a sweep whose routes are gone already, and how many these were.
    swept: Vec<(Reply<u64, OwnerError>, u64)>,
}

impl Sessions {
    /// The right to speak that a stream has.
    pub(super) fn get(&self, id: SessionId) -> Result<(Session, OwnerName), OwnerError> {
        self.open.get(&id).copied().ok_or(OwnerError::SessionClosed)
    }

    /// The right to speak of a stream that an owner has open.
    pub(super) fn of(&self, owner: OwnerName) -> Option<Session> {
        self.open
            .values()
            .find(|(_, name)| *name == owner)
            .map(|(session, _)| *session)
    }
}

fn refused(error: rib::OwnerError, owner: OwnerName, epoch: Epoch) -> OwnerError {
    match error {
        rib::OwnerError::Busy => OwnerError::Busy { owner },
        rib::OwnerError::EpochBehind { last } => OwnerError::EpochBehind {
            epoch,
            last: Epoch(last),
        },
        rib::OwnerError::TooMany => OwnerError::TooMany { limit: MAX_OWNERS },
        rib::OwnerError::Unknown => OwnerError::Unknown { owner },
    }
}

impl Router {
    /// Begins a stream of an owner.
    ///
    /// # Errors
    /// [`OwnerError`]; nothing began then.
    pub(super) fn open_session(&mut self, open: OwnerOpen) -> Result<OwnerOpened, OwnerError> {
        let OwnerOpen { owner, life } = open;
        let (tenure, epoch) = match life {
            OwnerLife::Persistent => (Tenure::Persistent, Epoch::default()),
            OwnerLife::Session { epoch, grace } => {
                let grace = grace.unwrap_or(self.settings.default_grace);
                let grace_ns = u64::try_from(grace.as_nanos()).unwrap_or(u64::MAX);
                let epoch = epoch.unwrap_or_default();
                (
                    Tenure::Epochs {
                        epoch: epoch.0,
                        grace_ns,
                    },
                    epoch,
                )
            }
        };
        let connected = self
            .rib
            .owner_connect(owner.as_str(), tenure, self.now_ns())
            .map_err(|e| refused(e, owner, epoch))?;
        let view = self.rib.owner_by_id(connected.session.owner());
        if view.is_some_and(|view| self.things_of(&view).1 > 0) {
            self.rib.owner_replays(connected.session, self.now_ns());
        }
        self.sessions.opened += 1;
        let session = SessionId(self.sessions.opened);
        self.sessions
            .open
            .insert(session, (connected.session, owner));
        self.note_owner(connected.session.owner());
        self.tell_owner(owner);
        Ok(OwnerOpened {
            session,
            epoch: Epoch(connected.epoch),
            held_routes: connected.held_routes.into(),
        })
    }

    /// Ends a stream; the owner's routes stay for its grace time.
    pub(super) fn close_session(&mut self, id: SessionId) {
        if let Some((session, owner)) = self.sessions.open.remove(&id) {
            self.rib.owner_gone(session, self.now_ns());
            self.tell_owner(owner);
        }
    }

    /// Sweeps what the owner of a stream did not repeat; answers when the workers see it.
    pub(super) fn end_of_rib(&mut self, id: SessionId, reply: Reply<u64, OwnerError>) {
        let begun = self.sessions.get(id).and_then(|(session, owner)| {
            self.rib
                .end_of_rib(session)
                .map_err(|_| OwnerError::SessionClosed)?;
            Ok((session, owner))
        });
        match begun {
            Ok((session, owner)) => {
                self.sessions.waiting.push(Waiting {
                    owner: session.owner(),
                    generation: session.generation(),
                    reply,
                });
                self.tell_owner(owner);
            }
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    /// Removes an owner that has no stream; answers when the workers see it.
    pub(super) fn remove_owner(&mut self, owner: OwnerName, reply: Reply<u64, OwnerError>) {
        if owner.is_reserved() && owner.as_str() != "static" {
            drop(reply.send(Err(OwnerError::Reserved { owner })));
            return;
        }
        match self.rib.remove_owner(owner.as_str()) {
            Ok(id) => self.sessions.removing.push((owner, id, reply)),
            Err(error) => drop(reply.send(Err(refused(error, owner, Epoch::default())))),
        }
    }

    /// Says that pieces of background work came to their end. The workers see their outcome already.
    pub(super) fn conclude(&mut self, finished: Vec<Finished>) {
        for done in finished {
            match done {
                Finished::Swept {
                    owner,
                    generation,
                    routes,
                } => {
                    self.hops.sweep_groups(owner, generation);
                    self.note_swept(owner, generation);
                    self.belongings.leave(owner, generation);
                    let fits = |w: &mut Waiting| w.owner == owner && w.generation <= generation;
                    let waiting = self.sessions.waiting.extract_if(.., fits);
                    let swept = waiting.map(|waiting| (waiting.reply, routes));
                    self.sessions.swept.extend(swept);
                    if let Some(name) = self.owner_name(owner) {
                        self.tell_owner(name);
                    }
                }
                Finished::Expired { owner, routes } => {
                    self.hops.sweep_groups(owner, u32::MAX);
                    self.note_owner_gone(owner);
                    self.belongings.leave(owner, u32::MAX);
                    for (name, _, reply) in self
                        .sessions
                        .removing
                        .extract_if(.., |(_, id, _)| *id == owner)
                    {
                        self.sessions.swept.push((reply, routes));
                        let mut view = unknown(name);
                        view.state = OwnerState::Removed;
                        self.events.publish(Happening::Owner(view));
                    }
                }
                Finished::VrfRemoved(vrf) => {
                    self.vrfs.left(vrf);
                    self.journal.note(&Record::VrfGone(vrf.get()));
                }
            }
        }
        self.answer_swept();
    }

    /// Answers those who wait for the end of a sweep, if nothing is left to be taken away.
    pub(super) fn answer_swept(&mut self) {
        if !self.belongings.has_left() {
            for (reply, routes) in self.sessions.swept.drain(..) {
                drop(reply.send(Ok(routes)));
            }
        }
    }

    pub(super) fn owner_name(&self, id: OwnerId) -> Option<OwnerName> {
        self.rib.owner_by_id(id)?.name.parse().ok()
    }

    fn tell_owner(&self, owner: OwnerName) {
        if let Some(view) = self
            .rib
            .owner(owner.as_str())
            .and_then(|view| self.owner_view(&view))
        {
            self.tell(Happening::Owner(view));
        }
    }

    /// All owners, by name.
    pub(super) fn owner_views(&self) -> Vec<OwnerView> {
        let mut views: Vec<_> = self
            .rib
            .owners()
            .filter_map(|view| self.owner_view(&view))
            .collect();
        views.sort_unstable_by_key(|view| view.name);
        views
    }

    fn owner_view(&self, view: &rib::OwnerView<'_>) -> Option<OwnerView> {
        let now_ns = self.now_ns();
        let (things, stale_things) = self.things_of(view);
        let left = |until_ns: u64| Some(Duration::from_nanos(until_ns.saturating_sub(now_ns)));
        let (state, grace_left) = match view.state {
            rib::OwnerState::Persistent { .. } | rib::OwnerState::Live => (OwnerState::Live, None),
            rib::OwnerState::Replaying { until_ns } => (OwnerState::Replaying, left(until_ns)),
            rib::OwnerState::Stale { until_ns, .. } => (OwnerState::Stale, left(until_ns)),
            rib::OwnerState::Expiring => (OwnerState::Stale, Some(Duration::ZERO)),
        };
        Some(OwnerView {
            state,
            epoch: Epoch(view.epoch),
            routes: view.routes.into(),
            stale_routes: view.stale_routes.into(),
            next_hop_sets: self.hops.groups_of(view.id) as u64,
            things,
            stale_things,
            grace_left,
            persistent: matches!(view.state, rib::OwnerState::Persistent { .. }),
            ..unknown(view.name.parse().ok()?)
        })
    }
}

fn unknown(name: OwnerName) -> OwnerView {
    OwnerView {
        name,
        state: OwnerState::Live,
        epoch: Epoch::default(),
        routes: 0,
        stale_routes: 0,
        next_hop_sets: 0,
        things: 0,
        stale_things: 0,
        grace_left: None,
        persistent: false,
    }
}
