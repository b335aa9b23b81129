//! What the kernel's bridges and VXLAN devices say of tunnels.

use crate::bridge::netlink::update::{Behind, FdbKey, Link, LinkKind};
use ferroute_dataplane::mac::Mac;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// A bridge, a VXLAN device or a VRF device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Netdev {
    kind: LinkKind,
    controller: Option<u32>,
    mac: Option<Mac>,
}

/// Bridges, VXLAN devices and the router MACs behind their tunnels. See the module.
#[derive(Clone, Debug, Default)]
pub(in crate::bridge) struct Netdevs {
    known: BTreeMap<u32, Netdev>,
    /// Neighbours that a program told the kernel, by netdev and address.
    neighbours: FxHashMap<(u32, IpAddr), Mac>,
    /// Stations behind remote ends of VXLAN devices; the last is the newest.
    stations: FxHashMap<(u32, IpAddr), SmallVec<[Mac; 1]>>,
    /// Bridges and VXLAN devices behind which a router MAC changed.
    changed: BTreeSet<u32>,
}

impl Netdevs {
    /// A netdev is this now, or gone. Answers whether that may change where routes lead.
    pub(in crate::bridge) fn link(&mut self, index: u32, link: Option<&Link>) -> bool {
        let netdev = link
            .filter(|link| link.kind != LinkKind::Other)
            .map(|link| Netdev {
                kind: link.kind,
                controller: link.controller,
                mac: link.mac,
            });
        let before = match netdev {
            Some(netdev) => self.known.insert(index, netdev),
            None => self.known.remove(&index),
        };
        before != netdev
    }

    /// A neighbour that a program told the kernel has this Ethernet address, or is gone.
    pub(in crate::bridge) fn neighbour(&mut self, netdev: u32, address: IpAddr, mac: Option<Mac>) {
        let key = (netdev, address.to_canonical());
        let before = match mac {
            Some(mac) => self.neighbours.insert(key, mac),
            None => self.neighbours.remove(&key),
        };
        if before != mac {
            self.changed.insert(netdev);
        }
    }

    /// A forwarding database has an entry, or has it no more.
    pub(in crate::bridge) fn fdb(&mut self, key: &FdbKey, there: bool) {
        let mac = Mac::new(key.mac);
        let Behind::Remote(remote) = key.behind else {
            return;
        };
        if !mac.is_station() {
            return;
        }
        let place = (key.interface, remote.to_canonical());
        let stations = self.stations.entry(place).or_default();
        let before = stations.last().copied();
        if !there {
            stations.retain(|station| *station != mac);
        } else if !stations.contains(&mac) {
            stations.push(mac);
        }
        let after = stations.last().copied();
        if after.is_none() {
            self.stations.remove(&place);
        }
        if before != after {
            self.changed.insert(key.interface);
            let bridge = self.known.get(&key.interface);
            self.changed
                .extend(bridge.and_then(|netdev| netdev.controller));
        }
    }

    /// The bridges and VXLAN devices behind which a router MAC changed since this was asked last.
    pub(in crate::bridge) fn take_changed(&mut self) -> BTreeSet<u32> {
        std::mem::take(&mut self.changed)
    }

    /// Whether tunnels start at this netdev: at a VXLAN device, or a bridge that has one.
    pub(in crate::bridge) fn has_tunnels(&self, netdev: u32) -> bool {
        self.tunnels(netdev).next().is_some()
    }

    /// The VNI of tunnels that start at a netdev; none if there is none, or several and nothing says which.
    pub(in crate::bridge) fn vni(&self, netdev: u32) -> Option<u32> {
        let mut tunnels = self.tunnels(netdev);
        match (tunnels.next(), tunnels.next()) {
            (Some((_, vni)), None) => Some(vni),
            _ => None,
        }
    }

    /// The router MAC of a remote end for routes over a netdev. The neighbour comes first: the kernel changes it in one step.
    pub(in crate::bridge) fn router_mac(&self, netdev: u32, remote: IpAddr) -> Option<Mac> {
        let remote = remote.to_canonical();
        let told = self.neighbours.get(&(netdev, remote)).copied();
        told.or_else(|| {
            let mut tunnels = self.tunnels(netdev);
            tunnels.find_map(|(vxlan, _)| self.stations.get(&(vxlan, remote))?.last().copied())
        })
    }

    /// The bridge of a VNI, and its Ethernet address: the router MAC that the daemons announce.
    pub(in crate::bridge) fn bridge_of(&self, vni: u32) -> Option<(u32, Mac)> {
        let mut known = self.known.values();
        known.find_map(|netdev| {
            let bridge = netdev
                .controller
                .filter(|_| netdev.kind == LinkKind::Vxlan { vni })?;
            Some((bridge, self.known.get(&bridge)?.mac?))
        })
    }

    /// The table of a VRF device.
    pub(in crate::bridge) fn vrf_table(&self, netdev: u32) -> Option<u32> {
        match self.known.get(&netdev)?.kind {
            LinkKind::Vrf { table } => Some(table),
            _ => None,
        }
    }

