//! The router under measurement: a daemon of its own for each case, from a configuration that has all but the routes.

mod api;
mod bridging;
mod codec;
pub mod inject;
pub mod overlay;
mod ports;
pub mod setup;

pub use api::Api;
pub use inject::Injector;
pub use setup::Setup;

use crate::bench::{Bench, source_mac};
use crate::error::PerfError;
use crate::machine::Thread;
use ferroute_tests::Process;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const START: Duration = Duration::from_secs(20);
const STOP: Duration = Duration::from_secs(15);
/// How long the first packet may take once there are routes.
const FORWARDS_WITHIN: Duration = Duration::from_secs(2);

/// A running router.
#[derive(Debug)]
pub struct Router {
    process: Process,
    api: Api,
    socket: PathBuf,
    workers: Vec<Thread>,
}

impl Router {
    /// Starts it; returns when its API answers and its ports are there.
    ///
    /// # Errors
    /// It did not get ready, or a receiving port has not the address that its frames carry.
    pub fn start(bench: &Bench, setup: &Setup<'_>) -> Result<Self, PerfError> {
        let config = bench.directory.path().join("ferrouted.yaml");
        let socket = bench.directory.path().join("ferrouted.sock");
        std::fs::write(&config, setup.yaml(bench))
            .map_err(PerfError::system("writing a configuration"))?;
        // What the router of the last case left would be taken up.
        match std::fs::remove_file(socket.with_extension("state")) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(PerfError::system("removing the last router's state")(error));
            }
            _ => {}
        }
        let mut command = bench.command(&bench.programs.ferrouted);
        command
            .arg("--config")
            .arg(&config)
            .arg("--socket")
            .arg(&socket);
        command
            .env("RUNTIME_DIRECTORY", bench.directory.path())
            .env_remove("NOTIFY_SOCKET");
        let mut process = Process::start(&mut command)?;
        let deadline = Instant::now() + START;
        let api = loop {
            if let Ok(mut api) = Api::connect(&socket)
                && api.port(setup::SINKS[0]).is_ok()
            {
                break api;
            }
            if process.wait(Duration::from_millis(50)).is_ok() || Instant::now() > deadline {
                let log = process.log();
                return Err(PerfError::NotReady {
                    program: "ferrouted",
                    limit: START,
                    log,
                });
            }
        };
        let cpus = bench.cpus.of(setup.workers());
        let workers = Thread::pollers(process.pid().as_raw(), &cpus)?;
        let mut router = Self {
            process,
            api,
            socket,
            workers,
        };
        for (number, _) in (0..).zip(setup.captures) {
            router.check_source(number)?;
        }
        Ok(router)
    }

    /// Sees to it that a receiving port has the address that its frames carry.
    ///
    /// # Errors
    /// It has not, or is not there.
    pub fn check_source(&mut self, number: u8) -> Result<(), PerfError> {
        let expected = source_mac(number);
        let found = self.api.port(setup::SOURCES[usize::from(number)])?.mac;
        if *found == expected {
            return Ok(());
        }
        Err(PerfError::Mac {
            expected,
            found: found.to_vec(),
        })
    }

    /// Its API.
    pub fn api(&mut self) -> &mut Api {
        &mut self.api
    }

    /// A stream of routes of its own.
    ///
    /// # Errors
    /// The router does not take it.
    pub fn injector(&self, owner: &str) -> Result<Injector, PerfError> {
        Injector::open(&self.socket, owner)
    }

    /// The threads that forward.
    #[must_use]
    pub fn workers(&self) -> Vec<Thread> {
        self.workers.clone()
    }

    /// Packets that the port has given to its device so far.
    ///
    /// # Errors
    /// The API does not answer.
    pub fn sent(&mut self, port: &str) -> Result<u64, PerfError> {
        self.api.sent(port)
    }

    /// Waits until it forwards through a port.
    ///
    /// # Errors
    /// It does not.
    pub fn wait_until_it_forwards(&mut self, port: &str) -> Result<(), PerfError> {
        let deadline = Instant::now() + FORWARDS_WITHIN;
        let before = self.sent(port)?;
        while self.sent(port)? == before {
            if Instant::now() > deadline {
                return Err(PerfError::NothingForwarded(FORWARDS_WITHIN));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Resident memory in bytes, huge pages not included.
    ///
    /// # Errors
    /// The process is gone.
    pub fn resident_bytes(&self) -> Result<u64, PerfError> {
        let pid = self.process.pid();
        let what =
            || PerfError::system::<std::io::Error>(format!("reading the memory of process {pid}"));
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).map_err(what())?;
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
        kib.map(|kib| kib * 1024)
            .ok_or_else(|| what()(std::io::ErrorKind::InvalidData.into()))
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
