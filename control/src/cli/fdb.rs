//! `ferroute fdb`: which way the stations of bridge domains are, in the words of `bridge fdb`.

use super::convert::{address_bytes, address_text, dash, mac_bytes, mac_text, word};
use super::error::CliError;
use super::output::Row;
use super::segment::{id_bytes, id_text};
use super::session::Session;
use super::words::{WordError, options, parse, unknown, words};
use clap::{Args, Subcommand, ValueEnum};
use ferroute_dataplane::mac::Mac;
use ferroute_proto::v1;
use ferroute_proto::v1::bridge_domain_service_client::BridgeDomainServiceClient;
use serde::Serialize;
use std::net::IpAddr;

const KNOWN: &str = "domain, dev, dst, segment, vni, seq, sticky";

/// What to do with stations.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum Fdb {
    /// Puts a station behind a member or a remote end.
    ///
    /// ferroute fdb add 02:00:00:00:00:07 domain blue dev p0
    /// ferroute fdb add 02:00:00:00:00:08 domain blue dst 192.0.2.2 seq 3
    /// ferroute fdb add 02:00:00:00:00:09 domain blue segment 03:44:38:39:ff:ff:01:00:00:01
    ///
    /// The address 00:00:00:00:00:00 stands for all: with it a remote end is added to the flood list.
    #[command(verbatim_doc_comment, visible_aliases = ["append", "replace"])]
    Add {
        /// MAC domain NAME, then dev MEMBER, or dst ADDRESS, or segment ESI (with dst ADDRESS if one remote end is its primary),
        /// and any of: vni NUMBER (that the remote end expects), seq NUMBER (mobility sequence), sticky.
        #[arg(required = true, value_name = "WORD", verbatim_doc_comment)]
        words: Vec<String>,
    },
    /// Deletes what is known of a station, or a remote end from the flood list.
    ///
    /// ferroute fdb del 02:00:00:00:00:08 domain blue dst 192.0.2.2
    #[command(verbatim_doc_comment, visible_alias = "delete")]
    Del {
        /// MAC domain NAME, and dst ADDRESS and vni NUMBER if only that is to go.
        #[arg(required = true, value_name = "WORD")]
        words: Vec<String>,
    },
    /// Shows stations.
    #[command(visible_alias = "list")]
    Show(Filter),
    /// Forgets learned stations.
    Flush {
        /// `domain NAME` and `dev MEMBER` are understood too.
        #[arg(value_name = "WORD")]
        words: Vec<String>,
        /// Only of this bridge domain.
        #[arg(long)]
        domain: Option<String>,
        /// Only behind this member.
        #[arg(long)]
        dev: Option<String>,
    },
}

/// Which stations.
#[derive(Clone, Debug, Args)]
pub(super) struct Filter {
    /// `domain NAME` is understood too.
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// Only of this bridge domain.
    #[arg(long)]
    domain: Option<String>,
    /// Only of this kind.
    #[arg(long, value_enum)]
    kind: Option<Kind>,
}

/// A kind of knowledge of stations.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// Put behind a member by a client.
    Static,
    /// Put behind a remote end by a client.
    Remote,
    /// Seen by the router.
    Learned,
    /// The domain's gateway.
    Gateway,
}

impl From<Kind> for v1::FdbKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Static => Self::Static,
            Kind::Remote => Self::Remote,
            Kind::Learned => Self::Learned,
            Kind::Gateway => Self::Gateway,
        }
    }
}

impl Fdb {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), CliError> {
        let mut client = BridgeDomainServiceClient::new(session.channel.clone());
        match self {
            Self::Add { words } => {
                let said = read(&words)?;
                let done = format!("{} set", said.mac);
                said.send(&mut client, false).await?;
                session.output.done(&done)
            }
            Self::Del { words } => {
                let said = read(&words)?;
                let done = format!("{} deleted", said.mac);
                said.send(&mut client, true).await?;
                session.output.done(&done)
            }
            Self::Show(mut filter) => {
                let known = &mut [("domain", &mut filter.domain)];
                options(&filter.words, "domain", known)?;
                let request = v1::ListFdbRequest {
                    domain: filter.domain.unwrap_or_default(),
                    kind: filter
                        .kind
                        .map_or(v1::FdbKind::Unspecified, Into::into)
                        .into(),
                };
                let mut pages = client.list_fdb(request).await?.into_inner();
                let mut listing = session.output.listing();
                while let Some(page) = pages.message().await? {
                    listing.page(page.stations.into_iter().map(StationRow::from))?;
                }
                listing.finish()
            }
            Self::Flush {
                words,
                mut domain,
                mut dev,
            } => {
                let known = &mut [("domain", &mut domain), ("dev", &mut dev)];
                options(&words, "domain, dev", known)?;
                let request = v1::FlushFdbRequest {
                    domain: domain.unwrap_or_default(),
                    interface: dev.unwrap_or_default(),
                };
                let flushed = client.flush_fdb(request).await?.into_inner().flushed;
                session
                    .output
                    .done(&format!("{flushed} stations forgotten"))
            }
        }
    }
}

