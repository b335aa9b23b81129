//! Stations and flood lists as they are kept over a restart.

use ferroute_dataplane::fdb::FdbKey;
use ferroute_dataplane::mac::Mac;

use super::domain::Bridging;
use super::station::{Learned, Place, Station};
use crate::api::saved::encode;
use crate::core::router::Router;
use crate::model::bridge::{DomainError, RemoteEnd, StationCause};
use crate::model::name::{DomainName, InterfaceName};
use crate::model::saved::{SavedStation, Thing, ThingKey};
use crate::model::segment::SegmentId;

impl Bridging {
    /// Whether a domain floods to this end.
    pub(in crate::core) fn floods_to(&self, domain: &DomainName, end: &RemoteEnd) -> bool {
        let domain = self.named(domain);
        domain.is_ok_and(|(_, domain)| domain.flood.contains_key(end))
    }

    /// All Ethernet segments.
    pub(in crate::core) fn segment_ids(&self) -> impl Iterator<Item = SegmentId> {
        self.segments.after(None)
    }

    /// All domains with the ends to which they flood.
    pub(in crate::core) fn flood_lists(
        &self,
    ) -> impl Iterator<Item = (DomainName, impl Iterator<Item = RemoteEnd>)> {
        let all = self.names().filter_map(move |name| self.named(&name).ok());
        all.map(|(_, domain)| (domain.name(), domain.flood.keys().copied()))
    }
}

impl Router {
    /// Some stations after this one, and the last that was looked at; no last one at the end.
    pub(in crate::core) fn kept_stations(
        &self,
        after: Option<FdbKey>,
        most: usize,
    ) -> (Vec<SavedStation>, Option<FdbKey>) {
        let mut last = None;
        let some = self.bridging.stations.after(after).take(most);
        let kept = some
            .inspect(|(key, _)| last = Some(*key))
            .filter_map(|(key, station)| self.kept_station(key, station))
            .collect();
        (kept, last)
    }

    /// What is kept of a station: nothing of a gateway.
    fn kept_station(&self, key: FdbKey, station: &Station) -> Option<SavedStation> {
        // What was heard behind a remote end is heard again.
        let heard = station.learned.and_then(Learned::remote).is_some();
        let told = station.fixed.is_some() || station.remote.is_some();
        if station.gateway.is_some() || station.kind().is_none() || heard && !told {
            return None;
        }
        let name = |id| self.interfaces.get(id).map(|interface| interface.name);
        Some(SavedStation {
            domain: self.bridging.get(key.bridge())?.name(),
            mac: key.mac(),
            fixed: station.fixed.and_then(name),
            learned: station
                .learned
                .and_then(|learned| Some((name(learned.member()?)?, learned.sequence))),
            remote: station.remote.map(|remote| remote.said),
        })
    }

    /// Notes what has become of a station.
    pub(super) fn note_station(&mut self, key: FdbKey, station: &Station) {
        if !self.journal.is_on() {
            return;
        }
        let Some(domain) = self.bridging.get(key.bridge()).map(|domain| domain.name()) else {
            return;
        };
        let value = self.kept_station(key, station);
        let value = value.map(|station| encode(Thing::Station(station)));
        let key = ThingKey::Station(domain, key.mac()).bytes();
        self.journal.thing(&key, value.as_deref());
    }

    /// Takes a station up that the last router had learned: it ages from now on.
    ///
    /// # Errors
    /// [`DomainError`].
    pub(in crate::core) fn remember_station(
        &mut self,
        name: DomainName,
        mac: Mac,
        interface: InterfaceName,
        sequence: u32,
    ) -> Result<(), DomainError> {
        let (key, member) = self.station_at(name, mac, interface)?;
        let before = self.bridging.stations.get(key);
        if !before.would_be_new() {
            return Ok(());
        }
        let station = Station {
            learned: Some(Learned::new(Place::Member(member), sequence)),
            ..before
        };
        self.write_station(key, station)
            .map_err(|error| self.fdb_full(error))?;
        self.tell_station(key, &before, StationCause::Learned);
        Ok(())
    }
}
