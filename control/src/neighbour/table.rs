//! The table: what it is made of, how entries come into it, how it is listed.

use super::config::{Jitter, NeighbourConfig};
use super::cooling::Cooling;
use super::effect::{Effect, Loss, NeighbourEvent};
use super::entry::{Entry, NeighbourState, Phase};
use super::held::Held;
use super::key::NeighbourKey;
use super::stats::NeighbourStats;
use super::store::Store;
use ferroute_dataplane::ids::InterfaceId;
use ferroute_dataplane::mac::Mac;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

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
    pub(super) told_full: BTreeMap<InterfaceId, u64>,
    pub(super) up: BTreeSet<InterfaceId>,
    pub(super) wanted: BTreeMap<InterfaceId, BTreeSet<IpAddr>>,
    /// What an earlier process knew of interfaces that are down.
    pub(super) remembered: BTreeMap<InterfaceId, BTreeMap<IpAddr, Mac>>,
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
            remembered: BTreeMap::new(),
            stats: NeighbourStats::default(),
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
    ) {
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
                return;
            };
            self.stats.evicted += 1;
            self.remove(&oldest, Loss::Evicted, now_ns, effects);
        }
        let mut entry = Entry::new(Phase::Failed { retry_ns: now_ns }, wanted, now_ns);
        entry.asked_ns = self.cooling.asked_ns(&key);
        self.store.insert(key, entry);
        self.enter(&key, phase, now_ns, effects);
    }

    pub(super) fn is_wanted(&self, key: &NeighbourKey) -> bool {
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
}
