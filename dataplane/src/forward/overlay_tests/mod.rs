//! Tunnels and labels through the stages, over heap packets: what leaves a port is taken apart by
//! etherparse, and by tshark.

mod decap;
mod encap;
mod group;
mod hostile;
mod jumbo;
mod labels;
mod timed;
mod tshark;
mod watch;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crossbeam::queue::ArrayQueue;
use dpdk_sys::{Mbuf, MbufSource};
use etherparse::{IpNumber, PacketBuilder};

use super::tx::{TxPort, TxSink};
use super::{Forwarder, InjectRing, Supplies};
use crate::counters::WorkerCounters;
use crate::drops::DropReason;
use crate::fib::{Arena, Capacity, Trie};
use crate::ids::{
    AdjacencyId, EndpointId, GroupId, InterfaceId, NextHopId, PortId, TunnelId, VrfId,
};
use crate::mac::Mac;
use crate::policer::PuntPolicy;
use crate::punt::Punt;
use crate::snapshot::endpoint::{DecapPolicy, Endpoint, Peers, VniTarget};
use crate::snapshot::interface::Interface;
use crate::snapshot::label::{LabelEntry, Payload};
use crate::snapshot::nexthop::{Adjacency, AdjacencyState, Group, Hop, NextHop};
use crate::snapshot::tunnel::{Encapsulation, Ends, Mode, Tunnel, TunnelPolicy, TunnelSpec};
use crate::snapshot::{Snapshot, Vrf};
use crate::wire::flow::FlowHasher;
use crate::wire::mpls::{Label, LabelStack};
use crate::wire::vxlan::{VXLAN_PORT, Vni};
use crate::worker::waker::Waker;

const ROUTER: Mac = Mac::new([2, 0, 0, 0, 0, 1]);
const FABRIC: [u8; 6] = [2, 0, 0, 0, 1, 1];
const HOST: [u8; 6] = [2, 0, 0, 0, 2, 1];
const REMOTE_ROUTER: Mac = Mac::new([2, 0, 0, 0, 9, 9]);
const HERE4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const THERE4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const HERE6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const THERE6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
const HOST4: [u8; 4] = [10, 2, 0, 9];
const REMOTE4: [u8; 4] = [10, 1, 0, 9];

const UNDERLAY: InterfaceId = InterfaceId::new(1);
const TENANT: InterfaceId = InterfaceId::new(2);
const VNI_INTERFACE: InterfaceId = InterfaceId::new(3);
const LABEL_INTERFACE: InterfaceId = InterfaceId::new(4);
const FABRIC_PORT: PortId = PortId::new(0);
const TENANT_PORT: PortId = PortId::new(1);
const TO_FABRIC: u32 = 10;
const TO_FABRICS: u32 = 11;
const TO_HOST: u32 = 12;
const TO_ENDPOINT: u32 = 20;
const TO_TUNNEL: u32 = 30;
const VNI: u32 = 5000;
const VRF_LABEL: u32 = 100;
const HOST_LABEL: u32 = 101;
const SWAP_LABEL: u32 = 102;

/// Port 0 leads to the fabric (VRF 0), port 1 to a host of a tenant (VRF 1). Tunnel 1 leads to the
/// remote end; the endpoint's VNI and labels lead into the tenant's VRF.
struct Bench {
    forwarder: Forwarder,
    snapshot: Snapshot,
    sent: Arc<InjectRing>,
    punts: Arc<ArrayQueue<Punt>>,
    fabric: (Trie<u32>, Trie<u128>),
    tenant: (Trie<u32>, Trie<u128>),
}

fn interface(vrf: u32, port: Option<PortId>) -> Interface {
    Interface {
        up: true,
        vrf: VrfId::new(vrf),
        mac: ROUTER,
        mtu_bytes: 1500,
        port,
        ..Interface::default()
    }
}

fn adjacency(to: [u8; 6], port: PortId, interface: InterfaceId) -> Adjacency {
    let mut adjacency = Adjacency {
        header_len: 14,
        state: AdjacencyState::Resolved,
        port,
        mtu_bytes: 1500,
        interface,
        ..Adjacency::default()
    };
    adjacency.header[..6].copy_from_slice(&to);
    adjacency.header[6..12].copy_from_slice(&ROUTER.octets());
    adjacency
}

fn ends(outer: u8) -> Ends {
    if outer == 4 {
        Ends::Ipv4 {
            source: HERE4,
            remote: THERE4,
        }
    } else {
        Ends::Ipv6 {
            source: HERE6,
            remote: THERE6,
        }
    }
}

fn label(number: u32) -> Label {
    Label::new(number).unwrap()
}

