//! The router as a whole.

use std::path::PathBuf;
use std::time::Duration;

/// About the router.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SystemView {
    /// Version of ferroute.
    pub version: &'static str,
    /// Version of DPDK, as it names itself.
    pub dpdk_version: String,
    /// Time since the start.
    pub uptime: Duration,
    /// Epoch of the snapshot that the workers see.
    pub snapshot_epoch: u64,
    /// Forwarding workers.
    pub workers: u16,
}

/// The configuration in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigView {
    /// As YAML, with all defaults filled in.
    pub yaml: String,
    /// The file from which it came, if there was one.
    pub path: Option<PathBuf>,
}
