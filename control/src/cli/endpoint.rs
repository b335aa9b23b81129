//! `ferroute endpoint`: the router's own ends of tunnels.

use super::convert::{address_bytes, address_text, dash};
use super::error::CliError;
use super::output::Row;
use super::session::Session;
use super::words::{WordError, unknown, words};
use clap::Subcommand;
use ferroute_proto::v1;
use ferroute_proto::v1::overlay_service_client::OverlayServiceClient;
use serde::Serialize;
use std::net::IpAddr;

const KNOWN: &str = "address, vrf, vxlan-port, gue-port, ttl, ttl-mode, dscp-mode, ecn, df, udp6zerocsumtx, udp6zerocsumrx, known-peers, mpls-udp, ip-vrf";

/// What to do with endpoints.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum Endpoint {
    /// Makes an endpoint at addresses of an interface.
    ///
    /// ferroute endpoint add default address 192.0.2.1 address 2001:db8::1
    #[command(verbatim_doc_comment)]
    Add {
        /// NAME, then: address ADDRESS (one of each family), and any of: vrf UNDERLAY, vxlan-port N, gue-port N, ttl N,
        /// ttl-mode pipe|uniform, dscp-mode pipe|uniform, ecn normal|compatibility, df set|inner, udp6zerocsumtx,
        /// udp6zerocsumrx, known-peers, mpls-udp on|off, ip-vrf VRF (of what comes out of IP in IP and GUE).
        #[arg(required = true, value_name = "WORD", verbatim_doc_comment)]
        words: Vec<String>,
    },
    /// Gives an endpoint another form; what is not said gets its usual value.
    Replace {
        /// As for `add`.
        #[arg(required = true, value_name = "WORD")]
        words: Vec<String>,
    },
    /// Removes an endpoint without VNIs and tunnels.
    #[command(visible_alias = "delete")]
    Del {
        /// The endpoint.
        name: String,
    },
    /// Shows one endpoint or all.
    #[command(visible_alias = "list")]
    Show {
        /// Only this endpoint.
        name: Option<String>,
    },
}

impl Endpoint {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), CliError> {
        let mut client = OverlayServiceClient::new(session.channel.clone());
        let endpoints = match self {
            Self::Add { words } => {
                let spec = Some(read(&words)?);
                let request = v1::CreateEndpointRequest { spec };
                vec![client.create_endpoint(request).await?.into_inner()]
            }
            Self::Replace { words } => {
                let spec = Some(read(&words)?);
                let request = v1::ChangeEndpointRequest { spec };
                vec![client.change_endpoint(request).await?.into_inner()]
            }
            Self::Del { name } => {
                let done = format!("endpoint {name} removed");
                let request = v1::DeleteEndpointRequest { name };
                client.delete_endpoint(request).await?;
                return session.output.done(&done);
            }
            Self::Show { name: Some(name) } => {
                let request = v1::GetEndpointRequest { name };
                vec![client.get_endpoint(request).await?.into_inner()]
            }
            Self::Show { name: None } => {
                let request = v1::ListEndpointsRequest {};
                client.list_endpoints(request).await?.into_inner().endpoints
            }
        };
        session
            .output
            .rows(endpoints.into_iter().map(EndpointRow::from))
    }
}

/// The mode that a word names.
pub(super) fn mode(word: &str) -> Result<i32, WordError> {
    match word {
        "pipe" => Ok(v1::TunnelMode::Pipe.into()),
        "uniform" => Ok(v1::TunnelMode::Uniform.into()),
        other => Err(unknown(other, "pipe, uniform")),
    }
}

/// The word for a mode.
pub(super) const fn mode_word(mode: v1::TunnelMode) -> &'static str {
    match mode {
        v1::TunnelMode::Pipe => "pipe",
        v1::TunnelMode::Uniform => "uniform",
    }
}

fn read(of: &[String]) -> Result<v1::EndpointSpec, WordError> {
    let mut words = words(of);
    let mut spec = v1::EndpointSpec {
        name: words.required("the endpoint's name")?.to_owned(),
        mpls_udp: true,
        ..v1::EndpointSpec::default()
    };
    while let Some(word) = words.next() {
        match word {
            "address" => {
                let address: IpAddr = words.value("address", "address")?;
                spec.addresses.push(address_bytes(address));
            }
            "vrf" => spec.vrf = words.text("vrf")?,
            "vxlan-port" => spec.vxlan_port = words.value("vxlan-port", "port")?,
            "gue-port" => spec.gue_port = words.value("gue-port", "port")?,
            "ttl" => spec.ttl = words.value("ttl", "TTL")?,
            "ttl-mode" => spec.ttl_mode = mode(&words.text("ttl-mode")?)?,
            "dscp-mode" => spec.dscp_mode = mode(&words.text("dscp-mode")?)?,
            "ecn" => {
                spec.ecn_mode = match words.text("ecn")?.as_str() {
                    "normal" => v1::EcnMode::Normal.into(),
                    "compatibility" => v1::EcnMode::Compatibility.into(),
                    other => return Err(unknown(other, "normal, compatibility")),
                }
            }
            "df" => {
                spec.df = match words.text("df")?.as_str() {
                    "set" => v1::DontFragment::Set.into(),
                    "inner" => v1::DontFragment::Inner.into(),
                    other => return Err(unknown(other, "set, inner")),
                }
            }
            "udp6zerocsumtx" => spec.udp6_zero_tx = true,
            "udp6zerocsumrx" => spec.udp6_zero_rx = true,
            "known-peers" => spec.known_peers_only = true,
            "mpls-udp" => {
                spec.mpls_udp = match words.text("mpls-udp")?.as_str() {
                    "on" => true,
                    "off" => false,
                    other => return Err(unknown(other, "on, off")),
                }
            }
            "ip-vrf" => spec.ip_vrf = words.text("ip-vrf")?,
            other => return Err(unknown(other, KNOWN)),
        }
    }
    Ok(spec)
}