fn labels(numbers: &[u32]) -> LabelStack {
    LabelStack::new(&numbers.iter().map(|n| label(*n)).collect::<Vec<_>>()).unwrap()
}

fn routed(outer: u8) -> Encapsulation {
    Encapsulation::VxlanRouted {
        ends: ends(outer),
        vni: Vni::new(VNI).unwrap(),
        interface: Some(VNI_INTERFACE),
        source_mac: ROUTER,
        router_mac: REMOTE_ROUTER,
    }
}

/// Every encapsulation of IP packets, over both families.
fn encapsulations() -> Vec<Encapsulation> {
    let mut all = vec![Encapsulation::Mpls {
        labels: labels(&[17, VRF_LABEL]),
    }];
    for outer in [4, 6] {
        let ends = ends(outer);
        let labels = labels(&[VRF_LABEL]);
        all.extend([
            routed(outer),
            Encapsulation::MplsUdp { ends, labels },
            Encapsulation::IpIp { ends },
            Encapsulation::Gue { ends },
        ]);
    }
    all
}

impl Bench {
    fn new() -> Self {
        let arena = Arc::new(Arena::new(Capacity::default()).unwrap());
        let mut fabric: (Trie<u32>, Trie<u128>) =
            (Trie::new(&arena).unwrap(), Trie::new(&arena).unwrap());
        let mut tenant: (Trie<u32>, Trie<u128>) =
            (Trie::new(&arena).unwrap(), Trie::new(&arena).unwrap());
        let id = NextHopId::new;
        let (here4, here6) = (format!("{HERE4}/32"), format!("{HERE6}/128"));
        fabric
            .0
            .set(here4.parse().unwrap(), id(TO_ENDPOINT))
            .unwrap();
        fabric
            .1
            .set(here6.parse().unwrap(), id(TO_ENDPOINT))
            .unwrap();
        tenant
            .0
            .set("10.1.0.0/16".parse().unwrap(), id(TO_TUNNEL))
            .unwrap();
        tenant
            .0
            .set("10.2.0.0/16".parse().unwrap(), id(TO_HOST))
            .unwrap();
        let there = "2001:db8:1::/48".parse().unwrap();
        tenant.1.set(there, id(TO_TUNNEL)).unwrap();
        let host = "2001:db8:2::/48".parse().unwrap();
        tenant.1.set(host, id(TO_HOST)).unwrap();

        let policy = PuntPolicy::default_for(1_000_000_000);
        let mut snapshot = Snapshot::empty(arena, policy, FlowHasher::new(1));
        for (place, tries) in [&fabric, &tenant].into_iter().enumerate() {
            let (ipv4, ipv6) = (tries.0.reader(), tries.1.reader());
            snapshot.vrfs.set(place, Some(Vrf { ipv4, ipv6 }));
        }
        snapshot.ports[0].untagged = Some(UNDERLAY);
        snapshot.ports[1].untagged = Some(TENANT);
        let mut underlay = interface(0, Some(FABRIC_PORT));
        underlay.mpls = true;
        snapshot.interfaces.set(1, underlay);
        snapshot.interfaces.set(2, interface(1, Some(TENANT_PORT)));
        snapshot.interfaces.set(3, interface(1, None));
        snapshot.interfaces.set(4, interface(1, None));
        let mut second = FABRIC;
        second[5] = 2;
        for (place, entry) in [
            adjacency(FABRIC, FABRIC_PORT, UNDERLAY),
            adjacency(HOST, TENANT_PORT, TENANT),
            adjacency(second, FABRIC_PORT, UNDERLAY),
        ]
        .into_iter()
        .enumerate()
        {
            snapshot.adjacencies.set(place + 1, entry);
        }
        let hops = [1, 3].map(|id| Hop::Adjacency(AdjacencyId::new(id)));
        snapshot.groups.set(1, Group::new(&hops));
        for (place, hop) in [
            (TO_FABRIC, NextHop::Adjacency(AdjacencyId::new(1))),
            (TO_FABRICS, NextHop::Group(GroupId::new(1))),
            (TO_HOST, NextHop::Adjacency(AdjacencyId::new(2))),
            (TO_ENDPOINT, NextHop::Endpoint(EndpointId::new(1))),
            (TO_TUNNEL, NextHop::Tunnel(TunnelId::new(1))),
        ] {
            snapshot.next_hops.set(place as usize, hop);
        }
        let (sent, punts) = (
            Arc::new(InjectRing::new(256).unwrap()),
            Arc::new(ArrayQueue::new(64)),
        );
        let supplies = Supplies {
            punts: Arc::clone(&punts),
            learns: Arc::new(ArrayQueue::new(8)),
            taker: Arc::new(Waker::new().unwrap()),
            copies: MbufSource::Heap,
        };
        let mut forwarder = Forwarder::new(Arc::new(WorkerCounters::new()), supplies);
        for port in [FABRIC_PORT, TENANT_PORT] {
            let tx = TxPort::new(port, TxSink::Handoff(Arc::clone(&sent)));
            forwarder.set_tx(port, Some(Box::new(tx)));
        }
        let mut bench = Self {
            forwarder,
            snapshot,
            sent,
            punts,
            fabric,
            tenant,
        };
        bench.endpoint(|_| {});
        bench.tunnel(routed(4), TunnelPolicy::default());
        for (number, payload) in [(VRF_LABEL, Payload::Both), (17, Payload::Both)] {
            bench.give_out(number, vrf_entry(payload, Mode::Pipe));
        }
        let entry = LabelEntry::NextHop {
            next_hop: NextHopId::new(TO_HOST),
            payload: Payload::Both,
            ttl_mode: Mode::Pipe,
        };
        bench.give_out(HOST_LABEL, entry);
        bench
    }

