//! One worker's stages with all they read: an interface, neighbours, a table of routes.

use crate::load::Load;
use crossbeam::queue::ArrayQueue;
use dpdk_sys::{Mbuf, MbufSource};
use etherparse::PacketBuilder;
use etherparse::err::packet::BuildWriteError;
use ferroute_dataplane::counters::WorkerCounters;
use ferroute_dataplane::fib::synth::{ipv4_flows, ipv4_table, ipv6_flows, ipv6_table};
use ferroute_dataplane::fib::{Arena, ArenaError, Capacity, FibError, Trie};
use ferroute_dataplane::forward::tx::{TxPort, TxSink};
use ferroute_dataplane::forward::{Forwarder, Inject, Supplies};
use ferroute_dataplane::ids::{AdjacencyId, BURST, GroupId, InterfaceId, NextHopId, PortId, VrfId};
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::policer::PuntPolicy;
use ferroute_dataplane::snapshot::interface::Interface;
use ferroute_dataplane::snapshot::nexthop::{Adjacency, AdjacencyState, Group, Hop, NextHop};
use ferroute_dataplane::snapshot::{Snapshot, Vrf};
use ferroute_dataplane::wire::flow::FlowHasher;
use std::sync::Arc;

const ROUTES: usize = 10_000;
const FLOWS: usize = 1_024;
const NEIGHBOURS: u8 = 64;
const OURS: [u8; 6] = [2, 0, 0, 0, 0, 1];
const PEER: [u8; 6] = [2, 0, 0, 0, 0, 0x99];
const PORT: PortId = PortId::new(0);
/// Next hops by number: the neighbours have 1 and up, the group this.
const GROUP_HOP: usize = 100;
/// The punt policy's rates are per second of this clock; nothing is punted here.
const TICKS_HZ: u64 = 1_000_000_000;

