//! The register of owners, by number and by name.

use std::collections::HashMap;

use super::owner::{Connected, OwnerError, OwnerId, OwnerState, OwnerView, Session, Tenure};
use super::route::Route;

/// The serial number that no session has.
pub(super) const NO_SESSION: u32 = 0;

/// What is known of an owner.
#[derive(Debug)]
pub(super) struct Owner {
    name: Box<str>,
    pub(super) state: OwnerState,
    pub(super) grace_ns: u64,
    /// The session whose word counts.
    pub(super) serial: u32,
    pub(super) generation: u32,
    /// The epochs of this and earlier generations, those that still may have routes.
    epochs: Vec<(u32, u64)>,
    /// Its routes are those of an earlier process: whatever its next session says of its epoch, it is to repeat them.
    pub(super) restored: bool,
    pub(super) routes: u32,
    /// Routes of earlier generations.
    pub(super) old_routes: u32,
}

/// Most epochs of an owner that are remembered; of routes from before, the oldest of these is told.
const MAX_EPOCHS: usize = 16;

impl Owner {
    fn epoch(&self) -> u64 {
        self.epochs.last().map_or(0, |(_, epoch)| *epoch)
    }

    /// The epoch in which routes of this generation were last said.
    pub(super) fn epoch_of(&self, generation: u32) -> u64 {
        let known = self.epochs.iter().find(|(known, _)| *known >= generation);
        known.map_or(0, |(_, epoch)| *epoch)
    }

    /// Whether the owner has not repeated the route since it came back.
    pub(super) fn is_stale(&self, route: &Route) -> bool {
        let gone = matches!(self.state, OwnerState::Stale { .. } | OwnerState::Expiring);
        gone || route.generation < self.generation
    }

    fn begin(&mut self, epoch: u64) {
        self.generation += 1;
        self.old_routes = self.routes;
        if self.epochs.len() == MAX_EPOCHS {
            self.epochs.remove(0);
        }
        self.epochs.push((self.generation, epoch));
    }

    fn connected(&self, owner: OwnerId) -> Connected {
        let session = Session {
            owner,
            serial: self.serial,
            generation: self.generation,
        };
        Connected {
            session,
            epoch: self.epoch(),
            held_routes: self.routes,
        }
    }

    /// The state of an owner that just got its session.
    fn in_session(&self, now_ns: u64) -> OwnerState {
        if self.old_routes == 0 {
            OwnerState::Live
        } else {
            OwnerState::Replaying {
                until_ns: now_ns.saturating_add(self.grace_ns),
            }
        }
    }

    /// Forgets what was before a generation, whose routes were swept.
    pub(super) fn swept(&mut self, before: u32) {
        self.epochs.retain(|(generation, _)| *generation >= before);
    }
}

/// All owners.
#[derive(Debug, Default)]
pub(super) struct Owners {
    slots: Vec<Option<Owner>>,
    by_name: HashMap<Box<str>, OwnerId>,
    /// Counts sessions of all owners, so that a session never fits a later one.
    sessions: u32,
}

impl Owners {
    pub(super) fn by_name(&self, name: &str) -> Option<OwnerId> {
        self.by_name.get(name).copied()
    }

    pub(super) fn get(&self, id: OwnerId) -> Option<&Owner> {
        self.slots.get(id.index())?.as_ref()
    }

    pub(super) fn get_mut(&mut self, id: OwnerId) -> Option<&mut Owner> {
        self.slots.get_mut(id.index())?.as_mut()
    }

