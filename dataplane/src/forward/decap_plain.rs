//! Out of the tunnels that nearly all are: VXLAN, or one label over UDP that leads to a VRF, over IPv4, whose outer header
//! leaves no mark on what is inside. What [`out_of_tunnel`](super::decap) does for any tunnel in steps is here decided at once,
//! and nothing is touched before all is known to be plain.

use super::batch::Facts;
use super::bridge::Origin;
use super::{Forwarder, ipv4, ipv6};
use crate::fib::View;
use crate::ids::{BridgeId, EndpointId, InterfaceId, VrfId};
use crate::mac::Mac;
use crate::snapshot::Snapshot;
use crate::snapshot::endpoint::{Endpoint, VniTarget};
use crate::snapshot::label::{LabelEntry, Payload};
use crate::snapshot::segment::Peer;
use crate::snapshot::tunnel::Mode;
use crate::tunnel::decap::{PlainTaken, Tag, read_plain};
use crate::wire::Header;
use crate::wire::ecn::ECN_BITS;
use crate::wire::ethernet::{EtherType, EthernetHeader};
use crate::wire::ipv4::Ipv4Header;
use crate::wire::ipv6::Ipv6Header;
use crate::wire::mpls::StackEntry;

/// By what packets of one network come in. The next packet's is mostly that of the one before it.
pub(super) struct Door<'s> {
    id: EndpointId,
    endpoint: &'s Endpoint,
    tag: Tag,
    target: Target,
}

/// Where a door leads.
enum Target {
    /// By an interface into the tables of its VRF.
    Routed(Route),
    /// Into a bridge domain.
    Bridged(BridgeId),
}

/// An interface and the tables of its VRF.
struct Route {
    interface: InterfaceId,
    mac: Mac,
    vrf: VrfId,
    view4: View,
    view6: View,
    payload: Payload,
}

impl<'s> Door<'s> {
    #[inline(never)]
    fn find(
        snapshot: &'s Snapshot,
        id: EndpointId,
        endpoint: &'s Endpoint,
        tag: Tag,
    ) -> Option<Self> {
        let (interface, payload) = match tag {
            Tag::Vni(vni) => match endpoint.vnis.get(vni)? {
                VniTarget::Routed(interface) => (interface, Payload::Both),
                VniTarget::Bridged(bridge) => {
                    let target = Target::Bridged(bridge);
                    return Some(Self {
                        id,
                        endpoint,
                        tag,
                        target,
                    });
                }
                // Who sent it is not looked at here.
                VniTarget::BridgedFrom(_) => return None,
            },
            Tag::Label(label) => match snapshot.labels.get(label)? {
                LabelEntry::Vrf {
                    interface,
                    payload,
                    ttl_mode: Mode::Pipe,
                } => (interface, payload),
                _ => return None,
            },
        };
        let found = snapshot.interface(interface).filter(|found| found.up)?;
        let vrf = snapshot.vrf(found.vrf)?;
        let target = Target::Routed(Route {
            interface,
            mac: found.mac,
            vrf: found.vrf,
            view4: vrf.ipv4.view(),
            view6: vrf.ipv6.view(),
            payload,
        });
        Some(Self {
            id,
            endpoint,
            tag,
            target,
        })
    }
}

/// A plain IP packet out of a tunnel.
struct Plain {
    key: Key,
    /// Of these its lifetime is known.
    facts: Facts,
    ecn: u8,
}

/// Its destination.
enum Key {
    Ipv4(u32),
    Ipv6(u128),
}

impl Plain {
    /// Reads a packet of this family that is exactly as long as `packet`.
    #[inline(always)]
    fn read(kind: EtherType, packet: &[u8]) -> Option<Self> {
        match kind {
            EtherType::IPV4 => {
                let (header, _) = Ipv4Header::split(packet)?;
                let exact = usize::from(header.total_length()) == packet.len();
                let mut facts = Facts::default();
                facts.live_as_ipv4(header);
                (ipv4::is_plain(header, packet.len()) & exact).then(|| Self {
                    key: Key::Ipv4(header.destination().to_bits()),
                    facts,
                    ecn: header.traffic_class() & ECN_BITS,
                })
            }
            EtherType::IPV6 => {
                let (header, payload) = Ipv6Header::split(packet)?;
                let exact = usize::from(header.payload_length()) == payload.len();
                let mut facts = Facts::default();
                facts.live_as_ipv6(header);
                (ipv6::is_plain(header, packet.len()) & exact).then(|| Self {
                    key: Key::Ipv6(header.destination().to_bits()),
                    facts,
                    ecn: header.traffic_class() & ECN_BITS,
                })
            }
            _ => None,
        }
    }
}

