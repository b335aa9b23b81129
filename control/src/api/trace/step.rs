//! Steps of a trace as messages.

use super::optional;
use crate::api::message::{mac, octets};
use crate::model::trace::{AdjacencyRef, BridgeLead, HopRef, Lead, StepView, TunnelRef};
use ferroute_proto::v1 as pb;
use pb::bridged_step::Way;
use pb::trace_hop::What as Hop;
use pb::trace_lead::What as LeadWhat;
use pb::trace_step::What;

impl From<StepView> for pb::TraceStep {
    fn from(step: StepView) -> Self {
        let what = match step {
            StepView::Taken { interface, vrf } => What::Taken(pb::TakenStep {
                interface: optional(interface),
                vrf: vrf.to_string(),
            }),
            StepView::LookedUp {
                vrf,
                next_hop,
                lead,
            } => What::LookedUp(pb::LookedUpStep {
                vrf: vrf.to_string(),
                next_hop_id: next_hop.get(),
                lead: Some(lead.into()),
            }),
            StepView::Picked { group, hash, hop } => What::Picked(pb::PickedStep {
                group_id: group.get(),
                hash,
                hop: hop.map(Into::into),
            }),
            StepView::Encapsulated { tunnel, underlay } => {
                What::Encapsulated(pb::EncapsulatedStep {
                    tunnel: Some(tunnel.into()),
                    underlay: underlay.map(Into::into),
                })
            }
            StepView::Decapsulated(endpoint) => What::Decapsulated(pb::DecapsulatedStep {
                endpoint: optional(endpoint),
            }),
            StepView::Labels => What::Labels(pb::LabelsStep {}),
            StepView::Bridged { domain, lead } => What::Bridged(pb::BridgedStep {
                domain: optional(domain),
                way: Some(match lead {
                    BridgeLead::Member(name) => Way::Member(optional(name)),
                    BridgeLead::Tunnel(tunnel) => Way::Tunnel(tunnel.into()),
                    BridgeLead::Other(other) => Way::Other(other.to_owned()),
                }),
            }),
            StepView::CopyDropped(reason) => What::CopyDropped(pb::CopyDroppedStep {
                reason: reason.name().to_owned(),
            }),
            StepView::Sent { port, interface } => What::Sent(pb::SentStep {
                port: optional(port),
                interface: optional(interface),
            }),
            StepView::Punted { reason, class } => What::Punted(pb::PuntedStep {
                reason: reason.to_owned(),
                class: class.name().to_owned(),
            }),
            StepView::Dropped(reason) => What::Dropped(pb::DroppedStep {
                reason: reason.name().to_owned(),
            }),
        };
        Self { what: Some(what) }
    }
}

impl From<Lead> for pb::TraceLead {
    fn from(lead: Lead) -> Self {
        let what = match lead {
            Lead::Hop(hop) => LeadWhat::Hop(hop.into()),
            Lead::Group(group) => LeadWhat::GroupId(group.get()),
            Lead::Local(name) => LeadWhat::Local(optional(name)),
            Lead::Endpoint(name) => LeadWhat::Endpoint(optional(name)),
            Lead::Glean(name) => LeadWhat::Glean(optional(name)),
            Lead::Broadcast(name) => LeadWhat::Broadcast(optional(name)),
            Lead::Vrf(name) => LeadWhat::Vrf(name.to_string()),
            Lead::DeadEnd(word) => LeadWhat::DeadEnd(word.to_owned()),
        };
        Self { what: Some(what) }
    }
}

impl From<HopRef> for pb::TraceHop {
    fn from(hop: HopRef) -> Self {
        Self {
            what: Some(match hop {
                HopRef::Adjacency(adjacency) => Hop::Adjacency(adjacency.into()),
                HopRef::Tunnel(tunnel) => Hop::Tunnel(tunnel.into()),
            }),
        }
    }
}

impl From<AdjacencyRef> for pb::TraceAdjacency {
    fn from(adjacency: AdjacencyRef) -> Self {
        let id = adjacency.id.get();
        let Some((interface, address, known)) = adjacency.neighbour else {
            return Self {
                id,
                ..Self::default()
            };
        };
        Self {
            id,
            interface: interface.to_string(),
            address: octets(address),
            mac: mac(known),
        }
    }
}

impl From<TunnelRef> for pb::TraceTunnel {
    fn from(tunnel: TunnelRef) -> Self {
        let (endpoint, remote) = tunnel.ends.unzip();
        Self {
            id: tunnel.id.get(),
            endpoint: optional(endpoint),
            remote: remote.map(octets).unwrap_or_default(),
        }
    }
}
