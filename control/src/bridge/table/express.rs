//! What the router's API can say of a next hop, in the router's names.

use super::Table;
use super::set::{Body, SetNumber};
use crate::bridge::netlink::update::{Encapsulation, Hop};
use crate::bridge::overlay::netdevs::Netdevs;
use crate::model::name::InterfaceName;
use crate::model::prefix::Prefix;
use ferroute_proto::v1;
use ferroute_proto::v1::encap::Kind;
use prost::bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Most next hops of a set (see `route.proto`).
const MOST_HOPS: usize = 128;
/// Groups have groups as members in no kernel so far; a loop of them must not hang us.
const DEEPEST: u32 = 4;

/// Interfaces by the kernel's index and as the router has them.
#[derive(Clone, Debug, Default)]
pub(in crate::bridge) struct Names {
    /// The kernel's netdevs by index.
    pub(in crate::bridge) links: BTreeMap<u32, String>,
    /// The router's names of netdevs that are called otherwise.
    pub(in crate::bridge) overrides: BTreeMap<String, InterfaceName>,
    /// The router's interfaces.
    pub(in crate::bridge) router: BTreeSet<InterfaceName>,
    /// Where tunnels start, and what stands behind them.
    pub(in crate::bridge) netdevs: Netdevs,
    /// Gateways to which labels go in UDP (RFC 7510) instead of on the link.
    pub(in crate::bridge) mpls_udp: Vec<Prefix>,
}

/// Why something is not said to the router.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, thiserror::Error)]
pub(in crate::bridge) enum Hold {
    /// The source has not described the next hop object yet.
    #[error("the next hop {0} is not known yet")]
    UnknownObject(u32),
    /// The kernel has no such netdev (any more).
    #[error("there is no netdev with the index {0}")]
    NoNetdev(u32),
    /// The router has no such interface.
    #[error("the router has no interface {0}")]
    NoInterface(String),
    /// The router cannot put this around packets.
    #[error("the encapsulation {0} is not supported")]
    Encapsulation(&'static str),
    /// Several VXLAN devices are behind the netdev, and the source does not say which.
    #[error("the VNI of a tunnel over {0} is not known")]
    NoVni(String),
    /// The source has not described the far router of a tunnel yet.
    #[error("the router MAC of {0} is not known yet")]
    NoRouterMac(IpAddr),
    /// Neither gateway nor interface.
    #[error("a next hop has neither gateway nor interface")]
    Form,
    /// More next hops than the router takes.
    #[error("more than {MOST_HOPS} next hops")]
    TooMany,
}

impl Hold {
    /// Whether it says that the router cannot do a thing, rather than that something is still missing.
    pub(in crate::bridge) const fn is_unsupported(&self) -> bool {
        matches!(self, Self::Encapsulation(_) | Self::Form | Self::TooMany)
    }
}

impl Names {
    /// The router's interface for a netdev.
    pub(in crate::bridge) fn interface(&self, index: u32) -> Result<InterfaceName, Hold> {
        let link = self.links.get(&index).ok_or(Hold::NoNetdev(index))?;
        let name = match self.overrides.get(link) {
            Some(name) => Some(*name),
            None => link.parse().ok(),
        };
        name.filter(|name| self.router.contains(name))
            .ok_or_else(|| Hold::NoInterface(link.clone()))
    }

    /// A next hop in the router's words, with its weight times that of the group's member that it is.
    pub(in crate::bridge) fn hop(&self, hop: &Hop, weight: u32) -> Result<v1::NextHop, Hold> {
        let weight = (hop.weight * weight).clamp(1, u16::MAX.into());
        if let Some((remote, kind)) = self.tunnel(hop)? {
            return Ok(v1::NextHop {
                gateway: octets(remote.to_canonical()),
                weight,
                encap: Some(v1::Encap {
                    kind: Some(kind),
                    ..v1::Encap::default()
                }),
                ..v1::NextHop::default()
            });
        }
        let interface = match hop.interface {
            0 => String::new(),
            index => self.interface(index)?.to_string(),
        };
        let gateway = hop.gateway.map(octets).unwrap_or_default();
        if interface.is_empty() && gateway.is_empty() {
            return Err(Hold::Form);
        }
        Ok(v1::NextHop {
            onlink: hop.onlink && !interface.is_empty() && !gateway.is_empty(),
            gateway,
            interface,
            weight,
            ..v1::NextHop::default()
        })
    }

