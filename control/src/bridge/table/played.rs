//! A router that is played: it takes batches, and insists on what the real one insists on.

use super::{Names, Table};
use ferroute_dataplane::mac::Mac;
use ferroute_proto::v1;
use ferroute_proto::v1::encap::Kind;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

#[derive(Clone, PartialEq, Debug)]
pub(in crate::bridge) enum Route {
    Set(u32),
    Special(v1::RouteKind),
}

#[derive(Debug, Default)]
pub(in crate::bridge) struct Router {
    pub(in crate::bridge) sets: BTreeMap<u32, Vec<v1::NextHop>>,
    pub(in crate::bridge) routes: BTreeMap<(String, IpAddr, u32), Route>,
}

impl Router {
    /// Takes one batch of the table; answers whether there was one.
    pub(in crate::bridge) fn take(
        &mut self,
        table: &mut Table,
        names: &Names,
        most: usize,
    ) -> bool {
        let Some(batch) = table.next_batch(names, most) else {
            return false;
        };
        assert_eq!(batch.message.id, batch.said.id);
        self.apply(&batch.message);
        true
    }

    /// Takes batches until the table has nothing more to say.
    pub(in crate::bridge) fn settle(&mut self, table: &mut Table, names: &Names) {
        while self.take(table, names, 2) {}
        assert!(table.is_settled());
    }

    fn apply(&mut self, batch: &v1::RouteBatch) {
        for set in &batch.next_hop_sets {
            assert!(set.id != 0 && (1..=128).contains(&set.next_hops.len()));
            self.sets.insert(set.id, set.next_hops.clone());
        }
        for route in &batch.routes {
            let vrf = batch.vrfs[route.vrf as usize].clone();
            let address = crate::model::prefix::address(&route.address).unwrap();
            let key = (vrf, address, route.length);
            if route.withdraw {
                assert!(
                    self.routes.remove(&key).is_some(),
                    "{key:?} is withdrawn and was never said"
                );
            } else if route.next_hop_set != 0 {
                assert!(
                    self.sets.contains_key(&route.next_hop_set),
                    "{key:?} leads to no set"
                );
                self.routes.insert(key, Route::Set(route.next_hop_set));
            } else {
                assert_ne!(route.kind(), v1::RouteKind::Unicast);
                self.routes.insert(key, Route::Special(route.kind()));
            }
        }
        for id in &batch.delete_next_hop_sets {
            let used = self.routes.values().any(|route| *route == Route::Set(*id));
            assert!(!used, "set {id} is deleted and used");
            assert!(
                self.sets.remove(id).is_some(),
                "set {id} is deleted and unknown"
            );
        }
    }

    /// Everything as text: a line for each route with its next hops.
    pub(in crate::bridge) fn text(&self) -> String {
        let mut text = String::new();
        for ((vrf, address, length), route) in &self.routes {
            let leads = match route {
                Route::Special(kind) => format!("{kind:?}").to_lowercase(),
                Route::Set(id) => hops(&self.sets[id]),
            };
            writeln!(text, "{vrf} {address}/{length} {leads}").unwrap();
        }
        text
    }
}

/// Next hops in the words of ip(8), in their order.
pub(in crate::bridge) fn hops(hops: &[v1::NextHop]) -> String {
    let words = hops.iter().map(|hop| {
        let mut words = Vec::new();
        if let Ok(gateway) = crate::model::prefix::address(&hop.gateway) {
            words.push(format!("via {gateway}"));
        }
        if !hop.interface.is_empty() {
            words.push(format!("dev {}", hop.interface));
        }
        match hop.encap.as_ref().and_then(|encap| encap.kind.as_ref()) {
            None => {}
            Some(Kind::Mpls(labels)) => words.push(format!("mpls {:?}", labels.labels)),
            Some(Kind::MplsUdp(labels)) => words.push(format!("mpls-udp {:?}", labels.labels)),
            Some(Kind::Vxlan(vxlan)) => {
                let mac = vxlan.router_mac[..].try_into().map(Mac::new).unwrap();
                words.push(format!("vxlan {} {mac}", vxlan.vni));
            }
            Some(other) => panic!("{other:?}"),
        }
        if hop.onlink {
            words.push("onlink".to_owned());
        }
        if hop.weight != 1 {
            words.push(format!("weight {}", hop.weight));
        }
        words.join(" ")
    });
    words.collect::<Vec<_>>().join(", ")
}
