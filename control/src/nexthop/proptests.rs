//! Resolution against a model that resolves everything from scratch by plain recursion, under random histories of
//! routes, groups and interfaces over tiny domains.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ferroute_dataplane::ids::{EndpointId, InterfaceId, TunnelId, VrfId};
use ipnet::IpNet;
use proptest::prelude::*;

use super::*;
use crate::rib::{Attributes, Limits, Rib, RouteError, Session, Tenure};

const OWNERS: [&str; 2] = ["a", "b"];

/// Where a route leads.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Target {
    Set(NextHopSet),
    Group(u32),
}

#[derive(Clone, Debug)]
enum Op {
    Insert {
        owner: usize,
        vrf: VrfId,
        prefix: IpNet,
        distance: u8,
        target: Target,
    },
    Remove {
        owner: usize,
        vrf: VrfId,
        prefix: IpNet,
    },
    PutGroup {
        number: u32,
        set: NextHopSet,
    },
    RemoveGroup {
        number: u32,
    },
    Interface {
        interface: InterfaceId,
        up: bool,
    },
    ViaDefault(bool),
    Collect,
}

/// The tunnels there are: two remote ends, each by two encapsulations.
fn tunnels() -> Vec<TunnelKey> {
    let remotes = ["10.1.1.1", "10.2.2.2"];
    let key = |remote: &str, encap| TunnelKey {
        endpoint: EndpointId::new(1),
        vrf: VrfId::DEFAULT,
        remote: remote.parse().unwrap(),
        encap,
    };
    let all = remotes.map(|remote| [key(remote, Encap::IpIp), key(remote, Encap::Gue)]);
    all.concat()
}

fn interface() -> impl Strategy<Value = InterfaceId> + Clone {
    (1..4u32).prop_map(InterfaceId::new)
}

fn vrf() -> impl Strategy<Value = VrfId> + Clone {
    prop_oneof![4 => Just(VrfId::DEFAULT), 1 => Just(VrfId::new(1))]
}

fn prefix() -> impl Strategy<Value = IpNet> + Clone {
    let all = [
        "0.0.0.0/0",
        "10.0.0.0/8",
        "10.1.0.0/16",
        "10.1.1.1/32",
        "10.2.0.0/16",
        "10.2.2.2/32",
        "fd00::/8",
        "fd00::1/128",
    ];
    prop::sample::select(all.to_vec()).prop_map(|prefix| prefix.parse().unwrap())
}

fn address() -> impl Strategy<Value = IpAddr> + Clone {
    prop::sample::select(vec![
        "10.1.1.1",
        "10.2.2.2",
        "10.3.3.3",
        "192.0.2.1",
        "fd00::1",
    ])
    .prop_map(|address| address.parse().unwrap())
}

fn hop() -> impl Strategy<Value = NextHop> {
    let via = prop_oneof![
        6 => (vrf(), address()).prop_map(|(vrf, address)| Via::Recursive { vrf, address }),
        2 => (vrf(), address(), interface()).prop_map(|(vrf, address, interface)| Via::Connected { vrf, address, interface }),
        1 => (address(), interface()).prop_map(|(address, interface)| Via::OnLink { interface, address }),
        4 => interface().prop_map(|interface| Via::Link { interface }),
        4 => (0..4_u32).prop_map(|at| {
            let key = tunnels().swap_remove(at as usize);
            Via::Tunnel { vrf: key.vrf, remote: key.remote, tunnel: TunnelId::new(at + 1) }
        }),
    ];
    (via, 1..6u16).prop_map(|(via, weight)| NextHop {
        via,
        weight: weight.try_into().unwrap(),
    })
}

fn set() -> impl Strategy<Value = NextHopSet> + Clone {
    let unicast = |count| {
        prop::collection::vec(hop(), count).prop_map(|hops| NextHopSet::unicast(hops).unwrap())
    };
    prop_oneof![
        8 => unicast(1..=1usize),
        4 => unicast(2..=3usize),
        1 => Just(NextHopSet::Blackhole),
        1 => interface().prop_map(NextHopSet::Local),
        1 => interface().prop_map(|interface| NextHopSet::Endpoint(interface, EndpointId::new(1))),
        1 => interface().prop_map(NextHopSet::Broadcast),
        1 => Just(NextHopSet::Vrf(VrfId::new(1))),
    ]
    .boxed()
}

