//! Setting a port up: queues, buffers, offloads.

use super::info::{PortInfo, RxOffloads, TxOffloads, raw_info};
use super::plan::Plan;
use super::xdp::Sockets;
use super::{Port, PortError, RxWake, interrupt, sockets, virtio};
use crate::error::Errno;
use crate::mempool::Mempool;
use crate::queue::{RxQueue, TxQueue};
use std::fmt;
use std::sync::Arc;

/// The driver of AF_XDP devices.
const XDP_DRIVER: &str = "net_af_xdp";

/// What is wanted of a port. What the device does not offer is left out, except for queues and MTU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortConfig {
    /// Receive queues.
    pub rx_queues: u16,
    /// Transmit queues.
    pub tx_queues: u16,
    /// Descriptors of each receive queue; the driver may move it to the nearest it takes.
    pub rx_descriptors: u16,
    /// Descriptors of each transmit queue; the driver may move it to the nearest it takes.
    pub tx_descriptors: u16,
    /// The largest payload of an Ethernet frame.
    pub mtu_bytes: u16,
    /// Whether to receive frames for every address.
    pub promiscuous: bool,
    /// Whether to spread flows over the queues by a hash of addresses and ports, and to deliver it.
    pub rss: bool,
    /// Whether threads are to sleep until a receive queue has packets ([`RxQueue::arm`]).
    pub rx_wake: bool,
    /// Further work on received packets.
    pub rx_offloads: RxOffloads,
    /// Further work on packets to be sent.
    pub tx_offloads: TxOffloads,
}

impl Default for PortConfig {
    /// One queue each way of 1,024 descriptors, MTU 1,500, promiscuous, RSS where there is.
    fn default() -> Self {
        Self {
            rx_queues: 1,
            tx_queues: 1,
            rx_descriptors: 1024,
            tx_descriptors: 1024,
            mtu_bytes: 1500,
            promiscuous: true,
            rss: true,
            rx_wake: false,
            rx_offloads: RxOffloads::NONE,
            tx_offloads: TxOffloads::NONE,
        }
    }
}

/// What a device does after [`Port::configure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Receive queues.
    pub rx_queues: u16,
    /// Descriptors of each receive queue.
    pub rx_descriptors: u16,
    /// Descriptors of each transmit queue.
    pub tx_descriptors: u16,
    /// Whether flows are spread over the queues.
    pub rss: bool,
    /// Whether the device tells by itself when its link changes; [`Port::link`] then costs no access to
    /// it.
    pub link_events: bool,
    /// By what its receive queues end the sleep of a thread, if they can and are to; final once the port was started.
    pub rx_wake: Option<RxWake>,
    /// The largest MTU for which the receive buffers are right as they are.
    pub buffered_mtu_bytes: u16,
    /// What is done on receipt. The hash of a packet is valid only with [`RxOffloads::RSS_HASH`].
    pub rx_offloads: RxOffloads,
    /// What is done on sending. Packets of several buffers need [`TxOffloads::MULTI_SEGMENT`].
    pub tx_offloads: TxOffloads,
}

/// The queue handles of a port, handed out once per configuration.
#[derive(Debug)]
pub struct Queues {
    /// Receive queues, by their number.
    pub rx: Vec<RxQueue>,
    /// Transmit queues, by their number.
    pub tx: Vec<TxQueue>,
}

/// The step of a configuration that a driver refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The device as a whole.
    Device,
    /// The number of descriptors.
    Descriptors,
    /// This receive queue.
    RxQueue(u16),
    /// This transmit queue.
    TxQueue(u16),
    /// The MTU.
    Mtu,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device => write!(f, "the device's configuration"),
            Self::Descriptors => write!(f, "the number of descriptors"),
            Self::RxQueue(queue) => write!(f, "receive queue {queue}"),
            Self::TxQueue(queue) => write!(f, "transmit queue {queue}"),
            Self::Mtu => write!(f, "the MTU"),
        }
    }
}

