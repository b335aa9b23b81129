//! Bridge domains as workers see them.

use std::net::IpAddr;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::segment::Segmented;
use crate::ids::{InterfaceId, TunnelId};
use crate::policer::Rate;

/// A bridge domain. Who is where is in the [FDB](crate::fdb).
#[derive(Clone, Debug, Default)]
pub struct Bridge {
    /// The interfaces to which it floods, but for what `segments` says.
    pub members: Arc<[InterfaceId]>,
    /// The tunnels to the remote ends to which group frames and unknown unicast are replicated
    /// (RFC 7432 section 11, RFC 8365 section 8.3.2).
    pub flood: Arc<[TunnelId]>,
    /// The interface by which the domain's stations reach the router, if it has one.
    pub gateway: Option<InterfaceId>,
    /// What it does with frames.
    pub policy: BridgePolicy,
    /// Who gets what is flooded, where members are on Ethernet segments.
    pub segments: Option<Arc<Segmented>>,
    /// The remote ends behind which stations were learned, and the tunnels back to them; `None` where
    /// sources out of tunnels are not learned.
    pub heard: Option<Arc<FxHashMap<IpAddr, TunnelId>>>,
}

/// What a bridge domain does with frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BridgePolicy {
    /// Whether sources behind members are learned. (Those out of tunnels: [`Bridge::heard`].)
    pub learn: bool,
    /// Whether unicast to a station that is not known is flooded.
    pub unknown_unicast: bool,
    /// Whether broadcast frames are flooded.
    pub broadcast: bool,
    /// Whether frames to groups other than broadcast are flooded.
    pub multicast: bool,
    /// Whether ARP requests and neighbour solicitations of members are answered for their targets,
    /// and flooded only when nothing is known of them.
    pub suppress: bool,
    /// The rate at which each worker floods frames, in all; `None` for no bound.
    pub storm: Option<Rate>,
}

impl Default for BridgePolicy {
    fn default() -> Self {
        Self {
            learn: true,
            unknown_unicast: true,
            broadcast: true,
            multicast: true,
            suppress: false,
            storm: None,
        }
    }
}
