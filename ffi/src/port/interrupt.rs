//! Receive interrupts: how a thread may sleep until a queue has packets.
//!
//! Each queue of a device that has them comes with a file descriptor that becomes readable. What else belongs to it differs:
//! cards interrupt once after they were told to, by an eventfd whose count must be taken, as do virtio-user ports; mlx5 hands
//! events over when it is told to stop; a TAP's descriptor is that of the frames themselves; that of a vhost port is in [`peer`](super::peer).

use super::attach;
use super::peer::Events;
use crate::raw;
use std::ffi::c_int;
use std::fs;
use std::os::fd::{BorrowedFd, RawFd};
use std::path::Path;
use std::sync::atomic::{Ordering, fence};

/// Drivers without a card that have interrupts: of TAP devices, and of both ends of virtio rings.
const DRIVERS: &[&str] = &["net_tap", "net_vhost", "net_virtio_user"];

/// Kernel drivers that pass an interrupt for each queue on. With the others there is one for all, and drivers of cards
/// give up their link interrupt for it.
const PASSING_DRIVERS: &[&str] = &["vfio-pci", "mlx4_core", "mlx5_core"];

/// The interrupt of one receive queue.
#[derive(Debug)]
pub(crate) struct Interrupt {
    /// Becomes readable when there are packets. The driver's, open as long as the device is.
    fd: RawFd,
    /// Whether the device interrupts only after it was told to.
    is_armed: bool,
    /// What stays behind an interrupt until it is taken.
    left: Left,
}

/// What an interrupt leaves behind.
#[derive(Debug)]
enum Left {
    /// Nothing, or the frames.
    Nothing,
    /// A count, in the descriptor itself.
    Count,
    /// An event of the device's peer.
    Event(Events),
}

/// Whether a device may be asked for receive interrupts; one that has none would complain, or not start.
pub(super) fn is_offered(driver: &str, device: &str) -> bool {
    DRIVERS.contains(&driver)
        || attach::kernel_driver(device, Path::new(attach::PCI_DEVICES))
            .is_some_and(|name| PASSING_DRIVERS.contains(&name.as_str()))
}

/// The interrupts of a started port's receive queues, which it was configured for. None where a queue has no interrupt of
/// its own: who takes the count of a shared one would take it from the others.
pub(super) fn of_queues(port: u16, queues: u16) -> Box<[Interrupt]> {
    let all: Option<Vec<_>> = (0..queues).map(|queue| of_queue(port, queue)).collect();
    let all = all.unwrap_or_default();
    let mut fds: Vec<_> = all.iter().map(|interrupt| interrupt.fd).collect();
    fds.sort_unstable();
    fds.dedup();
    if fds.len() < all.len() {
        return Box::default();
    }
    all.into()
}

fn of_queue(port: u16, queue: u16) -> Option<Interrupt> {
    // SAFETY: the port exists; the call checks the queue.
    let fd = unsafe { raw::rte_eth_dev_rx_intr_ctl_q_get_fd(port, queue) };
    let target = fs::read_link(format!("/proc/self/fd/{fd}")).ok()?;
    let left = match target.to_str() {
        Some("anon_inode:[eventfd]") => Left::Count,
        Some("anon_inode:[eventpoll]") => Left::Event(Events::of(port, fd)?),
        _ => Left::Nothing,
    };
    let mut interrupt = Interrupt {
        fd,
        is_armed: true,
        left,
    };
    match interrupt.enable(port, queue) {
        // Whether it had to be told to stop does not matter: nothing waits yet.
        0 => interrupt.disable(port, queue),
        unarmed if unarmed == -libc::ENOTSUP => interrupt.is_armed = false,
        _ => return None,
    }
    Some(interrupt)
}

impl Interrupt {
    /// Becomes readable when there are packets, until what is left behind is taken.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        match &self.left {
            Left::Event(events) => events.fd(),
            // SAFETY: the driver keeps it open until the device is closed, which whoever borrows this prevents.
            Left::Nothing | Left::Count => unsafe { BorrowedFd::borrow_raw(self.fd) },
        }
    }

    /// Asks for an interrupt at the next packet. Whether the device will send one.
    pub(crate) fn arm(&self, port: u16, queue: u16) -> bool {
        if !self.is_armed {
            return true;
        }
        // One that was under way when it was disarmed tells of nothing new.
        self.take();
        let is_asked = self.enable(port, queue) == 0;
        // Who looks for packets after this sees those of a peer that did not see that it was asked.
        fence(Ordering::SeqCst);
        is_asked
    }

    /// Asks for no more interrupts, and takes what came.
    pub(crate) fn disarm(&self, port: u16, queue: u16) {
        if self.is_armed {
            self.disable(port, queue);
        }
        self.take();
    }

    fn enable(&self, port: u16, queue: u16) -> c_int {
        // SAFETY: the port is started, and the call checks the queue.
        self.call(|| unsafe { raw::rte_eth_dev_rx_intr_enable(port, queue) })
    }

    fn disable(&self, port: u16, queue: u16) {
        // SAFETY: as above. It fails where none came that could be taken.
        self.call(|| unsafe { raw::rte_eth_dev_rx_intr_disable(port, queue) });
    }

    fn call(&self, call: impl FnOnce() -> c_int) -> c_int {
        match &self.left {
            Left::Event(events) => events.ask(call),
            Left::Nothing | Left::Count => call(),
        }
    }

    fn take(&self) {
        match &self.left {
            Left::Nothing => {}
            Left::Count => {
                let mut count = 0_u64;
                // SAFETY: the descriptor is an eventfd of the driver, which made it not to block; the call writes eight bytes.
                unsafe { libc::read(self.fd, (&raw mut count).cast(), size_of::<u64>()) };
            }
            Left::Event(events) => events.take(),
        }
    }
}
