//! Last stage: the rewrite, and the transmit buffer.

use dpdk_sys::Mbuf;

use super::Forwarder;
use super::batch::Batch;
use super::bridge::Origin;
use crate::ids::{AdjacencyId, BURST, PortId};
use crate::snapshot::Snapshot;
use crate::snapshot::nexthop::{Adjacency, AdjacencyState};
use crate::wire::Header;
use crate::wire::ethernet::{EtherType, EthernetHeader};
use crate::wire::ipv4::Ipv4Header;
use crate::wire::ipv6::Ipv6Header;

impl Forwarder {
    /// Rewrites the packets at `slots` for an adjacency and puts them into its port's transmit buffer. Returns how many there
    /// were before the first that cannot be sent so: that one is as it was, and the caller finds out why.
    #[inline(always)]
    pub(super) fn send<const FAMILY: u8>(
        &mut self,
        snapshot: &Snapshot,
        slots: &[u8],
        id: AdjacencyId,
    ) -> usize {
        let Some(adjacency) = snapshot.adjacency(id) else {
            return 0;
        };
        let Some(Some(tx)) = self.tx.get_mut(adjacency.port.index()) else {
            return 0;
        };
        if adjacency.state != AdjacencyState::Resolved {
            return 0;
        }
        tx.make_room(slots.len(), &self.counters);
        let Batch { packets, facts, .. } = &mut *self.batch;
        let (mut sent, mut bytes) = (0, 0);
        for slot in slots {
            let slot = usize::from(*slot) % BURST;
            let facts = &facts[slot];
            let clear =
                (facts.ip_bytes <= adjacency.mtu_bytes) & (facts.ttl > 1) & facts.flags.is_empty();
            let Some(mbuf) = packets[slot].as_mut().filter(|_| clear) else {
                break;
            };
            let ip_bytes = u64::from(facts.ip_bytes);
            if !rewrite::<FAMILY>(mbuf, facts.l3_offset.into(), adjacency) {
                break;
            }
            // Only now is it taken: what cannot be sent stays where it is.
            let Some(mbuf) = packets[slot].take() else {
                break;
            };
            tx.push(mbuf);
            bytes += ip_bytes;
            sent += 1;
        }
        if sent > 0 {
            bytes += sent as u64 * u64::from(adjacency.header_len);
            self.counters.adjacency(id).add(sent as u64, bytes);
            tx.count(adjacency.interface, sent, bytes, &self.counters);
        }
        sent
    }

    /// Rewrites the packet at `slot` for an adjacency on a gateway interface, and puts the frame into
    /// the L2 lane. False when the adjacency is none such, or the packet cannot be sent so.
    pub(super) fn send_bridged<const FAMILY: u8>(
        &mut self,
        snapshot: &Snapshot,
        slot: usize,
        id: AdjacencyId,
    ) -> bool {
        let Some(adjacency) = snapshot.adjacency(id) else {
            return false;
        };
        let gateway = snapshot
            .interface(adjacency.interface)
            .filter(|i| i.port.is_none());
        let Some(bridge) = gateway.and_then(|i| i.bridge) else {
            return false;
        };
        let facts = self.batch.facts[slot];
        let clear = (adjacency.state == AdjacencyState::Resolved)
            & (facts.ip_bytes <= adjacency.mtu_bytes)
            & (facts.ttl > 1)
            & facts.flags.is_empty();
        let Some(mbuf) = self.batch.packets[slot].as_mut().filter(|_| clear) else {
            return false;
        };
        if !rewrite::<FAMILY>(mbuf, facts.l3_offset.into(), adjacency) {
            return false;
        }
        let bytes = mbuf.len() as u64;
        self.counters.adjacency(id).add(1, bytes);
        self.counters
            .interface(adjacency.interface)
            .tx
            .add(1, bytes);
        self.batch.facts[slot].l3_offset = adjacency.header_len;
        self.batch.l2.push(slot, bridge, Origin::Gateway);
        true
    }

    /// Whether this worker may send on a port.
    pub(super) fn can_send_on(&self, port: PortId) -> bool {
        self.tx.get(port.index()).is_some_and(Option::is_some)
    }
}

/// Exchanges the link header and ages the packet. False when there is no room for the header.
#[inline(always)]
fn rewrite<const FAMILY: u8>(mbuf: &mut Mbuf, l3: usize, adjacency: &Adjacency) -> bool {
    let new = usize::from(adjacency.header_len);
    if (l3 == EthernetHeader::LEN) & (new == EthernetHeader::LEN) {
        let Some((link, packet)) = mbuf.data_mut().split_first_chunk_mut() else {
            return false;
        };
        let [addresses @ .., _, _, _, _, _, _] = &adjacency.header;
        *link = plain_link::<FAMILY>(addresses);
        return age::<FAMILY>(packet);
    }
    replace_link_header::<FAMILY>(mbuf, l3, adjacency)
        && mbuf.data_mut().get_mut(new..).is_some_and(age::<FAMILY>)
}

/// The link header without a tag.
#[inline(always)]
const fn plain_link<const FAMILY: u8>(addresses: &[u8; 12]) -> [u8; EthernetHeader::LEN] {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = *addresses;
    let [m, n] = ethertype::<FAMILY>();
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n]
}

/// Takes one from the TTL or hop limit; in IPv4 the checksum follows (RFC 1624). False when it ran
/// out.
#[inline(always)]
fn age<const FAMILY: u8>(packet: &mut [u8]) -> bool {
    if FAMILY == 4 {
        Ipv4Header::split_mut(packet).is_some_and(|(header, _)| header.decrement_ttl())
    } else {
        Ipv6Header::split_mut(packet).is_some_and(|(header, _)| header.decrement_hop_limit())
    }
}

#[inline(always)]
const fn ethertype<const FAMILY: u8>() -> [u8; 2] {
    let kind = if FAMILY == 4 {
        EtherType::IPV4
    } else {
        EtherType::IPV6
    };
    kind.get().to_be_bytes()
}

/// Puts a link header of another length than the old one, or a tagged one, in front; false when there is no room.
#[inline(never)]
fn replace_link_header<const FAMILY: u8>(
    mbuf: &mut Mbuf,
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
