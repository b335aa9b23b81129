//! `ferroute vrf`: routing tables with their own interfaces.

use super::convert::dash;
use super::error::CliError;
use super::output::Row;
use super::session::Session;
use super::words::{WordError, unknown, words};
use clap::Subcommand;
use ferroute_proto::v1;
use ferroute_proto::v1::vrf_service_client::VrfServiceClient;
use serde::Serialize;

/// What to do with VRFs.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum Vrf {
    /// Makes a VRF: ferroute vrf add red table 100 netns red
    Add {
        /// NAME, then any of: table ID (by which routing suites know it), netns NAMESPACE (of its twins).
        #[arg(required = true, value_name = "WORD")]
        words: Vec<String>,
    },
    /// Removes a VRF with all its routes; it must have no interface.
    #[command(visible_alias = "delete")]
    Del {
        /// The VRF.
        name: String,
    },
    /// Shows one VRF or all.
    #[command(visible_alias = "list")]
    Show {
        /// Only this VRF.
        name: Option<String>,
    },
}

impl Vrf {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), CliError> {
        let mut client = VrfServiceClient::new(session.channel.clone());
        let vrfs = match self {
            Self::Add { words } => {
                let spec = Some(new_vrf(&words)?);
                vec![
                    client
                        .create(v1::CreateVrfRequest { spec })
                        .await?
                        .into_inner(),
                ]
            }
            Self::Del { name } => {
                client
                    .delete(v1::DeleteVrfRequest { name: name.clone() })
                    .await?;
                return session.output.done(&format!("VRF {name} removed"));
            }
            Self::Show { name: Some(name) } => {
                vec![client.get(v1::GetVrfRequest { name }).await?.into_inner()]
            }
            Self::Show { name: None } => {
                client.list(v1::ListVrfsRequest {}).await?.into_inner().vrfs
            }
        };
        session.output.rows(vrfs.into_iter().map(VrfRow::from))
    }
}

/// Reads `NAME [table ID] [netns NAMESPACE]`.
fn new_vrf(of: &[String]) -> Result<v1::VrfSpec, WordError> {
    let mut words = words(of);
    let mut spec = v1::VrfSpec {
        name: words.required("the VRF's name")?.to_owned(),
        ..v1::VrfSpec::default()
    };
    while let Some(word) = words.next() {
        match word {
            "table" => spec.table_id = words.value("table", "table")?,
            "netns" => spec.namespace = words.text("netns")?,
            other => return Err(unknown(other, "table, netns")),
        }
    }
    Ok(spec)
}

/// A VRF.
#[derive(Clone, Debug, Serialize)]
pub(super) struct VrfRow {
    name: String,
    id: u32,
    /// 0: none.
    table_id: u32,
    namespace: String,
    interfaces: Vec<String>,
    ipv4_prefixes: u64,
    ipv6_prefixes: u64,
}

impl From<v1::Vrf> for VrfRow {
    fn from(vrf: v1::Vrf) -> Self {
        let spec = vrf.spec.unwrap_or_default();
        Self {
            name: spec.name,
            id: vrf.id,
            table_id: spec.table_id,
            namespace: spec.namespace,
            interfaces: vrf.interfaces,
            ipv4_prefixes: vrf.ipv4_prefixes,
            ipv6_prefixes: vrf.ipv6_prefixes,
        }
    }
}

impl Row for VrfRow {
    const COLUMNS: &'static [&'static str] =
        &["VRF", "ID", "TABLE", "NETNS", "IPV4", "IPV6", "INTERFACES"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.id.to_string(),
            if self.table_id == 0 {
                dash("")
            } else {
                self.table_id.to_string()
            },
            dash(&self.namespace),
            self.ipv4_prefixes.to_string(),
            self.ipv6_prefixes.to_string(),
            dash(&self.interfaces.join(" ")),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vrfs_are_made_in_the_words_of_ip() {
        let split = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let spec = new_vrf(&split("red table 100 netns tenants")).unwrap();
        assert_eq!(
            (spec.name.as_str(), spec.table_id, spec.namespace.as_str()),
            ("red", 100, "tenants")
        );
        assert_eq!(
            new_vrf(&split("red type vrf")),
            Err(unknown("type", "table, netns"))
        );
        assert!(new_vrf(&split("red table x")).is_err());
    }
}
