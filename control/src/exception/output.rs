//! What the exception path wants done.

use ferroute_dataplane::forward::Learn;
use ferroute_dataplane::ids::{AdjacencyId, InterfaceId, PortId};
use ferroute_dataplane::mac::Mac;

use super::path_mtu::PathMtu;
use crate::neighbour::{Loss, NeighbourEvent, NeighbourKey};

/// One thing to do, in order.
#[derive(Debug)]
pub enum Output {
    /// Send a complete frame on a port, or through a bridge domain.
    Send {
        /// The port; `None` to send it through the bridge domain of its interface, untagged.
        port: Option<PortId>,
        /// The interface on which it is counted.
        interface: InterfaceId,
        /// The adjacency on which it is counted, when it was routed.
        adjacency: Option<AdjacencyId>,
        /// The frame, Ethernet header first.
        frame: Vec<u8>,
    },
    /// Give a frame to the kernel end of an interface's twin.
    Twin {
        /// The interface.
        interface: InterfaceId,
        /// The frame, Ethernet header first, without VLAN tag.
        frame: Vec<u8>,
        /// Whether it is the end of a punted packet; if not, it is a copy of one that ended otherwise.
        counted: bool,
    },
    /// Tell the core.
    Tell(Told),
}

/// What the core learns from the exception path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// A neighbour has this address now.
    Resolved(NeighbourKey, Mac),
    /// A neighbour has no address any more.
    Lost(NeighbourKey, Loss),
    /// A router of an underlay says that a packet from here was too big.
    PathMtu(PathMtu),
    /// A worker saw a station of a bridge domain where the FDB does not have it.
    Seen(Learn),
    /// The kernel twin of an interface is gone, and the core may not know.
    TwinGone(InterfaceId),
    /// Something that an operator wants to know.
    Event(NeighbourEvent),
}
