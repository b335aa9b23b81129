//! What happens to a packet, from its destination to the bytes on the wire.

use super::entry::RouteRow;
use crate::cli::convert::{address_bytes, dash, prefix_text, word};
use crate::cli::error::CliError;
use crate::cli::hops::{HopRow, MemberRow};
use crate::cli::output::Sheet;
use crate::cli::session::Session;
use crate::cli::words::options;
use clap::Args;
use ferroute_proto::v1;
use ferroute_proto::v1::route_service_client::RouteServiceClient;
use serde::Serialize;
use std::net::IpAddr;

/// Which packet.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct Lookup {
    /// The destination.
    destination: IpAddr,
    /// `vrf VRF` is understood too.
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// The VRF.
    #[arg(long)]
    vrf: Option<String>,
    /// The packet's flow hash, to learn which member of a group it takes.
    #[arg(long, value_name = "N")]
    flow_hash: Option<u32>,
}

impl Lookup {
    pub(super) async fn run(mut self, session: &mut Session) -> Result<(), CliError> {
        options(&self.words, "vrf", &mut [("vrf", &mut self.vrf)])?;
        let request = v1::LookupRequest {
            vrf: self.vrf.unwrap_or_default(),
            destination: address_bytes(self.destination),
            flow_hash: self.flow_hash,
        };
        let answer = RouteServiceClient::new(session.channel.clone())
            .lookup(request)
            .await?
            .into_inner();
        session.output.sheet(&Chain::new(self.destination, answer))
    }
}

/// The whole chain.
#[derive(Clone, Debug, Serialize)]
struct Chain {
    destination: IpAddr,
    outcome: String,
    route: Option<RouteRow>,
    steps: Vec<Step>,
    next_hop_id: u32,
    group: Option<Group>,
    members: Vec<MemberRow>,
    /// Place in `members` of the one that the given flow takes.
    chosen: Option<u32>,
}

/// One step of resolving a next hop.
#[derive(Clone, Debug, Serialize)]
struct Step {
    depth: u32,
    next_hop: Option<HopRow>,
    vrf: String,
    prefix: Option<String>,
    owner: String,
}

/// A load-balancing group.
#[derive(Clone, Debug, Serialize)]
struct Group {
    id: u32,
    buckets: Vec<u32>,
}

impl Chain {
    fn new(destination: IpAddr, answer: v1::LookupResponse) -> Self {
        Self {
            destination,
            outcome: word(answer.outcome().as_str_name(), "LOOKUP_OUTCOME_"),
            route: answer.route.map(RouteRow::from),
            steps: answer.steps.into_iter().map(Step::from).collect(),
            next_hop_id: answer.next_hop_id,
            group: answer.group.map(|group| Group {
                id: group.id,
                buckets: group.buckets,
            }),
            members: answer.members.into_iter().map(MemberRow::from).collect(),
            chosen: answer.chosen,
        }
    }
}

impl From<v1::RecursionStep> for Step {
    fn from(step: v1::RecursionStep) -> Self {
        Self {
            depth: step.depth,
            next_hop: step.next_hop.map(HopRow::from),
            vrf: step.vrf,
            prefix: step.prefix.as_ref().map(prefix_text),
            owner: step.owner,
        }
    }
}

