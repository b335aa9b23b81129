//! What a device is and can do, and the state of its link.

use super::{Port, PortError};
use crate::raw;
use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;
use std::ops::{BitAnd, BitOr};

macro_rules! offloads {
    ($(#[$doc:meta])* $name:ident { $($(#[$flag_doc:meta])* $flag:ident = $bit:expr,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name(u64);

        impl $name {
            /// None.
            pub const NONE: Self = Self(0);
            $($(#[$flag_doc])* pub const $flag: Self = Self($bit);)+

            /// DPDK's bits.
            #[must_use]
            pub const fn bits(self) -> u64 {
                self.0
            }

            /// Whether all of `other` are among these.
            #[must_use]
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            pub(super) const fn from_bits(bits: u64) -> Self {
                Self(bits)
            }
        }

        impl BitOr for $name {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }
        }

        impl BitAnd for $name {
            type Output = Self;

            fn bitand(self, other: Self) -> Self {
                Self(self.0 & other.0)
            }
        }
    };
}

offloads! {
    /// Work that a device does on received packets.
    RxOffloads {
        /// Checks the IPv4 header checksum.
        IPV4_CHECKSUM = raw::SHIM_RX_OFFLOAD_IPV4_CKSUM,
        /// Checks the UDP checksum.
        UDP_CHECKSUM = raw::SHIM_RX_OFFLOAD_UDP_CKSUM,
        /// Checks the TCP checksum.
        TCP_CHECKSUM = raw::SHIM_RX_OFFLOAD_TCP_CKSUM,
        /// Takes the outer VLAN tag off.
        VLAN_STRIP = raw::SHIM_RX_OFFLOAD_VLAN_STRIP,
        /// Receives frames into several buffers.
        SCATTER = raw::SHIM_RX_OFFLOAD_SCATTER,
        /// Delivers the RSS hash with each packet.
        RSS_HASH = raw::SHIM_RX_OFFLOAD_RSS_HASH,
    }
}

offloads! {
    /// Work that a device does on packets it sends.
    TxOffloads {
        /// Computes the IPv4 header checksum.
        IPV4_CHECKSUM = raw::SHIM_TX_OFFLOAD_IPV4_CKSUM,
        /// Computes the UDP checksum.
        UDP_CHECKSUM = raw::SHIM_TX_OFFLOAD_UDP_CKSUM,
        /// Computes the TCP checksum.
        TCP_CHECKSUM = raw::SHIM_TX_OFFLOAD_TCP_CKSUM,
        /// Cuts TCP payload into segments.
        TCP_SEGMENTATION = raw::SHIM_TX_OFFLOAD_TCP_TSO,
        /// Sends packets of several buffers.
        MULTI_SEGMENT = raw::SHIM_TX_OFFLOAD_MULTI_SEGS,
    }
}

/// What a device is and can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortInfo {
    /// DPDK's name of the device: a PCI address, or the name in the device string.
    pub name: String,
    /// The driver, such as `net_ixgbe`.
    pub driver: String,
    /// The Ethernet address.
    pub mac: [u8; 6],
    /// The NUMA node, if there are several and the device belongs to one.
    pub socket: Option<u16>,
    /// The index of the kernel interface behind the device (TAP, AF_PACKET, AF_XDP, mlx5).
    pub if_index: Option<u32>,
    /// Most receive queues.
    pub max_rx_queues: u16,
    /// Most transmit queues.
    pub max_tx_queues: u16,
    /// Least MTU.
    pub min_mtu_bytes: u16,
    /// Largest MTU.
    pub max_mtu_bytes: u16,
    /// Least room for data in a receive buffer, headroom not counted.
    pub min_rx_buffer_bytes: u32,
    /// Most descriptors of a receive queue.
    pub max_rx_descriptors: u16,
    /// Most descriptors of a transmit queue.
    pub max_tx_descriptors: u16,
    /// Whether the device spreads flows over queues by a hash.
    pub rss: bool,
    /// Entries of the table that maps hashes to queues.
    pub rss_table_entries: u16,
    /// What the device can do on receipt.
    pub rx_offloads: RxOffloads,
    /// What the device can do on sending.
    pub tx_offloads: TxOffloads,
}

impl PortInfo {
    /// Whether the device string alone says how large its rings are: the driver of packet sockets takes any number of descriptors and
    /// does nothing with it.
    #[must_use]
    pub fn has_fixed_rings(&self) -> bool {
        self.driver == "net_af_packet"
    }
}

/// The state of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Whether frames can be exchanged.
    pub up: bool,
    /// Megabits per second; `None` when the driver does not know.
    pub speed_mbps: Option<u32>,
    /// Whether both ends may send at once.
    pub full_duplex: bool,
}

