//! What workers know of the world, as one immutable value.
//!
//! * [`cell`]: how a snapshot reaches the workers, and when the old one goes.
//! * [`table`]: tables whose copies share what did not change.
//! * [`interface`], [`nexthop`], [`tunnel`], [`endpoint`], [`label`], [`bridge`], [`segment`]: the entries.
//!
//! The FIB is reached through a snapshot but changes in place; see [`crate::fib`].

pub mod bridge;
pub mod cell;
pub mod endpoint;
pub mod interface;
pub mod label;
pub mod nexthop;
pub mod segment;
pub mod table;
pub mod tunnel;

use std::sync::Arc;

use crate::fdb::{Fdb, FdbReader};
use crate::fib::{Arena, TrieReader};
use crate::ids::{
    AdjacencyId, BridgeId, EndpointId, GroupId, InterfaceId, MAX_PORTS, NextHopId, PortId,
    SegmentPathId, TunnelId, VrfId,
};
use crate::policer::PuntPolicy;
use crate::wire::flow::FlowHasher;
use bridge::Bridge;
use endpoint::Endpoint;
use interface::{Interface, PortMap};
use label::LabelTable;
use nexthop::{Adjacency, Group, NextHop};
use segment::SegmentPath;
use table::Table;
use tunnel::Tunnel;

/// The readers' handle of the tables of one VRF.
#[derive(Clone, Debug)]
pub struct Vrf {
    /// IPv4 routes.
    pub ipv4: TrieReader<u32>,
    /// IPv6 routes.
    pub ipv6: TrieReader<u128>,
}

/// One consistent state of the router, as workers see it.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The memory of every VRF's tries.
    pub arena: Arc<Arena>,
    /// Which interface takes what comes in on a port.
    pub ports: Box<[PortMap; MAX_PORTS]>,
    /// Interfaces by [`InterfaceId`].
    pub interfaces: Table<Interface>,
    /// How many of them have an MTU for TCP of their own: while none has, no packet is looked at for it.
    pub clamps: u32,
    /// VRFs by [`VrfId`]; `None` where there is none.
    pub vrfs: Table<Option<Vrf>>,
    /// Forwarding decisions by [`NextHopId`].
    pub next_hops: Table<NextHop>,
    /// Load-balancing groups by [`GroupId`].
    pub groups: Table<Group>,
    /// Rewrites by [`AdjacencyId`].
    pub adjacencies: Table<Adjacency>,
    /// Encapsulations by [`TunnelId`]; `None` where there is none.
    pub tunnels: Table<Option<Tunnel>>,
    /// Ends of tunnels of the router's own by [`EndpointId`]; `None` where there is none.
    pub endpoints: Table<Option<Endpoint>>,
    /// The labels that the router gave out.
    pub labels: LabelTable,
    /// Bridge domains by [`BridgeId`]; `None` where there is none.
    pub bridges: Table<Option<Bridge>>,
    /// Which way stations behind Ethernet segments are, by [`SegmentPathId`].
    pub segments: Table<SegmentPath>,
    /// Who is where in the bridge domains.
    pub fdb: FdbReader,
    /// The rates of punted packets by class.
    pub punt_policy: PuntPolicy,
    /// The flow hash, seeded so that routers in a row do not polarise.
    pub hasher: FlowHasher,
}

impl Snapshot {
    /// A router with nothing in it: no port, no interface, no VRF.
    #[must_use]
    pub fn empty(arena: Arc<Arena>, punt_policy: PuntPolicy, hasher: FlowHasher) -> Self {
        Self {
            arena,
            ports: Box::new(std::array::from_fn(|_| PortMap::default())),
            interfaces: Table::default(),
            clamps: 0,
            vrfs: Table::default(),
            next_hops: Table::default(),
            groups: Table::default(),
            adjacencies: Table::default(),
            tunnels: Table::default(),
            endpoints: Table::default(),
            labels: LabelTable::default(),
            bridges: Table::default(),
            segments: Table::default(),
            fdb: Fdb::new(0, 0, 1).reader(),
            punt_policy,
            hasher,
        }
    }

    /// The interface, if it exists.
    #[inline]
    #[must_use]
    pub fn interface(&self, id: InterfaceId) -> Option<&Interface> {
        self.interfaces.get(id.index())
    }

    /// Sets what an interface is.
    pub fn set_interface(&mut self, id: InterfaceId, interface: Interface) {
        let clamps = |interface: &Interface| u32::from(interface.tcp_mtu_bytes.is_some());
        self.clamps += clamps(&interface);
        self.clamps -= self.interface(id).map_or(0, clamps);
        self.interfaces.set(id.index(), interface);
    }

    /// The tables of a VRF, if it exists.
    #[inline]
    #[must_use]
    pub fn vrf(&self, id: VrfId) -> Option<&Vrf> {
        self.vrfs.get(id.index())?.as_ref()
    }

    /// The forwarding decision; [`NextHop::Vacant`] where there is none.
    #[inline]
    #[must_use]
    pub fn next_hop(&self, id: NextHopId) -> NextHop {
        self.next_hops
            .get(id.index())
            .copied()
            .unwrap_or(NextHop::Vacant)
    }

    /// The adjacency, if its place exists.
    #[inline]
    #[must_use]
    pub fn adjacency(&self, id: AdjacencyId) -> Option<&Adjacency> {
        self.adjacencies.get(id.index())
    }

    /// The tunnel, if it exists.
    #[inline]
    #[must_use]
    pub fn tunnel(&self, id: TunnelId) -> Option<&Tunnel> {
        self.tunnels.get(id.index())?.as_ref()
    }

    /// The end of tunnels, if it exists.
    #[inline]
    #[must_use]
    pub fn endpoint(&self, id: EndpointId) -> Option<&Endpoint> {
        self.endpoints.get(id.index())?.as_ref()
    }

    /// The bridge domain, if it exists.
    #[inline]
    #[must_use]
    pub fn bridge(&self, id: BridgeId) -> Option<&Bridge> {
        self.bridges.get(id.index())?.as_ref()
    }

    /// Which way the stations behind a segment are.
    #[must_use]
    pub fn segment(&self, id: SegmentPathId) -> SegmentPath {
        self.segments.get(id.index()).copied().unwrap_or_default()
    }

    /// The group, if its place exists.
    #[inline]
    #[must_use]
    pub fn group(&self, id: GroupId) -> Option<&Group> {
        self.groups.get(id.index())
    }

    /// How frames that come in on `port` are taken; `None` for a number that no port has.
    #[inline]
    #[must_use]
    pub fn port(&self, port: PortId) -> Option<&PortMap> {
        self.ports.get(port.index())
    }
}
