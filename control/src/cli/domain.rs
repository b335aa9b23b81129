//! `ferroute domain`: bridge domains.

use super::convert::{dash, mac_bytes, mac_text};
use super::error::CliError;
use super::output::Row;
use super::session::Session;
use super::words::{WordError, unknown, words};
use clap::Subcommand;
use ferroute_dataplane::mac::Mac;
use ferroute_proto::v1;
use ferroute_proto::v1::bridge_domain_service_client::BridgeDomainServiceClient;
use serde::Serialize;

const KNOWN: &str = "member, learning, remote-learning, unknown-unicast, broadcast, multicast, suppress, flood-pps, flood-burst, max-learned, ageing, max-moves, move-window, gateway, vrf, dev, twin";

/// What to do with bridge domains.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum Domain {
    /// Makes a bridge domain.
    ///
    /// ferroute domain add blue member p0 member p1.100 gateway 02:00:5e:00:01:01 vrf red dev br-blue
    #[command(verbatim_doc_comment)]
    Add {
        /// NAME, and any of: member INTERFACE (repeated), learning|unknown-unicast|broadcast|multicast|suppress on|off,
        /// remote-learning on|off (of sources out of tunnels, where no client says which way stations are), flood-pps N, flood-burst N, max-learned N, ageing SECONDS, max-moves N, move-window SECONDS,
        /// gateway MAC with any of: vrf VRF, dev NAME (of its interface), twin on|off.
        #[arg(required = true, value_name = "WORD", verbatim_doc_comment)]
        words: Vec<String>,
    },
    /// Gives a bridge domain another form; what is not said gets its usual value.
    Replace {
        /// As for `add`.
        #[arg(required = true, value_name = "WORD")]
        words: Vec<String>,
    },
    /// Removes a bridge domain.
    #[command(visible_alias = "delete")]
    Del {
        /// The bridge domain.
        name: String,
    },
    /// Puts an interface into a bridge domain.
    Join {
        /// The bridge domain.
        name: String,
        /// The interface.
        interface: String,
    },
    /// Takes an interface out of a bridge domain.
    Leave {
        /// The bridge domain.
        name: String,
        /// The interface.
        interface: String,
    },
    /// Shows one bridge domain or all, with what went through them.
    #[command(visible_alias = "list")]
    Show {
        /// Only this bridge domain.
        name: Option<String>,
    },
}

impl Domain {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), CliError> {
        let mut client = BridgeDomainServiceClient::new(session.channel.clone());
        let domain = match self {
            Self::Add { words } => {
                let spec = Some(read(&words)?);
                let request = v1::CreateDomainRequest { spec };
                client.create_domain(request).await?
            }
            Self::Replace { words } => {
                let spec = Some(read(&words)?);
                let request = v1::ChangeDomainRequest { spec };
                client.change_domain(request).await?
            }
            Self::Del { name } => {
                let done = format!("bridge domain {name} removed");
                let request = v1::DeleteDomainRequest { name };
                client.delete_domain(request).await?;
                return session.output.done(&done);
            }
            Self::Join { name, interface } => {
                let request = v1::AddMemberRequest {
                    domain: name,
                    interface,
                };
                client.add_member(request).await?
            }
            Self::Leave { name, interface } => {
                let request = v1::RemoveMemberRequest {
                    domain: name,
                    interface,
                };
                client.remove_member(request).await?
            }
            Self::Show { name: Some(name) } => {
                client.get_domain(v1::GetDomainRequest { name }).await?
            }
            Self::Show { name: None } => {
                let request = v1::ListDomainsRequest {};
                let mut pages = client.list_domains(request).await?.into_inner();
                let mut listing = session.output.listing();
                while let Some(page) = pages.message().await? {
                    listing.page(page.domains.into_iter().map(DomainRow::from))?;
                }
                return listing.finish();
            }
        };
        session.output.rows([DomainRow::from(domain.into_inner())])
    }
}

fn switch(word: &str) -> Result<bool, WordError> {
    match word {
        "on" => Ok(true),
        "off" => Ok(false),
        other => Err(unknown(other, "on, off")),
    }
}

fn read(of: &[String]) -> Result<v1::BridgeDomainSpec, WordError> {
    let mut words = words(of);
    let mut spec = v1::BridgeDomainSpec {
        name: words.required("the bridge domain's name")?.to_owned(),
        ..v1::BridgeDomainSpec::default()
    };
    let (mut policy, mut gateway) = (v1::BridgePolicy::default(), v1::BridgeGateway::default());
    while let Some(word) = words.next() {
        match word {
            "member" => spec.members.push(words.text("member")?),
            "learning" => policy.no_learning = !switch(&words.text("learning")?)?,
            "remote-learning" => policy.learn_remote = switch(&words.text("remote-learning")?)?,
            "unknown-unicast" => {
                policy.no_unknown_unicast = !switch(&words.text("unknown-unicast")?)?;
            }
            "broadcast" => policy.no_broadcast = !switch(&words.text("broadcast")?)?,
            "multicast" => policy.no_multicast = !switch(&words.text("multicast")?)?,
            "suppress" => policy.suppress = switch(&words.text("suppress")?)?,
            "flood-pps" => policy.flood_pps = words.value("flood-pps", "number")?,
            "flood-burst" => policy.flood_burst = words.value("flood-burst", "number")?,
            "max-learned" => policy.max_learned = words.value("max-learned", "number")?,
            "ageing" => policy.ageing_seconds = words.value("ageing", "number of seconds")?,
            "max-moves" => policy.max_moves = words.value("max-moves", "number")?,
            "move-window" => {
                policy.move_window_seconds = words.value("move-window", "number of seconds")?;
            }
            "gateway" => {
                gateway.mac = mac_bytes(words.value::<Mac>("gateway", "Ethernet address")?);
            }
            "vrf" => gateway.vrf = words.text("vrf")?,
            "dev" => gateway.interface = words.text("dev")?,
            "twin" => gateway.twin = switch(&words.text("twin")?)?,
            other => return Err(unknown(other, KNOWN)),
        }
    }
    if gateway != v1::BridgeGateway::default() {
        if gateway.mac.is_empty() {
            return Err(WordError::Missing("the gateway's address, `gateway MAC`,"));
        }
        spec.gateway = Some(gateway);
    }
    spec.policy = Some(policy);
    Ok(spec)
}

