//! The control plane of ferroute.

pub mod api;
pub mod cli;
pub mod config;
pub mod core;
pub mod daemon;
pub mod metrics;
pub mod model;