/// What a command says of a station.
#[derive(Debug)]
struct Said {
    mac: Mac,
    domain: String,
    interface: Option<String>,
    remote: Option<v1::RemoteStation>,
}

impl Said {
    async fn send(
        self,
        client: &mut BridgeDomainServiceClient<tonic::transport::Channel>,
        delete: bool,
    ) -> Result<(), CliError> {
        let end = self.remote.as_ref().and_then(|remote| remote.end.clone());
        let refused = if self.mac == Mac::ZERO {
            let changes = vec![v1::FloodChange {
                domain: self.domain,
                end: Some(end.ok_or(WordError::Missing("the remote end, `dst ADDRESS`,"))?),
                remove: delete,
            }];
            let request = v1::ChangeFloodRequest {
                changes,
                ..v1::ChangeFloodRequest::default()
            };
            client.change_flood(request).await?.into_inner().refused
        } else {
            let mac = mac_bytes(self.mac);
            let domain = self.domain;
            let change = if delete {
                v1::fdb_change::Change::Delete(v1::FdbDelete {
                    domain,
                    mac,
                    kind: v1::FdbKind::Unspecified.into(),
                    end,
                })
            } else {
                let place = match (self.interface, self.remote) {
                    (Some(interface), None) => v1::fdb_entry::Place::Interface(interface),
                    (None, Some(remote)) => v1::fdb_entry::Place::Remote(remote),
                    _ => return Err(WordError::Missing("either `dev` or `dst`").into()),
                };
                v1::fdb_change::Change::Put(v1::FdbEntry {
                    domain,
                    mac,
                    place: Some(place),
                })
            };
            let changes = vec![v1::FdbChange {
                change: Some(change),
            }];
            let request = v1::ChangeFdbRequest {
                changes,
                ..v1::ChangeFdbRequest::default()
            };
            client.change_fdb(request).await?.into_inner().refused
        };
        match refused.into_iter().next() {
            Some(refusal) => Err(CliError::ItemRefused {
                reason: refusal.reason,
                message: refusal.message,
            }),
            None => Ok(()),
        }
    }
}

fn read(of: &[String]) -> Result<Said, WordError> {
    let mut words = words(of);
    let mac = parse(words.required("the Ethernet address")?, "Ethernet address")?;
    let (mut domain, mut interface, mut address) = (String::new(), None, None);
    let (mut vni, mut sequence, mut sticky, mut segment) = (None, 0, false, None);
    while let Some(word) = words.next() {
        match word {
            "domain" => domain = words.text("domain")?,
            "dev" => interface = Some(words.text("dev")?),
            "dst" => address = Some(words.value::<IpAddr>("dst", "address")?),
            "segment" => segment = Some(id_bytes(&words.text("segment")?)?),
            "vni" => vni = Some(words.value("vni", "VNI")?),
            "seq" => sequence = words.value("seq", "number")?,
            "sticky" => sticky = true,
            "static" | "master" => {}
            other => return Err(unknown(other, KNOWN)),
        }
    }
    if domain.is_empty() {
        return Err(WordError::Missing("the bridge domain, `domain NAME`,"));
    }
    let nowhere = address.is_none() && segment.is_none();
    if (nowhere && (sequence != 0 || sticky)) || (address.is_none() && vni.is_some()) {
        return Err(WordError::Missing("the remote end, `dst ADDRESS`,"));
    }
    let end = address.map(|address| v1::RemoteEnd {
        address: address_bytes(address),
        vni,
    });
    let remote = (!nowhere).then(|| v1::RemoteStation {
        end,
        sequence,
        sticky,
        segment: segment.unwrap_or_default(),
    });
    Ok(Said {
        mac,
        domain,
        interface,
        remote,
    })
}

