//! What is known of one station, and which of it counts.
//!
//! | knowledge | from | counts |
//! |---|---|---|
//! | gateway | the domain's spec | always |
//! | static | a client | unless it is the gateway |
//! | learned | frames at a member, or out of a tunnel | unless one of the above |
//! | remote | a client | unless one of the above |
//!
//! A learned and a remote station fight by mobility sequence (RFC 7432 section 15): a frame at a member beats what a
//! client said before, with a sequence one above; a client beats that with a higher one. What a client said is kept
//! when it is beaten, and counts again when the learned station ages. A station that is seen at a member of the segment behind
//! which clients say that it is has not moved. What comes out of a tunnel never beats what a client said.

use std::net::IpAddr;

use ferroute_dataplane::fdb::FdbTarget;
use ferroute_dataplane::ids::{InterfaceId, SegmentPathId, TunnelId};

use crate::model::bridge::{DomainPolicy, RemoteStation, StationKind};
use crate::model::segment::SegmentId;

const SECOND_NS: u64 = 1_000_000_000;

/// What is known of a station.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Station {
    pub(super) gateway: Option<InterfaceId>,
    pub(super) fixed: Option<InterfaceId>,
    pub(super) learned: Option<Learned>,
    pub(super) remote: Option<Remote>,
    pub(super) moves: Moves,
}

/// A station that was seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Learned {
    pub(super) place: Place,
    pub(super) sequence: u32,
    /// How often it was asked for since it was last heard of.
    asked: u8,
}

/// Where a station was seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// At a member.
    Member(InterfaceId),
    /// Behind a remote end, to which this tunnel leads.
    Remote(IpAddr, TunnelId),
}

/// What a client said, with what leads there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Remote {
    pub(super) said: RemoteStation,
    pub(super) way: RemoteWay,
}

/// What leads to a remote station; held once for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RemoteWay {
    /// A tunnel.
    Tunnel(TunnelId),
    /// The path to the stations behind a segment.
    Segment(SegmentPathId),
}

/// The moves of a station within a window, and until when it stays where it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Moves {
    since_ns: u64,
    count: u32,
    held_until_ns: u64,
}

/// What is due for a station that was not heard of for some time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Due {
    /// Nothing.
    Nothing,
    /// It is to be asked for.
    Question,
    /// It is forgotten.
    End,
}

/// What became of a frame of a station.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Heard {
    /// Nothing new.
    Known,
    /// The station was not known.
    New,
    /// It was elsewhere.
    Moved,
    /// It moves too often; the flag says that this began now.
    Damped(bool),
    /// It is fixed elsewhere.
    Violation,
}

/// Why what a client says does not count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    /// It is the gateway.
    Gateway,
    /// It is sticky elsewhere.
    Sticky,
    /// It is elsewhere with this sequence.
    Stale(u32),
}

impl Station {
    /// What counts.
    pub(super) const fn kind(&self) -> Option<StationKind> {
        if self.gateway.is_some() {
            Some(StationKind::Gateway)
        } else if self.fixed.is_some() {
            Some(StationKind::Static)
        } else if self.learned.is_some() {
            Some(StationKind::Learned)
        } else if self.remote.is_some() {
            Some(StationKind::Remote)
        } else {
            None
        }
    }

    /// Which way it is.
    pub(super) fn target(&self) -> Option<FdbTarget> {
        if self.gateway.is_some() {
            return Some(FdbTarget::Gateway);
        }
        if let Some(member) = self.interface() {
            return Some(FdbTarget::Interface(member));
        }
        if let Some(Place::Remote(_, tunnel)) = self.learned.map(|learned| learned.place) {
            return Some(FdbTarget::Tunnel(tunnel));
        }
        Some(match self.remote?.way {
            RemoteWay::Tunnel(tunnel) => FdbTarget::Tunnel(tunnel),
            RemoteWay::Segment(path) => FdbTarget::Segment(path),
        })
    }

    /// The member behind which it is, or the gateway.
    pub(super) fn interface(&self) -> Option<InterfaceId> {
        let learned = self.learned.and_then(Learned::member);
        self.gateway.or(self.fixed).or(learned)
    }

    /// The sequence with which it is where it is.
    pub(super) fn sequence(&self) -> u32 {
        match (self.fixed, self.learned, self.remote) {
            (None, Some(learned), _) => learned.sequence,
            (None, None, Some(remote)) => remote.said.sequence,
            _ => 0,
        }
    }

    /// Whether it stays where it is because it moved too often.
    pub(super) const fn is_damped(&self, now_ns: u64) -> bool {
        now_ns < self.moves.held_until_ns
    }

    /// Whether this frame would make it a learned station, which it is not yet.
    pub(super) const fn would_be_new(&self) -> bool {
        self.gateway.is_none() && self.fixed.is_none() && self.learned.is_none()
    }

