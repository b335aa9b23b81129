//! Neighbours as clients see them.

use super::name::{InterfaceName, OwnerName, VrfName};
use super::prefix::Family;
use super::reason::reasons;
pub use crate::neighbour::NeighbourState;
use ferroute_dataplane::mac::Mac;
use std::net::IpAddr;
use std::time::Duration;

/// A permanent neighbour that a client wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NeighbourSpec {
    /// The interface on whose link it is.
    pub interface: InterfaceName,
    /// Its address, a station's.
    pub address: IpAddr,
    /// Its Ethernet address, a station's.
    pub mac: Mac,
}

/// A neighbour as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NeighbourView {
    /// The interface on whose link it is.
    pub interface: InterfaceName,
    /// Its address.
    pub address: IpAddr,
    /// Its Ethernet address, once known.
    pub mac: Option<Mac>,
    /// Its state.
    pub state: NeighbourState,
    /// Whether it said that it is a router (RFC 4861 section 4.4).
    pub router: bool,
    /// Time since it was last confirmed, if it ever was.
    pub confirmed: Option<Duration>,
    /// Packets that wait for its Ethernet address.
    pub held_packets: u32,
    /// The owner with whom it goes, if any.
    pub owner: Option<OwnerName>,
}

/// Which neighbours; what is given must match.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NeighbourFilter {
    /// Only of this interface.
    pub interface: Option<InterfaceName>,
    /// Only of interfaces in this VRF.
    pub vrf: Option<VrfName>,
    /// Only of this family.
    pub family: Option<Family>,
    /// Only in this state.
    pub state: Option<NeighbourState>,
}

reasons! {
    /// Why an operation on neighbours failed.
    pub enum NeighbourError {
        /// No interface has the name.
        UnknownInterface { /// The name.
            interface: InterfaceName } = "UNKNOWN_INTERFACE", NotFound, "there is no interface {interface}";
        /// No VRF has the name.
        UnknownVrf { /// The name.
            vrf: VrfName } = "UNKNOWN_VRF", NotFound, "there is no VRF {vrf}";
        /// The interface has no such neighbour.
        UnknownNeighbour { /// The interface.
            interface: InterfaceName, /// The address.
            address: IpAddr } = "UNKNOWN_NEIGHBOUR", NotFound, "interface {interface} has no neighbour {address}";
        /// The interface has no link.
        InterfaceKind { /// The interface.
            interface: InterfaceName } = "INTERFACE_KIND", Precondition, "interface {interface} has no link and so no neighbours";
        /// No owner has the name.
        UnknownOwner { /// The name.
            owner: OwnerName } = "UNKNOWN_OWNER", NotFound, "there is no owner {owner}";
        /// The address is the router's own.
        OwnAddress { /// The address.
            address: IpAddr } = "ADDRESS_INVALID", Precondition, "{address} is an address of the router itself";
        /// The table has no room.
        TableFull { /// Neighbours that it holds.
            limit: usize } = "TABLE_FULL", Exhausted, "the neighbour table is full at {limit}";
    }
}
