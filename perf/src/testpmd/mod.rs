//! DPDK's `testpmd`, which receives and sends and does nothing between: the measure of all rates.

mod telemetry;

use crate::bench::{Bench, MEMORY_MIB};
use crate::error::PerfError;
use crate::machine::Thread;
use crate::machine::huge::Pages;
use ferroute_tests::Process;
use std::path::Path;
use std::time::{Duration, Instant};
use telemetry::Telemetry;

/// How long it may take to be ready.
const START: Duration = Duration::from_secs(20);
const STOP: Duration = Duration::from_secs(5);
const PREFIX: &str = "testpmd";
/// The device that swallows what is sent.
const SINK: &str = "net_null1";

/// A running `testpmd` that forwards from a capture to a sink.
#[derive(Debug)]
pub struct Testpmd {
    process: Process,
    telemetry: Telemetry,
    sink: u64,
    worker: Thread,
}

impl Testpmd {
    /// Starts it on a capture; returns when it forwards.
    ///
    /// # Errors
    /// It is not installed or did not get ready.
    pub fn start(bench: &Bench, capture: &Path) -> Result<Self, PerfError> {
        let cpus = &bench.cpus;
        let mut command = bench.command(&bench.programs.testpmd);
        command
            .env("RUNTIME_DIRECTORY", bench.directory.path())
            .arg(format!("--lcores=0@{},1@{}", cpus.control, cpus.worker))
            .args(["--main-lcore=0", "--no-pci", "--file-prefix", PREFIX])
            .args(match bench.pages {
                Pages::Huge => vec!["--in-memory".to_owned()],
                Pages::Ordinary => vec![
                    "--no-huge".to_owned(),
                    "--no-shconf".to_owned(),
                    format!("-m{MEMORY_MIB}"),
                ],
            })
            .args([
                "--vdev",
                &bench.source(0, capture),
                "--vdev",
                &Bench::sink(1),
            ])
            .args([
                "--",
                "--forward-mode=io",
                "--nb-cores=1",
                "--rxq=1",
                "--txq=1",
            ])
            .arg(format!("--burst={}", ferroute_dataplane::ids::BURST))
            .arg(format!("--total-num-mbufs={}", bench.buffers))
            // Without this it ends as soon as it finds its input closed.
            .arg("--stats-period=3600");
        let mut process = Process::start(&mut command)?;
        let socket = bench
            .directory
            .path()
            .join("dpdk")
            .join(PREFIX)
            .join("dpdk_telemetry.v2");
        let deadline = Instant::now() + START;
        loop {
            if let Ok(mut telemetry) = Telemetry::connect(&socket)
                && let Ok(sink) = telemetry.port(SINK)
                && telemetry.sent(sink)? > 0
            {
                let worker = Thread::poller(process.pid().as_raw(), cpus.worker)?;
                return Ok(Self {
                    process,
                    telemetry,
                    sink,
                    worker,
                });
            }
            // Waiting for its end tells at once when there is nothing to wait for.
            if process.wait(Duration::from_millis(50)).is_ok() || Instant::now() > deadline {
                return Err(PerfError::NotReady {
                    program: "testpmd",
                    limit: START,
                    log: process.log(),
                });
            }
        }
    }

    /// Packets sent so far.
    ///
    /// # Errors
    /// Telemetry does not answer.
    pub fn sent(&mut self) -> Result<u64, PerfError> {
        self.telemetry.sent(self.sink)
    }

    /// The thread that forwards.
    #[must_use]
    pub fn worker(&self) -> &Thread {
        &self.worker
    }

    /// Ends it.
    ///
    /// # Errors
    /// It does not end.
    pub fn stop(mut self) -> Result<(), PerfError> {
        self.process.terminate(STOP)?;
        Ok(())
    }
}
