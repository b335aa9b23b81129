//! What the driver of virtio-user ports forgets about interrupts when a port is closed.
//!
//! - Asked for any interrupt, it closes its eventfds twice, with a talk to its peer in between: the second time they
//!   may be another thread's. It does so once if it is asked for none before.
//! - Asked for receive interrupts, it enters its socket with DPDK's thread for interrupts when it is configured, and takes it out
//!   only when it is stopped. Of a port that was never started it stays there, closed; and that thread ends the process
//!   where it finds a descriptor that is none. So such a port is not closed, but left to who attaches it again.

use super::PortError;
use crate::raw;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};

/// The driver of virtio-user ports.
pub(super) const DRIVER: &str = "net_virtio_user";

/// Of which ports the socket may stay behind.
static ENTERED: [AtomicBool; raw::SHIM_MAX_PORTS as usize] =
    [const { AtomicBool::new(false) }; raw::SHIM_MAX_PORTS as usize];

/// Notes that a port of any driver is about to be configured with receive interrupts.
pub(super) fn enter(port: u16, driver: &str) {
    if driver == DRIVER {
        set(port, true);
    }
}

/// Notes that a port was started, after which stopping it takes its socket out.
pub(super) fn started(port: u16) {
    set(port, false);
}

/// Whether a stopped port may be closed.
pub(super) fn may_close(port: u16) -> bool {
    let entered = ENTERED.get(usize::from(port));
    !entered.is_some_and(|entered| entered.load(Ordering::Relaxed))
}

fn set(port: u16, is_entered: bool) {
    if let Some(entered) = ENTERED.get(usize::from(port)) {
        entered.store(is_entered, Ordering::Relaxed);
    }
}

/// Configures a stopped port as it is, but without interrupts.
pub(super) fn ask_for_no_interrupts(port: u16) -> Result<(), PortError> {
    let info = super::info::raw_info(port)?;
    let mut conf = MaybeUninit::<raw::rte_eth_conf>::zeroed();
    // SAFETY: the port exists; the call writes one configuration.
    PortError::check(unsafe { raw::rte_eth_dev_conf_get(port, conf.as_mut_ptr()) })?;
    // SAFETY: zeroed, then written; numbers and pointers that nobody follows here.
    let mut conf = unsafe { conf.assume_init() };
    conf.intr_conf.set_lsc(0);
    conf.intr_conf.set_rxq(0);
    let (rx, tx) = (info.nb_rx_queues, info.nb_tx_queues);
    if rx == 0 && tx == 0 {
        // Not configured, so not asked for any.
        return Ok(());
    }
    // SAFETY: the port exists and is stopped; it has these queues.
    let result = unsafe { raw::rte_eth_dev_configure(port, rx, tx, &raw const conf) };
    PortError::check(result).map(drop)
}
