//! The routes as they would be with one more.

use std::net::IpAddr;
use std::ops::ControlFlow;

use ferroute_dataplane::ids::VrfId;
use ipnet::IpNet;

use crate::nexthop::{Lookup, NextHopSetId};

use super::route::Route;
use super::store::Rib;

/// The RIB with a route that is not in it (or is in it otherwise).
pub(super) struct WithRoute<'a> {
    pub(super) rib: &'a Rib,
    pub(super) vrf: VrfId,
    pub(super) prefix: IpNet,
    pub(super) route: Route,
}

impl Lookup for WithRoute<'_> {
    fn covering(
        &self,
        vrf: VrfId,
        address: IpAddr,
        visit: &mut dyn FnMut(u8, NextHopSetId) -> ControlFlow<()>,
    ) {
        let length = self.prefix.prefix_len();
        // Some while the route is still to come.
        let mut to_come =
            (vrf == self.vrf && self.prefix.contains(&address)).then_some(self.route.set);
        let mut stopped = ControlFlow::Continue(());
        self.rib
            .walk(vrf, address.into(), &mut |prefix, candidates| {
                let same = vrf == self.vrf && prefix == self.prefix;
                stopped = candidates.as_slice().iter().try_for_each(|route| {
                    let first = prefix.prefix_len() < length
                        || same && self.route.preference(route, &self.rib.owners).is_lt();
                    if let Some(set) = to_come.take_if(|_| first) {
                        visit(length, set)?;
                    }
                    if same && route.owner == self.route.owner {
                        return ControlFlow::Continue(());
                    }
                    visit(prefix.prefix_len(), route.set)
                });
                stopped
            });
        if let (ControlFlow::Continue(()), Some(set)) = (stopped, to_come) {
            // Nothing is left to visit after it.
            let _ = visit(length, set);
        }
    }
}
