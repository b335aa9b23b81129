//! The Unix socket: one router each, never half made.
//!
//! A lock file beside the socket says whether its router is alive, so a socket that a killed router left
//! behind is replaced and a living one's is not. The new socket gets its mode and group under another name
//! and is then renamed, so nobody can connect while it is open to too many or too few.

use super::error::StartError;
use crate::config::system::Socket;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::Group;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// The right to serve on a socket. Dropping it removes the socket and lets another router have it.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    _lock: Flock<File>,
}

/// Makes the socket and listens on it.
///
/// # Errors
/// Another router has it, or permissions, the path or the group do not allow it.
pub fn claim(socket: &Socket) -> Result<(Claim, UnixListener), StartError> {
    let path = &socket.path;
    let failed = |reason| StartError::Socket {
        path: path.clone(),
        reason,
    };
    let group = socket.group.as_deref().map(group_id).transpose()?;
    if let Some(directory) = path
        .parent()
        .filter(|directory| !directory.as_os_str().is_empty())
    {
        fs::create_dir_all(directory).map_err(failed)?;
    }
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(beside(path, ".lock"))
        .map_err(failed)?;
    let lock =
        Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, reason)| match reason {
            Errno::EWOULDBLOCK => StartError::SocketTaken(path.clone()),
            other => failed(other.into()),
        })?;

    // The lock says that no router of this make is alive; whatever else stands there must not be
    // replaced either.
    if let Ok(found) = fs::symlink_metadata(path) {
        if !found.file_type().is_socket() {
            return Err(failed(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "something that is no socket is there",
            )));
        }
        if UnixStream::connect(path).is_ok() {
            return Err(StartError::SocketTaken(path.clone()));
        }
    }
    let unfinished = beside(path, ".new");
    match fs::remove_file(&unfinished) {
        Err(reason) if reason.kind() != io::ErrorKind::NotFound => return Err(failed(reason)),
        _ => {}
    }
    let listener = UnixListener::bind(&unfinished).map_err(failed)?;
    if let Some((name, id)) = group {
        chown(&unfinished, None, Some(id)).map_err(|reason| StartError::SocketGroup {
            group: name,
            reason,
        })?;
    }
    fs::set_permissions(&unfinished, Permissions::from_mode(socket.mode.bits())).map_err(failed)?;
    fs::rename(&unfinished, path).map_err(failed)?;
    // tokio takes over sockets that do not block, and no others.
    listener.set_nonblocking(true).map_err(failed)?;
    Ok((
        Claim {
            path: path.clone(),
            _lock: lock,
        },
        listener,
    ))
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Err(reason) = fs::remove_file(&self.path) {
            tracing::warn!("cannot remove the socket {}: {reason}", self.path.display());
        }
    }
}

fn group_id(name: &str) -> Result<(String, u32), StartError> {
    match Group::from_name(name) {
        Ok(Some(group)) => Ok((name.to_owned(), group.gid.as_raw())),
        Ok(None) => Err(StartError::NoGroup(name.to_owned())),
        Err(reason) => Err(StartError::SocketGroup {
            group: name.to_owned(),
            reason: reason.into(),
        }),
    }
}

/// The path with something appended to its last part.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    fn socket(path: PathBuf) -> Socket {
        Socket {
            path,
            ..Socket::default()
        }
    }

    #[test]
    fn the_socket_comes_with_its_mode_and_goes_with_its_claim() {
        let directory = tempfile::tempdir().unwrap();
        let socket = socket(directory.path().join("deep/er/s.sock"));
        let (claim, _listener) = claim(&socket).unwrap();
        assert_eq!(fs::metadata(&socket.path).unwrap().mode() & 0o7777, 0o660);
        UnixStream::connect(&socket.path).unwrap();
        drop(claim);
        assert!(!socket.path.exists());
    }

    #[test]
    fn a_second_router_is_refused_and_the_first_goes_on() {
        let directory = tempfile::tempdir().unwrap();
        let socket = socket(directory.path().join("s.sock"));
        let (first, _listener) = claim(&socket).unwrap();
        let refused = claim(&socket).unwrap_err();
        assert!(
            matches!(&refused, StartError::SocketTaken(path) if *path == socket.path),
            "{refused}"
        );
        UnixStream::connect(&socket.path).unwrap();
        drop(first);
        claim(&socket).unwrap();
    }

    #[test]
    fn what_a_killed_router_left_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let socket = socket(directory.path().join("s.sock"));
        // Listeners do not remove their sockets: these are dead ones.
        drop(UnixListener::bind(&socket.path).unwrap());
        drop(UnixListener::bind(beside(&socket.path, ".new")).unwrap());
        assert!(UnixStream::connect(&socket.path).is_err());
        let _alive = claim(&socket).unwrap();
        UnixStream::connect(&socket.path).unwrap();
    }

    #[test]
    fn refusals_say_what_to_do() {
        let directory = tempfile::tempdir().unwrap();
        let long = claim(&socket(directory.path().join("x".repeat(120))))
            .unwrap_err()
            .to_string();
        assert!(long.contains("shorter"), "{long}");
        let no_group = Socket {
            group: Some("no-such-group".to_owned()),
            ..socket(directory.path().join("s.sock"))
        };
        let no_group = claim(&no_group).unwrap_err().to_string();
        assert!(
            no_group.contains("groupadd --system no-such-group"),
            "{no_group}"
        );
        let denied = StartError::Socket {
            path: PathBuf::from("/s"),
            reason: io::ErrorKind::PermissionDenied.into(),
        };
        assert!(
            denied
                .to_string()
                .contains("run as a user who may write there"),
            "{denied}"
        );
    }
}
