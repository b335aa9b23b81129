//! Into the tunnels that nearly all are (see [`plain`](crate::tunnel::plain)), by a neighbour on an untagged link. What
//! leads to a neighbour is followed once for all packets that go there, of whatever tunnels: where the underlay has several
//! uplinks, those of the others wait meanwhile.

use arrayvec::ArrayVec;
use dpdk_sys::{Mbuf, prefetch};

use super::Forwarder;
use super::batch::Facts;
use super::encap::{Underlay, count_inner};
use super::tx::TxPort;
use crate::counters::WorkerCounters;
use crate::ids::{AdjacencyId, BURST, InterfaceId, TunnelId};
use crate::snapshot::Snapshot;
use crate::snapshot::nexthop::{Adjacency, AdjacencyState};
use crate::snapshot::tunnel::Tunnel;
use crate::tunnel::inner::packet_hash;
use crate::tunnel::plain;
use crate::wire::Header;
use crate::wire::ethernet::EthernetHeader;

/// The tunnels of packets that wait for them, in their order.
type Tunnels<'s> = ArrayVec<Option<&'s Tunnel>, BURST>;

/// Packets that go into plain tunnels by other neighbours than the one before them, in their order.
pub(super) type Later<'s> = ArrayVec<Deferred<'s>, BURST>;

/// One of them.
pub(super) struct Deferred<'s> {
    slot: u8,
    id: TunnelId,
    tunnel: &'s Tunnel,
    hash: u32,
    neighbour: AdjacencyId,
}

/// IP packets that were sent into one VNI after the other, and are not yet in its interface's counters.
#[derive(Default)]
struct InnerRun {
    interface: Option<InterfaceId>,
    packets: u64,
    bytes: u64,
}

impl InnerRun {
    #[inline(always)]
    fn end(&mut self, counters: &WorkerCounters) {
        if let Some(interface) = self.interface {
            count_inner(counters, interface, self.packets, self.bytes);
        }
        (self.packets, self.bytes) = (0, 0);
    }
}

/// A neighbour by which packets leave, and those that did and are not yet in its counters.
struct Exit<'a> {
    neighbour: AdjacencyId,
    adjacency: &'a Adjacency,
    tx: &'a mut TxPort,
    counters: &'a WorkerCounters,
    inner: InnerRun,
    packets: usize,
    bytes: u64,
}

impl<'a> Exit<'a> {
    /// The way by a neighbour for at most so many packets, if it is one on an untagged link whose address is known.
    #[inline(always)]
    fn by(
        neighbour: AdjacencyId,
        snapshot: &'a Snapshot,
        tx: &'a mut [Option<Box<TxPort>>],
        counters: &'a WorkerCounters,
        most: usize,
    ) -> Option<Self> {
        let adjacency = snapshot.adjacency(neighbour)?;
        let ready = (adjacency.state == AdjacencyState::Resolved)
            & (usize::from(adjacency.header_len) == EthernetHeader::LEN);
        let tx = tx.get_mut(adjacency.port.index()).filter(|_| ready)?;
        let tx: &mut TxPort = tx.as_mut()?;
        tx.make_room(most, counters);
        Some(Self {
            neighbour,
            adjacency,
            tx,
            counters,
            inner: InnerRun::default(),
            packets: 0,
            bytes: 0,
        })
    }

    /// Sends a packet into a tunnel. False, and nothing was done, when that cannot be.
    #[inline(always)]
    fn send(
        &mut self,
        id: TunnelId,
        tunnel: &Tunnel,
        place: &mut Option<Mbuf>,
        facts: &Facts,
        hash: u32,
    ) -> bool {
        let ip_bytes = facts.ip_bytes;
        let [addresses @ .., _, _, _, _, _, _] = &self.adjacency.header;
        let Some(mut mbuf) = place.take() else {
            return false;
        };
        if !plain::enter(tunnel, addresses, ip_bytes, facts.aged, hash, &mut mbuf) {
            // What cannot be sent so stays where it was.
            *place = Some(mbuf);
            return false;
        }
        self.tx.push(mbuf);
        let outer_bytes = u64::from(outer_bytes(tunnel, ip_bytes));
        self.counters.tunnel(id).add(1, outer_bytes);
        if tunnel.interface() != self.inner.interface {
            self.inner.end(self.counters);
            self.inner.interface = tunnel.interface();
        }
        self.inner.packets += 1;
        self.inner.bytes += u64::from(ip_bytes);
        self.bytes += outer_bytes;
        self.packets += 1;
        true
    }

    /// Counts those that were sent.
    #[inline(always)]
    fn close(mut self) {
        if self.packets > 0 {
            let packets = self.packets as u64;
            let bytes = self.bytes + packets * EthernetHeader::LEN as u64;
            let counters = self.counters;
            counters.adjacency(self.neighbour).add(packets, bytes);
            let interface = self.adjacency.interface;
            self.tx.count(interface, self.packets, bytes, counters);
            self.inner.end(counters);
        }
    }
}

