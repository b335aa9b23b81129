//! The control plane of ferroute.

pub mod config;
pub mod daemon;
