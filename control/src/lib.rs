//! The control plane of ferroute.

pub mod api;
pub mod core;
pub mod model;
