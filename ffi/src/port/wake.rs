//! What ends the sleep of a thread that waits for packets of a queue: the device's interrupt, or the socket on which its driver
//! stands, where DPDK offers no interrupt.
//!
//! A socket that a driver reads through a shared ring is readable as long as the ring holds a frame that the driver has
//! not taken (packet sockets: the frame that came last), so nothing has to be armed and nothing can be missed: the
//! kernel looks at the ring when the wait begins. That look also tells a card behind an AF_XDP socket to go on, should it wait for that.

use super::interrupt::Interrupt;
use super::sockets;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// How the receive queues of a port tell a thread that sleeps of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RxWake {
    /// By interrupts of the device.
    Interrupt,
    /// By the sockets on which its driver stands.
    Socket,
}

/// What tells of packets in one receive queue.
#[derive(Debug)]
pub(crate) enum Wake {
    /// An interrupt.
    Interrupt(Interrupt),
    /// A duplicate of the queue's socket.
    Socket(Arc<OwnedFd>),
}

impl Wake {
    /// Becomes readable when there are packets.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Interrupt(interrupt) => interrupt.fd(),
            Self::Socket(socket) => socket.as_fd(),
        }
    }

    /// Asks to be told of the next packet. Whether that will be.
    pub(crate) fn arm(&self, port: u16, queue: u16) -> bool {
        match self {
            Self::Interrupt(interrupt) => interrupt.arm(port, queue),
            Self::Socket(_) => true,
        }
    }

    /// Asks to be told no more, and takes what came.
    pub(crate) fn disarm(&self, port: u16, queue: u16) {
        match self {
            Self::Interrupt(interrupt) => interrupt.disarm(port, queue),
            // That its interface went down would wake for ever. The driver asks for no errors.
            Self::Socket(socket) => sockets::take_error(socket.as_fd()),
        }
    }
}
