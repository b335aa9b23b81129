//! Interfaces: what has addresses and belongs to a VRF.

use super::name::{DomainName, EndpointName, InterfaceName, VrfName};
use super::number::{Choice, Mtu, VlanId};
use super::port::Traffic;
use super::prefix::InterfaceAddress;
use super::reason::reasons;
use ferroute_dataplane::ids::InterfaceId;
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::wire::vxlan::Vni;

/// An interface that a client can make. A port's own comes with the port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InterfaceSpec {
    /// Its name.
    pub name: InterfaceName,
    /// What it is.
    pub kind: VirtualKind,
    /// Its VRF.
    pub vrf: VrfName,
    /// Largest IP packet; by default the parent's, or 65535 bytes for a loopback.
    pub mtu: Choice<Mtu>,
    /// Whether it is administratively up.
    pub admin_up: bool,
    /// Its addresses, none twice.
    pub addresses: Vec<InterfaceAddress>,
}

/// What an interface without a port of its own can be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VirtualKind {
    /// A VLAN on a port's interface (IEEE 802.1Q).
    Vlan {
        /// The port's interface.
        parent: InterfaceName,
        /// The tag.
        vlan_id: VlanId,
    },
    /// Always up; its addresses are reachable through every interface of its VRF.
    Loopback,
}

/// What an interface is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InterfaceKind {
    /// A port's own interface; port and interface have the same name.
    Port,
    /// One that a client made.
    Virtual(VirtualKind),
    /// A routed VNI.
    Vxlan {
        /// Its number.
        vni: Vni,
        /// Its endpoint.
        endpoint: EndpointName,
    },
    /// Where packets with labels come into a VRF.
    Mpls,
    /// Where packets come out of IP in IP and GUE.
    Ip {
        /// Their endpoint.
        endpoint: EndpointName,
    },
    /// The gateway of a bridge domain.
    Bridge {
        /// The domain.
        domain: DomainName,
    },
}

impl InterfaceKind {
    /// Whether it has a link with neighbours on it.
    #[must_use]
    pub const fn has_link(&self) -> bool {
        matches!(
            self,
            Self::Port | Self::Virtual(VirtualKind::Vlan { .. }) | Self::Bridge { .. }
        )
    }

    /// Whether it comes and goes with a VNI, a label, an endpoint or a bridge domain.
    #[must_use]
    pub const fn is_overlay(&self) -> bool {
        matches!(
            self,
            Self::Vxlan { .. } | Self::Mpls | Self::Ip { .. } | Self::Bridge { .. }
        )
    }
}

/// Changes to an interface; what is absent stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct InterfaceChange {
    /// Whether it is administratively up.
    pub admin_up: Option<bool>,
    /// Largest IP packet.
    pub mtu: Option<Choice<Mtu>>,
    /// Its VRF.
    pub vrf: Option<VrfName>,
    /// Whether it takes packets with labels.
    pub mpls: Option<bool>,
    /// The largest packet for TCP connections that open through it.
    pub tcp_mtu: Option<Choice<Mtu>>,
}

/// An interface as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InterfaceView {
    /// Its name.
    pub name: InterfaceName,
    /// Its number.
    pub id: InterfaceId,
    /// What it is.
    pub kind: InterfaceKind,
    /// Its VRF.
    pub vrf: VrfName,
    /// Largest IP packet.
    pub mtu: Mtu,
    /// Whether it is administratively up.
    pub admin_up: bool,
    /// Whether it is up and its port has a carrier.
    pub oper_up: bool,
    /// Whether it takes packets with labels.
    pub mpls: bool,
    /// The largest packet for TCP connections that open through it; [`Choice::Auto`] leaves it to their ends.
    pub tcp_mtu: Choice<Mtu>,
    /// The bridge domain of which it is a member.
    pub bridge_domain: Option<DomainName>,
    /// Ethernet address; a loopback has none.
    pub mac: Option<Mac>,
    /// Its addresses, link-local ones included.
    pub addresses: Vec<InterfaceAddress>,
    /// Its kernel twin.
    pub twin: Option<TwinView>,
    /// What went through it.
    pub counters: InterfaceCounters,
}

/// The kernel netdev of an interface.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TwinView {
    /// Name of the netdev.
    pub name: InterfaceName,
    /// Network namespace; absent: the router's own.
    pub namespace: Option<String>,
    /// Index in that namespace.
    pub ifindex: u32,
}

