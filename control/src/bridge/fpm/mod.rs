//! The server of FRR's Forwarding Plane Manager channel (module `dplane_fpm_nl`).
//!
//! zebra connects to us by TCP, port 2620, and sends netlink messages in frames ([`frame`]); [`server`] reads one zebra for
//! each listener, and a new connection replaces the old one. [`feedback`] writes back which routes the workers see.
//!
//! The channel has no end-of-RIB: when a zebra has been silent for a while after it connected, it has said everything.

pub(in crate::bridge) mod feedback;
pub(in crate::bridge) mod frame;
pub(in crate::bridge) mod server;

use super::netlink::update::Update;
use super::netlink::{Ignored, Unreadable};
use std::net::SocketAddr;

/// What the server says.
#[derive(Debug)]
pub(in crate::bridge) enum Said {
    /// A zebra connected; the one before is gone.
    Connected {
        /// Where from.
        peer: SocketAddr,
        /// Takes words for it.
        feedback: feedback::Feedback,
    },
    /// It said something.
    Heard {
        /// Changes, in their order.
        updates: Vec<Update>,
        /// How much was read.
        counts: Counts,
    },
    /// It is gone.
    Closed {
        /// Why; none if it closed the connection itself.
        reason: Option<frame::FrameError>,
    },
}

/// What was read from a connection.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::bridge) struct Counts {
    /// Frames.
    pub(in crate::bridge) frames: u64,
    /// Bytes of them.
    pub(in crate::bridge) bytes: u64,
    /// Messages of kinds that are not read.
    pub(in crate::bridge) unknown: u64,
    /// Attributes that are not known.
    pub(in crate::bridge) ignored: Ignored,
    /// Messages that could not be read.
    pub(in crate::bridge) unreadable: u64,
    /// Why the first of these could not.
    pub(in crate::bridge) first: Option<Unreadable>,
}
