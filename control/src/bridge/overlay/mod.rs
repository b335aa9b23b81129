//! The tunnels behind routes of EVPN.
//!
//! ```text
//!  10.1.0.0/16 via 100.64.0.2 dev br100 onlink          what the kernel has, and zebra's channel too
//!                     │            └─ bridge ◀─ vxlan device: VNI 100
//!                     └─ neighbour of br100, or entry of the vxlan device with that remote end: router MAC
//! ```
//!
//! Neither the kernel nor FRR says a router MAC with a route (RFC 9135 section 6): it is put together here from links,
//! forwarding databases and neighbours ([`netdevs`]). Where daemons need netdevs that nobody made, [`shadow`] makes them.

pub(in crate::bridge) mod netdevs;
pub(in crate::bridge) mod shadow;
