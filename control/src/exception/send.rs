//! How the exception path sends: what the router made, and what is released.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ferroute_dataplane::forward::MAX_LEAKS;
use ferroute_dataplane::forward::encap::underlay;
use ferroute_dataplane::ids::{AdjacencyId, InterfaceId, TunnelId, VrfId};
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::snapshot::Snapshot;
use ferroute_dataplane::snapshot::nexthop::{AdjacencyState, Hop, NextHop};
use ferroute_dataplane::tunnel::encap::encapsulate_packet;
use ferroute_dataplane::wire::ethernet::EtherType;

use super::output::Output;
use super::path::{ExceptionPath, Held, Origin};
use crate::neighbour::NeighbourKey;

/// Bytes of an Ethernet header without a tag.
pub(super) const ETHERNET_BYTES: usize = 14;
const TYPE_VLAN: u16 = 0x8100;

/// The type field of an IP packet.
pub(super) fn ip_ethertype(packet: &[u8]) -> u16 {
    if packet.first().is_some_and(|b| b >> 4 == 6) {
        0x86dd
    } else {
        0x0800
    }
}

/// The destination of an IP packet whose header was checked.
pub(super) fn destination(packet: &[u8]) -> Option<IpAddr> {
    if packet.first()? >> 4 == 6 {
        packet
            .get(24..)?
            .first_chunk()
            .map(|o| IpAddr::V6(Ipv6Addr::from_octets(*o)))
    } else {
        packet
            .get(16..)?
            .first_chunk()
            .map(|o| IpAddr::V4(Ipv4Addr::from_octets(*o)))
    }
}

/// The source of an IP packet whose header was checked.
pub(super) fn source(packet: &[u8]) -> Option<IpAddr> {
    if packet.first()? >> 4 == 6 {
        packet
            .get(8..)?
            .first_chunk()
            .map(|o| IpAddr::V6(Ipv6Addr::from_octets(*o)))
    } else {
        packet
            .get(12..)?
            .first_chunk()
            .map(|o| IpAddr::V4(Ipv4Addr::from_octets(*o)))
    }
}

fn hash(snapshot: &Snapshot, packet: &[u8]) -> u32 {
    let kind = EtherType::new(ip_ethertype(packet));
    snapshot.hasher.network(kind, packet).unwrap_or_default()
}

/// The way of a packet that the router sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// By this adjacency.
    Adjacency(AdjacencyId),
    /// Into this tunnel.
    Tunnel(TunnelId),
    /// To a host on this link.
    Link(InterfaceId),
    /// It is for the router itself.
    Own,
    /// There is none.
    None,
}

/// Looks a destination up as the workers do, through VRFs that leak into each other too.
pub(super) fn way(snapshot: &Snapshot, vrf: VrfId, packet: &[u8]) -> Way {
    let mut vrf = vrf;
    for _ in 0..=MAX_LEAKS {
        let (Some(tables), Some(to)) = (snapshot.vrf(vrf), destination(packet)) else {
            return Way::None;
        };
        let next_hop = match to {
            IpAddr::V4(to) => tables.ipv4.lookup(to.to_bits()),
            IpAddr::V6(to) => tables.ipv6.lookup(to.to_bits()),
        };
        return match snapshot.next_hop(next_hop) {
            NextHop::Vrf(next) => {
                vrf = next;
                continue;
            }
            NextHop::Adjacency(id) => Way::Adjacency(id),
            NextHop::Group(group) => {
                let member = snapshot
                    .group(group)
                    .and_then(|g| g.pick(hash(snapshot, packet)));
                match member {
                    Some(Hop::Adjacency(id)) => Way::Adjacency(id),
                    Some(Hop::Tunnel(id)) => Way::Tunnel(id),
                    None => Way::None,
                }
            }
            NextHop::Tunnel(id) => Way::Tunnel(id),
            NextHop::Glean(interface) => Way::Link(interface),
            NextHop::Local(_) | NextHop::Endpoint(_) => Way::Own,
            _ => Way::None,
        };
    }
    Way::None
}

/// The link and the Ethernet address of an adjacency that can be used.
fn resolved(snapshot: &Snapshot, id: AdjacencyId) -> Option<(InterfaceId, Mac)> {
    let adjacency = snapshot
        .adjacency(id)
        .filter(|a| a.state == AdjacencyState::Resolved)?;
    let mac = Mac::new(*adjacency.header.first_chunk()?);
    Some((adjacency.interface, mac))
}

