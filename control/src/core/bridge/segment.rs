//! Ethernet segments as the core holds them, without I/O.

use std::collections::{BTreeMap, BTreeSet};

use ferroute_dataplane::ids::{BridgeId, InterfaceId, SegmentPathId};
use ferroute_dataplane::snapshot::segment::SegmentPath;

use crate::model::bridge::RemoteEnd;
use crate::model::name::DomainName;
use crate::model::segment::{Redundancy, SegmentId, SegmentSpec};
use crate::nexthop::NextHopSetId;

/// An Ethernet segment.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) spec: SegmentSpec,
    pub(super) members: BTreeSet<InterfaceId>,
}

impl Segment {
    /// Whether the router is its designated forwarder in a domain.
    pub(super) fn is_designated(&self, domain: &DomainName) -> bool {
        self.spec.designation.is_in(domain)
    }

    /// Whether its members in a domain forward nothing.
    pub(super) fn is_standby(&self, domain: &DomainName) -> bool {
        self.spec.redundancy == Redundancy::SingleActive && !self.is_designated(domain)
    }
}

/// What the stations of a domain have in common that move together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct PathKey {
    pub(super) segment: SegmentId,
    pub(super) bridge: BridgeId,
    pub(super) primary: Option<RemoteEnd>,
}

/// Which way they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Path {
    pub(super) id: SegmentPathId,
    /// Stations that are said to be there, whether that counts or not.
    pub(super) stations: u32,
    pub(super) leads: Leads,
}

/// Which way stations behind a segment are, with the next hop set that it holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Leads {
    pub(super) path: SegmentPath,
    pub(super) set: Option<NextHopSetId>,
}

/// All Ethernet segments, and the paths to the stations behind them.
#[derive(Debug, Default)]
pub(super) struct Segments {
    by_id: BTreeMap<SegmentId, Segment>,
    by_member: BTreeMap<InterfaceId, SegmentId>,
    paths: BTreeMap<PathKey, Path>,
    keys: BTreeMap<SegmentPathId, PathKey>,
    /// The number handed out last. Numbers rest for as long as there are others, because workers may still know them.
    last: u16,
}

