//! The RIB against a model of plain maps, under random histories over tiny domains.

use std::collections::BTreeMap;

use ferroute_dataplane::ids::{InterfaceId, VrfId};
use ipnet::IpNet;
use proptest::prelude::*;

use super::*;
use crate::nexthop::{NextHopSet, NextHops};

const GRACE_NS: u64 = 100;
const NAMES: [&str; 3] = ["bgp", "isis", "ospf"];
const PERSISTENT: usize = 1;

#[derive(Clone, Debug)]
enum Op {
    Insert {
        owner: usize,
        vrf: u32,
        prefix: usize,
        distance: u8,
        metric: u32,
        set: usize,
        undo: bool,
    },
    Remove {
        owner: usize,
        vrf: u32,
        prefix: usize,
        undo: bool,
    },
    Connect {
        owner: usize,
        epoch: u64,
    },
    Gone {
        owner: usize,
    },
    EndOfRib {
        owner: usize,
    },
    RemoveOwner {
        owner: usize,
    },
    Pass {
        ns: u64,
    },
    Interface {
        interface: u32,
        up: bool,
    },
    RemoveVrf {
        vrf: u32,
    },
    AddVrf {
        vrf: u32,
    },
    Work {
        budget: usize,
    },
    Drain,
    Collect,
}

fn op() -> impl Strategy<Value = Op> {
    let owner = 0..NAMES.len();
    let (vrf, prefix) = (0..2u32, 0..prefixes().len());
    prop_oneof![
        12 => (owner.clone(), vrf.clone(), prefix.clone(), 1..3u8, 0..2u32, 0..4usize, prop::bool::weighted(0.1)).prop_map(
            |(owner, vrf, prefix, distance, metric, set, undo)| Op::Insert { owner, vrf, prefix, distance, metric, set, undo }
        ),
        4 => (owner.clone(), vrf.clone(), prefix, prop::bool::weighted(0.2))
            .prop_map(|(owner, vrf, prefix, undo)| Op::Remove { owner, vrf, prefix, undo }),
        3 => (owner.clone(), 0..6u64).prop_map(|(owner, epoch)| Op::Connect { owner, epoch }),
        2 => owner.clone().prop_map(|owner| Op::Gone { owner }),
        2 => owner.clone().prop_map(|owner| Op::EndOfRib { owner }),
        1 => owner.prop_map(|owner| Op::RemoveOwner { owner }),
        2 => (1..80u64).prop_map(|ns| Op::Pass { ns }),
        2 => (1..3u32, any::<bool>()).prop_map(|(interface, up)| Op::Interface { interface, up }),
        1 => vrf.clone().prop_map(|vrf| Op::RemoveVrf { vrf }),
        2 => vrf.prop_map(|vrf| Op::AddVrf { vrf }),
        4 => (1..5usize).prop_map(|budget| Op::Work { budget }),
        4 => Just(Op::Drain),
        1 => Just(Op::Collect),
    ]
}

fn prefixes() -> Vec<IpNet> {
    let ipv4 = [
        "0.0.0.0/0",
        "10.0.0.0/8",
        "10.1.0.0/16",
        "10.1.0.0/32",
        "10.1.0.1/32",
        "255.255.255.255/32",
    ];
    let ipv6 = [
        "::/0",
        "fd00::/8",
        "fd00::/127",
        "fd00::/128",
        "fd00::1/128",
    ];
    ipv4.into_iter()
        .chain(ipv6)
        .map(|prefix| prefix.parse().unwrap())
        .collect()
}

fn set(which: usize) -> NextHopSet {
    match which {
        0 => NextHopSet::connected(InterfaceId::new(1)),
        1 => NextHopSet::connected(InterfaceId::new(2)),
        2 => NextHopSet::Blackhole,
        _ => NextHopSet::single(crate::nexthop::Via::OnLink {
            interface: InterfaceId::new(1),
            address: "192.0.2.1".parse().unwrap(),
        }),
    }
}

#[derive(Clone, Debug)]
struct ModelRoute {
    attributes: Attributes,
    generation: u32,
    epoch: u64,
    /// A sweep is to take it, or did already.
    doomed: bool,
}

#[derive(Clone, Debug, Default)]
struct ModelOwner {
    epoch: u64,
    generation: u32,
    connected: bool,
    deadline: Option<u64>,
    expiring: bool,
}

