//! ARP and neighbour discovery: what comes, and what is asked.

use std::net::IpAddr;

use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::snapshot::Snapshot;
use ferroute_dataplane::wire::Header;
use ferroute_dataplane::wire::arp::{ArpOperation, ArpPacket};
use ferroute_dataplane::wire::ethernet::EtherType;
use ferroute_dataplane::wire::ipv6::Ipv6Packet;

use super::output::Output;
use super::path::{ExceptionPath, Taken};
use super::send::complete;
use crate::neighbour::{NeighbourKey, Request};
use crate::slowpath::arp::{self, ArpInterface, ArpOutcome, ArpSend};
use crate::slowpath::nd::{self, NdAction, NdInterface, NdSend};
use ferroute_dataplane::drops::DropReason;
use ferroute_dataplane::ids::InterfaceId;

impl ExceptionPath {
    /// Learns from an ARP packet and answers it. Replies also go to the twin, whose kernel resolves
    /// neighbours for its own sockets.
    pub(super) fn arp(&mut self, snapshot: &Snapshot, taken: Taken, now_ns: u64) {
        let (outcome, operation) = match self.arp_outcome(snapshot, &taken) {
            Ok(outcome) => outcome,
            Err(reason) => return self.dropped(reason),
        };
        if let Some(seen) = outcome.seen {
            self.neighbours.arp(&seen, now_ns, &mut self.effects);
        }
        if let Some(reply) = outcome.reply {
            let (to, packet) = (reply.destination, reply.packet.bytes());
            self.reply(snapshot, &taken, to, EtherType::ARP.get(), packet);
        }
        self.counters.consumed.add(1);
        if operation == ArpOperation::Reply {
            self.copy_to_twin(taken);
        }
    }

    fn arp_outcome(
        &self,
        snapshot: &Snapshot,
        taken: &Taken,
    ) -> Result<(ArpOutcome, ArpOperation), DropReason> {
        let packet = ArpPacket::parse(taken.packet())?;
        let facts = self
            .interfaces
            .get(&taken.interface)
            .ok_or(DropReason::InterfaceDown)?;
        let mac = snapshot
            .interface(taken.interface)
            .map(|i| i.mac)
            .ok_or(DropReason::InterfaceDown)?;
        let interface = ArpInterface {
            id: taken.interface,
            mac,
            addresses: &facts.ipv4,
        };
        Ok((arp::receive(packet, &interface)?, packet.operation()))
    }

    /// Learns from a message of neighbour discovery and answers it. Advertisements also go to the twin, as ARP
    /// replies do; what concerns routers and hosts goes there only.
    pub(super) fn neighbour_discovery(&mut self, snapshot: &Snapshot, taken: Taken, now_ns: u64) {
        let interface = taken.interface;
        match self.nd_action(snapshot, &taken) {
            Err(reason) => self.dropped(reason),
            Ok(NdAction::Ignore) => self.counters.consumed.add(1),
            Ok(NdAction::Answer { learn, reply }) => {
                if let Some((source, mac)) = learn {
                    self.neighbours
                        .solicitation(interface, source, mac, now_ns, &mut self.effects);
                }
                let (to, packet) = (reply.destination, &reply.packet);
                self.reply(snapshot, &taken, to, EtherType::IPV6.get(), packet);
                self.counters.consumed.add(1);
            }
            Ok(NdAction::Advertised(seen)) => {
                self.neighbours
                    .advertisement(&seen, now_ns, &mut self.effects);
                self.counters.consumed.add(1);
                self.copy_to_twin(taken);
            }
            Ok(NdAction::Twin { learn }) => {
                if let Some((source, mac)) = learn {
                    self.neighbours
                        .solicitation(interface, source, mac, now_ns, &mut self.effects);
                }
                self.give_to_twin(taken);
            }
        }
    }

    fn nd_action(&self, snapshot: &Snapshot, taken: &Taken) -> Result<NdAction, DropReason> {
        let packet = Ipv6Packet::parse(taken.packet()).map_err(DropReason::from)?;
        let facts = self
            .interfaces
            .get(&taken.interface)
            .ok_or(DropReason::InterfaceDown)?;
        let mac = snapshot
            .interface(taken.interface)
            .map(|i| i.mac)
            .ok_or(DropReason::InterfaceDown)?;
        let frame_source = taken
            .frame
            .get(6..)
            .and_then(<[u8]>::first_chunk)
            .map_or(Mac::ZERO, |octets| Mac::new(*octets));
        nd::receive(
            &packet,
            frame_source,
            &NdInterface {
                id: taken.interface,
                mac,
                addresses: &facts.ipv6,
            },
        )
    }

