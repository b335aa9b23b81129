//! Identifiers of the things a router has.
//!
//! Each is a distinct type over a small integer, so that a VRF can never be taken for an interface.
//! They are dense indices handed out by the control plane; a worker uses them to index tables.

use std::fmt;

use bytemuck::{Pod, Zeroable};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($repr:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Pod, Zeroable)]
        #[repr(transparent)]
        pub struct $name($repr);

        impl $name {
            /// The identifier with this number.
            #[must_use]
            pub const fn new(raw: $repr) -> Self {
                Self(raw)
            }

            /// The number itself.
            #[must_use]
            pub const fn get(self) -> $repr {
                self.0
            }

            /// The number as an index into a table.
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// A DPDK port, by DPDK's own number.
    PortId(u16)
);
id!(
    /// A receive or transmit queue of one port.
    QueueId(u16)
);
id!(
    /// A forwarding worker, counted from 0.
    WorkerIndex(u16)
);
id!(
    /// An interface: a port, a VLAN on one, a loopback. 0 is never handed out.
    InterfaceId(u32)
);
id!(
    /// A routing table with its own interfaces. 0 is the default VRF and always exists.
    VrfId(u32)
);
id!(
    /// A forwarding decision, the value of a FIB entry. 0 means "no route".
    NextHopId(u32)
);
id!(
    /// A rewrite towards one neighbour.
    AdjacencyId(u32)
);
id!(
    /// A load-balancing group of adjacencies and tunnels.
    GroupId(u32)
);
id!(
    /// An encapsulation: a remote end, and the VNI or the labels that it is reached by. 0 is never
    /// handed out.
    TunnelId(u32)
);
id!(
    /// An end of tunnels of the router's own.
    EndpointId(u32)
);
id!(
    /// A bridge domain. 0 is never handed out. 16 bits, so that it makes a word with an Ethernet
    /// address.
    BridgeId(u16)
);
id!(
    /// Which way the stations of a bridge domain are that are behind one Ethernet segment. 0 is never
    /// handed out.
    SegmentPathId(u32)
);

impl VrfId {
    /// The VRF that always exists.
    pub const DEFAULT: Self = Self::new(0);
}

impl NextHopId {
    /// The FIB's answer when no route covers the destination.
    pub const NO_ROUTE: Self = Self::new(0);
    /// The largest next hop identifier that fits a FIB entry (30 bits).
    pub const MAX: Self = Self::new((1 << 30) - 1);
}

/// Most ports that one router takes; per-port tables of workers have this many places.
pub const MAX_PORTS: usize = 64;
/// Most forwarding workers of one router.
pub const MAX_WORKERS: usize = 64;
/// Most packets that a worker handles in one pass over a queue.
pub const BURST: usize = 64;