impl Sheet for Chain {
    fn text(&self) -> String {
        let mut text = format!("{}: {}\n", self.destination, self.outcome);
        let mut line = |indent: usize, words: String| {
            text.push_str(&format!("{:1$}{words}\n", "", 2 * indent))
        };
        if let Some(route) = &self.route {
            line(1, format!("route {}", route.text()));
        }
        for step in &self.steps {
            let next_hop = step
                .next_hop
                .as_ref()
                .map(|hop| hop.text(&step.vrf))
                .unwrap_or_default();
            let covered = match &step.prefix {
                Some(prefix) => format!("covered by {prefix} owner {}", step.owner),
                None => "covered by nothing".to_owned(),
            };
            let depth = usize::try_from(step.depth).unwrap_or_default().min(16);
            line(
                2 + depth,
                format!("{} in vrf {}: {covered}", dash(&next_hop), step.vrf),
            );
        }
        if self.next_hop_id != 0 {
            line(1, format!("next hop {}", self.next_hop_id));
        }
        if let Some(group) = &self.group {
            line(
                1,
                format!("group {} with {} buckets", group.id, group.buckets.len()),
            );
        }
        for (place, member) in self.members.iter().enumerate() {
            let chosen = self
                .chosen
                .is_some_and(|chosen| usize::try_from(chosen) == Ok(place));
            line(
                2,
                format!(
                    "{}{}",
                    member.text(),
                    if chosen { "  <- this flow" } else { "" }
                ),
            );
            for under in member.underlay() {
                line(3, format!("over {}", under.text()));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_reads_from_the_destination_to_the_wire() {
        let address = |text: &str| address_bytes(text.parse().unwrap());
        let hop = |gateway: &str| v1::NextHop {
            gateway: address(gateway),
            ..v1::NextHop::default()
        };
        let prefix = |text: &str, length| {
            Some(v1::Prefix {
                address: address(text),
                length,
            })
        };
        let member = |id, resolved| v1::ResolvedMember {
            adjacency: Some(v1::Adjacency {
                id,
                interface: "p0".to_owned(),
                neighbour: address("10.0.0.2"),
                resolved,
                rewrite: vec![2, 0, 0, 0, 0, 2].into(),
                mtu: 1500,
                ..v1::Adjacency::default()
            }),
            weight: 1,
            buckets: 32,
            ..v1::ResolvedMember::default()
        };
        let over = v1::ResolvedMember {
            tunnel: 2,
            tunnel_header: vec![0x45, 0].into(),
            underlay: vec![v1::ResolvedMember {
                buckets: 0,
                ..member(4, true)
            }],
            weight: 1,
            buckets: 32,
            ..v1::ResolvedMember::default()
        };
        let answer = v1::LookupResponse {
            route: Some(v1::RouteEntry {
                vrf: "red".to_owned(),
                prefix: prefix("10.1.0.0", 16),
                owner: "bgp".to_owned(),
                distance: 20,
                next_hops: vec![hop("192.0.2.1")],
                ..v1::RouteEntry::default()
            }),
            steps: vec![
                v1::RecursionStep {
                    next_hop: Some(hop("192.0.2.1")),
                    vrf: "red".to_owned(),
                    prefix: prefix("192.0.2.0", 24),
                    owner: "static".to_owned(),
                    depth: 0,
                },
                v1::RecursionStep {
                    next_hop: Some(hop("10.0.0.2")),
                    vrf: "red".to_owned(),
                    prefix: None,
                    owner: String::new(),
                    depth: 1,
                },
            ],
            outcome: v1::LookupOutcome::Forward.into(),
            next_hop_id: 7,
            group: Some(v1::Group {
                id: 3,
                buckets: vec![0; 64],
            }),
            members: vec![member(4, true), member(5, false), over],
            chosen: Some(1),
        };
        let chain = Chain::new("10.1.2.3".parse().unwrap(), answer);
        assert_eq!(
            chain.text(),
            "10.1.2.3: forward\n\
             \x20 route 10.1.0.0/16 via 192.0.2.1 vrf red owner bgp distance 20 metric 0\n\
             \x20   via 192.0.2.1 in vrf red: covered by 192.0.2.0/24 owner static\n\
             \x20     via 10.0.0.2 in vrf red: covered by nothing\n\
             \x20 next hop 7\n\
             \x20 group 3 with 64 buckets\n\
             \x20   adjacency 4 dev p0 via 10.0.0.2 weight 1 buckets 32 mtu 1500 rewrite 020000000002\n\
             \x20   adjacency 5 dev p0 via 10.0.0.2 weight 1 buckets 32 unresolved  <- this flow\n\
             \x20   tunnel 2 weight 1 buckets 32 header 4500\n\
             \x20     over adjacency 4 dev p0 via 10.0.0.2 mtu 1500 rewrite 020000000002\n"
        );
    }
}
