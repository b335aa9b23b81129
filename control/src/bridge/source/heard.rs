//! What the kernel and zebra say.

use super::actor::Source;
use super::fpm::Phase;
use crate::bridge::config::{Kind, Neighbours as Wanted};
use crate::bridge::netlink::update::{
    FdbUpdate, LinkUpdate, Neighbour, NeighbourState, NeighbourUpdate, NextHopBody, NextHopUpdate,
    Update,
};
use crate::bridge::stations::Word;
use crate::bridge::{follower, fpm};
use ferroute_dataplane::mac::Mac;
use std::net::IpAddr;
use tokio::time::Instant;

impl Source {
    /// The kernel said something.
    pub(super) fn hear_kernel(&mut self, said: follower::Said) {
        let routes = self.config.kind == Kind::Kernel;
        match said {
            follower::Said::Begin => {
                self.links.begin();
                self.neighbours.begin();
                self.fdb.begin();
                self.fdb_hops.begin();
                if routes {
                    self.table.begin();
                    self.lsps.begin();
                }
            }
            follower::Said::Updates(updates) => {
                self.heard.updates += updates.len() as u64;
                for update in updates {
                    self.apply(update, true);
                }
            }
            follower::Said::End => {
                self.heard.dumps += 1;
                for index in self.links.sweep() {
                    let gone = LinkUpdate { index, link: None };
                    self.tell_stations(|| Word::Kernel(Update::Link(gone)));
                    self.names.links.remove(&index);
                    self.names.netdevs.link(index, None);
                    self.names_changed = true;
                }
                for (interface, address) in self.neighbours.sweep() {
                    let gone = NeighbourUpdate {
                        interface,
                        address,
                        known: None,
                    };
                    self.tell_stations(|| Word::Kernel(Update::Neighbour(gone)));
                    self.names.netdevs.neighbour(interface, address, None);
                    self.wish(interface, address, None);
                }
                for key in self.fdb.sweep() {
                    let gone = FdbUpdate { key, entry: None };
                    self.tell_stations(|| Word::Kernel(Update::Fdb(gone)));
                    self.names.netdevs.fdb(&key, false);
                }
                for id in self.fdb_hops.sweep() {
                    let gone = NextHopUpdate { id, body: None };
                    self.tell_stations(|| Word::Kernel(Update::NextHop(gone)));
                }
                self.tell_stations(|| Word::Complete);
                if routes {
                    let gone = self.table.sweep();
                    self.sweep_lsps();
                    self.complete = true;
                    tracing::debug!(owner = %self.config.owner, gone, routes = self.table.len(), "the kernel was read");
                }
            }
            follower::Said::Overrun => {
                self.heard.overruns += 1;
                tracing::warn!(owner = %self.config.owner, "notifications of the kernel were lost; reading everything again");
            }
            follower::Said::Ignored(ignored) => self.heard.ignored.add(ignored),
            follower::Said::Unreadable(count, first) => {
                self.heard.unreadable += count;
                self.heard.last_unreadable = first.to_string();
            }
        }
    }

    /// zebra said something.
    pub(super) fn hear_zebra(&mut self, said: fpm::Said) {
        match said {
            fpm::Said::Connected { peer, feedback } => {
                tracing::info!(owner = %self.config.owner, %peer, "zebra connected");
                self.heard_fpm.connections += 1;
                self.table.begin();
                self.lsps.begin();
                self.fpm_fdb.begin();
                let now = Instant::now();
                self.phase = Phase::Replaying {
                    peer,
                    feedback,
                    since: now,
                    heard: now,
                };
            }
            fpm::Said::Heard { updates, counts } => {
                let all = &mut self.heard_fpm.counts;
                all.frames += counts.frames;
                all.bytes += counts.bytes;
                all.unknown += counts.unknown;
                all.ignored.add(counts.ignored);
                all.unreadable += counts.unreadable;
                if let Some(first) = counts.first {
                    self.heard_fpm.last_error = first.to_string();
                }
                if let Phase::Replaying { heard, .. } = &mut self.phase {
                    *heard = Instant::now();
                }
                for update in updates {
                    self.apply(update, false);
                }
            }
            fpm::Said::Closed { reason } => {
                if let Some(reason) = reason {
                    self.heard_fpm.last_error = reason.to_string();
                }
                tracing::warn!(owner = %self.config.owner, reason = reason.map(tracing::field::display), "zebra is gone; its routes stay for the grace time");
                self.phase = Phase::Gone {
                    since: Instant::now(),
                };
            }
        }
    }

