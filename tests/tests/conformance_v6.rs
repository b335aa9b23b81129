//! IPv6 forwarding (RFC 8200, 4443, 4291, 5095, 6437), row by row of the list of conformance.

#![allow(clippy::unwrap_used, reason = "what cannot go on has failed")]

#[path = "conformance_v6/addresses.rs"]
mod addresses;
#[path = "conformance_v6/errors.rs"]
mod errors;
#[path = "conformance_v6/forwarding.rs"]
mod forwarding;
#[path = "conformance_v6/lab.rs"]
mod lab;
#[path = "conformance_v6/lpm.rs"]
mod lpm;
#[path = "conformance_v6/frames.rs"]
mod packets;

/// Host a's address of link scope.
const A_LINK_LOCAL: &str = "fe80::a";
/// A host behind host b.
const BEHIND_B: &str = "2001:db8:b::1";
/// A host behind b and c, to which there are two paths.
const BEHIND_B_AND_C: &str = "2001:db8:c::1";
/// The router's address of link scope on port a, which follows from its Ethernet address (RFC 4291 appendix A).
const R0_LINK_LOCAL: &str = "fe80::ff:fe00:1";
