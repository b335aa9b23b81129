//! `ferroute label`: the label table.

use super::convert::dash;
use super::endpoint::{mode, mode_word};
use super::error::CliError;
use super::hops::{HopRow, Hops};
use super::output::Row;
use super::session::Session;
use super::words::{WordError, unknown, words};
use clap::Subcommand;
use ferroute_proto::v1;
use ferroute_proto::v1::label_spec::Target;
use ferroute_proto::v1::overlay_service_client::OverlayServiceClient;
use serde::Serialize;

const KNOWN: &str = "vrf, payload, ttl-mode, via, dev, weight, onlink, encap, nexthop";

/// What to do with labels.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum Label {
    /// Makes an entry, or replaces it under traffic.
    ///
    /// ferroute label replace 100 vrf red
    /// ferroute label replace 200 payload ipv4 via 10.0.0.2
    /// ferroute label replace 300 encap mpls 301 via 10.0.0.2
    #[command(visible_alias = "add", verbatim_doc_comment)]
    Replace {
        /// NUMBER, then vrf VRF (pop and look up) or next hops (pop and send; swap where they push), and any of:
        /// payload ipv4|ipv6|both, ttl-mode pipe|uniform.
        #[arg(required = true, value_name = "WORD", verbatim_doc_comment)]
        words: Vec<String>,
    },
    /// Removes an entry.
    #[command(visible_alias = "delete")]
    Del {
        /// The label.
        label: u32,
    },
    /// Shows one entry or all.
    #[command(visible_alias = "list")]
    Show {
        /// Only this label.
        label: Option<u32>,
    },
}

impl Label {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), CliError> {
        let mut client = OverlayServiceClient::new(session.channel.clone());
        let label = match self {
            Self::Replace { words } => {
                let spec = Some(read(&words)?);
                let request = v1::PutLabelRequest {
                    spec,
                    ..v1::PutLabelRequest::default()
                };
                client.put_label(request).await?.into_inner()
            }
            Self::Del { label } => {
                client
                    .delete_label(v1::DeleteLabelRequest { label })
                    .await?;
                return session.output.done(&format!("label {label} removed"));
            }
            Self::Show { label: Some(label) } => {
                let request = v1::GetLabelRequest { label };
                client.get_label(request).await?.into_inner()
            }
            Self::Show { label: None } => {
                let request = v1::ListLabelsRequest {};
                let mut pages = client.list_labels(request).await?.into_inner();
                let mut listing = session.output.listing();
                while let Some(page) = pages.message().await? {
                    listing.page(page.labels.into_iter().map(LabelRow::from))?;
                }
                return listing.finish();
            }
        };
        session.output.rows([LabelRow::from(label)])
    }
}

fn read(of: &[String]) -> Result<v1::LabelSpec, WordError> {
    let mut words = words(of);
    let mut spec = v1::LabelSpec {
        label: words.value("label", "label")?,
        ..v1::LabelSpec::default()
    };
    let (mut vrf, mut hops) = (None, Hops::default());
    while let Some(word) = words.next() {
        match word {
            "vrf" => vrf = Some(words.text("vrf")?),
            "payload" => {
                spec.payload = match words.text("payload")?.as_str() {
                    "both" => v1::LabelPayload::Both.into(),
                    "ipv4" => v1::LabelPayload::Ipv4.into(),
                    "ipv6" => v1::LabelPayload::Ipv6.into(),
                    other => return Err(unknown(other, "both, ipv4, ipv6")),
                }
            }
            "ttl-mode" => spec.ttl_mode = mode(&words.text("ttl-mode")?)?,
            other => {
                if !hops.word(other, &mut words)? {
                    return Err(unknown(other, KNOWN));
                }
            }
        }
    }
    let next_hops = hops.finish();
    spec.target = Some(match (vrf, next_hops.is_empty()) {
        (Some(vrf), true) => Target::Vrf(vrf),
        (None, false) => Target::NextHops(v1::LabelNextHops { next_hops }),
        (Some(_), false) => {
            return Err(WordError::Conflict(
                "a label leads into a VRF or to next hops, not both",
            ));
        }
        (None, true) => return Err(WordError::Missing("where the label leads, `vrf` or `via`,")),
    });
    Ok(spec)
}

