//! A server on a socket of its own, a client, and a core that is a function.

use crate::api::server::{Listeners, serve};
use crate::core::handle::{CoreHandle, CoreInbox, channel};
use crate::core::request::Request;
use crate::model::event::Happening;
use std::os::unix::net::UnixListener;
use std::path::Path;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_types::StatusExt;

pub(super) struct Lab {
    pub(super) channel: Channel,
    core: CoreHandle,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
    _dir: TempDir,
}

impl Lab {
    /// A server whose core is this function, on a thread of its own.
    pub(super) async fn new(mut core: impl FnMut(Request) + Send + 'static) -> Self {
        Self::with_inbox(move |inbox| inbox.requests.iter().for_each(&mut core)).await
    }

    pub(super) async fn with_inbox(core: impl FnOnce(CoreInbox) + Send + 'static) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("api.sock");
        let (handle, inbox) = channel();
        std::thread::spawn(move || core(inbox));
        let listeners = Listeners {
            unix: UnixListener::bind(&socket).unwrap(),
            tcp: None,
        };
        let (stop, stopped) = oneshot::channel();
        let for_server = handle.clone();
        let server = tokio::spawn(async move {
            serve(for_server, listeners, async { stopped.await.unwrap_or(()) })
                .await
                .unwrap();
        });
        let channel = connect(&socket).await.unwrap();
        Self {
            channel,
            core: handle,
            stop: Some(stop),
            server,
            _dir: dir,
        }
    }

    pub(super) fn publish(&self, what: Happening) {
        self.core.publish(what);
    }

    /// Tells the server to stop and waits for it.
    pub(super) async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.server.await.unwrap();
    }
}

pub(super) async fn connect(socket: &Path) -> Result<Channel, tonic::transport::Error> {
    Endpoint::from_shared(format!("unix:{}", socket.display()))
        .unwrap()
        .connect()
        .await
}

/// Code, reason and metadata of an error, and the field if it names one.
pub(super) fn details(status: &Status) -> (Code, String, Vec<(String, String)>, Option<String>) {
    let details = status.get_error_details();
    let info = details.error_info().expect("every error has an ErrorInfo");
    assert_eq!(info.domain, "ferroute.v1");
    let mut metadata: Vec<_> = info.metadata.clone().into_iter().collect();
    metadata.sort();
    let field = details
        .bad_request()
        .map(|bad| bad.field_violations[0].field.clone());
    (status.code(), info.reason.clone(), metadata, field)
}

pub(super) fn no_core(request: Request) {
    panic!("the core must not be asked: {request:?}");
}
