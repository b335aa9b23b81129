//! Work over whole tables, in pieces: sweeping out what was not repeated, electing again.

use std::ops::Bound;

use ferroute_dataplane::ids::VrfId;

use crate::nexthop::NextHops;

use super::key::{Key, Key4, Key6};
use super::owner::{OwnerId, OwnerState};
use super::owners::Owners;
use super::route::{Candidates, Route};
use super::store::{BestChange, Rib};
use super::table::Elected;

/// What has come to its end in [`Rib::work`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Finished {
    /// An owner's routes of generations before this one are gone.
    Swept {
        /// The owner.
        owner: OwnerId,
        /// The first generation whose routes stayed.
        generation: u32,
        /// How many routes were swept.
        routes: u64,
    },
    /// An owner's grace time was over; its routes are gone, and its number is free.
    Expired {
        /// The owner.
        owner: OwnerId,
        /// How many routes were swept.
        routes: u64,
    },
    /// A VRF and its routes are gone.
    VrfRemoved(VrfId),
}

/// A walk over tables that is under way or waits for its turn.
#[derive(Debug)]
pub(super) struct Job {
    task: Task,
    at: Place,
    /// Routes removed so far.
    removed: u64,
}

impl Job {
    pub(super) fn new(task: Task) -> Self {
        Self {
            task,
            at: task.start(),
            removed: 0,
        }
    }

    /// A walk that elects the best route of every prefix again.
    pub(super) fn recheck() -> Self {
        Self::new(Task::Recheck)
    }

    /// Whether it visited something already.
    pub(super) fn is_under_way(&self) -> bool {
        self.at != self.task.start()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Task {
    /// Removes the owner's routes of generations before this one; the owner too, if it is expiring.
    Sweep { owner: OwnerId, before: u32 },
    /// Removes a VRF.
    RemoveVrf(VrfId),
    /// Elects the best route of every prefix again.
    Recheck,
}

/// The table that is next or under way, and the last prefix visited in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    V4(VrfId, Option<Key4>),
    V6(VrfId, Option<Key6>),
}

impl Task {
    fn start(self) -> Place {
        match self {
            Self::RemoveVrf(vrf) => Place::V4(vrf, None),
            Self::Sweep { .. } | Self::Recheck => Place::V4(VrfId::new(0), None),
        }
    }
}

impl Rib {
    /// Whether there is [`work`](Self::work) to do.
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.is_electing() || !self.jobs.is_empty()
    }

    pub(super) fn start(&mut self, task: Task) {
        self.jobs.push_back(Job::new(task));
    }

    /// Goes on with elections, then with sweeps and removals, over at most `budget` prefixes (some 10 ns each, and as
    /// much as a withdrawal for those that go). Says what came to its end.
    ///
    /// Meanwhile everything else may be called: routes that come or change are taken as they then are.
    pub fn work(
        &mut self,
        hops: &mut NextHops,
        budget: usize,
        changes: &mut Vec<BestChange>,
    ) -> Vec<Finished> {
        let mut left = budget;
        let mut finished = Vec::new();
        while left > 0 && self.is_electing() {
            self.elect(hops, &mut left, changes);
        }
        while left > 0 {
            let Some(mut job) = self.jobs.pop_front() else {
                break;
            };
            if self.step(hops, &mut job, &mut left, changes) {
                finished.extend(self.finish(&job));
            } else {
                self.jobs.push_front(job);
            }
        }
        finished
    }

