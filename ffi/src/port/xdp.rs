//! The sockets behind an AF_XDP device.
//!
//! The driver of DPDK 22.11 does not close them with the port; that of 24.11 does. While one is open the kernel holds the queue of the
//! interface taken, and nobody, this process included, could open the device again until the process ends. So they are noted when
//! the port is configured, and what is left of them is closed after it. Whoever closed them, the kernel takes the queue back a little
//! later, which the next to open one waits for.

use std::ffi::{c_int, c_uint};
use std::fs;
use std::mem::size_of;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// For how long the kernel may hold a queue after its socket was closed; it takes about a millisecond.
const RELEASE: Duration = Duration::from_millis(100);

/// When a socket was last closed, by its driver or here.
static LAST_CLOSED: Mutex<Option<Instant>> = Mutex::new(None);

fn last_closed() -> MutexGuard<'static, Option<Instant>> {
    LAST_CLOSED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A socket of this process: its descriptor, and what tells it from a later one of the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Socket {
    fd: RawFd,
    inode: u64,
}

/// XDP sockets of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sockets(Vec<Socket>);

impl Sockets {
    /// None.
    pub(super) const fn none() -> Self {
        Self(Vec::new())
    }

    /// Those that are open now; none where `/proc` cannot be read.
    pub(super) fn open() -> Self {
        let entries = fs::read_dir("/proc/self/fd").into_iter().flatten();
        Self(
            entries
                .flatten()
                .filter_map(|entry| {
                    let fd = entry.file_name().to_str()?.parse().ok()?;
                    let target = fs::read_link(entry.path()).ok()?;
                    let inode = target
                        .to_str()?
                        .strip_prefix("socket:[")?
                        .strip_suffix(']')?
                        .parse()
                        .ok()?;
                    is_xdp(fd).then_some(Socket { fd, inode })
                })
                .collect(),
        )
    }

    /// Adds those of `now` that were not there `before`.
    pub(super) fn note(&mut self, before: &Self, now: &Self) {
        let new = now.0.iter().filter(|socket| !before.0.contains(socket));
        self.0.extend(new);
    }

    /// Waits until the kernel has had time to take back the queues of sockets that were closed: it does so later, and says of a
    /// queue meanwhile that it is taken.
    pub(super) fn let_go() {
        let Some(closed) = *last_closed() else {
            return;
        };
        std::thread::sleep(RELEASE.saturating_sub(closed.elapsed()));
    }

    /// Whether there is none.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Closes those that are still open. Their driver must have closed its port, and no other may open one meanwhile.
    pub(super) fn close_rest(&mut self) {
        if self.is_empty() {
            return;
        }
        let open = Self::open();
        for socket in self.0.drain(..).filter(|socket| open.0.contains(socket)) {
            // SAFETY: the descriptor is the very socket that the driver opened: number and inode are the same. The driver
            // has closed its port and uses it no more, so that nobody owns it.
            drop(unsafe { OwnedFd::from_raw_fd(socket.fd) });
        }
        *last_closed() = Some(Instant::now());
    }
}

fn is_xdp(fd: RawFd) -> bool {
    let (mut domain, mut length): (c_int, c_uint) = (0, size_of::<c_int>() as c_uint);
    // SAFETY: the call writes one number of the length that it is told; a descriptor that is no socket is an error.
    let result = unsafe {
        libc::getsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_DOMAIN,
            (&raw mut domain).cast(),
            &raw mut length,
        )
    };
    result == 0 && domain == libc::AF_XDP
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::{AsRawFd, IntoRawFd};

    fn socket(family: c_int, kind: c_int) -> OwnedFd {
        // SAFETY: makes a socket; nothing of this process is touched.
        let fd = unsafe { libc::socket(family, kind, 0) };
        assert!(fd >= 0, "{}", std::io::Error::last_os_error());
        // SAFETY: just made, without another owner.
        unsafe { OwnedFd::from_raw_fd(fd) }
    }

    #[test]
    fn only_what_was_opened_between_and_is_still_the_same_is_closed() {
        let _other = socket(libc::AF_INET, libc::SOCK_DGRAM);
        let earlier = socket(libc::AF_XDP, libc::SOCK_RAW);
        let before = Sockets::open();
        assert_eq!(before.0.len(), 1);
        assert_eq!(before.0[0].fd, earlier.as_raw_fd());
        let left = socket(libc::AF_XDP, libc::SOCK_RAW).into_raw_fd();
        let replaced = socket(libc::AF_XDP, libc::SOCK_RAW);
        let mut noted = Sockets::none();
        noted.note(&before, &Sockets::open());
        assert_eq!(noted.0.len(), 2);
        // Another one under the same number.
        let number = replaced.as_raw_fd();
        drop(replaced);
        let successor = socket(libc::AF_XDP, libc::SOCK_RAW);
        assert_eq!(successor.as_raw_fd(), number);
        noted.close_rest();
        assert!(noted.is_empty());
        let open: Vec<RawFd> = Sockets::open().0.iter().map(|socket| socket.fd).collect();
        assert!(open.contains(&earlier.as_raw_fd()) && open.contains(&number));
        assert!(!open.contains(&left));
    }
}
