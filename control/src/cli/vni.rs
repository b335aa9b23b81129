//! `ferroute vni`: VXLAN networks.

use super::convert::{dash, mac_bytes, mac_text};
use super::error::CliError;
use super::output::Row;
use super::session::Session;
use super::words::{WordError, unknown, words};
use clap::Subcommand;
use ferroute_dataplane::mac::Mac;
use ferroute_proto::v1;
use ferroute_proto::v1::overlay_service_client::OverlayServiceClient;
use serde::Serialize;

/// What to do with VNIs.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum Vni {
    /// Makes a VNI that leads into a VRF or a bridge domain.
    ///
    /// ferroute vni add 100 vrf red rmac 02:00:00:00:00:01
    /// ferroute vni add 200 domain blue
    #[command(verbatim_doc_comment)]
    Add {
        /// NUMBER, vrf VRF, rmac MAC, and any of: endpoint NAME, dev NAME (of its interface); or NUMBER, domain NAME, and
        /// endpoint NAME.
        #[arg(required = true, value_name = "WORD")]
        words: Vec<String>,
    },
    /// Moves a routed VNI to another VRF, or gives it another router MAC.
    Set {
        /// As for `add`, but for dev.
        #[arg(required = true, value_name = "WORD")]
        words: Vec<String>,
    },
    /// Removes a VNI.
    #[command(visible_alias = "delete")]
    Del {
        /// The VNI.
        vni: u32,
        /// Its endpoint.
        #[arg(long, default_value = "default")]
        endpoint: String,
    },
    /// Shows one VNI or all, with what went through them.
    #[command(visible_alias = "list")]
    Show {
        /// Only this VNI.
        vni: Option<u32>,
        /// Its endpoint.
        #[arg(long, default_value = "default")]
        endpoint: String,
    },
}

impl Vni {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), CliError> {
        let mut client = OverlayServiceClient::new(session.channel.clone());
        let vni = match self {
            Self::Add { words } => {
                let spec = Some(read(&words)?);
                let request = v1::CreateVniRequest {
                    spec,
                    ..v1::CreateVniRequest::default()
                };
                client.create_vni(request).await?.into_inner()
            }
            Self::Set { words } => {
                let spec = Some(read(&words)?);
                let request = v1::ChangeVniRequest {
                    spec,
                    ..v1::ChangeVniRequest::default()
                };
                client.change_vni(request).await?.into_inner()
            }
            Self::Del { vni, endpoint } => {
                let request = v1::DeleteVniRequest { vni, endpoint };
                client.delete_vni(request).await?;
                return session.output.done(&format!("VNI {vni} removed"));
            }
            Self::Show {
                vni: Some(vni),
                endpoint,
            } => {
                let request = v1::GetVniRequest { vni, endpoint };
                client.get_vni(request).await?.into_inner()
            }
            Self::Show { vni: None, .. } => {
                let request = v1::ListVnisRequest {};
                let mut pages = client.list_vnis(request).await?.into_inner();
                let mut listing = session.output.listing();
                while let Some(page) = pages.message().await? {
                    listing.page(page.vnis.into_iter().map(VniRow::from))?;
                }
                return listing.finish();
            }
        };
        session.output.rows([VniRow::from(vni)])
    }
}

