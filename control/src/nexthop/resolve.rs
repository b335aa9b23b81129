//! How one set or gateway is resolved from what it leads to.
//!
//! A set depends on its gateways, a gateway on the sets of the routes that cover it: longest prefix
//! first, within a prefix the best first, up to the first that is usable. A gateway or set whose value
//! needs itself has no value: that is a loop, and whatever needs a loop's value is in it too. Nothing
//! else is tried in place of a loop, because the attempt would make the loop vanish and come back for ever.
//! So defined, the values do not depend on the order in which they are computed.

use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::Arc;

use ferroute_dataplane::ids::{TunnelId, VrfId};
use smallvec::SmallVec;

use super::NextHopSetId;
use super::paths::PathSum;
use super::resolved::{Action, Gateway, Loop, MAX_DEPTH, Path, Resolved, Unresolved, Way};
use super::set::{NextHop, NextHopSet, Via};
use super::store::{GatewayId, NextHops};

/// The routes, as resolution needs them.
pub trait Lookup {
    /// Visits the routes of `vrf` that cover `address`, longest prefix first and within a prefix the most
    /// preferred first, with the prefix's length and the route's set, until `visit` breaks. Whether a
    /// route is usable plays no part.
    fn covering(
        &self,
        vrf: VrfId,
        address: IpAddr,
        visit: &mut dyn FnMut(u8, NextHopSetId) -> ControlFlow<()>,
    );
}

/// Something that has a value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Node {
    Set(NextHopSetId),
    Gateway(GatewayId),
}

/// A value, and over how many gateways it was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Value {
    pub(super) resolved: Resolved,
    pub(super) depth: u8,
}

impl Value {
    fn unresolved(reason: Unresolved) -> Self {
        Self {
            resolved: Resolved::Unresolved(reason),
            depth: 0,
        }
    }

    fn action(action: Action) -> Self {
        Self {
            resolved: Resolved::Action(action),
            depth: 0,
        }
    }
}

/// What is known of a node's value.
#[derive(Clone, Debug, Default)]
pub(super) enum Memo {
    /// Nothing.
    #[default]
    Unknown,
    /// It is being computed, and waits for another's.
    Pending,
    /// This.
    Known(Value),
}

/// Which routes a gateway's value rests on.
#[derive(Clone, Debug, Default)]
pub(super) struct Trace {
    /// The sets that were looked at, in this order.
    pub(super) sets: SmallVec<[NextHopSetId; 2]>,
    /// The length of the shortest prefix that was looked at: routes of shorter prefixes play no part.
    pub(super) floor: u8,
}

/// The outcome of an attempt to compute a value.
enum Step {
    Done(Value),
    /// This node's value is needed first.
    Needs(Node),
}

/// Where values are kept while they are computed.
pub(super) trait Board {
    fn hops(&self) -> &NextHops;
    /// What a set declares, and its gateways in the order of the members that have one.
    fn declared(&self, set: NextHopSetId) -> (&NextHopSet, &[GatewayId]);
    fn memo(&self, node: Node) -> &Memo;
    fn put(&mut self, node: Node, memo: Memo);
    fn trace(&mut self, gateway: GatewayId, trace: Trace);
    /// Asked before each step, with how many values wait for it: whether to take it, or to leave the rest unknown.
    fn goes_on(&mut self, waiting: usize) -> bool;
}

/// Computes the value of `node` and of all that it needs.
///
/// Works on an explicit stack: a chain of routes can be as long as a client likes.
pub(super) fn evaluate<B: Board>(board: &mut B, node: Node, lookup: &impl Lookup) {
    let mut stack: SmallVec<[Node; 16]> = SmallVec::new();
    let mut wanted = Some(node);
    loop {
        if let Some(node) = wanted.take() {
            match board.memo(node) {
                Memo::Known(_) => {}
                Memo::Unknown => {
                    board.put(node, Memo::Pending);
                    stack.push(node);
                }
                Memo::Pending => {
                    // The top of the stack needs a node below it (or itself).
                    let circle = stack.iter().skip_while(|below| **below != node);
                    let gateways = circle.filter_map(|node| match node {
                        Node::Gateway(gateway) => Some(board.hops().gateway(*gateway)),
                        Node::Set(_) => None,
                    });
                    let value = Value::unresolved(Unresolved::Loop(Loop::new(gateways.collect())));
                    if let Some(top) = stack.pop() {
                        board.put(top, Memo::Known(value));
                    }
                }
            }
        }
        let Some(&top) = stack.last().filter(|_| board.goes_on(stack.len())) else {
            return;
        };
        let step = match top {
            Node::Set(set) => resolve_set(board, set),
            Node::Gateway(gateway) => {
                let (step, trace) = resolve_gateway(board, board.hops().gateway(gateway), lookup);
                board.trace(gateway, trace);
                step
            }
        };
        match step {
            Step::Done(value) => {
                board.put(top, Memo::Known(value));
                stack.pop();
            }
            Step::Needs(node) => wanted = Some(node),
        }
    }
}

