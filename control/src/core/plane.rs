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

use ferroute_dataplane::ids::{AdjacencyId, TunnelId};
use ferroute_dataplane::snapshot::Snapshot;
use ferroute_dataplane::snapshot::cell::{Laggards, Publisher};

use crate::nexthop::NextHopSetId;

/// How long a worker may take for one burst before it counts as hung. A burst takes microseconds;
/// a worker that lost its CPU to something else comes back within a scheduler's slice.
const GRACE: Duration = Duration::from_millis(200);

/// A number that nothing has any more, but that a worker may still know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Retired {
    /// Of an adjacency.
    Adjacency(AdjacencyId),
    /// Of a next hop set.
    Set(NextHopSetId),
    /// Of a tunnel.
    Tunnel(TunnelId),
}

/// The data plane as the core sees it.
pub struct Plane {
    publisher: Publisher<Snapshot>,
    draft: Snapshot,
    dirty: bool,
    pending: Vec<Retired>,
    retired: VecDeque<(u64, Vec<Retired>)>,
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
        // One that has moved since is waited for again, though it may never be found at the newest epoch.
        let passed = self.publisher.passed();
        self.hung.take_if(|hung| hung.epoch <= passed);
        let bound = if self.hung.is_some() {
            Duration::ZERO
        } else {
            GRACE
        };
        let since = self.hung.as_ref().map_or(epoch, |hung| hung.epoch);
        let late = self.publisher.wait(epoch, bound).err();
        self.hung = late.map(|late| Laggards {
            epoch: since,
            ..late
        });
    }

    /// The workers (by reader slot) that did not pass the last grace period.
    #[must_use]
    pub const fn hung(&self) -> Option<&Laggards> {
        self.hung.as_ref()
    }

    /// Gives up an adjacency that no draft names any more.
    pub fn retire(&mut self, adjacency: AdjacencyId) {
        self.pending.push(Retired::Adjacency(adjacency));
    }

    /// Gives up a next hop set that the draft no longer has.
    pub fn retire_set(&mut self, set: NextHopSetId) {
        self.pending.push(Retired::Set(set));
    }

    /// Gives up a tunnel that the draft no longer has.
    pub fn retire_tunnel(&mut self, tunnel: TunnelId) {
        self.pending.push(Retired::Tunnel(tunnel));
    }

    /// Gives the FIB the memory back that no worker can see any more, and returns the numbers that
    /// may be used again. Never waits.
    ///
    /// A worker that hangs in its burst reads FIB entries of now and resolves them in its old snapshot. A number
    /// that is not in there is a drop; one that had another meaning would lead astray. And punted packets
    /// carry their adjacency beyond their burst.
    pub fn reclaim(&mut self) -> Vec<Retired> {
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
