//! Receive interrupts: how a thread may sleep until a queue has packets.
//!
//! Each queue of a device that has them comes with a file descriptor that becomes readable. What else belongs to it differs:
//! cards interrupt once after they were told to, by an eventfd whose count must be taken; mlx5 hands events over when it is
//! told to stop; a TAP's descriptor is that of the frames themselves.

use super::attach;
use crate::raw;
use std::fs;
use std::os::fd::RawFd;
use std::path::Path;

/// The driver of TAP devices.
const TAP_DRIVER: &str = "net_tap";

/// Kernel drivers that pass an interrupt for each queue on. With the others there is one for all, and drivers of cards
/// give up their link interrupt for it.
const PASSING_DRIVERS: &[&str] = &["vfio-pci", "mlx4_core", "mlx5_core"];

/// The interrupt of one receive queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interrupt {
    /// Becomes readable when there are packets. The driver's, open as long as the device is.
    pub(crate) fd: RawFd,
    /// Whether the device interrupts only after it was told to.
    pub(crate) is_armed: bool,
    /// Whether the descriptor is a count that must be taken.
    pub(crate) is_counted: bool,
}

/// Whether a device may be asked for receive interrupts; one that has none would complain, or not start.
pub(super) fn is_offered(driver: &str, device: &str) -> bool {
    driver == TAP_DRIVER
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
    let armed = unsafe { raw::rte_eth_dev_rx_intr_enable(port, queue) };
    if armed == 0 {
        // SAFETY: as above. Whether it had to be told to stop does not matter: nothing waits yet.
        unsafe { raw::rte_eth_dev_rx_intr_disable(port, queue) };
    } else if armed != -libc::ENOTSUP {
        return None;
    }
    // SAFETY: as above.
    let fd = unsafe { raw::rte_eth_dev_rx_intr_ctl_q_get_fd(port, queue) };
    let target = fs::read_link(format!("/proc/self/fd/{fd}")).ok()?;
    Some(Interrupt {
        fd,
        is_armed: armed == 0,
        is_counted: target.as_os_str() == "anon_inode:[eventfd]",
    })
}

impl Interrupt {
    /// Asks for an interrupt at the next packet. Whether the device will send one.
    pub(crate) fn arm(&self, port: u16, queue: u16) -> bool {
        // SAFETY: the port is started, as it was when this interrupt was found.
        !self.is_armed || unsafe { raw::rte_eth_dev_rx_intr_enable(port, queue) } == 0
    }

    /// Asks for no more interrupts, and takes what came.
    pub(crate) fn disarm(&self, port: u16, queue: u16) {
        if self.is_armed {
            // SAFETY: as above. It fails where none came that could be taken.
            unsafe { raw::rte_eth_dev_rx_intr_disable(port, queue) };
        }
        if self.is_counted {
            let mut count = 0_u64;
            // SAFETY: the descriptor is an eventfd of the driver, which made it not to block; the call writes eight bytes.
            unsafe { libc::read(self.fd, (&raw mut count).cast(), size_of::<u64>()) };
        }
    }
}
