//! The control plane's vocabulary: what a client may ask for, what it sees, and why it is refused.
//!
//! These types stand between the wire (`ferroute_proto`) and the core. They are made from messages
//! or configuration once, at the edge, and are valid from then on: the core checks them against its
//! state, never against themselves.

pub mod belonging;
pub mod bridge;
pub mod event;
pub mod interface;
pub mod lookup;
pub mod name;
pub mod neighbour;
pub mod nexthop;
pub mod number;
pub mod overlay;
pub mod owner;
pub mod page;
pub mod port;
pub mod prefix;
pub mod reason;
pub mod refusal;
pub mod route;
pub mod saved;
pub mod segment;
pub mod stats;
pub mod system;
pub mod trace;
pub mod vrf;
