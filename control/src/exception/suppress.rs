//! Requests for a neighbour in a bridge domain that may be answered in the place of their target (RFC
//! 9161): from the neighbour table of the domain's gateway, which knows local hosts and is told of
//! remote ones.

use std::net::IpAddr;

use ferroute_dataplane::ids::InterfaceId;
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::snapshot::Snapshot;
use ferroute_dataplane::wire::Header;
use ferroute_dataplane::wire::arp::{ArpOperation, ArpPacket};
use ferroute_dataplane::wire::ethernet::EtherType;
use ferroute_dataplane::wire::ipv6::Ipv6Packet;
use ferroute_dataplane::wire::nd::NdMessage;

use super::output::Output;
use super::path::{ExceptionPath, Taken};
use super::send::{ETHERNET_BYTES, complete};
use crate::neighbour::NeighbourKey;
use crate::slowpath::nd;

/// An answer in the place of a station.
struct Answer {
    to: Mac,
    from: Mac,
    ethertype: EtherType,
    packet: Vec<u8>,
}

impl ExceptionPath {
    /// Answers a request if its target is known, and has it flooded if it is not. What the gateway is
    /// asked for itself, it answers itself.
    pub(super) fn suppress(&mut self, snapshot: &Snapshot, mut taken: Taken, now_ns: u64) {
        let domain = snapshot.interface(taken.interface).and_then(|i| i.bridge);
        let gateway = domain.and_then(|id| Some((id, snapshot.bridge(id)?.gateway?)));
        let asked = target(&taken);
        let (Some((domain, gateway)), Some(asked)) = (gateway, asked) else {
            return self.flood_on(taken);
        };
        let own = self.interfaces.get(&gateway).filter(|f| f.has(asked));
        if own.is_some() {
            taken.member = Some(taken.interface);
            taken.interface = gateway;
            taken.vrf = snapshot.interface(gateway).map_or(taken.vrf, |i| i.vrf);
            return match asked {
                IpAddr::V4(_) => self.arp(snapshot, taken, now_ns),
                IpAddr::V6(_) => self.neighbour_discovery(snapshot, taken, now_ns),
            };
        }
        let known = self.neighbours.get(&NeighbourKey::new(gateway, asked));
        match known.and_then(|neighbour| answer(&taken, neighbour.mac?)) {
            Some(answer) => {
                self.counters.answered(domain).add(1);
                self.answer_for(snapshot, taken.interface, &answer);
            }
            None => self.flood_on(taken),
        }
    }

    /// Answers where the question came in: the FDB need not know the asker yet, and nobody else may take the answer
    /// for a frame of the station.
    fn answer_for(&mut self, snapshot: &Snapshot, member: InterfaceId, answer: &Answer) {
        self.counters.consumed.add(1);
        let Some(link) = snapshot.interface(member).filter(|i| i.up) else {
            return;
        };
        let Some(port) = link.port else {
            return;
        };
        self.counters.originated.add(1);
        let (to, from, ethertype) = (answer.to, answer.from, answer.ethertype.get());
        self.outputs.push(Output::Send {
            port: Some(port),
            interface: member,
            adjacency: None,
            frame: complete(to, from, link.vlan, ethertype, &answer.packet),
        });
    }

    /// Sends a request on its way, as its member received it.
    fn flood_on(&mut self, taken: Taken) {
        let Taken {
            mut frame,
            interface,
            l3_offset,
            ..
        } = taken;
        if l3_offset > ETHERNET_BYTES && frame.len() >= l3_offset {
            frame.drain(12..l3_offset - 2);
        }
        self.counters.forwarded.add(1);
        self.outputs.push(Output::Send {
            port: None,
            interface,
            adjacency: None,
            frame,
        });
    }
}

/// The address that is asked for.
fn target(taken: &Taken) -> Option<IpAddr> {
    if let Ok(arp) = ArpPacket::parse(taken.packet()) {
        return Some(arp.target_ip().into());
    }
    let packet = Ipv6Packet::parse(taken.packet()).ok()?;
    match NdMessage::parse(packet.header(), packet.payload()).ok()? {
        NdMessage::NeighbourSolicitation(message) => Some(message.target.into()),
        _ => None,
    }
}

/// The answer to a request in the place of the station `mac`. None to who probes whether an address is
/// free (RFC 5227, RFC 4862): the station itself may be about to take it.
fn answer(taken: &Taken, mac: Mac) -> Option<Answer> {
    if let Ok(arp) = ArpPacket::parse(taken.packet()) {
        let (asker, sender) = (arp.sender_mac(), arp.sender_ip());
        let asks = arp.operation() == ArpOperation::Request
            && !sender.is_unspecified()
            && sender != arp.target_ip();
        let reply = ArpPacket::new(ArpOperation::Reply, (mac, arp.target_ip()), (asker, sender));
        return asks.then(|| Answer {
            to: asker,
            from: mac,
            ethertype: EtherType::ARP,
            packet: reply.bytes().to_vec(),
        });
    }
    let packet = Ipv6Packet::parse(taken.packet()).ok()?;
    let source = packet.header().source();
    let message = NdMessage::parse(packet.header(), packet.payload()).ok()?;
    let NdMessage::NeighbourSolicitation(asked) = message else {
        return None;
    };
    let asker = asked
        .source_link_address
        .filter(|_| !source.is_unspecified())?;
    let reply = nd::proxy(mac, asked.target, source, asker);
    Some(Answer {
        to: reply.destination,
        from: mac,
        ethertype: EtherType::IPV6,
        packet: reply.packet,
    })
}

#[cfg(test)]
mod tests;
