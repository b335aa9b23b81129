//! The program `ferroute-bridge`: command line, start, end.

use super::config::Config;
use super::metrics;
use super::overlay::shadow::{Shadow, ShadowError};
use super::service::{self, Sources};
use super::source::{self, SourceError};
use crate::config::{ConfigError, schema_of};
use crate::daemon::service as manager;
use crate::daemon::{StartError, logging, socket};
use clap::{ArgAction, Parser};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::net::TcpListener;

/// Brings the routes of routing daemons to the ferroute router.
#[derive(Clone, Debug, Parser)]
#[command(name = "ferroute-bridge", version, max_term_width = 100)]
pub struct Args {
    /// The configuration file (YAML).
    #[arg(short, long, value_name = "FILE", required_unless_present = "schema")]
    config: Option<PathBuf>,
    /// Only check the configuration.
    #[arg(long, requires = "config")]
    check: bool,
    /// Print the configuration's JSON Schema and end.
    #[arg(long)]
    schema: bool,
    /// The router's socket, instead of the configuration's.
    #[arg(long, value_name = "PATH")]
    router: Option<PathBuf>,
    /// The bridge's own socket, instead of the configuration's.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Log more; twice: everything.
    #[arg(short, long, action = ArgAction::Count)]
    verbose: u8,
}

/// Why the bridge does not start or does not go on.
#[derive(Debug, thiserror::Error)]
pub enum BridgeError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its log or socket cannot be made.
    #[error(transparent)]
    Start(StartError),
    /// Another bridge has the socket.
    #[error("another ferroute-bridge already serves {}; stop it, or give this one its own `socket.path`", .0.display())]
    SocketTaken(PathBuf),
    /// A source cannot be served.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Netdevs for VNIs cannot be made.
    #[error(transparent)]
    Shadow(#[from] ShadowError),
    /// The metrics cannot be served.
    #[error("cannot serve metrics on {address}: {source}")]
    Metrics {
        /// The address.
        address: std::net::SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// Its own service failed.
    #[error("the bridge's own service failed: {0}")]
    Serve(#[from] tonic::transport::Error),
    /// The system refused something.
    #[error("cannot run: {0}")]
    System(#[from] io::Error),
    /// The schema cannot be printed.
    #[error("cannot print the schema: {0}")]
    Schema(#[from] serde_json::Error),
}

impl From<StartError> for BridgeError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::SocketTaken(path) => Self::SocketTaken(path),
            other => Self::Start(other),
        }
    }
}

/// The program.
#[must_use]
pub fn main() -> ExitCode {
    match start(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            match &error {
                // Each line of these has its file, line and column in front, as editors expect.
                BridgeError::Config(ConfigError::Invalid(mistakes)) => eprintln!("{mistakes}"),
                error => eprintln!("ferroute-bridge: {error}"),
            }
            ExitCode::FAILURE
        }
    }
}

fn start(args: Args) -> Result<(), BridgeError> {
    if args.schema {
        return print(&schema_of::<Config>()?);
    }
    let mut config = match &args.config {
        Some(file) => Config::load(file)?,
        None => Config::default(),
    };
    if args.check {
        return print("ok\n");
    }
    if let Some(router) = args.router {
        config.router = router;
    }
    if let Some(path) = args.socket {
        config.socket.path = path;
    }
    logging::start(&config.log, args.verbose)?;
    let (_claim, listener) = socket::claim(&config.socket)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(run(config, listener))
}

fn print(text: &str) -> Result<(), BridgeError> {
    Ok(io::stdout().write_all(text.as_bytes())?)
}

/// Serves until told to stop. The routes then stay in the router for the grace time of their owners, so that a restart of
/// the bridge loses none.
async fn run(
    config: Config,
    listener: std::os::unix::net::UnixListener,
) -> Result<(), BridgeError> {
    let stop_requested = manager::stop_requested()?;
    let shadow = Shadow::start(&config)?;
    let count = config.sources.len();
    let mut questions = Vec::with_capacity(count);
    for source in config.sources {
        questions.push(source::start(
            source,
            config.router.clone(),
            config.tunnels.as_ref(),
        )?);
    }
    let sources = Sources::new(questions);
    if let Some(listen) = &config.metrics.listen {
        let address = listen.address();
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| BridgeError::Metrics { address, source })?;
        tokio::spawn(metrics::serve(listener, sources.clone()));
    }
    let stop = async {
        tracing::info!("stopping on {}", stop_requested.await);
        manager::stopping();
    };
    manager::ready(&format!("{count} sources"));
    service::serve(sources, listener, stop).await?;
    shadow.stop();
    Ok(())
}
