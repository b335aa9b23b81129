//! Bridge domains over heap packets, without DPDK: what goes in at one member, what comes out of the
//! others. The frames are built by etherparse.

mod jumbo;
mod plain;
mod segments;
mod tunnels;

use std::sync::Arc;

use crossbeam::queue::ArrayQueue;
use dpdk_sys::{Mbuf, MbufSource};
use etherparse::PacketBuilder;

use super::super::tx::{TxPort, TxSink};
use super::super::{Forwarder, Inject, InjectRing, Supplies};
use super::{Learn, Place};
use crate::counters::{Stage, WorkerCounters};
use crate::drops::DropReason;
use crate::fdb::{Fdb, FdbKey, FdbTarget, Second};
use crate::fib::{Arena, Capacity, Trie};
use crate::forward::timed::TIMED;
use crate::ids::{AdjacencyId, BridgeId, InterfaceId, NextHopId, PortId, TunnelId, VrfId};
use crate::mac::Mac;
use crate::policer::{PuntPolicy, Rate};
use crate::punt::{Punt, PuntClass, PuntReason};
use crate::snapshot::bridge::Bridge;
use crate::snapshot::interface::Interface;
use crate::snapshot::nexthop::{Adjacency, AdjacencyState, NextHop};
use crate::snapshot::{Snapshot, Vrf};
use crate::wire::flow::FlowHasher;
use crate::worker::waker::Waker;

const BRIDGE: BridgeId = BridgeId::new(1);
const GATEWAY: InterfaceId = InterfaceId::new(10);
const GATEWAY_MAC: [u8; 6] = [2, 0, 0, 0, 0xee, 1];
const EVERYBODY: [u8; 6] = [0xff; 6];
const TICKS_HZ: u64 = 1_000;

/// A station behind the port of this number.
const fn station(port: u8) -> [u8; 6] {
    [2, 0, 0, 0, 0, port]
}

/// Ports 0, 1, 2 with the untagged members 1, 2, 3 of bridge domain 1, and its gateway, interface 10,
/// behind which 192.0.2.0/24 leads to station 2. Port 2 has VLAN 5 of the same domain too: member 4.
struct Bench {
    forwarder: Forwarder,
    snapshot: Snapshot,
    fdb: Fdb,
    ipv4: Trie<u32>,
    sent: Arc<InjectRing>,
    punts: Arc<ArrayQueue<Punt>>,
    learns: Arc<ArrayQueue<Learn>>,
    now_ticks: u64,
}

impl Bench {
    fn new(members: &[u32]) -> Self {
        let arena = Arc::new(Arena::new(Capacity::default()).unwrap());
        let (ipv4, ipv6) = (Trie::new(&arena).unwrap(), Trie::new(&arena).unwrap());
        let policy = PuntPolicy::default_for(TICKS_HZ);
        let mut snapshot = Snapshot::empty(arena, policy, FlowHasher::new(1));
        let vrf = Vrf {
            ipv4: ipv4.reader(),
            ipv6: ipv6.reader(),
        };
        snapshot.vrfs.set(0, Some(vrf));
        let member = |port: u16, vlan| Interface {
            up: true,
            mtu_bytes: 1500,
            port: Some(PortId::new(port)),
            vlan,
            bridge: Some(BRIDGE),
            ..Interface::default()
        };
        for port in 0..3u16 {
            let id = port + 1;
            snapshot.ports[usize::from(port)].untagged = Some(InterfaceId::new(id.into()));
            snapshot.interfaces.set(id.into(), member(port, None));
        }
        let mut vlans = [InterfaceId::default(); 4096];
        vlans[5] = InterfaceId::new(4);
        snapshot.ports[2].vlans = Some(Arc::new(vlans));
        snapshot.interfaces.set(4, member(2, Some(5)));
        let fdb = Fdb::new(1_000, 1, TICKS_HZ);
        snapshot.fdb = fdb.reader();
        let (sent, punts, learns) = (
            Arc::new(InjectRing::new(256).unwrap()),
            Arc::new(ArrayQueue::new(8)),
            Arc::new(ArrayQueue::new(8)),
        );
        let supplies = Supplies {
            punts: Arc::clone(&punts),
            learns: Arc::clone(&learns),
            taker: Arc::new(Waker::new().unwrap()),
            copies: MbufSource::Heap,
        };
        let mut forwarder = Forwarder::new(Arc::new(WorkerCounters::new()), supplies);
        for port in (0..3).map(PortId::new) {
            let tx = TxPort::new(port, TxSink::Handoff(Arc::clone(&sent)));
            forwarder.set_tx(port, Some(Box::new(tx)));
        }
        let mut bench = Self {
            forwarder,
            snapshot,
            fdb,
            ipv4,
            sent,
            punts,
            learns,
            now_ticks: 0,
        };
        bench.domain(|bridge| {
            bridge.members = members.iter().map(|m| InterfaceId::new(*m)).collect()
        });
        bench
    }