    /// VXLAN devices at a netdev with their VNIs: itself, or those of the bridge.
    fn tunnels(&self, netdev: u32) -> impl Iterator<Item = (u32, u32)> {
        let known = self.known.get(&netdev).map(|netdev| netdev.kind);
        let own = match known {
            Some(LinkKind::Vxlan { vni }) => Some((netdev, vni)),
            _ => None,
        };
        let is_bridge = known == Some(LinkKind::Bridge);
        // Some hundreds at most: one for each VNI, and asked for once for each next hop.
        let members = self.known.iter().filter(move |_| is_bridge);
        own.into_iter().chain(
            members.filter_map(move |(index, member)| match member.kind {
                LinkKind::Vxlan { vni } if member.controller == Some(netdev) => Some((*index, vni)),
                _ => None,
            }),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Netdevs;
    use crate::bridge::netlink::update::{Behind, FdbKey, Link, LinkKind, Signs};
    use ferroute_dataplane::mac::Mac;
    use std::net::IpAddr;

    const BRIDGE: u32 = 5;
    const VXLAN: u32 = 6;

    fn mac(last: u8) -> Mac {
        Mac::new([2, 0, 0, 0, 0, last])
    }

    fn link(kind: LinkKind, controller: Option<u32>) -> Link {
        Link {
            name: "any".to_owned(),
            signs: Signs::default(),
            mac: Some(mac(1)),
            controller,
            kind,
        }
    }

    fn lab() -> Netdevs {
        let mut netdevs = Netdevs::default();
        assert!(netdevs.link(BRIDGE, Some(&link(LinkKind::Bridge, None))));
        let vxlan = link(LinkKind::Vxlan { vni: 100 }, Some(BRIDGE));
        assert!(netdevs.link(VXLAN, Some(&vxlan)));
        assert!(
            !netdevs.link(VXLAN, Some(&vxlan)),
            "what is as it was changes nothing"
        );
        netdevs
    }

    fn entry(last: u8, remote: IpAddr) -> FdbKey {
        FdbKey {
            interface: VXLAN,
            mac: mac(last).octets(),
            vlan: 0,
            behind: Behind::Remote(remote),
        }
    }

    #[test]
    fn a_bridge_leads_to_the_vni_of_its_vxlan_device() {
        let mut netdevs = lab();
        assert_eq!(
            (netdevs.vni(BRIDGE), netdevs.vni(VXLAN)),
            (Some(100), Some(100))
        );
        assert_eq!(netdevs.bridge_of(100), Some((BRIDGE, mac(1))));
        assert_eq!(netdevs.bridge_of(101), None);
        let second = link(LinkKind::Vxlan { vni: 101 }, Some(BRIDGE));
        netdevs.link(7, Some(&second));
        assert!(netdevs.has_tunnels(BRIDGE));
        assert_eq!(netdevs.vni(BRIDGE), None, "which of the two is not said");
        netdevs.link(VXLAN, None);
        assert_eq!(netdevs.vni(BRIDGE), Some(101));
    }

    #[test]
    fn the_neighbour_says_the_router_mac_or_else_the_newest_station() {
        let mut netdevs = lab();
        let remote: IpAddr = "100.64.0.2".parse().unwrap();
        let mapped: IpAddr = "::ffff:100.64.0.2".parse().unwrap();
        assert_eq!(netdevs.router_mac(BRIDGE, remote), None);
        netdevs.fdb(&entry(2, remote), true);
        assert_eq!(netdevs.take_changed(), [BRIDGE, VXLAN].into());
        netdevs.fdb(&entry(3, remote), true);
        assert_eq!(netdevs.router_mac(BRIDGE, mapped), Some(mac(3)));
        netdevs.neighbour(BRIDGE, mapped, Some(mac(4)));
        assert_eq!(netdevs.router_mac(BRIDGE, remote), Some(mac(4)));
        netdevs.neighbour(BRIDGE, remote, None);
        netdevs.fdb(&entry(3, remote), false);
        assert_eq!(netdevs.router_mac(BRIDGE, remote), Some(mac(2)));
        netdevs.take_changed();
        netdevs.fdb(&entry(2, remote), true);
        assert!(netdevs.take_changed().is_empty(), "said again");
        netdevs.fdb(&entry(2, remote), false);
        assert_eq!(netdevs.router_mac(BRIDGE, remote), None);
    }

    #[test]
    fn flood_entries_are_no_router_macs() {
        let mut netdevs = lab();
        let remote: IpAddr = "100.64.0.2".parse().unwrap();
        let flood = FdbKey {
            mac: [0; 6],
            ..entry(0, remote)
        };
        netdevs.fdb(&flood, true);
        assert_eq!(netdevs.router_mac(BRIDGE, remote), None);
        assert!(netdevs.take_changed().is_empty());
    }
}
