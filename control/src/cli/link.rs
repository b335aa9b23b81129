//! `ferroute link`: interfaces.

use super::convert::{Traffic, dash, interface_address_text, mac_text, up};
use super::error::CliError;
use super::output::Row;
use super::session::Session;
use super::words::{WordError, unknown, words};
use clap::Subcommand;
use ferroute_proto::v1;
use ferroute_proto::v1::interface_service_client::InterfaceServiceClient;
use ferroute_proto::v1::{interface, interface_spec};
use serde::Serialize;

/// What to do with interfaces.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum Link {
    /// Makes a VLAN or a loopback, administratively up unless `down` is said.
    ///
    /// ferroute link add p0.100 type vlan link p0 id 100 vrf red
    /// ferroute link add lo0 type loopback
    #[command(verbatim_doc_comment)]
    Add {
        /// NAME type vlan link PARENT id VLAN | NAME type loopback, then any of: vrf VRF, mtu BYTES, down.
        #[arg(required = true, value_name = "WORD")]
        words: Vec<String>,
    },
    /// Changes what is given and leaves the rest.
    ///
    /// ferroute link set p0 up mtu 9000 vrf red
    #[command(verbatim_doc_comment)]
    Set {
        /// NAME, then any of: up, down, mtu BYTES, vrf VRF, nomaster (back to the default VRF), mpls on|off, tcp-mtu BYTES (the
        /// MSS of connections that open through it is lowered to what fits; 0: is left alone).
        #[arg(required = true, value_name = "WORD", verbatim_doc_comment)]
        words: Vec<String>,
    },
    /// Removes a VLAN or a loopback.
    #[command(visible_alias = "delete")]
    Del {
        /// The interface.
        name: String,
    },
    /// Shows one interface or all.
    #[command(visible_alias = "list")]
    Show {
        /// Only this interface.
        #[arg(conflicts_with = "vrf")]
        name: Option<String>,
        /// Only interfaces in this VRF.
        #[arg(long)]
        vrf: Option<String>,
    },
}

impl Link {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), CliError> {
        let mut client = InterfaceServiceClient::new(session.channel.clone());
        let interfaces = match self {
            Self::Add { words } => {
                let spec = Some(new_interface(&words)?);
                vec![
                    client
                        .create(v1::CreateInterfaceRequest { spec })
                        .await?
                        .into_inner(),
                ]
            }
            Self::Set { words } => vec![client.change(change(&words)?).await?.into_inner()],
            Self::Del { name } => {
                client
                    .delete(v1::DeleteInterfaceRequest { name: name.clone() })
                    .await?;
                return session.output.done(&format!("interface {name} removed"));
            }
            Self::Show {
                name: Some(name), ..
            } => vec![
                client
                    .get(v1::GetInterfaceRequest { name })
                    .await?
                    .into_inner(),
            ],
            Self::Show { name: None, vrf } => {
                client
                    .list(v1::ListInterfacesRequest { vrf })
                    .await?
                    .into_inner()
                    .interfaces
            }
        };
        session
            .output
            .rows(interfaces.into_iter().map(LinkRow::from))
    }
}

