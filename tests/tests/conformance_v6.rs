//! IPv6 forwarding (RFC 8200, 4443, 4291, 5095, 6437), row by row of the list of conformance.

#[path = "conformance_v6/lpm.rs"]
mod lpm;
