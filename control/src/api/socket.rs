//! The Unix socket of the API, and who may serve on it.
//!
//! Two routers must never share a socket. A lock on `<socket>.lock` decides: who holds it serves, and
//! the kernel lets go of it when the process ends, however it ends. A socket file left behind by a
//! crash is removed, one that somebody answers on (a program that takes no lock) is not.

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Why the socket cannot be served on.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another process serves on it.
    #[error("another instance serves on {}; stop it, or give this one another socket", path.display())]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// Something that is no socket stands in its place.
    #[error("{} exists and is no socket; remove it, or give another path", path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    System {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A socket on which this process alone serves. Dropping it removes the socket.
#[derive(Debug)]
pub struct ApiSocket {
    path: PathBuf,
    listener: UnixListener,
    /// Held until the socket is removed. The file itself stays: removing it would let two processes
    /// hold locks on two files of the same name.
    _lock: Flock<File>,
}

impl ApiSocket {
    /// Takes the socket and listens. A missing directory is made, with mode 0755.
    ///
    /// # Errors
    /// [`SocketError`]; nothing is left behind but the directory and the lock file.
    pub fn bind(path: &Path, mode: u32) -> Result<Self, SocketError> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(system("make the directory", parent))?;
        }
        let lock = lock(path)?;
        clear(path)?;
        // The socket gets its mode before it gets its name, so that nobody can slip in between.
        let unnamed = beside(path, "new");
        match std::fs::remove_file(&unnamed) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(system("remove", &unnamed)(error));
            }
            _ => {}
        }
        let listener = UnixListener::bind(&unnamed).map_err(system("listen on", &unnamed))?;
        let mut socket = Self {
            path: unnamed.clone(),
            listener,
            _lock: lock,
        };
        socket
            .listener
            .set_nonblocking(true)
            .map_err(system("listen on", path))?;
        std::fs::set_permissions(&unnamed, Permissions::from_mode(mode))
            .map_err(system("set the mode of", path))?;
        std::fs::rename(&unnamed, path).map_err(system("make", path))?;
        path.clone_into(&mut socket.path);
        Ok(socket)
    }

    /// Where it stands.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A second handle on the listener, for the server.
    pub(super) fn listener(&self) -> io::Result<UnixListener> {
        self.listener.try_clone()
    }
}

impl Drop for ApiSocket {
    fn drop(&mut self) {
        // The socket may be gone already, by an operator's hand; there is nothing else to do about it.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn lock(path: &Path) -> Result<Flock<File>, SocketError> {
    let lock_path = beside(path, "lock");
    let mut options = OpenOptions::new();
    let file = options
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&lock_path);
    let file = file.map_err(system("open", &lock_path))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| match errno {
        Errno::EWOULDBLOCK => SocketError::InUse {
            path: path.to_owned(),
        },
        errno => system("lock", &lock_path)(errno.into()),
    })
}

/// Removes what a crash left behind.
fn clear(path: &Path) -> Result<(), SocketError> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(system("look at", path)(error)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(SocketError::NotASocket {
                path: path.to_owned(),
            });
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(SocketError::InUse {
            path: path.to_owned(),
        }),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(system("remove", path))
        }
        Err(error) => Err(system("connect to", path)(error)),
    }
}

/// The same path with an extension more.
fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}

fn system(action: &'static str, path: &Path) -> impl Fn(io::Error) -> SocketError {
    let path = path.to_owned();
    move |source| SocketError::System {
        action,
        path: path.clone(),
        source,
    }
}
