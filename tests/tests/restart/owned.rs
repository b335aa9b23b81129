//! Random words of owners on neighbours, stations, flood lists, segments, labels and VNIs, against the plainest account of whose is what;
//! the next router takes it up as it was.

use super::take_up;
use ferroute_control::core::handle::Session;
use ferroute_control::core::request::{
    BridgeRequest, NeighbourRequest, OverlayRequest, RouteRequest, SegmentRequest,
};
use ferroute_control::model::bridge::{FdbChange, FloodChange, RemotePlace, RemoteStation};
use ferroute_control::model::name::OwnerName;
use ferroute_control::model::neighbour::{NeighbourFilter, NeighbourSpec};
use ferroute_control::model::overlay::{LabelSpec, LabelTarget, VniSpec, VniTarget};
use ferroute_control::model::owner::{OwnerLife, OwnerOpen};
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::snapshot::label::Payload;
use ferroute_dataplane::snapshot::tunnel::Mode;
use ferroute_dataplane::wire::mpls::Label;
use ferroute_tests::bench::Bench;
use ferroute_tests::bench::bridge::{domain_spec, remote_end};
use ferroute_tests::bench::overlay::vni_spec;
use ferroute_tests::bench::segment::segment_spec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

const OWNERS: [&str; 2] = ["evpn", "bgp"];

/// What can be somebody's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Thing {
    Neighbour,
    Static,
    Remote,
    Segment,
    Flood,
    Label,
    Vni,
}

const THINGS: [Thing; 7] = [
    Thing::Neighbour,
    Thing::Static,
    Thing::Remote,
    Thing::Segment,
    Thing::Flood,
    Thing::Label,
    Thing::Vni,
];

#[derive(Clone, Copy, Debug)]
enum Deed {
    Open(usize),
    Close(usize),
    EndOfRib(usize),
    Remove(usize),
    /// In an owner's name or nobody's.
    Put(usize, Option<usize>),
    Delete(usize),
}

fn deed() -> impl Strategy<Value = Deed> {
    let (owner, thing) = (0..OWNERS.len(), 0..THINGS.len());
    prop_oneof![
        4 => owner.clone().prop_map(Deed::Open),
        2 => owner.clone().prop_map(Deed::Close),
        3 => owner.clone().prop_map(Deed::EndOfRib),
        1 => owner.clone().prop_map(Deed::Remove),
        9 => (thing.clone(), owner).prop_map(|(t, o)| Deed::Put(t, Some(o))),
        2 => thing.clone().prop_map(|t| Deed::Put(t, None)),
        2 => thing.prop_map(Deed::Delete),
    ]
}

/// The account: an owner's generation and whether it has a stream; whose each thing is, and since which generation.
#[derive(Default)]
struct Account {
    owners: BTreeMap<usize, (u32, bool)>,
    things: BTreeMap<Thing, Option<(usize, u32)>>,
}

impl Account {
    fn note(&mut self, deed: Deed) {
        match deed {
            Deed::Open(owner) => {
                let known = self.owners.entry(owner).or_default();
                if !known.1 {
                    *known = (known.0 + 1, true);
                }
            }
            Deed::Close(owner) => {
                if let Some(known) = self.owners.get_mut(&owner) {
                    known.1 = false;
                }
            }
            Deed::EndOfRib(owner) => {
                if let Some((now, true)) = self.owners.get(&owner) {
                    let stays = |whose: &Option<(usize, u32)>| {
                        whose.is_none_or(|(of, said)| of != owner || said == *now)
                    };
                    self.things.retain(|_, whose| stays(whose));
                }
            }
            Deed::Remove(owner) => {
                if let Some((_, false)) = self.owners.get(&owner) {
                    self.owners.remove(&owner);
                    let stays = |whose: &Option<(usize, u32)>| whose.is_none_or(|w| w.0 != owner);
                    self.things.retain(|_, whose| stays(whose));
                }
            }
            Deed::Put(thing, None) => drop(self.things.insert(THINGS[thing], None)),
            Deed::Put(thing, Some(owner)) => {
                let operators = self.things.get(&THINGS[thing]) == Some(&None);
                if let Some((now, _)) = self.owners.get(&owner).filter(|_| !operators) {
                    self.things.insert(THINGS[thing], Some((owner, *now)));
                }
            }
            Deed::Delete(thing) => drop(self.things.remove(&THINGS[thing])),
        }
    }

    /// Name, things and stale things of each owner.
    fn owners(&self) -> Vec<(String, u64, u64)> {
        let count = |owner: usize, before: u32| {
            let own = |w: &&Option<(usize, u32)>| w.is_some_and(|w| w.0 == owner && w.1 < before);
            self.things.values().filter(own).count() as u64
        };
        let mut all: Vec<_> = (self.owners.iter())
            .map(|(owner, (now, is_open))| {
                let stale = if *is_open { *now } else { u32::MAX };
                let name = OWNERS[*owner].to_owned();
                (name, count(*owner, u32::MAX), count(*owner, stale))
            })
            .collect();
        all.sort();
        all
    }
}