fn resolve_set<B: Board>(board: &B, set: NextHopSetId) -> Step {
    let (declared, gateways) = board.declared(set);
    let members = match declared {
        NextHopSet::Unicast(members) => members,
        NextHopSet::Vrf(vrf) => return Step::Done(Value::action(Action::Vrf(*vrf))),
        NextHopSet::Broadcast(interface) => {
            return Step::Done(Value::action(Action::Broadcast(*interface)));
        }
        NextHopSet::Local(interface) => {
            return Step::Done(Value::action(Action::Local(*interface)));
        }
        NextHopSet::Endpoint(_, endpoint) => {
            return Step::Done(Value::action(Action::Endpoint(*endpoint)));
        }
        NextHopSet::Blackhole => return Step::Done(Value::action(Action::Blackhole)),
        NextHopSet::Unreachable => return Step::Done(Value::action(Action::Unreachable)),
        NextHopSet::Prohibit => return Step::Done(Value::action(Action::Prohibit)),
    };
    let mut gateways = gateways.iter();
    let mut sum = PathSum::default();
    // What it comes to without any path: an action rather than a reason, the first of its kind.
    let mut pathless: Option<Resolved> = None;
    let mut depth = 0;
    for hop in members.iter() {
        let resolved = match hop.via {
            Via::OnLink { interface, address } => board.hops().on_link(interface, Some(address)),
            Via::Link { interface } => board.hops().on_link(interface, None),
            Via::Recursive { .. } | Via::Connected { .. } | Via::Tunnel { .. } => {
                let Some(&gateway) = gateways.next() else {
                    continue;
                };
                let Memo::Known(value) = board.memo(Node::Gateway(gateway)) else {
                    return Step::Needs(Node::Gateway(gateway));
                };
                let resolved = match hop.via {
                    Via::Tunnel { tunnel, .. } => {
                        into_tunnel(tunnel, board.hops().gateway(gateway), &value.resolved)
                    }
                    _ if members.len() == 1 => return Step::Done(value.clone()),
                    _ => value.resolved.clone(),
                };
                depth = depth.max(value.depth);
                resolved
            }
        };
        match resolved {
            Resolved::Paths(paths) => sum.add(hop.weight, &paths),
            Resolved::Unresolved(Unresolved::Loop(circle)) => {
                return Step::Done(Value::unresolved(Unresolved::Loop(circle)));
            }
            Resolved::Action(_) if !pathless.as_ref().is_some_and(Resolved::is_usable) => {
                pathless = Some(resolved)
            }
            Resolved::Action(_) | Resolved::Unresolved(_) => pathless = pathless.or(Some(resolved)),
        }
    }
    let resolved = match pathless {
        Some(pathless) if sum.is_empty() => pathless,
        _ => sum.finish(),
    };
    Step::Done(Value { resolved, depth })
}

fn resolve_gateway<B: Board>(board: &B, gateway: Gateway, lookup: &impl Lookup) -> (Step, Trace) {
    let mut trace = Trace::default();
    let mut found = None;
    let mut reason = None;
    lookup.covering(gateway.vrf, gateway.address, &mut |length, set| {
        if length == 0 && !board.hops().resolves_via_default() {
            return ControlFlow::Break(());
        }
        trace.floor = length;
        trace.sets.push(set);
        let step = match gateway.interface {
            Some(_) => connected_through(board, gateway, set),
            None => recursive_through(board, gateway, set),
        };
        match step {
            Verdict::Is(step) => {
                found = Some(step);
                ControlFlow::Break(())
            }
            Verdict::Not(why) => {
                reason = reason.take().or(why);
                ControlFlow::Continue(())
            }
        }
    });
    let step = found.unwrap_or_else(|| {
        trace.floor = 0;
        let none = if gateway.interface.is_some() {
            Unresolved::NotOnLink(gateway)
        } else {
            Unresolved::NoRoute(gateway)
        };
        Step::Done(Value::unresolved(reason.unwrap_or(none)))
    });
    (step, trace)
}

