//! The core's end of the data plane: the snapshot it edits, and the order in which changes become
//! visible.
//!
//! ```text
//!  edit draft ── publish ── grace ── write FIB ── tick ── grace ── reuse what was replaced
//! ```
//!
//! New next hops are in every worker's snapshot before a FIB entry names them, and what an entry
//! named before is reused only when no worker can still hold it.

use std::collections::VecDeque;
use std::time::Duration;

use ferroute_dataplane::ids::AdjacencyId;
use ferroute_dataplane::snapshot::Snapshot;
use ferroute_dataplane::snapshot::cell::{Laggards, Publisher};

/// How long a worker may take for one burst before it counts as hung. A burst takes microseconds;
/// a worker that lost its CPU to something else comes back within a scheduler's slice.
const GRACE: Duration = Duration::from_millis(200);

/// The data plane as the core sees it.
pub struct Plane {
    publisher: Publisher<Snapshot>,
    draft: Snapshot,
    dirty: bool,
    pending: Vec<AdjacencyId>,
    retired: VecDeque<(u64, Vec<AdjacencyId>)>,
    hung: Option<Laggards>,
}

impl Plane {
    /// Takes over the publisher.
    #[must_use]
    pub fn new(publisher: Publisher<Snapshot>) -> Self {
        let draft = publisher.current().clone();
        Self {
            publisher,
            draft,
            dirty: false,
            pending: Vec::new(),
            retired: VecDeque::new(),
            hung: None,
        }
    }

    /// The snapshot as it will be.
    #[must_use]
    pub const fn draft(&self) -> &Snapshot {
        &self.draft
    }

    /// The snapshot as it will be, to be changed; workers see it after [`Plane::publish`].
    pub const fn edit(&mut self) -> &mut Snapshot {
        self.dirty = true;
        &mut self.draft
    }

    /// Makes the edits visible and waits until every worker sees them. Does nothing when nothing
    /// was edited.
    pub fn publish(&mut self) {
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        let epoch = self.publisher.publish(self.draft.clone());
        self.grace(epoch);
    }

    /// Waits until every worker has passed now: what it looks up from here on is what the FIB says
    /// now. A worker that does not pass is noted, and not waited for again until it does.
    pub fn settle(&mut self) {
        let epoch = self.publisher.tick();
        self.grace(epoch);
    }

    fn grace(&mut self, epoch: u64) {
        let bound = if self.hung.is_some() {
            Duration::ZERO
        } else {
            GRACE
        };
        self.hung = self.publisher.wait(epoch, bound).err();
    }

    /// The workers (by reader slot) that did not pass the last grace period.
    #[must_use]
    pub const fn hung(&self) -> Option<&Laggards> {
        self.hung.as_ref()
    }

    /// Gives up an adjacency that no draft names any more.
    pub fn retire(&mut self, adjacency: AdjacencyId) {
        self.pending.push(adjacency);
    }

    /// Gives the FIB the memory back that no worker can see any more, and returns the adjacencies
    /// that may be used again. Never waits.
    ///
    /// Next hop sets need none of this: a worker's burst looks up and resolves within one snapshot, and
    /// a set's number gets a new meaning only in a later snapshot than the FIB entries that
    /// named the old one. Punted packets, however, carry their adjacency beyond their burst.
    pub fn reclaim(&mut self) -> Vec<AdjacencyId> {
        let epoch = self.publisher.tick();
        self.draft.arena.seal(epoch);
        if !self.pending.is_empty() {
            self.retired
                .push_back((epoch, std::mem::take(&mut self.pending)));
        }
        let passed = self.publisher.collect();
        self.draft.arena.reclaim(passed);
        let mut free = Vec::new();
        while self
            .retired
            .front()
            .is_some_and(|(epoch, _)| *epoch <= passed)
        {
            free.extend(
                self.retired
                    .pop_front()
                    .map(|(_, what)| what)
                    .unwrap_or_default(),
            );
        }
        free
    }

    /// The newest epoch.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.publisher.epoch()
    }
}
