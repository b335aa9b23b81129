//! The interrupts of a vhost port, which come from its peer.
//!
//! The descriptor that the driver gives for a queue is an epoll of its own. In it is the peer's descriptor, which comes and
//! goes with the peer, and whose count nobody takes: after the first event it stays readable. So each event is taken
//! from a second epoll above, which tells of it once.
//!
//! ```text
//! peer ──▶ its eventfd ──▶ the driver's epoll ──▶ Events, edge-triggered ──▶ the thread that waits
//! ```
//!
//! The driver asks the peer for interrupts through memory that goes with the peer, and does not wait for who does so. It
//! tells of a link that went down between forgetting the peer and giving that memory back: there [`departed`] waits.

use crate::raw;
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::{PoisonError, RwLock};

/// Held by those who ask a peer for something, for each port.
static ASKING: [RwLock<()>; raw::SHIM_MAX_PORTS as usize] =
    [const { RwLock::new(()) }; raw::SHIM_MAX_PORTS as usize];

/// The events of one queue.
#[derive(Debug)]
pub(super) struct Events {
    port: u16,
    epoll: OwnedFd,
}

impl Events {
    /// Of a queue whose driver gave this epoll; `None` where the kernel or DPDK have no room for it.
    pub(super) fn of(port: u16, driver: RawFd) -> Option<Self> {
        // SAFETY: makes a descriptor; nothing of this process is touched.
        let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if epoll < 0 {
            return None;
        }
        // SAFETY: a descriptor that was just made, and has no other owner.
        let epoll = unsafe { OwnedFd::from_raw_fd(epoll) };
        let mut event = libc::epoll_event {
            events: (libc::EPOLLIN | libc::EPOLLET).cast_unsigned(),
            u64: 0,
        };
        // SAFETY: reads one event; both descriptors are epolls.
        let added = unsafe {
            libc::epoll_ctl(
                epoll.as_raw_fd(),
                libc::EPOLL_CTL_ADD,
                driver,
                &raw mut event,
            )
        };
        // SAFETY: the port exists; the callback uses nothing that ends. The same one is not entered twice.
        let registered = unsafe {
            raw::rte_eth_dev_callback_register(
                port,
                raw::RTE_ETH_EVENT_INTR_LSC,
                Some(departed),
                ptr::null_mut(),
            )
        };
        (added == 0 && registered == 0).then_some(Self { port, epoll })
    }

    /// Becomes readable at the next event.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }

    /// Takes those that came.
    pub(super) fn take(&self) {
        let mut event = MaybeUninit::<libc::epoll_event>::uninit();
        // SAFETY: writes one event at most, and does not wait.
        unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), event.as_mut_ptr(), 1, 0) };
    }

    /// Calls the driver while its peer stays; zero where there is no peer, who could send nothing.
    pub(super) fn ask(&self, call: impl FnOnce() -> c_int) -> c_int {
        let gate = ASKING.get(usize::from(self.port));
        let _stays = gate.map(|gate| gate.read().unwrap_or_else(PoisonError::into_inner));
        let mut link = MaybeUninit::uninit();
        // SAFETY: the port exists; the call writes one link.
        let result = unsafe { raw::shim_link_get(self.port, link.as_mut_ptr()) };
        // A port that was started after its peer had gone goes by the peer's number, which may be another's now.
        // SAFETY: the call wrote it.
        if result == 0 && unsafe { link.assume_init() }.up {
            call()
        } else {
            result
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        // The other queues of the port go with this one. One that runs stays, and does no harm.
        // SAFETY: as when it was entered.
        unsafe {
            raw::rte_eth_dev_callback_unregister(
                self.port,
                raw::RTE_ETH_EVENT_INTR_LSC,
                Some(departed),
                ptr::null_mut(),
            )
        };
    }
}

/// Waits until nobody asks a peer that the driver has forgotten.
unsafe extern "C" fn departed(
    port: u16,
    _: raw::rte_eth_event_type,
    _: *mut c_void,
    _: *mut c_void,
) -> c_int {
    let gate = ASKING.get(usize::from(port));
    drop(gate.map(|gate| gate.write().unwrap_or_else(PoisonError::into_inner)));
    0
}
