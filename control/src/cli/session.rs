//! A connection to the router.

use super::error::CliError;
use super::output::Output;
use crate::config::DEFAULT_SOCKET;
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

/// Where the router is.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(super) struct Server {
    /// The router's Unix socket.
    #[arg(long, value_name = "PATH", env = "FERROUTE_SOCKET", default_value = DEFAULT_SOCKET, global = true)]
    socket: PathBuf,
    /// Connect by TCP with mutual TLS instead.
    #[arg(long, value_name = "HOST:PORT", env = "FERROUTE_SERVER", global = true)]
    server: Option<String>,
    /// The authority that signed the router's certificate (PEM).
    #[arg(long, value_name = "FILE", env = "FERROUTE_CA", global = true)]
    ca: Option<PathBuf>,
    /// The client's certificate chain (PEM).
    #[arg(long, value_name = "FILE", env = "FERROUTE_CERT", global = true)]
    cert: Option<PathBuf>,
    /// The private key of the client's certificate (PEM).
    #[arg(long, value_name = "FILE", env = "FERROUTE_KEY", global = true)]
    key: Option<PathBuf>,
}

/// A connection, and where results go.
pub(super) struct Session {
    /// The connection, for the clients of the services.
    pub(super) channel: Channel,
    /// Where results go.
    pub(super) output: Output,
}

impl Session {
    /// Connects.
    pub(super) async fn open(server: Server, output: Output) -> Result<Self, CliError> {
        let channel = match &server.server {
            None => by_socket(&server.socket).await?,
            Some(address) => by_tls(&server, address).await?,
        };
        Ok(Self { channel, output })
    }
}

async fn by_socket(path: &Path) -> Result<Channel, CliError> {
    let unreachable = |source| CliError::Unreachable {
        server: path.display().to_string(),
        source,
    };
    let endpoint =
        Endpoint::from_shared(format!("unix:{}", path.display())).map_err(unreachable)?;
    endpoint.connect().await.map_err(unreachable)
}

async fn by_tls(server: &Server, address: &str) -> Result<Channel, CliError> {
    let (ca, cert, key) = match (&server.ca, &server.cert, &server.key) {
        (Some(ca), Some(cert), Some(key)) => (read(ca)?, read(cert)?, read(key)?),
        (ca, cert, _) => {
            let missing = if ca.is_none() {
                "--ca"
            } else if cert.is_none() {
                "--cert"
            } else {
                "--key"
            };
            return Err(CliError::NoTlsFile(missing));
        }
    };
    let unreachable = |source| CliError::Unreachable {
        server: address.to_owned(),
        source,
    };
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(ca))
        .identity(Identity::from_pem(cert, key));
    let endpoint = Endpoint::from_shared(format!("https://{address}"))
        .map_err(unreachable)?
        .tls_config(tls)
        .map_err(unreachable)?;
    endpoint.connect().await.map_err(unreachable)
}

fn read(file: &Path) -> Result<Vec<u8>, CliError> {
    fs::read(file).map_err(|source| CliError::Read {
        file: file.to_owned(),
        source,
    })
}
