//! Why the daemon does not start, in one sentence that says what to do.

use super::apply::ApplyError;
use crate::api::server::ServeError;
use crate::config::ConfigError;
use crate::config::cpus::CpuList;
use nix::errno::Errno;
use std::error::Error;
use std::io;

/// Why the daemon does not start or does not go on.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The kernel does not say which CPUs may be used.
    #[error("cannot find out which CPUs may be used: {0}")]
    AllowedCpus(Errno),
    /// Threads cannot be put on their CPUs.
    #[error(
        "cannot run on the CPUs {cpus}: {reason}; check `cpus` in the configuration against the service's CPU affinity and cgroup"
    )]
    Affinity {
        /// Where they should run.
        cpus: CpuList,
        /// Why not.
        reason: Errno,
    },
    /// Huge pages are required and too few are free.
    #[error(
        "{needed_mib} MiB of huge pages are needed and {free_mib} MiB are free; reserve more (write {} to \
         /proc/sys/vm/nr_hugepages) or set `eal.huge_pages: auto`",
        pages(*needed_mib)
    )]
    HugePages {
        /// What is needed, in MiB.
        needed_mib: u64,
        /// What is free, in MiB.
        free_mib: u64,
    },
    /// The API cannot be served where it should be.
    #[error("cannot serve the API: {error}{}", remedy(error))]
    Listen {
        /// Why not.
        error: ServeError,
    },
    /// The configuration asks for something that cannot be had.
    #[error("{} of the configuration cannot be had: {}", .0.len(), list(.0))]
    Apply(Vec<ApplyError>),
    /// The group that shall own the socket does not exist.
    #[error(
        "there is no group {0} to own the socket; make it (groupadd --system {0}) or change `socket.group`"
    )]
    NoGroup(String),
    /// The socket cannot be given to its group.
    #[error(
        "cannot give the socket to the group {group}: {reason}; run as root or as a member of that group, or change `socket.group`"
    )]
    SocketGroup {
        /// The group.
        group: String,
        /// Why not.
        reason: io::Error,
    },
    /// Metrics cannot be served.
    #[error("cannot serve metrics on {address}: {reason}; change `metrics.listen`")]
    Metrics {
        /// Where they should be served.
        address: std::net::SocketAddr,
        /// Why not.
        reason: io::Error,
    },
    /// The log filter cannot be used.
    #[error("cannot start the log: {0}")]
    Log(String),
    /// The threads for the API cannot be started.
    #[error("cannot start threads: {0}; raise the limit of tasks of the service")]
    Threads(io::Error),
    /// Output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(io::Error),
}

/// How many pages of 2 MiB make this many MiB.
fn pages(mib: u64) -> u64 {
    mib.div_ceil(2)
}

/// What to do about a failure whose own sentence does not say it.
fn remedy(error: &ServeError) -> &'static str {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(reason) = current.downcast_ref::<io::Error>() {
            return match reason.kind() {
                io::ErrorKind::PermissionDenied => {
                    "; run as a user who may do that, or choose another place"
                }
                io::ErrorKind::InvalidInput => {
                    "; a socket's path has at most 107 bytes, so choose a shorter one with --socket"
                }
                io::ErrorKind::AddrInUse => {
                    "; stop the program that has it, or choose another address"
                }
                _ => "",
            };
        }
        cause = current.source();
    }
    ""
}

/// All of them in one sentence.
fn list(errors: &[ApplyError]) -> String {
    errors
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::socket::SocketError;

    #[test]
    fn permissions_and_places_come_with_advice() {
        let advice = |kind: io::ErrorKind| {
            let path = "/run/s.sock".into();
            let error = SocketError::System {
                action: "make",
                path,
                source: kind.into(),
            }
            .into();
            StartError::Listen { error }.to_string()
        };
        assert!(
            advice(io::ErrorKind::PermissionDenied)
                .ends_with("; run as a user who may do that, or choose another place")
        );
        assert!(advice(io::ErrorKind::InvalidInput).contains("shorter"));
        assert!(
            advice(io::ErrorKind::NotFound)
                .starts_with("cannot serve the API: cannot make /run/s.sock: ")
        );
        let huge = StartError::HugePages {
            needed_mib: 301,
            free_mib: 20,
        }
        .to_string();
        assert!(
            huge.contains("write 151 to /proc/sys/vm/nr_hugepages"),
            "{huge}"
        );
    }
}