struct World {
    /// Sessions hold the core: they go before it.
    sessions: BTreeMap<usize, Session>,
    bench: Bench,
    runtime: Runtime,
}

fn station(thing: Thing) -> Mac {
    Mac::new([2, 0, 0, 0, 7, u8::from(thing == Thing::Static)])
}

impl World {
    /// A router as its configuration makes it, that took up what was left in a file.
    fn start(path: &Path, writes: bool) -> Self {
        let mut bench = Bench::new();
        bench
            .add_port("p0", [2, 0, 0, 0, 0, 1], Default::default())
            .unwrap();
        bench
            .port("p1", [2, 0, 0, 0, 0, 2], &["10.0.1.1/24"])
            .loopback("lo0", "", &["192.0.2.1/32"])
            .endpoint(&["192.0.2.1"])
            .domain(domain_spec("blue", &["p0"]))
            .bridged_vni(100, "blue")
            .domain(domain_spec("other", &[]));
        take_up(&mut bench, path, writes);
        Self {
            bench,
            runtime: Builder::new_current_thread().build().unwrap(),
            sessions: BTreeMap::new(),
        }
    }

    fn act(&mut self, deed: Deed) {
        let name = |owner: usize| OWNERS[owner].parse::<OwnerName>().unwrap();
        match deed {
            Deed::Open(owner) => {
                let open = OwnerOpen {
                    owner: name(owner),
                    life: OwnerLife::Session {
                        epoch: None,
                        grace: Some(Duration::from_secs(3600)),
                    },
                };
                let core = self.bench.core();
                if let Ok((session, _)) = self.runtime.block_on(core.open(open)) {
                    self.sessions.insert(owner, session);
                }
            }
            Deed::Close(owner) => drop(self.sessions.remove(&owner)),
            Deed::EndOfRib(owner) => {
                if let Some(session) = self.sessions.get(&owner).map(Session::id) {
                    let ask = |reply| RouteRequest::EndOfRib(session, reply).into();
                    self.bench.call(ask).unwrap();
                }
            }
            Deed::Remove(owner) => {
                let ask = |reply| RouteRequest::RemoveOwner(name(owner), reply).into();
                let _refused = self.bench.call(ask);
            }
            Deed::Put(thing, owner) => self.put(THINGS[thing], owner.map(name)),
            Deed::Delete(thing) => self.delete(THINGS[thing]),
        }
    }

    /// That an owner is not known is part of the trial.
    fn put(&mut self, thing: Thing, owner: Option<OwnerName>) {
        let bench = &mut self.bench;
        let domain = "blue".parse().unwrap();
        let mac = station(thing);
        match thing {
            Thing::Neighbour => {
                let spec = NeighbourSpec {
                    interface: "p1".parse().unwrap(),
                    address: "10.0.1.7".parse().unwrap(),
                    mac: Mac::new([2, 0, 0, 0, 9, 7]),
                };
                let _refused = bench.call(|reply| NeighbourRequest::Add(spec, owner, reply).into());
            }
            Thing::Static | Thing::Remote => {
                let change = match thing {
                    Thing::Static => FdbChange::PutStatic {
                        domain,
                        mac,
                        interface: "p0".parse().unwrap(),
                    },
                    _ => FdbChange::PutRemote {
                        domain,
                        mac,
                        remote: RemoteStation {
                            place: RemotePlace::End(remote_end("192.0.2.2", None)),
                            sequence: 0,
                            sticky: false,
                        },
                    },
                };
                let ask = |reply| BridgeRequest::ChangeFdb(vec![change], owner, reply).into();
                let _refused = bench.call(ask);
            }
            Thing::Segment => {
                let spec = Box::new(segment_spec(5, &["p0"], &["192.0.2.2"]));
                let again = spec.clone();
                let made = bench.call(|reply| SegmentRequest::Create(spec, owner, reply).into());
                if made.is_err() {
                    let ask = |reply| SegmentRequest::Change(again, owner, reply).into();
                    let _refused = bench.call(ask);
                }
            }
            Thing::Flood => {
                let change = FloodChange {
                    domain,
                    end: remote_end("192.0.2.3", None),
                    remove: false,
                };
                let ask = |reply| BridgeRequest::ChangeFlood(vec![change], owner, reply).into();
                let _refused = bench.call(ask);
            }
            Thing::Label => {
                let spec = Box::new(LabelSpec {
                    label: Label::new(700).unwrap(),
                    target: LabelTarget::Vrf("default".parse().unwrap()),
                    payload: Payload::Both,
                    ttl_mode: Mode::Pipe,
                });
                let _refused =
                    bench.call(|reply| OverlayRequest::PutLabel(spec, owner, reply).into());
            }
            Thing::Vni => {
                let spec = VniSpec {
                    target: VniTarget::Bridged {
                        domain: "other".parse().unwrap(),
                    },
                    ..vni_spec(200, "x", [2, 0, 0, 0, 0, 1])
                };
                let again = spec.clone();
                let made = bench.call(|reply| OverlayRequest::CreateVni(spec, owner, reply).into());
                if made.is_err() {
                    let ask = |reply| OverlayRequest::ChangeVni(again, owner, reply).into();
                    let _refused = bench.call(ask);
                }
            }
        }
    }

