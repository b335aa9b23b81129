//! Stations that workers saw where the FDB does not have them.

use ferroute_dataplane::fdb::FdbKey;
use ferroute_dataplane::forward::{Learn, Place as SeenAt};
use ferroute_dataplane::ids::InterfaceId;

use super::domain::Domain;
use super::station::{Heard, Place};
use crate::core::router::Router;
use crate::model::bridge::StationCause;

impl Router {
    /// Takes what a worker saw. It may be old: the domain and its members may have changed meanwhile.
    pub(in crate::core) fn see_station(&mut self, seen: Learn) {
        let key = seen.station;
        let Some(place) = self.place_of_seen(key, seen.place) else {
            return;
        };
        let Some(domain) = self.bridging.get(key.bridge()) else {
            return;
        };
        let policy = domain.policy;
        let segment = match place {
            Place::Member(member) => self.bridging.segments.of(member),
            Place::Remote(..) => None,
        };
        let segment = segment.map(|segment| segment.spec.id);
        let before = self.bridging.stations.get(key);
        let mut station = before;
        let heard = station.hear(place, segment, self.now_ns(), &policy);
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

    /// Where a worker saw a station, if stations may be learned there still.
    fn place_of_seen(&mut self, key: FdbKey, at: SeenAt) -> Option<Place> {
        let bridge = key.bridge();
        let domain = self.bridging.get(bridge)?;
        let address = match at {
            SeenAt::Member(member) => {
                return self
                    .learns_at(domain, member)
                    .then_some(Place::Member(member));
            }
            SeenAt::Remote(address) => address,
        };
        let learns = domain.policy.learn_remote && domain.vni.is_some();
        // What clients say counts more, so no tunnel is needed.
        if !learns || self.bridging.stations.get(key).remote.is_some() {
            return None;
        }
        match self.heard_end(bridge, address) {
            Ok(Some(tunnel)) => Some(Place::Remote(address, tunnel)),
            Ok(None) => {
                self.count_stations(bridge, |c| &mut c.over_limit);
                None
            }
            Err(error) => {
                tracing::debug!(%error, %address, "nothing is learned behind a remote end");
                None
            }
        }
    }

    fn learns_at(&self, domain: &Domain, member: InterfaceId) -> bool {
        let interface = self.interfaces.get(member);
        domain.policy.learn
            && domain.members.contains(&member)
            && interface.is_some_and(|interface| !self.is_standby(interface))
    }
}