    fn copy_to_twin(&mut self, taken: Taken) {
        self.give_to_twin(taken);
        if let Some(Output::Twin { counted, .. }) = self.outputs.last_mut() {
            *counted = false;
        }
    }

    /// Asks the neighbours on a gateway's link that have these addresses, so that their stations are heard of.
    pub(super) fn probe(&mut self, snapshot: &Snapshot, gateway: InterfaceId, macs: &[Mac]) {
        let all = self.neighbours.iter();
        let here = all.filter(|n| n.key.interface == gateway);
        let silent: Vec<_> = here
            .filter_map(|n| Some((n.key, n.mac.filter(|mac| macs.contains(mac))?)))
            .collect();
        for (key, mac) in silent {
            self.request(snapshot, key, Request::Unicast(mac));
        }
    }

    /// Asks for a neighbour's Ethernet address.
    pub(super) fn request(&mut self, snapshot: &Snapshot, key: NeighbourKey, request: Request) {
        let (Some(facts), Some(link)) = (
            self.interfaces.get(&key.interface),
            snapshot.interface(key.interface),
        ) else {
            return;
        };
        let mac = link.mac;
        match key.address {
            IpAddr::V4(target) => {
                let interface = ArpInterface {
                    id: key.interface,
                    mac,
                    addresses: &facts.ipv4,
                };
                let Some(source) = interface.source_for(target) else {
                    return;
                };
                let send = match request {
                    Request::Multicast => arp::request(mac, source, target),
                    Request::Unicast(believed) => arp::poll(mac, source, target, believed),
                };
                self.send_arp(snapshot, key.interface, &send);
            }
            IpAddr::V6(target) => {
                let interface = NdInterface {
                    id: key.interface,
                    mac,
                    addresses: &facts.ipv6,
                };
                let Some(source) = interface.source_for(target) else {
                    return;
                };
                let send = match request {
                    Request::Multicast => nd::solicitation(mac, source, target),
                    Request::Unicast(believed) => nd::probe(mac, source, target, believed),
                };
                self.send_nd(snapshot, key.interface, &send);
            }
        }
    }

    /// Tells the link that an address is ours.
    pub(super) fn announce(&mut self, snapshot: &Snapshot, key: NeighbourKey) {
        let Some(mac) = snapshot.interface(key.interface).map(|i| i.mac) else {
            return;
        };
        match key.address {
            IpAddr::V4(address) => {
                self.send_arp(snapshot, key.interface, &arp::announcement(mac, address))
            }
            IpAddr::V6(address) => {
                self.send_nd(snapshot, key.interface, &nd::announcement(mac, address))
            }
        }
    }

    /// Answers what came in. What came to a gateway is answered by its member: the FDB need not know the asker yet.
    fn reply(
        &mut self,
        snapshot: &Snapshot,
        taken: &Taken,
        to: Mac,
        ethertype: u16,
        packet: &[u8],
    ) {
        self.counters.originated.add(1);
        let member = taken.member.filter(|_| !to.is_multicast());
        let link = member.and_then(|id| Some((id, snapshot.interface(id)?)));
        let link = link.and_then(|(id, link)| Some((id, link, link.port.filter(|_| link.up)?)));
        let own = snapshot.interface(taken.interface).map(|own| own.mac);
        match (link, own) {
            (Some((interface, link, port)), Some(from)) => self.outputs.push(Output::Send {
                port: Some(port),
                interface,
                adjacency: None,
                frame: complete(to, from, link.vlan, ethertype, packet),
            }),
            _ => self.emit(snapshot, taken.interface, to, ethertype, packet, None),
        }
    }

    fn send_arp(&mut self, snapshot: &Snapshot, interface: InterfaceId, send: &ArpSend) {
        self.counters.originated.add(1);
        self.emit(
            snapshot,
            interface,
            send.destination,
            EtherType::ARP.get(),
            send.packet.bytes(),
            None,
        );
    }

    fn send_nd(&mut self, snapshot: &Snapshot, interface: InterfaceId, send: &NdSend) {
        self.counters.originated.add(1);
        self.emit(
            snapshot,
            interface,
            send.destination,
            EtherType::IPV6.get(),
            &send.packet,
            None,
        );
    }
}
