//! Ports: Ethernet devices of any kind that DPDK drives.
//!
//! ```text
//! attach ──▶ Port ──configure──▶ Queues (handed out once) ──▶ threads
//!             │  ◀─────────────── all dropped ◀──────────────────┘
//!             ├─ start, link, stats, MAC, MTU, …
//!             └─ stop, configure again, detach: only while no queue handle is out
//! ```
//!
//! A [`Port`] is the one handle of its device. Queue handles keep the device open and started: a
//! port cannot be stopped under a thread that polls it. When the last handle of either kind goes,
//! the device is stopped, closed and given back.

mod attach;
mod carrier;
mod config;
mod device;
mod info;
mod interrupt;
mod peer;
mod plan;
mod sockets;
mod stats;
mod virtio;
mod wake;
mod xdp;

pub use attach::{AttachError, DetachError, Found, ports};
pub use config::{Applied, ConfigureError, PortConfig, Queues, Step};
pub use info::{Link, PortInfo, RxOffloads, TxOffloads};
pub use stats::PortStats;
pub use wake::RxWake;

pub(crate) use device::Device;
pub(crate) use wake::Wake;

use crate::error::Errno;
use crate::raw;
use carrier::Carrier;
use std::cell::Cell;
use std::ffi::c_int;
use std::marker::PhantomData;
use std::sync::Arc;

/// A device. It may move to another thread, but not be shared: drivers keep state of their own
/// behind calls that only read, such as those for counters.
#[derive(Debug)]
pub struct Port {
    device: Arc<Device>,
    applied: Option<Applied>,
    promiscuous_wanted: bool,
    /// Of the kernel interface behind the device, if there is one.
    carrier: Option<Carrier>,
    not_sync: PhantomData<Cell<()>>,
}

/// Why a port did not do what it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// The driver cannot do this at all.
    #[error("the driver of this port does not support it")]
    NotSupported,
    /// Threads still hold queues of this port.
    #[error("queues of the port are in use")]
    QueuesInUse,
    /// The port was not configured.
    #[error("the port has no configuration")]
    NotConfigured,
    /// The value is outside of what the device takes.
    #[error("the device does not take this value ({0})")]
    InvalidValue(Errno),
    /// The device is gone.
    #[error("the device is gone ({0})")]
    Gone(Errno),
    /// The driver would leave what ends the process.
    #[error("a virtio-user port that was never started stays with DPDK, until it is added again")]
    Unclosable,
    /// The driver refused for another reason.
    #[error("the driver refused: {0}")]
    Refused(Errno),
}

impl PortError {
    fn check(result: c_int) -> Result<c_int, Self> {
        Errno::check(result).map_err(|errno| match errno.number() {
            libc::ENOTSUP | libc::ENOSYS => Self::NotSupported,
            libc::EINVAL | libc::ERANGE => Self::InvalidValue(errno),
            libc::ENODEV | libc::EIO | libc::ENXIO => Self::Gone(errno),
            _ => Self::Refused(errno),
        })
    }
}

impl Port {
    /// DPDK's number of the port.
    #[must_use]
    pub fn id(&self) -> u16 {
        self.device.id()
    }