impl Port {
    /// What the device is and can do.
    ///
    /// # Errors
    ///
    /// The device is gone.
    pub fn info(&self) -> Result<PortInfo, PortError> {
        let info = raw_info(self.id())?;
        // SAFETY: the port exists.
        let socket = unsafe { raw::rte_eth_dev_socket_id(self.id()) };
        Ok(PortInfo {
            name: name(self.id()).unwrap_or_default(),
            // SAFETY: null, or a constant string of the driver.
            driver: unsafe { text(info.driver_name) },
            mac: self.mac()?,
            socket: u16::try_from(socket).ok(),
            if_index: (info.if_index != 0).then_some(info.if_index),
            max_rx_queues: info.max_rx_queues,
            max_tx_queues: info.max_tx_queues,
            min_mtu_bytes: info.min_mtu,
            max_mtu_bytes: info.max_mtu,
            min_rx_buffer_bytes: info.min_rx_bufsize,
            max_rx_descriptors: info.rx_desc_lim.nb_max,
            max_tx_descriptors: info.tx_desc_lim.nb_max,
            rss: info.flow_type_rss_offloads != 0,
            rss_table_entries: info.reta_size,
            rx_offloads: RxOffloads::from_bits(info.rx_offload_capa),
            tx_offloads: TxOffloads::from_bits(info.tx_offload_capa),
        })
    }

    /// The state of the link, as the driver last saw it; does not wait for it to settle. If it stands on
    /// a kernel interface and does not follow that interface's carrier, the kernel is asked. Of a device
    /// that tells when its link changes ([`Applied::link_events`](super::Applied::link_events)) this is
    /// one read of memory, of others it may be a system call or an access to registers.
    ///
    /// # Errors
    ///
    /// The device is gone, or its driver knows nothing of links.
    pub fn link(&self) -> Result<Link, PortError> {
        let mut link = raw::shim_link {
            speed_mbps: 0,
            up: false,
            full_duplex: false,
        };
        // SAFETY: the port exists; the call writes one link.
        PortError::check(unsafe { raw::shim_link_get(self.id(), &raw mut link) })?;
        let speed_known = !matches!(link.speed_mbps, 0 | raw::SHIM_SPEED_UNKNOWN);
        let told = self.applied.is_some_and(|applied| applied.link_events);
        let carrier = self.carrier.as_ref().filter(|_| link.up && !told);
        // An interface that is gone carries nothing.
        let up = carrier.map_or(link.up, |carrier| carrier.is_up().unwrap_or(false));
        Ok(Link {
            up,
            speed_mbps: speed_known.then_some(link.speed_mbps),
            full_duplex: link.full_duplex,
        })
    }
}

/// Whether the device interrupts when its link changes.
pub(super) fn tells_link(info: &raw::rte_eth_dev_info) -> bool {
    // SAFETY: null, or the flags in DPDK's record of the port, which exists as long as the port.
    unsafe { info.dev_flags.as_ref() }.is_some_and(|f| f & raw::SHIM_DEVICE_TELLS_LINK != 0)
}

/// What the driver says of a port.
pub(super) fn raw_info(id: u16) -> Result<raw::rte_eth_dev_info, PortError> {
    let mut info = MaybeUninit::zeroed();
    // SAFETY: the call checks the number, and writes one structure.
    PortError::check(unsafe { raw::rte_eth_dev_info_get(id, info.as_mut_ptr()) })?;
    // SAFETY: zeroed, then filled by the driver; every bit pattern of its fields is valid.
    Ok(unsafe { info.assume_init() })
}

/// DPDK's name of a port.
pub(super) fn name(id: u16) -> Option<String> {
    let mut name: [c_char; NAME_BYTES] = [0; NAME_BYTES];
    // SAFETY: the call checks the number, and writes a terminated string of at most NAME_BYTES.
    PortError::check(unsafe { raw::rte_eth_dev_get_name_by_port(id, name.as_mut_ptr()) }).ok()?;
    // SAFETY: terminated, as said.
    Some(unsafe { text(name.as_ptr()) })
}

const NAME_BYTES: usize = raw::SHIM_PORT_NAME_BYTES as usize;

/// # Safety
///
/// `from` is null or a terminated string.
pub(super) unsafe fn text(from: *const c_char) -> String {
    if from.is_null() {
        return String::new();
    }
    // SAFETY: by the caller's promise.
    unsafe { CStr::from_ptr(from) }
        .to_string_lossy()
        .into_owned()
}
