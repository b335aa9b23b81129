//! What a port and its queue handles share.

use super::xdp::Sockets;
use super::{PortError, RxWake, Wake, interrupt, virtio};
use crate::eal::Eal;
use crate::mempool::Mempool;
use crate::raw;
use std::collections::BTreeSet;
use std::ffi::c_int;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// The driver of shared memory between processes.
const MEMIF_DRIVER: &str = "net_memif";

/// A claimed DPDK port. The last handle to drop it closes the device.
#[derive(Debug)]
pub(crate) struct Device {
    id: u16,
    /// Set once the device is started. A queue handle reads it before each burst: DPDK's own
    /// switch from its dummy burst function to the driver's is several stores without an order.
    running: AtomicBool,
    /// Of the receive queues of a device that runs, if they have them.
    wakes: OnceLock<Box<[Wake]>>,
    /// Duplicates of the sockets of the receive queues, where they are known.
    rx_sockets: Vec<Arc<OwnedFd>>,
    /// Pools whose buffers may be in the receive queues; they must outlive the device.
    pools: Vec<Mempool>,
    /// Of an AF_XDP device.
    sockets: Sockets,
    is_open: bool,
    eal: Eal,
}

impl Device {
    /// The device of a port that was just entered into the EAL's set of claimed ports.
    pub(super) const fn new(eal: Eal, id: u16) -> Self {
        Self {
            id,
            running: AtomicBool::new(false),
            wakes: OnceLock::new(),
            rx_sockets: Vec::new(),
            pools: Vec::new(),
            sockets: Sockets::none(),
            is_open: true,
            eal,
        }
    }

    #[inline]
    pub(crate) const fn id(&self) -> u16 {
        self.id
    }

    #[inline]
    pub(crate) fn is_running(&self) -> bool {
        self.running.load(Ordering::Acquire)
    }

    pub(super) fn set_running(&self) {
        self.running.store(true, Ordering::Release);
    }

    /// What tells of packets in a receive queue; `None` while the device does not run.
    pub(crate) fn wake(&self, queue: u16) -> Option<&Wake> {
        let all = self.wakes.get().filter(|_| self.is_running())?;
        all.get(usize::from(queue))
    }

    /// Sets what [`Device::wake`] answers for so many queues, before [`Device::set_running`], if it is `wanted` at all;
    /// returns what that is.
    pub(super) fn set_wakes(&self, wanted: Option<RxWake>, queues: u16) -> Option<RxWake> {
        let wakes: Box<[Wake]> = match wanted? {
            RxWake::Interrupt => {
                let all = interrupt::of_queues(self.id, queues).into_iter();
                all.map(Wake::Interrupt).collect()
            }
            RxWake::Socket => {
                let all = self.rx_sockets.iter().take(queues.into()).cloned();
                all.map(Wake::Socket).collect()
            }
        };
        let is_whole = wakes.len() == usize::from(queues);
        // Set only once between two starts, since stopping takes it.
        is_whole.then(|| self.wakes.set(wakes)).and(wanted)
    }

    /// Takes the sockets of the receive queues, by the number of the queue; none where they are not known.
    pub(super) fn set_rx_sockets(&mut self, sockets: Vec<OwnedFd>) {
        self.rx_sockets = sockets.into_iter().map(Arc::new).collect();
    }

    /// Whether the sockets of the receive queues are known.
    pub(super) const fn has_rx_sockets(&self) -> bool {
        !self.rx_sockets.is_empty()
    }

    pub(super) const fn eal(&self) -> &Eal {
        &self.eal
    }

    /// Keeps a pool alive until [`Device::keep_only_last_pool`] or the end of the device.
    pub(super) fn keep_pool(&mut self, pool: Mempool) {
        self.pools.push(pool);
    }

    /// Lets go of the pools of earlier configurations, whose queues are gone.
    pub(super) fn keep_only_last_pool(&mut self) {
        self.pools.drain(..self.pools.len().saturating_sub(1));
    }