impl Forwarder {
    /// The tunnels of all these, on their way into the cache: loads of different packets overlap, which those of one packet
    /// after the other do not.
    #[inline(always)]
    pub(super) fn tunnels_of<'s>(
        &self,
        snapshot: &'s Snapshot,
        waiting: &[(u8, TunnelId)],
    ) -> Tunnels<'s> {
        let each = waiting.iter().take(BURST).map(|(_, id)| {
            let tunnel = snapshot.tunnel(*id);
            if let Some(tunnel) = tunnel {
                prefetch(tunnel.policy());
            }
            prefetch(self.counters.tunnel(*id));
            tunnel
        });
        each.collect()
    }

    /// Routes IP packets into plain tunnels, in order, as long as there is nothing else to do with them: those that go to the
    /// first one's neighbour. The others are put into `later`. Answers of how many that is true; to the first that is left nothing
    /// was done.
    #[inline(always)]
    pub(super) fn enter_plainly<'s>(
        &mut self,
        snapshot: &'s Snapshot,
        waiting: &[(u8, TunnelId)],
        tunnels: &[Option<&'s Tunnel>],
        later: &mut Later<'s>,
    ) -> usize {
        let ([(slot, _), ..], [Some(first), ..]) = (waiting, tunnels) else {
            return 0;
        };
        // Most tunnels have one underlay, and what it leads to is found out once.
        let (common, below) = (first.underlay(), Underlay::of(snapshot, first.underlay()));
        let neighbour = match below {
            Underlay::Neighbour(id) => Some(id),
            _ => self.batch.packets[usize::from(*slot) % BURST]
                .as_ref()
                .and_then(|mbuf| below.neighbour(flow(snapshot, mbuf)?)),
        };
        let most = waiting.len().min(BURST);
        let exit =
            neighbour.and_then(|id| Exit::by(id, snapshot, &mut self.tx[..], &self.counters, most));
        let Some(mut exit) = exit else {
            return 0;
        };
        let mut count = 0;
        for ((slot, id), tunnel) in waiting.iter().zip(tunnels) {
            let place = usize::from(*slot) % BURST;
            let facts = &self.batch.facts[place];
            let place = &mut self.batch.packets[place];
            let (Some(tunnel), Some(mbuf)) = (*tunnel, place.as_ref()) else {
                break;
            };
            // What IPv6 may exceed the tunnel's MTU by is for the other way.
            let clear = facts.flags.is_empty()
                & (usize::from(facts.l3_offset) == EthernetHeader::LEN)
                & (facts.ip_bytes <= tunnel.payload_mtu_bytes())
                & (outer_bytes(tunnel, facts.ip_bytes) <= exit.adjacency.mtu_bytes);
            let Some(hash) = clear.then(|| flow(snapshot, mbuf)).flatten() else {
                break;
            };
            let below = if tunnel.underlay() == common {
                below
            } else {
                Underlay::of(snapshot, tunnel.underlay())
            };
            match below.neighbour(hash) {
                Some(its) if its == exit.neighbour => {
                    if !exit.send(*id, tunnel, place, facts, hash) {
                        break;
                    }
                }
                Some(neighbour) => later.push(Deferred {
                    slot: *slot,
                    id: *id,
                    tunnel,
                    hash,
                    neighbour,
                }),
                None => break,
            }
            count += 1;
        }
        exit.close();
        count
    }

    /// Sends those of `later` that go to the first one's neighbour, and keeps the others there. Answers one that cannot be sent so.
    #[inline(never)]
    pub(super) fn enter_later(
        &mut self,
        snapshot: &Snapshot,
        later: &mut Later<'_>,
    ) -> Option<(usize, TunnelId)> {
        let neighbour = later.first()?.neighbour;
        let most = later.len();
        let exit = Exit::by(neighbour, snapshot, &mut self.tx[..], &self.counters, most);
        let Some(mut exit) = exit else {
            let first = later.remove(0);
            return Some((usize::from(first.slot) % BURST, first.id));
        };
        let mut refused = None;
        later.retain(|packet| {
            if refused.is_some() || packet.neighbour != neighbour {
                return true;
            }
            let place = usize::from(packet.slot) % BURST;
            let facts = &self.batch.facts[place];
            let is_sent = outer_bytes(packet.tunnel, facts.ip_bytes) <= exit.adjacency.mtu_bytes
                && exit.send(
                    packet.id,
                    packet.tunnel,
                    &mut self.batch.packets[place],
                    facts,
                    packet.hash,
                );
            if !is_sent {
                refused = Some((place, packet.id));
            }
            false
        });
        exit.close();
        refused
    }
}

/// How long a packet of `ip_bytes` is in a tunnel, without a link header.
#[inline(always)]
fn outer_bytes(tunnel: &Tunnel, ip_bytes: u16) -> u16 {
    tunnel.header().len() as u16 + ip_bytes
}

/// The hash of the flow of an IP packet behind an untagged Ethernet header.
#[inline(always)]
fn flow(snapshot: &Snapshot, mbuf: &Mbuf) -> Option<u32> {
    let packet = mbuf.data().get(EthernetHeader::LEN..)?;
    Some(packet_hash(snapshot.hasher, packet))
}
