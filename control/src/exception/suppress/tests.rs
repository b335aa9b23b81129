use super::*;
use crate::exception::command::{Command, InterfaceFacts};
use crate::exception::counters::ExceptionCounters;
use crate::neighbour::NeighbourConfig;
use crate::slowpath::ratelimit::{ErrorLimits, Rate};
use dpdk_sys::Mbuf;
use etherparse::{NetSlice, SlicedPacket};
use ferroute_dataplane::fib::{Arena, Capacity};
use ferroute_dataplane::ids::{BridgeId, PortId, VrfId};
use ferroute_dataplane::policer::PuntPolicy;
use ferroute_dataplane::punt::{Punt, PuntClass, PuntReason};
use ferroute_dataplane::snapshot::bridge::Bridge;
use ferroute_dataplane::snapshot::interface::Interface;
use ferroute_dataplane::wire::flow::FlowHasher;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use tokio::sync::oneshot;

const MEMBER: InterfaceId = InterfaceId::new(1);
const TAGGED: InterfaceId = InterfaceId::new(2);
const GATEWAY: InterfaceId = InterfaceId::new(3);
const GATEWAY_MAC: Mac = Mac::new([2, 0, 0x5e, 0, 1, 1]);
const ASKER: Mac = Mac::new([2, 0, 0, 0, 1, 1]);
const STATION: Mac = Mac::new([2, 0, 0, 0, 1, 8]);
const ASKER_4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);
const KNOWN_4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 8);
const OWN_4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const ASKER_6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 5);
const KNOWN_6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 8);

/// A domain with an untagged member, one in VLAN 7 and a gateway, which knows the station.
struct Lab {
    path: ExceptionPath,
    snapshot: Snapshot,
    counters: Arc<ExceptionCounters>,
}

impl Lab {
    fn new() -> Self {
        let arena = Arc::new(Arena::new(Capacity::default()).unwrap());
        let policy = PuntPolicy::default_for(1_000_000_000);
        let mut snapshot = Snapshot::empty(arena, policy, FlowHasher::new(1));
        let bridge = BridgeId::new(1);
        let member = |port, vlan, mac| Interface {
            up: true,
            mac,
            mtu_bytes: 1500,
            port,
            vlan,
            bridge: Some(bridge),
            ..Interface::default()
        };
        let mut put = |id: InterfaceId, interface| snapshot.interfaces.set(id.index(), interface);
        put(
            MEMBER,
            member(Some(PortId::new(0)), None, Mac::new([2, 9, 0, 0, 0, 0])),
        );
        put(
            TAGGED,
            member(Some(PortId::new(1)), Some(7), Mac::new([2, 9, 0, 0, 0, 1])),
        );
        put(GATEWAY, member(None, None, GATEWAY_MAC));
        let domain = Bridge {
            members: vec![MEMBER, TAGGED].into(),
            gateway: Some(GATEWAY),
            ..Bridge::default()
        };
        snapshot.bridges.set(bridge.index(), Some(domain));
        let counters = Arc::new(ExceptionCounters::default());
        let limits = (ErrorLimits::default(), Rate::new(1000, 1000));
        let config = NeighbourConfig::default();
        let path = ExceptionPath::new(config, limits.0, limits.1, Arc::clone(&counters), 1);
        let mut lab = Self {
            path,
            snapshot,
            counters,
        };
        let nets = ["10.0.0.1/24", "2001:db8::1/64"].map(|net| net.parse().unwrap());
        let facts = InterfaceFacts::new("irb".to_owned(), &nets, true);
        lab.command(Command::Interface(GATEWAY, Some(Arc::new(facts))));
        for address in [IpAddr::V4(KNOWN_4), IpAddr::V6(KNOWN_6)] {
            let (reply, answer) = oneshot::channel();
            let key = NeighbourKey::new(GATEWAY, address);
            lab.command(Command::AddPermanent(key, STATION, reply));
            answer.blocking_recv().unwrap().unwrap();
        }
        lab
    }

    fn command(&mut self, command: Command) {
        self.path.command(&self.snapshot, command, 0);
        drop(self.path.take_outputs());
    }

