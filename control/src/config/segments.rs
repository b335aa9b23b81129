//! Ethernet segments: links that hosts share with other routers.

use super::text::Address;
use crate::model::name::{DomainName, InterfaceName};
use crate::model::segment::{Designation, Redundancy, SegmentId, SegmentSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An Ethernet segment (RFC 7432 section 5).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// Its number: ten octets, the same at all routers that are attached to it.
    pub esi: SegmentId,
    /// Whether only the designated forwarder of each bridge domain forwards; else all routers do.
    #[serde(default)]
    pub single_active: bool,
    /// The port and VLAN interfaces that are attached to it here; none of one that is remote.
    #[serde(default)]
    pub members: Vec<InterfaceName>,
    /// The other routers attached to it, by the addresses of their tunnels' ends. Of a single-active segment the first is the
    /// primary.
    #[serde(default)]
    pub peers: Vec<Address>,
    /// Whether the router is the designated forwarder in all bridge domains but those in `except`.
    #[serde(default)]
    pub designated: bool,
    /// The bridge domains in which it is the other way round.
    #[serde(default)]
    pub except: Vec<DomainName>,
}

impl Segment {
    /// In the core's terms.
    #[must_use]
    pub fn spec(&self) -> SegmentSpec {
        SegmentSpec {
            id: self.esi,
            redundancy: if self.single_active {
                Redundancy::SingleActive
            } else {
                Redundancy::AllActive
            },
            members: self.members.clone(),
            peers: self.peers.iter().map(|peer| peer.ip()).collect(),
            designation: Designation {
                general: self.designated,
                exceptions: self.except.clone(),
            },
        }
    }
}
