//! Owners that come and go, and VRFs that go.

use ferroute_dataplane::ids::VrfId;

use super::error::RouteError;
use super::owner::{Connected, OwnerError, OwnerId, OwnerState, OwnerView, Session, Tenure};
use super::owners::NO_SESSION;
use super::store::Rib;
use super::work::Task;

impl Rib {
    /// Begins a session of the owner with this name, which is made if it is new.
    pub fn owner_connect(
        &mut self,
        name: &str,
        tenure: Tenure,
        now_ns: u64,
    ) -> Result<Connected, OwnerError> {
        self.owners.connect(name, tenure, now_ns)
    }

    /// The owner of a session has more from before than routes: that stays until the end of RIB too, and for its grace time at
    /// most.
    pub fn owner_replays(&mut self, session: Session, now_ns: u64) {
        if let Some(owner) = self.owners.of(session)
            && owner.state == OwnerState::Live
        {
            let until_ns = now_ns.saturating_add(owner.grace_ns);
            owner.state = OwnerState::Replaying { until_ns };
        }
    }

    /// Ends a session. The owner's routes stay for its grace time, unless it is persistent.
    pub fn owner_gone(&mut self, session: Session, now_ns: u64) {
        let Some(owner) = self.owners.of(session) else {
            return;
        };
        owner.state = match owner.state {
            OwnerState::Persistent { sessions } => OwnerState::Persistent {
                sessions: sessions.saturating_sub(1),
            },
            OwnerState::Live | OwnerState::Replaying { .. } => {
                owner.serial = NO_SESSION;
                OwnerState::Stale {
                    since_ns: now_ns,
                    until_ns: now_ns.saturating_add(owner.grace_ns),
                }
            }
            state @ (OwnerState::Stale { .. } | OwnerState::Expiring) => state,
        };
    }

    /// Ends a session in which the routes of an earlier process were put back. They are stale, and the owner's next session
    /// is to repeat them, also if it goes on with its epoch.
    pub fn owner_restored(&mut self, session: Session, now_ns: u64) {
        self.owner_gone(session, now_ns);
        if let Some(owner) = self.owners.get_mut(session.owner()) {
            owner.restored = true;
        }
    }

    /// The owner has repeated all that it has: what it did not repeat goes, as [`work`](Self::work), which says
    /// [`Finished::Swept`](super::Finished::Swept) with the session's generation at the end.
    pub fn end_of_rib(&mut self, session: Session) -> Result<(), RouteError> {
        let owner = self.owners.of(session).ok_or(RouteError::SessionOver)?;
        if let OwnerState::Replaying { .. } = owner.state {
            owner.state = OwnerState::Live;
        }
        self.start(Task::Sweep {
            owner: session.owner(),
            before: session.generation(),
        });
        Ok(())
    }

    /// Removes an owner that has no session, with all its routes, as [`work`](Self::work).
    pub fn remove_owner(&mut self, name: &str) -> Result<OwnerId, OwnerError> {
        let id = self.owners.by_name(name).ok_or(OwnerError::Unknown)?;
        let owner = self.owners.get_mut(id).ok_or(OwnerError::Unknown)?;
        match owner.state {
            OwnerState::Live
            | OwnerState::Replaying { .. }
            | OwnerState::Persistent { sessions: 1.. } => {
                return Err(OwnerError::Busy);
            }
            OwnerState::Expiring => {}
            OwnerState::Stale { .. } | OwnerState::Persistent { sessions: 0 } => {
                self.expire_owner(id)
            }
        }
        Ok(id)
    }

    /// Starts the sweeps of owners whose grace time is over.
    pub fn expire(&mut self, now_ns: u64) {
        let due: Vec<_> = self
            .owners
            .iter()
            .filter(|id| self.deadline(*id).is_some_and(|at| at <= now_ns))
            .collect();
        for id in due {
            let Some(owner) = self.owners.get_mut(id) else {
                continue;
            };
            if let OwnerState::Replaying { .. } = owner.state {
                owner.state = OwnerState::Live;
                let before = owner.generation;
                self.start(Task::Sweep { owner: id, before });
            } else {
                self.expire_owner(id);
            }
        }
    }

    /// When [`expire`](Self::expire) has something to do next, in nanoseconds of the caller's clock.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        self.owners.iter().filter_map(|id| self.deadline(id)).min()
    }

    fn deadline(&self, id: OwnerId) -> Option<u64> {
        match self.owners.get(id)?.state {
            OwnerState::Replaying { until_ns } | OwnerState::Stale { until_ns, .. } => {
                Some(until_ns)
            }
            OwnerState::Persistent { .. } | OwnerState::Live | OwnerState::Expiring => None,
        }
    }

    fn expire_owner(&mut self, id: OwnerId) {
        if let Some(owner) = self.owners.get_mut(id) {
            owner.state = OwnerState::Expiring;
            let before = owner.generation + 1;
            self.start(Task::Sweep { owner: id, before });
        }
    }

    /// The owner of this name.
    #[must_use]
    pub fn owner(&self, name: &str) -> Option<OwnerView<'_>> {
        self.owners.view(self.owners.by_name(name)?)
    }

    /// The owner of this number.
    #[must_use]
    pub fn owner_by_id(&self, id: OwnerId) -> Option<OwnerView<'_>> {
        self.owners.view(id)
    }

    /// Whether something that the owner last declared in this generation was not repeated since it came back, or
    /// the owner is gone.
    #[must_use]
    pub fn is_behind(&self, owner: OwnerId, generation: u32) -> bool {
        self.owners.get(owner).is_none_or(|owner| {
            generation < owner.generation
                || matches!(owner.state, OwnerState::Stale { .. } | OwnerState::Expiring)
        })
    }

    /// All owners, by number.
    pub fn owners(&self) -> impl Iterator<Item = OwnerView<'_>> {
        self.owners.iter().filter_map(|id| self.owners.view(id))
    }

    /// Removes a VRF with all its routes, as [`work`](Self::work). Until the end of that it exists but takes no routes.
    pub fn remove_vrf(&mut self, vrf: VrfId) -> Result<(), RouteError> {
        let tables = self
            .vrfs
            .get_mut(&vrf)
            .filter(|vrf| !vrf.leaving)
            .ok_or(RouteError::UnknownVrf(vrf))?;
        tables.leaving = true;
        self.start(Task::RemoveVrf(vrf));
        Ok(())
    }
}