type Name = &'static str;

struct World {
    rib: Rib,
    hops: NextHops,
    now_ns: u64,
    sessions: [Option<Session>; NAMES.len()],
    /// What the changes made of the FIB.
    fib: BTreeMap<(VrfId, IpNet), Best>,
    // The model.
    owners: [Option<ModelOwner>; NAMES.len()],
    routes: BTreeMap<(VrfId, IpNet, Name), ModelRoute>,
    vrfs: BTreeMap<VrfId, bool>,
    rechecked: bool,
}

impl World {
    fn new() -> Self {
        Self {
            rib: Rib::new(Limits {
                per_vrf: usize::MAX,
                total: usize::MAX,
            }),
            hops: NextHops::new(1000, true),
            now_ns: 0,
            sessions: [None; NAMES.len()],
            fib: BTreeMap::new(),
            owners: Default::default(),
            routes: BTreeMap::new(),
            vrfs: BTreeMap::new(),
            rechecked: true,
        }
    }

    fn apply(&mut self, changes: Vec<BestChange>) {
        for BestChange {
            vrf,
            prefix,
            old,
            new,
        } in changes
        {
            assert_ne!(old, new);
            assert_eq!(
                self.fib.get(&(vrf, prefix)).copied(),
                old,
                "{prefix} of {vrf}"
            );
            match new {
                Some(best) => self.fib.insert((vrf, prefix), best),
                None => self.fib.remove(&(vrf, prefix)),
            };
        }
    }

    fn doom(&mut self, owner: usize, before: u32) {
        let routes = self
            .routes
            .iter_mut()
            .filter(|((.., name), _)| *name == NAMES[owner]);
        routes
            .filter(|(_, route)| route.generation < before)
            .for_each(|(_, route)| route.doomed = true);
    }

