//! Resolution of what is not yet so, to refuse what would lead back to itself.

use std::collections::HashMap;

use ferroute_dataplane::ids::VrfId;
use ipnet::IpNet;
use smallvec::{SmallVec, smallvec};

use super::resolve::{Board, Lookup, Memo, Node, Trace, evaluate};
use super::resolved::{Gateway, Loop, Resolved, Unresolved};
use super::set::NextHopSet;
use super::store::{GatewayId, NextHopSetId, NextHops};

/// Values found under an assumption, apart from the true ones.
struct Trial<'a> {
    hops: &'a NextHops,
    memos: HashMap<Node, Memo>,
    traces: HashMap<GatewayId, Trace>,
    /// A set that is taken to declare something else.
    instead: Option<(NextHopSetId, &'a NextHopSet, &'a [GatewayId])>,
    steps_left: usize,
}

/// Most steps of a trial, and most sets and gateways in a row that it follows, so that no web of routes makes the next
/// one expensive: a step takes some 100 ns.
const TRIAL_STEPS: usize = 2000;
const TRIAL_DEPTH: usize = 64;

impl Board for Trial<'_> {
    fn hops(&self) -> &NextHops {
        self.hops
    }

    fn declared(&self, set: NextHopSetId) -> (&NextHopSet, &[GatewayId]) {
        match self.instead {
            Some((id, declared, gateways)) if id == set => (declared, gateways),
            _ => self.hops.declared(set),
        }
    }

    fn memo(&self, node: Node) -> &Memo {
        self.memos.get(&node).unwrap_or(&Memo::Unknown)
    }

    fn put(&mut self, node: Node, memo: Memo) {
        self.memos.insert(node, memo);
    }

    fn trace(&mut self, gateway: GatewayId, trace: Trace) {
        self.traces.insert(gateway, trace);
    }

    fn goes_on(&mut self, waiting: usize) -> bool {
        self.steps_left = self.steps_left.saturating_sub(1);
        self.steps_left > 0 && waiting <= TRIAL_DEPTH
    }
}

/// Most gateways that are looked at to see that a route plays no part in its own resolution.
const QUICK_LIMIT: usize = 32;

impl NextHops {
    /// Fails if a route of `prefix` with `set` would be reached through itself. `with` are the routes
    /// with this one among them.
    ///
    /// A route that merely leads to a loop of others is no mistake of its own, and heals with them. A loop
    /// of more than some thirty gateways is not seen here, but comes out unresolved all the same.
    pub(crate) fn check_route(
        &self,
        set: NextHopSetId,
        vrf: VrfId,
        prefix: IpNet,
        with: &impl Lookup,
    ) -> Result<(), Loop> {
        if !self.rests_on(set, vrf, prefix) {
            return Ok(());
        }
        self.check(set, None, with, |gateway, floor| {
            gateway.vrf == vrf && floor == prefix.prefix_len() && prefix.contains(&gateway.address)
        })
    }

    /// Fails if `set` would lead back to itself if it declared this.
    pub(super) fn check_declaration(
        &self,
        set: NextHopSetId,
        declared: &NextHopSet,
        gateways: &[GatewayId],
        lookup: &impl Lookup,
    ) -> Result<(), Loop> {
        self.check(set, Some((set, declared, gateways)), lookup, |_, _| true)
    }

    /// Fails if `set` is in a loop that a gateway closes: by looking at `set`, and at a route that `closes`
    /// accepts, given the gateway and the length of the route's prefix.
    fn check<'a>(
        &'a self,
        set: NextHopSetId,
        instead: Option<(NextHopSetId, &'a NextHopSet, &'a [GatewayId])>,
        lookup: &impl Lookup,
        closes: impl Fn(Gateway, u8) -> bool,
    ) -> Result<(), Loop> {
        let mut trial = Trial {
            hops: self,
            memos: HashMap::new(),
            traces: HashMap::new(),
            instead,
            steps_left: TRIAL_STEPS,
        };
        evaluate(&mut trial, Node::Set(set), lookup);
        let Memo::Known(value) = trial.memo(Node::Set(set)) else {
            return Ok(());
        };
        let Resolved::Unresolved(Unresolved::Loop(circle)) = &value.resolved else {
            return Ok(());
        };
        let closed = trial.traces.iter().any(|(id, trace)| {
            let gateway = self.gateway(*id);
            // What a gateway in a loop looked at last is what leads it there.
            trace.sets.last() == Some(&set)
                && circle.gateways().contains(&gateway)
                && closes(gateway, trace.floor)
        });
        if closed { Err(circle.clone()) } else { Ok(()) }
    }

    /// Whether a route of this prefix could play a part in what `set` comes to. May err on the side of yes.
    fn rests_on(&self, set: NextHopSetId, vrf: VrfId, prefix: IpNet) -> bool {
        let mut sets: SmallVec<[NextHopSetId; 8]> = smallvec![set];
        let mut looked_at = 0;
        while let Some(set) = sets.pop() {
            for &id in &self.sets[set.index()].gateways {
                looked_at += 1;
                let entry = self.gateways.get(id);
                if looked_at > QUICK_LIMIT || !matches!(entry.memo, Memo::Known(_)) {
                    return true;
                }
                let gateway = entry.gateway;
                if gateway.vrf == vrf
                    && prefix.prefix_len() >= entry.trace.floor
                    && prefix.contains(&gateway.address)
                {
                    return true;
                }
                sets.extend(entry.trace.sets.iter().copied());
            }
        }
        false
    }
}
