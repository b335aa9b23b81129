//! The router's own ends of tunnels.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};

use crate::ids::{BridgeId, InterfaceId};
use crate::wire::vxlan::Vni;

use super::tunnel::Mode;

/// What comes out of a VXLAN network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VniTarget {
    /// IP packets in frames to the Ethernet address of this interface, and looked up in its VRF.
    Routed(InterfaceId),
    /// Frames of this bridge domain.
    Bridged(BridgeId),
    /// Frames of this bridge domain, to which it matters by which remote end they come.
    BridgedFrom(BridgeId),
}

/// The VXLAN networks of an endpoint.
#[derive(Clone, Debug, Default)]
pub struct VniTable(FxHashMap<Vni, VniTarget>);

impl VniTable {
    /// Where frames of a network go; `None` for one that the endpoint does not have.
    #[inline]
    #[must_use]
    pub fn get(&self, vni: Vni) -> Option<VniTarget> {
        self.0.get(&vni).copied()
    }
}

impl FromIterator<(Vni, VniTarget)> for VniTable {
    fn from_iter<I: IntoIterator<Item = (Vni, VniTarget)>>(networks: I) -> Self {
        let mut table = HashMap::with_hasher(FxBuildHasher);
        table.extend(networks);
        Self(table)
    }
}

/// From whom an endpoint takes tunnel packets.
#[derive(Clone, Debug, Default)]
pub enum Peers {
    /// From anybody.
    #[default]
    Any,
    /// From these addresses.
    Known(Arc<PeerSet>),
}

/// Addresses of remote ends.
#[derive(Clone, Debug, Default)]
pub struct PeerSet(FxHashSet<IpAddr>);

impl PeerSet {
    /// Whether the address is one of them.
    #[inline]
    #[must_use]
    pub fn contains(&self, address: &IpAddr) -> bool {
        self.0.contains(address)
    }
}

impl FromIterator<IpAddr> for PeerSet {
    fn from_iter<I: IntoIterator<Item = IpAddr>>(peers: I) -> Self {
        let mut set = HashSet::with_hasher(FxBuildHasher);
        set.extend(peers);
        Self(set)
    }
}

/// How an endpoint takes packets out of tunnels.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DecapPolicy {
    /// Whether the outer TTL is carried over into the inner packet of IP in IP and GUE. (Labels say it
    /// themselves; VXLAN's inner TTL is its own.)
    pub ttl_mode: Mode,
    /// Whether the outer DSCP is carried over into the inner packet (RFC 2983 section 3).
    pub dscp_mode: Mode,
    /// Whether UDP checksums of zero are accepted over IPv6 (RFC 6935, RFC 6936).
    pub zero_checksum_over_ipv6: bool,
}

/// An end of tunnels of the router's own: what happens to tunnel packets to one of its addresses.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Whose address it is: what is not decapsulated is for the router itself, on this interface.
    pub interface: InterfaceId,
    /// The UDP port of VXLAN.
    pub vxlan_port: u16,
    /// The UDP port of GUE.
    pub gue_port: u16,
    /// The VXLAN networks.
    pub vnis: Arc<VniTable>,
    /// The interface by which packets out of IP in IP and GUE come, and so their VRF; `None` where
    /// these are not decapsulated.
    pub ip: Option<InterfaceId>,
    /// Whether label stacks in UDP (RFC 7510) are taken; they are looked up in the router's label
    /// table.
    pub mpls: bool,
    /// How packets are taken out.
    pub policy: DecapPolicy,
    /// From whom.
    pub peers: Peers,
}