    fn step(&mut self, op: Op) {
        let mut changes = Vec::new();
        match op {
            Op::Insert {
                owner,
                vrf,
                prefix,
                distance,
                metric,
                set: which,
                undo,
            } => {
                let (vrf, prefix) = (VrfId::new(vrf), prefixes()[prefix]);
                let set = self.hops.intern(set(which), &self.rib).unwrap();
                let attributes = Attributes {
                    distance,
                    metric,
                    set,
                };
                let Some(session) = self.sessions[owner] else {
                    return;
                };
                let outcome = self.rib.insert(
                    &mut self.hops,
                    session,
                    vrf,
                    prefix,
                    attributes,
                    &mut changes,
                );
                let model = self.owners[owner].clone().unwrap_or_default();
                let expected = if !model.connected {
                    Some(RouteError::SessionOver)
                } else if self.vrfs.get(&vrf) != Some(&false) {
                    Some(RouteError::UnknownVrf(vrf))
                } else if prefix.addr().is_ipv6() && which == 3 {
                    Some(RouteError::FamilyMismatch(prefix))
                } else {
                    None
                };
                assert_eq!(outcome.as_ref().err(), expected.as_ref());
                if let Ok(token) = outcome {
                    if undo {
                        self.rib.undo(&mut self.hops, token, &mut changes);
                    } else {
                        let route = ModelRoute {
                            attributes,
                            generation: model.generation,
                            epoch: model.epoch,
                            doomed: false,
                        };
                        self.routes.insert((vrf, prefix, NAMES[owner]), route);
                    }
                }
            }
            Op::Remove {
                owner,
                vrf,
                prefix,
                undo,
            } => {
                let (vrf, prefix) = (VrfId::new(vrf), prefixes()[prefix]);
                let Some(session) = self.sessions[owner] else {
                    return;
                };
                let outcome = self
                    .rib
                    .remove(&mut self.hops, session, vrf, prefix, &mut changes);
                let key = (vrf, prefix, NAMES[owner]);
                let there = self.routes.get(&key).map(|route| route.doomed);
                match outcome {
                    Ok(token) => {
                        assert!(there.is_some());
                        assert!(token.before().is_some());
                        if undo {
                            self.rib.undo(&mut self.hops, token, &mut changes);
                        } else {
                            self.routes.remove(&key);
                        }
                    }
                    Err(RouteError::NoSuchRoute(_)) => assert_ne!(there, Some(false)),
                    Err(RouteError::SessionOver) => assert!(
                        self.owners[owner]
                            .as_ref()
                            .is_none_or(|owner| !owner.connected)
                    ),
                    Err(RouteError::UnknownVrf(_)) => assert_ne!(self.vrfs.get(&vrf), Some(&false)),
                    Err(other) => panic!("{other}"),
                }
            }
            Op::Connect { owner, epoch } => self.connect(owner, epoch),
            Op::Gone { owner } => {
                let Some(session) = self.sessions[owner] else {
                    return;
                };
                self.rib.owner_gone(session, self.now_ns);
                if let Some(model) = self.owners[owner]
                    .as_mut()
                    .filter(|model| model.connected && owner != PERSISTENT)
                {
                    model.connected = false;
                    model.deadline = Some(self.now_ns + GRACE_NS);
                }
            }
            Op::EndOfRib { owner } => {
                let Some(session) = self.sessions[owner] else {
                    return;
                };
                if self.rib.end_of_rib(session).is_ok() {
                    let model = self.owners[owner].as_mut().unwrap();
                    assert!(model.connected);
                    model.deadline = None;
                    let generation = model.generation;
                    self.doom(owner, generation);
                }
            }
            Op::RemoveOwner { owner } => {
                let expected = match &self.owners[owner] {
                    None => Err(OwnerError::Unknown),
                    Some(model) if model.connected && owner != PERSISTENT => Err(OwnerError::Busy),
                    Some(_) => Ok(()),
                };
                if owner != PERSISTENT {
                    let outcome = self.rib.remove_owner(NAMES[owner]).map(drop);
                    // A sweep may have forgotten it by now.
                    let expiring = self.owners[owner]
                        .as_ref()
                        .is_some_and(|model| model.expiring);
                    assert!(outcome == expected || expiring && outcome == Err(OwnerError::Unknown));
                    if outcome.is_ok() {
                        self.expire(owner);
                    }
                }
            }
            Op::Pass { ns } => {
                self.now_ns += ns;
                self.rib.expire(self.now_ns);
                for owner in 0..NAMES.len() {
                    let Some(model) = &mut self.owners[owner] else {
                        continue;
                    };
                    if model.deadline.is_some_and(|at| at <= self.now_ns) {
                        model.deadline = None;
                        let generation = model.generation;
                        if model.connected {
                            self.doom(owner, generation)
                        } else {
                            self.expire(owner)
                        }
                    }
                }
            }
            Op::Interface { interface, up } => {
                self.hops.set_interface(InterfaceId::new(interface), up);
                let settled = self.hops.settle(&self.rib, usize::MAX);
                assert!(!settled.more);
                if settled.flipped {
                    self.rib.recheck();
                    self.rechecked = false;
                }
            }
            Op::RemoveVrf { vrf } => {
                let vrf = VrfId::new(vrf);
                let outcome = self.rib.remove_vrf(vrf).is_ok();
                assert_eq!(outcome, self.vrfs.get(&vrf) == Some(&false));
                if outcome {
                    self.vrfs.insert(vrf, true);
                    self.routes
                        .iter_mut()
                        .filter(|((of, ..), _)| *of == vrf)
                        .for_each(|(_, route)| route.doomed = true);
                }
            }
            Op::AddVrf { vrf } => {
                let vrf = VrfId::new(vrf);
                let leaving = self.vrfs.get(&vrf).copied();
                let outcome = self.rib.add_vrf(vrf).is_ok();
                // One that was leaving may have left by now.
                assert!(leaving == Some(true) || outcome == leaving.is_none());
                if outcome {
                    self.routes.retain(|(of, ..), _| *of != vrf);
                    self.vrfs.insert(vrf, false);
                }
            }
            Op::Work { budget } => drop(self.rib.work(&mut self.hops, budget, &mut changes)),
            Op::Drain => {
                while self.rib.has_work() {
                    self.rib.work(&mut self.hops, 3, &mut changes);
                }
                self.rechecked = true;
                self.routes.retain(|_, route| !route.doomed);
                self.vrfs.retain(|_, leaving| !*leaving);
                for model in &mut self.owners {
                    model.take_if(|model| model.expiring);
                }
            }
            Op::Collect => {
                for id in self.hops.collect() {
                    assert!(self.hops.get(id).is_none());
                    assert!(
                        self.routes
                            .values()
                            .all(|route| route.attributes.set != id || route.doomed)
                    );
                }
            }
        }
        self.apply(changes);
    }