    /// The tunnel that a next hop leads into: its far end, and what is put around packets; none if it leads into none.
    fn tunnel(&self, hop: &Hop) -> Result<Option<(IpAddr, Kind)>, Hold> {
        let (remote, kind) = match (&hop.encapsulation, hop.gateway) {
            // An interface of the router's own is a link like any other, whatever the kernel has behind it.
            (Encapsulation::None, Some(gateway))
                if self.netdevs.has_tunnels(hop.interface)
                    && self.interface(hop.interface).is_err() =>
            {
                let vni = self.netdevs.vni(hop.interface);
                let vni = vni.ok_or_else(|| Hold::NoVni(self.netdev(hop.interface)))?;
                (gateway, self.vxlan(hop, vni, gateway)?)
            }
            (Encapsulation::None, _) => return Ok(None),
            (Encapsulation::Vxlan(vni), Some(gateway)) => {
                (gateway, self.vxlan(hop, *vni, gateway)?)
            }
            (Encapsulation::Tunnel { id, remote }, gateway)
                if self.netdevs.has_tunnels(hop.interface) =>
            {
                let remote = remote.or(gateway).ok_or(Hold::Form)?;
                let vni = u32::try_from(*id).map_err(|_| Hold::Form)?;
                (remote, self.vxlan(hop, vni, remote)?)
            }
            (Encapsulation::Tunnel { .. }, _) => return Err(Hold::Encapsulation("IP tunnel")),
            (Encapsulation::Mpls(labels), Some(gateway)) => {
                let labels = v1::LabelEncap {
                    labels: labels.to_vec(),
                };
                let udp = (self.mpls_udp.iter()).any(|prefix| prefix.net().contains(&gateway));
                let kind = if udp { Kind::MplsUdp } else { Kind::Mpls };
                (gateway, kind(labels))
            }
            (Encapsulation::Mpls(_) | Encapsulation::Vxlan(_), None) => return Err(Hold::Form),
            (Encapsulation::Other(_), _) => return Err(Hold::Encapsulation("of another kind")),
        };
        Ok(Some((remote, kind)))
    }

    fn vxlan(&self, hop: &Hop, vni: u32, remote: IpAddr) -> Result<Kind, Hold> {
        let router_mac = self.netdevs.router_mac(hop.interface, remote);
        let router_mac = router_mac.ok_or(Hold::NoRouterMac(remote.to_canonical()))?;
        Ok(Kind::Vxlan(v1::VxlanEncap {
            vni,
            router_mac: Bytes::copy_from_slice(&router_mac.octets()),
        }))
    }

    /// The kernel's name of a netdev, or its index if it has none any more.
    fn netdev(&self, index: u32) -> String {
        let name = self.links.get(&index).cloned();
        name.unwrap_or_else(|| index.to_string())
    }
}

/// A set as the router is told of it.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Expressed {
    /// Next hops, and how many more there are that cannot be said.
    Hops(Vec<v1::NextHop>, u32),
    /// Packets are dropped.
    Blackhole,
    /// It cannot be said.
    Held(Hold),
}

impl Table {
    /// What the router can be told of a set: those of its next hops that can be said, if any.
    pub(super) fn express(&self, number: SetNumber, names: &Names) -> Expressed {
        let mut found = Found::default();
        self.gather(number, 1, names, DEEPEST, &mut found);
        if found.hops.len() > MOST_HOPS {
            return Expressed::Held(Hold::TooMany);
        }
        match found.hold {
            _ if !found.hops.is_empty() => Expressed::Hops(found.hops, found.left_out),
            Some(hold) => Expressed::Held(hold),
            None if found.blackhole => Expressed::Blackhole,
            None => Expressed::Held(Hold::Form),
        }
    }

    fn gather(&self, number: SetNumber, weight: u32, names: &Names, depth: u32, found: &mut Found) {
        let Some(set) = self.sets.get(&number) else {
            return;
        };
        match &set.body {
            Body::Unknown => found.hold(Hold::UnknownObject(set.object.unwrap_or_default())),
            Body::Blackhole => found.blackhole = true,
            Body::Hops(hops) => {
                for hop in hops {
                    match names.hop(hop, weight) {
                        Ok(hop) => found.hops.push(hop),
                        Err(hold) => found.hold(hold),
                    }
                }
            }
            Body::Group(_) if depth == 0 => found.hold(Hold::Form),
            Body::Group(members) => {
                for (member, weight) in members {
                    self.gather(*member, *weight, names, depth - 1, found);
                }
            }
        }
    }
}

#[derive(Default)]
struct Found {
    hops: Vec<v1::NextHop>,
    left_out: u32,
    hold: Option<Hold>,
    blackhole: bool,
}

impl Found {
    /// Notes what cannot be said; the first reason is as good as any.
    fn hold(&mut self, hold: Hold) {
        self.left_out += 1;
        self.hold.get_or_insert(hold);
    }
}

/// The octets of an address, as the API has them.
pub(in crate::bridge) fn octets(address: IpAddr) -> Bytes {
    match address {
        IpAddr::V4(v4) => Bytes::copy_from_slice(&v4.octets()),
        IpAddr::V6(v6) => Bytes::copy_from_slice(&v6.octets()),
    }
}