fn op() -> impl Strategy<Value = Op> {
    let owner = 0..OWNERS.len();
    let target =
        prop_oneof![4 => set().prop_map(Target::Set), 1 => (1..3u32).prop_map(Target::Group)];
    prop_oneof![
        12 => (owner.clone(), vrf(), prefix(), 1..3u8, target).prop_map(|(owner, vrf, prefix, distance, target)| {
            Op::Insert { owner, vrf, prefix, distance, target }
        }),
        4 => (owner, vrf(), prefix()).prop_map(|(owner, vrf, prefix)| Op::Remove { owner, vrf, prefix }),
        3 => (1..3u32, set()).prop_map(|(number, set)| Op::PutGroup { number, set }),
        1 => (1..3u32).prop_map(|number| Op::RemoveGroup { number }),
        3 => (interface(), prop::bool::weighted(0.7)).prop_map(|(interface, up)| Op::Interface { interface, up }),
        1 => any::<bool>().prop_map(Op::ViaDefault),
        1 => Just(Op::Collect),
    ]
}

/// Distance, owner, target: in the order of preference.
type Route = (u8, usize, Target);

/// What is declared, and how the model resolves it.
#[derive(Clone, Default)]
struct Model {
    routes: BTreeMap<(VrfId, IpNet), Vec<Route>>,
    groups: BTreeMap<u32, NextHopSet>,
    up: BTreeSet<InterfaceId>,
    via_default: bool,
}

#[derive(Clone, PartialEq, Debug)]
enum Frame {
    Set(Target),
    /// A gateway, and the route that is being looked at for it.
    Gateway(Gateway, Option<(VrfId, IpNet)>),
}

#[derive(Clone, PartialEq, Debug)]
enum Value {
    /// Shares by way; they add up to 1.
    Paths(BTreeMap<Way, f64>),
    Action(Action),
    Unresolved(Unresolved),
    Loop(Vec<Frame>),
}

impl Model {
    fn declared<'a>(&'a self, target: &'a Target) -> &'a NextHopSet {
        match target {
            Target::Set(set) => set,
            Target::Group(number) => &self.groups[number],
        }
    }

    fn on_link(&self, interface: InterfaceId, neighbour: Option<IpAddr>) -> Value {
        if self.up.contains(&interface) {
            Value::Paths(
                [(
                    Way::Neighbour {
                        interface,
                        neighbour,
                    },
                    1.0,
                )]
                .into(),
            )
        } else {
            Value::Unresolved(Unresolved::InterfaceDown(interface))
        }
    }

    fn set(&self, target: &Target, stack: &mut Vec<Frame>) -> Value {
        if let Some(at) = stack
            .iter()
            .position(|frame| *frame == Frame::Set(target.clone()))
        {
            return Value::Loop(stack[at..].to_vec());
        }
        let members = match self.declared(target) {
            NextHopSet::Unicast(members) => members,
            NextHopSet::Vrf(vrf) => return Value::Action(Action::Vrf(*vrf)),
            NextHopSet::Local(interface) => return Value::Action(Action::Local(*interface)),
            NextHopSet::Broadcast(interface) => {
                return Value::Action(Action::Broadcast(*interface));
            }
            NextHopSet::Endpoint(_, endpoint) => {
                return Value::Action(Action::Endpoint(*endpoint));
            }
            NextHopSet::Blackhole => return Value::Action(Action::Blackhole),
            NextHopSet::Unreachable => return Value::Action(Action::Unreachable),
            NextHopSet::Prohibit => return Value::Action(Action::Prohibit),
        };
        stack.push(Frame::Set(target.clone()));
        let mut paths = BTreeMap::new();
        let (mut actions, mut reasons) = (Vec::new(), Vec::new());
        for hop in members.iter() {
            let value = match hop.via {
                Via::Link { interface } => self.on_link(interface, None),
                Via::OnLink { interface, address } => self.on_link(interface, Some(address)),
                Via::Recursive { vrf, address } => self.gateway(
                    Gateway {
                        vrf,
                        address,
                        interface: None,
                    },
                    stack,
                ),
                Via::Tunnel {
                    vrf,
                    remote,
                    tunnel,
                } => {
                    let gateway = Gateway {
                        vrf,
                        address: remote,
                        interface: None,
                    };
                    match self.gateway(gateway, stack) {
                        Value::Paths(paths)
                            if paths.keys().any(|way| matches!(way, Way::Tunnel(_))) =>
                        {
                            Value::Unresolved(Unresolved::TunnelInTunnel(gateway))
                        }
                        Value::Paths(_) => Value::Paths([(Way::Tunnel(tunnel), 1.0)].into()),
                        other => other,
                    }
                }
                Via::Connected {
                    vrf,
                    address,
                    interface,
                } => self.gateway(
                    Gateway {
                        vrf,
                        address,
                        interface: Some(interface),
                    },
                    stack,
                ),
            };
            match value {
                Value::Paths(of_hop) => {
                    for (path, share) in of_hop {
                        *paths.entry(path).or_insert(0.0) += share * f64::from(hop.weight.get());
                    }
                }
                Value::Action(action) => actions.push(action),
                Value::Unresolved(reason) => reasons.push(reason),
                circle @ Value::Loop(_) => {
                    stack.pop();
                    return circle;
                }
            }
        }
        stack.pop();
        let total: f64 = paths.values().sum();
        if !paths.is_empty() {
            Value::Paths(
                paths
                    .into_iter()
                    .map(|(path, share)| (path, share / total))
                    .collect(),
            )
        } else if let Some(action) = actions.first() {
            Value::Action(*action)
        } else {
            Value::Unresolved(reasons[0].clone())
        }
    }

