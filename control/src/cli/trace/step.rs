//! The decisions of a trace, as lines for people and objects for programs.

use crate::cli::convert::{address_text, dash, mac_text};
use ferroute_proto::v1;
use serde::Serialize;
use std::fmt;
use v1::bridged_step::Way;
use v1::trace_hop::What as HopWhat;
use v1::trace_lead::What as LeadWhat;
use v1::trace_step::What;

/// One decision; `step` says which.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub(super) enum StepRow {
    Taken {
        interface: String,
        vrf: String,
    },
    LookedUp {
        vrf: String,
        next_hop_id: u32,
        lead: LeadRow,
    },
    Picked {
        group_id: u32,
        hash: u32,
        hop: Option<HopRow>,
    },
    Encapsulated {
        tunnel: HopRow,
        underlay: Option<HopRow>,
    },
    Decapsulated {
        endpoint: String,
    },
    Labels,
    Bridged {
        domain: String,
        way: BridgeRow,
    },
    CopyDropped {
        reason: String,
    },
    Sent {
        port: String,
        interface: String,
    },
    Punted {
        reason: String,
        class: String,
    },
    Dropped {
        reason: String,
    },
    /// Of a newer router.
    Unknown,
}

/// A neighbour or a tunnel; what it led to is empty where that is gone by now.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum HopRow {
    Neighbour {
        adjacency_id: u32,
        interface: String,
        address: String,
        mac: String,
    },
    Tunnel {
        tunnel_id: u32,
        endpoint: String,
        remote: String,
    },
    Unknown,
}

/// What a next hop is.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum LeadRow {
    Hop { hop: HopRow },
    Group { group_id: u32 },
    Local { interface: String },
    Endpoint { endpoint: String },
    Glean { interface: String },
    Broadcast { interface: String },
    Vrf { vrf: String },
    DeadEnd { what: String },
    Unknown,
}

/// What a bridge domain knows of a destination.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum BridgeRow {
    Member { interface: String },
    Tunnel { tunnel: HopRow },
    Other { what: String },
}

impl From<v1::TraceStep> for StepRow {
    fn from(step: v1::TraceStep) -> Self {
        match step.what {
            Some(What::Taken(taken)) => Self::Taken {
                interface: taken.interface,
                vrf: taken.vrf,
            },
            Some(What::LookedUp(looked)) => Self::LookedUp {
                vrf: looked.vrf,
                next_hop_id: looked.next_hop_id,
                lead: looked.lead.unwrap_or_default().into(),
            },
            Some(What::Picked(picked)) => Self::Picked {
                group_id: picked.group_id,
                hash: picked.hash,
                hop: picked.hop.map(Into::into),
            },
            Some(What::Encapsulated(step)) => Self::Encapsulated {
                tunnel: step.tunnel.unwrap_or_default().into(),
                underlay: step.underlay.map(Into::into),
            },
            Some(What::Decapsulated(step)) => Self::Decapsulated {
                endpoint: step.endpoint,
            },
            Some(What::Labels(_)) => Self::Labels,
            Some(What::Bridged(step)) => Self::Bridged {
                domain: step.domain,
                way: match step.way {
                    Some(Way::Member(interface)) => BridgeRow::Member { interface },
                    Some(Way::Tunnel(tunnel)) => BridgeRow::Tunnel {
                        tunnel: tunnel.into(),
                    },
                    Some(Way::Other(what)) => BridgeRow::Other { what },
                    None => BridgeRow::Other {
                        what: "unknown".to_owned(),
                    },
                },
            },
            Some(What::CopyDropped(step)) => Self::CopyDropped {
                reason: step.reason,
            },
            Some(What::Sent(sent)) => Self::Sent {
                port: sent.port,
                interface: sent.interface,
            },
            Some(What::Punted(step)) => Self::Punted {
                reason: step.reason,
                class: step.class,
            },
            Some(What::Dropped(step)) => Self::Dropped {
                reason: step.reason,
            },
            None => Self::Unknown,
        }
    }
}

impl From<v1::TraceHop> for HopRow {
    fn from(hop: v1::TraceHop) -> Self {
        match hop.what {
            Some(HopWhat::Adjacency(adjacency)) => adjacency.into(),
            Some(HopWhat::Tunnel(tunnel)) => tunnel.into(),
            None => Self::Unknown,
        }
    }
}

impl From<v1::TraceAdjacency> for HopRow {
    fn from(adjacency: v1::TraceAdjacency) -> Self {
        Self::Neighbour {
            adjacency_id: adjacency.id,
            interface: adjacency.interface,
            address: address_text(&adjacency.address),
            mac: mac_text(&adjacency.mac),
        }
    }
}