impl Segments {
    pub(super) fn get(&self, id: SegmentId) -> Option<&Segment> {
        self.by_id.get(&id)
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Their numbers after one, in order.
    pub(super) fn after(&self, id: Option<SegmentId>) -> impl Iterator<Item = SegmentId> {
        let ids = self.by_id.keys().copied();
        ids.filter(move |next| id.is_none_or(|id| *next > id))
    }

    /// The segment that an interface is on.
    pub(super) fn of(&self, member: InterfaceId) -> Option<&Segment> {
        self.get(*self.by_member.get(&member)?)
    }

    /// Adds a segment, or gives it another spec.
    pub(super) fn put(&mut self, segment: Segment) {
        let id = segment.spec.id;
        self.detach(id);
        let members = segment.members.iter().map(|member| (*member, id));
        self.by_member.extend(members);
        self.by_id.insert(id, segment);
    }

    pub(super) fn remove(&mut self, id: SegmentId) {
        self.detach(id);
        self.by_id.remove(&id);
    }

    fn detach(&mut self, id: SegmentId) {
        for member in self.by_id.get(&id).into_iter().flat_map(|s| &s.members) {
            self.by_member.remove(member);
        }
    }

    /// Takes an interface that goes off its segment.
    pub(super) fn leave(&mut self, member: InterfaceId) -> Option<SegmentId> {
        let id = self.by_member.remove(&member)?;
        self.by_id.get_mut(&id)?.members.remove(&member);
        Some(id)
    }

    /// The path of this key for one station more, made if it is new: then the flag is set. `None` when all numbers are
    /// taken.
    pub(super) fn acquire(&mut self, key: PathKey) -> Option<(SegmentPathId, bool)> {
        if let Some(path) = self.paths.get_mut(&key) {
            path.stations += 1;
            return Some((path.id, false));
        }
        let numbers = (1..=u16::MAX).map(|step| self.last.wrapping_add(step));
        let mut free = numbers.filter(|number| *number != 0);
        let number = free.find(|number| !self.keys.contains_key(&number_of(*number)))?;
        self.last = number;
        let id = number_of(number);
        let leads = Leads::default();
        let path = Path {
            id,
            stations: 1,
            leads,
        };
        self.paths.insert(key, path);
        self.keys.insert(id, key);
        Some((id, true))
    }

    /// One station less is there; answers what the path led to if it was the last.
    pub(super) fn release(&mut self, id: SegmentPathId) -> Option<Leads> {
        let key = *self.keys.get(&id)?;
        let path = self.paths.get_mut(&key)?;
        path.stations = path.stations.saturating_sub(1);
        if path.stations > 0 {
            return None;
        }
        self.keys.remove(&id);
        self.paths.remove(&key).map(|path| path.leads)
    }

    /// Says where a path leads now; answers its number and where it led before.
    pub(super) fn lead(&mut self, key: PathKey, leads: Leads) -> Option<(SegmentPathId, Leads)> {
        let path = self.paths.get_mut(&key)?;
        Some((path.id, std::mem::replace(&mut path.leads, leads)))
    }

    /// The paths of a segment.
    pub(super) fn paths_of(&self, segment: SegmentId) -> impl Iterator<Item = (PathKey, Path)> {
        let first = PathKey {
            segment,
            bridge: BridgeId::new(0),
            primary: None,
        };
        let from = self.paths.range(first..);
        from.take_while(move |(key, _)| key.segment == segment)
            .map(|(key, path)| (*key, *path))
    }

    /// The paths of a domain.
    pub(super) fn paths_in(&self, bridge: BridgeId) -> impl Iterator<Item = PathKey> {
        let keys = self.paths.keys().copied();
        keys.filter(move |key| key.bridge == bridge)
    }
}

fn number_of(number: u16) -> SegmentPathId {
    SegmentPathId::new(number.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(number: u8) -> SegmentId {
        SegmentId::try_from(&[3, 0, 0, 0, 0, 0, 0, 0, 0, number][..]).unwrap()
    }

    fn segment(number: u8, members: &[u32]) -> Segment {
        Segment {
            spec: SegmentSpec {
                id: id(number),
                redundancy: Redundancy::AllActive,
                members: Vec::new(),
                peers: Vec::new(),
                designation: Default::default(),
            },
            members: members.iter().copied().map(InterfaceId::new).collect(),
        }
    }

    #[test]
    fn an_interface_is_on_the_segment_that_was_said_last() {
        let mut segments = Segments::default();
        segments.put(segment(1, &[1, 2]));
        segments.put(segment(2, &[3]));
        segments.put(segment(1, &[2]));
        let of = |segments: &Segments, member| {
            let segment = segments.of(InterfaceId::new(member));
            segment.map(|segment| segment.spec.id)
        };
        let all = [1, 2, 3].map(|member| of(&segments, member));
        assert_eq!(all, [None, Some(id(1)), Some(id(2))]);
        assert_eq!(segments.leave(InterfaceId::new(3)), Some(id(2)));
        assert_eq!(segments.leave(InterfaceId::new(3)), None);
        assert!(segments.get(id(2)).unwrap().members.is_empty());
        segments.remove(id(1));
        assert_eq!(of(&segments, 2), None);
        assert_eq!(segments.after(None).collect::<Vec<_>>(), [id(2)]);
        assert_eq!(segments.after(Some(id(2))).count(), 0);
    }

    proptest! {
        /// Against a plain count of stations for each key.
        #[test]
        fn paths_live_as_long_as_they_have_stations(
            steps in prop::collection::vec((1..4u8, 1..3u16, any::<bool>()), 0..60),
        ) {
            let mut segments = Segments::default();
            let mut model: BTreeMap<PathKey, (SegmentPathId, u32)> = BTreeMap::new();
            for (number, bridge, more) in steps {
                let (segment, bridge) = (id(number), BridgeId::new(bridge));
                let key = PathKey { segment, bridge, primary: None };
                let known = model.get(&key).copied();
                if more {
                    let (path, new) = segments.acquire(key).unwrap();
                    prop_assert_eq!(known.map(|k| k.0), (!new).then_some(path));
                    prop_assert!(model.iter().all(|(k, v)| *k == key || v.0 != path));
                    model.entry(key).or_insert((path, 0)).1 += 1;
                } else if let Some((path, stations)) = known {
                    let gone = segments.release(path).is_some();
                    prop_assert_eq!(gone, stations == 1);
                    if gone {
                        model.remove(&key);
                    } else if let Some(entry) = model.get_mut(&key) {
                        entry.1 -= 1;
                    }
                }
                let found: Vec<_> = (1..4).flat_map(|n| segments.paths_of(id(n))).collect();
                let found: Vec<_> = found.iter().map(|(k, p)| (*k, (p.id, p.stations))).collect();
                prop_assert_eq!(found, model.clone().into_iter().collect::<Vec<_>>());
                let here = model.keys().filter(|k| k.bridge == bridge).count();
                prop_assert_eq!(segments.paths_in(bridge).count(), here);
            }
        }
    }
}
