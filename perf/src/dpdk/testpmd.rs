//! `testpmd`, which receives and sends and does nothing between.

use super::Program;
use crate::bench::{Bench, MEMORY_MIB};
use crate::error::PerfError;
use crate::machine::{Cpus, Workers};
use crate::progress::Progress;
use crate::sample::Rate;
use std::path::PathBuf;
use std::time::Duration;

/// The rate at which it forwards from captures, each with a core of its own.
///
/// # Errors
/// It is not installed or did not get ready.
pub fn measure(
    bench: &Bench,
    captures: &[PathBuf],
    progress: &Progress,
) -> Result<Rate, PerfError> {
    let program = Program {
        path: &bench.programs.testpmd,
        name: "testpmd",
        start: Duration::from_secs(20),
        memory_mib: MEMORY_MIB,
        captures,
    };
    let workers = Workers::of(captures.len());
    let cores = [lcores(&bench.cpus, workers), "--main-lcore=0".to_owned()];
    let arguments = [
        "--forward-mode=io".to_owned(),
        format!("--nb-cores={}", workers.count()),
        // Each source's packets go to the sink behind it.
        "--port-topology=paired".to_owned(),
        "--rxq=1".to_owned(),
        "--txq=1".to_owned(),
        format!("--burst={}", ferroute_dataplane::ids::BURST),
        format!("--total-num-mbufs={}", bench.buffers),
        // Without this it ends as soon as it finds its input closed.
        "--stats-period=3600".to_owned(),
    ];
    program.measure(bench, &cores, &arguments, progress)
}

/// Its logical cores: 0 for what does not forward, and one for each worker.
fn lcores(cpus: &Cpus, workers: Workers) -> String {
    let mut list = format!("--lcores=0@{}", cpus.control);
    for (lcore, cpu) in (1..).zip(cpus.of(workers)) {
        list += &format!(",{lcore}@{cpu}");
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_worker_is_a_logical_core() {
        let cpus = Cpus {
            worker: 3,
            second: 2,
            control: 0,
        };
        assert_eq!(lcores(&cpus, Workers::One), "--lcores=0@0,1@3");
        assert_eq!(lcores(&cpus, Workers::Two), "--lcores=0@0,1@3,2@2");
    }
}
