//! The control plane of ferroute.

pub mod config;
