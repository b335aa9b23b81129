//! The configuration file of ferrouted.
//!
//! It is YAML, and every field is optional but the few that name a thing. [`Config::parse`] finds every
//! mistake at once, each with line, column and field path: first those of form (unknown fields, values of
//! the wrong kind or out of bounds), then those of meaning (names that lead nowhere, addresses that overlap),
//! the latter over whatever part has the right form. The types also give the published JSON Schema.
//!
//! * [`document`] is the parsed YAML with positions, [`decode`] reads it into types through serde;
//! * [`text`], [`number`], [`cpus`] are the values, [`system`], [`links`], [`overlay`], [`domains`], [`segments`], [`routes`], [`exception`], [`limits`] the sections;
//! * [`check`] holds the rules between fields, [`mistake`] what can be said about a file.

mod check;
pub mod cpus;
mod decode;
mod document;
pub mod domains;
pub mod exception;
pub mod limits;
pub mod links;
mod mistake;
pub mod number;
pub mod overlay;
mod publish;
pub mod routes;
pub mod segments;
pub mod system;
pub mod text;

pub(crate) use check::at;
pub(crate) use document::Step;
pub use mistake::{Invalid, Mark, Mistake, Problem};
pub use publish::{schema, schema_of};

use cpus::CpuList;
pub(crate) use document::Document;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Where the API's socket stands unless the configuration says otherwise.
pub const DEFAULT_SOCKET: &str = "/run/ferroute/ferroute.sock";

/// Configuration of ferrouted, the ferroute router.
///
/// An empty file is valid: ports and everything else can also be added while the router runs.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The Unix socket on which the API is served.
    pub socket: system::Socket,
    /// What is kept over a restart.
    pub state: system::State,
    /// The API over TCP with mutual TLS; absent: not served.
    pub tcp: Option<system::Tcp>,
    /// What is logged.
    pub log: system::Log,
    /// Prometheus metrics.
    pub metrics: system::Metrics,
    /// DPDK's environment.
    pub eal: system::Eal,
    /// Which CPUs do what.
    pub cpus: system::Cpus,
    /// The pool of packet buffers.
    pub mempool: system::Mempool,
    /// The kernel netdevs that get what the router does not handle itself.
    pub twin: exception::Twin,
    /// How many packets of each class reach the exception path from each worker, of all ports together. Each port has an even share of
    /// that, which no other can take, and what others leave of theirs.
    pub punt: exception::Punt,
    /// ICMP and ICMPv6 that the router itself sends.
    pub icmp: exception::Icmp,
    /// How neighbours are resolved and kept.
    pub resolution: limits::Resolution,
    /// How large the router's tables may grow.
    pub limits: limits::Limits,
    /// Routes of clients that went away.
    pub owners: routes::Owners,
    /// Next hops of routes.
    pub next_hops: routes::NextHopTracking,
    /// Routing tables besides the default one.
    pub vrfs: Vec<links::Vrf>,
    /// DPDK devices.
    pub ports: Vec<links::Port>,
    /// Interfaces: settings of the ports' own, VLANs, loopbacks.
    pub interfaces: Vec<links::Interface>,
    /// Permanent neighbours.
    pub neighbours: Vec<links::Neighbour>,
    /// The router's own ends of tunnels.
    pub endpoints: Vec<overlay::Endpoint>,
    /// Bridge domains.
    pub domains: Vec<domains::Domain>,
    /// Ethernet segments.
    pub segments: Vec<segments::Segment>,
    /// VXLAN networks.
    pub vnis: Vec<overlay::Vni>,
    /// The label table.
    pub labels: Vec<overlay::Label>,
    /// Static routes.
    pub routes: Vec<routes::Route>,
}

/// Why a configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("cannot read the configuration {}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It has mistakes.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

impl Config {
    /// Reads and checks a file. `allowed` are the CPUs that this process may use.
    ///
    /// # Errors
    /// The file cannot be read, or it has mistakes: all of them.
    pub fn load(file: &Path, allowed: &CpuList) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file).map_err(|source| ConfigError::Read {
            file: file.to_owned(),
            source,
        })?;
        Ok(Self::parse(&text, file, allowed)?)
    }

    /// Checks a text. `file` is only its name in messages; `allowed` are the CPUs that this process may use.
    ///
    /// # Errors
    /// All mistakes, in the order of the text.
    pub fn parse(text: &str, file: &Path, allowed: &CpuList) -> Result<Self, Invalid> {
        read(text, file, |config, document| {
            check::check(config, document, allowed)
        })
    }
}

/// Reads a configuration of any program. `check` has the rules between its fields.
///
/// # Errors
/// All mistakes, in the order of the text.
pub(crate) fn read<T: DeserializeOwned + Default>(
    text: &str,
    file: &Path,
    check: impl FnOnce(&T, &Document) -> Vec<Mistake>,
) -> Result<T, Invalid> {
    let mut mistakes = Vec::new();
    let mut document = Document::parse(text, &mut mistakes);
    let config: T = decode::decode(&mut document, &mut mistakes);
    mistakes.extend(check(&config, &document));
    if mistakes.is_empty() {
        return Ok(config);
    }
    mistakes.sort_by_key(|mistake| mistake.mark);
    Err(Invalid {
        file: file.to_owned(),
        mistakes,
    })
}

#[cfg(test)]
mod tests;