    /// Whether it has XDP sockets.
    pub(super) const fn has_sockets(&self) -> bool {
        !self.sockets.is_empty()
    }

    /// The XDP sockets of the device, which its driver may leave behind.
    pub(super) const fn sockets(&mut self) -> &mut Sockets {
        &mut self.sockets
    }

    /// Stops the device. `&mut self` says that no queue handle exists.
    pub(super) fn stop(&mut self) -> Result<(), PortError> {
        if *self.running.get_mut() {
            // SAFETY: the port exists, and no thread polls it.
            PortError::check(unsafe { self.undisturbed(raw::rte_eth_dev_stop) })?;
            *self.running.get_mut() = false;
            self.wakes.take();
        }
        Ok(())
    }

    fn driver(&self) -> Option<String> {
        let info = super::info::raw_info(self.id).ok()?;
        // SAFETY: null, or a constant string of the driver.
        Some(unsafe { super::info::text(info.driver_name) })
    }

    /// Calls DPDK for the port. The driver of memif takes down what its callbacks use without waiting for one that runs, so for
    /// its ports the call is made on the thread on which they run.
    ///
    /// # Safety
    ///
    /// That of the call with this port.
    unsafe fn undisturbed(&self, call: unsafe extern "C" fn(u16) -> c_int) -> c_int {
        if self.driver().as_deref() == Some(MEMIF_DRIVER) {
            // SAFETY: the caller's promise; that thread calls nothing else for a port.
            unsafe { raw::shim_on_interrupts(Some(call), self.id) }
        } else {
            // SAFETY: the caller's promise.
            unsafe { call(self.id) }
        }
    }

    /// Stops and closes the port, gives up its claim, and removes the device if none of its other
    /// ports is open.
    pub(super) fn close(&mut self, claimed: &mut BTreeSet<u16>) -> Result<(), PortError> {
        if !self.is_open {
            return Ok(());
        }
        self.is_open = false;
        let stopped = self.stop();
        let device = device_of(self.id);
        // A kernel interface below the driver (af_packet, AF_XDP) would stay as it was made.
        // SAFETY: the port exists; both calls read or set a mode of the device.
        unsafe {
            if raw::rte_eth_promiscuous_get(self.id) == 1 {
                raw::rte_eth_promiscuous_disable(self.id);
            }
        }
        // As long as there is a duplicate a socket stays open.
        self.wakes.take();
        self.rx_sockets.clear();
        if !virtio::may_close(self.id) {
            // Its queues stay, too.
            std::mem::forget(std::mem::take(&mut self.pools));
            claimed.remove(&self.id);
            return Err(PortError::Unclosable);
        }
        if self.driver().as_deref() == Some(virtio::DRIVER) {
            // At worst it is as it was.
            let _ = virtio::ask_for_no_interrupts(self.id);
        }
        // SAFETY: the port exists, is stopped as far as its driver could, and no handle is left.
        let closed = PortError::check(unsafe { self.undisturbed(raw::rte_eth_dev_close) });
        claimed.remove(&self.id);
        let mut removed = Ok(0);
        if let Some(device) = device
            && !super::attach::all_ports().any(|id| device_of(id) == Some(device))
        {
            // SAFETY: the device was that of an open port a moment ago, and the lock on the claims
            // keeps every other attach and detach out.
            removed = PortError::check(unsafe { raw::rte_dev_remove(device) });
        }
        self.sockets.close_rest();
        stopped.and(closed).and(removed).map(drop)
    }
}

/// The bus device behind a port.
fn device_of(id: u16) -> Option<*mut raw::rte_device> {
    super::info::raw_info(id)
        .ok()
        .map(|info| info.device)
        .filter(|device| !device.is_null())
}

impl Drop for Device {
    fn drop(&mut self) {
        let eal = self.eal.clone();
        // There is nobody to tell: a driver that fails to stop says so in DPDK's log.
        let _ = self.close(&mut eal.claimed_ports());
    }
}
