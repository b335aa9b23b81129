//! From what is known of a station to the FDB.

use ferroute_dataplane::fdb::{FdbError, FdbKey, Second};

use super::station::{Learned, Station};
use crate::core::router::Router;
use crate::model::belonging::Belonging;
use crate::model::bridge::{
    DomainError, RemotePlace, RemoteStation, StationCause, StationKind, StationView,
};
use crate::model::event::{Change, Happening};

impl Router {
    /// The second of the workers' clock.
    pub(super) fn second(&self) -> Second {
        Second::of((self.ticks)(), self.settings.ticks_hz)
    }

    /// Says what is known of a station, to the workers too.
    ///
    /// # Errors
    /// [`FdbError`]; all is as it was then.
    pub(super) fn write_station(&mut self, key: FdbKey, station: Station) -> Result<(), FdbError> {
        let before = self.bridging.stations.get(key);
        match station.target() {
            target if target == before.target() => {}
            Some(target) => {
                let now = self.second();
                let set = self.bridging.fdb.set(key, target, now)?;
                if set.grown {
                    self.plane.edit().fdb = self.bridging.fdb.reader();
                    self.plane.publish();
                }
            }
            None => drop(self.bridging.fdb.remove(key)),
        }
        self.bridging.stations.set(key, station);
        self.note_station(key, &station);
        self.disown_parts(key, &before, &station);
        self.count_heard(key, &before, &station);
        Ok(())
    }

    /// What is not known of a station any more goes with nobody.
    fn disown_parts(&mut self, key: FdbKey, before: &Station, station: &Station) {
        let fixed = before.fixed.is_some() && station.fixed.is_none();
        let remote = before.remote.is_some() && station.remote.is_none();
        if let Some(domain) = self.bridging.get(key.bridge()).filter(|_| fixed || remote) {
            let (name, mac) = (domain.name(), key.mac());
            if fixed {
                self.disown(&Belonging::Static(name, mac));
            }
            if remote {
                self.disown(&Belonging::Remote(name, mac));
            }
        }
    }

    /// Why a station could not be written, to a client.
    pub(super) fn fdb_full(&self, error: FdbError) -> DomainError {
        match error {
            FdbError::Full { capacity, .. } => DomainError::FdbFull { limit: capacity },
            FdbError::Target(_) => DomainError::TableFull { table: "tunnel" },
        }
    }

    /// Tells those who watch what became of a station. What clients say of remote stations is no news unless it moves
    /// one from or to a member.
    pub(super) fn tell_station(&self, key: FdbKey, before: &Station, cause: StationCause) {
        let after = self.bridging.stations.get(key);
        let quiet = |kind| matches!(kind, None | Some(StationKind::Remote));
        if quiet(before.kind()) && quiet(after.kind()) {
            return;
        }
        let change = match (before.kind(), after.kind()) {
            (None, _) => Change::Added,
            (_, None) => Change::Removed,
            _ => Change::Changed,
        };
        let shown = if change == Change::Removed {
            before
        } else {
            &after
        };
        let Some(station) = self.station_view(key, shown) else {
            return;
        };
        let previous = before
            .interface()
            .filter(|was| after.interface() != Some(*was));
        let previous = previous.filter(|_| change != Change::Removed);
        self.tell(Happening::Station {
            change,
            cause,
            station,
            previous_interface: previous.and_then(|id| Some(self.interfaces.get(id)?.name)),
        });
    }

    /// A station as clients see it.
    pub(super) fn station_view(&self, key: FdbKey, station: &Station) -> Option<StationView> {
        let kind = station.kind()?;
        let idle = self.bridging.fdb.get(key);
        let idle = idle.filter(|_| matches!(kind, StationKind::Learned | StationKind::Static));
        let interface = station.interface().and_then(|id| self.interfaces.get(id));
        let domain = self.bridging.get(key.bridge())?;
        let part = match kind {
            StationKind::Static => Some(Belonging::Static(domain.name(), key.mac())),
            StationKind::Remote => Some(Belonging::Remote(domain.name(), key.mac())),
            StationKind::Learned | StationKind::Gateway => None,
        };
        let heard = station.learned.and_then(Learned::remote);
        let heard = heard.map(|address| RemoteStation {
            place: RemotePlace::End(domain.end_at(address)),
            sequence: station.sequence(),
            sticky: false,
        });
        Some(StationView {
            domain: domain.name(),
            mac: key.mac(),
            kind,
            interface: interface.map(|i| i.name),
            remote: heard.or(station.remote.map(|r| r.said)),
            sequence: station.sequence(),
            idle_seconds: idle.map_or(0, |entry| self.second().since(entry.used)),
            damped: station.is_damped(self.now_ns()),
            owner: part.and_then(|part| self.owner_of(&part)),
        })
    }
}
