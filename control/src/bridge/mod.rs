//! `ferroute-bridge`: the routes of routing daemons, brought to the router.
//!
//! The bridge runs beside the daemons, in their network namespace, and is a client of the router's API like any other. It hears
//! them in one of two ways: by following the kernel's tables ([`follower`]), which every daemon writes, or by FRR's own
//! channel ([`fpm`]). Both speak netlink ([`netlink`]). Each [`source`] has a [`table`], which is its truth and knows what the
//! router has of it; [`overlay`] finds the tunnels behind routes; [`stations`] keeps those of bridged VNIs the same on both sides; [`router`] is the other side. [`service`] and [`metrics`] tell people.
//!
//! What the router cannot express is kept, counted and shown; it is never lost silently.

pub mod config;
#[cfg(test)]
mod config_tests;
mod follower;
mod fpm;
#[cfg(test)]
mod golden;
mod metrics;
mod namespace;
pub(crate) mod netlink;
mod overlay;
mod program;
mod router;
mod service;
mod source;
mod stations;
mod table;

pub use netlink::update::Protocol;
pub use program::{Args, BridgeError, main};
