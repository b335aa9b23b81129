//! What a worker shows of single packets, on demand.
//!
//! ```text
//!             ┌─ free ◄────────── drained ─┐
//! worker ─────┤                            ├── reader: the control plane, for a client
//!             └─ record ──► full ──────────┘
//! ```
//!
//! * A [`Tracer`] writes a [`Path`] for each sampled packet: every decision from the receive queue to
//!   its end.
//! * A [`Tap`] copies frames as they pass a [`Point`].
//!
//! Both choose packets by a [`Filter`], and write into a [`Ring`] whose memory was made when the watch
//! began: a worker never allocates for it and never waits. What finds no place is counted as lost.
//! Without a [`Watch`] this costs one branch for each burst and each flush.

mod filter;
mod path;
mod ring;
mod tap;
#[cfg(test)]
mod tests;
mod tracer;

pub use filter::{Filter, InterfaceSet, network};
pub use path::{BridgeWay, HEAD_BYTES, MOST_STEPS, Path, Step};
pub use ring::Ring;
pub use tap::{Frame, Point, Points, Tap};
pub use tracer::Tracer;

use std::sync::Arc;

/// What is to be shown of one worker's packets.
#[derive(Debug, Default)]
pub struct Watch {
    /// Decisions.
    pub tracer: Option<Tracer>,
    /// Frames.
    pub tap: Option<Arc<Tap>>,
}