/// An endpoint.
#[derive(Clone, Debug, Serialize)]
pub(super) struct EndpointRow {
    name: String,
    id: u32,
    vrf: String,
    addresses: Vec<String>,
    interface: String,
    vxlan_port: u32,
    gue_port: u32,
    ttl: u32,
    ttl_mode: &'static str,
    dscp_mode: &'static str,
    ecn: &'static str,
    df: &'static str,
    udp6_zero_tx: bool,
    udp6_zero_rx: bool,
    known_peers_only: bool,
    mpls_udp: bool,
    ip_vrf: String,
    ip_interface: String,
    vnis: u32,
    tunnels: u32,
}

impl From<v1::Endpoint> for EndpointRow {
    fn from(endpoint: v1::Endpoint) -> Self {
        let spec = endpoint.spec.unwrap_or_default();
        Self {
            ttl_mode: mode_word(spec.ttl_mode()),
            dscp_mode: mode_word(spec.dscp_mode()),
            ecn: match spec.ecn_mode() {
                v1::EcnMode::Normal => "normal",
                v1::EcnMode::Compatibility => "compatibility",
            },
            df: match spec.df() {
                v1::DontFragment::Set => "set",
                v1::DontFragment::Inner => "inner",
            },
            id: endpoint.id,
            addresses: spec.addresses.iter().map(|a| address_text(a)).collect(),
            name: spec.name,
            vrf: spec.vrf,
            interface: endpoint.interface,
            vxlan_port: spec.vxlan_port,
            gue_port: spec.gue_port,
            ttl: spec.ttl,
            udp6_zero_tx: spec.udp6_zero_tx,
            udp6_zero_rx: spec.udp6_zero_rx,
            known_peers_only: spec.known_peers_only,
            mpls_udp: spec.mpls_udp,
            ip_vrf: spec.ip_vrf,
            ip_interface: endpoint.ip_interface,
            vnis: endpoint.vnis,
            tunnels: endpoint.tunnels,
        }
    }
}

impl EndpointRow {
    /// The endpoint in one line.
    pub(super) fn summary(&self) -> String {
        let Self { name, vrf, .. } = self;
        format!("{name} vrf {vrf} {}", self.addresses.join(" "))
    }
}

impl Row for EndpointRow {
    const COLUMNS: &'static [&'static str] = &[
        "ENDPOINT",
        "VRF",
        "ADDRESSES",
        "INTERFACE",
        "VXLAN",
        "TTL",
        "MODES",
        "IP",
        "VNIS",
        "TUNNELS",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.vrf.clone(),
            self.addresses.join(" "),
            self.interface.clone(),
            self.vxlan_port.to_string(),
            self.ttl.to_string(),
            format!(
                "ttl {} dscp {} ecn {} df {}",
                self.ttl_mode, self.dscp_mode, self.ecn, self.df
            ),
            dash(&self.ip_vrf),
            self.vnis.to_string(),
            self.tunnels.to_string(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_given_in_words() {
        let split = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let spec = read(&split(
            "fabric vrf underlay address 192.0.2.1 address 2001:db8::1 ttl 255 ttl-mode uniform ecn compatibility \
             df inner udp6zerocsumrx known-peers mpls-udp off ip-vrf red",
        ))
        .unwrap();
        assert_eq!(
            (spec.name.as_str(), spec.vrf.as_str()),
            ("fabric", "underlay")
        );
        assert_eq!((spec.addresses.len(), spec.ttl), (2, 255));
        assert_eq!(spec.ttl_mode(), v1::TunnelMode::Uniform);
        assert_eq!(spec.ecn_mode(), v1::EcnMode::Compatibility);
        assert_eq!(spec.df(), v1::DontFragment::Inner);
        assert!(spec.udp6_zero_rx && spec.known_peers_only && !spec.mpls_udp && !spec.udp6_zero_tx);
        assert_eq!(spec.ip_vrf, "red");
        for bad in ["a address x", "a ttl-mode", "a ecn maybe", "a dev lo0"] {
            assert!(read(&split(bad)).is_err(), "{bad}");
        }
    }
}
