//! What can go wrong in a lab.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

/// Why a lab could not be built or used. Each says what was tried, because the reader is looking at a failed test.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// A program is not there or could not be started.
    #[error("`{command}` did not start: {source}")]
    Start {
        /// The command line.
        command: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A program ran and failed.
    #[error("`{command}` ended with {status}:\n{output}")]
    Failed {
        /// The command line.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// What it printed, standard output before standard error.
        output: String,
    },
    /// A system call failed.
    #[error("{what}: {source}")]
    System {
        /// What was being done.
        what: String,
        /// The system's reason.
        source: io::Error,
    },
    /// Something awaited did not happen.
    #[error("{what} did not happen within {limit:?}{context}")]
    Timeout {
        /// What was awaited.
        what: String,
        /// How long.
        limit: Duration,
        /// What is known besides, on lines of its own; may be empty.
        context: String,
    },
    /// A daemon did not do what it was told.
    #[error("{daemon} refused {what:?}:\n{output}")]
    Refused {
        /// Which daemon.
        daemon: &'static str,
        /// What it was told.
        what: String,
        /// What it said.
        output: String,
    },
    /// The router refused a call of its API, or cannot be reached.
    #[error("the router's API: {0}")]
    Api(Box<tonic::Status>),
    /// A program printed something other than the JSON that was asked for.
    #[error("`{command}` printed no valid JSON ({source}):\n{output}")]
    NotJson {
        /// The command line.
        command: String,
        /// What is wrong with it.
        source: serde_json::Error,
        /// What it printed.
        output: String,
    },
}

impl LabError {
    /// A function that turns the system's error into ours, for `map_err`.
    pub(crate) fn system<E: Into<io::Error>>(what: impl Into<String>) -> impl FnOnce(E) -> Self {
        let what = what.into();
        move |source| Self::System {
            what,
            source: source.into(),
        }
    }
}