    /// The deadline of zebra's phase has come.
    pub(super) fn advance(&mut self) {
        self.phase = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Replaying { peer, feedback, .. } => {
                let gone = self.sweep();
                tracing::info!(owner = %self.config.owner, gone, routes = self.table.len(), "zebra has said everything");
                Phase::Live { peer, feedback }
            }
            Phase::Gone { .. } => {
                // Nothing belongs to a new generation: all of it goes.
                self.table.begin();
                self.lsps.begin();
                self.fpm_fdb.begin();
                let gone = self.sweep();
                tracing::warn!(owner = %self.config.owner, gone, "zebra did not come back");
                Phase::Over
            }
            other => other,
        };
    }

    fn sweep(&mut self) -> usize {
        self.complete = true;
        self.sweep_lsps();
        self.fpm_fdb.sweep();
        self.table.sweep()
    }

    fn apply(&mut self, update: Update, from_kernel: bool) {
        if let Update::NextHop(update) = &update
            && from_kernel
        {
            self.fdb_hop(update);
            if self.config.kind == Kind::Fpm {
                // Those of routes come from zebra.
                return;
            }
        }
        let Some(update) = self.table.apply(update) else {
            return;
        };
        // zebra's channel has the same entries, but does not repeat them: the kernel's count.
        if from_kernel {
            self.tell_stations(|| Word::Kernel(update.clone()));
        }
        match update {
            Update::Link(update) => {
                let netdevs = &mut self.names.netdevs;
                self.names_changed |= netdevs.link(update.index, update.link.as_ref());
                let name = update.link.map(|link| link.name);
                self.links.set(update.index, name.as_ref().map(|_| ()));
                self.names_changed |= match name {
                    Some(name) => self.names.links.insert(update.index, name.clone()) != Some(name),
                    None => self.names.links.remove(&update.index).is_some(),
                };
            }
            Update::Neighbour(update) => self.neighbour(update),
            Update::Fdb(update) if from_kernel => {
                self.names.netdevs.fdb(&update.key, update.entry.is_some());
                self.fdb.set(update.key, update.entry);
            }
            Update::Fdb(update) => self.fpm_fdb.set(update.key, update.entry),
            Update::Lsp(update) => self.lsp(update),
            // The table takes them.
            Update::Route(_) | Update::NextHop(_) => {}
        }
    }

    /// A next hop object, which entries of forwarding databases may lead to.
    fn fdb_hop(&mut self, update: &NextHopUpdate) {
        let there = matches!(update.body, Some(NextHopBody::Fdb(_)));
        if there || self.fdb_hops.contains(update.id) {
            self.fdb_hops.set(update.id, there.then_some(()));
            self.tell_stations(|| Word::Kernel(Update::NextHop(update.clone())));
        }
    }

    fn neighbour(&mut self, update: NeighbourUpdate) {
        let mac = update.known.and_then(|known| self.wanted_mac(&known));
        let told = (update.known).filter(|known| known.state == NeighbourState::Told);
        let kept = update.known.filter(|_| mac.is_some() || told.is_some());
        let (key, told) = (
            (update.interface, update.address),
            told.and_then(|known| known.mac),
        );
        self.neighbours.set(key, kept);
        (self.names.netdevs).neighbour(update.interface, update.address, told);
        self.wish(update.interface, update.address, mac);
    }

    /// The Ethernet address that the router is to have for a neighbour, if it is one for the router.
    fn wanted_mac(&self, known: &Neighbour) -> Option<Mac> {
        let wanted = match (self.wanted_neighbours(), known.state) {
            (Wanted::Told, NeighbourState::Told) => true,
            (Wanted::All, NeighbourState::Told | NeighbourState::Resolved) => true,
            (Wanted::Off | Wanted::Told | Wanted::All, _) => false,
        };
        known.mac.filter(|mac| wanted && mac.is_station())
    }

    fn wish(&self, index: u32, address: IpAddr, mac: Option<Mac>) {
        let wanted = self.wanted_neighbours() != Wanted::Off && !self.is_bridged(index);
        if address.is_multicast() || !wanted {
            return;
        }
        // An interface that the router does not have has no neighbours there either.
        if let Ok(interface) = self.names.interface(index) {
            self.keeper.wish((interface, address), mac);
        }
    }

    /// Says all neighbours again, because names changed; those that are as they were cost no call.
    pub(super) fn wish_neighbours(&self) {
        for ((index, address), known) in self.neighbours.iter() {
            self.wish(*index, *address, self.wanted_mac(known));
        }
    }
}
