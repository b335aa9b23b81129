//! Owners of routes.

use super::name::OwnerName;
use super::number::Epoch;
use super::reason::reasons;
use std::time::Duration;

/// The longest grace that an owner may ask for.
pub const MAX_GRACE: Duration = Duration::from_secs(24 * 3600);

/// One stream of an owner, from its opening to its end. Numbers are not used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SessionId(pub u64);

/// An owner that wants to speak.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OwnerOpen {
    /// Its name, not reserved.
    pub owner: OwnerName,
    /// How long its routes live.
    pub life: OwnerLife,
}

/// How long an owner's routes live.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OwnerLife {
    /// As long as its stream, and a grace time on.
    Session {
        /// The generation that the stream brings; absent: one more than the last.
        epoch: Option<Epoch>,
        /// How long stale routes stay in force; absent: as the router is configured.
        grace: Option<Duration>,
    },
    /// Until someone removes them; several streams may share the owner.
    Persistent,
}

/// The owner may speak.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OwnerOpened {
    /// Names the stream in batches.
    pub session: SessionId,
    /// The epoch of this stream.
    pub epoch: Epoch,
    /// Routes that the owner has from before.
    pub held_routes: u64,
}

/// State of an owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OwnerState {
    /// It has a stream, is persistent, or is the router itself.
    Live,
    /// It is back, but has not said end-of-RIB yet.
    Replaying,
    /// Its stream is gone; its routes are stale.
    Stale,
    /// It and its routes were removed; only in events.
    Removed,
}

/// An owner of routes as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OwnerView {
    /// Its name.
    pub name: OwnerName,
    /// Its state.
    pub state: OwnerState,
    /// Its epoch.
    pub epoch: Epoch,
    /// Routes that it has.
    pub routes: u64,
    /// Of these: stale.
    pub stale_routes: u64,
    /// Next hop sets that it has.
    pub next_hop_sets: u64,
    /// Neighbours, stations, ends of flood lists, segments, labels and VNIs that it has.
    pub things: u64,
    /// Of these: stale.
    pub stale_things: u64,
    /// Time until the stale routes are swept, when a sweep is pending.
    pub grace_left: Option<Duration>,
    /// Whether its routes outlive its streams.
    pub persistent: bool,
}

reasons! {
    /// Why an owner may not speak, or cannot be removed.
    pub enum OwnerError {
        /// Only the router itself is this owner.
        Reserved { /// The name.
            owner: OwnerName } = "OWNER_RESERVED", Precondition, "{owner} is the router itself";
        /// Another stream has the owner.
        Busy { /// The name.
            owner: OwnerName } = "OWNER_BUSY", Precondition, "another stream speaks for {owner}";
        /// The epoch is older than the owner's last.
        EpochBehind { /// What was given.
            epoch: Epoch, /// The owner's last.
            last: Epoch } = "EPOCH_BEHIND", Precondition, "epoch {epoch} is behind the owner's last, {last}";
        /// The router takes no more owners.
        TooMany { /// Most that it takes.
            limit: usize } = "TOO_MANY_OWNERS", Exhausted, "the router takes at most {limit} owners";
        /// There is no such owner.
        Unknown { /// The name.
            owner: OwnerName } = "UNKNOWN_OWNER", NotFound, "there is no owner {owner}";
        /// The session is closed.
        SessionClosed = "NOT_OPEN", Precondition, "the stream speaks for no owner";
    }
}
