//! The sockets behind an AF_XDP device.
//!
//! The driver of DPDK 22.11 does not close them with the port; that of 24.11 does. While one is open the kernel holds the queue of the
//! interface taken, and nobody, this process included, could open the device again until the process ends. So they are noted when
//! the port is configured, and what is left of them is closed after it. Whoever closed them, the kernel takes the queue back a little
//! later, which the next to open one waits for.

use super::sockets::{self, Socket};
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// For how long the kernel may hold a queue after its socket was closed; it takes about a millisecond.
const RELEASE: Duration = Duration::from_millis(100);

/// When a socket was last closed, by its driver or here.
static LAST_CLOSED: Mutex<Option<Instant>> = Mutex::new(None);

fn last_closed() -> MutexGuard<'static, Option<Instant>> {
    LAST_CLOSED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// XDP sockets of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sockets(Vec<Socket>);

impl Sockets {
    /// None.
    pub(super) const fn none() -> Self {
        Self(Vec::new())
    }

    /// Adds some.
    pub(super) fn note(&mut self, opened: &[Socket]) {
        self.0.extend(opened);
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
        let open = sockets::open(libc::AF_XDP);
        for socket in self.0.drain(..).filter(|socket| open.contains(socket)) {
            // SAFETY: the descriptor is the very socket that the driver opened: number and inode are the same. The driver
            // has closed its port and uses it no more, so that nobody owns it.
            drop(unsafe { OwnedFd::from_raw_fd(socket.fd) });
        }
        *last_closed() = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::super::sockets::tests::socket;
    use super::*;
    use std::os::fd::{AsRawFd, IntoRawFd, RawFd};

    #[test]
    fn only_what_was_opened_between_and_is_still_the_same_is_closed() {
        let _other = socket(libc::AF_INET, libc::SOCK_DGRAM);
        let earlier = socket(libc::AF_XDP, libc::SOCK_RAW);
        let ((left, replaced), opened) = sockets::opened_by(libc::AF_XDP, || {
            let both = [(), ()].map(|()| socket(libc::AF_XDP, libc::SOCK_RAW));
            let [left, replaced] = both;
            (left.into_raw_fd(), replaced)
        });
        let mut noted = Sockets::none();
        noted.note(&opened);
        assert_eq!(noted.0.len(), 2);
        // Another one under the same number.
        let number = replaced.as_raw_fd();
        drop(replaced);
        let successor = socket(libc::AF_XDP, libc::SOCK_RAW);
        assert_eq!(successor.as_raw_fd(), number);
        noted.close_rest();
        assert!(noted.is_empty());
        let open: Vec<RawFd> = sockets::open(libc::AF_XDP)
            .iter()
            .map(|socket| socket.fd)
            .collect();
        assert!(open.contains(&earlier.as_raw_fd()) && open.contains(&number));
        assert!(!open.contains(&left));
    }
}
