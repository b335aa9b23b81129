//! Counters of a device.

use super::{Port, PortError};
use crate::raw;
use std::mem::MaybeUninit;

/// The counters that every device has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortStats {
    /// Packets received and handed over.
    pub rx_packets: u64,
    /// Their bytes.
    pub rx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Their bytes.
    pub tx_bytes: u64,
    /// Packets that the device dropped because no descriptor was free: the queues were not polled
    /// fast enough.
    pub rx_missed: u64,
    /// Packets received damaged.
    pub rx_errors: u64,
    /// Packets that were not sent.
    pub tx_errors: u64,
    /// Times that no buffer was free for a descriptor.
    pub rx_no_buffer: u64,
}

impl Port {
    /// The counters since the port was attached or they were reset.
    ///
    /// # Errors
    ///
    /// The device is gone, or its driver does not count.
    pub fn stats(&self) -> Result<PortStats, PortError> {
        let mut stats = MaybeUninit::<raw::rte_eth_stats>::zeroed();
        // SAFETY: the port exists; the call writes one structure.
        PortError::check(unsafe { raw::rte_eth_stats_get(self.id(), stats.as_mut_ptr()) })?;
        // SAFETY: numbers only, zeroed and then filled.
        let stats = unsafe { stats.assume_init() };
        Ok(PortStats {
            rx_packets: stats.ipackets,
            rx_bytes: stats.ibytes,
            tx_packets: stats.opackets,
            tx_bytes: stats.obytes,
            rx_missed: stats.imissed,
            rx_errors: stats.ierrors,
            tx_errors: stats.oerrors,
            rx_no_buffer: stats.rx_nombuf,
        })
    }

    /// Sets all counters to 0.
    ///
    /// # Errors
    ///
    /// The device is gone, or its driver cannot.
    pub fn reset_stats(&mut self) -> Result<(), PortError> {
        // SAFETY: the port exists.
        PortError::check(unsafe { raw::rte_eth_stats_reset(self.id()) })?;
        // SAFETY: the port exists.
        PortError::check(unsafe { raw::rte_eth_xstats_reset(self.id()) }).map(drop)
    }

    /// Every counter of the driver, by its name.
    ///
    /// # Errors
    ///
    /// The device is gone, or its driver does not count.
    pub fn xstats(&self) -> Result<Vec<(String, u64)>, PortError> {
        // SAFETY: the port exists; with no room the call answers how many there are.
        let count = PortError::check(unsafe {
            raw::rte_eth_xstats_get(self.id(), std::ptr::null_mut(), 0)
        })? as u32;
        let mut values = vec![raw::rte_eth_xstat { id: 0, value: 0 }; count as usize];
        let mut names = vec![raw::rte_eth_xstat_name { name: [0; _] }; count as usize];
        // SAFETY: the port exists; the call writes at most `count` values.
        let got = PortError::check(unsafe {
            raw::rte_eth_xstats_get(self.id(), values.as_mut_ptr(), count)
        })?;
        // SAFETY: the port exists; the call writes at most `count` names.
        PortError::check(unsafe {
            raw::rte_eth_xstats_get_names(self.id(), names.as_mut_ptr(), count)
        })?;
        values.truncate(got as usize);
        Ok(values
            .iter()
            .filter_map(|counter| {
                let name = &names.get(usize::try_from(counter.id).ok()?)?.name;
                // SAFETY: zeroed, then filled with a terminated string or left.
                Some((unsafe { super::info::text(name.as_ptr()) }, counter.value))
            })
            .collect())
    }
}
