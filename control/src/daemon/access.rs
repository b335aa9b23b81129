//! Where the API is served, and who may use it.

use super::error::StartError;
use crate::api::server::{ApiConfig, Listeners};
use crate::api::tls::TcpConfig;
use crate::config::Config;
use nix::unistd::Group;
use std::os::unix::fs::chown;

/// Takes the socket and the TCP address of the configuration, so that a second router on the same socket
/// stops before it touches a device.
///
/// # Errors
/// Another router has the socket, or permissions, a path, a certificate or the group do not allow it.
pub fn listen(config: &Config) -> Result<Listeners, StartError> {
    let group = config.socket.group.as_deref().map(group_id).transpose()?;
    let listeners =
        Listeners::bind(&places(config)).map_err(|error| StartError::Listen { error })?;
    if let Some((group, id)) = group {
        let given = chown(listeners.socket.path(), None, Some(id));
        given.map_err(|reason| StartError::SocketGroup { group, reason })?;
    }
    Ok(listeners)
}

/// The configuration in the API's terms.
fn places(config: &Config) -> ApiConfig {
    ApiConfig {
        socket: config.socket.path.clone(),
        mode: config.socket.mode.bits(),
        tcp: config.tcp.as_ref().map(|tcp| TcpConfig {
            address: tcp.listen.address(),
            certificate: tcp.certificate.clone(),
            key: tcp.key.clone(),
            client_ca: tcp.client_ca.clone(),
        }),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::system::Socket;
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::net::UnixStream;
    use std::path::PathBuf;

    fn config(path: PathBuf, group: Option<&str>) -> Config {
        let socket = Socket {
            path,
            group: group.map(str::to_owned),
            ..Socket::default()
        };
        Config {
            socket,
            ..Config::default()
        }
    }

    #[test]
    fn the_socket_belongs_to_its_group() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.sock");
        // The test's own group is the one that it may surely give.
        let own = Group::from_gid(nix::unistd::getegid()).unwrap().unwrap();
        let _listeners = listen(&config(path.clone(), Some(&own.name))).unwrap();
        let socket = fs::metadata(&path).unwrap();
        assert_eq!(
            (socket.mode() & 0o7777, socket.gid()),
            (0o660, own.gid.as_raw())
        );
    }

    #[test]
    fn a_second_router_is_refused_and_the_first_goes_on() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path().join("s.sock"), None);
        let _first = listen(&config).unwrap();
        let refused = listen(&config).unwrap_err().to_string();
        assert!(refused.contains("another instance serves on"), "{refused}");
        UnixStream::connect(&config.socket.path).unwrap();
    }

    #[test]
    fn a_group_that_does_not_exist_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path().join("s.sock"), Some("no-such-group"));
        let refused = listen(&config).unwrap_err().to_string();
        assert!(
            refused.contains("groupadd --system no-such-group"),
            "{refused}"
        );
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