fn read(of: &[String]) -> Result<v1::VniSpec, WordError> {
    let mut words = words(of);
    words.take("id");
    let vni = words.value("id", "VNI")?;
    let (mut endpoint, mut routed) = (String::new(), v1::RoutedVni::default());
    let mut domain = String::new();
    while let Some(word) = words.next() {
        match word {
            "vrf" => routed.vrf = words.text("vrf")?,
            "rmac" => {
                routed.router_mac = mac_bytes(words.value::<Mac>("rmac", "Ethernet address")?)
            }
            "endpoint" => endpoint = words.text("endpoint")?,
            "dev" => routed.interface = words.text("dev")?,
            "domain" => domain = words.text("domain")?,
            other => return Err(unknown(other, "vrf, rmac, domain, endpoint, dev")),
        }
    }
    if !domain.is_empty() {
        if routed != v1::RoutedVni::default() {
            return Err(WordError::Conflict(
                "a VNI leads to a VRF or to a bridge domain, not to both",
            ));
        }
        let bridged = v1::BridgedVni { domain };
        return Ok(v1::VniSpec {
            vni,
            endpoint,
            target: Some(v1::vni_spec::Target::Bridged(bridged)),
        });
    }
    if routed.vrf.is_empty() {
        return Err(WordError::Missing("the VRF, `vrf NAME`,"));
    }
    if routed.router_mac.is_empty() {
        return Err(WordError::Missing("the router MAC, `rmac MAC`,"));
    }
    Ok(v1::VniSpec {
        vni,
        endpoint,
        target: Some(v1::vni_spec::Target::Routed(routed)),
    })
}

/// A VNI.
#[derive(Clone, Debug, Serialize)]
pub(super) struct VniRow {
    vni: u32,
    endpoint: String,
    vrf: String,
    domain: String,
    router_mac: String,
    interface: String,
    rx_packets: u64,
    rx_bytes: u64,
    tx_packets: u64,
    tx_bytes: u64,
    dropped_packets: u64,
}

impl From<v1::Vni> for VniRow {
    fn from(vni: v1::Vni) -> Self {
        let spec = vni.spec.unwrap_or_default();
        let (routed, bridged) = match spec.target {
            Some(v1::vni_spec::Target::Routed(routed)) => (routed, v1::BridgedVni::default()),
            Some(v1::vni_spec::Target::Bridged(bridged)) => (v1::RoutedVni::default(), bridged),
            None => Default::default(),
        };
        let traffic = vni.traffic.unwrap_or_default();
        let (rx, tx) = (
            traffic.rx.unwrap_or_default(),
            traffic.tx.unwrap_or_default(),
        );
        Self {
            vni: spec.vni,
            endpoint: spec.endpoint,
            vrf: routed.vrf,
            domain: bridged.domain,
            router_mac: mac_text(&routed.router_mac),
            interface: routed.interface,
            rx_packets: rx.packets,
            rx_bytes: rx.bytes,
            tx_packets: tx.packets,
            tx_bytes: tx.bytes,
            dropped_packets: traffic.dropped_packets,
        }
    }
}

impl VniRow {
    /// The VNI in one line.
    pub(super) fn summary(&self) -> String {
        let Self { vni, endpoint, .. } = self;
        let leads = match (self.vrf.as_str(), self.domain.as_str()) {
            ("", domain) => format!("domain {domain}"),
            (vrf, _) => format!("vrf {vrf} rmac {}", self.router_mac),
        };
        format!("{vni} endpoint {endpoint} {leads}")
    }
}

impl Row for VniRow {
    const COLUMNS: &'static [&'static str] = &[
        "VNI",
        "ENDPOINT",
        "VRF",
        "DOMAIN",
        "ROUTER MAC",
        "INTERFACE",
        "RX",
        "TX",
        "DROPPED",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.vni.to_string(),
            self.endpoint.clone(),
            dash(&self.vrf),
            dash(&self.domain),
            dash(&self.router_mac),
            dash(&self.interface),
            self.rx_packets.to_string(),
            self.tx_packets.to_string(),
            self.dropped_packets.to_string(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vnis_are_given_in_words() {
        let split = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let spec = read(&split("100 vrf red rmac 02:00:00:00:00:01 endpoint fabric")).unwrap();
        assert_eq!((spec.vni, spec.endpoint.as_str()), (100, "fabric"));
        for bad in [
            "x vrf red",
            "100 vrf red",
            "100 rmac 02:00:00:00:00:01",
            "100 bridge b",
        ] {
            assert!(read(&split(bad)).is_err(), "{bad}");
        }
    }
}
