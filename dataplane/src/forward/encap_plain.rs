//! Into the tunnels that nearly all are (see [`plain`](crate::tunnel::plain)), by neighbours on untagged links. What leads to a
//! neighbour is followed once for packets of different tunnels that go there: one after the other where the underlay leads to
//! one, and all of a burst where it has several uplinks. By whom each packet leaves is found out first then, since whose turn it is
//! cannot be guessed.

use arrayvec::ArrayVec;
use dpdk_sys::{Mbuf, prefetch};

use super::Forwarder;
use super::batch::Facts;
use super::encap::{Underlay, count_inner};
use super::tx::TxPort;
use crate::counters::WorkerCounters;
use crate::ids::{AdjacencyId, BURST, InterfaceId, TunnelId};
use crate::places::{places, places_of};
use crate::snapshot::Snapshot;
use crate::snapshot::nexthop::{Adjacency, AdjacencyState};
use crate::snapshot::tunnel::Tunnel;
use crate::tunnel::inner::packet_hash;
use crate::tunnel::plain;
use crate::wire::Header;
use crate::wire::ethernet::EthernetHeader;

/// The tunnels of packets that wait for them, in their order.
type Tunnels<'s> = ArrayVec<Option<&'s Tunnel>, BURST>;

/// No neighbour.
const NOBODY: AdjacencyId = AdjacencyId::new(u32::MAX);

/// What is known of packets that wait for their tunnels, in their order.
pub(super) struct Ahead {
    hashes: [u32; BURST],
    /// By whom each leaves; [`NOBODY`] where that is unknown, or there is something else to do with the packet.
    neighbours: [AdjacencyId; BURST],
}

impl Ahead {
    /// Those of the places in `left` that leave by the neighbour of the first of them, as far as none of the places before them is for
    /// the other way. None when the first is.
    #[inline(always)]
    fn together(&self, left: u64) -> Option<(AdjacencyId, u64)> {
        let neighbour = *self.neighbours.get(places(left).next()?)?;
        let others = places_of(&self.neighbours, NOBODY) & left;
        let before = (others & others.wrapping_neg()).wrapping_sub(1);
        let theirs = places_of(&self.neighbours, neighbour) & left;
        (neighbour != NOBODY).then_some((neighbour, theirs & before))
    }
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
        let outer_bytes = tunnel.header().len() as u16 + ip_bytes;
        if outer_bytes > self.adjacency.mtu_bytes {
            return false;
        }
        let Some(mut mbuf) = place.take() else {
            return false;
        };
        if !plain::enter(tunnel, addresses, ip_bytes, facts.aged, hash, &mut mbuf) {
            // What cannot be sent so stays where it was.
            *place = Some(mbuf);
            return false;
        }
        self.tx.push(mbuf);
        let outer_bytes = u64::from(outer_bytes);
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

    /// What is known of all these. Nothing is done one after the other here, so that loads of different packets overlap.
    #[inline(never)]
    pub(super) fn look_ahead(
        &self,
        snapshot: &Snapshot,
        waiting: &[(u8, TunnelId)],
        tunnels: &[Option<&Tunnel>],
    ) -> Ahead {
        let mut ahead = Ahead {
            hashes: [0; BURST],
            neighbours: [NOBODY; BURST],
        };
        let places = ahead.hashes.iter_mut().zip(&mut ahead.neighbours);
        for (((slot, _), tunnel), (hash, neighbour)) in waiting.iter().zip(tunnels).zip(places) {
            let place = usize::from(*slot) % BURST;
            let facts = &self.batch.facts[place];
            let (Some(tunnel), Some(mbuf)) = (tunnel, &self.batch.packets[place]) else {
                continue;
            };
            if let Some(found) = flow(snapshot, tunnel, facts, mbuf) {
                *hash = found;
                let underlay = Underlay::of(snapshot, tunnel.underlay());
                *neighbour = underlay.neighbour(found).unwrap_or(NOBODY);
            }
        }
        ahead
    }

    /// Routes IP packets into plain tunnels, as long as there is nothing else to do with them: those of the places in `left` that
    /// leave by the neighbour of the first one. Answers the places of those that were sent; to the others nothing was done.
    #[inline(never)]
    pub(super) fn enter_by_neighbour(
        &mut self,
        snapshot: &Snapshot,
        waiting: &[(u8, TunnelId)],
        tunnels: &[Option<&Tunnel>],
        ahead: &Ahead,
        left: u64,
    ) -> u64 {
        let Some((neighbour, theirs)) = ahead.together(left) else {
            return 0;
        };
        let most = theirs.count_ones() as usize;
        let exit = Exit::by(neighbour, snapshot, &mut self.tx[..], &self.counters, most);
        let Some(mut exit) = exit else {
            return 0;
        };
        let mut sent = 0;
        for place in places(theirs) {
            let (Some((slot, id)), Some(Some(tunnel))) = (waiting.get(place), tunnels.get(place))
            else {
                break;
            };
            let slot = usize::from(*slot) % BURST;
            let packet = &mut self.batch.packets[slot];
            if !exit.send(
                *id,
                tunnel,
                packet,
                &self.batch.facts[slot],
                ahead.hashes[place],
            ) {
                break;
            }
            sent |= 1 << place;
        }
        exit.close();
        sent
    }

    /// Routes IP packets into plain tunnels, in order, as long as there is nothing else to do with them and they leave by this
    /// neighbour. Answers how many were sent; to the first that is left nothing was done.
    #[inline(always)]
    pub(super) fn enter_in_order(
        &mut self,
        snapshot: &Snapshot,
        waiting: &[(u8, TunnelId)],
        tunnels: &[Option<&Tunnel>],
        neighbour: AdjacencyId,
    ) -> usize {
        let most = waiting.len().min(BURST);
        let exit = Exit::by(neighbour, snapshot, &mut self.tx[..], &self.counters, most);
        let Some(mut exit) = exit else {
            return 0;
        };
        // Many tunnels have one underlay, and what it leads to is found out once.
        let mut followed = None;
        for ((slot, id), tunnel) in waiting.iter().zip(tunnels) {
            let place = usize::from(*slot) % BURST;
            let facts = &self.batch.facts[place];
            let packet = &mut self.batch.packets[place];
            let (Some(tunnel), Some(mbuf)) = (*tunnel, packet.as_ref()) else {
                break;
            };
            let Some(hash) = flow(snapshot, tunnel, facts, mbuf) else {
                break;
            };
            let underlay = Some(tunnel.underlay());
            if underlay != followed {
                match Underlay::of(snapshot, tunnel.underlay()) {
                    Underlay::Neighbour(its) if its == neighbour => followed = underlay,
                    other if other.neighbour(hash) == Some(neighbour) => {}
                    _ => break,
                }
            }
            if !exit.send(*id, tunnel, packet, facts, hash) {
                break;
            }
        }
        let sent = exit.packets;
        exit.close();
        sent
    }
}

/// The hash of a packet's flow, if it is one that may enter a plain tunnel. What IPv6 may exceed the tunnel's MTU by is for the
/// other way.
#[inline(always)]
fn flow(snapshot: &Snapshot, tunnel: &Tunnel, facts: &Facts, mbuf: &Mbuf) -> Option<u32> {
    let clear = facts.flags.is_empty()
        & (usize::from(facts.l3_offset) == EthernetHeader::LEN)
        & (facts.ip_bytes <= tunnel.payload_mtu_bytes());
    let packet = mbuf.data().get(EthernetHeader::LEN..).filter(|_| clear)?;
    Some(packet_hash(snapshot.hasher, packet))
}