/// What went through an interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct InterfaceCounters {
    /// Received.
    pub rx: Traffic,
    /// Sent.
    pub tx: Traffic,
    /// Of the received packets: handed to the exception path.
    pub punted_packets: u64,
    /// Of the received packets: dropped.
    pub dropped_packets: u64,
}

impl InterfaceCounters {
    /// What came after `before` was counted.
    #[must_use]
    pub const fn since(self, before: Self) -> Self {
        Self {
            rx: self.rx.since(before.rx),
            tx: self.tx.since(before.tx),
            punted_packets: self.punted_packets.saturating_sub(before.punted_packets),
            dropped_packets: self.dropped_packets.saturating_sub(before.dropped_packets),
        }
    }
}

reasons! {
    /// Why an operation on an interface failed.
    pub enum InterfaceError {
        /// No interface has the name.
        UnknownInterface { /// The name.
            interface: InterfaceName } = "UNKNOWN_INTERFACE", NotFound, "there is no interface {interface}";
        /// Another interface has the name.
        NameTaken { /// The name.
            name: InterfaceName } = "NAME_TAKEN", AlreadyExists, "the name {name} is taken";
        /// No VRF has the name.
        UnknownVrf { /// The name.
            vrf: VrfName } = "UNKNOWN_VRF", NotFound, "there is no VRF {vrf}";
        /// A VLAN can only stand on a port's own interface.
        ParentKind { /// What was to be the parent.
            parent: InterfaceName } = "PARENT_KIND", Precondition, "a VLAN cannot stand on {parent}, which is no port";
        /// The parent has the VLAN already.
        VlanTaken { /// The tag.
            vlan_id: VlanId, /// The interface that has it.
            interface: InterfaceName } = "VLAN_TAKEN", AlreadyExists, "interface {interface} has VLAN {vlan_id} already";
        /// A VLAN cannot take larger packets than its port.
        MtuAboveParent { /// What was asked for.
            mtu: Mtu, /// What the port takes.
            parent_mtu: Mtu } = "MTU_ABOVE_PARENT", Precondition, "an MTU of {mtu} is above the port's, {parent_mtu}";
        /// An interface of the VRF has the address, or one whose link overlaps.
        AddressTaken { /// The address.
            address: InterfaceAddress, /// The interface that has it.
            interface: InterfaceName } = "ADDRESS_TAKEN", AlreadyExists, "interface {interface} of the VRF has {address} already";
        /// The interface does not have the address.
        UnknownAddress { /// The address.
            address: InterfaceAddress } = "UNKNOWN_ADDRESS", NotFound, "the interface has no address {address}";
        /// The interface takes no more addresses.
        TooManyAddresses { /// Most that it takes.
            limit: usize } = "TOO_MANY_ADDRESSES", Exhausted, "an interface takes at most {limit} addresses";
        /// The router takes no more interfaces.
        TooManyInterfaces { /// Most that it takes.
            limit: usize } = "TOO_MANY_INTERFACES", Exhausted, "the router takes at most {limit} interfaces";
        /// A port's own interface goes with the port.
        BelongsToPort { /// The interface.
            interface: InterfaceName } = "BELONGS_TO_PORT", Precondition, "interface {interface} belongs to a port; remove the port";
        /// It is a member of a bridge domain.
        BridgeMember { /// The interface.
            interface: InterfaceName } = "BRIDGE_MEMBER", Precondition, "interface {interface} is a member of a bridge domain, and no routed interface";
        /// It comes and goes with a VNI, a label, an endpoint or a bridge domain.
        BelongsToOverlay { /// The interface.
            interface: InterfaceName } = "BELONGS_TO_OVERLAY", Precondition, "interface {interface} belongs to a VNI, a label, an endpoint or a bridge domain; change that";
        /// Tunnels end at an address of the interface.
        UsedByEndpoint { /// The interface.
            interface: InterfaceName, /// The endpoint.
            endpoint: EndpointName } = "IN_USE", Precondition, "endpoint {endpoint} has its address on interface {interface}; remove or change the endpoint first";
        /// The port's device did not take it.
        Device { /// Why.
            message: String } = "DRIVER", Precondition, "{message}";
        /// The device does not do it.
        Unsupported { /// What it does not do, such as "mtu".
            what: &'static str } = "UNSUPPORTED", Precondition, "the interface does not support this setting: {what}";
        /// The kernel twin could not be made or changed.
        Twin { /// What the kernel said.
            message: String } = "TWIN", Internal, "the kernel twin failed: {message}";
    }
}
