//! Last stage: the rewrite, and the transmit buffer.

use dpdk_sys::Mbuf;

use super::Forwarder;
use super::batch::{Batch, Facts};
use super::bridge::Origin;
use super::eight::WIDTH;
use super::tx::TxPort;
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
        let tx: &mut TxPort = tx;
        tx.make_room(slots.len(), &self.counters);
        let batch = &mut *self.batch;
        let (mut sent, mut bytes) = match plain_link::<FAMILY>(adjacency) {
            Some(link) => batch.load_plain::<FAMILY>(slots, tx, adjacency.mtu_bytes, link),
            None => (0, 0),
        };
        if let rest @ [_, ..] = &slots[sent..] {
            let more = batch.load_tagged::<FAMILY>(rest, tx, adjacency);
            sent += more.0;
            bytes += more.1;
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
        if !replace_link_header::<FAMILY>(mbuf, facts.l3_offset.into(), adjacency) {
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

impl Batch {
    /// Moves the packets at `slots` into a transmit buffer with room for them, with `rewrite`, which is told where the network
    /// header starts. Ends before the first with anything unusual, longer than `longest` bytes, or that `rewrite` refuses. Returns
    /// how many were moved, and the bytes of their IP packets.
    #[inline(always)]
    pub(super) fn load(
        &mut self,
        slots: &[u8],
        tx: &mut TxPort,
        longest: u16,
        rewrite: impl Fn(&mut Mbuf, usize) -> bool,
    ) -> (usize, u64) {
        let (mut sent, mut bytes) = (0, 0);
        for slot in slots {
            let slot = usize::from(*slot) % BURST;
            let facts = &self.facts[slot];
            let Facts {
                ip_bytes,
                l3_offset,
                ..
            } = *facts;
            if !((ip_bytes <= longest) & facts.flags.is_empty()) {
                break;
            }
            let Some(mut mbuf) = self.packets[slot].take() else {
                break;
            };
            if !rewrite(&mut mbuf, l3_offset.into()) {
                // What cannot be sent stays where it was.
                self.packets[slot] = Some(mbuf);
                break;
            }
            tx.push(mbuf);
            bytes += u64::from(ip_bytes);
            sent += 1;
        }
        (sent, bytes)
    }

    /// The same for packets without a tag that get none, eight at a time where that can be done.
    #[inline(always)]
    pub(super) fn load_plain<const FAMILY: u8>(
        &mut self,
        slots: &[u8],
        tx: &mut TxPort,
        longest: u16,
        link: [u8; EthernetHeader::LEN],
    ) -> (usize, u64) {
        let (mut sent, mut bytes) = (0, 0);
        loop {
            let eights = self.load_eights::<FAMILY>(&slots[sent..], tx, longest, link);
            sent += eights.0;
            bytes += eights.1;
            let rest = &slots[sent..];
            let few = &rest[..rest.len().min(WIDTH)];
            let singles = self.load(few, tx, longest, |mbuf, l3| {
                (l3 == EthernetHeader::LEN) && exchange_link_header::<FAMILY>(mbuf, link)
            });
            sent += singles.0;
            bytes += singles.1;
            if singles.0 < few.len() || sent == slots.len() {
                return (sent, bytes);
            }
        }
    }

    /// The same for packets that have a tag, or get one.
    #[inline(never)]
    fn load_tagged<const FAMILY: u8>(
        &mut self,
        slots: &[u8],
        tx: &mut TxPort,
        adjacency: &Adjacency,
    ) -> (usize, u64) {
        self.load(slots, tx, adjacency.mtu_bytes, |mbuf, l3| {
            replace_link_header::<FAMILY>(mbuf, l3, adjacency)
        })
    }
}

/// The whole link header of an adjacency, if it has no tag.
#[inline(always)]
fn plain_link<const FAMILY: u8>(adjacency: &Adjacency) -> Option<[u8; EthernetHeader::LEN]> {
    let [a, b, c, d, e, f, g, h, i, j, k, l, ..] = adjacency.header;
    let [m, n] = ethertype::<FAMILY>();
    let is_plain = usize::from(adjacency.header_len) == EthernetHeader::LEN;
    is_plain.then_some([a, b, c, d, e, f, g, h, i, j, k, l, m, n])
}

/// Ages the packet, and puts a link header without a tag in the place of another. False, and nothing was done, when it may not be
/// sent.
#[inline(always)]
pub(super) fn exchange_link_header<const FAMILY: u8>(
    mbuf: &mut Mbuf,
    link: [u8; EthernetHeader::LEN],
) -> bool {
    let parts = mbuf.data_mut().split_first_chunk_mut();
    parts.is_some_and(|(old, packet)| {
        let is_aged = age::<FAMILY>(packet);
        if is_aged {
            *old = link;
        }
        is_aged
    })
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

/// Ages the packet, and puts a link header of another length than the old one, or a tagged one, in front. False, and nothing was
/// done, when it may not be sent or there is no room.
#[inline(never)]
fn replace_link_header<const FAMILY: u8>(
    mbuf: &mut Mbuf,
    l3: usize,
    adjacency: &Adjacency,
) -> bool {
    let new = usize::from(adjacency.header_len).min(adjacency.header.len());
    let has_room = mbuf.headroom() + l3 >= new;
    if !has_room || !mbuf.data_mut().get_mut(l3..).is_some_and(age::<FAMILY>) {
        return false;
    }
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
