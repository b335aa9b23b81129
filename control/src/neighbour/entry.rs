//! One neighbour and where it stands.

use ferroute_dataplane::mac::Mac;
use std::collections::VecDeque;

/// The state of a neighbour: RFC 4861 section 7.3.2, with the two that Linux users know besides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NeighbourState {
    /// Asked for, no answer yet.
    Incomplete,
    /// Confirmed within the reachable time.
    Reachable,
    /// Known, not confirmed lately, not in use.
    Stale,
    /// Known, in use, about to be probed.
    Delay,
    /// Known, in use, being probed.
    Probe,
    /// Did not answer; not asked again for a while.
    Failed,
    /// Set by the operator; never ages, never learned over.
    Permanent,
}

impl NeighbourState {
    /// The state's name, in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Incomplete => "incomplete",
            Self::Reachable => "reachable",
            Self::Stale => "stale",
            Self::Delay => "delay",
            Self::Probe => "probe",
            Self::Failed => "failed",
            Self::Permanent => "permanent",
        }
    }
}

/// The state with what belongs to it, so that no address stands beside a state that has none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    Incomplete { sent: u8 },
    Failed { retry_ns: u64 },
    Known { mac: Mac, check: Check },
    Permanent { mac: Mac },
}

/// How sure a known address is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Check {
    Reachable,
    Stale,
    Delay,
    Probe { sent: u8 },
}

/// In which order entries give way when an interface's share is full, and from when they wait.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Rank {
    Failed,
    Incomplete,
    Stale,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) phase: Phase,
    /// When the phase began.
    pub(super) since_ns: u64,
    /// When the phase ends by itself.
    pub(super) deadline_ns: Option<u64>,
    /// When a request was last sent.
    pub(super) asked_ns: Option<u64>,
    /// When reachability was last confirmed.
    pub(super) confirmed_ns: Option<u64>,
    /// Resolutions that failed in a row: an answer leads to states from which only removal leads
    /// back.
    pub(super) failures: u32,
    /// IsRouter of RFC 4861 section 5.1.
    pub(super) router: bool,
    /// A route's gateway: kept resolved.
    pub(super) wanted: bool,
    /// Places of the packets that wait, oldest first.
    pub(super) held: VecDeque<u64>,
}

impl Entry {
    pub(super) fn new(phase: Phase, wanted: bool, now_ns: u64) -> Self {
        Self {
            phase,
            since_ns: now_ns,
            deadline_ns: None,
            asked_ns: None,
            confirmed_ns: None,
            failures: 0,
            router: false,
            wanted,
            held: VecDeque::new(),
        }
    }

    pub(super) const fn mac(&self) -> Option<Mac> {
        match self.phase {
            Phase::Known { mac, .. } | Phase::Permanent { mac } => Some(mac),
            Phase::Incomplete { .. } | Phase::Failed { .. } => None,
        }
    }

    pub(super) const fn state(&self) -> NeighbourState {
        match self.phase {
            Phase::Incomplete { .. } => NeighbourState::Incomplete,
            Phase::Failed { .. } => NeighbourState::Failed,
            Phase::Permanent { .. } => NeighbourState::Permanent,
            Phase::Known { check, .. } => match check {
                Check::Reachable => NeighbourState::Reachable,
                Check::Stale => NeighbourState::Stale,
                Check::Delay => NeighbourState::Delay,
                Check::Probe { .. } => NeighbourState::Probe,
            },
        }
    }

    pub(super) const fn is_permanent(&self) -> bool {
        matches!(self.phase, Phase::Permanent { .. })
    }

    /// Whether the entry is there only because of traffic.
    pub(super) const fn is_learned(&self) -> bool {
        !self.wanted && !self.is_permanent()
    }

    /// Whether it may give way to another, and how soon.
    pub(super) const fn rank(&self) -> Option<Rank> {
        if self.wanted {
            return None;
        }
        match self.phase {
            Phase::Failed { .. } => Some(Rank::Failed),
            Phase::Incomplete { .. } => Some(Rank::Incomplete),
            Phase::Known {
                check: Check::Stale,
                ..
            } => Some(Rank::Stale),
            Phase::Known { .. } | Phase::Permanent { .. } => None,
        }
    }
}
