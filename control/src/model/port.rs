//! Ports: DPDK devices that the router polls.

use super::name::{EndpointName, InterfaceName};
use super::number::{Choice, Mtu};
use super::reason::reasons;
use ferroute_dataplane::ids::{PortId, QueueId, WorkerIndex};
use ferroute_dataplane::mac::Mac;
use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

reasons! {
    /// Why a text names no device.
    pub enum DeviceError {
        /// It is empty, too long, or has a character that device strings do not have.
        Invalid = "DEVICE_INVALID", Invalid,
            "a device is a PCI address such as 0000:3b:00.0 or a DPDK device string such as net_tap0,iface=x, in at most 255 printable characters without spaces";
    }
}

/// What DPDK calls the device: a PCI address or a device string.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Device(String);

impl Device {
    /// The text for DPDK.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The device without its arguments, a PCI address in full: no two ports have the same.
    #[must_use]
    pub fn identity(&self) -> String {
        let name = self.0.split(',').next().unwrap_or_default();
        let address = name.strip_prefix("pci:").unwrap_or(name);
        let short = address.len() == 7 && address.as_bytes().get(2) == Some(&b':');
        let full = address.len() == 12 && address.as_bytes().get(7) == Some(&b':');
        match (short, full) {
            (true, _) => format!("0000:{}", address.to_ascii_lowercase()),
            (_, true) => address.to_ascii_lowercase(),
            _ => name.to_owned(),
        }
    }
}

impl FromStr for Device {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let fits = (1..=255).contains(&text.len())
            && !text.starts_with('-')
            && text.bytes().all(|b| b.is_ascii_graphic());
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(DeviceError::Invalid)
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A port that a client wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PortSpec {
    /// Name of the port, of its interface and of its twin.
    pub name: InterfaceName,
    /// The device.
    pub device: Device,
    /// The rest.
    pub settings: PortSettings,
}

/// What of a port can be chosen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PortSettings {
    /// Receive queues; by default one for each of its workers.
    pub rx_queues: Choice<NonZeroU16>,
    /// Transmit queues; by default one for each worker of the router.
    pub tx_queues: Choice<NonZeroU16>,
    /// Descriptors of each receive queue; by default the driver's.
    pub rx_descriptors: Choice<NonZeroU16>,
    /// Descriptors of each transmit queue; by default the driver's.
    pub tx_descriptors: Choice<NonZeroU16>,
    /// Largest IP packet; by default 1500 bytes.
    pub mtu: Choice<Mtu>,
    /// Whether the device takes frames for other stations too.
    pub promiscuous: bool,
    /// Who polls the receive queues: queue `i` goes to `workers[i % n]`; empty: all workers.
    pub workers: Vec<WorkerIndex>,
    /// Whether its interfaces have kernel twins, where the router has any.
    pub twin: bool,
}

impl Default for PortSettings {
    fn default() -> Self {
        Self {
            rx_queues: Choice::Auto,
            tx_queues: Choice::Auto,
            rx_descriptors: Choice::Auto,
            tx_descriptors: Choice::Auto,
            mtu: Choice::Auto,
            promiscuous: false,
            workers: Vec::new(),
            twin: true,
        }
    }
}

/// Changes to a port; what is absent stays.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PortChange {
    /// See [`PortSettings`].
    pub rx_queues: Option<Choice<NonZeroU16>>,
    /// See [`PortSettings`].
    pub tx_queues: Option<Choice<NonZeroU16>>,
    /// See [`PortSettings`].
    pub rx_descriptors: Option<Choice<NonZeroU16>>,
    /// See [`PortSettings`].
    pub tx_descriptors: Option<Choice<NonZeroU16>>,
    /// See [`PortSettings`].
    pub mtu: Option<Choice<Mtu>>,
    /// See [`PortSettings`].
    pub promiscuous: Option<bool>,
    /// See [`PortSettings`].
    pub workers: Option<Vec<WorkerIndex>>,
}

/// State of a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Link {
    /// Whether there is a carrier.
    pub up: bool,
    /// Speed in Mbit/s; 0 where the device does not know.
    pub speed_mbps: u32,
    /// Whether both directions work at once.
    pub full_duplex: bool,
}

/// What wakes a worker that sleeps when packets come to a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RxWake {
    /// Nothing has to: workers poll without a pause.
    #[default]
    Poll,
    /// An interrupt of the device.
    Interrupt,
    /// The kernel's socket on which the device's driver stands.
    Socket,
    /// Nothing can: workers look by themselves.
    Nap,
}