/// A frame, with a tag if the link has a VLAN.
pub(super) fn complete(
    to: Mac,
    from: Mac,
    vlan: Option<u16>,
    ethertype: u16,
    payload: &[u8],
) -> Vec<u8> {
    let mut frame = Vec::with_capacity(ETHERNET_BYTES + 4 + payload.len());
    frame.extend_from_slice(&to.octets());
    frame.extend_from_slice(&from.octets());
    if let Some(vlan) = vlan {
        frame.extend_from_slice(&TYPE_VLAN.to_be_bytes());
        frame.extend_from_slice(&vlan.to_be_bytes());
    }
    frame.extend_from_slice(&ethertype.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

impl ExceptionPath {
    /// Sends an IP packet that the router made. `link` is the interface for destinations of link
    /// scope. Returns whether there is a way.
    pub(super) fn originate(
        &mut self,
        snapshot: &Snapshot,
        vrf: VrfId,
        link: InterfaceId,
        packet: Vec<u8>,
        now_ns: u64,
    ) -> bool {
        self.counters.originated.add(1);
        let way = match destination(&packet) {
            Some(IpAddr::V6(to)) if to.is_unicast_link_local() => Way::Link(link),
            Some(_) => way(snapshot, vrf, &packet),
            None => Way::None,
        };
        match way {
            Way::Adjacency(id) => match self.keys.get(&id).copied() {
                Some(key) => {
                    self.send_or_hold(snapshot, key, Some(id), packet, now_ns);
                    true
                }
                // It is about to go.
                None => self.send_by(snapshot, id, &packet),
            },
            Way::Tunnel(id) => self.enter_tunnel(snapshot, id, &packet, now_ns),
            Way::Link(interface) => {
                if let Some(to) = destination(&packet) {
                    self.send_or_hold(
                        snapshot,
                        NeighbourKey::new(interface, to),
                        None,
                        packet,
                        now_ns,
                    );
                }
                true
            }
            Way::Own | Way::None => false,
        }
    }

    fn send_or_hold(
        &mut self,
        snapshot: &Snapshot,
        key: NeighbourKey,
        adjacency: Option<AdjacencyId>,
        packet: Vec<u8>,
        now_ns: u64,
    ) {
        let known = self.neighbours.get(&key).and_then(|n| n.mac);
        if let Some(mac) = known {
            let ethertype = ip_ethertype(&packet);
            return self.emit(snapshot, key.interface, mac, ethertype, &packet, adjacency);
        }
        let bytes = packet.len();
        self.neighbours.hold(
            key,
            Held {
                origin: Origin::Router {
                    ethertype: ip_ethertype(&packet),
                },
                packet,
            },
            bytes,
            now_ns,
            &mut self.effects,
        );
    }

    /// Encapsulates an IP packet whose TTL is as it is to be in the tunnel, and sends it by the underlay,
    /// where it waits for a neighbour that is not resolved yet. Returns whether there is a way.
    pub(super) fn enter_tunnel(
        &mut self,
        snapshot: &Snapshot,
        id: TunnelId,
        packet: &[u8],
        now_ns: u64,
    ) -> bool {
        let hash = hash(snapshot, packet);
        let Some(tunnel) = snapshot.tunnel(id) else {
            return false;
        };
        let Some(adjacency) = underlay(snapshot, tunnel, hash) else {
            return false;
        };
        self.identification = self.identification.wrapping_add(1);
        let Ok(outer) = encapsulate_packet(tunnel, packet, hash, self.identification as u16) else {
            return false;
        };
        let ethertype = tunnel.outer().ethertype().get();
        self.send_complete(snapshot, adjacency, ethertype, outer, now_ns)
    }

    /// Sends a packet that is complete but for its link header, or holds it until its neighbour is
    /// resolved. Returns whether there is a way.
    pub(super) fn send_complete(
        &mut self,
        snapshot: &Snapshot,
        id: AdjacencyId,
        ethertype: u16,
        packet: Vec<u8>,
        now_ns: u64,
    ) -> bool {
        if let Some((interface, mac)) = resolved(snapshot, id) {
            self.emit(snapshot, interface, mac, ethertype, &packet, Some(id));
            return true;
        }
        let Some(key) = self.keys.get(&id).copied() else {
            return false;
        };
        let bytes = packet.len();
        let origin = Origin::Router { ethertype };
        self.neighbours.hold(
            key,
            Held { packet, origin },
            bytes,
            now_ns,
            &mut self.effects,
        );
        true
    }

    /// Sends a packet of another's by an adjacency, if that can be used; its TTL is the caller's
    /// business.
    pub(super) fn send_by(&mut self, snapshot: &Snapshot, id: AdjacencyId, packet: &[u8]) -> bool {
        let Some((interface, mac)) = resolved(snapshot, id) else {
            return false;
        };
        let ethertype = ip_ethertype(packet);
        self.emit(snapshot, interface, mac, ethertype, packet, Some(id));
        true
    }

    /// Sends a payload on a link in a complete frame.
    pub(super) fn emit(
        &mut self,
        snapshot: &Snapshot,
        interface: InterfaceId,
        to: Mac,
        ethertype: u16,
        payload: &[u8],
        adjacency: Option<AdjacencyId>,
    ) {
        let Some(link) = snapshot.interface(interface).filter(|i| i.up) else {
            return;
        };
        if link.port.is_none() && link.bridge.is_none() {
            return;
        }
        self.outputs.push(Output::Send {
            port: link.port,
            interface,
            adjacency,
            frame: complete(to, link.mac, link.vlan, ethertype, payload),
        });
    }

    /// Sends what the kernel sent into a twin, unchanged; on a VLAN interface with its tag.
    pub fn from_twin(&mut self, snapshot: &Snapshot, interface: InterfaceId, mut frame: Vec<u8>) {
        self.counters.from_twin.add(1);
        let link = snapshot
            .interface(interface)
            .filter(|i| i.up && frame.len() >= ETHERNET_BYTES);
        let Some(link) = link.filter(|l| l.port.is_some() || l.bridge.is_some()) else {
            self.counters.from_twin_dropped.add(1);
            return;
        };
        if let Some(vlan) = link.vlan {
            let [t0, t1] = TYPE_VLAN.to_be_bytes();
            let [v0, v1] = vlan.to_be_bytes();
            frame.splice(12..12, [t0, t1, v0, v1]);
        }
        self.counters.from_twin_sent.add(1);
        self.outputs.push(Output::Send {
            port: link.port,
            interface,
            adjacency: None,
            frame,
        });
    }
}
