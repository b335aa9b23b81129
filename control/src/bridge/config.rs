//! The configuration file of ferroute-bridge.
//!
//! It is YAML like that of ferrouted, read by the same machinery: every mistake is found at once, with line, column and field.

use super::netlink::update::Protocol;
use crate::config::number::{KernelTable, Milliseconds, Seconds, VniNumber};
use crate::config::system::{Log, Metrics, Socket};
use crate::config::text::{Address, Listen, StationMac};
use crate::config::{
    ConfigError, DEFAULT_SOCKET, Document, Invalid, Mistake, Problem, Step, at, read,
};
use crate::model::name::{DomainName, InterfaceName, OwnerName, VrfName};
use crate::model::number::Distance;
use crate::model::prefix::Prefix;
use crate::model::vrf::Namespace;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where the bridge's own socket stands unless the configuration says otherwise.
pub const DEFAULT_BRIDGE_SOCKET: &str = "/run/ferroute/bridge.sock";

/// Configuration of ferroute-bridge, which brings the routes of routing daemons to the router.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The socket of the router's API.
    pub router: PathBuf,
    /// The Unix socket on which the bridge tells its own state.
    pub socket: Socket,
    /// What is logged.
    pub log: Log,
    /// Prometheus metrics.
    pub metrics: Metrics,
    /// The router's end of VXLAN tunnels. Needed by an `l3vni` and by `l2vnis`.
    pub tunnels: Option<Tunnels>,
    /// Where routes come from.
    pub sources: Vec<Source>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            router: PathBuf::from(DEFAULT_SOCKET),
            socket: Socket {
                path: PathBuf::from(DEFAULT_BRIDGE_SOCKET),
                ..Socket::default()
            },
            log: Log::default(),
            metrics: Metrics::default(),
            tunnels: None,
            sources: Vec::new(),
        }
    }
}

/// The router's end of VXLAN tunnels, and what routing daemons see of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tunnels {
    /// Its address, which the router has on an interface. The router's endpoint `default` is made with it if there is none.
    pub address: Address,
    /// The router MAC of netdevs that the bridge makes; absent: one of local meaning, from the address.
    #[serde(default)]
    pub router_mac: Option<StationMac>,
    /// Who makes the bridge and the VXLAN device of each `l3vni`, without which EVPN does not come up in FRR.
    #[serde(default)]
    pub netdevs: Netdevs,
    /// The network namespace of the daemons' default VRF, in which tunnels start; absent: that of the process.
    #[serde(default)]
    pub netns: Option<Namespace>,
}

/// Who makes netdevs for VNIs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Netdevs {
    /// An operator or another program.
    Given,
    /// The bridge makes those that are not there, and removes them when it is stopped.
    #[default]
    Made,
    /// The bridge makes those that are not there, and leaves them, so that daemons do not see its restarts.
    Kept,
}

/// Where routes come from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The owner of its routes in the router.
    pub owner: OwnerName,
    /// How it is heard.
    pub kind: Kind,
    /// The network namespace of the routing daemons, below /run/netns; absent: that of the process.
    #[serde(default)]
    pub netns: Option<Namespace>,
    /// Tables of the kernel and the VRFs that they are in the router.
    #[serde(default = "default_tables")]
    pub tables: Vec<Table>,
    /// VNIs whose frames are bridged: EVPN's stations (type 2) and flood lists (type 3) go between the kernel and the router.
    #[serde(default)]
    pub l2vnis: Vec<L2vni>,
    /// Which of the kernel's neighbours become permanent neighbours of the router.
    #[serde(default)]
    pub neighbours: Neighbours,
    /// Interfaces that are called otherwise in the kernel.
    #[serde(default)]
    pub interfaces: Vec<Interface>,
    /// Gateways to which MPLS labels of routes go in UDP (RFC 7510); to all others they go on the link.
    #[serde(default)]
    pub mpls_udp: Vec<Prefix>,
    /// Distance of its routes in the router, 1 to 254.
    #[serde(default = "default_distance")]
    pub distance: Distance,
    /// How long routes stay in force after their source or the bridge went away, in seconds.
    #[serde(default = "default_grace")]
    pub grace_seconds: Seconds,
    /// Settings of a source of the kind `fpm`.
    #[serde(default)]
    pub fpm: Fpm,
}

