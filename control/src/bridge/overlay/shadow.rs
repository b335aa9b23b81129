//! Netdevs of VNIs for routing daemons: to the kernel, and to zebra, the router's tunnels look like this.
//!
//! ```text
//!   default VRF's namespace          VRF's namespace, or a VRF device
//!   local address ◀── underlay ──    vni100 (VXLAN) ──▶ br100 (router MAC)
//!                                    vni110 (VXLAN) ──▶ br110 ◀── st110 (a bridged VNI's: stations that the router learned)
//! ```
//!
//! What is there already is used as it is, and what is as it is to be is not written: each write makes zebra look again at
//! all routes of the VNI. Packets do not go this way: the kernel forwards nothing on these netdevs, and they learn nothing. The VXLAN device is made
//! from the default VRF's namespace, since zebra takes the namespace in which it was made for its underlay.

use crate::bridge::config::{Config, Netdevs, Source, Tunnels};
use crate::bridge::namespace::{self, inside, inside_file};
use crate::config::number::VniNumber;
use crate::model::vrf::Namespace;
use crate::twin::netlink::{Change, Link, Netlink};
use crate::twin::{TwinError, TwinName, sysctl};
use ferroute_dataplane::mac::Mac;
use rtnetlink::{LinkBridge, LinkBridgePort, LinkVeth, LinkVxlan};
use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;

/// Notes that a netdev is ours, so that it is known again after a restart.
const ALIAS: &str = "ferroute-bridge";
/// The first of the groups of these netdevs, by which they go: numbers that no other program is known to use.
const FIRST_GROUP: u32 = 0x6672_7200;
/// How many groups there are. While a group goes, nothing else in the kernel can change a netdev.
const GROUPS: u32 = 32;
/// The UDP port of VXLAN (RFC 7348 section 5).
const VXLAN_PORT: u16 = 4789;

/// Why netdevs of a VNI cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the netdevs of VNI {vni} in {netns}: {source}")]
pub struct ShadowError {
    /// The VNI.
    pub vni: u32,
    /// The namespace.
    pub netns: String,
    /// Why not.
    pub source: io::Error,
}

/// The netdevs that are there by our doing.
#[derive(Debug)]
pub(in crate::bridge) struct Shadow {
    /// The VNIs in each namespace.
    made: Vec<(Option<Namespace>, Vec<u32>)>,
}

impl Shadow {
    /// Makes what is not there yet.
    ///
    /// # Errors
    /// [`ShadowError`] for the first VNI whose netdevs cannot be made.
    pub(in crate::bridge) fn start(config: &Config) -> Result<Self, ShadowError> {
        let mut made = Vec::new();
        let Some(tunnels) = (config.tunnels.as_ref()).filter(|t| t.netdevs != Netdevs::Given)
        else {
            return Ok(Self { made });
        };
        for source in &config.sources {
            let home = source.netns.as_ref();
            let makers = Maker::of_source(tunnels, source);
            let Some(first) = makers.first().map(|maker| maker.vni) else {
                continue;
            };
            let failed = |vni| {
                move |source| ShadowError {
                    vni,
                    netns: home.map_or("this namespace".to_owned(), ToString::to_string),
                    source,
                }
            };
            let work = || Ok(Self::make(&makers));
            let (ours, result) = inside(home, work).map_err(failed(first))?;
            if tunnels.netdevs == Netdevs::Made {
                made.push((home.cloned(), ours));
            }
            if let Err((vni, error)) = result {
                Self { made }.stop();
                return Err(failed(vni)(error));
            }
        }
        Ok(Self { made })
    }

