//! The control plane of ferroute.

pub mod cli;
pub mod config;
pub mod daemon;
