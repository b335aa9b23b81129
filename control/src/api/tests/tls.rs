//! TCP: only with certificates on both sides.

use super::lab::no_core;
use crate::api::server::{Listeners, serve};
use crate::api::tls::{TcpEndpoint, TcpError};
use crate::config::system::Tcp;
use crate::core::handle::channel;
use crate::core::request::{PortRequest, Request};
use ferroute_proto::v1 as pb;
use pb::port_service_client::PortServiceClient;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::future::pending;
use std::net::SocketAddr;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tonic::Status;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

/// An authority, and what it signs.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// Certificate and key for "localhost".
    fn sign(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (
            params.signed_by(&key, &self.0).unwrap().pem(),
            key.serialize_pem(),
        )
    }
}

fn write(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn config(dir: &TempDir, authority: &Authority) -> Tcp {
    let (certificate, key) = authority.sign();
    Tcp {
        listen: std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into(),
        certificate: write(dir.path(), "cert.pem", &certificate),
        key: write(dir.path(), "key.pem", &key),
        client_ca: write(dir.path(), "ca.pem", &authority.pem()),
    }
}

async fn list(address: SocketAddr, tls: ClientTlsConfig) -> Result<(), Status> {
    let endpoint = Endpoint::from_shared(format!("https://{address}")).unwrap();
    let endpoint = endpoint.tls_config(tls.domain_name("localhost")).unwrap();
    PortServiceClient::new(endpoint.connect_lazy())
        .list(pb::ListPortsRequest {})
        .await
        .map(|_| ())
}

#[tokio::test]
async fn only_clients_of_the_authority_are_served() {
    let dir = tempfile::tempdir().unwrap();
    let ours = Authority::new();
    let tcp = TcpEndpoint::bind(&config(&dir, &ours)).unwrap();
    let address = tcp.address().unwrap();
    let unix = UnixListener::bind(dir.path().join("api.sock")).unwrap();
    let listeners = Listeners {
        unix,
        tcp: Some(tcp),
    };
    let (core, inbox) = channel();
    std::thread::spawn(move || {
        for request in inbox.requests {
            match request {
                Request::Port(PortRequest::List(reply)) => reply.send(Ok(vec![])).unwrap(),
                other => no_core(other),
            }
        }
    });
    let server = tokio::spawn(serve(core, listeners, pending()));

    let trusting = || ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ours.pem()));
    let identity = |authority: &Authority| {
        let (certificate, key) = authority.sign();
        Identity::from_pem(certificate, key)
    };
    list(address, trusting().identity(identity(&ours)))
        .await
        .unwrap();
    assert!(
        list(address, trusting()).await.is_err(),
        "a client without a certificate was served"
    );
    let theirs = Authority::new();
    assert!(
        list(address, trusting().identity(identity(&theirs)))
            .await
            .is_err(),
        "a stranger was served"
    );
    let plain = Endpoint::from_shared(format!("http://{address}"))
        .unwrap()
        .connect_lazy();
    assert!(
        PortServiceClient::new(plain)
            .list(pb::ListPortsRequest {})
            .await
            .is_err(),
        "plain text was served"
    );
    list(address, trusting().identity(identity(&ours)))
        .await
        .unwrap();
    server.abort();
}

#[test]
fn broken_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let good = config(&dir, &Authority::new());
    let missing = Tcp {
        key: dir.path().join("nowhere.pem"),
        ..good.clone()
    };
    let error = TcpEndpoint::bind(&missing).unwrap_err();
    assert!(
        matches!(&error, TcpError::Read { what: "private key", path, .. } if *path == missing.key),
        "{error}"
    );
    let swapped = Tcp {
        certificate: good.key.clone(),
        ..good.clone()
    };
    let error = TcpEndpoint::bind(&swapped).unwrap_err();
    assert!(
        matches!(
            error,
            TcpError::NotPem {
                what: "certificate",
                ..
            }
        ),
        "{error}"
    );
    let (_, other_key) = Authority::new().sign();
    let mismatched = Tcp {
        key: write(dir.path(), "other.pem", &other_key),
        ..good.clone()
    };
    let error = TcpEndpoint::bind(&mismatched).unwrap_err();
    assert!(matches!(error, TcpError::Tls { .. }), "{error}");
    let taken = TcpEndpoint::bind(&good).unwrap();
    let error = TcpEndpoint::bind(&Tcp {
        listen: taken.address().unwrap().into(),
        ..good
    })
    .unwrap_err();
    assert!(matches!(error, TcpError::Listen { .. }), "{error}");
}
