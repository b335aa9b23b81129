//! Random histories against a naive picture of them: whatever a router did, the next finds what there was.

use super::frame::{HEADER_LENGTH, frame, header};
use super::record::{GroupRecord, Lead, OwnerRecord, Place, Record, RouteRecord};
use super::*;
use ipnet::IpNet;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const OWNERS: u16 = 3;
const VRFS: u32 = 2;
const SETS: u32 = 4;
const PREFIXES: [&str; 5] = [
    "0.0.0.0/0",
    "10.0.0.0/8",
    "10.1.128.0/17",
    "2001:db8::/32",
    "2001:db8::1/128",
];
const NAMES: [&str; 4] = ["a", "a\0b", "a\0c", "ab"];

/// One thing that happens. Numbers are taken modulo what there is.
#[derive(Clone, Copy, Debug)]
enum Event {
    Thing(usize, Option<u8>),
    Vrf(u32, bool),
    Begin(u16),
    Leave(u16),
    Sweep(u16),
    Set(u32, Option<(u16, u8)>, u8),
    Ungroup(u32),
    Route(u16, u32, usize, Option<(u32, u8)>),
}

fn event() -> impl Strategy<Value = Event> {
    let owner = 0..OWNERS;
    let prefix = 0..PREFIXES.len();
    prop_oneof![
        2 => (0..NAMES.len(), any::<Option<u8>>()).prop_map(|(n, v)| Event::Thing(n, v)),
        1 => (0..VRFS, any::<bool>()).prop_map(|(v, there)| Event::Vrf(v, there)),
        2 => owner.clone().prop_map(Event::Begin),
        1 => owner.clone().prop_map(Event::Leave),
        2 => owner.clone().prop_map(Event::Sweep),
        3 => (0..SETS, proptest::option::of((owner.clone(), any::<u8>())), any::<u8>())
            .prop_map(|(s, group, lead)| Event::Set(s, group, lead)),
        1 => (0..SETS).prop_map(Event::Ungroup),
        9 => (owner, 0..VRFS, prefix, proptest::option::of((0..SETS, any::<u8>())))
            .prop_map(|(o, v, p, route)| Event::Route(o, v, p, route)),
    ]
}

type RoutePlace = (u32, IpNet, u16);

/// What there is, kept in the plainest way.
#[derive(Clone, Debug, Default)]
struct Picture {
    things: BTreeMap<&'static str, u8>,
    vrfs: BTreeSet<u32>,
    /// Generation of each owner.
    owners: BTreeMap<u16, u32>,
    /// The last generation before which an owner's words were swept.
    swept: BTreeMap<u16, u32>,
    sets: BTreeMap<u32, (Option<GroupRecord>, u8)>,
    routes: BTreeMap<RoutePlace, RouteRecord>,
}

fn owner_record(id: u16, generation: u32) -> OwnerRecord<'static> {
    OwnerRecord {
        id,
        name: ["bgp", "static-pods", "vpn"][usize::from(id)],
        epoch: u64::from(generation),
        grace_ns: u64::from(id) << 40,
        persistent: id == 1,
    }
}

impl Picture {
    fn uses(&self, set: u32) -> bool {
        self.routes.values().any(|route| route.set == set)
    }

