//! `ferroute nexthop`: sets of next hops that routes refer to.

use super::convert::dash;
use super::error::CliError;
use super::hops::{self, HopRow, Hops, MemberRow};
use super::output::Row;
use super::session::Session;
use super::words::{WordError, unknown, words};
use clap::Subcommand;
use ferroute_proto::v1;
use ferroute_proto::v1::get_next_hop_request::Key;
use ferroute_proto::v1::next_hop_service_client::NextHopServiceClient;
use serde::Serialize;

/// What to do with next hop sets.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum Nexthop {
    /// Makes a set, or replaces it and moves all its routes at once.
    ///
    /// ferroute nexthop replace id 5 via 10.0.0.2 weight 2 nexthop via 10.0.1.2
    #[command(visible_alias = "add", verbatim_doc_comment)]
    Replace {
        /// id N, then next hops: via ADDRESS, dev INTERFACE, lookup VRF, onlink, weight N, encap KIND ..., nexthop (begins another one).
        #[arg(required = true, value_name = "WORD")]
        words: Vec<String>,
        /// Whose set it is.
        #[arg(long, default_value = super::route::OWNER)]
        owner: String,
    },
    /// Deletes a set that no route refers to.
    #[command(visible_alias = "delete")]
    Del {
        /// id N
        #[arg(required = true, value_name = "WORD")]
        words: Vec<String>,
        /// Whose set it is.
        #[arg(long, default_value = super::route::OWNER)]
        owner: String,
    },
    /// Shows one set.
    Get {
        /// id N
        #[arg(required = true, value_name = "WORD")]
        words: Vec<String>,
        /// Whose set it is.
        #[arg(long, default_value = super::route::OWNER, conflicts_with = "fib")]
        owner: String,
        /// N is the value of a FIB entry, not an owner's number.
        #[arg(long)]
        fib: bool,
    },
    /// Shows all sets, also those that the router made for routes with next hops of their own.
    #[command(visible_alias = "list")]
    Show {
        /// Only sets of this owner.
        #[arg(long)]
        owner: Option<String>,
    },
}

impl Nexthop {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), CliError> {
        let mut client = NextHopServiceClient::new(session.channel.clone());
        match self {
            Self::Replace { words, owner } => {
                let set = Some(set(&words)?);
                let entry = client
                    .put(v1::PutNextHopSetRequest { owner, set })
                    .await?
                    .into_inner();
                session.output.rows([EntryRow::from(entry)])
            }
            Self::Del { words, owner } => {
                let id = number(&words)?;
                client
                    .delete(v1::DeleteNextHopSetRequest { owner, id })
                    .await?;
                session.output.done(&format!("next hop set {id} removed"))
            }
            Self::Get { words, owner, fib } => {
                let id = number(&words)?;
                let key = if fib {
                    Key::Id(id)
                } else {
                    Key::Set(v1::NextHopSetKey { owner, id })
                };
                let entry = client
                    .get(v1::GetNextHopRequest { key: Some(key) })
                    .await?
                    .into_inner();
                session.output.rows([EntryRow::from(entry)])
            }
            Self::Show { owner } => {
                let mut pages = client
                    .list(v1::ListNextHopsRequest {
                        owner: owner.unwrap_or_default(),
                    })
                    .await?
                    .into_inner();
                let mut listing = session.output.listing();
                while let Some(page) = pages.message().await? {
                    listing.page(page.entries.into_iter().map(EntryRow::from))?;
                }
                listing.finish()
            }
        }
    }
}

/// Reads `[id] N` and nothing more.
fn number(of: &[String]) -> Result<u32, WordError> {
    let mut words = words(of);
    words.take("id");
    let id = words.value("id", "next hop set")?;
    words.next().map_or(Ok(id), |word| Err(unknown(word, "id")))
}

/// Reads `[id] N` and next hops.
fn set(of: &[String]) -> Result<v1::NextHopSet, WordError> {
    let mut words = words(of);
    words.take("id");
    let id = words.value("id", "next hop set")?;
    let mut hops = Hops::default();
    while let Some(word) = words.next() {
        if !hops.word(word, &mut words)? {
            return Err(unknown(word, hops::KNOWN));
        }
    }
    Ok(v1::NextHopSet {
        id,
        next_hops: hops.finish(),
    })
}

/// A next hop set.
#[derive(Clone, Debug, Serialize)]
pub(super) struct EntryRow {
    /// The value of FIB entries that lead here; 0 while nothing is resolved.
    fib_id: u32,
    /// Empty where the router made the set.
    owner: String,
    /// The owner's number.
    id: u32,
    next_hops: Vec<HopRow>,
    prefixes: u64,
    members: Vec<MemberRow>,
    group: u32,
    stale: bool,
}

impl From<v1::NextHopEntry> for EntryRow {
    fn from(entry: v1::NextHopEntry) -> Self {
        let set = entry.set.unwrap_or_default();
        Self {
            fib_id: entry.id,
            owner: entry.owner,
            id: set.id,
            next_hops: set.next_hops.into_iter().map(HopRow::from).collect(),
            prefixes: entry.prefixes,
            members: entry.members.into_iter().map(MemberRow::from).collect(),
            group: entry.group,
            stale: entry.stale,
        }
    }
}

impl Row for EntryRow {
    const COLUMNS: &'static [&'static str] =
        &["OWNER", "ID", "FIB", "PREFIXES", "NEXT HOP", "RESOLVED"];

    fn cells(&self) -> Vec<String> {
        let none = |number: u32| {
            if number == 0 {
                dash("")
            } else {
                number.to_string()
            }
        };
        let lines = |member: &MemberRow| {
            let under = member
                .underlay()
                .iter()
                .map(|m| format!("over {}", m.text()));
            std::iter::once(member.text())
                .chain(under)
                .collect::<Vec<_>>()
        };
        let members: Vec<_> = self.members.iter().flat_map(lines).collect();
        vec![
            if self.stale {
                format!("{} stale", self.owner)
            } else {
                dash(&self.owner)
            },
            none(self.id),
            none(self.fib_id),
            self.prefixes.to_string(),
            dash(
                &self
                    .next_hops
                    .iter()
                    .map(|hop| hop.text(""))
                    .collect::<Vec<_>>()
                    .join("\n"),
            ),
            dash(&members.join("\n")),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_given_in_the_words_of_ip() {
        let split = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let set_of_two = set(&split("id 5 via 10.0.0.2 weight 2 nexthop dev p1")).unwrap();
        assert_eq!(
            (
                set_of_two.id,
                set_of_two.next_hops.len(),
                set_of_two.next_hops[0].weight
            ),
            (5, 2, 2)
        );
        assert_eq!(number(&split("id 5")), Ok(5));
        assert_eq!(number(&split("5")), Ok(5));
        for bad in ["", "id", "id x", "5 6"] {
            assert!(number(&split(bad)).is_err(), "{bad}");
        }
        assert_eq!(
            set(&split("5 proto bgp")),
            Err(unknown("proto", hops::KNOWN))
        );
    }
}
