//! The stages over heap packets, without DPDK: what goes in, what comes out of each port, what is
//! punted and what is counted. The packets are built and read by etherparse.

use std::sync::Arc;

use crossbeam::queue::ArrayQueue;
use dpdk_sys::{Mbuf, MbufSource};
use etherparse::PacketBuilder;

use super::tx::{TxPort, TxSink};
use super::{Forwarder, InjectRing, Supplies};
use crate::counters::WorkerCounters;
use crate::drops::DropReason;
use crate::fib::{Arena, Capacity, Trie};
use crate::ids::{AdjacencyId, GroupId, InterfaceId, NextHopId, PortId, VrfId};
use crate::mac::Mac;
use crate::policer::PuntPolicy;
use crate::punt::{Punt, PuntReason};
use crate::snapshot::interface::Interface;
use crate::snapshot::nexthop::{Adjacency, AdjacencyState, Group, Hop, NextHop};
use crate::snapshot::{Snapshot, Vrf};
use crate::wire::flow::FlowHasher;
use crate::worker::waker::Waker;

const OURS: [u8; 6] = [2, 0, 0, 0, 0, 1];
const PEER: [u8; 6] = [2, 0, 0, 0, 0, 0x99];

struct Bench {
    forwarder: Forwarder,
    snapshot: Snapshot,
    ipv4: Trie<u32>,
    sent: Arc<InjectRing>,
    punts: Arc<ArrayQueue<Punt>>,
}

impl Bench {
    /// Port 0 with interface 1; adjacency 1 behind next hop 10, group 1 of adjacencies 1 and 2
    /// behind next hop 11.
    fn new() -> Self {
        let arena = Arc::new(Arena::new(Capacity::default()).unwrap());
        let ipv4 = Trie::new(&arena).unwrap();
        let ipv6 = Trie::new(&arena).unwrap();
        let mut snapshot = Snapshot::empty(
            arena,
            PuntPolicy::default_for(1_000_000_000),
            FlowHasher::new(1),
        );
        snapshot.vrfs.set(
            0,
            Some(Vrf {
                ipv4: ipv4.reader(),
                ipv6: ipv6.reader(),
            }),
        );
        snapshot.ports[0].untagged = Some(InterfaceId::new(1));
        let interface = Interface {
            up: true,
            vrf: VrfId::DEFAULT,
            mac: Mac::new(OURS),
            mtu_bytes: 1500,
            port: Some(PortId::new(0)),
            ..Interface::default()
        };
        snapshot.interfaces.set(1, interface);
        for id in 1..=2 {
            let mut adjacency = Adjacency {
                header_len: 14,
                state: AdjacencyState::Resolved,
                mtu_bytes: 1500,
                interface: InterfaceId::new(1),
                ..Adjacency::default()
            };
            adjacency.header[..5].copy_from_slice(&PEER[..5]);
            adjacency.header[5] = id;
            adjacency.header[6..12].copy_from_slice(&OURS);
            snapshot.adjacencies.set(usize::from(id), adjacency);
        }
        snapshot
            .next_hops
            .set(10, NextHop::Adjacency(AdjacencyId::new(1)));
        snapshot.next_hops.set(11, NextHop::Group(GroupId::new(1)));
        snapshot.groups.set(
            1,
            Group::new(&[1, 2].map(|id| Hop::Adjacency(AdjacencyId::new(id)))),
        );
        let (sent, punts) = (
            Arc::new(InjectRing::new(256).unwrap()),
            Arc::new(ArrayQueue::new(8)),
        );
        let mut forwarder = Forwarder::new(
            Arc::new(WorkerCounters::new()),
            Supplies {
                punts: Arc::clone(&punts),
                learns: Arc::new(ArrayQueue::new(1)),
                taker: Arc::new(Waker::new().unwrap()),
                copies: MbufSource::Heap,
            },
        );
        let tx = TxPort::new(PortId::new(0), TxSink::Handoff(Arc::clone(&sent)));
        forwarder.set_tx(PortId::new(0), Some(Box::new(tx)));
        Self {
            forwarder,
            snapshot,
            ipv4,
            sent,
            punts,
        }
    }

    fn route(&mut self, prefix: &str, next_hop: u32) {
        self.ipv4
            .set(prefix.parse().unwrap(), NextHopId::new(next_hop))
            .unwrap();
    }

    fn receive(&mut self, frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut burst = frames.iter().map(|f| Mbuf::from_heap(f)).collect();
        self.forwarder
            .receive(&self.snapshot, PortId::new(0), &mut burst, 0);
        self.forwarder.flush();
        std::iter::from_fn(|| self.sent.pop())
            .map(|f| f.mbuf.data().to_vec())
            .collect()
    }

    fn dropped(&self, reason: DropReason) -> u64 {
        self.forwarder.counters().drops[reason.index()].get()
    }
}

fn udp(to: [u8; 4], ttl: u8, port: u16) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(PEER, OURS)
        .ipv4([10, 0, 0, 9], to, ttl)
        .udp(port, 53);
    let mut frame = Vec::new();
    builder.write(&mut frame, b"payload").unwrap();
    frame
}

