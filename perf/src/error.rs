//! Why a measurement could not be taken.

use ferroute_tests::LabError;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a measurement could not be taken. Each says what was tried and, where something can be done, what.
#[derive(Debug, thiserror::Error)]
pub enum PerfError {
    /// A program could not be run, or ended, or a namespace could not be made.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// A system call or a file failed.
    #[error("{what}: {source}")]
    System {
        /// What was being done.
        what: String,
        /// The system's reason.
        source: io::Error,
    },
    /// Another measurement runs on this machine.
    #[error(
        "another ferroute-perf measures on this machine (it holds {0}): two would disturb each other"
    )]
    Busy(PathBuf),
    /// A program is missing.
    #[error("{0} is not there; `make perf` builds what is ours and installs what is Debian's")]
    NoProgram(PathBuf),
    /// The machine has too few CPUs.
    #[error(
        "a measurement needs a CPU for the worker and one for the rest; this process may use {0} only"
    )]
    TooFewCpus(usize),
    /// The CPU asked for is none of this process's.
    #[error("CPU {0} is not among those that this process may use")]
    NoSuchCpu(usize),
    /// No thread of the process forwards on the worker's CPU.
    #[error("no thread of process {pid} runs on CPU {cpu}")]
    NoPoller {
        /// The process.
        pid: i32,
        /// The worker's CPU.
        cpu: usize,
    },
    /// DPDK's telemetry did not give what was asked for.
    #[error("telemetry: {command} gave no {wanted}: {answer}")]
    Telemetry {
        /// The command.
        command: String,
        /// What was looked for in the answer.
        wanted: &'static str,
        /// The answer.
        answer: String,
    },
    /// A program did not get ready.
    #[error("{program} was not ready within {limit:?}; its log:\n{log}")]
    NotReady {
        /// The program.
        program: &'static str,
        /// How long it had.
        limit: Duration,
        /// What it printed.
        log: String,
    },
    /// The router refused a call, or its connection failed.
    #[error("the router's API: {0}")]
    Api(Box<tonic::Status>),
    /// The router refused routes.
    #[error("the router refused {count} changes, the first with {reason}: {message}")]
    Refused {
        /// How many.
        count: u64,
        /// The first one's reason.
        reason: String,
        /// The same for people.
        message: String,
    },
    /// The stream of routes ended early.
    #[error("the router ended the stream of routes")]
    StreamEnded,
    /// A port or interface that the set-up made is not there.
    #[error("the router has no {0}")]
    Missing(String),
    /// The receiving port has another Ethernet address than the frames carry.
    #[error("the receiving port has the address {found:02x?}, the frames carry {expected:02x?}")]
    Mac {
        /// In the frames.
        expected: [u8; 6],
        /// The port's.
        found: Vec<u8>,
    },
    /// The router does not forward what it should.
    #[error("the router forwarded nothing within {0:?}")]
    NothingForwarded(Duration),
    /// A route that was acknowledged is not visible.
    #[error("the destination {0} has no way though its route was acknowledged")]
    NotVisible(std::net::IpAddr),
    /// The router does not learn stations.
    #[error("the router learned {learned} stations of {expected}")]
    NotLearned {
        /// Those that it learned.
        learned: usize,
        /// Those that sent frames.
        expected: usize,
    },
    /// What came back on a session is not what was sent.
    #[error("what came back from the router is not what was sent to it")]
    Garbled,
    /// DPDK did not start in this process.
    #[error(transparent)]
    Eal(#[from] dpdk_sys::EalError),
    /// Our FIB is full.
    #[error(transparent)]
    Fib(#[from] ferroute_dataplane::fib::FibError),
    /// Our FIB got no memory.
    #[error(transparent)]
    Arena(#[from] ferroute_dataplane::fib::ArenaError),
    /// DPDK's FIB refused.
    #[error("DPDK's table: {0}")]
    RteFib(#[from] dpdk_sys::fib::FibError),
    /// A plot could not be drawn.
    #[error("drawing a plot: {0}")]
    Plot(String),
}

impl PerfError {
    /// A function that turns the system's error into ours, for `map_err`.
    pub fn system<E: Into<io::Error>>(what: impl Into<String>) -> impl FnOnce(E) -> Self {
        let what = what.into();
        move |source| Self::System {
            what,
            source: source.into(),
        }
    }
}

impl From<tonic::Status> for PerfError {
    fn from(status: tonic::Status) -> Self {
        Self::Api(Box::new(status))
    }
}
