//! What the routes mean, by plain recursion from scratch.

use super::*;

#[derive(Clone, Default)]
pub(super) struct Model {
    pub(super) routes: BTreeMap<(VrfId, IpNet), Vec<Route>>,
    pub(super) groups: BTreeMap<u32, NextHopSet>,
    pub(super) up: BTreeSet<InterfaceId>,
    pub(super) via_default: bool,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Frame {
    Set(Target),
    /// A gateway, and the route that is being looked at for it.
    Gateway(Gateway, Option<(VrfId, IpNet)>),
}

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Value {
    /// Shares by way; they add up to 1.
    Paths(BTreeMap<Way, f64>),
    Action(Action),
    Unresolved(Unresolved),
    Loop(Vec<Frame>),
}

impl Model {
    pub(super) fn declared<'a>(&'a self, target: &'a Target) -> &'a NextHopSet {
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

    pub(super) fn set(&self, target: &Target, stack: &mut Vec<Frame>) -> Value {
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

    pub(super) fn put(&mut self, owner: usize, key: (VrfId, IpNet), distance: u8, target: Target) {
        let routes = self.routes.entry(key).or_default();
        routes.retain(|(_, of, _)| *of != owner);
        routes.push((distance, owner, target));
        routes.sort_by_key(|(distance, owner, _)| (*distance, *owner));
    }
}

pub(super) fn assert_same(resolved: &Resolved, value: &Value) {
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
