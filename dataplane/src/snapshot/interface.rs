//! Interfaces as workers see them.

use std::num::NonZeroU16;
use std::sync::Arc;

use crate::ids::{BridgeId, InterfaceId, PortId, VrfId};
use crate::mac::Mac;

/// A VLAN identifier's range: 12 bits (IEEE 802.1Q).
pub const VLANS: usize = 4096;

/// Which interface takes the frames of a port.
#[derive(Clone, Debug, Default)]
pub struct PortMap {
    /// The interface of untagged frames.
    pub untagged: Option<InterfaceId>,
    /// The interfaces of tagged frames, by VLAN identifier; id 0 where there is none.
    pub vlans: Option<Arc<[InterfaceId; VLANS]>>,
}

/// An interface.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Interface {
    /// Whether it exists, is administratively up, and not on standby.
    pub up: bool,
    /// Whether it is a member of a bridge domain on a single-active Ethernet segment whose designated forwarder there is
    /// another router: nothing goes in or out (RFC 7432 section 8.5).
    pub standby: bool,
    /// The VRF in which what it receives is looked up.
    pub vrf: VrfId,
    /// Its Ethernet address.
    pub mac: Mac,
    /// The largest IP packet that it sends, in bytes.
    pub mtu_bytes: u16,
    /// The largest packet that TCP connections which open through it shall use, in bytes, headers
    /// included; `None` to leave that to their ends.
    pub tcp_mtu_bytes: Option<NonZeroU16>,
    /// The port that carries it; `None` for a loopback and a gateway.
    pub port: Option<PortId>,
    /// Its VLAN on that port; `None` when its frames are untagged.
    pub vlan: Option<u16>,
    /// The bridge domain that it belongs to: as a member when it has a port, as the gateway when it
    /// has none.
    pub bridge: Option<BridgeId>,
    /// Whether it takes packets with labels; those of others' making would be let into any VRF (RFC 4364
    /// section 13.1).
    pub mpls: bool,
    /// Its own IPv6 link-local addresses, which are no routes because they mean something else on
    /// every link.
    pub link_local: Arc<[u128]>,
}