/// A port as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PortView {
    /// Name of the port, of its interface and of its twin.
    pub name: InterfaceName,
    /// The device.
    pub device: Device,
    /// DPDK's number.
    pub id: PortId,
    /// Receive queues.
    pub rx_queues: u16,
    /// Transmit queues.
    pub tx_queues: u16,
    /// Descriptors of each receive queue.
    pub rx_descriptors: u16,
    /// Descriptors of each transmit queue.
    pub tx_descriptors: u16,
    /// Largest IP packet.
    pub mtu: Mtu,
    /// Whether the device takes frames for other stations too.
    pub promiscuous: bool,
    /// Whether its interfaces have kernel twins, where the router has any.
    pub twin: bool,
    /// Which worker polls which receive queue.
    pub queues: Vec<(QueueId, WorkerIndex)>,
    /// The link.
    pub link: Link,
    /// Ethernet address.
    pub mac: Mac,
    /// DPDK driver.
    pub driver: String,
    /// NUMA node, where there is one.
    pub numa_node: Option<u16>,
    /// Offloads in use, by stable lower-case names.
    pub offloads: Vec<&'static str>,
    /// What wakes a worker that sleeps.
    pub rx_wake: RxWake,
}

/// Packets and bytes since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Traffic {
    /// Packets.
    pub packets: u64,
    /// Bytes, Ethernet header included, frame check sequence not.
    pub bytes: u64,
}

impl Traffic {
    /// What came after `before` was counted.
    #[must_use]
    pub const fn since(self, before: Self) -> Self {
        Self {
            packets: self.packets.saturating_sub(before.packets),
            bytes: self.bytes.saturating_sub(before.bytes),
        }
    }
}

/// What the device itself counted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PortStats {
    /// Received into queues.
    pub rx: Traffic,
    /// Transmitted.
    pub tx: Traffic,
    /// Lost because a receive queue was full.
    pub rx_missed: u64,
    /// Received with errors.
    pub rx_errors: u64,
    /// Not received because no packet buffer was free.
    pub rx_no_buffer: u64,
    /// Failed to transmit.
    pub tx_errors: u64,
    /// The driver's extended statistics by the driver's names.
    pub extended: Vec<(String, u64)>,
}

reasons! {
    /// Why an operation on a port failed.
    pub enum PortError {
        /// No port has the name.
        UnknownPort { /// The name.
            port: InterfaceName } = "UNKNOWN_PORT", NotFound, "there is no port {port}";
        /// An interface has the name.
        NameTaken { /// The name.
            name: InterfaceName } = "NAME_TAKEN", AlreadyExists, "the name {name} is taken";
        /// DPDK finds no such device.
        DeviceNotFound { /// The device.
            device: Device } = "DEVICE_NOT_FOUND", NotFound,
            "DPDK finds no device {device}; a PCI device must be bound to vfio-pci, and its driver be installed";
        /// Another port has the device.
        DeviceTaken { /// The device.
            device: Device, /// The port that has it.
            port: InterfaceName } = "DEVICE_TAKEN", AlreadyExists, "port {port} has the device {device} already";
        /// The router takes no more ports.
        TooManyPorts { /// Most that it takes.
            limit: usize } = "TOO_MANY_PORTS", Exhausted, "the router takes at most {limit} ports";
        /// The device has not so many queues.
        TooManyQueues { /// Queues that were asked for.
            queues: u16, /// Queues that it has.
            limit: u16 } = "TOO_MANY_QUEUES", Invalid, "{queues} queues were asked for and the device has {limit}";
        /// There is no such worker.
        UnknownWorker { /// Its number.
            worker: WorkerIndex } = "UNKNOWN_WORKER", NotFound, "there is no worker {worker}";
        /// Tunnels end at an address of an interface on it.
        UsedByEndpoint { /// The interface.
            interface: InterfaceName, /// The endpoint of the tunnels.
            endpoint: EndpointName } = "IN_USE", Precondition, "endpoint {endpoint} has its address on interface {interface}; remove or change the endpoint first";
        /// The device does not do it.
        Unsupported { /// What it does not do, such as "mtu".
            what: &'static str } = "UNSUPPORTED", Precondition, "the device does not support this setting: {what}";
        /// There is not enough memory for its queues.
        OutOfMemory = "OUT_OF_MEMORY", Exhausted, "not enough packet memory; give DPDK more huge pages or the port fewer descriptors";
        /// The kernel twin could not be made.
        Twin { /// What the kernel said.
            message: String } = "TWIN", Internal, "the kernel twin could not be made: {message}";
        /// The driver failed.
        Driver { /// What was tried.
            operation: &'static str, /// What the driver said.
            message: String } = "DRIVER", Internal, "the driver failed to {operation}: {message}";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_the_same_however_it_is_written() {
        let identity = |text: &str| text.parse::<Device>().unwrap().identity();
        for text in [
            "0000:3b:00.0",
            "3b:00.0",
            "3B:00.0,mprq_en=1",
            "pci:0000:3b:00.0",
        ] {
            assert_eq!(identity(text), "0000:3b:00.0", "{text}");
        }
        assert_eq!(identity("net_tap0,iface=t0"), "net_tap0");
        assert_ne!(identity("net_tap0"), identity("net_tap1"));
        assert_eq!(identity("net_Tap:"), "net_Tap:");
    }
}