impl From<v1::TraceTunnel> for HopRow {
    fn from(tunnel: v1::TraceTunnel) -> Self {
        Self::Tunnel {
            tunnel_id: tunnel.id,
            endpoint: tunnel.endpoint,
            remote: address_text(&tunnel.remote),
        }
    }
}

impl From<v1::TraceLead> for LeadRow {
    fn from(lead: v1::TraceLead) -> Self {
        match lead.what {
            Some(LeadWhat::Hop(hop)) => Self::Hop { hop: hop.into() },
            Some(LeadWhat::GroupId(group_id)) => Self::Group { group_id },
            Some(LeadWhat::Local(interface)) => Self::Local { interface },
            Some(LeadWhat::Endpoint(endpoint)) => Self::Endpoint { endpoint },
            Some(LeadWhat::Glean(interface)) => Self::Glean { interface },
            Some(LeadWhat::Broadcast(interface)) => Self::Broadcast { interface },
            Some(LeadWhat::Vrf(vrf)) => Self::Vrf { vrf },
            Some(LeadWhat::DeadEnd(what)) => Self::DeadEnd { what },
            None => Self::Unknown,
        }
    }
}

impl fmt::Display for StepRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken { interface, .. } if interface.is_empty() => {
                write!(f, "taken by no interface")
            }
            Self::Taken { interface, vrf } => write!(f, "taken by {interface}, VRF {vrf}"),
            Self::LookedUp {
                vrf,
                next_hop_id,
                lead,
            } => write!(f, "looked up in VRF {vrf}: next hop {next_hop_id}, {lead}"),
            Self::Picked {
                group_id,
                hash,
                hop: Some(hop),
            } => write!(f, "hash {hash:#010x} picks of group {group_id}: {hop}"),
            Self::Picked {
                group_id,
                hop: None,
                ..
            } => write!(f, "group {group_id} has no usable member"),
            Self::Encapsulated {
                tunnel,
                underlay: Some(underlay),
            } => write!(f, "encapsulated: {tunnel}, by {underlay}"),
            Self::Encapsulated {
                tunnel,
                underlay: None,
            } => write!(
                f,
                "encapsulated: {tunnel}, which the underlay does not reach"
            ),
            Self::Decapsulated { endpoint } => {
                write!(f, "taken out at endpoint {}", dash(endpoint))
            }
            Self::Labels => write!(f, "labels read"),
            Self::Bridged { domain, way } => write!(f, "bridge domain {}: {way}", dash(domain)),
            Self::CopyDropped { reason } => write!(f, "a flooded copy dropped: {reason}"),
            Self::Sent { port, .. } if port.is_empty() => write!(f, "sent"),
            Self::Sent { port, interface } => {
                write!(f, "sent by port {port}, interface {}", dash(interface))
            }
            Self::Punted { reason, class } => write!(f, "punted: {reason}, class {class}"),
            Self::Dropped { reason } => write!(f, "dropped: {reason}"),
            Self::Unknown => write!(f, "a step of a newer router"),
        }
    }
}

impl fmt::Display for HopRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Neighbour {
                adjacency_id,
                interface,
                ..
            } if interface.is_empty() => write!(f, "adjacency {adjacency_id}, gone by now"),
            Self::Neighbour {
                adjacency_id,
                interface,
                address,
                mac,
            } => write!(
                f,
                "adjacency {adjacency_id}, {address} dev {interface} lladdr {}",
                dash(mac)
            ),
            Self::Tunnel {
                tunnel_id,
                endpoint,
                ..
            } if endpoint.is_empty() => write!(f, "tunnel {tunnel_id}, gone by now"),
            Self::Tunnel {
                tunnel_id,
                endpoint,
                remote,
            } => write!(f, "tunnel {tunnel_id} from {endpoint} to {remote}"),
            Self::Unknown => write!(f, "a hop of a newer router"),
        }
    }
}

impl fmt::Display for LeadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hop { hop } => hop.fmt(f),
            Self::Group { group_id } => write!(f, "group {group_id}"),
            Self::Local { interface } => write!(f, "an own address on {}", dash(interface)),
            Self::Endpoint { endpoint } => write!(f, "endpoint {}", dash(endpoint)),
            Self::Glean { interface } => {
                write!(f, "on the link of {}, to be resolved", dash(interface))
            }
            Self::Broadcast { interface } => write!(f, "broadcast on {}", dash(interface)),
            Self::Vrf { vrf } => write!(f, "on to VRF {vrf}"),
            Self::DeadEnd { what } => what.fmt(f),
            Self::Unknown => write!(f, "something of a newer router"),
        }
    }
}

impl fmt::Display for BridgeRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member { interface } => write!(f, "member {}", dash(interface)),
            Self::Tunnel { tunnel } => tunnel.fmt(f),
            Self::Other { what } => what.fmt(f),
        }
    }
}
