//! Where zebra's connection stands.

use crate::bridge::fpm::feedback::Feedback;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::Instant;

/// Times that rule when something not repeated goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// After so long a silence zebra has said everything.
    pub(super) quiet: Duration,
    /// The least time after its connection.
    pub(super) hold: Duration,
    /// How long its routes outlive it.
    pub(super) grace: Duration,
}

/// Zebra's connection.
#[derive(Debug)]
pub(super) enum Phase {
    /// None has connected yet: what the router has from before is its business.
    Never,
    /// It is saying everything.
    Replaying {
        peer: SocketAddr,
        feedback: Feedback,
        since: Instant,
        heard: Instant,
    },
    /// It says what changes.
    Live {
        peer: SocketAddr,
        feedback: Feedback,
    },
    /// It is gone; its routes stay for a while.
    Gone { since: Instant },
    /// It is gone, and so are its routes.
    Over,
}

impl Phase {
    /// When something is to be done next.
    pub(super) fn deadline(&self, times: &Times) -> Option<Instant> {
        match self {
            Self::Replaying { since, heard, .. } => {
                Some((*heard + times.quiet).max(*since + times.hold))
            }
            Self::Gone { since } => Some(*since + times.grace),
            Self::Never | Self::Live { .. } | Self::Over => None,
        }
    }

    /// Where it connected from.
    pub(super) const fn peer(&self) -> Option<SocketAddr> {
        match self {
            Self::Replaying { peer, .. } | Self::Live { peer, .. } => Some(*peer),
            _ => None,
        }
    }

    /// Takes words for it.
    pub(super) const fn feedback(&self) -> Option<&Feedback> {
        match self {
            Self::Replaying { feedback, .. } | Self::Live { feedback, .. } => Some(feedback),
            _ => None,
        }
    }
}
