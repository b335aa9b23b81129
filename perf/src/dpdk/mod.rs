//! DPDK's own programs, which forward from the same captures into sinks of the same kind: the measures of all rates.

pub mod l3fwd;
mod telemetry;
pub mod testpmd;

use crate::bench::Bench;
use crate::error::PerfError;
use crate::machine::huge::Pages;
use crate::machine::{Thread, Workers};
use crate::progress::Progress;
use crate::sample::{Rate, rate};
use ferroute_tests::Process;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use telemetry::Telemetry;

const STOP: Duration = Duration::from_secs(5);
/// Caches and branch predictors come to rest before the first sample.
const WARM_UP: Duration = Duration::from_millis(300);

/// One of them.
#[derive(Clone, Copy, Debug)]
struct Program<'a> {
    path: &'a Path,
    /// Its name, and that of its files.
    name: &'static str,
    /// How long it may take to be ready.
    start: Duration,
    /// What it takes on ordinary pages.
    memory_mib: u64,
    /// What it forwards from, each by a thread of its own.
    captures: &'a [PathBuf],
}

/// A running one that forwards from each capture to a sink.
#[derive(Debug)]
struct Peer {
    process: Process,
    telemetry: Telemetry,
    sinks: Vec<u64>,
    workers: Vec<Thread>,
}

impl Program<'_> {
    /// Measures it.
    fn measure(
        self,
        bench: &Bench,
        cores: &[String],
        arguments: &[String],
        progress: &Progress,
    ) -> Result<Rate, PerfError> {
        progress.say(&format!("{} starts", self.name));
        let mut command = self.command(bench, cores);
        let mut peer = self.start(bench, command.arg("--").args(arguments))?;
        std::thread::sleep(WARM_UP);
        progress.say(&format!("{} forwards", self.name));
        let rate = rate(&bench.method, &peer.workers, progress, || {
            peer.telemetry.sent(&peer.sinks)
        })?;
        peer.process.terminate(STOP)?;
        Ok(rate)
    }

    /// The program with what DPDK is to know: behind each source its sink.
    fn command(self, bench: &Bench, cores: &[String]) -> Command {
        let mut command = bench.command(self.path);
        command
            .env("RUNTIME_DIRECTORY", bench.directory.path())
            .args(cores)
            .args(["--no-pci", "--file-prefix", self.name])
            .args(match bench.pages {
                Pages::Huge => vec!["--in-memory".to_owned()],
                Pages::Ordinary => vec![
                    "--no-huge".to_owned(),
                    "--no-shconf".to_owned(),
                    format!("-m{}", self.memory_mib),
                ],
            });
        for (number, capture) in (0..).zip(self.captures) {
            command
                .args(["--vdev", &Bench::source(number, capture)])
                .args(["--vdev", &Bench::sink(number)]);
        }
        command
    }

    /// The numbers of its sinks.
    fn sinks(self, telemetry: &mut Telemetry) -> Result<Vec<u64>, PerfError> {
        let names = (0..self.captures.len()).map(|number| format!("net_null{number}"));
        names.map(|name| telemetry.port(&name)).collect()
    }

    /// Starts it; returns when it forwards.
    fn start(self, bench: &Bench, command: &mut Command) -> Result<Peer, PerfError> {
        let mut process = Process::start(command)?;
        let folder = bench.directory.path().join("dpdk").join(self.name);
        let socket = folder.join("dpdk_telemetry.v2");
        let deadline = Instant::now() + self.start;
        loop {
            if let Ok(mut telemetry) = Telemetry::connect(&socket)
                && let Ok(sinks) = self.sinks(&mut telemetry)
                && telemetry.sent(&sinks)? > 0
            {
                let cpus = bench.cpus.of(Workers::of(self.captures.len()));
                let workers = Thread::pollers(process.pid().as_raw(), &cpus)?;
                return Ok(Peer {
                    process,
                    telemetry,
                    sinks,
                    workers,
                });
            }
            // Waiting for its end tells at once when there is nothing to wait for.
            if process.wait(Duration::from_millis(50)).is_ok() || Instant::now() > deadline {
                return Err(PerfError::NotReady {
                    program: self.name,
                    limit: self.start,
                    log: process.log(),
                });
            }
        }
    }
}
