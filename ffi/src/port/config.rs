//! Setting a port up: queues, buffers, offloads.

use super::info::{RxOffloads, TxOffloads, raw_info};
use super::{Port, PortError};
use crate::error::Errno;
use crate::mbuf::HEADROOM_BYTES;
use crate::mempool::Mempool;
use crate::queue::{RxQueue, TxQueue};
use crate::raw;
use std::ffi::c_int;
use std::fmt;
use std::mem::MaybeUninit;
use std::sync::Arc;

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
            rx_offloads: RxOffloads::NONE,
            tx_offloads: TxOffloads::NONE,
        }
    }
}

/// What a device does after [`Port::configure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Descriptors of each receive queue.
    pub rx_descriptors: u16,
    /// Descriptors of each transmit queue.
    pub tx_descriptors: u16,
    /// Whether flows are spread over the queues.
    pub rss: bool,
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
    /// The driver refused a step.
    #[error("the driver refused {step}: {errno}")]
    Refused {
        /// Which.
        step: Step,
        /// What it said.
        errno: Errno,
    },
}

/// Ethernet header, two VLAN tags and check sequence: what a frame has beside its payload.
const FRAME_OVERHEAD_BYTES: u32 = 14 + 8 + 4;

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
        let info = raw_info(self.id())?;
        let plan = Plan::new(config, &info, pool)?;
        let device = self.exclusive()?;
        device.stop()?;
        device.keep_pool(pool.clone());
        self.applied = None;
        self.promiscuous_wanted = config.promiscuous;
        self.applied = Some(plan.apply(self.id(), config, &info, pool)?);
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

    /// What the device does, if it is configured.
    #[must_use]
    pub const fn applied(&self) -> Option<&Applied> {
        self.applied.as_ref()
    }
}

/// A configuration that fits the device.
struct Plan {
    rx_offloads: u64,
    tx_offloads: u64,
    rss_functions: u64,
}

impl Plan {
    /// Matches what is wanted with what the device offers.
    fn new(
        config: &PortConfig,
        info: &raw::rte_eth_dev_info,
        pool: &Mempool,
    ) -> Result<Self, ConfigureError> {
        let (max_rx, max_tx) = (info.max_rx_queues, info.max_tx_queues);
        if !(1..=max_rx).contains(&config.rx_queues) || !(1..=max_tx).contains(&config.tx_queues) {
            return Err(ConfigureError::Queues {
                wanted_rx: config.rx_queues,
                wanted_tx: config.tx_queues,
                max_rx,
                max_tx,
            });
        }
        if !(info.min_mtu..=info.max_mtu).contains(&config.mtu_bytes) {
            return Err(ConfigureError::Mtu {
                wanted_bytes: config.mtu_bytes,
                min_bytes: info.min_mtu,
                max_bytes: info.max_mtu,
            });
        }
        let rss_functions = if config.rss {
            (raw::SHIM_RSS_IP | raw::SHIM_RSS_TCP | raw::SHIM_RSS_UDP) & info.flow_type_rss_offloads
        } else {
            0
        };
        let mut wanted = config.rx_offloads.bits();
        if rss_functions != 0 {
            wanted |= raw::SHIM_RX_OFFLOAD_RSS_HASH;
        }
        let room_bytes = u32::from(pool.data_room_bytes().saturating_sub(HEADROOM_BYTES));
        let frame_bytes = u32::from(config.mtu_bytes) + FRAME_OVERHEAD_BYTES;
        let can_scatter = info.rx_offload_capa & raw::SHIM_RX_OFFLOAD_SCATTER != 0;
        let needed_bytes = if can_scatter {
            info.min_rx_bufsize
        } else {
            info.min_rx_bufsize.max(frame_bytes)
        };
        if room_bytes < needed_bytes {
            return Err(ConfigureError::BuffersTooSmall {
                room_bytes,
                needed_bytes,
            });
        }
        if room_bytes < frame_bytes {
            wanted |= raw::SHIM_RX_OFFLOAD_SCATTER;
        }
        Ok(Self {
            rx_offloads: wanted & info.rx_offload_capa,
            tx_offloads: (config.tx_offloads.bits() | raw::SHIM_TX_OFFLOAD_MULTI_SEGS)
                & info.tx_offload_capa,
            rss_functions,
        })
    }

    /// Tells the driver.
    fn apply(
        &self,
        port: u16,
        config: &PortConfig,
        info: &raw::rte_eth_dev_info,
        pool: &Mempool,
    ) -> Result<Applied, ConfigureError> {
        let check = |step, result: c_int| {
            Errno::check(result).map_err(|errno| ConfigureError::Refused { step, errno })
        };

        // SAFETY: DPDK documents a zeroed configuration as the default one; null pointers included.
        let mut conf = unsafe { MaybeUninit::<raw::rte_eth_conf>::zeroed().assume_init() };
        conf.rxmode.mtu = u32::from(config.mtu_bytes);
        conf.rxmode.offloads = self.rx_offloads;
        conf.rxmode.mq_mode = if self.rss_functions == 0 {
            raw::SHIM_MQ_RX_NONE
        } else {
            raw::SHIM_MQ_RX_RSS
        };
        conf.txmode.offloads = self.tx_offloads;
        conf.rx_adv_conf.rss_conf.rss_hf = self.rss_functions;
        // SAFETY: the port exists and is stopped; the configuration is copied.
        check(Step::Device, unsafe {
            raw::rte_eth_dev_configure(port, config.rx_queues, config.tx_queues, &raw const conf)
        })?;

        let (mut rx_descriptors, mut tx_descriptors) =
            (config.rx_descriptors, config.tx_descriptors);
        // SAFETY: the port exists; the call changes the two numbers.
        check(Step::Descriptors, unsafe {
            raw::rte_eth_dev_adjust_nb_rx_tx_desc(
                port,
                &raw mut rx_descriptors,
                &raw mut tx_descriptors,
            )
        })?;

        // SAFETY: the port exists. A negative answer (no NUMA node) is DPDK's "any" as unsigned too.
        let socket = unsafe { raw::rte_eth_dev_socket_id(port) } as u32;
        let mut rx_conf = info.default_rxconf;
        rx_conf.offloads = self.rx_offloads;
        for queue in 0..config.rx_queues {
            // SAFETY: the port has that many queues. The pool is kept by the device until it is
            // closed or configured again.
            let result = unsafe {
                raw::rte_eth_rx_queue_setup(
                    port,
                    queue,
                    rx_descriptors,
                    socket,
                    &raw const rx_conf,
                    pool.raw(),
                )
            };
            check(Step::RxQueue(queue), result)?;
        }
        let mut tx_conf = info.default_txconf;
        tx_conf.offloads = self.tx_offloads;
        for queue in 0..config.tx_queues {
            // SAFETY: the port has that many queues.
            check(Step::TxQueue(queue), unsafe {
                raw::rte_eth_tx_queue_setup(port, queue, tx_descriptors, socket, &raw const tx_conf)
            })?;
        }
        // The configuration above only records the MTU; drivers of kernel interfaces set it here.
        // SAFETY: the port exists.
        let result = unsafe { raw::rte_eth_dev_set_mtu(port, config.mtu_bytes) };
        if result != -libc::ENOTSUP {
            check(Step::Mtu, result)?;
        }
        Ok(Applied {
            rx_descriptors,
            tx_descriptors,
            rss: self.rss_functions != 0,
            rx_offloads: RxOffloads::from_bits(self.rx_offloads),
            tx_offloads: TxOffloads::from_bits(self.tx_offloads),
        })
    }
}
