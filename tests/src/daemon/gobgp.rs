//! GoBGP in a namespace. It speaks BGP and touches no kernel route.

use crate::daemon::root::{Release, Root};
use crate::error::LabError;
use crate::netns::Namespace;
use crate::process::{Process, output};
use crate::wait::{Seen, until};
use ipnet::IpNet;
use serde_json::{Value, json};
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// How long it may take to start, or a session to come up.
const LIMIT: Duration = Duration::from_secs(30);

/// What one GoBGP is to do.
#[derive(Clone, Debug)]
pub struct GoBgpConfig {
    /// Its autonomous system.
    pub asn: u32,
    /// Its identifier.
    pub router_id: Ipv4Addr,
    /// Whom it speaks to.
    pub peers: Vec<GoBgpPeer>,
}

/// Whom a GoBGP speaks to.
#[derive(Clone, Debug)]
pub struct GoBgpPeer {
    /// At which address.
    pub address: IpAddr,
    /// Its autonomous system.
    pub asn: u32,
    /// The greatest distance in hops of an external peer; also the TTL sent.
    pub multihop: Option<u8>,
    /// Whether it is a client of the reflection.
    pub reflector_client: bool,
    /// Whether EVPN is spoken too.
    pub evpn: bool,
}

impl GoBgpPeer {
    /// A peer with nothing special.
    #[must_use]
    pub fn new(address: impl Into<IpAddr>, asn: u32) -> Self {
        Self {
            address: address.into(),
            asn,
            multihop: None,
            reflector_client: false,
            evpn: false,
        }
    }

    fn render(&self, router_id: Ipv4Addr) -> Value {
        let families = ["ipv4-unicast", "ipv6-unicast", "l2vpn-evpn"];
        let families = families.iter().take(if self.evpn { 3 } else { 2 });
        let families = families.map(|name| json!({ "config": { "afi-safi-name": name } }));
        let mut peer = json!({
            "config": { "neighbor-address": self.address, "peer-as": self.asn },
            "timers": { "config": { "connect-retry": 1, "hold-time": 9, "keepalive-interval": 3 } },
            "afi-safis": families.collect::<Vec<_>>(),
        });
        if let Some(ttl) = self.multihop {
            peer["ebgp-multihop"] = json!({ "config": { "enabled": true, "multihop-ttl": ttl } });
        }
        if self.reflector_client {
            peer["route-reflector"] = json!({ "config": {
                "route-reflector-client": true, "route-reflector-cluster-id": router_id,
            } });
        }
        peer
    }
}

/// A GoBGP. Dropping it kills it.
#[derive(Debug)]
pub struct GoBgp {
    root: Root,
    process: Process,
}

impl GoBgp {
    /// Starts one in a namespace and waits until it answers.
    ///
    /// # Errors
    /// As for [`Root::new`]; [`LabError::Timeout`] with its log.
    pub fn start(
        namespace: &Namespace,
        release: Release,
        config: &GoBgpConfig,
    ) -> Result<Self, LabError> {
        let root = Root::new(namespace, release, &[])?;
        let peers: Vec<_> = config
            .peers
            .iter()
            .map(|peer| peer.render(config.router_id))
            .collect();
        let document = json!({
            "global": { "config": { "as": config.asn, "router-id": config.router_id } },
            "neighbors": peers,
        });
        fs::write(root.run_file("gobgp.json"), document.to_string())
            .map_err(LabError::system("configuring GoBGP"))?;
        let mut command = root.command("gobgpd")?;
        command.args(["-f", "/run/gobgp.json", "-t", "json", "--pprof-disable"]);
        let process = Process::start(&mut command)?;
        let gobgp = Self { root, process };
        until("readiness of GoBGP", LIMIT, || {
            Ok(match gobgp.say("global") {
                // It answers before it has read its configuration.
                Ok(printed) if printed.contains(&config.asn.to_string()) => Seen::Yes(()),
                Ok(printed) => Seen::NotYet(printed),
                Err(error) => Seen::NotYet(format!("{error}\n{}", gobgp.process.log())),
            })
        })?;
        Ok(gobgp)
    }

    /// Runs `gobgp` with these words, split at white space, and answers what it printed.
    ///
    /// # Errors
    /// As for [`output`].
    pub fn say(&self, words: &str) -> Result<String, LabError> {
        output(self.root.command("gobgp")?.args(words.split_whitespace()))
    }

    /// Announces a prefix.
    ///
    /// # Errors
    /// As for [`output`].
    pub fn announce(&self, prefix: IpNet, next_hop: IpAddr) -> Result<(), LabError> {
        let family = match prefix {
            IpNet::V4(_) => "ipv4",
            IpNet::V6(_) => "ipv6",
        };
        self.say(&format!(
            "global rib add {prefix} nexthop {next_hop} -a {family}"
        ))
        .map(drop)
    }

    /// Waits until the session with a peer is established.
    ///
    /// # Errors
    /// [`LabError::Timeout`].
    pub fn wait_established(&self, peer: IpAddr) -> Result<Duration, LabError> {
        let look = || {
            let shown = self.say(&format!("neighbor {peer}"))?;
            Ok(Seen::when(
                shown.contains("BGP state = ESTABLISHED"),
                || format!("{shown}{}", self.process.log()),
            ))
        };
        Ok(until(&format!("GoBGP's session with {peer}"), LIMIT, look)?.1)
    }
}
