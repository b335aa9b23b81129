//! Stations learned out of tunnels: each is behind the remote end whose address stood in front of its frame (RFC 7348 section
//! 4.1).
//!
//! What clients say of a station always counts more; between a member and a remote end the last frame wins. A remote end that
//! was heard of gets a tunnel while stations are behind it, so their number is bounded: anybody can write any source.

use std::net::IpAddr;

use ferroute_dataplane::fdb::FdbKey;
use ferroute_dataplane::ids::{BridgeId, TunnelId};

use super::domain::HeardEnd;
use super::station::{Learned, Station};
use crate::core::router::Router;
use crate::model::bridge::DomainError;

/// Most remote ends of a domain behind which stations are learned.
const MAX_HEARD_ENDS: usize = 1024;

impl Router {
    /// The tunnel back to a remote end that sent a frame of a station; `None` where none may come.
    pub(super) fn heard_end(
        &mut self,
        bridge: BridgeId,
        address: IpAddr,
    ) -> Result<Option<TunnelId>, DomainError> {
        let Some(domain) = self.bridging.get(bridge) else {
            return Ok(None);
        };
        if let Some(end) = domain.heard.get(&address) {
            return Ok(Some(end.tunnel));
        }
        if domain.heard.len() >= MAX_HEARD_ENDS {
            return Ok(None);
        }
        let (name, end) = (domain.name(), domain.end_at(address));
        let tunnel = self.hold_end(name, end)?;
        if let Some(domain) = self.bridging.get_mut(bridge) {
            let stations = 0;
            domain.heard.insert(address, HeardEnd { tunnel, stations });
        }
        self.bridging.unheard.insert((bridge, address));
        // Workers know the tunnel before the FDB names it.
        self.write_domain(bridge);
        self.finish();
        Ok(Some(tunnel))
    }

    /// Counts the stations behind remote ends that were heard of.
    pub(super) fn count_heard(&mut self, key: FdbKey, before: &Station, after: &Station) {
        let end = |station: &Station| station.learned.and_then(Learned::remote);
        let (old, new) = (end(before), end(after));
        if old == new {
            return;
        }
        let bridge = key.bridge();
        let Some(domain) = self.bridging.get_mut(bridge) else {
            return;
        };
        if let Some(end) = new.and_then(|address| domain.heard.get_mut(&address)) {
            end.stations += 1;
        }
        if let Some(address) = old
            && let Some(end) = domain.heard.get_mut(&address)
        {
            end.stations = end.stations.saturating_sub(1);
            if end.stations == 0 {
                self.bridging.unheard.insert((bridge, address));
            }
        }
    }

    /// Forgets remote ends behind which no station is any more.
    pub(super) fn forget_unheard(&mut self) {
        let unheard = std::mem::take(&mut self.bridging.unheard);
        let mut gone = Vec::new();
        for (bridge, address) in unheard {
            let Some(domain) = self.bridging.get_mut(bridge) else {
                continue;
            };
            let idle = |end: &HeardEnd| end.stations == 0;
            if domain.heard.get(&address).is_some_and(idle) {
                gone.extend(domain.heard.remove(&address).map(|end| end.tunnel));
                self.write_domain(bridge);
            }
        }
        if gone.is_empty() {
            return;
        }
        self.plane.publish();
        for tunnel in gone {
            self.hops.let_go_tunnel(tunnel);
        }
        self.finish();
    }

    /// Forgets the stations of a domain that were learned out of tunnels.
    pub(super) fn forget_heard(&mut self, bridge: BridgeId) {
        self.forget_stations(bridge, |station| Station {
            learned: station.learned.filter(|l| l.remote().is_none()),
            ..station
        });
        self.forget_unheard();
    }
}