/// What a route says about a gateway that it covers.
enum Verdict {
    /// The search ends here.
    Is(Step),
    /// The search goes on to the next route; why this one does not serve.
    Not(Option<Unresolved>),
}

fn recursive_through<B: Board>(board: &B, gateway: Gateway, set: NextHopSetId) -> Verdict {
    let Memo::Known(value) = board.memo(Node::Set(set)) else {
        return Verdict::Is(Step::Needs(Node::Set(set)));
    };
    let value = match &value.resolved {
        Resolved::Unresolved(why @ Unresolved::Loop(_)) => Value::unresolved(why.clone()),
        Resolved::Unresolved(why) => return Verdict::Not(Some(why.clone())),
        _ if value.depth >= MAX_DEPTH => Value::unresolved(Unresolved::TooDeep),
        Resolved::Paths(paths) => Value {
            resolved: towards(gateway.address, paths),
            depth: value.depth + 1,
        },
        Resolved::Action(Action::Local(_) | Action::Endpoint(_) | Action::Broadcast(_)) => {
            Value::unresolved(Unresolved::GatewayIsLocal(gateway))
        }
        Resolved::Action(Action::Vrf(_)) => Value::unresolved(Unresolved::OtherVrf(gateway)),
        // A gateway that is routed to a blackhole drops what goes through it (RFC 5635 section 3).
        Resolved::Action(action) => Value {
            resolved: Resolved::Action(*action),
            depth: value.depth + 1,
        },
    };
    Verdict::Is(Step::Done(value))
}

/// A gateway on a given interface needs a connected route of that interface, and nothing of the
/// route's value: it cannot be part of a loop.
fn connected_through<B: Board>(board: &B, gateway: Gateway, set: NextHopSetId) -> Verdict {
    let (declared, _) = board.declared(set);
    let on_link = |hop: &&NextHop| matches!(hop.via, Via::Link { interface } if Some(interface) == gateway.interface);
    if let NextHopSet::Local(_) | NextHopSet::Endpoint(..) | NextHopSet::Broadcast(_) = declared {
        return Verdict::Is(Step::Done(Value::unresolved(Unresolved::GatewayIsLocal(
            gateway,
        ))));
    }
    match declared
        .members()
        .iter()
        .find(on_link)
        .and_then(NextHop::interface)
    {
        Some(interface) => {
            let resolved = board.hops().on_link(interface, Some(gateway.address));
            Verdict::Is(Step::Done(Value { resolved, depth: 1 }))
        }
        None => Verdict::Not(None),
    }
}

/// What a tunnel comes to whose remote end came to this: one path, however many lead there.
fn into_tunnel(tunnel: TunnelId, remote: Gateway, underlay: &Resolved) -> Resolved {
    match underlay {
        Resolved::Paths(paths) if paths.iter().any(|path| matches!(path.way, Way::Tunnel(_))) => {
            Resolved::Unresolved(Unresolved::TunnelInTunnel(remote))
        }
        Resolved::Paths(_) => Resolved::Paths(Arc::new([Path {
            way: Way::Tunnel(tunnel),
            weight: 1,
        }])),
        other => other.clone(),
    }
}

/// The paths for packets to this gateway: where the destination would be the neighbour, the gateway is.
fn towards(gateway: IpAddr, paths: &Arc<[Path]>) -> Resolved {
    let on_link = |path: &Path| {
        matches!(
            path.way,
            Way::Neighbour {
                neighbour: None,
                ..
            }
        )
    };
    if !paths.iter().any(on_link) {
        return Resolved::Paths(Arc::clone(paths));
    }
    let towards = paths.iter().map(|path| match path.way {
        Way::Neighbour {
            interface,
            neighbour,
        } => Path {
            way: Way::Neighbour {
                interface,
                neighbour: neighbour.or(Some(gateway)),
            },
            ..*path
        },
        Way::Tunnel(_) => *path,
    });
    PathSum::from_iter(towards).finish()
}
