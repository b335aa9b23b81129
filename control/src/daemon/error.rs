//! Why the daemon does not start, in one sentence that says what to do.

use crate::config::ConfigError;
use crate::config::cpus::CpuList;
use nix::errno::Errno;
use std::io;
use std::path::PathBuf;

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
    /// The router could not be put together.
    #[error(transparent)]
    Assemble(#[from] super::assemble::AssembleError),
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
    /// Another router has the socket.
    #[error("another ferrouted already serves {}; stop it, or give this one its own `socket.path` and `eal.file_prefix`", .0.display())]
    SocketTaken(PathBuf),
    /// The socket's directory cannot be made or written.
    #[error("cannot make the socket {}: {reason}; {}", path.display(), remedy(reason, "run as a user who may write there, or choose another path with --socket"))]
    Socket {
        /// The socket.
        path: PathBuf,
        /// Why not.
        reason: io::Error,
    },
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
    /// The API cannot be served over TCP.
    #[error("cannot serve the API over TCP: {0}")]
    Tcp(#[from] crate::api::tls::TcpError),
    /// The API cannot be served.
    #[error("cannot serve the API: {0}")]
    Serve(#[from] crate::api::server::ServeError),
    /// The router refused a part of the configuration.
    #[error("the router refuses a part of the configuration{}", .0.iter().map(|error| format!("\n  {error}")).collect::<String>())]
    Apply(Vec<super::apply::ApplyError>),
    /// Metrics cannot be served.
    #[error("cannot serve metrics on {address}: {reason}; change `metrics.listen`")]
    Metrics {
        /// Where they should be served.
        address: std::net::SocketAddr,
        /// Why not.
        reason: io::Error,
    },
    /// The state of the last run cannot be removed.
    #[error("cannot remove the state {}: {reason}", path.display())]
    Forget {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: io::Error,
    },
    /// A kernel twin of the last run cannot be removed.
    #[error("cannot remove the kernel twin {name}: {reason}")]
    ForgetTwin {
        /// Its name.
        name: String,
        /// Why not.
        reason: crate::twin::TwinError,
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

/// What to do about an input or output error: `permission` where a permission lacks.
fn remedy(reason: &io::Error, permission: &'static str) -> &'static str {
    match reason.kind() {
        io::ErrorKind::PermissionDenied => permission,
        io::ErrorKind::InvalidInput => {
            "a socket's path has at most 107 bytes, so choose a shorter one with --socket"
        }
        _ => "choose another path with --socket",
    }
}