    /// With the gateway, and what is routed by it.
    fn with_gateway(members: &[u32]) -> Self {
        let mut bench = Self::new(members);
        let gateway = Interface {
            up: true,
            mac: Mac::new(GATEWAY_MAC),
            mtu_bytes: 1500,
            vrf: VrfId::DEFAULT,
            bridge: Some(BRIDGE),
            ..Interface::default()
        };
        bench.snapshot.interfaces.set(GATEWAY.index(), gateway);
        bench.domain(|bridge| bridge.gateway = Some(GATEWAY));
        bench.learned(GATEWAY_MAC, FdbTarget::Gateway);
        let mut adjacency = Adjacency {
            header_len: 14,
            state: AdjacencyState::Resolved,
            port: PortId::new(u16::MAX),
            mtu_bytes: 1500,
            interface: GATEWAY,
            ..Adjacency::default()
        };
        adjacency.header[..6].copy_from_slice(&station(2));
        adjacency.header[6..12].copy_from_slice(&GATEWAY_MAC);
        bench.snapshot.adjacencies.set(1, adjacency);
        let next_hop = NextHop::Adjacency(AdjacencyId::new(1));
        bench.snapshot.next_hops.set(10, next_hop);
        let prefix = "192.0.2.0/24".parse().unwrap();
        bench.ipv4.set(prefix, NextHopId::new(10)).unwrap();
        bench
    }

    fn domain(&mut self, change: impl FnOnce(&mut Bridge)) {
        let mut bridge = self.snapshot.bridge(BRIDGE).cloned().unwrap_or_default();
        change(&mut bridge);
        self.snapshot.bridges.set(BRIDGE.index(), Some(bridge));
    }

    fn learned(&mut self, mac: [u8; 6], target: FdbTarget) {
        let key = FdbKey::new(BRIDGE, Mac::new(mac));
        let set = self.fdb.set(key, target, Second::new(0)).unwrap();
        assert!(!set.grown);
    }

    /// What leaves by each port when `frames` come in by one.
    fn receive(&mut self, port: u16, frames: &[Vec<u8>]) -> Vec<(u16, Vec<u8>)> {
        self.receive_packets(port, frames.iter().map(|f| Mbuf::from_heap(f)).collect())
    }

    fn receive_packets(&mut self, port: u16, mut burst: Vec<Mbuf>) -> Vec<(u16, Vec<u8>)> {
        let port = PortId::new(port);
        self.forwarder
            .receive(&self.snapshot, port, &mut burst, self.now_ticks);
        self.sent()
    }

    fn inject(&mut self, frame: &[u8], interface: InterfaceId) -> Vec<(u16, Vec<u8>)> {
        let inject = Inject {
            mbuf: Mbuf::from_heap(frame),
            port: None,
            interface,
            adjacency: None,
        };
        self.forwarder
            .inject(&self.snapshot, inject, self.now_ticks);
        self.sent()
    }

    fn sent(&mut self) -> Vec<(u16, Vec<u8>)> {
        self.forwarder.flush_timed();
        let mut sent: Vec<_> = std::iter::from_fn(|| self.sent.pop())
            .map(|f| {
                let mut bytes = Vec::new();
                f.mbuf.copy_to(&mut bytes);
                (f.port.unwrap().get(), bytes)
            })
            .collect();
        sent.sort();
        self.balanced();
        sent
    }

    fn balanced(&self) {
        let c = self.forwarder.counters();
        assert_eq!(
            c.rx.get() + c.copied.get(),
            c.tx.get() + c.punted.get() + c.consumed.get() + c.dropped()
        );
    }

    fn dropped(&self, reason: DropReason) -> u64 {
        self.forwarder.counters().drops[reason.index()].get()
    }

    fn punted(&self) -> Vec<(PuntReason, InterfaceId)> {
        std::iter::from_fn(|| self.punts.pop())
            .map(|p| (p.reason, p.interface))
            .collect()
    }
}

