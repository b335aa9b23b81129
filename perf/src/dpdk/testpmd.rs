//! `testpmd`, which receives and sends and does nothing between.

use super::Program;
use crate::bench::{Bench, MEMORY_MIB};
use crate::error::PerfError;
use crate::progress::Progress;
use crate::sample::Rate;
use std::path::Path;
use std::time::Duration;

/// The rate at which it forwards from a capture.
///
/// # Errors
/// It is not installed or did not get ready.
pub fn measure(bench: &Bench, capture: &Path, progress: &Progress) -> Result<Rate, PerfError> {
    let program = Program {
        path: &bench.programs.testpmd,
        name: "testpmd",
        start: Duration::from_secs(20),
        memory_mib: MEMORY_MIB,
    };
    let cpus = &bench.cpus;
    let cores = [
        format!("--lcores=0@{},1@{}", cpus.control, cpus.worker),
        "--main-lcore=0".to_owned(),
    ];
    let arguments = [
        "--forward-mode=io".to_owned(),
        "--nb-cores=1".to_owned(),
        "--rxq=1".to_owned(),
        "--txq=1".to_owned(),
        format!("--burst={}", ferroute_dataplane::ids::BURST),
        format!("--total-num-mbufs={}", bench.buffers),
        // Without this it ends as soon as it finds its input closed.
        "--stats-period=3600".to_owned(),
    ];
    program.measure(bench, capture, &cores, &arguments, progress)
}
