//! Recordings of what a kernel tells of, for the golden tests of the bridge.
//!
//! Whoever follows a kernel hears notifications (rtnetlink(7)); a recording is all of them, one after the other, as they came.

use crate::error::LabError;
use crate::netns::Namespace;
use nix::errno::Errno;
use nix::sys::socket::sockopt::RcvBufForce;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, setsockopt,
    socket,
};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Names the directory where labs put their recordings; without it they record nothing.
const DIRECTORY: &str = "FERROUTE_RECORD";
/// What the kernel holds until it is taken, in bytes: far more than any lab makes it say.
const HELD_BYTES: usize = 64 << 20;
/// Larger than any message of the kernel.
const MESSAGE_BYTES: usize = 64 << 10;
/// Links, neighbours and forwarding databases, routes of both families, next hop objects: bits of `RTNLGRP_…` less one.
const GROUPS: u32 = 1 | 1 << 2 | 1 << 6 | 1 << 10 | 1 << 31;

/// What the kernel of a namespace tells of, from now on.
#[derive(Debug)]
pub struct Recorder {
    socket: OwnedFd,
    file: PathBuf,
}

impl Recorder {
    /// Begins a recording of this name in a namespace; none if nobody wants recordings.
    ///
    /// # Errors
    /// [`LabError::System`] when the kernel refuses the socket.
    pub fn start(namespace: &Namespace, name: &str) -> Result<Option<Self>, LabError> {
        let Some(directory) = std::env::var_os(DIRECTORY) else {
            return Ok(None);
        };
        let socket = namespace
            .enter(listen)?
            .map_err(LabError::system("listening to the kernel"))?;
        let file = Path::new(&directory).join(format!("{name}.nl"));
        Ok(Some(Self { socket, file }))
    }

    /// Ends it and writes the file.
    ///
    /// # Errors
    /// [`LabError::System`] when some of it was lost, or the file cannot be written.
    pub fn save(self) -> Result<(), LabError> {
        let (mut all, mut buffer) = (Vec::new(), vec![0; MESSAGE_BYTES]);
        loop {
            match recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(length) => all.extend(&buffer[..length]),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => break,
                Err(error) => return Err(LabError::system("recording a kernel")(error)),
            }
        }
        std::fs::write(&self.file, all).map_err(LabError::system("writing a recording"))
    }
}

fn listen() -> io::Result<OwnedFd> {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkRoute,
    )?;
    setsockopt(&socket, RcvBufForce, &HELD_BYTES)?;
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, GROUPS))?;
    Ok(socket)
}