/// Reads what `ip link add` reads: `[name] NAME type ... [link PARENT] [id VLAN] ...` in any order.
fn new_interface(of: &[String]) -> Result<v1::InterfaceSpec, WordError> {
    const KNOWN: &str = "name, link, type vlan, type loopback, id, vrf, mtu, up, down";
    let mut spec = v1::InterfaceSpec {
        admin_up: true,
        ..v1::InterfaceSpec::default()
    };
    let (mut parent, mut vlan_id, mut kind) = (None, None, None);
    let mut words = words(of);
    while let Some(word) = words.next() {
        match word {
            "name" => spec.name = words.text("name")?,
            "link" => parent = Some(words.text("link")?),
            "type" => kind = Some(words.text("type")?),
            "id" => vlan_id = Some(words.value("id", "VLAN")?),
            "vrf" | "master" => spec.vrf = words.text("vrf")?,
            "mtu" => spec.mtu = words.value("mtu", "MTU")?,
            "up" => spec.admin_up = true,
            "down" => spec.admin_up = false,
            name if spec.name.is_empty() => spec.name = name.to_owned(),
            other => return Err(unknown(other, KNOWN)),
        }
    }
    if spec.name.is_empty() {
        return Err(WordError::Missing("the interface's name"));
    }
    spec.kind = Some(match (kind.as_deref(), parent, vlan_id) {
        (Some("vlan"), Some(parent), Some(vlan_id)) => {
            interface_spec::Kind::Vlan(v1::Vlan { parent, vlan_id })
        }
        (Some("vlan"), None, _) => return Err(WordError::Missing("`link` and the VLAN's parent")),
        (Some("vlan"), _, None) => return Err(WordError::Missing("`id` and the VLAN's tag")),
        (Some("loopback"), None, None) => interface_spec::Kind::Loopback(v1::Loopback {}),
        (Some("loopback"), _, _) => {
            return Err(WordError::Conflict("a loopback has no `link` and no `id`"));
        }
        (Some(other), _, _) => return Err(unknown(other, "type vlan, type loopback")),
        (None, _, _) => return Err(WordError::Missing("`type vlan` or `type loopback`")),
    });
    Ok(spec)
}

/// Reads what `ip link set` reads.
fn change(of: &[String]) -> Result<v1::ChangeInterfaceRequest, WordError> {
    let mut words = words(of);
    words.take("dev");
    let mut change = v1::ChangeInterfaceRequest {
        name: words.required("the interface's name")?.to_owned(),
        ..Default::default()
    };
    while let Some(word) = words.next() {
        match word {
            "up" => change.admin_up = Some(true),
            "down" => change.admin_up = Some(false),
            "mtu" => change.mtu = Some(words.value("mtu", "MTU")?),
            "tcp-mtu" => change.tcp_mtu = Some(words.value("tcp-mtu", "MTU")?),
            "vrf" | "master" => change.vrf = Some(words.text("vrf")?),
            "nomaster" => change.vrf = Some(String::new()),
            "mpls" => {
                change.mpls_input = match words.text("mpls")?.as_str() {
                    "on" => Some(true),
                    "off" => Some(false),
                    other => return Err(unknown(other, "on, off")),
                }
            }
            other => {
                return Err(unknown(
                    other,
                    "up, down, mtu, vrf, nomaster, mpls, tcp-mtu",
                ));
            }
        }
    }
    Ok(change)
}

/// An interface.
#[derive(Clone, Debug, Serialize)]
pub(super) struct LinkRow {
    pub(super) name: String,
    id: u32,
    /// `port`, `vlan`, `loopback`, `vxlan`, `mpls`, `bridge` or `tunnel`.
    kind: &'static str,
    /// The port's interface on which a VLAN stands.
    parent: Option<String>,
    vlan_id: Option<u32>,
    pub(super) vrf: String,
    mtu: u32,
    admin_up: bool,
    oper_up: bool,
    /// Whether it takes packets with labels.
    mpls: bool,
    /// The largest packet for TCP connections that open through it, in bytes; 0: left to their ends.
    tcp_mtu: u32,
    bridge_domain: String,
    mac: String,
    pub(super) addresses: Vec<String>,
    twin: Option<TwinRow>,
    rx: Traffic,
    tx: Traffic,
    punted_packets: u64,
    dropped_packets: u64,
}

/// An interface's kernel twin.
#[derive(Clone, Debug, Serialize)]
struct TwinRow {
    name: String,
    namespace: String,
    ifindex: u32,
}

