//! The daemon and the machine it runs on: socket, log, metrics, DPDK, CPUs, buffers.

use super::cpus::CpuList;
use super::number::{Buffers, DataRoom, Mebibytes, Microseconds};
use super::text::{Listen, Mode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The Unix socket on which the API is served.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Socket {
    /// Where the socket stands. Its directory is made if it is missing.
    pub path: PathBuf,
    /// Who may use it: the permission bits of the socket.
    pub mode: Mode,
    /// The group that owns it; absent: the group of the process.
    pub group: Option<String>,
}

impl Default for Socket {
    fn default() -> Self {
        Self {
            path: PathBuf::from(super::DEFAULT_SOCKET),
            mode: Mode::DEFAULT,
            group: None,
        }
    }
}

/// What is kept over a restart: routes, interfaces and everything else that clients made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct State {
    /// Whether a restart, planned or not, takes up what clients made before it.
    pub enabled: bool,
    /// Where it is written; absent: beside the socket, with the ending `.state`. Its directory is made if it is missing, and should
    /// be in memory, as `/run` is.
    pub path: Option<PathBuf>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            enabled: true,
            path: None,
        }
    }
}

impl State {
    /// Where the file stands; `None` if nothing is kept.
    #[must_use]
    pub fn file(&self, socket: &Socket) -> Option<PathBuf> {
        let beside = || socket.path.with_extension("state");
        self.enabled
            .then(|| self.path.clone().unwrap_or_else(beside))
    }
}

/// The API over TCP. There is no TCP without mutual TLS, so all fields are needed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tcp {
    /// Address and port to listen on.
    pub listen: Listen,
    /// The router's certificate chain (PEM).
    pub certificate: PathBuf,
    /// The private key of that certificate (PEM).
    pub key: PathBuf,
    /// The authorities whose clients are let in (PEM).
    pub client_ca: PathBuf,
}

/// What is logged.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// A level (error, warn, info, debug, trace), optionally by module: `info,ferroute_control::rib=debug`.
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
        }
    }
}

/// Prometheus metrics over HTTP.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// Address and port to listen on; absent: metrics are not served.
    pub listen: Option<Listen>,
}

/// Whether DPDK's memory lies on huge pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HugePages {
    /// On huge pages if enough are free, else on ordinary ones, with a warning in the log.
    #[default]
    Auto,
    /// On huge pages, or the router does not start.
    Require,
    /// On ordinary pages. Physical devices need huge pages or an IOMMU.
    Off,
}

/// DPDK's environment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Eal {
    /// Tells this router's DPDK files from those of other processes on the machine.
    pub file_prefix: String,
    /// Whether memory lies on huge pages.
    pub huge_pages: HugePages,
    /// Memory for DPDK in MiB; absent: what the packet buffers need, and some for the devices.
    pub memory_mib: Option<Mebibytes>,
    /// Further arguments for DPDK, appended as they are.
    pub extra: Vec<String>,
}

impl Default for Eal {
    fn default() -> Self {
        Self {
            file_prefix: "ferroute".to_owned(),
            huge_pages: HugePages::Auto,
            memory_mib: None,
            extra: Vec::new(),
        }
    }
}

/// Which CPUs do what.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cpus {
    /// One forwarding worker is pinned to each of these, in ascending order: `2-5,8` or `[2, 3]`.
    /// Absent: one worker, on the last CPU.
    pub workers: Option<CpuList>,
    /// Where all other threads run; absent: on the CPUs that no worker has.
    pub control: Option<CpuList>,
    /// What a worker does when nothing comes.
    pub idle: IdleMode,
    /// How long nothing must have come before a worker sleeps in mode `adaptive`, in microseconds.
    pub idle_after_us: Microseconds,
    /// How long it sleeps at a time if one of its devices cannot wake it, in microseconds.
    pub idle_sleep_us: Microseconds,
}

impl Default for Cpus {
    fn default() -> Self {
        Self {
            workers: None,
            control: None,
            idle: IdleMode::default(),
            idle_after_us: Microseconds::fixed(200),
            idle_sleep_us: Microseconds::fixed(50),
        }
    }
}

/// What a worker does when nothing comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdleMode {
    /// Sleeps, so that its CPU is free, until a device wakes it. The first packet after silence waits for as long as the
    /// kernel takes to do so; where a device cannot, `idle_sleep_us` at most besides.
    #[default]
    Adaptive,
    /// Polls on, and takes all of its CPU.
    Poll,
}

/// The pool of packet buffers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mempool {
    /// How many buffers there are. One less than a power of two wastes least.
    pub buffers: Buffers,
    /// Bytes of one buffer, 128 of them headroom. Larger frames span several buffers.
    pub data_room_bytes: DataRoom,
}

impl Default for Mempool {
    fn default() -> Self {
        Self {
            buffers: Buffers::DEFAULT,
            data_room_bytes: DataRoom::DEFAULT,
        }
    }
}
