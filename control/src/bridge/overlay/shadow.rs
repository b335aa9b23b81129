//! Netdevs of VNIs for routing daemons: to the kernel, and to zebra, the router's tunnels look like this.
//!
//! ```text
//!   default VRF's namespace          VRF's namespace, or a VRF device
//!   local address ◀── underlay ──    vni100 (VXLAN) ──▶ br100 (router MAC)
//! ```
//!
//! What is there already is used as it is, and what is as it is to be is not written: each write makes zebra look again at
//! all routes of the VNI. Packets do not go this way: the kernel forwards nothing on these netdevs, and they learn nothing. The VXLAN device is made
//! from the default VRF's namespace, since zebra takes the namespace in which it was made for its underlay.

use crate::bridge::config::{Config, Netdevs, Table, Tunnels};
use crate::bridge::namespace::{self, inside, inside_file};
use crate::model::vrf::Namespace;
use crate::twin::netlink::{Change, Link, Netlink};
use crate::twin::{TwinError, TwinName, sysctl};
use ferroute_dataplane::mac::Mac;
use rtnetlink::{LinkBridge, LinkBridgePort, LinkVxlan};
use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;

/// Notes that a netdev is ours, so that it is known again after a restart.
const ALIAS: &str = "ferroute-bridge";
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
    /// Namespace and VNI of each.
    made: Vec<(Option<Namespace>, u32)>,
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
            for table in &source.tables {
                let Some(vni) = table.l3vni.map(|vni| vni.get()) else {
                    continue;
                };
                let maker = Maker::new(tunnels, home, table, vni);
                let ours = inside(home, || maker.make()).map_err(|source| ShadowError {
                    vni,
                    netns: home.map_or("this namespace".to_owned(), ToString::to_string),
                    source,
                })?;
                if ours && tunnels.netdevs == Netdevs::Made {
                    made.push((home.cloned(), vni));
                }
            }
        }
        Ok(Self { made })
    }

    /// Removes what was made, if that is wanted.
    pub(in crate::bridge) fn stop(self) {
        for (netns, vni) in self.made {
            let removed = inside(netns.as_ref(), || {
                let home = Netlink::open()?;
                for link in home.links()? {
                    let names = [format!("vni{vni}"), format!("br{vni}")];
                    if link.alias == ALIAS && names.contains(&link.name) {
                        home.delete(link.index)?;
                    }
                }
                Ok(())
            });
            if let Err(error) = removed {
                tracing::warn!(vni, "its netdevs could not be removed: {error}");
            }
        }
    }
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
    table: u32,
}

impl<'a> Maker<'a> {
    fn new(tunnels: &'a Tunnels, home: Option<&'a Namespace>, table: &Table, vni: u32) -> Self {
        let local = tunnels.address.ip();
        Self {
            home,
            underlay: tunnels.netns.as_ref(),
            local,
            router_mac: (tunnels.router_mac).map_or_else(|| derived_mac(local), |mac| mac.mac()),
            vni,
            table: table.table.get(),
        }
    }

    /// Makes what is not there, in the thread's namespace. Answers whether it is ours.
    fn make(&self) -> io::Result<bool> {
        let home = Netlink::open()?;
        let links = home.links()?;
        let there = links.iter().find(|link| link.vni == Some(self.vni));
        if let Some(vxlan) = there
            && vxlan.alias != ALIAS
        {
            return Ok(false);
        }
        let bridge = self.bridge(&home, &links)?;
        let vxlan = match there {
            Some(vxlan) => vxlan.clone(),
            None => self.vxlan(&home)?,
        };
        if vxlan.controller != Some(bridge.index) {
            home.change(vxlan.index, Change::Controller(Some(bridge.index)))?;
            // Nothing is forwarded between ports, and nothing learned: what stations there are, daemons say.
            let port = LinkBridgePort::new(vxlan.index)
                .learning(false)
                .isolated(true)
                .neigh_suppress(true);
            home.set(port.build())?;
        }
        for link in [&vxlan, &bridge] {
            quieten(&link.name)?;
            if !link.up {
                home.change(link.index, Change::Up(true))?;
            }
        }
        Ok(true)
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
        let vrf = links.iter().find(|link| link.table == Some(self.table));
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
        let note = rtnetlink::LinkUnspec::new_with_index(link.index).alias(ALIAS);
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