    fn gateway(&self, gateway: Gateway, stack: &mut Vec<Frame>) -> Value {
        let same = |frame: &Frame| matches!(frame, Frame::Gateway(other, _) if *other == gateway);
        if let Some(at) = stack.iter().position(same) {
            return Value::Loop(stack[at..].to_vec());
        }
        let covers = |(vrf, prefix): &(VrfId, IpNet)| {
            *vrf == gateway.vrf
                && prefix.contains(&gateway.address)
                && (self.via_default || prefix.prefix_len() > 0)
        };
        let mut covering: Vec<_> = self.routes.iter().filter(|(key, _)| covers(key)).collect();
        covering.sort_by_key(|((_, prefix), _)| std::cmp::Reverse(prefix.prefix_len()));
        let mut first_reason = None;
        for (key, routes) in covering {
            for (.., target) in routes {
                if let Some(interface) = gateway.interface {
                    let declared = self.declared(target);
                    if matches!(
                        declared,
                        NextHopSet::Local(_) | NextHopSet::Endpoint(..) | NextHopSet::Broadcast(_)
                    ) {
                        return Value::Unresolved(Unresolved::GatewayIsLocal(gateway));
                    }
                    if declared
                        .members()
                        .iter()
                        .any(|hop| hop.via == Via::Link { interface })
                    {
                        return self.on_link(interface, Some(gateway.address));
                    }
                    continue;
                }
                stack.push(Frame::Gateway(gateway, Some(*key)));
                let value = self.set(target, stack);
                stack.pop();
                match value {
                    Value::Unresolved(reason) => drop(first_reason.get_or_insert(reason)),
                    Value::Action(
                        Action::Local(_) | Action::Endpoint(_) | Action::Broadcast(_),
                    ) => {
                        return Value::Unresolved(Unresolved::GatewayIsLocal(gateway));
                    }
                    Value::Action(Action::Vrf(_)) => {
                        return Value::Unresolved(Unresolved::OtherVrf(gateway));
                    }
                    Value::Action(_) | Value::Loop(_) => return value,
                    Value::Paths(paths) => {
                        let mut towards = BTreeMap::new();
                        for (way, share) in paths {
                            let way = match way {
                                Way::Neighbour {
                                    interface,
                                    neighbour: None,
                                } => Way::Neighbour {
                                    interface,
                                    neighbour: Some(gateway.address),
                                },
                                other => other,
                            };
                            *towards.entry(way).or_insert(0.0) += share;
                        }
                        return Value::Paths(towards);
                    }
                }
            }
        }
        let none = match gateway.interface {
            Some(_) => Unresolved::NotOnLink(gateway),
            None => Unresolved::NoRoute(gateway),
        };
        Value::Unresolved(first_reason.unwrap_or(none))
    }

    fn put(&mut self, owner: usize, key: (VrfId, IpNet), distance: u8, target: Target) {
        let routes = self.routes.entry(key).or_default();
        routes.retain(|(_, of, _)| *of != owner);
        routes.push((distance, owner, target));
        routes.sort_by_key(|(distance, owner, _)| (*distance, *owner));
    }
}

