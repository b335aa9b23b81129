//! The carrier of the kernel interface behind a device.
//!
//! Drivers that stand on a kernel interface (packet sockets, AF_XDP) take the link for up as long as the port runs. The
//! kernel knows better.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Asks the kernel for the state of one interface. It stays with the network namespace in which it was opened.
#[derive(Debug)]
pub(super) struct Carrier {
    socket: OwnedFd,
    if_index: u32,
}

impl Carrier {
    /// Of the interface with this index in the calling thread's network namespace.
    pub(super) fn open(if_index: u32) -> io::Result<Self> {
        // SAFETY: makes a socket; nothing of this process is touched.
        let socket =
            unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
        if socket < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a file descriptor that was just made, and has no other owner.
        let socket = unsafe { OwnedFd::from_raw_fd(socket) };
        Ok(Self { socket, if_index })
    }

    /// Whether frames can be exchanged. By the index, so that a new name changes nothing.
    pub(super) fn is_up(&self) -> io::Result<bool> {
        // SAFETY: numbers, bytes and pointers that are not followed; all zeroes are valid.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        request.ifr_ifru.ifru_ifindex = self.if_index.cast_signed();
        self.ask(libc::SIOCGIFNAME, &mut request)?;
        self.ask(libc::SIOCGIFFLAGS, &mut request)?;
        // SAFETY: the kernel has just written this member.
        let flags = unsafe { request.ifr_ifru.ifru_flags };
        Ok(i32::from(flags) & libc::IFF_RUNNING != 0)
    }

    fn ask(&self, what: libc::c_ulong, request: &mut libc::ifreq) -> io::Result<()> {
        // SAFETY: both questions read and write one such structure.
        let result =
            unsafe { libc::ioctl(self.socket.as_raw_fd(), what, std::ptr::from_mut(request)) };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }
}
