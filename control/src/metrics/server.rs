//! The HTTP server of the metrics.

use super::collect::render;
use crate::core::handle::CoreHandle;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::io;
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// The type of the text format.
pub(crate) const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A server that listens and does not answer yet.
#[derive(Debug)]
pub struct MetricsServer {
    listener: TcpListener,
}

/// Listens on `address`.
///
/// # Errors
/// The address is taken, or may not be used.
pub async fn bind(address: SocketAddr) -> io::Result<MetricsServer> {
    Ok(MetricsServer {
        listener: TcpListener::bind(address).await?,
    })
}

impl MetricsServer {
    /// Where it listens; the port is the real one if 0 was asked for.
    ///
    /// # Errors
    /// The kernel does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until `stop` is done.
    ///
    /// # Errors
    /// The listener broke.
    pub async fn serve(
        self,
        core: CoreHandle,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let router = Router::new()
            .route("/metrics", get(metrics))
            .with_state(core);
        axum::serve(self.listener, router)
            .with_graceful_shutdown(stop)
            .await
    }
}

async fn metrics(State(core): State<CoreHandle>) -> Response {
    match render(&core).await {
        Ok(text) => ([(CONTENT_TYPE, TEXT)], text).into_response(),
        Err(stopped) => (StatusCode::SERVICE_UNAVAILABLE, format!("{stopped}\n")).into_response(),
    }
}