fn frame(from: [u8; 6], to: [u8; 6], bytes: usize) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(from, to)
        .ipv4([10, 0, 0, 1], [192, 0, 2, 9], 64)
        .udp(1, 2);
    let mut frame = Vec::new();
    builder.write(&mut frame, &vec![7; bytes - 42]).unwrap();
    frame
}

fn tagged(plain: &[u8], vlan: u8) -> Vec<u8> {
    [&plain[..12], &[0x81, 0, 0, vlan], &plain[12..]].concat()
}

fn ports(sent: &[(u16, Vec<u8>)]) -> Vec<u16> {
    sent.iter().map(|(port, _)| *port).collect()
}

#[test]
fn a_known_station_gets_the_frame_unchanged_and_nobody_else() {
    let mut bench = Bench::new(&[1, 2, 3]);
    bench.learned(station(1), FdbTarget::Interface(InterfaceId::new(2)));
    let sent = frame(station(0), station(1), 100);
    assert_eq!(bench.receive(0, std::slice::from_ref(&sent)), [(1, sent)]);
    let counters = bench.forwarder.counters();
    assert_eq!(counters.interface(InterfaceId::new(1)).rx.packets.get(), 1);
    assert_eq!(counters.bridge(BRIDGE).frames.bytes.get(), 100);
    assert_eq!(counters.copied.get(), 0);
}

#[test]
fn bridging_is_measured_apart_from_routing() {
    let mut bench = Bench::new(&[1, 2]);
    bench.learned(station(1), FdbTarget::Interface(InterfaceId::new(2)));
    let frames = vec![frame(station(0), station(1), 100); 3];
    for _ in 0..TIMED {
        bench.receive(0, &frames);
    }
    let packets = |stage: Stage| bench.forwarder.counters().stage_packets[stage as usize].get();
    let measured = [Stage::Input, Stage::Bridge, Stage::Transmit].map(packets);
    assert_eq!(measured, [3; 3]);
    assert_eq!([Stage::Lookup, Stage::Rewrite].map(packets), [0; 2]);
}

#[test]
fn b_09_unknown_unicast_is_flooded_to_all_but_its_sender_or_to_nobody() {
    let mut bench = Bench::new(&[1, 2, 3]);
    let unknown = frame(station(0), station(9), 100);
    let sent = bench.receive(0, std::slice::from_ref(&unknown));
    assert_eq!(sent, [(1, unknown.clone()), (2, unknown.clone())]);
    bench.domain(|bridge| bridge.policy.unknown_unicast = false);
    assert_eq!(bench.receive(0, &[unknown]), []);
    assert_eq!(bench.dropped(DropReason::BridgeUnknownUnicast), 1);
    let everybody = frame(station(0), EVERYBODY, 100);
    assert_eq!(
        ports(&bench.receive(0, std::slice::from_ref(&everybody))),
        [1, 2]
    );
    bench.domain(|bridge| bridge.policy.broadcast = false);
    assert_eq!(bench.receive(0, &[everybody]), []);
    assert_eq!(bench.dropped(DropReason::BridgeGroupDisabled), 1);
}

#[test]
fn a_frame_never_goes_back_to_its_member() {
    let mut bench = Bench::new(&[1]);
    bench.learned(station(1), FdbTarget::Interface(InterfaceId::new(1)));
    let back = frame(station(0), station(1), 100);
    let alone = frame(station(0), EVERYBODY, 100);
    assert_eq!(bench.receive(0, &[back, alone]), []);
    assert_eq!(bench.dropped(DropReason::BridgeSameMember), 1);
    assert_eq!(bench.dropped(DropReason::BridgeAlone), 1);
}

#[test]
fn a_vlan_member_gets_its_tag_and_loses_it_on_the_way_back() {
    let mut bench = Bench::new(&[1, 4]);
    let plain = frame(station(0), EVERYBODY, 100);
    let sent = bench.receive(0, std::slice::from_ref(&plain));
    assert_eq!(sent, [(2, tagged(&plain, 5))]);
    let sent = bench.receive(2, &[tagged(&plain, 5)]);
    assert_eq!(sent, [(0, plain)]);
}

#[test]
fn x_14_a_runt_is_padded_when_its_tag_is_popped() {
    let mut bench = Bench::new(&[1, 4]);
    let mut runt = frame(station(0), EVERYBODY, 50);
    let sent = bench.receive(2, &[tagged(&runt, 5)]);
    runt.resize(60, 0);
    assert_eq!(sent, [(0, runt)]);
}

