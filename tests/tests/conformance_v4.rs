//! IPv4 forwarding (RFC 791, 1812, 1624, 2644, 3704, 6864, 3021), row by row of the list of conformance. Expected frames
//! are etherparse's.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "conformance_v4/errors.rs"]
mod errors;
#[path = "conformance_v4/fragments.rs"]
mod fragments;
#[path = "conformance_v4/lab.rs"]
mod lab;
#[path = "conformance_v4/local.rs"]
mod local;
#[path = "conformance_v4/lpm.rs"]
mod lpm;
#[path = "conformance_v4/paths.rs"]
mod paths;
#[path = "conformance_v4/transit.rs"]
mod transit;
#[path = "conformance_v4/validity.rs"]
mod validity;
