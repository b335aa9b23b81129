//! Into the tunnels that nearly all are (see [`plain`](crate::tunnel::plain)), by a neighbour on an untagged link. What
//! leads to the neighbour is followed once for packets of different tunnels that go there one after the other.

use arrayvec::ArrayVec;
use dpdk_sys::{Mbuf, prefetch};

use super::Forwarder;
use super::batch::Batch;
use super::encap::{count_inner, underlay};
use crate::counters::WorkerCounters;
use crate::ids::{AdjacencyId, BURST, InterfaceId, TunnelId};
use crate::snapshot::Snapshot;
use crate::snapshot::nexthop::{Adjacency, AdjacencyState, NextHop};
use crate::snapshot::tunnel::Tunnel;
use crate::tunnel::inner::packet_hash;
use crate::tunnel::plain;
use crate::wire::Header;
use crate::wire::ethernet::EthernetHeader;

/// The tunnels of packets that wait for them, in their order.
type Tunnels<'s> = ArrayVec<Option<&'s Tunnel>, BURST>;

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

    /// Routes IP packets into plain tunnels, in order, as long as they go to one neighbour and there is nothing else to do with
    /// them. Returns how many; to the first that is left nothing was done.
    #[inline(always)]
    pub(super) fn enter_plainly(
        &mut self,
        snapshot: &Snapshot,
        waiting: &[(u8, TunnelId)],
        tunnels: &[Option<&Tunnel>],
    ) -> usize {
        let Some((neighbour, adjacency)) = self.first_neighbour(snapshot, waiting, tunnels) else {
            return 0;
        };
        let Some(Some(tx)) = self.tx.get_mut(adjacency.port.index()) else {
            return 0;
        };
        tx.make_room(waiting.len().min(BURST), &self.counters);
        let [addresses @ .., _, _, _, _, _, _] = &adjacency.header;
        let Batch { packets, facts, .. } = &mut *self.batch;
        let (mut sent, mut bytes) = (0, 0);
        let mut inner = InnerRun::default();
        for ((slot, id), tunnel) in waiting.iter().zip(tunnels) {
            let slot = usize::from(*slot) % BURST;
            let facts = &facts[slot];
            let (Some(tunnel), Some(mbuf)) = (*tunnel, packets[slot].as_mut()) else {
                break;
            };
            let outer_bytes = tunnel.header().len() as u16 + facts.ip_bytes;
            // What IPv6 may exceed the tunnel's MTU by is for the other way.
            let clear = facts.flags.is_empty()
                & (usize::from(facts.l3_offset) == EthernetHeader::LEN)
                & (facts.ip_bytes <= tunnel.payload_mtu_bytes())
                & (outer_bytes <= adjacency.mtu_bytes);
            let Some(hash) = clear.then(|| flow(snapshot, mbuf)).flatten() else {
                break;
            };
            if underlay(snapshot, tunnel, hash) != Some(neighbour)
                || !plain::enter(tunnel, addresses, facts.ip_bytes, hash, mbuf)
            {
                break;
            }
            // Only now is it taken: what cannot be sent so stays where it is.
            let Some(mbuf) = packets[slot].take() else {
                break;
            };
            tx.push(mbuf);
            self.counters.tunnel(*id).add(1, outer_bytes.into());
            if tunnel.interface() != inner.interface {
                inner.end(&self.counters);
                inner.interface = tunnel.interface();
            }
            inner.packets += 1;
            inner.bytes += u64::from(facts.ip_bytes);
            bytes += u64::from(outer_bytes);
            sent += 1;
        }
        if sent > 0 {
            bytes += sent as u64 * EthernetHeader::LEN as u64;
            self.counters.adjacency(neighbour).add(sent as u64, bytes);
            tx.count(adjacency.interface, sent, bytes, &self.counters);
            inner.end(&self.counters);
        }
        sent
    }

    /// The neighbour to which the first packet goes, if it is one on an untagged link whose address is known.
    #[inline(always)]
    fn first_neighbour<'s>(
        &self,
        snapshot: &'s Snapshot,
        waiting: &[(u8, TunnelId)],
        tunnels: &[Option<&Tunnel>],
    ) -> Option<(AdjacencyId, &'s Adjacency)> {
        let (slot, tunnel) = (waiting.first()?.0, (*tunnels.first()?)?);
        let id = match snapshot.next_hop(tunnel.underlay()) {
            NextHop::Adjacency(id) => id,
            _ => {
                let mbuf = self.batch.packets[usize::from(slot) % BURST].as_ref()?;
                underlay(snapshot, tunnel, flow(snapshot, mbuf)?)?
            }
        };
        let adjacency = snapshot.adjacency(id)?;
        let ready = (adjacency.state == AdjacencyState::Resolved)
            & (usize::from(adjacency.header_len) == EthernetHeader::LEN);
        ready.then_some((id, adjacency))
    }
}

/// The hash of the flow of an IP packet behind an untagged Ethernet header.
#[inline(always)]
fn flow(snapshot: &Snapshot, mbuf: &Mbuf) -> Option<u32> {
    let packet = mbuf.data().get(EthernetHeader::LEN..)?;
    Some(packet_hash(snapshot.hasher, packet))
}