    /// The owner's name; empty for one that is forgotten.
    pub(super) fn name(&self, id: OwnerId) -> &str {
        self.get(id).map_or("", |owner| &owner.name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = OwnerId> {
        (0..=u16::MAX)
            .map(OwnerId)
            .take(self.slots.len())
            .filter(|id| self.get(*id).is_some())
    }

    pub(super) fn view(&self, id: OwnerId) -> Option<OwnerView<'_>> {
        let owner = self.get(id)?;
        let gone = matches!(owner.state, OwnerState::Stale { .. } | OwnerState::Expiring);
        Some(OwnerView {
            id,
            name: &owner.name,
            state: owner.state,
            epoch: owner.epoch(),
            generation: owner.generation,
            grace_ns: owner.grace_ns,
            routes: owner.routes,
            stale_routes: if gone { owner.routes } else { owner.old_routes },
        })
    }

    /// The owner of a session that has not ended.
    pub(super) fn of(&mut self, session: Session) -> Option<&mut Owner> {
        self.get_mut(session.owner)
            .filter(|owner| owner.serial == session.serial)
    }

    /// Counts a route that came.
    pub(super) fn count(&mut self, route: &Route) {
        if let Some(owner) = self.get_mut(route.owner) {
            owner.routes += 1;
            owner.old_routes += u32::from(route.generation < owner.generation);
        }
    }

    /// Counts a route that went.
    pub(super) fn discount(&mut self, route: &Route) {
        if let Some(owner) = self.get_mut(route.owner) {
            owner.routes -= 1;
            owner.old_routes -= u32::from(route.generation < owner.generation);
        }
    }

    pub(super) fn connect(
        &mut self,
        name: &str,
        tenure: Tenure,
        now_ns: u64,
    ) -> Result<Connected, OwnerError> {
        let id = match self.by_name(name) {
            Some(id) => id,
            None => self.add(name)?,
        };
        let serial = self.sessions + 1;
        let owner = self.get_mut(id).ok_or(OwnerError::Unknown)?;
        match owner.state {
            OwnerState::Live | OwnerState::Replaying { .. } => return Err(OwnerError::Busy),
            OwnerState::Persistent { sessions: 1.. } if tenure != Tenure::Persistent => {
                return Err(OwnerError::Busy);
            }
            _ => {}
        }
        match (tenure, owner.state) {
            (Tenure::Persistent, OwnerState::Persistent { sessions }) => {
                owner.state = OwnerState::Persistent {
                    sessions: sessions + 1,
                };
            }
            (Tenure::Persistent, state) => {
                if state == OwnerState::Expiring {
                    owner.begin(owner.epoch());
                }
                owner.serial = serial;
                owner.state = OwnerState::Persistent { sessions: 1 };
            }
            (Tenure::Epochs { epoch, grace_ns }, state) => {
                let last = owner.epoch();
                let epoch = if epoch == 0 {
                    last.saturating_add(1)
                } else {
                    epoch
                };
                if epoch < last {
                    return Err(OwnerError::EpochBehind { last });
                }
                let restored = std::mem::take(&mut owner.restored);
                let goes_on =
                    epoch == last && matches!(state, OwnerState::Stale { .. }) && !restored;
                if !goes_on {
                    owner.begin(epoch);
                }
                owner.serial = serial;
                owner.grace_ns = grace_ns;
                owner.state = owner.in_session(now_ns);
            }
        }
        let connected = owner.connected(id);
        self.sessions = serial;
        Ok(connected)
    }

    fn add(&mut self, name: &str) -> Result<OwnerId, OwnerError> {
        let slot = self
            .slots
            .iter()
            .position(Option::is_none)
            .unwrap_or(self.slots.len());
        let id = OwnerId(u16::try_from(slot).map_err(|_| OwnerError::TooMany)?);
        let owner = Owner {
            name: name.into(),
            state: OwnerState::Persistent { sessions: 0 },
            grace_ns: 0,
            serial: NO_SESSION,
            generation: 0,
            epochs: Vec::new(),
            restored: false,
            routes: 0,
            old_routes: 0,
        };
        if slot == self.slots.len() {
            self.slots.push(None);
        }
        self.slots[slot] = Some(owner);
        self.by_name.insert(name.into(), id);
        Ok(id)
    }

    pub(super) fn forget(&mut self, id: OwnerId) {
        if let Some(owner) = self.slots.get_mut(id.index()).and_then(Option::take) {
            self.by_name.remove(&owner.name);
        }
    }
}
