//! What the router bears: broken headers, changes under load, full tables, floods.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "conformance_robust/balance.rs"]
mod balance;
#[path = "conformance_robust/buffers.rs"]
mod buffers;
#[path = "conformance_robust/changes.rs"]
mod changes;
#[path = "conformance_robust/input.rs"]
mod input;
#[path = "conformance_robust/lab.rs"]
mod lab;
#[path = "conformance_robust/limits.rs"]
mod limits;
#[path = "conformance_robust/truncation.rs"]
mod truncation;
