//! What the model makes of ARP and advertisements.

use super::model::Model;
use crate::neighbour::*;
use NeighbourState::{Permanent, Reachable, Stale};
use ferroute_dataplane::mac::Mac;

impl Model {
    fn conflict(&mut self, key: NeighbourKey, mac: Mac) {
        self.tell(NeighbourEvent::AddressConflict { key, mac });
    }

    pub(super) fn arp(&mut self, seen: ArpSeen) {
        let key = NeighbourKey::new(seen.interface, seen.sender);
        if !self.up.contains(&seen.interface) || !seen.sender_mac.is_station() {
        } else if seen.sender_is_ours {
            self.conflict(key, seen.sender_mac);
        } else {
            let answer = seen.operation == ArpOperation::Reply && seen.sender != seen.target;
            self.learn(
                key,
                seen.sender_mac,
                answer && seen.target_is_ours,
                seen.target_is_ours,
            );
        }
    }

    pub(super) fn learn(&mut self, key: NeighbourKey, mac: Mac, confirms: bool, create: bool) {
        let said = if confirms { Reachable } else { Stale };
        match self.row(key).map(|row| (row.state, row.mac)) {
            None if create => {
                if self.make(key) {
                    self.become_known(key, mac, said);
                }
            }
            None | Some((Permanent, _)) => {}
            Some((_, Some(known))) if known == mac && !confirms => {}
            Some(_) => self.become_known(key, mac, said),
        }
    }

    /// RFC 4861 section 7.2.5, in its order.
    pub(super) fn advertisement(&mut self, seen: AdvertisementSeen) {
        let key = NeighbourKey::new(seen.interface, seen.target);
        if !self.up.contains(&seen.interface) || seen.mac.is_some_and(|mac| !mac.is_station()) {
            return;
        }
        if seen.target_is_ours {
            return seen.mac.into_iter().for_each(|mac| self.conflict(key, mac));
        }
        let Some(row) = self.row(key).cloned() else {
            return;
        };
        if row.state == Permanent {
            return;
        }
        let said = if seen.solicited { Reachable } else { Stale };
        let Some(cached) = row.mac else {
            if let Some(mac) = seen.mac {
                self.become_known(key, mac, said);
                self.set_router(key, seen.router);
            }
            return;
        };
        let differs = seen.mac.is_some_and(|mac| mac != cached);
        if !seen.overrides && differs {
            if row.state == Reachable {
                self.become_known(key, cached, Stale);
            }
            return;
        }
        if differs || seen.solicited {
            self.become_known(key, seen.mac.unwrap_or(cached), said);
        }
        self.set_router(key, seen.router);
    }

    fn set_router(&mut self, key: NeighbourKey, router: bool) {
        if let Some(row) = self.row_mut(key) {
            let was = std::mem::replace(&mut row.router, router);
            if was && !router {
                self.effects
                    .push(Effect::Event(NeighbourEvent::RouterBecameHost { key }));
            }
        }
    }
}