    fn delete(&mut self, thing: Thing) {
        let bench = &mut self.bench;
        match thing {
            Thing::Neighbour => {
                let (name, address) = ("p1".parse().unwrap(), "10.0.1.7".parse().unwrap());
                let ask = |reply| NeighbourRequest::Delete(name, address, reply).into();
                let _unknown = bench.call(ask);
            }
            Thing::Static | Thing::Remote => {
                let _unknown = bench.delete_station("blue", station(thing).octets());
            }
            Thing::Flood => {
                let change = FloodChange {
                    domain: "blue".parse().unwrap(),
                    end: remote_end("192.0.2.3", None),
                    remove: true,
                };
                let ask = |reply| BridgeRequest::ChangeFlood(vec![change], None, reply).into();
                let _unknown = bench.call(ask);
            }
            Thing::Segment => drop(bench.delete_segment(5)),
            Thing::Label => drop(bench.delete_label(700)),
            Thing::Vni => drop(bench.delete_vni(200)),
        }
    }

    /// Which things there are, with the owner's name where a client can see it.
    fn things(&mut self) -> BTreeMap<Thing, Option<String>> {
        let bench = &mut self.bench;
        let mut there = BTreeMap::new();
        let filter = NeighbourFilter::default();
        let listed = bench.call(|reply| NeighbourRequest::List(filter, None, reply).into());
        let own = |name: Option<OwnerName>| name.map(|name| name.to_string());
        for known in listed.unwrap().items {
            if known.mac.is_some() {
                there.insert(Thing::Neighbour, own(known.owner));
            }
        }
        for known in bench.stations("blue") {
            let which = [Thing::Static, Thing::Remote];
            let which = which.into_iter().find(|thing| station(*thing) == known.mac);
            there.insert(which.unwrap(), own(known.owner));
        }
        if !bench.domain_view("blue").flood.is_empty() {
            there.insert(Thing::Flood, None);
        }
        if bench
            .segment_view(5)
            .is_ok_and(|view| view.attached.len() == 1)
        {
            there.insert(Thing::Segment, None);
        }
        let labels = bench.call(|reply| OverlayRequest::ListLabels(None, reply).into());
        if !labels
            .unwrap_or_else(|never| match never {})
            .items
            .is_empty()
        {
            there.insert(Thing::Label, None);
        }
        if bench.domain_view("other").vni.is_some() {
            there.insert(Thing::Vni, None);
        }
        there
    }

    fn owners(&mut self) -> Vec<(String, u64, u64)> {
        let owners = self
            .bench
            .call(|reply| RouteRequest::ListOwners(reply).into());
        let owners = owners.unwrap_or_else(|never| match never {});
        let clients = owners
            .iter()
            .filter(|owner| OWNERS.contains(&owner.name.as_str()));
        clients
            .map(|owner| (owner.name.to_string(), owner.things, owner.stale_things))
            .collect()
    }

    fn assert_as(&mut self, account: &Account) {
        let wanted: BTreeMap<_, _> = (account.things.iter())
            .map(|(thing, whose)| {
                let shown = matches!(thing, Thing::Neighbour | Thing::Static | Thing::Remote);
                let owner = whose
                    .filter(|_| shown)
                    .map(|(owner, _)| OWNERS[owner].to_owned());
                (*thing, owner)
            })
            .collect();
        assert_eq!(self.things(), wanted);
        assert_eq!(self.owners(), account.owners());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn things_go_with_their_owners_over_a_restart_too(
        before in prop::collection::vec(deed(), 1..30),
        after in prop::collection::vec(deed(), 0..20),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        let mut account = Account::default();
        let mut first = World::start(&path, true);
        for deed in before {
            first.act(deed);
            account.note(deed);
            first.assert_as(&account);
        }
        drop(first);
        for owner in 0..OWNERS.len() {
            account.note(Deed::Close(owner));
        }
        let mut second = World::start(&path, false);
        second.assert_as(&account);
        for deed in after {
            second.act(deed);
            account.note(deed);
            second.assert_as(&account);
        }
    }
}
