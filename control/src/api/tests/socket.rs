//! Who may serve on a socket.

use crate::api::socket::{ApiSocket, SocketError};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};

#[test]
fn one_process_serves_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run/ferroute/api.sock");
    let first = ApiSocket::bind(&path, 0o660).unwrap();
    assert_eq!(
        first.path().metadata().unwrap().permissions().mode() & 0o777,
        0o660
    );
    let error = ApiSocket::bind(&path, 0o660).unwrap_err();
    assert!(matches!(error, SocketError::InUse { .. }));
    assert!(
        error
            .to_string()
            .starts_with("another instance serves on /"),
        "{error}"
    );
    assert!(
        UnixStream::connect(&path).is_ok(),
        "the refused one must not have disturbed the first"
    );
    drop(first);
    assert!(!path.exists());
    drop(ApiSocket::bind(&path, 0o600).unwrap());
}

#[test]
fn a_socket_left_by_a_crash_is_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("api.sock");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let socket = ApiSocket::bind(&path, 0o660).unwrap();
    assert!(UnixStream::connect(socket.path()).is_ok());
}

#[test]
fn a_socket_on_which_somebody_answers_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("api.sock");
    let _other = UnixListener::bind(&path).unwrap();
    assert!(matches!(
        ApiSocket::bind(&path, 0o660),
        Err(SocketError::InUse { .. })
    ));
    assert!(path.exists());
}

#[test]
fn what_is_no_socket_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("api.sock");
    std::fs::write(&path, "precious").unwrap();
    assert!(matches!(
        ApiSocket::bind(&path, 0o660),
        Err(SocketError::NotASocket { .. })
    ));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    let below = path.join("api.sock");
    assert!(matches!(
        ApiSocket::bind(&below, 0o660),
        Err(SocketError::System { .. })
    ));
}
