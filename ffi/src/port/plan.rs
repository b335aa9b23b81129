//! Matching what is wanted of a port with what its device offers, and telling the driver.

use super::config::{Applied, ConfigureError, PortConfig, Step};
use super::info::{RxOffloads, TxOffloads};
use super::wake::RxWake;
use crate::error::Errno;
use crate::mbuf::HEADROOM_BYTES;
use crate::mempool::Mempool;
use crate::raw;
use std::ffi::c_int;
use std::mem::MaybeUninit;

/// Ethernet header, two VLAN tags and check sequence: what a frame has beside its payload.
const FRAME_OVERHEAD_BYTES: u32 = 14 + 8 + 4;

/// A configuration that fits the device.
pub(super) struct Plan {
    rx_offloads: u64,
    tx_offloads: u64,
    rss_functions: u64,
    link_events: bool,
    /// Whether to ask for receive interrupts, which not every device bears.
    pub(super) rx_interrupts: bool,
    buffered_mtu_bytes: u16,
}

impl Plan {
    /// Matches what is wanted with what the device offers.
    pub(super) fn new(
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
        let buffered_mtu_bytes = if wanted & raw::SHIM_RX_OFFLOAD_SCATTER != 0 {
            info.max_mtu
        } else {
            let one_buffer = room_bytes.saturating_sub(FRAME_OVERHEAD_BYTES);
            u16::try_from(one_buffer).map_or(info.max_mtu, |mtu| mtu.min(info.max_mtu))
        };
        Ok(Self {
            rx_offloads: wanted & info.rx_offload_capa,
            tx_offloads: (config.tx_offloads.bits() | raw::SHIM_TX_OFFLOAD_MULTI_SEGS)
                & info.tx_offload_capa,
            rss_functions,
            link_events: super::info::tells_link(info),
            rx_interrupts: false,
            buffered_mtu_bytes,
        })
    }

    /// Tells the driver.
    pub(super) fn apply(
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
        conf.intr_conf.set_lsc(self.link_events.into());
        conf.intr_conf.set_rxq(self.rx_interrupts.into());
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
            rx_queues: config.rx_queues,
            rx_descriptors,
            tx_descriptors,
            rss: self.rss_functions != 0,
            link_events: self.link_events,
            rx_wake: self.rx_interrupts.then_some(RxWake::Interrupt),
            buffered_mtu_bytes: self.buffered_mtu_bytes,
            rx_offloads: RxOffloads::from_bits(self.rx_offloads),
            tx_offloads: TxOffloads::from_bits(self.tx_offloads),
        })
    }
}
