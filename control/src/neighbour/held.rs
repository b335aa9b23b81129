//! Packets that wait for a neighbour, over all neighbours.

use super::key::NeighbourKey;
use std::collections::BTreeMap;

struct Waiting<P> {
    key: NeighbourKey,
    bytes: usize,
    packet: P,
}

/// The held packets by the order in which they came. An entry knows its own by their places.
pub(super) struct Held<P> {
    waiting: BTreeMap<u64, Waiting<P>>,
    next: u64,
    bytes: usize,
}

impl<P> Held<P> {
    pub(super) const fn new() -> Self {
        Self {
            waiting: BTreeMap::new(),
            next: 0,
            bytes: 0,
        }
    }

    /// Adds the newest packet and returns its place.
    pub(super) fn push(&mut self, key: NeighbourKey, bytes: usize, packet: P) -> u64 {
        let place = self.next;
        self.next += 1;
        self.bytes += bytes;
        self.waiting.insert(place, Waiting { key, bytes, packet });
        place
    }

    pub(super) fn take(&mut self, place: u64) -> Option<P> {
        let waiting = self.waiting.remove(&place)?;
        self.bytes -= waiting.bytes;
        Some(waiting.packet)
    }

    /// The place of the oldest packet of all and the neighbour for which it waits. It is the oldest
    /// of that neighbour too.
    pub(super) fn oldest(&self) -> Option<(u64, NeighbourKey)> {
        self.waiting
            .first_key_value()
            .map(|(place, waiting)| (*place, waiting.key))
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}
