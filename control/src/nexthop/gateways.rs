//! The gateways of all sets, ordered by address, so that those within a prefix are a range.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ferroute_dataplane::ids::{InterfaceId, VrfId};
use ipnet::IpNet;
use slab::Slab;

use super::resolve::{Memo, Node, Trace};
use super::resolved::Gateway;
use super::store::{GatewayId, NextHopSetId};

/// A gateway that at least one set has.
#[derive(Debug)]
pub(super) struct GatewayEntry {
    pub(super) gateway: Gateway,
    pub(super) memo: Memo,
    /// What the value rests on.
    pub(super) trace: Trace,
    /// The sets with this gateway.
    pub(super) users: BTreeSet<NextHopSetId>,
}

type ByAddress = BTreeMap<(IpAddr, Option<InterfaceId>), GatewayId>;

/// All gateways.
#[derive(Default, Debug)]
pub(super) struct Gateways {
    entries: Slab<GatewayEntry>,
    by_vrf: BTreeMap<VrfId, ByAddress>,
}

impl Gateways {
    pub(super) fn get(&self, id: GatewayId) -> &GatewayEntry {
        &self.entries[id.0]
    }

    pub(super) fn get_mut(&mut self, id: GatewayId) -> &mut GatewayEntry {
        &mut self.entries[id.0]
    }

    /// The gateway's number, for one more user.
    pub(super) fn acquire(&mut self, gateway: Gateway, user: NextHopSetId) -> GatewayId {
        let by_address = self.by_vrf.entry(gateway.vrf).or_default();
        let id = *by_address
            .entry((gateway.address, gateway.interface))
            .or_insert_with(|| {
                let entry = GatewayEntry {
                    gateway,
                    memo: Memo::Unknown,
                    trace: Trace::default(),
                    users: BTreeSet::new(),
                };
                GatewayId(self.entries.insert(entry))
            });
        self.get_mut(id).users.insert(user);
        id
    }

    /// Takes a user away; gives back what the gateway's value rested on if it was the last.
    pub(super) fn release(&mut self, id: GatewayId, user: NextHopSetId) -> Option<Trace> {
        let entry = self.get_mut(id);
        entry.users.remove(&user);
        if !entry.users.is_empty() {
            return None;
        }
        let GatewayEntry { gateway, trace, .. } = self.entries.remove(id.0);
        if let Some(by_address) = self.by_vrf.get_mut(&gateway.vrf) {
            by_address.remove(&(gateway.address, gateway.interface));
            if by_address.is_empty() {
                self.by_vrf.remove(&gateway.vrf);
            }
        }
        Some(trace)
    }

    /// The gateways whose value a route of this prefix can change.
    pub(super) fn affected_by(&self, vrf: VrfId, prefix: IpNet) -> Vec<Node> {
        let Some(by_address) = self.by_vrf.get(&vrf) else {
            return Vec::new();
        };
        let last = match prefix {
            IpNet::V4(net) => IpAddr::V4(net.broadcast()),
            IpNet::V6(net) => IpAddr::V6(net.broadcast()),
        };
        by_address
            .range((prefix.addr(), None)..=(last, Some(InterfaceId::new(u32::MAX))))
            .filter(|(_, id)| prefix.prefix_len() >= self.get(**id).trace.floor)
            .map(|(_, id)| Node::Gateway(*id))
            .collect()
    }
}
