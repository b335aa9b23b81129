//! `ferroute segment`: Ethernet segments.

use super::convert::{address_bytes, address_text, dash};
use super::error::CliError;
use super::output::Row;
use super::session::Session;
use super::words::{WordError, parse, unknown, words};
use crate::model::segment::SegmentId;
use clap::Subcommand;
use ferroute_proto::v1;
use ferroute_proto::v1::segment_service_client::SegmentServiceClient;
use prost::bytes::Bytes;
use serde::Serialize;
use std::net::IpAddr;

const KNOWN: &str = "member, peer, single-active, designated, except";

/// What to do with Ethernet segments.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum Segment {
    /// Makes an Ethernet segment.
    ///
    /// ferroute segment add 03:44:38:39:ff:ff:01:00:00:01 member p0 peer 192.0.2.2 designated
    #[command(verbatim_doc_comment)]
    Add {
        /// ESI (ten octets), and any of: member INTERFACE (repeated), peer ADDRESS (repeated; of a single-active segment the
        /// first is the primary), single-active, designated (the router is the designated forwarder in all bridge domains),
        /// except DOMAIN (repeated; where it is the other way round).
        #[arg(required = true, value_name = "WORD", verbatim_doc_comment)]
        words: Vec<String>,
    },
    /// Gives an Ethernet segment another form; all that it shall be is to be said.
    Replace {
        /// As for `add`.
        #[arg(required = true, value_name = "WORD")]
        words: Vec<String>,
    },
    /// Removes an Ethernet segment.
    #[command(visible_alias = "delete")]
    Del {
        /// Its ESI.
        esi: String,
    },
    /// Shows one Ethernet segment or all, with where the stations behind them are.
    #[command(visible_alias = "list")]
    Show {
        /// Only the one with this ESI.
        esi: Option<String>,
    },
}

impl Segment {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), CliError> {
        let mut client = SegmentServiceClient::new(session.channel.clone());
        let segment = match self {
            Self::Add { words } => {
                let spec = Some(read(&words)?);
                let request = v1::CreateSegmentRequest {
                    spec,
                    ..v1::CreateSegmentRequest::default()
                };
                client.create_segment(request).await?
            }
            Self::Replace { words } => {
                let spec = Some(read(&words)?);
                let request = v1::ChangeSegmentRequest {
                    spec,
                    ..v1::ChangeSegmentRequest::default()
                };
                client.change_segment(request).await?
            }
            Self::Del { esi } => {
                let id = id_bytes(&esi)?;
                client
                    .delete_segment(v1::DeleteSegmentRequest { id })
                    .await?;
                let done = format!("Ethernet segment {esi} removed");
                return session.output.done(&done);
            }
            Self::Show { esi: Some(esi) } => {
                let id = id_bytes(&esi)?;
                client.get_segment(v1::GetSegmentRequest { id }).await?
            }
            Self::Show { esi: None } => {
                let request = v1::ListSegmentsRequest {};
                let mut pages = client.list_segments(request).await?.into_inner();
                let mut listing = session.output.listing();
                while let Some(page) = pages.message().await? {
                    listing.page(page.segments.into_iter().map(SegmentRow::from))?;
                }
                return listing.finish();
            }
        };
        session
            .output
            .rows([SegmentRow::from(segment.into_inner())])
    }
}

/// A segment identifier for the API.
pub(super) fn id_bytes(text: &str) -> Result<Bytes, WordError> {
    let id: SegmentId = parse(text, "segment identifier")?;
    Ok(Bytes::copy_from_slice(&id.octets()))
}

/// A segment identifier as text; empty if there is none.
pub(super) fn id_text(bytes: &[u8]) -> String {
    match SegmentId::try_from(bytes) {
        Ok(id) => id.to_string(),
        Err(_) => super::convert::hex(bytes),
    }
}

fn read(of: &[String]) -> Result<v1::SegmentSpec, WordError> {
    let mut words = words(of);
    let mut spec = v1::SegmentSpec {
        id: id_bytes(words.required("the segment identifier")?)?,
        ..v1::SegmentSpec::default()
    };
    while let Some(word) = words.next() {
        match word {
            "member" => spec.members.push(words.text("member")?),
            "peer" => {
                let peer = words.value::<IpAddr>("peer", "address")?;
                spec.peers.push(address_bytes(peer));
            }
            "single-active" => spec.single_active = true,
            "designated" => spec.designated = true,
            "except" => spec.exceptions.push(words.text("except")?),
            other => return Err(unknown(other, KNOWN)),
        }
    }
    Ok(spec)
}

