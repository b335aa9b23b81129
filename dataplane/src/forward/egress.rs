//! Last stage: the rewrite, and the transmit buffer.

use super::{Forwarder, local};
use crate::drops::DropReason;
use crate::ids::AdjacencyId;
use crate::punt::{PuntClass, PuntReason};
use crate::snapshot::Snapshot;
use crate::snapshot::nexthop::{Adjacency, AdjacencyState};
use crate::wire::Header;
use crate::wire::ipv4::Ipv4Header;
use crate::wire::ipv6::Ipv6Header;

const PLAIN_HEADER: usize = 14;

impl Forwarder {
    /// Sends the packet at `slot` by an adjacency, or finds out why it cannot be sent.
    #[inline]
    pub(super) fn send<const FAMILY: u8>(
        &mut self,
        snapshot: &Snapshot,
        slot: usize,
        id: AdjacencyId,
        now_ticks: u64,
    ) {
        let Some(adjacency) = snapshot.adjacency(id) else {
            return self.drop_packet(slot, DropReason::NextHopMissing);
        };
        let facts = self.batch.facts[slot];
        let plain = adjacency.state == AdjacencyState::Resolved
            && facts.ttl > 1
            && facts.ip_bytes <= adjacency.mtu_bytes
            && !facts.options
            && !facts.link_scope;
        if !plain {
            return self.cannot_send(snapshot, slot, id, adjacency, now_ticks);
        }
        let Some(mut mbuf) = self.batch.packets[slot].take() else {
            return;
        };
        let l3 = usize::from(facts.l3_offset);
        if !mbuf.data_mut().get_mut(l3..).is_some_and(age::<FAMILY>) {
            self.batch.packets[slot] = Some(mbuf);
            return self.drop_packet(slot, DropReason::TtlExpired);
        }
        if l3 == PLAIN_HEADER && usize::from(adjacency.header_len) == PLAIN_HEADER {
            if let (Some(link), Some(template)) = (
                mbuf.data_mut().first_chunk_mut::<PLAIN_HEADER>(),
                adjacency.header.first_chunk(),
            ) {
                *link = *template;
                [link[12], link[13]] = ethertype::<FAMILY>();
            }
        } else if !replace_link_header::<FAMILY>(&mut mbuf, l3, adjacency) {
            self.batch.packets[slot] = Some(mbuf);
            return self.drop_packet(slot, DropReason::NoHeadroom);
        }
        match self
            .tx
            .get_mut(adjacency.port.index())
            .and_then(Option::as_mut)
        {
            Some(tx) => {
                self.run.add(id, mbuf.len(), &self.counters);
                tx.push(mbuf, adjacency.interface, &self.counters);
            }
            None => {
                self.batch.packets[slot] = Some(mbuf);
                self.drop_packet(slot, DropReason::NoTxPort);
            }
        }
    }

    /// Adds what was sent by the last adjacency to its counters.
    #[inline]
    pub(super) fn end_run(&mut self) {
        self.run.end(&self.counters);
    }

    #[cold]
    fn cannot_send(
        &mut self,
        snapshot: &Snapshot,
        slot: usize,
        id: AdjacencyId,
        adjacency: &Adjacency,
        now_ticks: u64,
    ) {
        let facts = self.batch.facts[slot];
        let (reason, class) = if facts.ttl <= 1 {
            (PuntReason::TtlExpired, PuntClass::Exception)
        } else if facts.link_scope {
            (PuntReason::BeyondScope, PuntClass::Exception)
        } else {
            match adjacency.state {
                AdjacencyState::Vacant => {
                    return self.drop_packet(slot, DropReason::NextHopMissing);
                }
                AdjacencyState::Down => return self.drop_packet(slot, DropReason::TxInterfaceDown),
                AdjacencyState::Unresolved => {
                    (PuntReason::Unresolved { adjacency: id }, PuntClass::Resolve)
                }
                AdjacencyState::Resolved if facts.ip_bytes > adjacency.mtu_bytes => (
                    PuntReason::TooBig {
                        mtu: adjacency.mtu_bytes,
                        adjacency: id,
                    },
                    self.batch.packets[slot]
                        .as_ref()
                        .map_or(PuntClass::Exception, |mbuf| local::too_big(mbuf, &facts)),
                ),
                AdjacencyState::Resolved => (PuntReason::Ipv4Options, PuntClass::Exception),
            }
        };
        self.punt(snapshot, slot, reason, class, now_ticks);
    }
}

/// Takes one from the TTL or hop limit; in IPv4 the checksum follows (RFC 1624). False when it ran
/// out.
#[inline]
fn age<const FAMILY: u8>(packet: &mut [u8]) -> bool {
    if FAMILY == 4 {
        Ipv4Header::split_mut(packet).is_some_and(|(header, _)| header.decrement_ttl())
    } else {
        Ipv6Header::split_mut(packet).is_some_and(|(header, _)| header.decrement_hop_limit())
    }
}

#[inline]
const fn ethertype<const FAMILY: u8>() -> [u8; 2] {
    if FAMILY == 4 {
        [0x08, 0x00]
    } else {
        [0x86, 0xdd]
    }
}

/// Puts a link header of another length than the old one in front; false when there is no room.
fn replace_link_header<const FAMILY: u8>(
    mbuf: &mut dpdk_sys::Mbuf,
    l3: usize,
    adjacency: &Adjacency,
) -> bool {
    let new = usize::from(adjacency.header_len).min(adjacency.header.len());
    let fits = if new > l3 {
        mbuf.prepend(new - l3).is_ok()
    } else {
        mbuf.trim_front(l3 - new).is_ok()
    };
    if !fits {
        return false;
    }
    let Some(link) = mbuf.data_mut().get_mut(..new) else {
        return false;
    };
    link.copy_from_slice(&adjacency.header[..new]);
    if let Some(kind) = link.last_chunk_mut() {
        *kind = ethertype::<FAMILY>();
    }
    true
}

/// Packets sent by one adjacency in a row, added to its counters when the adjacency changes.
#[derive(Debug, Default)]
pub(super) struct Run {
    adjacency: AdjacencyId,
    packets: u64,
    bytes: u64,
}

impl Run {
    #[inline]
    fn add(
        &mut self,
        adjacency: AdjacencyId,
        bytes: usize,
        counters: &crate::counters::WorkerCounters,
    ) {
        if adjacency != self.adjacency {
            self.end(counters);
            self.adjacency = adjacency;
        }
        self.packets += 1;
        self.bytes += bytes as u64;
    }

    #[inline]
    fn end(&mut self, counters: &crate::counters::WorkerCounters) {
        if self.packets > 0 {
            counters
                .adjacency(self.adjacency)
                .add(self.packets, self.bytes);
            (self.packets, self.bytes) = (0, 0);
        }
    }
}