    fn give_out(&mut self, number: u32, entry: LabelEntry) {
        self.snapshot.labels.set(label(number), Some(entry));
    }

    fn tunnel(&mut self, encapsulation: Encapsulation, policy: TunnelPolicy) {
        let spec = TunnelSpec {
            encapsulation,
            policy,
        };
        let tunnel = Tunnel::compose(&spec, NextHopId::new(TO_FABRIC), 1500);
        self.snapshot.tunnels.set(1, Some(tunnel));
    }

    fn endpoint(&mut self, change: impl FnOnce(&mut Endpoint)) {
        let vni = Vni::new(VNI).unwrap();
        let target = VniTarget::Routed(VNI_INTERFACE);
        let mut endpoint = Endpoint {
            interface: UNDERLAY,
            vxlan_port: VXLAN_PORT,
            gue_port: 6080,
            vnis: Arc::new([(vni, target)].into_iter().collect()),
            ip: Some(VNI_INTERFACE),
            mpls: true,
            policy: DecapPolicy::default(),
            peers: Peers::Any,
        };
        change(&mut endpoint);
        self.snapshot.endpoints.set(1, Some(endpoint));
    }

    fn receive(&mut self, port: PortId, frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
        self.receive_packets(port, frames.iter().map(|f| Mbuf::from_heap(f)).collect())
    }

    fn receive_packets(&mut self, port: PortId, mut burst: Vec<Mbuf>) -> Vec<Vec<u8>> {
        let mut sent = Vec::new();
        while !burst.is_empty() {
            self.forwarder.receive(&self.snapshot, port, &mut burst, 0);
            self.forwarder.flush_timed();
            while let Some(frame) = self.sent.pop() {
                let mut bytes = Vec::new();
                frame.mbuf.copy_to(&mut bytes);
                sent.push(bytes);
            }
        }
        let c = self.forwarder.counters();
        assert_eq!(
            c.rx.get(),
            c.tx.get() + c.punted.get() + c.consumed.get() + c.dropped(),
            "every packet ends once"
        );
        sent
    }

    fn host_sends(&mut self, frame: Vec<u8>) -> Vec<u8> {
        let mut sent = self.receive(TENANT_PORT, &[frame]);
        assert_eq!(sent.len(), 1, "{:?}", self.drops());
        sent.remove(0)
    }

    fn fabric_sends(&mut self, frame: Vec<u8>) -> Vec<u8> {
        let mut sent = self.receive(FABRIC_PORT, &[frame]);
        assert_eq!(sent.len(), 1, "{:?}", self.drops());
        sent.remove(0)
    }

    /// Asserts that a frame from the fabric is dropped for one reason.
    fn refuses(&mut self, frame: &[u8], reason: DropReason) {
        let before = self.dropped(reason);
        let sent = self.receive(FABRIC_PORT, &[frame.to_vec()]);
        assert!(sent.is_empty(), "sent in spite of {reason:?}");
        assert_eq!(self.dropped(reason), before + 1, "{:?}", self.drops());
    }

    fn dropped(&self, reason: DropReason) -> u64 {
        self.forwarder.counters().drops[reason.index()].get()
    }

