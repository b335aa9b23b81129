//! The netlink follower: what the kernel of a network namespace knows of links, neighbours, next hops and routes.
//!
//! ```text
//!  kernel ── notifications ──┐
//!         ── dumps ──────────┴─▶ one socket ─▶ thread ─▶ Begin, updates …, End, updates …
//! ```
//!
//! It listens before it asks for dumps, on the same socket, so everything comes in the order in which it was true. It dumps
//! again when the socket overruns, when a dump was disturbed, and when a link went down, lost its carrier or an IPv4 address:
//! the kernel then drops IPv4 routes, next hop objects and members of groups without a word. `Begin` and `End` tell the
//! listener what was said in between, and what was not repeated goes only at the `End`, so nothing flaps.

mod socket;
mod thread;

pub(in crate::bridge) use thread::{Interest, start};

use super::netlink::update::Update;
use super::netlink::{Ignored, Unreadable};

/// What the follower says.
#[derive(Debug)]
pub(in crate::bridge) enum Said {
    /// Everything is said anew from here.
    Begin,
    /// Changes, in their order.
    Updates(Vec<Update>),
    /// Everything was said: what was not repeated since `Begin` is gone.
    End,
    /// Notifications were lost.
    Overrun,
    /// So many attributes are not known.
    Ignored(Ignored),
    /// Messages could not be read: how many, and why the first.
    Unreadable(u64, Unreadable),
}
