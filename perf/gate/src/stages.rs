//! One worker's stages with all they read: an interface, neighbours, a table of routes.

use crate::frames::{self, OUR_ADDRESS, OURS};
use crate::load::Load;
use crate::overlay::{
    ENDPOINT_HOP, Kind, STATIONS_PORT, TUNNEL_HOP, TUNNELS, add_bridge, add_endpoint, add_tunnels,
};
use crossbeam::queue::ArrayQueue;
use dpdk_sys::{Mbuf, MbufSource};
use etherparse::err::packet::BuildWriteError;
use ferroute_dataplane::counters::WorkerCounters;
use ferroute_dataplane::fdb::{Fdb, FdbError};
use ferroute_dataplane::fib::synth::{ipv4_flows, ipv4_table, ipv6_flows, ipv6_table};
use ferroute_dataplane::fib::{Arena, ArenaError, Capacity, FibError, Trie};
use ferroute_dataplane::forward::tx::{TxPort, TxSink};
use ferroute_dataplane::forward::{Forwarder, InjectRing, Supplies};
use ferroute_dataplane::ids::{AdjacencyId, BURST, GroupId, InterfaceId, NextHopId, PortId, VrfId};
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::policer::PuntPolicy;
use ferroute_dataplane::snapshot::interface::Interface;
use ferroute_dataplane::snapshot::nexthop::{Adjacency, AdjacencyState, Group, Hop, NextHop};
use ferroute_dataplane::snapshot::{Snapshot, Vrf};
use ferroute_dataplane::wire::flow::FlowHasher;
use ferroute_dataplane::wire::mpls::{LabelError, LabelStackError};
use ferroute_dataplane::wire::vxlan::VniError;
use ferroute_dataplane::worker::waker::Waker;
use ipnet::{Ipv4Net, PrefixLenError};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// The host behind prefixes of all lengths.
const CHAINED: Ipv4Addr = Ipv4Addr::new(192, 168, 90, 90);
const ROUTES: usize = 10_000;
const FLOWS: usize = 1_024;
const NEIGHBOURS: u8 = 64;
const PORT: PortId = PortId::new(0);
/// The next hop of the first neighbour; those of the others follow.
const NEIGHBOUR_HOP: u32 = 1;
/// The next hop of the group.
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
    #[error(transparent)]
    Vni(#[from] VniError),
    #[error(transparent)]
    Label(#[from] LabelError),
    #[error(transparent)]
    Labels(#[from] LabelStackError),
    #[error(transparent)]
    Fdb(#[from] FdbError),
    #[error(transparent)]
    Length(#[from] PrefixLenError),
    #[error("there is no ring to send into: {0}")]
    Ring(#[from] std::io::Error),
}

/// A worker's stages and the frames that it receives.
pub(crate) struct Stages {
    forwarder: Forwarder,
    snapshot: Snapshot,
    sent: Arc<InjectRing>,
    frames: Vec<Vec<u8>>,
    // Readers are good for as long as their tables live.
    _tries: (Trie<u32>, Trie<u128>),
    _fdb: Option<Fdb>,
}

impl Stages {
    /// The stages for a load.
    pub(crate) fn new(load: Load) -> Result<Self, StagesError> {
        let arena = Arc::new(Arena::new(Capacity::default())?);
        let (mut ipv4, mut ipv6) = (Trie::new(&arena)?, Trie::new(&arena)?);
        let next_hop = |place: usize| {
            NextHopId::new(match load {
                Load::Ipv4Hops => NEIGHBOUR_HOP + place as u32 % u32::from(NEIGHBOURS),
                Load::Ipv4Group => GROUP_HOP as u32,
                Load::VxlanEncap | Load::VxlanEncapGroup | Load::MplsUdpEncap => {
                    TUNNEL_HOP + place as u32 % u32::from(TUNNELS)
                }
                _ => NEIGHBOUR_HOP,
            })
        };
        let table4 = match load {
            Load::Ipv4One => ipv4_table(1, 4),
            Load::Ipv4Chain => chain()?,
            _ => ipv4_table(ROUTES, 4),
        };
        for (place, net) in table4.iter().enumerate() {
            ipv4.set(*net, next_hop(place))?;
        }
        let ours = Ipv4Net::from(Ipv4Addr::from(OUR_ADDRESS));
        ipv4.set(ours, NextHopId::new(ENDPOINT_HOP))?;
        let table6 = ipv6_table(ROUTES, 6);
        for (place, net) in table6.iter().enumerate() {
            ipv6.set(*net, next_hop(place))?;
        }
        let frames = if load == Load::Ipv6 {
            frames(load, &ipv6_flows(&table6, FLOWS, 7), frames::ipv6)
        } else {
            let flows = match load {
                Load::Ipv4Chain => vec![CHAINED.to_bits(); FLOWS],
                // The table has nothing of 10.0.0.0/8.
                Load::Ipv4Missing => (0..FLOWS as u32).map(|n| 10 << 24 | n << 14).collect(),
                _ => ipv4_flows(&table4, FLOWS, 5),
            };
            frames(load, &flows, frames::ipv4)
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
        let mut fdb = None;
        match load {
            Load::VxlanEncap => add_tunnels(&mut snapshot, Kind::Vxlan, NEIGHBOUR_HOP)?,
            Load::VxlanEncapGroup => add_tunnels(&mut snapshot, Kind::Vxlan, GROUP_HOP as u32)?,
            Load::MplsUdpEncap => add_tunnels(&mut snapshot, Kind::MplsUdp, NEIGHBOUR_HOP)?,
            Load::VxlanDecap | Load::MplsUdpDecap => add_endpoint(&mut snapshot)?,
            Load::Bridge => fdb = Some(add_bridge(&mut snapshot)?),
            Load::Ipv4
            | Load::Ipv4One
            | Load::Ipv4Chain
            | Load::Ipv4Missing
            | Load::Ipv4Hops
            | Load::Ipv4Group
            | Load::Ipv6 => {}
        }

        let (sent, punts) = (
            Arc::new(InjectRing::new(BURST)?),
            Arc::new(ArrayQueue::new(1)),
        );
        let mut forwarder = Forwarder::new(
            Arc::new(WorkerCounters::new()),
            Supplies {
                punts,
                learns: Arc::new(ArrayQueue::new(1)),
                taker: Arc::new(Waker::new()?),
                copies: MbufSource::Heap,
            },
        );
        for port in [PORT, STATIONS_PORT] {
            let tx = TxPort::new(port, TxSink::Handoff(Arc::clone(&sent)));
            forwarder.set_tx(port, Some(Box::new(tx)));
        }
        Ok(Self {
            forwarder,
            snapshot,
            sent,
            frames: frames?,
            _tries: (ipv4, ipv6),
            _fdb: fdb,
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

    /// How many packets were refused a way.
    pub(crate) fn refused(&self) -> usize {
        let counters = self.forwarder.counters();
        let refused = counters.punted.get() + counters.dropped();
        usize::try_from(refused).unwrap_or(usize::MAX)
    }

    /// Empties the transmit buffer; returns how many packets were in it.
    pub(crate) fn empty(&mut self) -> usize {
        self.forwarder.flush();
        std::iter::from_fn(|| self.sent.pop()).count()
    }
}

/// Prefixes of all lengths around one host.
fn chain() -> Result<Vec<Ipv4Net>, StagesError> {
    (1..=32)
        .map(|length| Ok(Ipv4Net::new(CHAINED, length)?.trunc()))
        .collect()
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
    let buckets: [Hop; 128] =
        std::array::from_fn(|bucket| Hop::Adjacency(AdjacencyId::new(bucket as u32 % 4 + 1)));
    snapshot.groups.set(1, Group::new(&buckets));
    snapshot
        .next_hops
        .set(GROUP_HOP, NextHop::Group(GroupId::new(1)));
}

fn frames<K: Copy>(
    load: Load,
    flows: &[K],
    frame: fn(Load, u16, K) -> Result<Vec<u8>, BuildWriteError>,
) -> Result<Vec<Vec<u8>>, StagesError> {
    (0..)
        .zip(flows)
        .map(|(flow, to)| Ok(frame(load, flow, *to)?))
        .collect()
}
