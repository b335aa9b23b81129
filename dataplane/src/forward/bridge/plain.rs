//! From member to member, as nearly all frames go: from a station that is where the FDB has it to one behind a member
//! without a tag.

use dpdk_sys::Mbuf;

use super::Origin;
use super::lane::Entry;
use crate::fdb::{FdbTarget, FdbView, Second};
use crate::forward::Forwarder;
use crate::forward::batch::Batch;
use crate::ids::{BURST, InterfaceId, PortId};
use crate::snapshot::Snapshot;
use crate::wire::Header;
use crate::wire::ethernet::{EthernetHeader, MIN_FRAME_BYTES};

/// By which member each frame of the lane leaves; the interface 0, which never is, where more has to be decided.
pub(super) type Members = [InterfaceId; BURST];

/// The member by which a frame leaves, if that is all there is to find out.
#[inline(always)]
pub(super) fn member_of(fdb: FdbView<'_>, entry: &Entry, now: Second) -> InterfaceId {
    let Origin::Member(from) = entry.origin else {
        return InterfaceId::default();
    };
    let stations =
        entry.source.key().mac().is_station() & !entry.destination.key().mac().is_multicast();
    if stations
        && fdb.is_here(&entry.source, from, now)
        && let Some(FdbTarget::Interface(to)) = fdb.found(&entry.destination)
        && to != from
    {
        return to;
    }
    InterfaceId::default()
}

impl Forwarder {
    /// Sends the frames of the lane from place `first` on, in order, as long as they leave by one member and there is nothing
    /// else to do with them. Returns how many; to the first that is left nothing was done.
    #[inline(always)]
    pub(super) fn bridge_plainly(
        &mut self,
        snapshot: &Snapshot,
        members: &[InterfaceId],
        first: usize,
    ) -> usize {
        let Some(&member) = members.first() else {
            return 0;
        };
        let Some((port, longest)) = limits(snapshot, member) else {
            return 0;
        };
        let Some(Some(tx)) = self.tx.get_mut(port.index()) else {
            return 0;
        };
        tx.make_room(members.len().min(BURST), &self.counters);
        let Batch {
            packets, facts, l2, ..
        } = &mut *self.batch;
        let bridge = l2.entry(first).bridge;
        if snapshot.bridge(bridge).is_none() {
            return 0;
        }
        let (mut sent, mut bytes) = (0, 0);
        for (place, to) in members.iter().enumerate() {
            let entry = l2.entry(first + place);
            let slot = entry.slot();
            let packet = &mut packets[slot];
            let frame_bytes = packet.as_ref().map_or(0, Mbuf::len);
            let plain = (*to == member)
                & (entry.bridge == bridge)
                & (usize::from(facts[slot].l3_offset) == EthernetHeader::LEN)
                & (frame_bytes >= MIN_FRAME_BYTES)
                & (frame_bytes <= longest);
            // Only now is it taken: what cannot be sent so stays where it is.
            let Some(mbuf) = plain.then(|| packet.take()).flatten() else {
                break;
            };
            tx.push(mbuf);
            bytes += frame_bytes as u64;
            sent += 1;
        }
        if sent > 0 {
            let frames = &self.counters.bridge(bridge).frames;
            frames.add(sent as u64, bytes);
            tx.count(member, sent, bytes, &self.counters);
        }
        sent
    }
}

/// The port of a member that sends, and without a tag, and the length in bytes of the longest frame that it takes.
#[inline(always)]
fn limits(snapshot: &Snapshot, member: InterfaceId) -> Option<(PortId, usize)> {
    let interface = snapshot.interface(member)?;
    if !interface.up | interface.vlan.is_some() {
        return None;
    }
    let longest = EthernetHeader::LEN + usize::from(interface.mtu_bytes);
    Some((interface.port?, longest))
}
