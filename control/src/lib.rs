//! The control plane of ferroute.

pub mod neighbour;
pub mod twin;