    /// Makes netdevs in the thread's namespace. Answers the VNIs whose netdevs are ours, and which cannot be made.
    fn make(makers: &[Maker<'_>]) -> (Vec<u32>, Result<(), (u32, io::Error)>) {
        let mut ours = Vec::with_capacity(makers.len());
        let first = makers.first().map_or(0, |maker| maker.vni);
        let listed = Netlink::open().and_then(|home| Ok((home.links()?, home)));
        let (links, home) = match listed {
            Ok(listed) => listed,
            Err(error) => return (ours, Err((first, error))),
        };
        for maker in makers {
            match maker.make(&home, &links) {
                Ok(true) => ours.push(maker.vni),
                Ok(false) => {}
                Err(error) => return (ours, Err((maker.vni, error))),
            }
        }
        (ours, Ok(()))
    }

    /// Removes what was made, if that is wanted.
    pub(in crate::bridge) fn stop(self) {
        for (netns, vnis) in self.made {
            let removed = inside(netns.as_ref(), || {
                let home = Netlink::open()?;
                let names: BTreeSet<_> = vnis.iter().flat_map(|vni| names(*vni)).collect();
                let ours = |link: &Link| link.alias == ALIAS && names.contains(&link.name);
                let links = home.links()?;
                for group in FIRST_GROUP..FIRST_GROUP + GROUPS {
                    let mut members = links.iter().filter(|link| link.group == group).peekable();
                    // Another bridge may have netdevs here, and some may be older than groups.
                    if members.peek().is_some()
                        && members.all(ours)
                        && let Err(error) = home.delete_group(group)
                    {
                        tracing::debug!("netdevs of VNIs go one by one: {error}");
                    }
                }
                for link in home.links()?.into_iter().filter(ours) {
                    home.delete(link.index)?;
                }
                Ok(())
            });
            if let Err(error) = removed {
                tracing::warn!("netdevs of VNIs could not be removed: {error}");
            }
        }
    }
}

/// The names of the netdevs of a VNI: VXLAN device, bridge, and the port behind which the router's own stations are.
fn names(vni: u32) -> [String; 3] {
    [format!("vni{vni}"), format!("br{vni}"), stations_port(vni)]
}

/// The group of the netdevs of a VNI.
const fn group(vni: u32) -> u32 {
    FIRST_GROUP + vni % GROUPS
}

/// The name of the port of a VNI's bridge behind which the kernel sees the stations that the router learned.
pub(in crate::bridge) fn stations_port(vni: u32) -> String {
    format!("st{vni}")
}

/// The VNI of such a port.
pub(in crate::bridge) fn vni_of_stations_port(name: &str) -> Option<u32> {
    let vni = name.strip_prefix("st")?.parse().ok()?;
    (stations_port(vni) == name).then_some(vni)
}

/// What is to be made for one VNI.
#[derive(Debug)]
struct Maker<'a> {
    home: Option<&'a Namespace>,
    underlay: Option<&'a Namespace>,
    local: IpAddr,
    router_mac: Mac,
    vni: u32,
    /// The table of the VRF device, where VRFs are VRF devices.
    table: Option<u32>,
    /// It has stations of its own, not only routes.
    bridged: bool,
}

impl<'a> Maker<'a> {
    /// Those of a source.
    fn of_source(tunnels: &'a Tunnels, source: &'a Source) -> Vec<Self> {
        let local = tunnels.address.ip();
        let maker = |vni: VniNumber, table: Option<u32>, bridged| Self {
            home: source.netns.as_ref(),
            underlay: tunnels.netns.as_ref(),
            local,
            router_mac: (tunnels.router_mac).map_or_else(|| derived_mac(local), |mac| mac.mac()),
            vni: vni.get(),
            table,
            bridged,
        };
        let routed = (source.tables.iter())
            .filter_map(|table| Some(maker(table.l3vni?, Some(table.table.get()), false)));
        let bridged = source.l2vnis.iter().map(|l2vni| {
            let vrf = l2vni.vrf;
            let table = (source.tables.iter()).find(|table| Some(table.vrf) == vrf);
            maker(l2vni.vni, table.map(|table| table.table.get()), true)
        });
        routed.chain(bridged).collect()
    }

    /// Makes what is not there, in the thread's namespace. Answers whether it is ours.
    fn make(&self, home: &Netlink, links: &[Link]) -> io::Result<bool> {
        let there = links.iter().find(|link| link.vni == Some(self.vni));
        if let Some(vxlan) = there
            && vxlan.alias != ALIAS
        {
            return Ok(false);
        }
        let bridge = self.bridge(home, links)?;
        let vxlan = match there {
            Some(vxlan) => vxlan.clone(),
            None => self.vxlan(home)?,
        };
        self.enslave(home, &vxlan, &bridge)?;
        let mut all = vec![vxlan, bridge];
        if self.bridged {
            let port = self.port(home, links)?;
            self.enslave(home, &port, &all[1])?;
            all.push(port);
        }
        for link in &all {
            quieten(&link.name)?;
            if !link.up {
                home.change(link.index, Change::Up(true))?;
            }
        }
        Ok(true)
    }

