//! Conformance of bridge domains: what the router is told and what it sees, and which frames then leave its ports.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what cannot go on has failed"
)]

#[path = "conformance_bridge/gateway.rs"]
mod gateway;
#[path = "conformance_bridge/heard.rs"]
mod heard;
#[path = "conformance_bridge/lab.rs"]
mod lab;
#[path = "conformance_bridge/learning.rs"]
mod learning;
#[path = "conformance_bridge/model.rs"]
mod model;
#[path = "conformance_bridge/remote.rs"]
mod remote;
#[path = "conformance_bridge/scale.rs"]
mod scale;
#[path = "conformance_bridge/segment.rs"]
mod segment;
#[path = "conformance_bridge/segment_model.rs"]
mod segment_model;
