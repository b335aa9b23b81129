//! What rests on what: the bookkeeping that lets a change reach only the sets that it concerns.

use std::sync::Arc;

use super::resolve::{Board, Memo, Node, Trace};
use super::resolved::Gateway;
use super::set::{NextHopSet, Via};
use super::store::{GatewayId, NextHopSetId, NextHops};

impl NextHops {
    /// Forgets the values of these nodes and of all that rest on them.
    pub(super) fn invalidate(&mut self, mut nodes: Vec<Node>) {
        while let Some(node) = nodes.pop() {
            match node {
                Node::Set(id) => {
                    let entry = &mut self.sets[id.index()];
                    if let Memo::Known(_) = std::mem::take(&mut entry.memo) {
                        self.dirty.push(id);
                    }
                    nodes.extend(
                        entry
                            .dependents
                            .iter()
                            .map(|gateway| Node::Gateway(*gateway)),
                    );
                }
                Node::Gateway(id) => {
                    let entry = self.gateways.get_mut(id);
                    if let Memo::Known(_) = std::mem::take(&mut entry.memo) {
                        nodes.extend(entry.users.iter().map(|set| Node::Set(*set)));
                        let trace = std::mem::take(&mut entry.trace);
                        self.forget_trace(id, &trace);
                    }
                }
            }
        }
    }

    fn forget_trace(&mut self, gateway: GatewayId, trace: &Trace) {
        for set in &trace.sets {
            if let Some(entry) = self.sets.get_mut(set.index()) {
                entry.dependents.remove(&gateway);
            }
        }
    }

    /// Gives a set its declaration, and what goes with it.
    pub(super) fn declare(&mut self, id: NextHopSetId, declared: Arc<NextHopSet>) {
        for hop in declared.members() {
            if let Some(interface) = hop.interface() {
                self.links.add(interface, id);
            }
        }
        self.tunnels.acquire_all(&declared);
        let gateways = looked_up(&declared)
            .map(|gateway| self.gateways.acquire(gateway, id))
            .collect();
        let entry = &mut self.sets[id.index()];
        entry.gateways = gateways;
        entry.declared = declared;
    }

    /// Takes back what [`declare`](Self::declare) did, for what is no more declared.
    pub(super) fn undeclare(
        &mut self,
        id: NextHopSetId,
        declared: &NextHopSet,
        gateways: &[GatewayId],
    ) {
        for hop in declared.members() {
            if let Some(interface) = hop.interface() {
                self.links.remove(interface, id);
            }
        }
        self.tunnels.release_all(declared);
        self.release_gateways(id, gateways);
    }

    pub(super) fn release_gateways(&mut self, id: NextHopSetId, gateways: &[GatewayId]) {
        for &gateway in gateways {
            if let Some(trace) = self.gateways.release(gateway, id) {
                self.forget_trace(gateway, &trace);
            }
        }
    }

    /// Notes a set that may have no route, for [`collect`](Self::collect).
    pub(super) fn let_idle(&mut self, id: NextHopSetId) {
        let entry = &mut self.sets[id.index()];
        if !std::mem::replace(&mut entry.idle, true) {
            self.idle.push(id);
        }
    }
}

/// The gateways that a set looks up, in the order of its members.
pub(super) fn looked_up(set: &NextHopSet) -> impl Iterator<Item = Gateway> {
    set.members().iter().filter_map(|hop| match hop.via {
        Via::Recursive { vrf, address }
        | Via::Tunnel {
            vrf,
            remote: address,
            ..
        } => Some(Gateway {
            vrf,
            address,
            interface: None,
        }),
        Via::Connected {
            vrf,
            address,
            interface,
        } => Some(Gateway {
            vrf,
            address,
            interface: Some(interface),
        }),
        Via::OnLink { .. } | Via::Link { .. } => None,
    })
}

impl Board for NextHops {
    fn hops(&self) -> &NextHops {
        self
    }

    fn declared(&self, set: NextHopSetId) -> (&NextHopSet, &[GatewayId]) {
        let entry = &self.sets[set.index()];
        (&entry.declared, &entry.gateways)
    }

    fn memo(&self, node: Node) -> &Memo {
        match node {
            Node::Set(set) => &self.sets[set.index()].memo,
            Node::Gateway(gateway) => &self.gateways.get(gateway).memo,
        }
    }

    fn put(&mut self, node: Node, memo: Memo) {
        match node {
            Node::Set(set) => self.sets[set.index()].memo = memo,
            Node::Gateway(gateway) => self.gateways.get_mut(gateway).memo = memo,
        }
    }

    fn trace(&mut self, gateway: GatewayId, trace: Trace) {
        for set in &trace.sets {
            self.sets[set.index()].dependents.insert(gateway);
        }
        self.gateways.get_mut(gateway).trace = trace;
    }
    fn goes_on(&mut self, _: usize) -> bool {
        true
    }
}