    /// Visits the next piece of one table, or goes on to the next table; says whether the job is done.
    pub(super) fn step(
        &mut self,
        hops: &mut NextHops,
        job: &mut Job,
        left: &mut usize,
        changes: &mut Vec<BestChange>,
    ) -> bool {
        if self.nothing_to_sweep(job.task) {
            return true;
        }
        let (Place::V4(id, _) | Place::V6(id, _)) = job.at;
        let Some(vrf) = self.vrfs.get_mut(&id) else {
            return !self.next_vrf(job, id);
        };
        let mut piece = Piece {
            task: job.task,
            vrf: id,
            hops,
            changes,
            owners: &mut self.owners,
            removed: 0,
        };
        let next = match job.at {
            Place::V4(id, after) => match vrf
                .v4
                .scan(after, left, |key, routes| piece.visit(key, routes))
            {
                Some(key) => Some(Place::V4(id, Some(key))),
                None => Some(Place::V6(id, None)),
            },
            Place::V6(id, after) => vrf
                .v6
                .scan(after, left, |key, routes| piece.visit(key, routes))
                .map(|key| Place::V6(id, Some(key))),
        };
        let removed = piece.removed;
        vrf.routes -= removed;
        self.routes -= removed;
        job.removed += removed as u64;
        match next {
            Some(place) => {
                job.at = place;
                false
            }
            None => !self.next_vrf(job, id),
        }
    }

    /// Goes on to the VRF after this one; `false` if the job has none to go to.
    fn next_vrf(&self, job: &mut Job, after: VrfId) -> bool {
        let next = self
            .vrfs
            .range((Bound::Excluded(after), Bound::Unbounded))
            .next();
        match (job.task, next) {
            (Task::RemoveVrf(_), _) | (_, None) => false,
            (_, Some((vrf, _))) => {
                job.at = Place::V4(*vrf, None);
                true
            }
        }
    }

    fn nothing_to_sweep(&self, task: Task) -> bool {
        let Task::Sweep { owner, before } = task else {
            return false;
        };
        self.owners.get(owner).is_none_or(|owner| {
            owner.routes == 0 || owner.old_routes == 0 && before <= owner.generation
        })
    }

    fn finish(&mut self, job: &Job) -> Option<Finished> {
        match job.task {
            Task::Recheck => None,
            Task::RemoveVrf(vrf) => {
                self.vrfs.remove(&vrf);
                Some(Finished::VrfRemoved(vrf))
            }
            Task::Sweep { owner: id, before } => {
                let again =
                    |job: &Job| matches!(job.task, Task::Sweep { owner, .. } if owner == id);
                let last = !self.jobs.iter().any(again);
                let owner = self.owners.get_mut(id)?;
                owner.swept(before);
                if owner.state == OwnerState::Expiring && last {
                    self.owners.forget(id);
                    return Some(Finished::Expired {
                        owner: id,
                        routes: job.removed,
                    });
                }
                Some(Finished::Swept {
                    owner: id,
                    generation: before,
                    routes: job.removed,
                })
            }
        }
    }
}

/// What a job does with the prefixes of one table.
struct Piece<'a> {
    task: Task,
    vrf: VrfId,
    hops: &'a mut NextHops,
    owners: &'a mut Owners,
    changes: &'a mut Vec<BestChange>,
    removed: usize,
}

impl Piece<'_> {
    /// Does it to one prefix; `false` if the prefix has no route left.
    fn visit<K: Key>(&mut self, key: K, candidates: &mut Candidates) -> bool {
        let task = self.task;
        let goes = |route: &Route| match task {
            Task::Recheck => false,
            Task::RemoveVrf(_) => true,
            Task::Sweep { owner, before } => route.owner == owner && route.generation < before,
        };
        let hit = candidates.as_slice().iter().any(goes);
        if !hit && task != Task::Recheck {
            return true;
        }
        let old = candidates.installed();
        let any_left = !hit
            || candidates.retain(|route| {
                let goes = goes(route);
                if goes {
                    self.removed += 1;
                    self.hops.release(route.set, self.vrf, key.net());
                    self.owners.discount(route);
                }
                !goes
            });
        let new = if any_left {
            candidates.elect(|set| self.hops.is_usable(set))
        } else {
            None
        };
        if hit {
            self.hops.note_changed(self.vrf, key.net());
        }
        Elected { old, new }.report(self.vrf, key.net(), self.changes);
        any_left
    }
}