    /// Starts the device: queues move packets from now on.
    ///
    /// # Errors
    ///
    /// The port is not configured, or the driver refuses.
    pub fn start(&mut self) -> Result<(), PortError> {
        if self.applied.is_none() {
            return Err(PortError::NotConfigured);
        }
        if self.device.is_running() {
            return Ok(());
        }
        // SAFETY: the port exists and is configured. Queue handles do not touch a port that is not
        // marked as running.
        PortError::check(unsafe { raw::rte_eth_dev_start(self.id()) })?;
        virtio::started(self.id());
        if let Some(applied) = self.applied.as_mut() {
            applied.rx_wake = self.device.set_wakes(applied.rx_wake, applied.rx_queues);
        }
        self.device.set_running();
        // Only now, because some drivers talk to their device for it. A driver without the notion
        // sees every frame anyway, or says so in `promiscuous`.
        match self.set_promiscuous(self.promiscuous_wanted) {
            Ok(()) | Err(PortError::NotSupported) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Stops the device.
    ///
    /// # Errors
    ///
    /// Queue handles are out, or the driver refuses.
    pub fn stop(&mut self) -> Result<(), PortError> {
        self.exclusive()?.stop()
    }

    /// The port's Ethernet address.
    ///
    /// # Errors
    ///
    /// The device is gone.
    pub fn mac(&self) -> Result<[u8; 6], PortError> {
        let mut mac = raw::rte_ether_addr { addr_bytes: [0; 6] };
        // SAFETY: the port exists; the call writes one address.
        PortError::check(unsafe { raw::rte_eth_macaddr_get(self.id(), &raw mut mac) })?;
        Ok(mac.addr_bytes)
    }

    /// Changes the port's Ethernet address.
    ///
    /// # Errors
    ///
    /// The driver cannot, or the address is not a station's.
    pub fn set_mac(&mut self, mac: [u8; 6]) -> Result<(), PortError> {
        let mut mac = raw::rte_ether_addr { addr_bytes: mac };
        // SAFETY: the port exists; the address is copied.
        PortError::check(unsafe { raw::rte_eth_dev_default_mac_addr_set(self.id(), &raw mut mac) })
            .map(drop)
    }

    /// The largest payload of an Ethernet frame, in bytes.
    ///
    /// # Errors
    ///
    /// The device is gone.
    pub fn mtu(&self) -> Result<u16, PortError> {
        let mut mtu = 0;
        // SAFETY: the port exists; the call writes one number.
        PortError::check(unsafe { raw::rte_eth_dev_get_mtu(self.id(), &raw mut mtu) })?;
        Ok(mtu)
    }

    /// Changes the MTU. Many drivers do so only while stopped; larger frames than the pool's buffers
    /// need scattered receiving, which is decided in [`Port::configure`].
    ///
    /// # Errors
    ///
    /// The driver cannot, cannot now, or the value is outside of its limits.
    pub fn set_mtu(&mut self, mtu_bytes: u16) -> Result<(), PortError> {
        // SAFETY: the port exists.
        PortError::check(unsafe { raw::rte_eth_dev_set_mtu(self.id(), mtu_bytes) }).map(drop)
    }

    /// Whether the device receives frames for every address.
    #[must_use]
    pub fn promiscuous(&self) -> bool {
        // SAFETY: the port exists; reads a flag.
        unsafe { raw::rte_eth_promiscuous_get(self.id()) == 1 }
    }

    /// Receives frames for every address, or only for the port's own.
    ///
    /// # Errors
    ///
    /// The driver cannot.
    pub fn set_promiscuous(&mut self, on: bool) -> Result<(), PortError> {
        // SAFETY: the port exists.
        PortError::check(unsafe {
            if on {
                raw::rte_eth_promiscuous_enable(self.id())
            } else {
                raw::rte_eth_promiscuous_disable(self.id())
            }
        })?;
        self.promiscuous_wanted = on;
        Ok(())
    }

    /// Switches the reception of frames for every group address on or off.
    ///
    /// # Errors
    ///
    /// The driver cannot.
    pub fn set_all_multicast(&mut self, on: bool) -> Result<(), PortError> {
        // SAFETY: the port exists.
        PortError::check(unsafe {
            if on {
                raw::rte_eth_allmulticast_enable(self.id())
            } else {
                raw::rte_eth_allmulticast_disable(self.id())
            }
        })
        .map(drop)
    }

    /// The device itself, if no queue handle shares it.
    fn exclusive(&mut self) -> Result<&mut Device, PortError> {
        Arc::get_mut(&mut self.device).ok_or(PortError::QueuesInUse)
    }
}
