//! A source of routes: an actor that owns its table and stands between who says the routes and the router.
//!
//! ```text
//!  follower ──┐                     ┌─▶ batches ─▶ router ─▶ answers ─┐
//!  zebra ─────┴─▶ actor ─▶ table ───┘                                 │
//!                   ▲─────────────────────────────────────────────────┘
//! ```
//!
//! [`actor`] waits and sends, [`heard`] takes in what the sources say, [`overlay`] is for VNIs and labels, [`report`] tells people.

mod actor;
mod fpm;
mod generation;
mod heard;
mod overlay;
mod report;

pub(in crate::bridge) use actor::{Question, SourceError, start};
