//! All stations, by domain and address, with how many of each kind count.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use ferroute_dataplane::fdb::FdbKey;
use ferroute_dataplane::ids::BridgeId;
use ferroute_dataplane::mac::Mac;

use super::station::Station;
use crate::model::bridge::{StationCount, StationKind};

/// All stations.
#[derive(Debug, Default)]
pub(super) struct Stations {
    by_key: BTreeMap<FdbKey, Station>,
    counts: HashMap<BridgeId, StationCount>,
}

impl Stations {
    /// What is known of a station; nothing if it is not there.
    pub(super) fn get(&self, key: FdbKey) -> Station {
        self.by_key.get(&key).copied().unwrap_or_default()
    }

    /// Says what is known of a station; one of which nothing is known is forgotten.
    pub(super) fn set(&mut self, key: FdbKey, station: Station) {
        let before = if station.kind().is_none() {
            self.by_key.remove(&key)
        } else {
            self.by_key.insert(key, station)
        };
        let counts = self.counts.entry(key.bridge()).or_default();
        if let Some(count) = before.and_then(|b| of_kind(counts, b.kind())) {
            *count -= 1;
        }
        if let Some(count) = of_kind(counts, station.kind()) {
            *count += 1;
        }
        if *counts == StationCount::default() {
            self.counts.remove(&key.bridge());
        }
    }

    /// How many there are in a domain.
    pub(super) fn count(&self, bridge: BridgeId) -> StationCount {
        self.counts.get(&bridge).copied().unwrap_or_default()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Those after a key, in order.
    pub(super) fn after(&self, key: Option<FdbKey>) -> impl Iterator<Item = (FdbKey, &Station)> {
        let from = key.map_or(Bound::Unbounded, Bound::Excluded);
        let range = self.by_key.range((from, Bound::Unbounded));
        range.map(|(key, station)| (*key, station))
    }

    /// Those of a domain, in order.
    pub(super) fn of(&self, bridge: BridgeId) -> impl Iterator<Item = (FdbKey, &Station)> {
        let last = FdbKey::new(bridge, Mac::BROADCAST);
        let range = self.by_key.range(FdbKey::new(bridge, Mac::ZERO)..=last);
        range.map(|(key, station)| (*key, station))
    }
}

fn of_kind(counts: &mut StationCount, kind: Option<StationKind>) -> Option<&mut u32> {
    match kind? {
        StationKind::Learned => Some(&mut counts.learned),
        StationKind::Static => Some(&mut counts.fixed),
        StationKind::Remote => Some(&mut counts.remote),
        StationKind::Gateway => None,
    }
}
