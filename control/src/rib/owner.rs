//! Who injects routes, and since when.
//!
//! ```text
//!            new epoch             end of RIB, or grace over
//!   (new) ─────────────→ Replaying ─────────────→ Live     older routes are swept
//!                          ↑    ╲                  │
//!                          │     ╲ gone            │ gone
//!                          │      ↘                ↓
//!                          └────────────────── Stale ──→ Expiring ──→ (forgotten)
//!                              comes back         grace over      swept
//! ```
//!
//! Epochs are the client's numbers. Each new one starts a generation, which is the owner's own count: routes carry
//! it, and a route of an older generation is one that was not repeated.

/// An owner, for as long as it has a session or a route.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(transparent)]
pub struct OwnerId(pub(super) u16);

impl OwnerId {
    /// The number as an index into a table.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The right to change an owner's routes. It ends when the owner is [gone](super::Rib::owner_gone).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Session {
    pub(super) owner: OwnerId,
    pub(super) serial: u32,
    pub(super) generation: u32,
}

impl Session {
    /// Whose session it is.
    #[must_use]
    pub const fn owner(self) -> OwnerId {
        self.owner
    }

    /// The owner's generation that this session brings.
    #[must_use]
    pub const fn generation(self) -> u32 {
        self.generation
    }
}

/// How an owner keeps its routes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tenure {
    /// Routes stay whether or not a session is there; several may be. For the router's own owners and for
    /// programs that set and go.
    Persistent,
    /// One session at a time; routes outlive it by a grace time, unless the next one repeats them.
    Epochs {
        /// The client's number of this generation. Greater than the last: a new one. The same: the last one
        /// goes on. 0: one more than the last.
        epoch: u64,
        /// How long routes stay after the session ended, and how long those of earlier epochs stay
        /// after a new epoch began without an end of RIB.
        grace_ns: u64,
    },
}

/// Where an owner is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OwnerState {
    /// Its routes stay without a session.
    Persistent {
        /// How many sessions there are.
        sessions: u32,
    },
    /// It has a session, and all its routes are of the session's epoch.
    Live,
    /// It has a session, and routes of earlier epochs until this time or the end of RIB.
    Replaying {
        /// When the older routes go, in nanoseconds of the caller's clock.
        until_ns: u64,
    },
    /// Its session ended; its routes stay until this time.
    Stale {
        /// When the session ended, in nanoseconds of the caller's clock.
        since_ns: u64,
        /// When the routes go.
        until_ns: u64,
    },
    /// Its time is over, and its routes are on their way out.
    Expiring,
}

/// Why an owner was not connected or removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OwnerError {
    /// Another session has it.
    #[error("another session has this owner")]
    Busy,
    /// The epoch is an earlier one.
    #[error("the owner's epoch is already {last}")]
    EpochBehind {
        /// The owner's last epoch.
        last: u64,
    },
    /// No number is left for another owner.
    #[error("there are already {} owners", u16::MAX)]
    TooMany,
    /// There is no such owner.
    #[error("there is no such owner")]
    Unknown,
}

/// An owner that was connected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Connected {
    /// The right to change its routes.
    pub session: Session,
    /// The epoch of the session; 0 for a persistent owner that never had one.
    pub epoch: u64,
    /// How many routes it has from before.
    pub held_routes: u32,
}

/// An owner as others see it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OwnerView<'a> {
    /// Its number.
    pub id: OwnerId,
    /// Its name.
    pub name: &'a str,
    /// Where it is in its life.
    pub state: OwnerState,
    /// Its last epoch; 0 if it never had one.
    pub epoch: u64,
    /// Its own count of its epochs.
    pub generation: u32,
    /// How long its routes stay without it, in nanoseconds.
    pub grace_ns: u64,
    /// How many routes it has.
    pub routes: u32,
    /// Those of them that it has not repeated in its last epoch, or all if it is gone.
    pub stale_routes: u32,
}