    /// Takes a frame of a member, and says what it wants sent: by which port, on which interface.
    fn ask(
        &mut self,
        member: InterfaceId,
        l3_offset: u8,
        frame: &[u8],
    ) -> (Option<PortId>, InterfaceId, Vec<u8>) {
        let punt = Punt {
            mbuf: Mbuf::from_heap(frame),
            reason: PuntReason::Suppress,
            class: PuntClass::Arp,
            member: None,
            interface: member,
            vrf: VrfId::DEFAULT,
            l3_offset,
            group_frame: true,
        };
        self.path.punt(&self.snapshot, &punt, 0);
        let ends = &self.counters;
        assert_eq!(
            ends.taken.get(),
            ends.consumed.get() + ends.forwarded.get(),
            "each has one end"
        );
        let mut sent = Vec::new();
        for output in self.path.take_outputs() {
            match output {
                Output::Send {
                    port,
                    interface,
                    frame,
                    ..
                } => sent.push((port, interface, frame)),
                // The gateway's twin hears of what concerns it, and the core of neighbours.
                Output::Twin { .. } | Output::Tell(_) => {}
            }
        }
        assert_eq!(sent.len(), 1, "{sent:02x?}");
        sent.remove(0)
    }

    fn is_flooded(&mut self, frame: &[u8]) {
        let flooded = self.ask(MEMBER, 14, frame);
        assert_eq!(flooded, (None, MEMBER, frame.to_vec()));
    }
}

fn framed(to: Mac, kind: EtherType, packet: &[u8]) -> Vec<u8> {
    complete(to, ASKER, None, kind.get(), packet)
}

fn request(sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let zero = (Mac::ZERO, target);
    let arp = ArpPacket::new(ArpOperation::Request, (ASKER, sender), zero);
    framed(Mac::BROADCAST, EtherType::ARP, arp.bytes())
}

fn solicitation(source: Ipv6Addr, target: Ipv6Addr) -> Vec<u8> {
    let asked = nd::solicitation(ASKER, source, target);
    framed(asked.destination, EtherType::IPV6, &asked.packet)
}

/// Who says to whom in an ARP reply that an address is his, and the VLAN of the frame.
fn reply(frame: &[u8]) -> ([u8; 6], [u8; 4], [u8; 6], Option<u16>) {
    let sliced = SlicedPacket::from_ethernet(frame).unwrap();
    let Some(NetSlice::Arp(arp)) = &sliced.net else {
        panic!("{frame:02x?}");
    };
    assert_eq!(arp.operation(), etherparse::ArpOperation::REPLY);
    assert_eq!(&frame[..6], arp.target_hw_addr(), "to who asked");
    assert_eq!(&frame[6..12], arp.sender_hw_addr());
    assert_eq!(arp.target_protocol_addr(), ASKER_4.octets());
    let vlan = sliced.vlan_ids().first().map(|vlan| vlan.value());
    (
        arp.sender_hw_addr().try_into().unwrap(),
        arp.sender_protocol_addr().try_into().unwrap(),
        arp.target_hw_addr().try_into().unwrap(),
        vlan,
    )
}

#[test]
fn b_07_a_request_for_a_known_station_is_answered_where_it_came_in() {
    let mut lab = Lab::new();
    let (port, interface, frame) = lab.ask(MEMBER, 14, &request(ASKER_4, KNOWN_4));
    assert_eq!((port, interface), (Some(PortId::new(0)), MEMBER));
    let said = (STATION.octets(), KNOWN_4.octets(), ASKER.octets(), None);
    assert_eq!(reply(&frame), said);
}

#[test]
fn b_07_the_answer_has_the_tag_of_the_members_vlan() {
    let mut lab = Lab::new();
    let mut asked = request(ASKER_4, KNOWN_4);
    asked.splice(12..12, [0x81, 0, 0, 7]);
    let (port, interface, frame) = lab.ask(TAGGED, 18, &asked);
    assert_eq!((port, interface), (Some(PortId::new(1)), TAGGED));
    let said = (STATION.octets(), KNOWN_4.octets(), ASKER.octets(), Some(7));
    assert_eq!(reply(&frame), said);
    // What nobody knows goes on without the tag: the domain's members have tags of their own.
    let mut unknown = request(ASKER_4, Ipv4Addr::new(10, 0, 0, 77));
    let plain = unknown.clone();
    unknown.splice(12..12, [0x81, 0, 0, 7]);
    assert_eq!(lab.ask(TAGGED, 18, &unknown), (None, TAGGED, plain));
}

