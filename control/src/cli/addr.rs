//! `ferroute addr`: addresses of interfaces.

use super::convert::{interface_address, net};
use super::error::CliError;
use super::link::LinkRow;
use super::output::Row;
use super::session::Session;
use super::words::{WordError, unknown, words};
use clap::Subcommand;
use ferroute_proto::v1;
use ferroute_proto::v1::interface_service_client::InterfaceServiceClient;
use ipnet::IpNet;
use serde::Serialize;

/// What is given, for messages.
const ADDRESS: &str = "address with its prefix length";

/// What to do with addresses.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum Addr {
    /// Adds an address: ferroute addr add 10.0.0.1/24 dev p0
    Add {
        /// ADDRESS/LENGTH dev INTERFACE
        #[arg(required = true, value_name = "WORD")]
        words: Vec<String>,
    },
    /// Removes an address: ferroute addr del 10.0.0.1/24 dev p0
    #[command(visible_alias = "delete")]
    Del {
        /// ADDRESS/LENGTH dev INTERFACE
        #[arg(required = true, value_name = "WORD")]
        words: Vec<String>,
    },
    /// Shows addresses of one interface or of all: ferroute addr show dev p0
    #[command(visible_alias = "list")]
    Show {
        /// dev INTERFACE | vrf VRF
        #[arg(value_name = "WORD")]
        words: Vec<String>,
    },
}

impl Addr {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), CliError> {
        let mut client = InterfaceServiceClient::new(session.channel.clone());
        let interfaces = match self {
            Self::Add { words } => {
                let (net, interface) = address_on(&words)?;
                let address = Some(interface_address(net));
                vec![
                    client
                        .add_address(v1::AddAddressRequest { interface, address })
                        .await?
                        .into_inner(),
                ]
            }
            Self::Del { words } => {
                let (net, interface) = address_on(&words)?;
                let address = Some(interface_address(net));
                vec![
                    client
                        .remove_address(v1::RemoveAddressRequest { interface, address })
                        .await?
                        .into_inner(),
                ]
            }
            Self::Show { words } => match selection(&words)? {
                (Some(name), _) => vec![
                    client
                        .get(v1::GetInterfaceRequest { name })
                        .await?
                        .into_inner(),
                ],
                (None, vrf) => {
                    client
                        .list(v1::ListInterfacesRequest { vrf })
                        .await?
                        .into_inner()
                        .interfaces
                }
            },
        };
        session.output.rows(
            interfaces
                .into_iter()
                .map(LinkRow::from)
                .flat_map(AddressRow::of),
        )
    }
}

/// Reads `ADDRESS/LENGTH dev INTERFACE`.
fn address_on(of: &[String]) -> Result<(IpNet, String), WordError> {
    let mut words = words(of);
    let (mut address, mut interface) = (None, None);
    while let Some(word) = words.next() {
        match word {
            "dev" => interface = Some(words.text("dev")?),
            "local" => address = Some(net(&words.text("local")?, ADDRESS)?),
            other if address.is_none() => address = Some(net(other, ADDRESS)?),
            other => return Err(unknown(other, "dev")),
        }
    }
    Ok((
        address.ok_or(WordError::Missing("the address"))?,
        interface.ok_or(WordError::Missing("`dev` and the interface"))?,
    ))
}

/// Reads `[dev] INTERFACE` or `vrf VRF`.
fn selection(of: &[String]) -> Result<(Option<String>, Option<String>), WordError> {
    let mut words = words(of);
    let (mut interface, mut vrf) = (None, None);
    while let Some(word) = words.next() {
        match word {
            "dev" => interface = Some(words.text("dev")?),
            "vrf" => vrf = Some(words.text("vrf")?),
            name if interface.is_none() => interface = Some(name.to_owned()),
            other => return Err(unknown(other, "dev, vrf")),
        }
    }
    match (&interface, &vrf) {
        (Some(_), Some(_)) => Err(WordError::Conflict("give `dev` or `vrf`, not both")),
        _ => Ok((interface, vrf)),
    }
}

/// An address of an interface.
#[derive(Clone, Debug, Serialize)]
struct AddressRow {
    interface: String,
    address: String,
    vrf: String,
}

impl AddressRow {
    fn of(link: LinkRow) -> Vec<Self> {
        let LinkRow {
            name,
            vrf,
            addresses,
            ..
        } = link;
        addresses
            .into_iter()
            .map(|address| Self {
                interface: name.clone(),
                address,
                vrf: vrf.clone(),
            })
            .collect()
    }
}

impl Row for AddressRow {
    const COLUMNS: &'static [&'static str] = &["INTERFACE", "ADDRESS", "VRF"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.interface.clone(),
            self.address.clone(),
            self.vrf.clone(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn addresses_are_given_in_the_words_of_ip() {
        let expected = ("10.0.0.1/24".parse().unwrap(), "p0".to_owned());
        assert_eq!(
            address_on(&split("10.0.0.1/24 dev p0")),
            Ok(expected.clone())
        );
        assert_eq!(address_on(&split("dev p0 local 10.0.0.1/24")), Ok(expected));
        for bad in [
            "",
            "10.0.0.1/24",
            "10.0.0.1 dev p0",
            "10.0.0.1/24 dev",
            "10.0.0.1/24 dev p0 scope link",
        ] {
            assert!(address_on(&split(bad)).is_err(), "{bad}");
        }
        assert_eq!(
            selection(&split("dev p0")),
            Ok((Some("p0".to_owned()), None))
        );
        assert_eq!(
            selection(&split("vrf red")),
            Ok((None, Some("red".to_owned())))
        );
        assert!(selection(&split("p0 vrf red")).is_err());
    }
}
