//! The table as its owner sees it: packets in, wishes of the core and the operator, listings.

use super::config::{Jitter, NeighbourConfig};
use super::cooling::Cooling;
use super::effect::{Discard, Effect, Loss, NeighbourEvent};
use super::entry::{Check, Entry, NeighbourState, Phase};
use super::held::Held;
use super::key::NeighbourKey;
use super::stats::NeighbourStats;
use super::store::Store;
use ferroute_dataplane::ids::InterfaceId;
use ferroute_dataplane::mac::Mac;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// No further key can be wanted or entry made permanent: the interface has its share.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "interface {interface} has {most} wanted and permanent neighbours, which is the most it may have"
)]
pub struct ConfiguredFull {
    /// The interface.
    pub interface: InterfaceId,
    /// How many it may have ([`NeighbourConfig::max_configured`]).
    pub most: usize,
}

/// What is known of one neighbour, for listings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Neighbour {
    /// The neighbour.
    pub key: NeighbourKey,
    /// Its state.
    pub state: NeighbourState,
    /// Its address, in the states that have one.
    pub mac: Option<Mac>,
    /// Whether it said it is a router (IPv6 only).
    pub router: bool,
    /// Whether a route wants it resolved.
    pub wanted: bool,
    /// When the state began.
    pub since_ns: u64,
    /// When it last confirmed that it is there.
    pub confirmed_ns: Option<u64>,
    /// How many packets wait for it.
    pub held: usize,
}

impl Neighbour {
    fn of((key, entry): (&NeighbourKey, &Entry)) -> Self {
        Self {
            key: *key,
            state: entry.state(),
            mac: entry.mac(),
            router: entry.router,
            wanted: entry.wanted,
            since_ns: entry.since_ns,
            confirmed_ns: entry.confirmed_ns,
            held: entry.held.len(),
        }
    }
}

/// The neighbours of all interfaces. `P` is a packet that waits.
pub struct NeighbourTable<P> {
    pub(super) config: NeighbourConfig,
    pub(super) jitter: Jitter,
    pub(super) store: Store,
    pub(super) held: Held<P>,
    pub(super) cooling: Cooling,
    /// What was last told and when, so that events do not flood: conflicts by our own address,
    /// full tables by interface.
    pub(super) told_conflict: BTreeMap<NeighbourKey, u64>,
    told_full: BTreeMap<InterfaceId, u64>,
    up: BTreeSet<InterfaceId>,
    wanted: BTreeMap<InterfaceId, BTreeSet<IpAddr>>,
    pub(super) stats: NeighbourStats,
}