#[test]
fn forwards_with_one_ttl_less_and_nothing_else_changed() {
    let mut bench = Bench::new();
    bench.route("192.0.2.0/24", 10);
    let sent = bench.receive(&[udp([192, 0, 2, 7], 64, 1000)]);
    let mut expected = Vec::new();
    let to = [2, 0, 0, 0, 0, 1];
    let builder = PacketBuilder::ethernet2(OURS, to)
        .ipv4([10, 0, 0, 9], [192, 0, 2, 7], 63)
        .udp(1000, 53);
    builder.write(&mut expected, b"payload").unwrap();
    assert_eq!(sent, [expected]);
    let counters = bench.forwarder.counters();
    assert_eq!(
        (counters.rx.get(), counters.tx.get(), counters.dropped()),
        (1, 1, 0)
    );
    assert_eq!(counters.adjacency(AdjacencyId::new(1)).packets.get(), 1);
}

#[test]
fn every_packet_of_a_mixed_burst_is_counted_once() {
    let mut bench = Bench::new();
    bench.route("192.0.2.0/24", 10);
    bench.snapshot.next_hops.set(12, NextHop::Blackhole);
    bench.route("198.51.100.0/24", 12);
    let mut frames = vec![
        udp([192, 0, 2, 1], 64, 1),
        udp([192, 0, 2, 1], 1, 1),
        udp([198, 51, 100, 1], 64, 1),
        udp([203, 0, 113, 1], 64, 1),
        udp([127, 0, 0, 1], 64, 1),
    ];
    let mut broken = udp([192, 0, 2, 1], 64, 1);
    broken[24] ^= 1;
    frames.push(broken);
    frames.extend((0..14).map(|bytes| udp([192, 0, 2, 1], 64, 1)[..bytes].to_vec()));
    assert_eq!(bench.receive(&frames).len(), 1);
    let reasons: Vec<_> = std::iter::from_fn(|| bench.punts.pop())
        .map(|p| p.reason)
        .collect();
    assert_eq!(reasons, [PuntReason::TtlExpired, PuntReason::NoRoute]);
    let counters = bench.forwarder.counters();
    assert_eq!(bench.dropped(DropReason::Blackhole), 1);
    assert_eq!(bench.dropped(DropReason::Ipv4DestinationMartian), 1);
    assert_eq!(bench.dropped(DropReason::Ipv4Checksum), 1);
    assert_eq!(bench.dropped(DropReason::EthernetTruncated), 14);
    assert_eq!(
        counters.rx.get(),
        counters.tx.get() + counters.punted.get() + counters.consumed.get() + counters.dropped()
    );
}

#[test]
fn a_burst_to_one_host_behind_all_lengths_follows_the_longest_that_is_left() {
    let mut bench = Bench::new();
    let host = [192, 168, 90, 90];
    bench.snapshot.next_hops.set(12, NextHop::Blackhole);
    // By turns forwarded and swallowed, so that each length tells itself from its neighbours.
    let hop = |length: u8| if length.is_multiple_of(2) { 10 } else { 12 };
    let net = |length| ipnet::Ipv4Net::new(host.into(), length).unwrap().trunc();
    for length in 0..=32 {
        bench.route(&net(length).to_string(), hop(length));
    }
    let burst: Vec<_> = (0..64).map(|port| udp(host, 64, port)).collect();
    for length in (0..=32).rev() {
        let before = bench.dropped(DropReason::Blackhole);
        let sent = bench.receive(&burst).len();
        let swallowed = bench.dropped(DropReason::Blackhole) - before;
        let expected = if hop(length) == 10 { (64, 0) } else { (0, 64) };
        assert_eq!((sent, swallowed), expected, "/{length}");
        let covering = |net: ipnet::Ipv4Net| NextHopId::new(hop(net.prefix_len()));
        assert!(bench.ipv4.remove(net(length), covering));
    }
    // Now all are missing.
    let before = bench.forwarder.counters().punted.get() + bench.dropped(DropReason::NoRoute);
    assert_eq!(bench.receive(&burst).len(), 0);
    let counters = bench.forwarder.counters();
    let missed = counters.punted.get() + bench.dropped(DropReason::NoRoute) - before;
    let policed = bench.dropped(DropReason::PuntPoliced);
    assert_eq!(missed + policed, 64);
}

#[test]
fn a_group_keeps_a_flow_on_one_path_and_spreads_flows() {
    let mut bench = Bench::new();
    bench.route("192.0.2.0/24", 11);
    let frames: Vec<_> = (0..64).map(|port| udp([192, 0, 2, 1], 64, port)).collect();
    let first = bench.receive(&frames);
    assert_eq!(first, bench.receive(&frames), "a flow stays where it is");
    let second_path = first.iter().filter(|f| f[5] == 2).count();
    assert!((16..48).contains(&second_path), "{second_path} of 64 flows");
}

#[test]
fn a_full_punt_ring_drops_and_counts() {
    let mut bench = Bench::new();
    bench.receive(&vec![udp([203, 0, 113, 1], 64, 1); 20]);
    assert_eq!(bench.punts.len(), 8);
    assert_eq!(bench.dropped(DropReason::NoRoute), 12);
}