    fn drops(&self) -> Vec<(&'static str, u64)> {
        let reasons = DropReason::ALL.iter();
        reasons
            .map(|reason| (reason.name(), self.dropped(*reason)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }
}

fn vrf_entry(payload: Payload, ttl_mode: Mode) -> LabelEntry {
    LabelEntry::Vrf {
        interface: LABEL_INTERFACE,
        payload,
        ttl_mode,
    }
}

/// What the host sends to the remote site.
fn host_packet(family: u8, flow: u16, bytes: usize) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(HOST, ROUTER.octets());
    let payload = vec![0x5a; bytes];
    let mut frame = Vec::new();
    if family == 4 {
        let builder = builder.ipv4(HOST4, REMOTE4, 64).udp(flow, 9);
        builder.write(&mut frame, &payload).unwrap();
    } else {
        let from: Ipv6Addr = "2001:db8:2::9".parse().unwrap();
        let to: Ipv6Addr = "2001:db8:1::9".parse().unwrap();
        let builder = builder.ipv6(from.octets(), to.octets(), 64).udp(flow, 9);
        builder.write(&mut frame, &payload).unwrap();
    }
    frame
}

/// What the remote site sends to the host, from its IP header on.
fn remote_packet(family: u8, ttl: u8) -> Vec<u8> {
    remote_packet_with(family, ttl, b"payload")
}

/// The same with this payload.
fn remote_packet_with(family: u8, ttl: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    let builder = if family == 4 {
        PacketBuilder::ipv4(REMOTE4, HOST4, ttl)
    } else {
        let from: Ipv6Addr = "2001:db8:1::9".parse().unwrap();
        let to: Ipv6Addr = "2001:db8:2::9".parse().unwrap();
        PacketBuilder::ipv6(from.octets(), to.octets(), ttl)
    };
    builder.udp(7, 9).write(&mut packet, payload).unwrap();
    packet
}

/// What reaches the host: a packet behind the link's header.
fn at_host(family: u8, packet: &[u8]) -> Vec<u8> {
    let kind = if family == 4 {
        [0x08, 0x00]
    } else {
        [0x86, 0xdd]
    };
    [&HOST[..], &ROUTER.octets(), &kind, packet].concat()
}

/// A UDP packet of the remote end to this one, as etherparse builds it.
fn from_remote(outer: u8, port: u16, payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(FABRIC, ROUTER.octets());
    let mut frame = Vec::new();
    if outer == 4 {
        let builder = builder.ipv4(THERE4.octets(), HERE4.octets(), 60);
        builder
            .udp(50_000, port)
            .write(&mut frame, payload)
            .unwrap();
    } else {
        let builder = builder.ipv6(THERE6.octets(), HERE6.octets(), 60);
        builder
            .udp(50_000, port)
            .write(&mut frame, payload)
            .unwrap();
    }
    frame
}

/// A packet of the remote end with a packet of this family in it, as etherparse builds it.
fn ip_from_remote(outer: u8, family: u8, packet: &[u8]) -> Vec<u8> {
    let kind = if family == 4 {
        IpNumber::IPV4
    } else {
        IpNumber::IPV6
    };
    let builder = PacketBuilder::ethernet2(FABRIC, ROUTER.octets());
    let builder = if outer == 4 {
        builder.ipv4(THERE4.octets(), HERE4.octets(), 60)
    } else {
        builder.ipv6(THERE6.octets(), HERE6.octets(), 60)
    };
    let mut frame = Vec::new();
    builder.write(&mut frame, kind, packet).unwrap();
    frame
}

/// A VXLAN payload: header and inner Ethernet header in front of an IP packet.
fn vxlan(vni: u32, to: Mac, ethertype: u16, packet: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = vni.to_be_bytes();
    let mut bytes = vec![8, 0, 0, 0, a, b, c, 0];
    bytes.extend(to.octets());
    bytes.extend(REMOTE_ROUTER.octets());
    bytes.extend(ethertype.to_be_bytes());
    bytes.extend(packet);
    bytes
}

fn entry(number: u32, traffic_class: u32, bottom: bool, ttl: u8) -> [u8; 4] {
    (number << 12 | traffic_class << 9 | u32::from(bottom) << 8 | u32::from(ttl)).to_be_bytes()
}

fn mpls_frame(stack: &[[u8; 4]], packet: &[u8]) -> Vec<u8> {
    let mut frame = [&ROUTER.octets()[..], &FABRIC, &[0x88, 0x47]].concat();
    frame.extend(stack.concat());
    frame.extend(packet);
    frame
}

/// The addresses of an IP packet by etherparse.
fn addresses(packet: &etherparse::SlicedPacket<'_>) -> (IpAddr, IpAddr) {
    match packet.net.as_ref().unwrap() {
        etherparse::NetSlice::Ipv4(ip) => (
            ip.header().source_addr().into(),
            ip.header().destination_addr().into(),
        ),
        etherparse::NetSlice::Ipv6(ip) => (
            ip.header().source_addr().into(),
            ip.header().destination_addr().into(),
        ),
        other => panic!("{other:?} is no IP"),
    }
}
