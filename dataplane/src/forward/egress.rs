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
use crate::wire::aged::Aged;
use crate::wire::ethernet::{EtherType, EthernetHeader};

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
        let (mut sent, mut bytes) = match PlainLink::of::<FAMILY>(adjacency) {
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
            & facts.flags.is_empty();
        let Some(mbuf) = self.batch.packets[slot].as_mut().filter(|_| clear) else {
            return false;
        };
        if !replace_link_header::<FAMILY>(mbuf, &facts, adjacency) {
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
    /// Moves the packets at `slots` into a transmit buffer with room for them, with `rewrite`, which is told the
    /// facts. Ends before the first with anything unusual, longer than `longest` bytes, or that `rewrite` refuses. Returns
    /// how many were moved, and the bytes of their IP packets.
    #[inline(always)]
    pub(super) fn load(
        &mut self,
        slots: &[u8],
        tx: &mut TxPort,
        longest: u16,
        rewrite: impl Fn(&mut Mbuf, &Facts) -> bool,
    ) -> (usize, u64) {
        let (mut sent, mut bytes) = (0, 0);
        for slot in slots {
            let slot = usize::from(*slot) % BURST;
            let facts = self.facts[slot];
            if !((facts.ip_bytes <= longest) & facts.flags.is_empty()) {
                break;
            }
            let Some(mut mbuf) = self.packets[slot].take() else {
                break;
            };
            if !rewrite(&mut mbuf, &facts) {
                // What cannot be sent stays where it was.
                self.packets[slot] = Some(mbuf);
                break;
            }
            tx.push(mbuf);
            bytes += u64::from(facts.ip_bytes);
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
        link: PlainLink,
    ) -> (usize, u64) {
        let (mut sent, mut bytes) = (0, 0);
        loop {
            let eights = self.load_eights::<FAMILY>(&slots[sent..], tx, longest, link);
            sent += eights.0;
            bytes += eights.1;
            let rest = &slots[sent..];
            let few = &rest[..rest.len().min(WIDTH)];
            let singles = self.load(few, tx, longest, |mbuf, facts| {
                (usize::from(facts.l3_offset) == EthernetHeader::LEN)
                    && exchange_link_header::<FAMILY>(mbuf.data_mut(), facts.aged, link)
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
        self.load(slots, tx, adjacency.mtu_bytes, |mbuf, facts| {
            replace_link_header::<FAMILY>(mbuf, facts, adjacency)
        })
    }
}

/// A link header without a tag, as its first and its last eight octets: so it stays in two registers.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlainLink {
    front: u64,
    back: u64,
}

impl PlainLink {
    /// That of an adjacency, if it has no tag.
    #[inline(always)]
    pub(super) fn of<const FAMILY: u8>(adjacency: &Adjacency) -> Option<Self> {
        let (link, _) = adjacency.header.split_first_chunk()?;
        let Self { front, back } = Self::new(link);
        let ethertype = u16::from_le_bytes(ethertype::<FAMILY>());
        let back = back & 0x0000_ffff_ffff_ffff | u64::from(ethertype) << 48;
        (usize::from(adjacency.header_len) == EthernetHeader::LEN).then_some(Self { front, back })
    }

    #[inline(always)]
    pub(super) fn new(link: &[u8; EthernetHeader::LEN]) -> Self {
        let word =
            |octets: Option<&[u8; 8]>| octets.map_or(0, |octets| u64::from_le_bytes(*octets));
        Self {
            front: word(link.first_chunk()),
            back: word(link.last_chunk()),
        }
    }

    #[inline(always)]
    fn write(self, link: &mut [u8; EthernetHeader::LEN]) {
        if let Some(front) = link.first_chunk_mut() {
            *front = self.front.to_le_bytes();
        }
        if let Some(back) = link.last_chunk_mut() {
            *back = self.back.to_le_bytes();
        }
    }
}

/// Ages the packet, and puts a link header without a tag in the place of another. False, and nothing was done, when it is too
/// short.
#[inline(always)]
pub(super) fn exchange_link_header<const FAMILY: u8>(
    frame: &mut [u8],
    aged: Aged,
    link: PlainLink,
) -> bool {
    let parts = frame.split_first_chunk_mut();
    parts.is_some_and(|(old, packet)| {
        let is_aged = aged.write::<FAMILY>(packet);
        if is_aged {
            link.write(old);
        }
        is_aged
    })
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
/// done, when it is too short or there is no room.
#[inline(never)]
fn replace_link_header<const FAMILY: u8>(
    mbuf: &mut Mbuf,
    facts: &Facts,
    adjacency: &Adjacency,
) -> bool {
    let l3 = usize::from(facts.l3_offset);
    let new = usize::from(adjacency.header_len).min(adjacency.header.len());
    let has_room = mbuf.headroom() + l3 >= new;
    let packet = mbuf.data_mut().get_mut(l3..);
    if !has_room || !packet.is_some_and(|packet| facts.aged.write::<FAMILY>(packet)) {
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
