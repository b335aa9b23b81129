//! `ferroute tunnel`: the tunnels that next hops lead into.

use super::convert::{address_text, dash, hex};
use super::encap;
use super::error::CliError;
use super::output::Row;
use super::session::Session;
use clap::Subcommand;
use ferroute_proto::v1;
use ferroute_proto::v1::overlay_service_client::OverlayServiceClient;
use serde::Serialize;

/// What to do with tunnels.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum Tunnel {
    /// Shows all tunnels, with what was sent into them. They come and go with the next hops that lead into them.
    #[command(visible_alias = "list")]
    Show,
}

impl Tunnel {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), CliError> {
        let Self::Show = self;
        let mut client = OverlayServiceClient::new(session.channel.clone());
        let request = v1::ListTunnelsRequest {};
        let mut pages = client.list_tunnels(request).await?.into_inner();
        let mut listing = session.output.listing();
        while let Some(page) = pages.message().await? {
            listing.page(page.tunnels.into_iter().map(TunnelRow::from))?;
        }
        listing.finish()
    }
}

/// A tunnel.
#[derive(Clone, Debug, Serialize)]
pub(super) struct TunnelRow {
    id: u32,
    source: String,
    remote: String,
    encap: String,
    users: u32,
    /// The value of FIB entries that lead where the tunnel's packets go.
    underlay: u32,
    resolved: bool,
    /// Why not.
    problem: String,
    payload_mtu: u32,
    /// The header bytes, in hexadecimal.
    header: String,
    packets: u64,
    bytes: u64,
}

impl From<v1::Tunnel> for TunnelRow {
    fn from(tunnel: v1::Tunnel) -> Self {
        let traffic = tunnel.traffic.unwrap_or_default();
        Self {
            id: tunnel.id,
            source: address_text(&tunnel.source),
            remote: address_text(&tunnel.remote),
            encap: tunnel.encap.as_ref().map(encap::text).unwrap_or_default(),
            users: tunnel.users,
            underlay: tunnel.underlay,
            resolved: tunnel.resolved,
            problem: tunnel.problem,
            payload_mtu: tunnel.payload_mtu,
            header: hex(&tunnel.header),
            packets: traffic.packets,
            bytes: traffic.bytes,
        }
    }
}

impl TunnelRow {
    fn state(&self) -> String {
        if self.resolved {
            "ready".to_owned()
        } else {
            format!("unresolved: {}", self.problem)
        }
    }

    /// The tunnel in one line.
    pub(super) fn summary(&self) -> String {
        let (source, encap) = (dash(&self.source), self.encap.trim_start_matches("encap "));
        let Self { id, remote, .. } = self;
        format!("{id} {source} > {remote} {encap} {}", self.state())
    }
}

impl Row for TunnelRow {
    const COLUMNS: &'static [&'static str] = &[
        "TUNNEL", "SOURCE", "REMOTE", "ENCAP", "USERS", "UNDERLAY", "STATE", "MTU", "PACKETS",
        "BYTES",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            dash(&self.source),
            self.remote.clone(),
            self.encap.trim_start_matches("encap ").to_owned(),
            self.users.to_string(),
            self.underlay.to_string(),
            self.state(),
            self.payload_mtu.to_string(),
            self.packets.to_string(),
            self.bytes.to_string(),
        ]
    }
}
