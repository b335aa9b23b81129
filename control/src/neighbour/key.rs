//! What a neighbour is known by.

use ferroute_dataplane::ids::InterfaceId;
use std::fmt;
use std::net::IpAddr;

/// An address on the link of an interface.
///
/// The same address on two links is two neighbours (link-local addresses are the usual case).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NeighbourKey {
    /// The interface whose link the neighbour is on.
    pub interface: InterfaceId,
    /// The neighbour's unicast address.
    pub address: IpAddr,
}

impl NeighbourKey {
    /// The neighbour with this address on the link of this interface.
    pub fn new(interface: InterfaceId, address: impl Into<IpAddr>) -> Self {
        Self {
            interface,
            address: address.into(),
        }
    }
}

impl fmt::Display for NeighbourKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on interface {}", self.address, self.interface)
    }
}