    /// Lets something happen, if it can, and says the records of it.
    fn play(&mut self, event: Event, mut say: impl FnMut(&Record<'_>)) {
        match event {
            Event::Thing(name, Some(value)) => {
                self.things.insert(NAMES[name], value);
                let (key, value) = (NAMES[name].as_bytes(), &[value][..]);
                say(&Record::Put { key, value });
            }
            Event::Thing(name, None) => {
                self.things
                    .retain(|other, _| !other.starts_with(NAMES[name]));
                say(&Record::Gone {
                    key: NAMES[name].as_bytes(),
                });
            }
            Event::Vrf(id, true) if !self.vrfs.contains(&id) => {
                self.vrfs.insert(id);
                say(&Record::Vrf { id, name: "red" });
            }
            Event::Vrf(id, false) if self.vrfs.remove(&id) => {
                self.routes.retain(|(vrf, ..), _| *vrf != id);
                say(&Record::VrfGone(id));
            }
            Event::Begin(id) => {
                let generation = self.owners.entry(id).or_default();
                *generation += 1;
                say(&Record::Owner(owner_record(id, *generation)));
            }
            Event::Leave(id) if self.owners.remove(&id).is_some() => {
                self.routes.retain(|(.., owner), _| *owner != id);
                self.swept.remove(&id);
                let of = |group: &Option<GroupRecord>| group.is_some_and(|g| g.owner == id);
                self.sets.retain(|_, (group, _)| !of(group));
                say(&Record::OwnerGone(id));
            }
            Event::Sweep(id) => {
                let Some(generation) = self.owners.get(&id).copied() else {
                    return;
                };
                self.routes
                    .retain(|(.., owner), route| *owner != id || route.generation >= generation);
                let used: BTreeSet<u32> = self.routes.values().map(|route| route.set).collect();
                self.sets.retain(|set, (group, _)| {
                    used.contains(set)
                        || group.is_none_or(|g| g.owner != id || g.generation >= generation)
                });
                self.swept.insert(id, generation);
                say(&Record::Swept {
                    owner: id,
                    generation,
                });
            }
            Event::Set(id, group, lead) => {
                let group = match group {
                    Some((owner, number)) => {
                        let Some(generation) = self.owners.get(&owner) else {
                            return;
                        };
                        Some(GroupRecord {
                            owner,
                            number: id << 8 | u32::from(number % 2),
                            generation: *generation,
                        })
                    }
                    None => None,
                };
                let name = |group: Option<GroupRecord>| group.map(|g| (g.owner, g.number));
                let before = self.sets.get(&id);
                // A number is used again when nothing leads to it; a named set changes under its routes.
                if self.uses(id)
                    && before.is_none_or(|(old, _)| old.is_none() || name(*old) != name(group))
                {
                    return;
                }
                self.sets.insert(id, (group, lead));
                say(&set_record(id, group, &[lead]));
            }
            Event::Ungroup(id) if !self.uses(id) => {
                if let Some((Some(group), _)) = self.sets.get(&id).copied() {
                    self.sets.remove(&id);
                    let (owner, number) = (group.owner, group.number);
                    say(&Record::GroupGone { owner, number });
                }
            }
            Event::Route(owner, vrf, prefix, route) => {
                let prefix: IpNet = PREFIXES[prefix].parse().unwrap();
                let (Some(generation), true) =
                    (self.owners.get(&owner).copied(), self.vrfs.contains(&vrf))
                else {
                    return;
                };
                let place = Place { owner, vrf, prefix };
                let Some((set, metric)) = route else {
                    if self.routes.remove(&(vrf, prefix, owner)).is_some() {
                        say(&Record::Withdrawn(place));
                    }
                    return;
                };
                let may = self
                    .sets
                    .get(&set)
                    .is_some_and(|(group, _)| group.is_none_or(|g| g.owner == owner));
                if may {
                    let route = RouteRecord {
                        generation,
                        distance: metric % 7,
                        metric: u32::from(metric) << 20,
                        set,
                    };
                    self.routes.insert((vrf, prefix, owner), route);
                    say(&Record::Route(place, route));
                }
            }
            _ => {}
        }
    }

    /// Says all that there is.
    fn pour(&self, mut say: impl FnMut(&Record<'_>)) {
        for (key, value) in &self.things {
            let (key, value) = (key.as_bytes(), &[*value][..]);
            say(&Record::Put { key, value });
        }
        for id in &self.vrfs {
            say(&Record::Vrf {
                id: *id,
                name: "red",
            });
        }
        for (id, generation) in &self.owners {
            say(&Record::Owner(owner_record(*id, *generation)));
        }
        for (id, (group, lead)) in &self.sets {
            say(&set_record(*id, *group, &[*lead]));
        }
        for ((vrf, prefix, owner), route) in &self.routes {
            let place = Place {
                owner: *owner,
                vrf: *vrf,
                prefix: *prefix,
            };
            say(&Record::Route(place, *route));
        }
    }

    fn check(&self, saved: &Saved) {
        let things: BTreeMap<_, _> = self
            .things
            .iter()
            .map(|(key, value)| (Box::from(key.as_bytes()), Box::from([*value])))
            .collect();
        assert_eq!(saved.things, things);
        let vrfs: BTreeSet<u32> = saved.vrfs.keys().copied().collect();
        assert_eq!(vrfs, self.vrfs);
        let owners = self
            .owners
            .iter()
            .map(|(id, generation)| (*id, owner_record(*id, *generation).into()));
        assert_eq!(saved.owners, owners.collect());
        let sets = self
            .sets
            .iter()
            .filter(|(id, (group, _))| {
                // An old one that was in use when it would have been swept may be left out when it is not any more.
                let is_new = |g: &GroupRecord| {
                    let swept = self.swept.get(&g.owner);
                    swept.is_none_or(|first| g.generation >= *first)
                };
                group.as_ref().is_some_and(is_new) || self.uses(**id)
            })
            .map(|(id, (group, lead))| {
                let group = group.map(|group| (group.owner, group.number));
                let lead = SavedLead::NextHops(Box::new([*lead]));
                (*id, SavedSet { group, lead })
            });
        assert_eq!(saved.sets, sets.collect());
        let routes = self.routes.iter().map(|((vrf, prefix, owner), route)| {
            let saved = SavedRoute {
                owner: *owner,
                vrf: *vrf,
                prefix: *prefix,
                distance: route.distance,
                metric: route.metric,
                set: route.set,
            };
            ((*vrf, *prefix, *owner), saved)
        });
        let found: BTreeMap<RoutePlace, SavedRoute> = saved
            .routes()
            .map(|route| ((route.vrf, route.prefix, route.owner), route))
            .collect();
        assert_eq!(found, routes.collect());
        assert_eq!(saved.routes().count(), self.routes.len());
    }
}

fn set_record(id: u32, group: Option<GroupRecord>, lead: &[u8]) -> Record<'_> {
    let lead = Lead::NextHops(lead);
    Record::Set { id, group, lead }
}

fn boot() -> Boot {
    Boot::present().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// A file that ends anywhere says what there was when its last whole frame was written.
    #[test]
    fn a_file_cut_at_any_byte_says_what_there_was(
        bursts in prop::collection::vec(prop::collection::vec(event(), 0..12), 0..8),
    ) {
        let mut picture = Picture::default();
        let mut file = header(boot());
        // Up to where the file is whole, and what there is then.
        let mut states = vec![(file.len(), picture.clone())];
        let mut scratch = Vec::new();
        for burst in bursts {
            let mut records = Vec::new();
            for event in burst {
                picture.play(event, |record| record.encode(&mut records));
            }
            frame(&records, &mut scratch);
            file.extend_from_slice(&scratch);
            states.push((file.len(), picture.clone()));
        }
        for end in 0..=file.len() {
            let read = Saved::read(&file[..end], boot());
            let Some((whole, picture)) = states.iter().rev().find(|(at, _)| *at <= end) else {
                assert_eq!(read, Err(LoadError::Foreign(Foreign::Magic)));
                continue;
            };
            let saved = read.unwrap();
            assert_eq!(saved.torn_bytes, end - whole);
            picture.check(&saved);
        }
    }

    /// No byte of a frame can change unseen.
    #[test]
    fn a_damaged_file_ends_before_the_damage(
        events in prop::collection::vec(event(), 1..30), at: prop::sample::Index, bit in 0..8_u32,
    ) {
        let mut picture = Picture::default();
        let mut records = Vec::new();
        for event in events {
            picture.play(event, |record| record.encode(&mut records));
        }
        let mut scratch = Vec::new();
        frame(&records, &mut scratch);
        let mut file = header(boot());
        file.extend_from_slice(&scratch);
        let at = at.index(file.len());
        file[at] ^= 1_u8 << bit;
        match Saved::read(&file, boot()) {
            Err(_) => prop_assert!(at < HEADER_LENGTH),
            Ok(saved) => {
                prop_assert!(at >= HEADER_LENGTH);
                prop_assert!(saved.is_empty() && saved.torn_bytes == scratch.len());
            }
        }
    }

    /// New files are poured while things happen, and the one that is found at the end says what there is.
    #[test]
    fn new_files_take_the_place_of_old_ones_while_things_happen(
        bursts in prop::collection::vec((prop::collection::vec(event(), 0..10), 0..4_u8), 1..12),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        let (saved, mut journal) = open(&path);
        prop_assert!(saved.is_empty() && journal.is_on());
        let mut picture = Picture::default();
        for (burst, turn) in bursts {
            for event in burst {
                picture.play(event, |record| match record {
                    Record::Put { key, value } => journal.thing(key, Some(value)),
                    Record::Gone { key } => journal.thing(key, None),
                    Record::Route(place, route) => journal.route(*place, Some(*route)),
                    Record::Withdrawn(place) => journal.route(*place, None),
                    other => journal.note(other),
                });
            }
            match turn {
                0 => journal.hurry(),
                1 => drop(journal.begins()),
                2 if journal.is_pouring() => {
                    journal.hand_over();
                    picture.pour(|record| journal.pour(record));
                    journal.whole();
                }
                _ => journal.hand_over(),
            }
        }
        // Whatever was under way, one more makes it whole.
        if !journal.is_pouring() {
            journal.hurry();
            prop_assume!(journal.begins());
        }
        journal.hand_over();
        picture.pour(|record| journal.pour(record));
        journal.whole();
        drop(journal);
        picture.check(&peek(&path));
    }
}

#[test]
fn what_is_of_no_use_is_put_aside() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state");
    for (text, reason) in [
        (b"what?".to_vec(), Foreign::Magic),
        (
            {
                let mut other = header(boot());
                other[16] = 99;
                let crc = crc32fast::hash(&other[..HEADER_LENGTH - 4]).to_le_bytes();
                other[HEADER_LENGTH - 4..].copy_from_slice(&crc);
                other
            },
            Foreign::Version { found: 99 },
        ),
    ] {
        assert_eq!(Saved::read(&text, boot()), Err(LoadError::Foreign(reason)));
        fs::write(&path, &text).unwrap();
        let (saved, journal) = open(&path);
        drop(journal);
        assert!(saved.is_empty());
        assert_eq!(fs::read(directory.path().join("state.bad")).unwrap(), text);
        assert!(!path.exists());
    }
}

#[test]
fn nothing_is_kept_where_nothing_can_be_written() {
    let (saved, mut journal) = open(Path::new("/proc/ferroute/state"));
    assert!(saved.is_empty() && !journal.is_on() && !journal.begins());
}
