//! Stations that send nothing.

use std::collections::BTreeMap;

use ferroute_dataplane::fdb::FdbKey;
use ferroute_dataplane::ids::InterfaceId;
use ferroute_dataplane::mac::Mac;

use super::station::Due;
use crate::core::router::Router;
use crate::exception::command::Command;
use crate::model::bridge::StationCause;

/// Stations that are looked at in one turn at least, and the number of turns in which all are: so one turn takes
/// a millisecond at most, and with ten turns a second ages are seen within some seconds.
const TURN_STATIONS: usize = 256;
const TURNS: usize = 64;

impl Router {
    /// Looks at the age of some stations: forgets the old ones, and asks for those that soon will be.
    pub(in crate::core) fn age_stations(&mut self) {
        // The outgrown table is nobody's any more once every worker has passed a publication.
        if self.plane.hung().is_none() {
            self.bridging.fdb.settle();
        }
        self.forget_unheard();
        let now = self.second();
        let turn = TURN_STATIONS.max(self.bridging.stations.len() / TURNS);
        let some = self.bridging.stations.after(self.bridging.looked_at);
        let some: Vec<FdbKey> = some.take(turn).map(|(key, _)| key).collect();
        self.bridging.looked_at = some.last().copied().filter(|_| some.len() == turn);
        let mut silent: BTreeMap<InterfaceId, Vec<Mac>> = BTreeMap::new();
        for key in some {
            let before = self.bridging.stations.get(key);
            let (Some(domain), Some(entry)) = (
                self.bridging.get(key.bridge()),
                self.bridging
                    .fdb
                    .get(key)
                    .filter(|_| before.learned.is_some()),
            ) else {
                continue;
            };
            let mut station = before;
            match station.age(now.since(entry.used), domain.policy.ageing_seconds.get()) {
                Due::Nothing => {}
                Due::Question => {
                    if let Some(gateway) = domain.gateway {
                        silent.entry(gateway.interface).or_default().push(key.mac());
                    }
                }
                Due::End => {
                    if let Err(error) = self.write_station(key, station) {
                        tracing::warn!(%error, "an old station stays");
                    } else {
                        self.tell_station(key, &before, StationCause::Aged);
                    }
                    continue;
                }
            }
            if station != before {
                self.bridging.stations.set(key, station);
            }
        }
        for (gateway, macs) in silent {
            self.send(Command::Probe(gateway, macs));
        }
    }
}
