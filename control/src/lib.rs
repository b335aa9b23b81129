//! The control plane of ferroute.

pub mod core;
pub mod model;
pub mod neighbour;