    fn expire(&mut self, owner: usize) {
        let Some(model) = &mut self.owners[owner] else {
            return;
        };
        model.expiring = true;
        model.deadline = None;
        self.doom(owner, u32::MAX);
    }

    fn connect(&mut self, owner: usize, epoch: u64) {
        let name = NAMES[owner];
        if owner == PERSISTENT {
            let connected = self
                .rib
                .owner_connect(name, Tenure::Persistent, self.now_ns)
                .unwrap();
            self.sessions[owner] = Some(connected.session);
            self.owners[owner].get_or_insert_default().connected = true;
            return;
        }
        if self.rib.owner(name).is_none() {
            // Never there, or forgotten.
            assert!(
                self.owners[owner]
                    .as_ref()
                    .is_none_or(|model| model.expiring)
            );
            self.owners[owner] = None;
            self.routes.retain(|(.., of), _| *of != name);
        }
        let tenure = Tenure::Epochs {
            epoch,
            grace_ns: GRACE_NS,
        };
        let outcome = self.rib.owner_connect(name, tenure, self.now_ns);
        let model = self.owners[owner].get_or_insert_default();
        let wanted = if epoch == 0 { model.epoch + 1 } else { epoch };
        match outcome {
            Err(OwnerError::Busy) => assert!(model.connected),
            Err(OwnerError::EpochBehind { last }) => {
                assert!(last == model.epoch && wanted < last && !model.connected)
            }
            Err(other) => panic!("{other}"),
            Ok(connected) => {
                assert!(!model.connected && wanted >= model.epoch);
                assert_eq!(connected.epoch, wanted);
                if wanted > model.epoch || model.expiring {
                    model.generation += 1;
                }
                *model = ModelOwner {
                    epoch: wanted,
                    generation: model.generation,
                    connected: true,
                    deadline: Some(self.now_ns + GRACE_NS),
                    expiring: false,
                };
                self.sessions[owner] = Some(connected.session);
            }
        }
    }

    /// What holds at any time.
    fn check(&self) {
        let mut listed = BTreeMap::new();
        let mut by_set = BTreeMap::<_, u32>::new();
        for vrf in [VrfId::new(0), VrfId::new(1)] {
            for (prefix, routes) in self.list(vrf) {
                let installed = routes
                    .iter()
                    .find(|route| route.state == RouteState::Active);
                let best = installed.map(|route| Best {
                    owner: route.owner,
                    set: route.attributes.set,
                });
                assert_eq!(self.rib.installed(vrf, prefix), best);
                assert_eq!(self.fib.get(&(vrf, prefix)).copied(), best);
                for route in routes {
                    *by_set.entry(route.attributes.set).or_default() += 1;
                    let name = self.rib.owner_by_id(route.owner).unwrap().name;
                    let name = *NAMES.iter().find(|known| **known == name).unwrap();
                    assert!(listed.insert((vrf, prefix, name), route).is_none());
                }
            }
        }
        assert!(
            self.fib
                .keys()
                .all(|(vrf, prefix)| self.rib.installed(*vrf, *prefix).is_some())
        );
        assert_eq!(self.rib.len(), listed.len());
        for set in self.hops.iter() {
            assert_eq!(set.routes, by_set.get(&set.id).copied().unwrap_or(0));
        }
        for (key, route) in &self.routes {
            assert!(route.doomed || listed.contains_key(key), "{key:?} is lost");
        }
        for ((vrf, prefix, name), route) in listed {
            let model = &self.routes[&(vrf, prefix, name)];
            assert_eq!(route.attributes, model.attributes);
            assert_eq!(route.epoch, model.epoch);
            let owner = self.owners[NAMES.iter().position(|known| *known == name).unwrap()]
                .as_ref()
                .unwrap();
            assert_eq!(
                route.stale,
                !owner.connected || model.generation < owner.generation
            );
        }
        self.check_lookups();
        if !self.rib.has_work() && self.rechecked {
            self.check_best();
        }
    }

