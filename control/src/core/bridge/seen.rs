//! Stations that workers saw where the FDB does not have them.

use ferroute_dataplane::forward::Learn;

use super::station::Heard;
use crate::core::router::Router;
use crate::model::bridge::StationCause;

impl Router {
    /// Takes what a worker saw. It may be old: the domain and its members may have changed meanwhile.
    pub(in crate::core) fn see_station(&mut self, seen: Learn) {
        let (key, interface) = (seen.station, seen.interface);
        let domain = self.bridging.get(key.bridge());
        let Some(domain) = domain.filter(|d| d.policy.learn && d.members.contains(&interface))
        else {
            return;
        };
        let policy = domain.policy;
        let before = self.bridging.stations.get(key);
        let mut station = before;
        let heard = station.hear(interface, self.now_ns(), &policy);
        let cause = match heard {
            Heard::Known => return,
            Heard::Violation => return self.count_stations(key.bridge(), |c| &mut c.violations),
            Heard::Damped(began) => {
                self.bridging.stations.set(key, station);
                self.count_stations(key.bridge(), |c| &mut c.damped);
                if began {
                    tracing::warn!(mac = %key.mac(), "a station moves too often, and stays where it is for some time");
                    self.tell_station(key, &before, StationCause::Damped);
                }
                return;
            }
            Heard::New => StationCause::Learned,
            Heard::Moved => StationCause::Moved,
        };
        let learned = self.bridging.stations.count(key.bridge()).learned;
        if before.would_be_new() && policy.max_learned.is_some_and(|most| learned >= most.get()) {
            return self.count_stations(key.bridge(), |c| &mut c.over_limit);
        }
        if self.write_station(key, station).is_err() {
            return self.count_stations(key.bridge(), |c| &mut c.fdb_full);
        }
        if heard == Heard::Moved {
            self.count_stations(key.bridge(), |c| &mut c.moves);
        }
        self.tell_station(key, &before, cause);
    }
}
