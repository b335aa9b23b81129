//! The control plane of ferroute.

pub mod nexthop;
pub mod rib;