    /// Takes a frame of it; `segment` is that of the member.
    pub(super) fn hear(
        &mut self,
        place: Place,
        segment: Option<SegmentId>,
        now_ns: u64,
        policy: &DomainPolicy,
    ) -> Heard {
        let elsewhere = |is: bool| if is { Heard::Known } else { Heard::Violation };
        if let Some(own) = self.gateway.or(self.fixed) {
            return elsewhere(place == Place::Member(own));
        }
        let sequence = match (self.learned, self.remote) {
            (Some(learned), _) if learned.place == place => return Heard::Known,
            (_, Some(_)) if matches!(place, Place::Remote(..)) => return Heard::Known,
            (Some(learned), _) => learned.sequence,
            (None, Some(remote)) if segment.is_some() && remote.said.place.segment() == segment => {
                self.learned = Some(Learned::new(place, remote.said.sequence));
                return Heard::New;
            }
            (None, Some(remote)) if remote.said.sticky => return Heard::Violation,
            (None, Some(remote)) => remote.said.sequence.saturating_add(1),
            (None, None) => {
                self.learned = Some(Learned::new(place, 0));
                return Heard::New;
            }
        };
        if let Err(began) = self.moves.note(now_ns, policy) {
            return Heard::Damped(began);
        }
        self.learned = Some(Learned::new(place, sequence));
        Heard::Moved
    }

    /// Looks at its age: in the last quarter of its time it is asked for up to four times, then it is forgotten.
    pub(super) fn age(&mut self, idle_seconds: u16, ageing_seconds: u16) -> Due {
        let Some(learned) = &mut self.learned else {
            return Due::Nothing;
        };
        let (idle, ageing) = (u32::from(idle_seconds), u32::from(ageing_seconds));
        if idle >= ageing {
            self.learned = None;
            return Due::End;
        }
        let silent = 16 * idle;
        if silent < 12 * ageing {
            learned.asked = 0;
        } else if silent >= (12 + u32::from(learned.asked)) * ageing {
            learned.asked += 1;
            return Due::Question;
        }
        Due::Nothing
    }

    /// Takes what a client says of its remote end. `own` is the address of the endpoint here: of two with the same
    /// sequence the lower address wins (RFC 7432 section 15.1). `here` says that the station was learned at a member of the
    /// segment of which the client speaks. Answers what the client said before.
    pub(super) fn put_remote(
        &mut self,
        remote: Remote,
        own: Option<IpAddr>,
        here: bool,
        now_ns: u64,
        policy: &DomainPolicy,
    ) -> Result<Option<Remote>, Refusal> {
        if self.gateway.is_some() {
            return Err(Refusal::Gateway);
        }
        let said = remote.said;
        let elsewhere = |before: &Remote| !before.said.place.is_same(&said.place);
        if let Some(before) = self.remote.filter(elsewhere) {
            if before.said.sticky && !said.sticky {
                return Err(Refusal::Sticky);
            }
            if said.sequence < before.said.sequence && !said.sticky {
                return Err(Refusal::Stale(before.said.sequence));
            }
        }
        if let Some(learned) = &mut self.learned {
            let lower = own.zip(said.place.end());
            let lower = lower.is_some_and(|(own, end)| end.address < own);
            let tie = said.sequence == learned.sequence && lower;
            if here {
                learned.sequence = learned.sequence.max(said.sequence);
            } else if said.sticky
                || learned.remote().is_some()
                || ((said.sequence > learned.sequence || tie)
                    && self.moves.note(now_ns, policy).is_ok())
            {
                self.learned = None;
            }
        }
        Ok(self.remote.replace(remote))
    }
}

impl Learned {
    pub(super) const fn new(place: Place, sequence: u32) -> Self {
        Self {
            place,
            sequence,
            asked: 0,
        }
    }

    /// The member at which it was seen.
    pub(super) const fn member(self) -> Option<InterfaceId> {
        match self.place {
            Place::Member(member) => Some(member),
            Place::Remote(..) => None,
        }
    }

    /// The remote end behind which it was seen.
    pub(super) const fn remote(self) -> Option<IpAddr> {
        match self.place {
            Place::Member(_) => None,
            Place::Remote(address, _) => Some(address),
        }
    }
}

impl Moves {
    /// Notes a move; an error if it is one too many, which says whether it is the first such.
    const fn note(&mut self, now_ns: u64, policy: &DomainPolicy) -> Result<(), bool> {
        if now_ns < self.held_until_ns {
            return Err(false);
        }
        let window_ns = policy.move_window_seconds.get() as u64 * SECOND_NS;
        if self.count == 0 || now_ns.saturating_sub(self.since_ns) >= window_ns {
            self.since_ns = now_ns;
            self.count = 0;
        }
        if self.count >= policy.max_moves.get() {
            self.held_until_ns = now_ns.saturating_add(window_ns);
            self.count = 0;
            return Err(true);
        }
        self.count += 1;
        Ok(())
    }
}
