//! A relay before a Unix socket, whose connections can be cut: a client loses its server, and neither of them ends.

use crate::error::LabError;
use std::io;
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The relay. It serves as long as the program runs.
#[derive(Clone, Debug)]
pub struct Relay {
    connections: Arc<Mutex<Vec<UnixStream>>>,
}

impl Relay {
    /// Passes connections at `here` on to `there`.
    ///
    /// # Errors
    /// [`LabError::System`] when there can be no socket.
    pub fn start(here: &Path, there: &Path) -> Result<Self, LabError> {
        let listener = UnixListener::bind(here).map_err(LabError::system("binding a relay"))?;
        let relay = Self {
            connections: Arc::default(),
        };
        let (taker, there) = (relay.clone(), there.to_owned());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // Without a server the client is closed, as it would be without the relay.
                let _ = taker.pass(client, &there);
            }
        });
        Ok(relay)
    }

    fn pass(&self, client: UnixStream, there: &PathBuf) -> io::Result<()> {
        let server = UnixStream::connect(there)?;
        let ends = [
            (client.try_clone()?, server.try_clone()?),
            (server, client.try_clone()?),
        ];
        for (mut from, mut to) in ends {
            std::thread::spawn(move || {
                let _ = io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Both);
            });
        }
        let mut connections = self
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        connections.push(client);
        Ok(())
    }

    /// Cuts all connections; clients may connect again.
    pub fn cut(&self) {
        let mut connections = self
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for connection in connections.drain(..) {
            // One that is closed already is cut.
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}
