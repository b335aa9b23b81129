//! The RIB and its model, side by side.

use std::collections::BTreeMap;

use ferroute_dataplane::ids::{InterfaceId, VrfId};
use ipnet::IpNet;

use super::super::*;
use super::{NAMES, Op, prefixes, set};
use crate::nexthop::NextHops;

const GRACE_NS: u64 = 100;
/// The owner in [`NAMES`] whose routes stay without a session.
const PERSISTENT: usize = 1;

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

pub(super) struct World {
    pub(super) rib: Rib,
    pub(super) hops: NextHops,
    now_ns: u64,
    sessions: [Option<Session>; NAMES.len()],
    /// What the changes made of the FIB.
    pub(super) fib: BTreeMap<(VrfId, IpNet), Best>,
    // The model.
    owners: [Option<ModelOwner>; NAMES.len()],
    routes: BTreeMap<(VrfId, IpNet, Name), ModelRoute>,
    vrfs: BTreeMap<VrfId, bool>,
    rechecked: bool,
}

impl World {
    pub(super) fn new() -> Self {
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

    pub(super) fn step(&mut self, op: Op) {
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
    pub(super) fn check(&self) {
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