fn default_tables() -> Vec<Table> {
    vec![Table {
        table: KernelTable::MAIN,
        vrf: VrfName::default(),
        protocols: default_protocols(),
        l3vni: None,
    }]
}

const fn default_distance() -> Distance {
    Distance::CLIENT
}

const fn default_grace() -> Seconds {
    Seconds::GRACE
}

/// How a source is heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The kernel's routing tables are followed by rtnetlink. Any daemon.
    Kernel,
    /// FRR's zebra connects and tells its routes (module `dplane_fpm_nl`).
    Fpm,
}

/// Which of the kernel's neighbours become permanent neighbours of the router.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Neighbours {
    /// None.
    Off,
    /// Those that a program or an operator told the kernel: permanent, without ARP, or learned by another program.
    #[default]
    Told,
    /// All with an Ethernet address; they go when the kernel finds them gone.
    All,
}

/// A table of the kernel.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Its number; 254 is `main`. That of a VRF device is the device's.
    #[serde(default = "main_table")]
    pub table: KernelTable,
    /// The router's VRF.
    #[serde(default)]
    pub vrf: VrfName,
    /// Whose routes are taken: names of protocols, or their numbers in quotes.
    #[serde(default = "default_protocols")]
    pub protocols: Vec<Protocol>,
    /// The VNI by which EVPN's prefixes (type 5) of this VRF go.
    #[serde(default)]
    pub l3vni: Option<VniNumber>,
}

const fn main_table() -> KernelTable {
    KernelTable::MAIN
}

/// A VNI whose frames are bridged.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct L2vni {
    /// Its number.
    pub vni: VniNumber,
    /// The router's bridge domain. Its VNI, its remote stations and ends and its gateway's permanent neighbours are the bridge's.
    pub domain: DomainName,
    /// The VRF of its gateway, where VRFs are VRF devices: the kernel's bridge is put there. One of `tables`.
    #[serde(default)]
    pub vrf: Option<VrfName>,
}

/// An interface that is called otherwise in the kernel.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interface {
    /// The kernel's name.
    pub kernel: InterfaceName,
    /// The router's.
    pub router: InterfaceName,
}

/// Settings of a source of the kind `fpm`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Fpm {
    /// Where zebra connects. Whoever can connect here decides over routes: a loopback address, or one in a namespace.
    pub listen: Listen,
    /// Tell zebra which routes are in the data path. For FRR 8.5 and later with `zebra --asic-offload=notify_on_offload`.
    pub feedback: bool,
    /// After so many milliseconds of silence zebra has said everything.
    pub quiet_ms: Milliseconds,
    /// The least time after a connection until routes that were not repeated go, in milliseconds.
    pub hold_ms: Milliseconds,
}

impl Default for Fpm {
    fn default() -> Self {
        Self {
            listen: std::net::SocketAddr::from(([127, 0, 0, 1], 2620)).into(),
            feedback: false,
            // It pauses for a second whenever its buffer is full.
            quiet_ms: Milliseconds::fixed(2_500),
            hold_ms: Milliseconds::fixed(5_000),
        }
    }
}

/// Names of protocols: the kernel's and those that FRR adds.
const PROTOCOLS: [(&str, u8); 22] = [
    ("kernel", 2),
    ("boot", 3),
    ("static", 4),
    ("ra", 9),
    ("zebra", 11),
    ("bird", 12),
    ("dhcp", 16),
    ("keepalived", 18),
    ("babel", 42),
    ("openr", 99),
    ("bgp", 186),
    ("isis", 187),
    ("ospf", 188),
    ("rip", 189),
    ("ripng", 190),
    ("nhrp", 191),
    ("eigrp", 192),
    ("ldp", 193),
    ("sharp", 194),
    ("pbr", 195),
    ("static-frr", 196),
    ("openfabric", 197),
];