/// A station.
#[derive(Clone, Debug, Serialize)]
pub(super) struct StationRow {
    mac: String,
    domain: String,
    state: String,
    interface: String,
    dst: String,
    segment: String,
    vni: Option<u32>,
    sequence: u32,
    sticky: bool,
    damped: bool,
    idle_seconds: u32,
    owner: String,
}

impl From<v1::Station> for StationRow {
    fn from(station: v1::Station) -> Self {
        let state = word(station.kind().as_str_name(), "FDB_KIND_");
        let remote = station.remote.unwrap_or_default();
        let end = remote.end.unwrap_or_default();
        let dst = Some(&end.address).filter(|address| !address.is_empty());
        Self {
            mac: mac_text(&station.mac),
            domain: station.domain,
            state,
            interface: station.interface,
            dst: dst.map(|address| address_text(address)).unwrap_or_default(),
            segment: id_text(&remote.segment),
            vni: end.vni,
            sequence: station.sequence,
            sticky: remote.sticky,
            damped: station.damped,
            idle_seconds: station.idle_seconds,
            owner: station.owner,
        }
    }
}

impl StationRow {
    /// The station in one line.
    pub(super) fn summary(&self) -> String {
        let place = match (self.interface.as_str(), self.segment.as_str()) {
            ("", "") => format!("dst {}", self.dst),
            ("", segment) => format!("segment {segment}"),
            (interface, _) => format!("dev {interface}"),
        };
        let damped = if self.damped { " damped" } else { "" };
        let Self {
            mac,
            domain,
            state,
            sequence,
            ..
        } = self;
        format!("{mac} domain {domain} {place} {state} seq {sequence}{damped}")
    }
}

impl Row for StationRow {
    const COLUMNS: &'static [&'static str] = &[
        "MAC", "DOMAIN", "STATE", "DEV", "DST", "VNI", "SEQ", "FLAGS", "IDLE",
    ];

    fn cells(&self) -> Vec<String> {
        let flags = [(self.sticky, "sticky"), (self.damped, "damped")];
        let flags: Vec<_> = flags
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, f)| *f)
            .collect();
        vec![
            self.mac.clone(),
            self.domain.clone(),
            self.state.clone(),
            dash(&self.interface),
            dash(if self.segment.is_empty() {
                &self.dst
            } else {
                &self.segment
            }),
            dash(&self.vni.map(|vni| vni.to_string()).unwrap_or_default()),
            self.sequence.to_string(),
            dash(&flags.join(" ")),
            format!("{}s", self.idle_seconds),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stations_are_given_in_the_words_of_iproute2() {
        let split = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let said = read(&split(
            "02:00:00:00:00:07 domain blue dst 192.0.2.2 vni 7 seq 3 sticky",
        ))
        .unwrap();
        let remote = said.remote.unwrap();
        assert_eq!((remote.sequence, remote.sticky), (3, true));
        assert_eq!(remote.end.unwrap().vni, Some(7));
        let said = read(&split("02:00:00:00:00:07 domain blue dev p0 static")).unwrap();
        assert_eq!(said.interface.as_deref(), Some("p0"));
        assert!(said.remote.is_none());
        let said = read(&split(
            "02:00:00:00:00:07 domain blue segment 03:44:38:39:ff:ff:01:00:00:01 seq 2",
        ))
        .unwrap();
        let remote = said.remote.unwrap();
        assert_eq!((remote.segment.len(), remote.sequence), (10, 2));
        assert!(remote.end.is_none());
        for bad in [
            "02:00:00:00:00:07 domain blue segment 03:44",
            "02:00:00:00:00:07 domain blue segment 03:44:38:39:ff:ff:01:00:00:01 vni 7",
            "x domain blue dev p0",
            "02:00:00:00:00:07 dev p0",
            "02:00:00:00:00:07 domain blue dev p0 seq 3",
            "02:00:00:00:00:07 domain blue via p0",
        ] {
            assert!(read(&split(bad)).is_err(), "{bad}");
        }
    }
}