fn assert_same(resolved: &Resolved, value: &Value) {
    match (resolved, value) {
        (Resolved::Paths(paths), Value::Paths(shares)) => {
            let total: f64 = paths.iter().map(|path| f64::from(path.weight)).sum();
            assert_eq!(paths.len(), shares.len(), "{paths:?} {shares:?}");
            for (path, (key, share)) in paths.iter().zip(shares) {
                assert_eq!(path.way, *key);
                assert!(
                    (f64::from(path.weight) / total - share).abs() < 1e-3,
                    "{paths:?} {shares:?}"
                );
            }
        }
        (Resolved::Action(action), Value::Action(expected)) => assert_eq!(action, expected),
        (Resolved::Unresolved(Unresolved::Loop(circle)), Value::Loop(frames)) => {
            let gateways = frames.iter().filter_map(|frame| match frame {
                Frame::Gateway(gateway, _) => Some(*gateway),
                Frame::Set(_) => None,
            });
            let mut expected: Vec<_> = gateways.collect();
            let least = (0..expected.len()).min_by_key(|at| expected[*at]).unwrap();
            expected.rotate_left(least);
            assert_eq!(circle.gateways(), expected);
        }
        (Resolved::Unresolved(reason), Value::Unresolved(expected)) => assert_eq!(reason, expected),
        _ => panic!("{resolved:?} is not {value:?}"),
    }
}

struct World {
    rib: Rib,
    hops: NextHops,
    sessions: Vec<Session>,
    model: Model,
}

impl World {
    fn new() -> Self {
        let mut rib = Rib::new(Limits {
            per_vrf: 1000,
            total: 1000,
        });
        for vrf in [VrfId::DEFAULT, VrfId::new(1)] {
            rib.add_vrf(vrf).unwrap();
        }
        let sessions = OWNERS
            .map(|name| {
                rib.owner_connect(name, Tenure::Persistent, 0)
                    .unwrap()
                    .session
            })
            .to_vec();
        let mut world = Self {
            rib,
            hops: NextHops::new(1000, true),
            sessions,
            model: Model {
                via_default: true,
                ..Model::default()
            },
        };
        // They stay, so that their numbers do.
        for (at, key) in (1..).zip(tunnels()) {
            let (id, new) = world.hops.tunnel(key, &world.rib).unwrap();
            assert_eq!((id, new), (TunnelId::new(at), true));
            world.hops.hold_tunnel(id);
        }
        for interface in [1, 2] {
            world.step(Op::Interface {
                interface: InterfaceId::new(interface),
                up: true,
            });
        }
        world
    }

    fn id(&mut self, target: &Target) -> Option<NextHopSetId> {
        match target {
            Target::Set(set) => Some(self.hops.intern(set.clone(), &self.rib).unwrap()),
            Target::Group(number) => self.hops.group(GroupKey {
                owner: self.sessions[0].owner(),
                number: *number,
            }),
        }
    }

