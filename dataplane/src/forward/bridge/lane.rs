//! The frames of a burst that wait for their bridge domain.

use dpdk_sys::Mbuf;

use super::plain::{Members, member_of};
use crate::fdb::{FdbKey, FdbView, Second, Sought};
use crate::ids::{BURST, BridgeId, InterfaceId};
use crate::mac::Mac;
use crate::snapshot::segment::Peer;
use crate::wire::Header;
use crate::wire::ethernet::EthernetHeader;

/// Whence a frame comes into its domain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::forward) enum Origin {
    /// A member received it.
    Member(InterfaceId),
    /// It came out of a tunnel of this remote end.
    Tunnel(Peer),
    /// The router sends it.
    Gateway,
}

/// A frame in the lane.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    slot: u8,
    pub(super) bridge: BridgeId,
    pub(super) origin: Origin,
    /// No exception path has seen it.
    pub(super) fresh: bool,
    pub(super) source: Sought,
    pub(super) destination: Sought,
}

impl Entry {
    /// Where the frame is in its burst.
    #[inline(always)]
    pub(super) const fn slot(&self) -> usize {
        self.slot as usize % BURST
    }
}

/// The L2 lane of a burst.
#[derive(Debug)]
pub(in crate::forward) struct Lane {
    len: usize,
    entries: [Entry; BURST],
}

impl Default for Lane {
    fn default() -> Self {
        let entry = Entry {
            slot: 0,
            bridge: BridgeId::default(),
            origin: Origin::Gateway,
            fresh: true,
            source: Sought::default(),
            destination: Sought::default(),
        };
        Self {
            len: 0,
            entries: [entry; BURST],
        }
    }
}

impl Lane {
    /// Adds the frame at `slot`; a burst never holds more frames than the lane has places.
    #[inline]
    pub(in crate::forward) fn push(&mut self, slot: usize, bridge: BridgeId, origin: Origin) {
        self.add(slot, bridge, origin, true);
    }

    /// Adds a frame that the exception path has seen.
    pub(in crate::forward) fn push_again(&mut self, slot: usize, bridge: BridgeId, origin: Origin) {
        self.add(slot, bridge, origin, false);
    }

    #[inline]
    fn add(&mut self, slot: usize, bridge: BridgeId, origin: Origin, fresh: bool) {
        let place = self.len % BURST;
        let entry = &mut self.entries[place];
        (entry.slot, entry.bridge) = (slot as u8, bridge);
        (entry.origin, entry.fresh) = (origin, fresh);
        self.len = place + 1;
    }

    /// Takes the last frame out, which was at the slot that it answers.
    pub(in crate::forward) fn pop(&mut self) -> Option<usize> {
        self.len = self.len.checked_sub(1)?;
        Some(self.entries[self.len % BURST].slot())
    }

    /// Slot and bridge domain of each frame that waits.
    pub(in crate::forward) fn waiting(&self) -> impl Iterator<Item = (usize, BridgeId)> {
        let entries = self.entries.iter().take(self.len);
        entries.map(|entry| (entry.slot(), entry.bridge))
    }

    /// Whether no frame waits.
    #[inline(always)]
    pub(in crate::forward) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Reads the addresses of all frames and starts to load what the FDB has of them. Empties the
    /// lane; answers how many frames there were.
    #[inline]
    pub(super) fn start(&mut self, packets: &[Option<Mbuf>; BURST], fdb: FdbView<'_>) -> usize {
        let len = std::mem::take(&mut self.len);
        for entry in self.entries.iter_mut().take(len) {
            let header = packets[entry.slot()]
                .as_ref()
                .and_then(|mbuf| EthernetHeader::split(mbuf.data()));
            // A frame without a header has no station as its source, and is dropped for that.
            let (source, destination) = header.map_or((Mac::ZERO, Mac::ZERO), |(h, _)| {
                (h.source(), h.destination())
            });
            entry.source = fdb.seek(FdbKey::new(entry.bridge, source));
            entry.destination = fdb.seek(FdbKey::new(entry.bridge, destination));
        }
        len
    }

    /// By which members the first `count` frames leave, as far as that is plain (see [`plain`](super::plain)).
    #[inline(always)]
    pub(super) fn members(&self, count: usize, fdb: FdbView<'_>, now: Second) -> Members {
        let mut members = [InterfaceId::default(); BURST];
        for (member, entry) in members.iter_mut().zip(&self.entries).take(count) {
            *member = member_of(fdb, entry, now);
        }
        members
    }

    #[inline(always)]
    pub(super) const fn entry(&self, place: usize) -> &Entry {
        &self.entries[place % BURST]
    }
}