impl From<v1::Interface> for LinkRow {
    fn from(interface: v1::Interface) -> Self {
        let (kind, parent, vlan_id) = match interface.kind {
            Some(interface::Kind::Port(_)) => ("port", None, None),
            Some(interface::Kind::Vlan(vlan)) => ("vlan", Some(vlan.parent), Some(vlan.vlan_id)),
            Some(interface::Kind::Loopback(_)) => ("loopback", None, None),
            Some(interface::Kind::Vxlan(_)) => ("vxlan", None, None),
            Some(interface::Kind::Bridge(_)) => ("bridge", None, None),
            Some(interface::Kind::Mpls(_)) => ("mpls", None, None),
            Some(interface::Kind::Ip(_)) => ("tunnel", None, None),
            None => ("unknown", None, None),
        };
        let counters = interface.counters.unwrap_or_default();
        Self {
            name: interface.name,
            id: interface.id,
            kind,
            parent,
            vlan_id,
            vrf: interface.vrf,
            mtu: interface.mtu,
            admin_up: interface.admin_up,
            oper_up: interface.oper_up,
            mpls: interface.mpls_input,
            tcp_mtu: interface.tcp_mtu,
            bridge_domain: interface.bridge_domain,
            mac: mac_text(&interface.mac),
            addresses: interface
                .addresses
                .iter()
                .map(interface_address_text)
                .collect(),
            twin: interface.twin.map(|twin| TwinRow {
                name: twin.name,
                namespace: twin.namespace,
                ifindex: twin.ifindex,
            }),
            rx: counters.rx.into(),
            tx: counters.tx.into(),
            punted_packets: counters.punted_packets,
            dropped_packets: counters.dropped_packets,
        }
    }
}

impl Row for LinkRow {
    const COLUMNS: &'static [&'static str] = &[
        "INTERFACE",
        "KIND",
        "VRF",
        "ADMIN",
        "OPER",
        "MTU",
        "MAC",
        "TWIN",
        "ADDRESSES",
    ];

    fn cells(&self) -> Vec<String> {
        let kind = match (&self.parent, self.vlan_id) {
            (Some(parent), Some(vlan_id)) => format!("vlan {vlan_id} on {parent}"),
            _ => self.kind.to_owned(),
        };
        let twin =
            self.twin
                .as_ref()
                .map_or_else(String::new, |twin| match twin.namespace.as_str() {
                    "" => twin.name.clone(),
                    namespace => format!("{}@{namespace}", twin.name),
                });
        vec![
            self.name.clone(),
            kind,
            self.vrf.clone(),
            up(self.admin_up),
            up(self.oper_up),
            self.mtu.to_string(),
            dash(&self.mac),
            dash(&twin),
            dash(&self.addresses.join("\n")),
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
    fn links_are_made_in_the_words_of_ip() {
        let vlan = v1::InterfaceSpec {
            name: "p0.100".to_owned(),
            kind: Some(interface_spec::Kind::Vlan(v1::Vlan {
                parent: "p0".to_owned(),
                vlan_id: 100,
            })),
            vrf: "red".to_owned(),
            mtu: 1400,
            admin_up: true,
            addresses: Vec::new(),
        };
        for text in [
            "link p0 name p0.100 type vlan id 100 vrf red mtu 1400",
            "p0.100 type vlan link p0 id 100 mtu 1400 master red up",
        ] {
            assert_eq!(new_interface(&split(text)), Ok(vlan.clone()), "{text}");
        }
        let loopback = new_interface(&split("lo0 type loopback down")).unwrap();
        assert_eq!(
            (loopback.kind, loopback.admin_up),
            (Some(interface_spec::Kind::Loopback(v1::Loopback {})), false)
        );
        for bad in [
            "",
            "x",
            "x type bridge",
            "x type vlan id 5",
            "x type vlan link p0",
            "x type vlan link p0 id y",
            "x y",
            "lo type loopback id 5",
            "x type",
        ] {
            assert!(new_interface(&split(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn links_are_changed_in_the_words_of_ip() {
        let expected = v1::ChangeInterfaceRequest {
            name: "p0".to_owned(),
            admin_up: Some(true),
            mtu: Some(9000),
            vrf: Some("red".to_owned()),
            mpls_input: None,
            tcp_mtu: None,
        };
        assert_eq!(
            change(&split("dev p0 up mtu 9000 master red")),
            Ok(expected)
        );
        assert_eq!(
            change(&split("p0 nomaster")).unwrap().vrf,
            Some(String::new())
        );
        assert_eq!(
            change(&split("p0 promisc on")),
            Err(unknown(
                "promisc",
                "up, down, mtu, vrf, nomaster, mpls, tcp-mtu"
            ))
        );
    }
}