/// An Ethernet segment.
#[derive(Clone, Debug, Serialize)]
pub(super) struct SegmentRow {
    esi: String,
    single_active: bool,
    members: Vec<String>,
    peers: Vec<String>,
    designated: bool,
    exceptions: Vec<String>,
    attached: Vec<AttachedRow>,
    paths: Vec<PathRow>,
}

/// A member in a bridge domain.
#[derive(Clone, Debug, Serialize)]
struct AttachedRow {
    domain: String,
    interface: String,
    designated: bool,
    standby: bool,
}

/// Where stations behind a segment are.
#[derive(Clone, Debug, Serialize)]
struct PathRow {
    domain: String,
    primary: String,
    stations: u32,
    interface: String,
    ends: Vec<String>,
}

impl From<v1::Segment> for SegmentRow {
    fn from(segment: v1::Segment) -> Self {
        let spec = segment.spec.unwrap_or_default();
        let text = |bytes: &Bytes| address_text(bytes);
        let attached = segment.attached.into_iter().map(|member| AttachedRow {
            domain: member.domain,
            interface: member.interface,
            designated: member.designated,
            standby: member.standby,
        });
        let paths = segment.paths.into_iter().map(|path| PathRow {
            domain: path.domain,
            primary: path
                .primary
                .map(|end| text(&end.address))
                .unwrap_or_default(),
            stations: path.stations,
            interface: path.interface,
            ends: path.ends.iter().map(text).collect(),
        });
        Self {
            esi: id_text(&spec.id),
            single_active: spec.single_active,
            members: spec.members,
            peers: spec.peers.iter().map(text).collect(),
            designated: spec.designated,
            exceptions: spec.exceptions,
            attached: attached.collect(),
            paths: paths.collect(),
        }
    }
}

impl SegmentRow {
    fn designation(&self) -> String {
        let general = if self.designated { "yes" } else { "no" };
        match &self.exceptions[..] {
            [] => general.to_owned(),
            exceptions => format!("{general} but {}", exceptions.join(" ")),
        }
    }

    /// The segment in one line.
    pub(super) fn summary(&self) -> String {
        let Self { esi, .. } = self;
        let mode = if self.single_active {
            "single-active"
        } else {
            "all-active"
        };
        let (members, peers) = (dash(&self.members.join(" ")), dash(&self.peers.join(" ")));
        let designated = self.designation();
        format!("{esi} {mode} members {members} peers {peers} designated {designated}")
    }
}

impl PathRow {
    fn text(&self) -> String {
        let Self {
            domain, stations, ..
        } = self;
        let way = match (self.interface.as_str(), &self.ends[..]) {
            ("", []) => "nowhere".to_owned(),
            ("", ends) => format!("by {}", ends.join("+")),
            (member, _) => format!("by {member}"),
        };
        format!("{domain}: {stations} {way}")
    }
}

impl Row for SegmentRow {
    const COLUMNS: &'static [&'static str] =
        &["ESI", "MODE", "MEMBERS", "PEERS", "DESIGNATED", "STATIONS"];

    fn cells(&self) -> Vec<String> {
        let member = |name: &String| {
            let standby = |row: &AttachedRow| row.interface == *name && row.standby;
            let note = if self.attached.iter().any(standby) {
                " (standby)"
            } else {
                ""
            };
            format!("{name}{note}")
        };
        let members: Vec<_> = self.members.iter().map(member).collect();
        let paths: Vec<_> = self.paths.iter().map(PathRow::text).collect();
        let mode = if self.single_active {
            "single-active"
        } else {
            "all-active"
        };
        vec![
            self.esi.clone(),
            mode.to_owned(),
            dash(&members.join(" ")),
            dash(&self.peers.join(" ")),
            self.designation(),
            dash(&paths.join(", ")),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_given_in_words() {
        let split = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let spec = read(&split(
            "03:44:38:39:ff:ff:01:00:00:01 member p0 member p1.5 peer 192.0.2.2 single-active designated except blue",
        ))
        .unwrap();
        assert_eq!(id_text(&spec.id), "03:44:38:39:ff:ff:01:00:00:01");
        assert_eq!(spec.members, ["p0", "p1.5"]);
        assert_eq!(spec.peers, [address_bytes([192, 0, 2, 2].into())]);
        assert!(spec.single_active && spec.designated);
        assert_eq!(spec.exceptions, ["blue"]);
        for bad in [
            "03:44 member p0",
            "00:00:00:00:00:00:00:00:00:00",
            "03:44:38:39:ff:ff:01:00:00:01 peer x",
            "03:44:38:39:ff:ff:01:00:00:01 dev p0",
        ] {
            assert!(read(&split(bad)).is_err(), "{bad}");
        }
    }
}
