//! What workers had counted at a place when its number came into use.
//!
//! Interfaces, bridge domains, tunnels and adjacencies get numbers that others had before, and labels come back with another
//! meaning. Only a worker may write its counters, so they run on; what clients see of them begins with the thing that has the
//! number now.

use std::collections::HashMap;
use std::hash::Hash;

use ferroute_dataplane::ids::{AdjacencyId, BridgeId, InterfaceId, PortId, TunnelId};
use ferroute_dataplane::policer::Source;
use ferroute_dataplane::wire::mpls::Label;

use super::router::Router;
use super::stats::PuntCounts;
use crate::model::bridge::DomainCounters;
use crate::model::interface::InterfaceCounters;
use crate::model::port::Traffic;

/// What was counted before, by number; nothing where nothing was.
#[derive(Debug, Default)]
pub(super) struct Baselines {
    ports: HashMap<PortId, PuntCounts>,
    interfaces: HashMap<InterfaceId, InterfaceCounters>,
    bridges: HashMap<BridgeId, DomainCounters>,
    tunnels: HashMap<TunnelId, Traffic>,
    adjacencies: HashMap<AdjacencyId, Traffic>,
    labels: HashMap<Label, Traffic>,
}

/// Most numbers are new: they take no memory here.
fn set<K: Eq + Hash, C: Default + PartialEq>(of: &mut HashMap<K, C>, number: K, counted: C) {
    if counted == C::default() {
        of.remove(&number);
    } else {
        of.insert(number, counted);
    }
}

fn before<K: Eq + Hash, C: Copy + Default>(of: &HashMap<K, C>, number: K) -> C {
    of.get(&number).copied().unwrap_or_default()
}

impl Router {
    /// Begins to count for a port.
    pub(super) fn count_port(&mut self, id: PortId) {
        let counted = self.punts_counted(Source::port(id));
        set(&mut self.baselines.ports, id, counted);
    }

    /// Begins to count for an interface.
    pub(super) fn count_interface(&mut self, id: InterfaceId) {
        let counted = self.interface_counted(id);
        set(&mut self.baselines.interfaces, id, counted);
    }

    /// Begins to count for a bridge domain.
    pub(super) fn count_bridge(&mut self, id: BridgeId) {
        let counted = self.bridge_counted(id);
        set(&mut self.baselines.bridges, id, counted);
    }

    /// Begins to count for a tunnel.
    pub(super) fn count_tunnel(&mut self, id: TunnelId) {
        let counted = self.sum_of(|counters| counters.tunnel(id));
        set(&mut self.baselines.tunnels, id, counted);
    }

    /// Begins to count for an adjacency.
    pub(super) fn count_adjacency(&mut self, id: AdjacencyId) {
        let counted = self.sum_of(|counters| counters.adjacency(id));
        set(&mut self.baselines.adjacencies, id, counted);
    }

    /// Begins to count for a label.
    pub(super) fn count_label(&mut self, label: Label) {
        let counted = self.sum_of(|counters| counters.label(label));
        set(&mut self.baselines.labels, label, counted);
    }

    /// What was counted of packets for the exception path since their port came.
    pub(super) fn punt_counts(&self, id: PortId) -> PuntCounts {
        let before = before(&self.baselines.ports, id);
        self.punts_counted(Source::port(id)).since(before)
    }

    /// What was counted on an interface since it came.
    pub(super) fn interface_counters(&self, id: InterfaceId) -> InterfaceCounters {
        let before = before(&self.baselines.interfaces, id);
        self.interface_counted(id).since(before)
    }

    /// What was counted in a bridge domain since it came, but for its stations.
    pub(super) fn bridge_counters(&self, id: BridgeId) -> DomainCounters {
        let before = before(&self.baselines.bridges, id);
        self.bridge_counted(id).since(before)
    }

    /// What was sent into a tunnel since it came.
    pub(super) fn tunnel_traffic(&self, id: TunnelId) -> Traffic {
        let before = before(&self.baselines.tunnels, id);
        self.sum_of(|counters| counters.tunnel(id)).since(before)
    }

    /// What was sent by an adjacency since it came.
    pub(super) fn adjacency_traffic(&self, id: AdjacencyId) -> Traffic {
        let before = before(&self.baselines.adjacencies, id);
        self.sum_of(|counters| counters.adjacency(id)).since(before)
    }

    /// What came in with a label since it was given out.
    pub(super) fn label_traffic(&self, label: Label) -> Traffic {
        let before = before(&self.baselines.labels, label);
        self.sum_of(|counters| counters.label(label)).since(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_before_is_taken_off_and_new_numbers_take_no_room() {
        let traffic = |packets| Traffic {
            packets,
            bytes: 100 * packets,
        };
        let mut of = HashMap::new();
        set(&mut of, 7, Traffic::default());
        assert!(of.is_empty());
        assert_eq!(traffic(3).since(before(&of, 7)), traffic(3));
        set(&mut of, 7, traffic(3));
        assert_eq!(traffic(5).since(before(&of, 7)), traffic(2));
        set(&mut of, 7, Traffic::default());
        assert!(of.is_empty());
        let counted = |packets| InterfaceCounters {
            rx: traffic(packets),
            punted_packets: packets,
            ..InterfaceCounters::default()
        };
        assert_eq!(counted(5).since(counted(3)), counted(2));
        let counted = |packets| DomainCounters {
            frames: traffic(packets),
            not_designated: packets,
            answered: packets,
            ..DomainCounters::default()
        };
        assert_eq!(counted(5).since(counted(3)), counted(2));
    }
}