#[test]
fn reserved_groups_are_not_bridged_but_given_to_the_host() {
    let mut bench = Bench::new(&[1, 2, 3]);
    let frames: Vec<_> = (0..=16)
        .map(|last| frame(station(0), [0x01, 0x80, 0xc2, 0, 0, last], 64))
        .collect();
    assert_eq!(bench.receive(0, &frames[..8]), []);
    let punted = bench.punted();
    assert_eq!(punted.len(), 8);
    assert!(
        punted
            .iter()
            .all(|p| *p == (PuntReason::NonIp, InterfaceId::new(1)))
    );
    assert_eq!(bench.receive(0, &frames[8..16]), []);
    assert_eq!(ports(&bench.receive(0, &frames[16..])), [1, 2]);
}

#[test]
fn a_new_or_moved_source_is_told_once_and_a_known_one_is_marked() {
    let mut bench = Bench::new(&[1, 2, 3]);
    let burst = vec![frame(station(0), EVERYBODY, 64); 20];
    bench.receive(0, &burst);
    let told = |bench: &Bench| std::iter::from_fn(|| bench.learns.pop()).collect::<Vec<_>>();
    let key = FdbKey::new(BRIDGE, Mac::new(station(0)));
    let learn = Learn::new(key, Place::Member(InterfaceId::new(1)));
    assert_eq!(told(&bench), [learn]);
    bench.learned(station(0), FdbTarget::Interface(InterfaceId::new(1)));
    bench.now_ticks = 5 * TICKS_HZ;
    bench.receive(0, &burst);
    assert_eq!(told(&bench), []);
    assert_eq!(bench.fdb.get(key).unwrap().used, Second::new(5));
    bench.receive(1, &burst);
    let moved = Learn::new(key, Place::Member(InterfaceId::new(2)));
    assert_eq!(told(&bench), [moved]);
    bench.domain(|bridge| bridge.policy.learn = false);
    bench.now_ticks = 6 * TICKS_HZ;
    bench.receive(2, &burst);
    assert_eq!(told(&bench), []);
}

#[test]
fn a_full_learn_ring_is_counted_and_delays_nothing() {
    let mut bench = Bench::new(&[1, 2]);
    let frames: Vec<_> = (0..20)
        .map(|s| frame([2, 1, 1, 1, 1, s], EVERYBODY, 64))
        .collect();
    assert_eq!(bench.receive(0, &frames).len(), 20);
    let counters = bench.forwarder.counters();
    assert_eq!(counters.bridge(BRIDGE).learn_lost.get(), 12);
}

#[test]
fn a_storm_is_bounded() {
    let mut bench = Bench::new(&[1, 2]);
    bench.domain(|bridge| bridge.policy.storm = Some(Rate::new(10, 5, TICKS_HZ)));
    let burst = vec![frame(station(0), EVERYBODY, 64); 20];
    assert_eq!(bench.receive(0, &burst).len(), 5);
    assert_eq!(bench.dropped(DropReason::BridgeStorm), 15);
    bench.now_ticks = TICKS_HZ / 10;
    assert_eq!(bench.receive(0, &burst).len(), 1);
}

#[test]
fn p_04_a_frame_larger_than_the_member_takes_is_dropped_and_counted() {
    let mut bench = Bench::new(&[1, 2]);
    let (fits, big) = (
        frame(station(0), EVERYBODY, 1514),
        frame(station(0), EVERYBODY, 1515),
    );
    assert_eq!(bench.receive(0, &[fits, big]).len(), 1);
    assert_eq!(bench.dropped(DropReason::BridgeTooBig), 1);
}

#[test]
fn b_07_what_is_for_the_gateway_is_routed_and_comes_back_into_the_domain() {
    let mut bench = Bench::with_gateway(&[1, 2, 3]);
    bench.learned(station(2), FdbTarget::Interface(InterfaceId::new(3)));
    let sent = bench.receive(0, &[frame(station(0), GATEWAY_MAC, 100)]);
    let mut expected = Vec::new();
    let builder = PacketBuilder::ethernet2(GATEWAY_MAC, station(2))
        .ipv4([10, 0, 0, 1], [192, 0, 2, 9], 63)
        .udp(1, 2);
    builder.write(&mut expected, &[7; 58]).unwrap();
    assert_eq!(sent, [(2, expected)]);
    let counters = bench.forwarder.counters();
    assert_eq!(counters.interface(GATEWAY).rx.packets.get(), 1);
    assert_eq!(counters.interface(GATEWAY).tx.packets.get(), 1);
}

