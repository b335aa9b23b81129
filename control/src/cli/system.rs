//! `ferroute system`: the router as a whole.

use super::convert::age;
use super::error::CliError;
use super::output::{Sheet, lines};
use super::session::Session;
use clap::Subcommand;
use ferroute_proto::v1;
use ferroute_proto::v1::system_service_client::SystemServiceClient;
use serde::Serialize;

/// What about the router.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum System {
    /// Versions, age, state.
    #[command(visible_alias = "show")]
    Info,
    /// The configuration in force, with all defaults filled in.
    Config,
}

impl System {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), CliError> {
        let mut client = SystemServiceClient::new(session.channel.clone());
        match self {
            Self::Info => {
                let info = client.info(v1::InfoRequest {}).await?.into_inner();
                session.output.sheet(&Info::from(info))
            }
            Self::Config => {
                let config = client.config(v1::ConfigRequest {}).await?.into_inner();
                session.output.sheet(&Config {
                    yaml: config.yaml,
                    path: config.path,
                })
            }
        }
    }
}

/// About the router.
#[derive(Clone, Debug, Serialize)]
struct Info {
    version: String,
    dpdk_version: String,
    uptime_ns: u64,
    snapshot_epoch: u64,
    workers: u32,
    pid: u32,
}

impl From<v1::InfoResponse> for Info {
    fn from(info: v1::InfoResponse) -> Self {
        Self {
            version: info.version,
            dpdk_version: info.dpdk_version,
            uptime_ns: info.uptime_ns,
            snapshot_epoch: info.snapshot_epoch,
            workers: info.workers,
            pid: info.pid,
        }
    }
}

impl Sheet for Info {
    fn text(&self) -> String {
        lines(&[
            ("ferroute", self.version.clone()),
            (
                "DPDK",
                self.dpdk_version.trim_start_matches("DPDK ").to_owned(),
            ),
            ("uptime", age(self.uptime_ns)),
            ("snapshot epoch", self.snapshot_epoch.to_string()),
            ("workers", self.workers.to_string()),
            ("pid", self.pid.to_string()),
        ])
    }
}

/// The configuration.
#[derive(Clone, Debug, Serialize)]
struct Config {
    yaml: String,
    /// Empty if there was no file.
    path: String,
}

impl Sheet for Config {
    fn text(&self) -> String {
        match self.path.as_str() {
            "" => self.yaml.clone(),
            path => format!("# {path}\n{}", self.yaml),
        }
    }
}