#[test]
fn b_07_a_solicitation_for_a_known_station_is_answered_where_it_came_in() {
    let mut lab = Lab::new();
    let (port, interface, frame) = lab.ask(MEMBER, 14, &solicitation(ASKER_6, KNOWN_6));
    assert_eq!((port, interface), (Some(PortId::new(0)), MEMBER));
    assert_eq!(
        (&frame[..6], &frame[6..12]),
        (&ASKER.octets()[..], &STATION.octets()[..])
    );
    let sliced = SlicedPacket::from_ethernet(&frame).unwrap();
    let Some(NetSlice::Ipv6(ip)) = &sliced.net else {
        panic!("{frame:02x?}");
    };
    let header = ip.header();
    assert_eq!(header.hop_limit(), 255, "RFC 4861 section 7.1.2");
    assert_eq!(header.source_addr(), KNOWN_6);
    assert_eq!(header.destination_addr(), ASKER_6);
    let message = ip.payload().payload;
    assert_eq!(message[0], 136, "an advertisement");
    assert_eq!(message[4] & 0x40, 0x40, "solicited");
    assert_eq!(message[8..24], KNOWN_6.octets());
    assert_eq!(message[24..26], [2, 1], "the target's link-layer address");
    assert_eq!(message[26..32], STATION.octets());
    let icmp = etherparse::Icmpv6Slice::from_slice(message).unwrap();
    assert!(icmp.is_checksum_valid(header.source(), header.destination()));
}

#[test]
fn what_nobody_knows_is_flooded_as_it_came() {
    let mut lab = Lab::new();
    lab.is_flooded(&request(ASKER_4, Ipv4Addr::new(10, 0, 0, 77)));
    let unknown = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x77);
    lab.is_flooded(&solicitation(ASKER_6, unknown));
    assert_eq!(lab.counters.forwarded.get(), 2);
}

#[test]
fn who_probes_whether_an_address_is_free_asks_the_station_itself() {
    let mut lab = Lab::new();
    for sender in [Ipv4Addr::UNSPECIFIED, KNOWN_4] {
        lab.is_flooded(&request(sender, KNOWN_4));
    }
    // Duplicate address detection says nothing of the asker's Ethernet address (RFC 4862 section 5.4.2).
    let group: Ipv6Addr = "ff02::1:ff00:8".parse().unwrap();
    let probe =
        etherparse::PacketBuilder::ipv6([0; 16], group.octets(), 255).icmpv6_raw(135, 0, [0; 4]);
    let mut packet = Vec::new();
    probe.write(&mut packet, &KNOWN_6.octets()).unwrap();
    lab.is_flooded(&framed(
        Mac::for_ipv6_multicast(group),
        EtherType::IPV6,
        &packet,
    ));
}

#[test]
fn a_reply_is_no_question() {
    let mut lab = Lab::new();
    let said = (ASKER, ASKER_4);
    let arp = ArpPacket::new(ArpOperation::Reply, said, (STATION, KNOWN_4));
    lab.is_flooded(&framed(Mac::BROADCAST, EtherType::ARP, arp.bytes()));
}

#[test]
fn b_07_what_the_gateway_is_asked_for_it_answers_itself() {
    let mut lab = Lab::new();
    let (port, interface, frame) = lab.ask(MEMBER, 14, &request(ASKER_4, OWN_4));
    let by_member = (Some(PortId::new(0)), MEMBER);
    assert_eq!((port, interface), by_member, "where it came in");
    let said = (GATEWAY_MAC.octets(), OWN_4.octets(), ASKER.octets(), None);
    assert_eq!(reply(&frame), said);
}

#[test]
fn without_a_gateway_nobody_is_known() {
    let mut lab = Lab::new();
    let bridge = BridgeId::new(1).index();
    lab.snapshot.bridges.set(bridge, Some(Bridge::default()));
    lab.is_flooded(&request(ASKER_4, KNOWN_4));
}

#[test]
fn what_is_cut_off_anywhere_is_flooded() {
    let mut lab = Lab::new();
    for frame in [request(ASKER_4, KNOWN_4), solicitation(ASKER_6, KNOWN_6)] {
        for length in 0..frame.len() {
            lab.is_flooded(&frame[..length]);
        }
    }
}