#[test]
fn arp_for_the_gateway_is_flooded_and_goes_to_the_exception_path_too() {
    let mut bench = Bench::with_gateway(&[1, 2, 3]);
    let mut request = frame(station(0), EVERYBODY, 60);
    request[12..14].copy_from_slice(&[8, 6]);
    let sent = bench.receive(0, std::slice::from_ref(&request));
    assert_eq!(sent, [(1, request.clone()), (2, request)]);
    let punt = bench.punts.pop().unwrap();
    assert_eq!((punt.reason, punt.interface), (PuntReason::Arp, GATEWAY));
    assert_eq!(punt.member, Some(InterfaceId::new(1)));
}

#[test]
fn who_poses_as_the_gateway_is_dropped() {
    let mut bench = Bench::with_gateway(&[1, 2, 3]);
    assert_eq!(bench.receive(0, &[frame(GATEWAY_MAC, EVERYBODY, 64)]), []);
    assert_eq!(bench.dropped(DropReason::BridgeOwnSource), 1);
}

/// An ARP request for 192.0.2.9.
fn arp_request() -> Vec<u8> {
    let mut request = frame(station(0), EVERYBODY, 60);
    request[12..14].copy_from_slice(&[8, 6]);
    let arp = [
        &[0, 1, 8, 0, 6, 4, 0, 1][..],
        &station(0),
        &[192, 0, 2, 1],
        &[0; 6],
        &[192, 0, 2, 9],
    ]
    .concat();
    request[14..42].copy_from_slice(&arp);
    request
}

#[test]
fn b_07_a_request_that_may_be_suppressed_is_asked_about_and_flooded_when_it_comes_back() {
    let mut bench = Bench::with_gateway(&[1, 2, 3]);
    bench.domain(|bridge| bridge.policy.suppress = true);
    let request = arp_request();
    assert_eq!(bench.receive(0, std::slice::from_ref(&request)), []);
    assert_eq!(
        bench.punted(),
        [(PuntReason::Suppress, InterfaceId::new(1))]
    );
    let sent = bench.inject(&request, InterfaceId::new(1));
    assert_eq!(ports(&sent), [1, 2]);
    let other = frame(station(0), EVERYBODY, 64);
    assert_eq!(ports(&bench.receive(0, &[other])), [1, 2]);
    bench.snapshot.punt_policy.rates[PuntClass::Arp.index()] = Rate::new(0, 0, TICKS_HZ);
    let sent = bench.receive(0, &[request]);
    assert_eq!(ports(&sent), [1, 2], "without a token it is flooded");
}

#[test]
fn what_the_gateway_sends_goes_to_its_station_or_to_all() {
    let mut bench = Bench::with_gateway(&[1, 2, 3]);
    bench.learned(station(1), FdbTarget::Interface(InterfaceId::new(2)));
    let known = frame(GATEWAY_MAC, station(1), 64);
    assert_eq!(ports(&bench.inject(&known, GATEWAY)), [1]);
    let all = frame(GATEWAY_MAC, EVERYBODY, 64);
    assert_eq!(ports(&bench.inject(&all, GATEWAY)), [0, 1, 2]);
    assert_eq!(bench.forwarder.counters().inject_tx.get(), 2);
}

#[test]
fn a_frame_of_any_length_is_taken_or_dropped() {
    let mut bench = Bench::with_gateway(&[1, 2, 4]);
    let whole = tagged(&frame(station(0), GATEWAY_MAC, 80), 5);
    for bytes in 0..whole.len() {
        bench.receive(2, &[whole[..bytes].to_vec()]);
        bench.receive(0, &[whole[..bytes].to_vec()]);
        while bench.punts.pop().is_some() {}
    }
}

#[test]
fn a_domain_that_is_gone_drops() {
    let mut bench = Bench::new(&[1, 2]);
    bench.snapshot.bridges.set(BRIDGE.index(), None);
    assert_eq!(bench.receive(0, &[frame(station(0), EVERYBODY, 64)]), []);
    assert_eq!(bench.dropped(DropReason::BridgeMissing), 1);
}

#[test]
fn a_flood_list_of_a_thousand_dead_tunnels_costs_a_thousand_counted_copies() {
    let mut bench = Bench::new(&[1, 2]);
    bench.domain(|bridge| bridge.flood = (1..=1_000).map(TunnelId::new).collect());
    let sent = bench.receive(0, &[frame(station(0), EVERYBODY, 64)]);
    assert_eq!(ports(&sent), [1]);
    assert_eq!(bench.dropped(DropReason::NextHopMissing), 1_000);
}