/// A bridge domain.
#[derive(Clone, Debug, Serialize)]
struct DomainRow {
    name: String,
    id: u32,
    members: Vec<String>,
    vni: Option<u32>,
    endpoint: String,
    flood: usize,
    gateway: String,
    gateway_mac: String,
    vrf: String,
    learning: bool,
    remote_learning: bool,
    unknown_unicast: bool,
    broadcast: bool,
    multicast: bool,
    suppress: bool,
    flood_pps: u64,
    max_learned: u32,
    ageing_seconds: u32,
    learned: u32,
    fixed: u32,
    remote: u32,
    packets: u64,
    bytes: u64,
    flooded: u64,
    copies: u64,
    to_gateway: u64,
    answered: u64,
    dropped: u64,
    learn_lost: u64,
    over_limit: u64,
    fdb_full: u64,
    moves: u64,
    damped: u64,
    violations: u64,
    local_bias: u64,
    not_designated: u64,
}

impl From<v1::BridgeDomain> for DomainRow {
    fn from(domain: v1::BridgeDomain) -> Self {
        let spec = domain.spec.unwrap_or_default();
        let policy = spec.policy.unwrap_or_default();
        let gateway = spec.gateway.unwrap_or_default();
        let counters = domain.counters.unwrap_or_default();
        let frames = counters.frames.unwrap_or_default();
        let mac = Some(&gateway.mac).filter(|mac| !mac.is_empty());
        Self {
            name: spec.name,
            id: domain.id,
            members: spec.members,
            vni: domain.vni.as_ref().map(|vni| vni.vni),
            endpoint: domain.vni.map(|vni| vni.endpoint).unwrap_or_default(),
            flood: domain.flood.len(),
            gateway_mac: mac.map(|mac| mac_text(mac)).unwrap_or_default(),
            gateway: gateway.interface,
            vrf: gateway.vrf,
            learning: !policy.no_learning,
            remote_learning: policy.learn_remote,
            unknown_unicast: !policy.no_unknown_unicast,
            broadcast: !policy.no_broadcast,
            multicast: !policy.no_multicast,
            suppress: policy.suppress,
            flood_pps: policy.flood_pps,
            max_learned: policy.max_learned,
            ageing_seconds: policy.ageing_seconds,
            learned: domain.learned,
            fixed: domain.r#static,
            remote: domain.remote,
            packets: frames.packets,
            bytes: frames.bytes,
            flooded: counters.flooded,
            copies: counters.copies,
            to_gateway: counters.gateway,
            answered: counters.answered,
            dropped: counters.dropped,
            learn_lost: counters.learn_lost,
            over_limit: counters.over_limit,
            fdb_full: counters.fdb_full,
            moves: counters.moves,
            damped: counters.damped,
            violations: counters.violations,
            local_bias: counters.local_bias,
            not_designated: counters.not_designated,
        }
    }
}

impl Row for DomainRow {
    const COLUMNS: &'static [&'static str] = &[
        "DOMAIN", "MEMBERS", "VNI", "FLOOD", "GATEWAY", "LEARNED", "STATIC", "REMOTE", "FRAMES",
        "FLOODED", "DROPPED",
    ];

    fn cells(&self) -> Vec<String> {
        let gateway = match self.gateway.as_str() {
            "" => String::new(),
            name => format!("{name} {} vrf {}", self.gateway_mac, self.vrf),
        };
        vec![
            self.name.clone(),
            dash(&self.members.join(" ")),
            dash(&self.vni.map(|vni| vni.to_string()).unwrap_or_default()),
            self.flood.to_string(),
            dash(&gateway),
            self.learned.to_string(),
            self.fixed.to_string(),
            self.remote.to_string(),
            self.packets.to_string(),
            self.flooded.to_string(),
            self.dropped.to_string(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_given_in_words() {
        let split = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let spec = read(&split(
            "blue member p0 member p1 learning off remote-learning on suppress on flood-pps 1000 ageing 60 \
             gateway 02:00:5e:00:01:01 vrf red dev br-blue",
        ))
        .unwrap();
        assert_eq!(spec.members, ["p0", "p1"]);
        let policy = spec.policy.unwrap();
        assert!(policy.no_learning && policy.suppress && !policy.no_broadcast);
        assert!(policy.learn_remote);
        assert_eq!((policy.flood_pps, policy.ageing_seconds), (1000, 60));
        let gateway = spec.gateway.unwrap();
        assert_eq!(
            (gateway.vrf.as_str(), gateway.interface.as_str()),
            ("red", "br-blue")
        );
        assert!(read(&split("blue")).unwrap().gateway.is_none());
        for bad in [
            "blue learning maybe",
            "blue vrf red",
            "blue member",
            "blue gateway x",
        ] {
            assert!(read(&split(bad)).is_err(), "{bad}");
        }
    }
}