impl Forwarder {
    /// Takes the packet at `slot` out of its tunnel into a lane. `None` when anything about it is not plain; nothing was
    /// done then. `door` is that of the packet before, and this one's afterwards.
    #[inline(always)]
    pub(super) fn leave_plainly<'s>(
        &mut self,
        snapshot: &'s Snapshot,
        slot: usize,
        id: EndpointId,
        door: &mut Option<Door<'s>>,
    ) -> Option<()> {
        let facts = self.batch.facts[slot];
        let mbuf = self.batch.packets[slot].as_mut()?;
        let (_, outer) = EthernetHeader::split(mbuf.data())?;
        let endpoint = match door {
            Some(door) if door.id == id => door.endpoint,
            _ => snapshot.endpoint(id)?,
        };
        // Then it is in one segment, too.
        let whole = (usize::from(facts.l3_offset) == EthernetHeader::LEN)
            & (outer.len() == usize::from(facts.ip_bytes))
            & (mbuf.len() == EthernetHeader::LEN + outer.len());
        if !(whole & (endpoint.policy.dscp_mode == Mode::Pipe)) {
            return None;
        }
        let PlainTaken { tag, carried, ecn } = read_plain(endpoint, outer)?;
        let door = match door {
            Some(door) if (door.id == id) & (door.tag == tag) => door,
            _ => door.insert(Door::find(snapshot, id, endpoint, tag)?),
        };
        let route = match &door.target {
            Target::Routed(route) => route,
            Target::Bridged(bridge) => {
                let (link, _) = EthernetHeader::split(carried)?;
                // It has no tag (RFC 7348 section 6.1).
                if link.ethertype().is_vlan() | (ecn != 0) {
                    return None;
                }
                let front = mbuf.len() - carried.len();
                mbuf.trim_front(front).ok()?;
                self.batch
                    .l2
                    .push(slot, *bridge, Origin::Tunnel(Peer::default()));
                return Some(());
            }
        };
        let (kind, packet) = match tag {
            // A frame is for the router's Ethernet address (RFC 9135 section 5.2).
            Tag::Vni(_) => {
                let (link, packet) = EthernetHeader::split(carried)?;
                if link.destination() != route.mac {
                    return None;
                }
                (link.ethertype(), packet)
            }
            Tag::Label(_) => (under_label(carried, route.payload)?, carried),
        };
        let plain = Plain::read(kind, packet)?;
        // Such marks change nothing (RFC 6040 section 4.2).
        if (ecn != 0) & (ecn != plain.ecn) {
            return None;
        }
        let packet_bytes = packet.len();
        // All in front of the packet but the space of a link header.
        let front = outer.len() - packet_bytes;
        mbuf.trim_front(front).ok()?;
        if let Tag::Label(label) = tag {
            // A packet without a link header gets one, as all later stages and the exception path count on it.
            let (link, _) = EthernetHeader::split_mut(mbuf.data_mut())?;
            *link = EthernetHeader::new(route.mac, route.mac, kind);
            let bytes = (packet_bytes + StackEntry::LEN) as u64;
            self.counters.label(label).add(1, bytes);
        }
        self.batch.facts[slot] = Facts {
            interface: route.interface,
            vrf: route.vrf,
            ip_bytes: packet_bytes as u16,
            l3_offset: EthernetHeader::LEN as u8,
            ..plain.facts
        };
        let bytes = (EthernetHeader::LEN + packet_bytes) as u64;
        self.counters.interface(route.interface).rx.add(1, bytes);
        match plain.key {
            Key::Ipv4(key) => self.batch.ipv4.push_later(slot, key, route.view4),
            Key::Ipv6(key) => self.batch.ipv6.push_later(slot, key, route.view6),
        }
        Some(())
    }
}

/// The family of a packet under a label that says what may be there.
#[inline(always)]
fn under_label(packet: &[u8], payload: Payload) -> Option<EtherType> {
    match (packet.first()? >> 4, payload) {
        (4, Payload::Ipv4 | Payload::Both) => Some(EtherType::IPV4),
        (6, Payload::Ipv6 | Payload::Both) => Some(EtherType::IPV6),
        _ => None,
    }
}
