//! Packets that wait for a neighbour, and the use that traffic makes of it.

use super::effect::{Discard, Effect};
use super::entry::{Check, Entry, Phase};
use super::key::NeighbourKey;
use super::table::NeighbourTable;

impl<P> NeighbourTable<P> {
    /// Takes a packet that is to go to the neighbour, and `bytes`, the memory it occupies.
    ///
    /// It is released at once if the address is known (the sender's snapshot was older), fails at
    /// once in a hold-down, and waits for an answer otherwise.
    pub fn hold(
        &mut self,
        key: NeighbourKey,
        packet: P,
        bytes: usize,
        now_ns: u64,
        effects: &mut Vec<Effect<P>>,
    ) {
        self.stats.packets += 1;
        if !self.up.contains(&key.interface) {
            return self.discard(key, packet, Discard::InterfaceDown, effects);
        }
        if self.store.get(&key).is_none() {
            self.create(key, Phase::Incomplete { sent: 0 }, now_ns, effects);
        }
        let Some(phase) = self.store.get(&key).map(|entry| entry.phase) else {
            return self.discard(key, packet, Discard::TableFull, effects);
        };
        match phase {
            Phase::Known { mac, .. } | Phase::Permanent { mac } => {
                self.note_used([key], now_ns);
                self.stats.released += 1;
                effects.push(Effect::Release {
                    key,
                    mac,
                    packets: vec![packet],
                });
            }
            Phase::Failed { retry_ns } if now_ns < retry_ns => {
                self.stats.failed += 1;
                effects.push(Effect::Fail {
                    key,
                    packets: vec![packet],
                });
            }
            Phase::Failed { .. } => {
                self.enter(&key, Phase::Incomplete { sent: 0 }, now_ns, effects);
                self.enqueue(key, packet, bytes, effects);
            }
            Phase::Incomplete { .. } => self.enqueue(key, packet, bytes, effects),
        }
    }

    /// Says that traffic went to these neighbours since the last call: those that are stale will
    /// be verified. To be called every few seconds with the keys whose counters moved.
    pub fn note_used(&mut self, keys: impl IntoIterator<Item = NeighbourKey>, now_ns: u64) {
        for key in keys {
            if let Some(Phase::Known {
                mac,
                check: Check::Stale,
            }) = self.store.get(&key).map(|entry| entry.phase)
            {
                self.set_phase(
                    &key,
                    Phase::Known {
                        mac,
                        check: Check::Delay,
                    },
                    now_ns,
                );
            }
        }
    }

    fn enqueue(
        &mut self,
        key: NeighbourKey,
        packet: P,
        bytes: usize,
        effects: &mut Vec<Effect<P>>,
    ) {
        if self.config.hold_packets == 0 {
            return self.discard(key, packet, Discard::QueueFull, effects);
        }
        if bytes > self.config.hold_bytes {
            return self.discard(key, packet, Discard::BytesFull, effects);
        }
        let full = |entry: &&Entry| entry.held.len() >= self.config.hold_packets;
        if let Some(&place) = self
            .store
            .get(&key)
            .filter(full)
            .and_then(|entry| entry.held.front())
        {
            self.discard_oldest(key, place, Discard::QueueFull, effects);
        }
        while self.held.bytes() + bytes > self.config.hold_bytes
            && let Some((place, of)) = self.held.oldest()
        {
            self.discard_oldest(of, place, Discard::BytesFull, effects);
        }
        let place = self.held.push(key, bytes, packet);
        self.store.edit(&key, |entry| entry.held.push_back(place));
    }

    /// Drops the packet at this place, the oldest that waits for its neighbour.
    fn discard_oldest(
        &mut self,
        key: NeighbourKey,
        place: u64,
        discard: Discard,
        effects: &mut Vec<Effect<P>>,
    ) {
        self.store.edit(&key, |entry| entry.held.pop_front());
        if let Some(packet) = self.held.take(place) {
            self.discard(key, packet, discard, effects);
        }
    }

    pub(super) fn discard(
        &mut self,
        key: NeighbourKey,
        packet: P,
        discard: Discard,
        effects: &mut Vec<Effect<P>>,
    ) {
        self.stats.dropped += 1;
        effects.push(Effect::Drop {
            key,
            packet,
            discard,
        });
    }
}
