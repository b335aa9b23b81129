//! `ferroute neigh`: ARP and neighbour discovery.

use super::convert::{Family, address_bytes, address_text, age, dash, mac_bytes, mac_text, word};
use super::error::CliError;
use super::output::Row;
use super::session::Session;
use super::words::{WordError, options, parse, unknown, words};
use clap::{Args, Subcommand};
use ferroute_dataplane::mac::Mac;
use ferroute_proto::v1;
use ferroute_proto::v1::neighbour_service_client::NeighbourServiceClient;
use serde::Serialize;
use std::net::IpAddr;

/// What to do with neighbours.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum Neigh {
    /// Shows neighbours.
    #[command(visible_alias = "list")]
    Show {
        #[command(flatten)]
        filter: Filter,
        /// Only in this state.
        #[arg(long, value_enum)]
        state: Option<State>,
    },
    /// Adds a permanent neighbour: ferroute neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev p0
    #[command(visible_alias = "replace")]
    Add {
        /// ADDRESS lladdr MAC dev INTERFACE
        #[arg(required = true, value_name = "WORD")]
        words: Vec<String>,
    },
    /// Deletes a neighbour: ferroute neigh del 10.0.0.2 dev p0
    #[command(visible_alias = "delete")]
    Del {
        /// ADDRESS dev INTERFACE
        #[arg(required = true, value_name = "WORD")]
        words: Vec<String>,
    },
    /// Deletes learned neighbours; permanent ones stay.
    Flush {
        #[command(flatten)]
        filter: Filter,
    },
}

/// Which neighbours.
#[derive(Clone, Debug, Args)]
pub(super) struct Filter {
    /// `dev INTERFACE` and `vrf VRF` are understood too.
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// Only of this interface.
    #[arg(long)]
    dev: Option<String>,
    /// Only of interfaces in this VRF.
    #[arg(long)]
    vrf: Option<String>,
    #[command(flatten)]
    family: Family,
}

impl Filter {
    /// With what its words say.
    fn read(mut self) -> Result<Self, WordError> {
        let known = &mut [("dev", &mut self.dev), ("vrf", &mut self.vrf)];
        options(&self.words, "dev, vrf", known)?;
        Ok(self)
    }
}

/// A neighbour's state.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum State {
    /// Asked, no answer yet.
    Incomplete,
    /// Confirmed lately.
    Reachable,
    /// Not confirmed lately, and not used since.
    Stale,
    /// Used while stale, soon to be probed.
    Delay,
    /// Being probed.
    Probe,
    /// Did not answer.
    Failed,
    /// Set by an operator.
    Permanent,
}

impl From<State> for v1::NeighbourState {
    fn from(state: State) -> Self {
        match state {
            State::Incomplete => Self::Incomplete,
            State::Reachable => Self::Reachable,
            State::Stale => Self::Stale,
            State::Delay => Self::Delay,
            State::Probe => Self::Probe,
            State::Failed => Self::Failed,
            State::Permanent => Self::Permanent,
        }
    }
}