/// An entry of the label table.
#[derive(Clone, Debug, Serialize)]
pub(super) struct LabelRow {
    label: u32,
    /// Empty if it leads to next hops.
    vrf: String,
    next_hops: Vec<HopRow>,
    payload: &'static str,
    ttl_mode: &'static str,
    interface: String,
    next_hop_id: u32,
    resolved: bool,
    packets: u64,
    bytes: u64,
}

impl From<v1::Label> for LabelRow {
    fn from(label: v1::Label) -> Self {
        let spec = label.spec.unwrap_or_default();
        let payload = match spec.payload() {
            v1::LabelPayload::Both => "both",
            v1::LabelPayload::Ipv4 => "ipv4",
            v1::LabelPayload::Ipv6 => "ipv6",
        };
        let ttl_mode = mode_word(spec.ttl_mode());
        let (vrf, next_hops) = match spec.target {
            Some(Target::Vrf(vrf)) => (vrf, Vec::new()),
            Some(Target::NextHops(list)) => (String::new(), list.next_hops),
            None => (String::new(), Vec::new()),
        };
        let traffic = label.traffic.unwrap_or_default();
        Self {
            label: spec.label,
            vrf,
            next_hops: next_hops.into_iter().map(HopRow::from).collect(),
            payload,
            ttl_mode,
            interface: label.interface,
            next_hop_id: label.next_hop_id,
            resolved: label.resolved,
            packets: traffic.packets,
            bytes: traffic.bytes,
        }
    }
}

impl LabelRow {
    /// The label in one line.
    pub(super) fn summary(&self) -> String {
        let Self { label, .. } = self;
        let hops = self.next_hops.iter().map(|hop| hop.text("default"));
        let leads = match self.vrf.as_str() {
            "" => hops.collect::<Vec<_>>().join(", "),
            vrf => format!("vrf {vrf}"),
        };
        let state = if self.resolved { "ready" } else { "unresolved" };
        format!("{label} {leads} {state}")
    }
}

impl Row for LabelRow {
    const COLUMNS: &'static [&'static str] = &[
        "LABEL", "LEADS TO", "PAYLOAD", "TTL", "STATE", "PACKETS", "BYTES",
    ];

    fn cells(&self) -> Vec<String> {
        let hops: Vec<_> = self
            .next_hops
            .iter()
            .map(|hop| hop.text("default"))
            .collect();
        let leads = if self.vrf.is_empty() {
            dash(&hops.join("\n"))
        } else {
            format!("vrf {}", self.vrf)
        };
        let state = if self.resolved { "ready" } else { "unresolved" };
        vec![
            self.label.to_string(),
            leads,
            self.payload.to_owned(),
            self.ttl_mode.to_owned(),
            state.to_owned(),
            self.packets.to_string(),
            self.bytes.to_string(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_given_in_words() {
        let split = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let vrf = read(&split("100 vrf red payload ipv6 ttl-mode uniform")).unwrap();
        assert_eq!(vrf.target, Some(Target::Vrf("red".to_owned())));
        assert_eq!(vrf.payload(), v1::LabelPayload::Ipv6);
        assert_eq!(vrf.ttl_mode(), v1::TunnelMode::Uniform);
        let swap = read(&split(
            "100 encap mpls 200 via 10.0.0.2 nexthop via 10.0.0.3",
        ))
        .unwrap();
        let Some(Target::NextHops(hops)) = swap.target else {
            panic!("{swap:?}");
        };
        assert_eq!(hops.next_hops.len(), 2);
        assert!(hops.next_hops[0].encap.is_some() && hops.next_hops[1].encap.is_none());
        for bad in [
            "x",
            "100",
            "100 vrf red via 10.0.0.2",
            "100 vrf red payload ethernet",
        ] {
            assert!(read(&split(bad)).is_err(), "{bad}");
        }
    }
}
