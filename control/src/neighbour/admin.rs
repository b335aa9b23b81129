//! What the core and the operator want: gateways kept resolved, permanent entries, deletion, and the
//! state of interfaces.

use super::effect::{Effect, Loss};
use super::entry::{Check, Entry, Phase};
use super::key::NeighbourKey;
use super::table::NeighbourTable;
use ferroute_dataplane::ids::InterfaceId;
use ferroute_dataplane::mac::Mac;
use std::collections::BTreeSet;

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

impl<P> NeighbourTable<P> {
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
        let phase = self.store.get(&key).map(|entry| entry.phase);
        if let Some(
            phase @ (Phase::Failed { .. }
            | Phase::Known {
                check: Check::Stale,
                ..
            }),
        ) = phase
        {
            self.enter(&key, phase, now_ns, effects);
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
            for (address, mac) in self.remembered.remove(&interface).unwrap_or_default() {
                let key = NeighbourKey { interface, address };
                self.remember(key, mac, now_ns, effects);
            }
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
        self.remembered.remove(&interface);
        self.told_conflict
            .retain(|key, _| key.interface != interface);
        self.told_full.remove(&interface);
    }

    /// Sets a neighbour's address for good. Answers whether it was so set before.
    ///
    /// # Errors
    /// [`ConfiguredFull`]; nothing changed then.
    pub fn add_permanent(
        &mut self,
        key: NeighbourKey,
        mac: Mac,
        now_ns: u64,
        effects: &mut Vec<Effect<P>>,
    ) -> Result<bool, ConfiguredFull> {
        let known = self.store.get(&key).is_some_and(Entry::is_permanent);
        if !known {
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
        Ok(known)
    }

    /// Takes a neighbour up that was known to an earlier process, as a hint: it is believed and verified when used. On an
    /// interface that is down it waits for [`Self::interface_up`].
    pub fn remember(
        &mut self,
        key: NeighbourKey,
        mac: Mac,
        now_ns: u64,
        effects: &mut Vec<Effect<P>>,
    ) {
        if !self.is_up(key.interface) {
            let of = self.remembered.entry(key.interface).or_default();
            of.insert(key.address, mac);
            return;
        }
        let phase = Phase::Known {
            mac,
            check: Check::Stale,
        };
        match self.store.get(&key).map(Entry::mac) {
            None => self.create(key, phase, now_ns, effects),
            Some(None) => self.enter(&key, phase, now_ns, effects),
            // What was heard since is better.
            Some(Some(_)) => {}
        }
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
}
