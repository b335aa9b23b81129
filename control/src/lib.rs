//! The control plane of ferroute.

pub mod api;
pub mod bridge;
pub mod cli;
pub mod config;
pub mod core;
pub mod daemon;
pub mod exception;
pub mod hardware;
pub mod metrics;
pub mod model;
pub mod neighbour;
pub mod nexthop;
pub mod rib;
pub mod slowpath;
pub mod state;
pub mod twin;