    fn step(&mut self, op: Op) {
        let changes = &mut Vec::new();
        match op {
            Op::Insert {
                owner,
                vrf,
                prefix,
                distance,
                target,
            } => {
                let Some(set) = self.id(&target) else { return };
                let attributes = Attributes {
                    distance,
                    metric: 0,
                    set,
                };
                let outcome = self.rib.insert(
                    &mut self.hops,
                    self.sessions[owner],
                    vrf,
                    prefix,
                    attributes,
                    changes,
                );
                let mut with = self.model.clone();
                with.put(owner, (vrf, prefix), distance, target.clone());
                let closes = |frames: &[Frame]| {
                    frames.iter().enumerate().any(|(at, frame)| {
                        let next = &frames[(at + 1) % frames.len()];
                        matches!(frame, Frame::Gateway(_, Some(key)) if *key == (vrf, prefix))
                            && *next == Frame::Set(target.clone())
                    })
                };
                match with.set(&target, &mut Vec::new()) {
                    _ if prefix.addr().is_ipv6() && with.declared(&target).has_ipv4_gateway() => {
                        assert_eq!(outcome.err(), Some(RouteError::FamilyMismatch(prefix)));
                    }
                    Value::Loop(frames) if closes(&frames) => {
                        assert!(
                            matches!(outcome, Err(RouteError::Loop(_))),
                            "{outcome:?} {frames:?}"
                        );
                    }
                    _ => {
                        outcome.unwrap();
                        self.model = with;
                    }
                }
            }
            Op::Remove { owner, vrf, prefix } => {
                let outcome =
                    self.rib
                        .remove(&mut self.hops, self.sessions[owner], vrf, prefix, changes);
                let routes = self.model.routes.entry((vrf, prefix)).or_default();
                let before = routes.len();
                routes.retain(|(_, of, _)| *of != owner);
                assert_eq!(outcome.is_ok(), routes.len() < before);
            }
            Op::PutGroup { number, set } => {
                let outcome = self
                    .hops
                    .put_group(self.sessions[0], number, set.clone(), &self.rib);
                let mut with = self.model.clone();
                with.groups.insert(number, set.clone());
                let target = Target::Group(number);
                let ipv6 = self.model.routes.iter().any(|((_, prefix), routes)| {
                    prefix.addr().is_ipv6() && routes.iter().any(|(.., other)| *other == target)
                });
                match with.set(&target, &mut Vec::new()) {
                    _ if self.model.groups.get(&number) == Some(&set) => drop(outcome.unwrap()),
                    _ if ipv6 && set.has_ipv4_gateway() => {
                        assert_eq!(outcome.err(), Some(PutGroupError::FamilyMismatch))
                    }
                    Value::Loop(frames) if frames.contains(&Frame::Set(target)) => {
                        assert!(
                            matches!(outcome, Err(PutGroupError::Loop(_))),
                            "{outcome:?} {frames:?}"
                        );
                    }
                    _ => {
                        assert_eq!(
                            outcome.unwrap().1.as_deref(),
                            self.model.groups.get(&number)
                        );
                        self.model = with;
                    }
                }
            }
            Op::RemoveGroup { number } => {
                let outcome = self.hops.remove_group(GroupKey {
                    owner: self.sessions[0].owner(),
                    number,
                });
                let uses = |(.., target): &&Route| *target == Target::Group(number);
                let routes = self.model.routes.values().flatten().filter(uses).count();
                match outcome {
                    Ok(()) => assert!(routes == 0 && self.model.groups.remove(&number).is_some()),
                    Err(RemoveGroupError::Unknown) => {
                        assert!(!self.model.groups.contains_key(&number))
                    }
                    Err(RemoveGroupError::InUse { routes: told }) => {
                        assert!(routes > 0 && routes == told as usize)
                    }
                }
            }
            Op::Interface { interface, up } => {
                self.hops.set_interface(interface, up);
                if up {
                    self.model.up.insert(interface)
                } else {
                    self.model.up.remove(&interface)
                };
            }
            Op::ViaDefault(resolve) => {
                self.hops.set_resolve_via_default(resolve);
                self.model.via_default = resolve;
            }
            Op::Collect => {
                let gone = self.hops.collect();
                assert!(gone.iter().all(|id| self.hops.get(*id).is_none()));
                gone.iter().for_each(|id| self.hops.reuse(*id));
            }
        }
    }

    /// Settles and compares everything with the model.
    fn check(&mut self) {
        let before: BTreeMap<_, _> = self
            .hops
            .iter()
            .map(|set| (set.id, set.resolved.clone()))
            .collect();
        let mut changed = BTreeSet::new();
        loop {
            let settled = self.hops.settle(&self.rib, 2);
            changed.extend(settled.changed);
            if settled.flipped {
                self.rib.recheck();
            }
            if !settled.more {
                break;
            }
        }
        self.rib.work(&mut self.hops, usize::MAX, &mut Vec::new());
        assert!(!self.rib.has_work());
        for set in self.hops.iter() {
            assert_eq!(changed.contains(&set.id), before[&set.id] != *set.resolved);
            let target = match set.group {
                Some(key) if self.hops.group(key) != Some(set.id) => continue,
                Some(key) => Target::Group(key.number),
                None => Target::Set(set.declared.clone()),
            };
            assert_eq!(self.model.declared(&target), set.declared);
            assert_same(set.resolved, &self.model.set(&target, &mut Vec::new()));
        }
        for (key @ (vrf, prefix), routes) in &self.model.routes {
            let usable = |(.., target): &&Route| {
                matches!(
                    self.model.set(target, &mut Vec::new()),
                    Value::Paths(_) | Value::Action(_)
                )
            };
            let best = routes
                .iter()
                .find(usable)
                .map(|(_, owner, _)| self.sessions[*owner].owner());
            assert_eq!(
                self.rib.installed(*vrf, *prefix).map(|best| best.owner),
                best,
                "{key:?}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn resolution_follows_the_model(ops in prop::collection::vec((op(), any::<bool>()), 1..60)) {
        let mut world = World::new();
        for (op, settle) in ops {
            world.step(op);
            if settle {
                world.check();
            }
        }
        world.check();
    }
}
