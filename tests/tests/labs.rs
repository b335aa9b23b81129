//! Labs with real routing daemons, named for the scenarios that they stand for. docs/labs.md describes each.

#![allow(clippy::unwrap_used, reason = "what cannot go on has failed")]

#[path = "labs/common.rs"]
mod common;
#[path = "labs/s7_underlay.rs"]
mod s7_underlay;
