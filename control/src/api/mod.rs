//! The gRPC API: from messages to the core and back.
//!
//! Each service is one file with the same skeleton: the service calls the core and turns its answer
//! into a message; below it stand the conversions, `TryFrom` a message into a valid type and `From` a
//! view into a message. No service holds any truth.

mod bridge_domain;
mod event;
mod interface;
mod message;
mod neighbour;
mod nexthop;
mod overlay;
mod port;
mod route;
pub(crate) mod saved;
mod segment;
pub mod server;
mod stats;
mod status;
mod streams;
mod system;
pub mod tls;
mod trace;
mod vrf;

#[cfg(test)]
mod tests;
