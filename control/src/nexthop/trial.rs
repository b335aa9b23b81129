//! Resolution of what is not yet so, to refuse what would lead back to itself.

use std::collections::HashMap;

use ferroute_dataplane::ids::VrfId;
use ipnet::IpNet;
use smallvec::{SmallVec, smallvec};

use super::resolve::{Board, Lookup, Memo, Node, Trace, evaluate};
use super::resolved::{Loop, Resolved, Unresolved};
use super::set::NextHopSet;
use super::store::{GatewayId, NextHopSetId, NextHops};

/// Values found under an assumption, apart from the true ones.
struct Trial<'a> {
    hops: &'a NextHops,
    memos: HashMap<Node, Memo>,
    /// A set that is taken to declare something else.
    instead: Option<(NextHopSetId, &'a NextHopSet, &'a [GatewayId])>,
}

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

    fn trace(&mut self, _: GatewayId, _: Trace) {}
}

/// Most gateways that are looked at to see that a route plays no part in its own resolution.
const QUICK_LIMIT: usize = 32;

impl NextHops {
    /// Fails if a route of `prefix` with `set` would be reached through itself. `with` are the routes
    /// with this one among them.
    pub(crate) fn check_route(
        &self,
        set: NextHopSetId,
        vrf: VrfId,
        prefix: IpNet,
        with: &impl Lookup,
    ) -> Result<(), Loop> {
        if self.rests_on(set, vrf, prefix) { self.check(set, None, with) } else { Ok(()) }
    }

    /// Fails if `set` would lead back to itself if it declared this.
    pub(super) fn check_declaration(
        &self,
        set: NextHopSetId,
        declared: &NextHopSet,
        gateways: &[GatewayId],
        lookup: &impl Lookup,
    ) -> Result<(), Loop> {
        self.check(set, Some((set, declared, gateways)), lookup)
    }

    fn check<'a>(
        &'a self,
        set: NextHopSetId,
        instead: Option<(NextHopSetId, &'a NextHopSet, &'a [GatewayId])>,
        lookup: &impl Lookup,
    ) -> Result<(), Loop> {
        let mut trial = Trial { hops: self, memos: HashMap::new(), instead };
        evaluate(&mut trial, Node::Set(set), lookup);
        match trial.memo(Node::Set(set)) {
            Memo::Known(value) => match &value.resolved {
                Resolved::Unresolved(Unresolved::Loop(circle)) => Err(circle.clone()),
                _ => Ok(()),
            },
            Memo::Unknown | Memo::Pending => Ok(()),
        }
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