/// Why a port was not configured. After [`ConfigureError::Refused`] it has no configuration; after
/// any other it keeps the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigureError {
    /// The port itself is in the way.
    #[error(transparent)]
    Port(#[from] PortError),
    /// More or fewer queues than the device takes.
    #[error(
        "{wanted_rx} receive and {wanted_tx} transmit queues wanted; the device has 1 to {max_rx} and 1 to {max_tx}"
    )]
    Queues {
        /// Receive queues wanted.
        wanted_rx: u16,
        /// Transmit queues wanted.
        wanted_tx: u16,
        /// Most receive queues.
        max_rx: u16,
        /// Most transmit queues.
        max_tx: u16,
    },
    /// An MTU that the device does not take.
    #[error("an MTU of {wanted_bytes} is outside of the device's {min_bytes} to {max_bytes}")]
    Mtu {
        /// What was wanted.
        wanted_bytes: u16,
        /// Least.
        min_bytes: u16,
        /// Most.
        max_bytes: u16,
    },
    /// A frame does not fit one buffer, and the device cannot spread it over several.
    #[error(
        "buffers have room for {room_bytes} bytes, {needed_bytes} are needed by this device for this MTU"
    )]
    BuffersTooSmall {
        /// Room of each buffer, headroom not counted.
        room_bytes: u32,
        /// What one needs.
        needed_bytes: u32,
    },
    /// The driver sets a device up only once.
    #[error("the AF_XDP driver sets a device up only once: remove the port and add it anew")]
    OnlyOnce,
    /// The driver refused a step.
    #[error("the driver refused {step}: {errno}")]
    Refused {
        /// Which.
        step: Step,
        /// What it said.
        errno: Errno,
    },
}

impl Port {
    /// Sets the port up and hands out its queues. Buffers for received packets come from `pool`.
    /// A port that was started is stopped; [`Port::start`] makes the queues work.
    ///
    /// # Errors
    ///
    /// See [`ConfigureError`].
    pub fn configure(
        &mut self,
        config: &PortConfig,
        pool: &Mempool,
    ) -> Result<Queues, ConfigureError> {
        self.can_configure()?;
        let info = raw_info(self.id())?;
        let PortInfo { driver, name, .. } = self.info()?;
        let mut plan = Plan::new(config, &info, pool)?;
        plan.rx_interrupts = config.rx_wake && interrupt::is_offered(&driver, &name);
        let is_xdp = driver == XDP_DRIVER;
        let device = self.exclusive()?;
        device.stop()?;
        device.keep_pool(pool.clone());
        self.applied = None;
        self.promiscuous_wanted = config.promiscuous;
        if plan.rx_interrupts {
            virtio::enter(self.id(), &driver);
        }
        let mut applied = if is_xdp {
            self.apply_to_xdp(config.rx_queues, |id| plan.apply(id, config, &info, pool))
        } else {
            plan.apply(self.id(), config, &info, pool)
        }?;
        if config.rx_wake && self.device.has_rx_sockets() {
            applied.rx_wake = Some(RxWake::Socket);
        }
        self.applied = Some(applied);
        if let Ok(device) = self.exclusive() {
            device.keep_only_last_pool();
        }
        Ok(Queues {
            rx: (0..config.rx_queues)
                .map(|queue| RxQueue::new(Arc::clone(&self.device), queue))
                .collect(),
            tx: (0..config.tx_queues)
                .map(|queue| TxQueue::new(Arc::clone(&self.device), queue))
                .collect(),
        })
    }

    /// Whether [`Port::configure`] may be tried, without touching a port that works.
    ///
    /// # Errors
    ///
    /// [`ConfigureError::OnlyOnce`]: a queue of an AF_XDP device cannot be set up again, since its driver keeps the old
    /// socket, and with it the kernel's queue.
    pub fn can_configure(&self) -> Result<(), ConfigureError> {
        if self.device.has_sockets() {
            return Err(ConfigureError::OnlyOnce);
        }
        Ok(())
    }

    /// Notes the sockets that the driver opens.
    fn apply_to_xdp<T>(&mut self, rx_queues: u16, apply: impl FnOnce(u16) -> T) -> T {
        let (id, eal) = (self.id(), self.device.eal().clone());
        // Keeps other devices from opening theirs meanwhile.
        let _claims = eal.claimed_ports();
        Sockets::let_go();
        let (applied, opened) = sockets::opened_by(libc::AF_XDP, || apply(id));
        if let Ok(device) = self.exclusive() {
            device.set_rx_sockets(sockets::of_queues(&opened, rx_queues, 0));
            device.sockets().note(&opened);
        }
        applied
    }

    /// What the device does, if it is configured.
    #[must_use]
    pub const fn applied(&self) -> Option<&Applied> {
        self.applied.as_ref()
    }
}
