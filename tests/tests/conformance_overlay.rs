//! Conformance of overlays: what the router is told of tunnels, VNIs and labels, and what then leaves its ports.
//!
//! A tenant's host on one port, the fabric on another, remote ends behind the fabric's gateway. Outer packets are built
//! and read with etherparse, byte by byte where it has no notion of them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what cannot go on has failed"
)]

#[path = "conformance_overlay/apart.rs"]
mod apart;
#[path = "conformance_overlay/counters.rs"]
mod counters;
#[path = "conformance_overlay/ecmp.rs"]
mod ecmp;
#[path = "conformance_overlay/events.rs"]
mod events;
#[path = "conformance_overlay/lab.rs"]
mod lab;
#[path = "conformance_overlay/labels.rs"]
mod labels;
#[path = "conformance_overlay/mtu.rs"]
mod mtu;
#[path = "conformance_overlay/refusals.rs"]
mod refusals;
#[path = "conformance_overlay/routed.rs"]
mod routed;