    /// Makes a netdev a port of the bridge.
    fn enslave(&self, home: &Netlink, netdev: &Link, bridge: &Link) -> io::Result<()> {
        if netdev.controller == Some(bridge.index) {
            return Ok(());
        }
        home.change(netdev.index, Change::Controller(Some(bridge.index)))?;
        // Nothing is forwarded between ports, and nothing learned: what stations there are, daemons say.
        let port = LinkBridgePort::new(netdev.index)
            .learning(false)
            .isolated(true)
            .neigh_suppress(true);
        home.set(port.build())
    }

    /// The port for stations that the router learned: a cable whose other end stays down, so no frame ever passes.
    fn port(&self, home: &Netlink, links: &[Link]) -> io::Result<Link> {
        let name = stations_port(self.vni);
        if let Some(port) = links.iter().find(|link| link.name == name) {
            return Ok(port.clone());
        }
        home.create(LinkVeth::new(&name, &format!("{name}e")).build())?;
        self.mark(home, &name)
    }

    fn bridge(&self, home: &Netlink, links: &[Link]) -> io::Result<Link> {
        let name = format!("br{}", self.vni);
        let bridge = match links.iter().find(|link| link.name == name) {
            Some(bridge) => bridge.clone(),
            None => {
                let bridge = LinkBridge::new(&name)
                    .address(self.router_mac.octets().to_vec())
                    .mcast_snooping(false);
                home.create(bridge.build())?;
                self.mark(home, &name)?
            }
        };
        if bridge.mac != Some(self.router_mac) {
            home.change(bridge.index, Change::Mac(self.router_mac))?;
        }
        let vrf = (links.iter()).find(|link| self.table.is_some() && link.table == self.table);
        if let Some(vrf) = vrf
            && bridge.controller != Some(vrf.index)
        {
            home.change(bridge.index, Change::Controller(Some(vrf.index)))?;
        }
        Ok(bridge)
    }

    fn vxlan(&self, home: &Netlink) -> io::Result<Link> {
        let name = format!("vni{}", self.vni);
        let vxlan = LinkVxlan::new(&name, self.vni)
            .address(self.router_mac.octets().to_vec())
            .port(VXLAN_PORT)
            .learning(false);
        let vxlan = match self.local {
            IpAddr::V4(local) => vxlan.local(local),
            IpAddr::V6(local) => vxlan.local6(local),
        };
        if self.underlay == self.home {
            home.create(vxlan.build())?;
        } else {
            let there = namespace::file(self.home)?;
            let vxlan = vxlan.setns_by_fd(there.as_raw_fd());
            let underlay = namespace::file(self.underlay)?;
            inside_file(Some(&underlay), || Netlink::open()?.create(vxlan.build()))?;
        }
        self.mark(home, &name)
    }

    /// Notes that a new netdev is ours.
    fn mark(&self, home: &Netlink, name: &str) -> io::Result<Link> {
        let missing = || io::Error::other(format!("{name} is gone already"));
        let link = home.link_by_name(name)?.ok_or_else(missing)?;
        let note = rtnetlink::LinkUnspec::new_with_index(link.index)
            .alias(ALIAS)
            .link_group(group(self.vni));
        home.set(note.build())?;
        Ok(link)
    }
}

/// The kernel is a silent host on the netdev, and forwards nothing.
fn quieten(name: &str) -> io::Result<()> {
    let name: TwinName = name.parse().map_err(io::Error::other)?;
    sysctl::apply(&name).map_err(|error: TwinError| io::Error::other(error))
}

/// A router MAC for an address: of local meaning, and another one for each router of the fabric.
fn derived_mac(local: IpAddr) -> Mac {
    let [.., a, b, c, d] = match local {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    };
    Mac::new([0x02, 0xfe, a, b, c, d])
}
