//! What carries packets: ports, interfaces, VRFs, neighbours.

use super::number::{Descriptors, KernelTable, QueueCount, WorkerNumber};
use super::text::{Address, StationMac};
use crate::model::interface::{InterfaceKind, VirtualKind};
use crate::model::name::{InterfaceName, VrfName};
use crate::model::number::{Mtu, VlanId};
use crate::model::port::Device;
use crate::model::prefix::InterfaceAddress;
use crate::model::vrf::Namespace;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A DPDK device that the router polls.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// Name of the port, of its interface and of its kernel twin.
    pub name: InterfaceName,
    /// A PCI address or a DPDK device string.
    pub device: Device,
    /// Receive queues; absent: one for each of its workers.
    #[serde(default)]
    pub rx_queues: Option<QueueCount>,
    /// Transmit queues; absent: one for each worker of the router.
    #[serde(default)]
    pub tx_queues: Option<QueueCount>,
    /// Descriptors of each receive queue; absent: what the driver recommends.
    #[serde(default)]
    pub rx_descriptors: Option<Descriptors>,
    /// Descriptors of each transmit queue; absent: what the driver recommends.
    #[serde(default)]
    pub tx_descriptors: Option<Descriptors>,
    /// The largest IP packet in bytes; absent: 1500.
    #[serde(default)]
    pub mtu: Option<Mtu>,
    /// Whether the device takes frames for other stations too.
    #[serde(default)]
    pub promiscuous: bool,
    /// The workers that poll the receive queues: queue i goes to `workers[i mod n]`. Empty: all workers.
    #[serde(default)]
    pub workers: Vec<WorkerNumber>,
    /// Whether the port has a kernel twin, if twins are enabled at all.
    #[serde(default = "yes")]
    pub twin: bool,
}

/// What has addresses: a port's own interface, a VLAN on one, or a loopback.
///
/// An entry whose name is that of a port configures the port's own interface, one named
/// `<port>.<vlan>` is that VLAN on that port. Any other name needs `port` and `vlan`, or `loopback: true`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interface {
    /// Its name.
    pub name: InterfaceName,
    /// The port on which a VLAN with a name of its own stands.
    #[serde(default)]
    pub port: Option<InterfaceName>,
    /// The tag of such a VLAN.
    #[serde(default)]
    pub vlan: Option<VlanId>,
    /// Whether it is a loopback: always up, reachable through every interface of its VRF.
    #[serde(default)]
    pub loopback: bool,
    /// Its VRF.
    #[serde(default)]
    pub vrf: VrfName,
    /// The largest IP packet in bytes; absent: its port's, or 65535 for a loopback.
    #[serde(default)]
    pub mtu: Option<Mtu>,
    /// Whether it is administratively up.
    #[serde(default = "yes")]
    pub up: bool,
    /// Whether packets with labels are taken on it.
    #[serde(default)]
    pub mpls: bool,
    /// The largest packet in bytes for TCP connections that open through it: the MSS of SYN and SYN-ACK is lowered to what fits;
    /// absent: left to their ends.
    #[serde(default)]
    pub tcp_mtu: Option<Mtu>,
    /// Its addresses. The IPv6 link-local address comes by itself.
    #[serde(default)]
    pub addresses: Vec<InterfaceAddress>,
}

impl Interface {
    /// What the entry describes, given which names are ports; `None` if it cannot be told or is said twice.
    pub fn kind(&self, is_port: impl Fn(&InterfaceName) -> bool) -> Option<InterfaceKind> {
        let vlan = |parent, vlan_id| InterfaceKind::Virtual(VirtualKind::Vlan { parent, vlan_id });
        match (self.port, self.vlan, self.loopback) {
            (None, None, true) => {
                (!is_port(&self.name)).then_some(InterfaceKind::Virtual(VirtualKind::Loopback))
            }
            (Some(parent), Some(vlan_id), false) => Some(vlan(parent, vlan_id)),
            (None, None, false) if is_port(&self.name) => Some(InterfaceKind::Port),
            (None, None, false) => {
                let (parent, tag) = self.name.as_str().rsplit_once('.')?;
                let vlan_id = tag.parse::<u32>().ok()?.try_into().ok()?;
                Some(vlan(parent.parse().ok()?, vlan_id))
            }
            _ => None,
        }
    }
}

/// A routing table with its own interfaces. The VRF `default` always exists and is not listed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vrf {
    /// Its name.
    pub name: VrfName,
    /// The number by which routing suites know it (Linux's table id). The default VRF has 254.
    #[serde(default)]
    pub table: Option<KernelTable>,
    /// The network namespace of its twins; absent: `twin.netns`.
    #[serde(default)]
    pub netns: Option<Namespace>,
}

/// A permanent neighbour.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Neighbour {
    /// The interface on whose link it is.
    pub interface: InterfaceName,
    /// Its address.
    pub address: Address,
    /// Its Ethernet address.
    pub mac: StationMac,
}

fn yes() -> bool {
    true
}