/// Routing daemons; not what the kernel made itself or scripts left there.
fn default_protocols() -> Vec<Protocol> {
    [
        "static",
        "zebra",
        "bird",
        "babel",
        "openr",
        "bgp",
        "isis",
        "ospf",
        "rip",
        "ripng",
        "nhrp",
        "eigrp",
        "ldp",
        "sharp",
        "pbr",
        "static-frr",
        "openfabric",
    ]
    .into_iter()
    .filter_map(Protocol::named)
    .collect()
}

impl Protocol {
    /// The protocol with this name or number.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::named(text).or_else(|| text.parse().ok().map(Self))
    }

    fn named(name: &str) -> Option<Self> {
        let mut known = PROTOCOLS.iter();
        known
            .find(|(known, _)| *known == name)
            .map(|(_, number)| Self(*number))
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match PROTOCOLS.iter().find(|(_, number)| *number == self.0) {
            Some((name, _)) => f.pad(name),
            None => f.pad(&self.0.to_string()),
        }
    }
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// The file cannot be read, or it has mistakes: all of them.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file).map_err(|source| ConfigError::Read {
            file: file.to_owned(),
            source,
        })?;
        Ok(Self::parse(&text, file)?)
    }

    /// Checks a text. `file` is only its name in messages.
    ///
    /// # Errors
    /// All mistakes, in the order of the text.
    pub fn parse(text: &str, file: &Path) -> Result<Self, Invalid> {
        read(text, file, check)
    }
}

/// The rules between fields.
fn check(config: &Config, document: &Document) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let mut report =
        |path: &[Step<'_>], rule| mistakes.push(document.mistake(path, Problem::Rule(rule)));
    let (mut owners, mut listens) = (BTreeSet::new(), BTreeSet::new());
    let (mut vrfs, mut tables) = (BTreeSet::new(), BTreeSet::new());
    let (mut vnis, mut domains) = (BTreeSet::new(), BTreeSet::new());
    for (place, source) in config.sources.iter().enumerate() {
        let netns = source.netns.as_ref().map(Namespace::as_str);
        if source.owner.is_reserved() {
            report(
                at!["sources", place, "owner"],
                "this owner is the router itself",
            );
        }
        if !owners.insert(source.owner) {
            report(
                at!["sources", place, "owner"],
                "another source has this owner",
            );
        }
        let listen = (source.kind == Kind::Fpm).then(|| source.fpm.listen.address());
        if listen.is_some() && !listens.insert((netns, listen)) {
            report(
                at!["sources", place, "fpm", "listen"],
                "another source listens there; each zebra needs a port of its own",
            );
        }
        if source.tables.is_empty() {
            report(at!["sources", place, "tables"], "a source needs a table");
        }
        for (at, table) in source.tables.iter().enumerate() {
            if !vrfs.insert(table.vrf) {
                report(
                    at!["sources", place, "tables", at, "vrf"],
                    "this VRF has a source already: the kernel or one zebra, never both",
                );
            }
            if let Some(vni) = table.l3vni {
                let field = at!["sources", place, "tables", at, "l3vni"];
                if config.tunnels.is_none() {
                    report(field, "a VNI needs the settings of `tunnels`");
                } else if !vnis.insert(vni) {
                    report(field, "this VNI is served already");
                }
            }
            if !tables.insert((netns, listen, table.table)) {
                report(
                    at!["sources", place, "tables", at, "table"],
                    "this table is served already",
                );
            }
        }
        for (at, l2vni) in source.l2vnis.iter().enumerate() {
            let field = at!["sources", place, "l2vnis", at, "vni"];
            if config.tunnels.is_none() {
                report(field, "a VNI needs the settings of `tunnels`");
            } else if !vnis.insert(l2vni.vni) {
                report(field, "this VNI is served already");
            }
            if !domains.insert(l2vni.domain) {
                report(
                    at!["sources", place, "l2vnis", at, "domain"],
                    "this bridge domain has a VNI already",
                );
            }
            let known = |vrf| source.tables.iter().any(|table| table.vrf == vrf);
            if l2vni.vrf.is_some_and(|vrf| !known(vrf)) {
                report(
                    at!["sources", place, "l2vnis", at, "vrf"],
                    "this source has no table of this VRF",
                );
            }
        }
    }
    mistakes
}