    /// What holds when no work is left: the model's choice is in the FIB.
    fn check_best(&self) {
        let mut best = BTreeMap::new();
        for ((vrf, prefix, name), route) in self.routes.iter().filter(|(_, route)| !route.doomed) {
            if self.hops.is_usable(route.attributes.set) {
                let rank = (
                    route.attributes.distance,
                    route.attributes.metric,
                    *name,
                    route.attributes.set,
                );
                let first = best.entry((*vrf, *prefix)).or_insert(rank);
                *first = rank.min(*first);
            }
        }
        let fib: BTreeMap<_, _> = self
            .fib
            .iter()
            .map(|(key, best)| {
                (
                    *key,
                    (self.rib.owner_by_id(best.owner).unwrap().name, best.set),
                )
            })
            .collect();
        assert_eq!(
            fib,
            best.into_iter()
                .map(|(key, (.., name, set))| (key, (name, set)))
                .collect()
        );
        for view in self.rib.owners() {
            let routes = self
                .routes
                .iter()
                .filter(|((.., name), route)| *name == view.name && !route.doomed);
            assert_eq!(view.routes as usize, routes.count());
        }
    }

    fn check_lookups(&self) {
        for prefix in prefixes() {
            for vrf in [VrfId::new(0), VrfId::new(1)] {
                let covering = self
                    .fib
                    .iter()
                    .filter(|((of, net), _)| *of == vrf && net.contains(&prefix.addr()));
                let longest = covering.max_by_key(|((_, net), _)| net.prefix_len());
                assert_eq!(
                    self.rib.lookup(vrf, prefix.addr()),
                    longest.map(|((_, net), best)| (*net, *best))
                );
            }
        }
    }

    /// All routes of a VRF by pages of one, which must agree with the other ways to list them.
    fn list(&self, vrf: VrfId) -> BTreeMap<IpNet, Vec<RouteView>> {
        let mut all = BTreeMap::<IpNet, Vec<RouteView>>::new();
        for prefixes in [Prefixes::AllIpv4, Prefixes::AllIpv6] {
            for route in self.pages(vrf, prefixes) {
                all.entry(route.prefix).or_default().push(route);
            }
        }
        for prefix in prefixes() {
            let of = |wanted: &dyn Fn(&IpNet) -> bool| -> Vec<_> {
                all.iter()
                    .filter(|(net, _)| wanted(net))
                    .flat_map(|(_, routes)| routes.clone())
                    .collect()
            };
            let same = |net: &IpNet| net.addr().is_ipv4() == prefix.addr().is_ipv4();
            assert_eq!(
                self.pages(vrf, Prefixes::Exact(prefix)),
                of(&|net| *net == prefix)
            );
            assert_eq!(
                self.pages(vrf, Prefixes::Longer(prefix)),
                of(&|net| same(net) && prefix.contains(net))
            );
            assert_eq!(
                self.pages(vrf, Prefixes::Shorter(prefix)),
                of(&|net| same(net) && net.contains(&prefix))
            );
        }
        all
    }

    fn pages(&self, vrf: VrfId, prefixes: Prefixes) -> Vec<RouteView> {
        let query = Query {
            vrf,
            prefixes,
            owner: None,
            only_best: false,
        };
        let (mut routes, mut after) = (Vec::new(), None);
        loop {
            let mut page = Vec::new();
            after = self.rib.list(&self.hops, &query, after, 1, &mut page);
            routes.append(&mut page);
            if after.is_none() {
                return routes;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn routes_follow_the_model(ops in prop::collection::vec(op(), 1..80)) {
        let mut world = World::new();
        world.step(Op::AddVrf { vrf: 0 });
        world.step(Op::AddVrf { vrf: 1 });
        for owner in 0..NAMES.len() {
            world.step(Op::Connect { owner, epoch: 1 });
        }
        for interface in [1, 2] {
            world.step(Op::Interface { interface, up: true });
        }
        for op in ops {
            world.step(op);
            world.check();
        }
        world.step(Op::Drain);
        world.check();
        world.step(Op::RemoveVrf { vrf: 0 });
        world.step(Op::RemoveVrf { vrf: 1 });
        world.step(Op::Drain);
        world.check();
        world.step(Op::Collect);
        prop_assert_eq!(world.hops.iter().count(), 0);
        prop_assert!(world.fib.is_empty() && world.rib.is_empty());
    }
}
