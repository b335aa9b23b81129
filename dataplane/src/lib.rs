//! The packet path of ferroute.
//!
//! Everything that a packet meets between a receive queue and a transmit queue lives here: packet
//! views ([`wire`]), the FIB ([`fib`]), next hops, the immutable [`snapshot`] that workers read,
//! the forwarding stages and the worker loop. Nothing here knows of tokio, gRPC, netlink or
//! configuration.

pub mod counters;
pub mod drops;
pub mod fdb;
pub mod fib;
pub mod forward;
pub mod ids;
pub mod mac;
mod places;
pub mod policer;
pub mod punt;
pub mod snapshot;
pub mod trace;
pub mod tunnel;
pub mod wire;
pub mod worker;