impl Neigh {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), CliError> {
        let mut client = NeighbourServiceClient::new(session.channel.clone());
        match self {
            Self::Show { filter, state } => {
                let filter = filter.read()?;
                let state = state.map_or(v1::NeighbourState::Unspecified, Into::into);
                let request = v1::ListNeighboursRequest {
                    interface: filter.dev,
                    vrf: filter.vrf,
                    family: filter.family.message().into(),
                    state: state.into(),
                };
                let mut pages = client.list(request).await?.into_inner();
                let mut listing = session.output.listing();
                while let Some(page) = pages.message().await? {
                    listing.page(page.neighbours.into_iter().map(NeighbourRow::from))?;
                }
                listing.finish()
            }
            Self::Add { words } => {
                let Station {
                    address,
                    mac,
                    interface,
                } = station(&words)?;
                let mac =
                    mac_bytes(mac.ok_or(WordError::Missing("`lladdr` and the Ethernet address"))?);
                let request = v1::AddNeighbourRequest {
                    interface,
                    address: address_bytes(address),
                    mac,
                    ..v1::AddNeighbourRequest::default()
                };
                let neighbour = client.add(request).await?.into_inner();
                session.output.rows([NeighbourRow::from(neighbour)])
            }
            Self::Del { words } => {
                let Station {
                    address, interface, ..
                } = station(&words)?;
                let done = format!("neighbour {address} on {interface} removed");
                client
                    .delete(v1::DeleteNeighbourRequest {
                        interface,
                        address: address_bytes(address),
                    })
                    .await?;
                session.output.done(&done)
            }
            Self::Flush { filter } => {
                let filter = filter.read()?;
                let family = filter.family.message().into();
                let request = v1::FlushNeighboursRequest {
                    interface: filter.dev,
                    vrf: filter.vrf,
                    family,
                };
                let deleted = client.flush(request).await?.into_inner().deleted;
                session
                    .output
                    .done(&format!("{deleted} neighbours removed"))
            }
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Station {
    address: IpAddr,
    mac: Option<Mac>,
    interface: String,
}

/// Reads `ADDRESS [lladdr MAC] dev INTERFACE`.
fn station(of: &[String]) -> Result<Station, WordError> {
    let mut words = words(of);
    let (mut address, mut mac, mut interface) = (None, None, None);
    while let Some(word) = words.next() {
        match word {
            "dev" => interface = Some(words.text("dev")?),
            "lladdr" => mac = Some(words.value("lladdr", "Ethernet address")?),
            other if address.is_none() => address = Some(parse(other, "address")?),
            // What the API knows only this way; `ip` wants it said.
            "nud" if words.take("permanent") => {}
            other => return Err(unknown(other, "lladdr, dev")),
        }
    }
    let address = address.ok_or(WordError::Missing("the address"))?;
    Ok(Station {
        address,
        mac,
        interface: interface.ok_or(WordError::Missing("`dev` and the interface"))?,
    })
}

/// A neighbour.
#[derive(Clone, Debug, Serialize)]
pub(super) struct NeighbourRow {
    address: String,
    interface: String,
    mac: String,
    state: String,
    router: bool,
    confirmed_ns: Option<u64>,
    held_packets: u32,
    owner: String,
}

impl From<v1::Neighbour> for NeighbourRow {
    fn from(neighbour: v1::Neighbour) -> Self {
        Self {
            address: address_text(&neighbour.address),
            mac: mac_text(&neighbour.mac),
            state: word(neighbour.state().as_str_name(), "NEIGHBOUR_STATE_"),
            router: neighbour.router,
            confirmed_ns: neighbour.confirmed_ns,
            held_packets: neighbour.held_packets,
            owner: neighbour.owner,
            interface: neighbour.interface,
        }
    }
}

impl NeighbourRow {
    /// In a few words, for events.
    pub(super) fn summary(&self) -> String {
        format!(
            "{} dev {} lladdr {} {}",
            self.address,
            self.interface,
            dash(&self.mac),
            self.state
        )
    }
}

impl Row for NeighbourRow {
    const COLUMNS: &'static [&'static str] =
        &["ADDRESS", "INTERFACE", "MAC", "STATE", "CONFIRMED", "HELD"];

    fn cells(&self) -> Vec<String> {
        let state = if self.router {
            format!("{} router", self.state)
        } else {
            self.state.clone()
        };
        vec![
            self.address.clone(),
            self.interface.clone(),
            dash(&self.mac),
            state,
            self.confirmed_ns.map_or_else(|| dash(""), age),
            self.held_packets.to_string(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_given_in_the_words_of_ip() {
        let split = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let expected = Station {
            address: "10.0.0.2".parse().unwrap(),
            mac: Some("02:00:00:00:00:02".parse().unwrap()),
            interface: "p0".to_owned(),
        };
        assert_eq!(
            station(&split(
                "10.0.0.2 lladdr 02:00:00:00:00:02 dev p0 nud permanent"
            )),
            Ok(expected.clone())
        );
        assert_eq!(
            station(&split("dev p0 10.0.0.2")),
            Ok(Station {
                mac: None,
                ..expected
            })
        );
        for bad in [
            "",
            "10.0.0.2",
            "dev p0",
            "10.0.0.2 dev p0 lladdr x",
            "10.0.0.2 dev p0 nud stale",
        ] {
            assert!(station(&split(bad)).is_err(), "{bad}");
        }
    }
}