/// Why there are no stages to run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StagesError {
    #[error(transparent)]
    Arena(#[from] ArenaError),
    #[error(transparent)]
    Fib(#[from] FibError),
    #[error(transparent)]
    Frame(#[from] BuildWriteError),
}

/// A worker's stages and the frames that it receives.
pub(crate) struct Stages {
    forwarder: Forwarder,
    snapshot: Snapshot,
    sent: Arc<ArrayQueue<Inject>>,
    frames: Vec<Vec<u8>>,
    // Readers are good for as long as their tries live.
    _tries: (Trie<u32>, Trie<u128>),
}

impl Stages {
    /// The stages for a load.
    pub(crate) fn new(load: Load) -> Result<Self, StagesError> {
        let arena = Arc::new(Arena::new(Capacity::default())?);
        let (mut ipv4, mut ipv6) = (Trie::new(&arena)?, Trie::new(&arena)?);
        let next_hop = |place: usize| {
            NextHopId::new(match load {
                Load::Ipv4 | Load::Ipv6 => 1,
                Load::Ipv4Hops => place as u32 % u32::from(NEIGHBOURS) + 1,
                Load::Ipv4Group => GROUP_HOP as u32,
            })
        };
        let table4 = ipv4_table(ROUTES, 4);
        for (place, net) in table4.iter().enumerate() {
            ipv4.set(*net, next_hop(place))?;
        }
        let table6 = ipv6_table(ROUTES, 6);
        for (place, net) in table6.iter().enumerate() {
            ipv6.set(*net, next_hop(place))?;
        }
        let frames = if load == Load::Ipv6 {
            frames(&ipv6_flows(&table6, FLOWS, 7), ipv6_frame)
        } else {
            frames(&ipv4_flows(&table4, FLOWS, 5), ipv4_frame)
        };
        let mut snapshot =
            Snapshot::empty(arena, PuntPolicy::default_for(TICKS_HZ), FlowHasher::new(1));
        snapshot.vrfs.set(
            0,
            Some(Vrf {
                ipv4: ipv4.reader(),
                ipv6: ipv6.reader(),
            }),
        );
        connect(&mut snapshot);

        let (sent, punts) = (
            Arc::new(ArrayQueue::new(BURST)),
            Arc::new(ArrayQueue::new(1)),
        );
        let mut forwarder = Forwarder::new(
            Arc::new(WorkerCounters::new()),
            Supplies {
                punts,
                learns: Arc::new(ArrayQueue::new(1)),
                copies: MbufSource::Heap,
            },
        );
        let tx = TxPort::new(PORT, TxSink::Handoff(Arc::clone(&sent)));
        forwarder.set_tx(PORT, Some(Box::new(tx)));
        Ok(Self {
            forwarder,
            snapshot,
            sent,
            frames: frames?,
            _tries: (ipv4, ipv6),
        })
    }

    /// The packets of one burst.
    pub(crate) fn burst(&self, number: usize) -> Vec<Mbuf> {
        let flows = self
            .frames
            .iter()
            .cycle()
            .skip(number * BURST % self.frames.len());
        flows
            .take(BURST)
            .map(|frame| Mbuf::from_heap(frame))
            .collect()
    }

    /// Forwards them as far as the transmit buffer.
    #[inline]
    pub(crate) fn receive(&mut self, packets: &mut Vec<Mbuf>) {
        self.forwarder.receive(&self.snapshot, PORT, packets, 0);
    }

    /// Empties the transmit buffer; returns how many packets were in it.
    pub(crate) fn empty(&mut self) -> usize {
        self.forwarder.flush();
        std::iter::from_fn(|| self.sent.pop()).count()
    }
}

/// Port 0 with its interface, the neighbours behind it, and a group of four of them.
fn connect(snapshot: &mut Snapshot) {
    let interface = InterfaceId::new(1);
    snapshot.ports[PORT.index()].untagged = Some(interface);
    snapshot.interfaces.set(
        interface.index(),
        Interface {
            up: true,
            vrf: VrfId::DEFAULT,
            mac: Mac::new(OURS),
            mtu_bytes: 1500,
            port: Some(PORT),
            ..Interface::default()
        },
    );
    for number in 1..=NEIGHBOURS {
        let mut adjacency = Adjacency {
            header_len: 14,
            state: AdjacencyState::Resolved,
            mtu_bytes: 1500,
            interface,
            ..Adjacency::default()
        };
        adjacency.header[..6].copy_from_slice(&[2, 0, 0, 0, 1, number]);
        adjacency.header[6..12].copy_from_slice(&OURS);
        let id = AdjacencyId::new(number.into());
        snapshot.adjacencies.set(id.index(), adjacency);
        snapshot
            .next_hops
            .set(number.into(), NextHop::Adjacency(id));
    }
    let buckets = (0..128)
        .map(|bucket| Hop::Adjacency(AdjacencyId::new(bucket % 4 + 1)))
        .collect();
    snapshot.groups.set(1, Group { buckets });
    snapshot
        .next_hops
        .set(GROUP_HOP, NextHop::Group(GroupId::new(1)));
}

fn frames<K: Copy>(
    flows: &[K],
    frame: fn(u16, K) -> Result<Vec<u8>, BuildWriteError>,
) -> Result<Vec<Vec<u8>>, StagesError> {
    (0..)
        .zip(flows)
        .map(|(flow, to)| Ok(frame(flow, *to)?))
        .collect()
}

fn ipv4_frame(flow: u16, to: u32) -> Result<Vec<u8>, BuildWriteError> {
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2(PEER, OURS)
        .ipv4([10, 0, 0, 9], to.to_be_bytes(), 64)
        .udp(flow, 53)
        .write(&mut bytes, &[0; 18])?;
    Ok(bytes)
}

fn ipv6_frame(flow: u16, to: u128) -> Result<Vec<u8>, BuildWriteError> {
    let source = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2(PEER, OURS)
        .ipv6(source, to.to_be_bytes(), 64)
        .udp(flow, 53)
        .write(&mut bytes, &[0; 6])?;
    Ok(bytes)
}
