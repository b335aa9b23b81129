//! The API over TCP. There is none without mutual TLS: who may speak has a certificate of the
//! configured authority.

use crate::config::system::Tcp;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

/// How long a client may take for its handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Why TCP cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TcpError {
    /// A file cannot be read.
    #[error("cannot read the {what} {}: {source}", path.display())]
    Read {
        /// What it was to hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file holds something else.
    #[error("{} holds no {what} in PEM form", path.display())]
    NotPem {
        /// What it was to hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The files do not go together.
    #[error("certificate {}, its key and the client authorities make no TLS server: {reason}", certificate.display())]
    Tls {
        /// The certificate.
        certificate: PathBuf,
        /// What is wrong with them.
        reason: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// A TCP address that is listened on, and the TLS to speak there.
#[derive(Debug)]
pub struct TcpEndpoint {
    listener: std::net::TcpListener,
    tls: ServerTlsConfig,
}

impl TcpEndpoint {
    /// Reads and checks the files, then listens.
    ///
    /// # Errors
    /// [`TcpError`].
    pub fn bind(config: &Tcp) -> Result<Self, TcpError> {
        let certificate = pem(&config.certificate, "certificate", "CERTIFICATE-----")?;
        let key = pem(&config.key, "private key", "PRIVATE KEY-----")?;
        let authority = pem(
            &config.client_ca,
            "certificate of client authorities",
            "CERTIFICATE-----",
        )?;
        let tls = ServerTlsConfig::new()
            .identity(Identity::from_pem(certificate, key))
            .client_ca_root(Certificate::from_pem(authority))
            .timeout(HANDSHAKE);
        // Only the server knows whether they go together: it is built once here, to fail early.
        Server::builder()
            .tls_config(tls.clone())
            .map_err(|error| TcpError::Tls {
                certificate: config.certificate.clone(),
                reason: causes(&error),
            })?;
        let listen = |source| TcpError::Listen {
            address: config.listen.address(),
            source,
        };
        let listener = std::net::TcpListener::bind(config.listen.address()).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        Ok(Self { listener, tls })
    }

    /// The address, with the port that the system chose if it was to choose.
    ///
    /// # Errors
    /// Those of the system call.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The two parts, for the server.
    pub(super) fn into_parts(self) -> (std::net::TcpListener, ServerTlsConfig) {
        (self.listener, self.tls)
    }
}

fn pem(path: &Path, what: &'static str, mark: &str) -> Result<String, TcpError> {
    let not_pem = || TcpError::NotPem {
        what,
        path: path.to_owned(),
    };
    let bytes = std::fs::read(path).map_err(|source| TcpError::Read {
        what,
        path: path.to_owned(),
        source,
    })?;
    let text = String::from_utf8(bytes).map_err(|_| not_pem())?;
    if text.contains(mark) {
        Ok(text)
    } else {
        Err(not_pem())
    }
}

/// An error with all that caused it.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
