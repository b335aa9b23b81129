//! The entries and their indexes: by deadline, by who gives way first, by how many an interface has.
//!
//! Entries change only through [`Store::insert`], [`Store::edit`] and [`Store::remove`], so the
//! indexes cannot go astray.

use super::entry::{Entry, Rank};
use super::key::NeighbourKey;
use ferroute_dataplane::ids::InterfaceId;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

#[derive(Default)]
pub(super) struct Store {
    entries: BTreeMap<NeighbourKey, Entry>,
    timers: BTreeSet<(u64, NeighbourKey)>,
    evictable: BTreeSet<(InterfaceId, Rank, u64, IpAddr)>,
    counts: BTreeMap<InterfaceId, Counts>,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    learned: usize,
    permanent: usize,
}

impl Counts {
    fn of(&mut self, entry: &Entry) -> Option<&mut usize> {
        if entry.is_permanent() {
            Some(&mut self.permanent)
        } else if entry.is_learned() {
            Some(&mut self.learned)
        } else {
            None
        }
    }
}

/// All keys of one interface, as a range of an ordered map.
const fn keys_of(interface: InterfaceId) -> RangeInclusive<NeighbourKey> {
    NeighbourKey {
        interface,
        address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    }..=NeighbourKey {
        interface,
        address: IpAddr::V6(Ipv6Addr::from_bits(u128::MAX)),
    }
}

impl Store {
    pub(super) fn get(&self, key: &NeighbourKey) -> Option<&Entry> {
        self.entries.get(key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&NeighbourKey, &Entry)> {
        self.entries.iter()
    }

    pub(super) fn of_interface(
        &self,
        interface: InterfaceId,
    ) -> impl Iterator<Item = (&NeighbourKey, &Entry)> {
        self.entries.range(keys_of(interface))
    }

    pub(super) fn insert(&mut self, key: NeighbourKey, entry: Entry) {
        self.remove(&key);
        self.index(&key, &entry);
        self.entries.insert(key, entry);
    }

    pub(super) fn remove(&mut self, key: &NeighbourKey) -> Option<Entry> {
        let entry = self.entries.remove(key)?;
        self.unindex(key, &entry);
        Some(entry)
    }

    /// Changes an entry and returns what the change returns; nothing if there is no such entry.
    pub(super) fn edit<R>(
        &mut self,
        key: &NeighbourKey,
        change: impl FnOnce(&mut Entry) -> R,
    ) -> Option<R> {
        let mut entry = self.remove(key)?;
        let result = change(&mut entry);
        self.insert(*key, entry);
        Some(result)
    }

    /// The earliest deadline and whose it is.
    pub(super) fn first_deadline(&self) -> Option<(u64, NeighbourKey)> {
        self.timers.first().copied()
    }

    /// The entry of the interface that gives way first.
    pub(super) fn first_evictable(&self, interface: InterfaceId) -> Option<NeighbourKey> {
        let from = (
            interface,
            Rank::Failed,
            0,
            IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        );
        self.evictable
            .range(from..)
            .next()
            .filter(|(of, ..)| *of == interface)
            .map(|&(interface, _, _, address)| NeighbourKey { interface, address })
    }

    /// How many entries of the interface traffic made.
    pub(super) fn learned(&self, interface: InterfaceId) -> usize {
        self.counts
            .get(&interface)
            .map_or(0, |counts| counts.learned)
    }

    /// How many entries of the interface the operator made.
    pub(super) fn permanent(&self, interface: InterfaceId) -> usize {
        self.counts
            .get(&interface)
            .map_or(0, |counts| counts.permanent)
    }

    fn index(&mut self, key: &NeighbourKey, entry: &Entry) {
        if let Some(deadline_ns) = entry.deadline_ns {
            self.timers.insert((deadline_ns, *key));
        }
        if let Some(rank) = entry.rank() {
            self.evictable
                .insert((key.interface, rank, entry.since_ns, key.address));
        }
        if let Some(count) = self.counts.entry(key.interface).or_default().of(entry) {
            *count += 1;
        }
    }

    fn unindex(&mut self, key: &NeighbourKey, entry: &Entry) {
        if let Some(deadline_ns) = entry.deadline_ns {
            self.timers.remove(&(deadline_ns, *key));
        }
        if let Some(rank) = entry.rank() {
            self.evictable
                .remove(&(key.interface, rank, entry.since_ns, key.address));
        }
        if let Some(count) = self.counts.entry(key.interface).or_default().of(entry) {
            *count -= 1;
        }
    }
}