impl<P> NeighbourTable<P> {
    /// An empty table. The seed spreads the timers; it need not be secret.
    #[must_use]
    pub fn new(config: NeighbourConfig, seed: u64) -> Self {
        Self {
            config,
            jitter: Jitter::new(seed),
            store: Store::default(),
            held: Held::new(),
            cooling: Cooling::default(),
            told_conflict: BTreeMap::new(),
            told_full: BTreeMap::new(),
            up: BTreeSet::new(),
            wanted: BTreeMap::new(),
            stats: NeighbourStats::default(),
        }
    }

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
        if self.store.get(&key).is_none()
            && !self.create(key, Phase::Incomplete { sent: 0 }, now_ns, effects)
        {
            return self.discard(key, packet, Discard::TableFull, effects);
        }
        match self.store.get(&key).map(|entry| entry.phase) {
            Some(Phase::Known { mac, .. } | Phase::Permanent { mac }) => {
                self.note_used([key], now_ns);
                self.stats.released += 1;
                effects.push(Effect::Release {
                    key,
                    mac,
                    packets: vec![packet],
                });
            }
            Some(Phase::Failed { retry_ns }) if now_ns < retry_ns => {
                self.stats.failed += 1;
                effects.push(Effect::Fail {
                    key,
                    packets: vec![packet],
                });
            }
            Some(Phase::Failed { .. }) => {
                self.enter(&key, Phase::Incomplete { sent: 0 }, now_ns, effects);
                self.enqueue(key, packet, bytes, effects);
            }
            Some(Phase::Incomplete { .. }) | None => self.enqueue(key, packet, bytes, effects),
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

    /// Has the neighbour resolved now and kept so: it is a route's gateway. Wanting it twice is
    /// wanting it once. On an interface that is down it waits for [`Self::interface_up`].
    ///
    /// # Errors
    /// [`ConfiguredFull`]; the key is then not wanted, but traffic still resolves it.
    pub fn want(
        &mut self,
        key: NeighbourKey,
        now_ns: u64,
        effects: &mut Vec<Effect<P>>,
    ) -> Result<(), ConfiguredFull> {
        if self.is_wanted(&key) {
            return Ok(());
        }
        self.check_configured(key.interface)?;
        self.wanted
            .entry(key.interface)
            .or_default()
            .insert(key.address);
        if self.store.edit(&key, |entry| entry.wanted = true).is_none() {
            self.pursue(key, now_ns, effects);
            return Ok(());
        }
        // What runs already goes on, now with a wanted entry's deadlines.
        if let Some(entry) = self.store.get(&key) {
            match entry.phase {
                phase @ (Phase::Failed { .. }
                | Phase::Known {
                    check: Check::Stale,
                    ..
                }) => {
                    self.enter(&key, phase, now_ns, effects);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes a wish back: the entry ages as any other.
    pub fn unwant(&mut self, key: NeighbourKey, now_ns: u64, effects: &mut Vec<Effect<P>>) {
        if !self
            .wanted
            .get_mut(&key.interface)
            .is_some_and(|of| of.remove(&key.address))
        {
            return;
        }
        self.store.edit(&key, |entry| entry.wanted = false);
        if self.store.learned(key.interface) > self.config.max_learned {
            self.remove(&key, Loss::Evicted, now_ns, effects);
        } else if let Some(phase @ Phase::Failed { .. }) =
            self.store.get(&key).map(|entry| entry.phase)
        {
            self.set_phase(&key, phase, now_ns);
        }
    }

    /// Says that the interface takes packets: wanted neighbours are resolved.
    pub fn interface_up(
        &mut self,
        interface: InterfaceId,
        now_ns: u64,
        effects: &mut Vec<Effect<P>>,
    ) {
        if self.up.insert(interface) {
            let wanted = self.wanted.get(&interface).cloned().unwrap_or_default();
            for address in wanted {
                self.pursue(NeighbourKey { interface, address }, now_ns, effects);
            }
        }
    }

    /// Says that the interface takes no packets: all but permanent entries go, and what waited
    /// for them fails. Wishes stay.
    pub fn interface_down(
        &mut self,
        interface: InterfaceId,
        now_ns: u64,
        effects: &mut Vec<Effect<P>>,
    ) {
        if self.up.remove(&interface) {
            self.clear(interface, Loss::InterfaceDown, now_ns, effects);
        }
    }

    /// Forgets the interface with its wishes and permanent entries.
    pub fn interface_removed(
        &mut self,
        interface: InterfaceId,
        now_ns: u64,
        effects: &mut Vec<Effect<P>>,
    ) {
        self.interface_down(interface, now_ns, effects);
        let keys: Vec<_> = self
            .store
            .of_interface(interface)
            .map(|(key, _)| *key)
            .collect();
        for key in keys {
            self.remove(&key, Loss::InterfaceDown, now_ns, effects);
        }
        self.wanted.remove(&interface);
        self.told_conflict
            .retain(|key, _| key.interface != interface);
        self.told_full.remove(&interface);
    }

    /// Sets a neighbour's address for good.
    ///
    /// # Errors
    /// [`ConfiguredFull`]; nothing changed then.
    pub fn add_permanent(
        &mut self,
        key: NeighbourKey,
        mac: Mac,
        now_ns: u64,
        effects: &mut Vec<Effect<P>>,
    ) -> Result<(), ConfiguredFull> {
        if !self.store.get(&key).is_some_and(Entry::is_permanent) {
            self.check_configured(key.interface)?;
        }
        if self.store.get(&key).is_none() {
            let wanted = self.is_wanted(&key);
            self.store.insert(
                key,
                Entry::new(Phase::Failed { retry_ns: now_ns }, wanted, now_ns),
            );
        }
        self.enter(&key, Phase::Permanent { mac }, now_ns, effects);
        Ok(())
    }

    /// Deletes an entry, permanent or not, and says whether there was one. A wanted neighbour is
    /// resolved anew.
    pub fn delete(&mut self, key: NeighbourKey, now_ns: u64, effects: &mut Vec<Effect<P>>) -> bool {
        let was = self.remove(&key, Loss::Deleted, now_ns, effects);
        self.pursue(key, now_ns, effects);
        was
    }

    /// Deletes all but the permanent entries of the interface. Wanted ones are resolved anew.
    pub fn flush(&mut self, interface: InterfaceId, now_ns: u64, effects: &mut Vec<Effect<P>>) {
        for key in self.clear(interface, Loss::Deleted, now_ns, effects) {
            self.pursue(key, now_ns, effects);
        }
    }

    /// What is known of the neighbour.
    #[must_use]
    pub fn get(&self, key: &NeighbourKey) -> Option<Neighbour> {
        self.store.get(key).map(|entry| Neighbour::of((key, entry)))
    }

    /// All neighbours, by interface and address.
    pub fn iter(&self) -> impl Iterator<Item = Neighbour> {
        self.store.iter().map(Neighbour::of)
    }

    /// What the table did since it was made.
    #[must_use]
    pub const fn stats(&self) -> NeighbourStats {
        self.stats
    }

    /// How many packets wait, and how many bytes they occupy.
    #[must_use]
    pub fn holding(&self) -> (usize, usize) {
        (self.held.len(), self.held.bytes())
    }

    /// Makes an entry that is not there, if the interface has room or something gives way.
    pub(super) fn create(
        &mut self,
        key: NeighbourKey,
        phase: Phase,
        now_ns: u64,
        effects: &mut Vec<Effect<P>>,
    ) -> bool {
        let wanted = self.is_wanted(&key);
        while !wanted && self.store.learned(key.interface) >= self.config.max_learned {
            let Some(oldest) = self.store.first_evictable(key.interface) else {
                self.stats.table_full += 1;
                let told = self.told_full.get(&key.interface);
                if told.is_none_or(|at| now_ns >= at.saturating_add(self.config.event_interval_ns))
                {
                    self.told_full.insert(key.interface, now_ns);
                    effects.push(Effect::Event(NeighbourEvent::TableFull { key }));
                }
                return false;
            };
            self.stats.evicted += 1;
            self.remove(&oldest, Loss::Evicted, now_ns, effects);
        }
        let mut entry = Entry::new(Phase::Failed { retry_ns: now_ns }, wanted, now_ns);
        entry.asked_ns = self.cooling.asked_ns(&key);
        self.store.insert(key, entry);
        self.enter(&key, phase, now_ns, effects);
        true
    }

    fn is_wanted(&self, key: &NeighbourKey) -> bool {
        self.wanted
            .get(&key.interface)
            .is_some_and(|of| of.contains(&key.address))
    }

    pub(super) fn is_up(&self, interface: InterfaceId) -> bool {
        self.up.contains(&interface)
    }

    /// Begins to resolve a wanted key that has no entry, on an interface that is up.
    pub(super) fn pursue(&mut self, key: NeighbourKey, now_ns: u64, effects: &mut Vec<Effect<P>>) {
        if self.is_wanted(&key)
            && self.up.contains(&key.interface)
            && self.store.get(&key).is_none()
        {
            self.create(key, Phase::Incomplete { sent: 0 }, now_ns, effects);
        }
    }

    fn check_configured(&self, interface: InterfaceId) -> Result<(), ConfiguredFull> {
        let wanted = self.wanted.get(&interface).map_or(0, BTreeSet::len);
        let most = self.config.max_configured;
        if wanted + self.store.permanent(interface) < most {
            Ok(())
        } else {
            Err(ConfiguredFull { interface, most })
        }
    }

    /// Removes all but the permanent entries of an interface and returns their keys.
    fn clear(
        &mut self,
        interface: InterfaceId,
        reason: Loss,
        now_ns: u64,
        effects: &mut Vec<Effect<P>>,
    ) -> Vec<NeighbourKey> {
        let of = self.store.of_interface(interface);
        let keys: Vec<_> = of
            .filter(|(_, entry)| !entry.is_permanent())
            .map(|(key, _)| *key)
            .collect();
        for key in &keys {
            self.remove(key, reason, now_ns, effects);
        }
        keys
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
        if self
            .store
            .get(&key)
            .is_some_and(|entry| entry.held.len() >= self.config.hold_packets)
        {
            self.discard_oldest(key, Discard::QueueFull, effects);
        }
        while self.held.bytes() + bytes > self.config.hold_bytes
            && let Some(oldest) = self.held.oldest()
        {
            self.discard_oldest(oldest, Discard::BytesFull, effects);
        }
        let place = self.held.push(key, bytes, packet);
        self.store.edit(&key, |entry| entry.held.push_back(place));
    }

    fn discard_oldest(
        &mut self,
        key: NeighbourKey,
        discard: Discard,
        effects: &mut Vec<Effect<P>>,
    ) {
        let place = self
            .store
            .edit(&key, |entry| entry.held.pop_front())
            .flatten();
        if let Some(packet) = place.and_then(|place| self.held.take(place)) {
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
