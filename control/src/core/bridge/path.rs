//! Which way the stations behind a segment are: behind the router's own member while that works, else behind the other routers
//! that share the segment (RFC 7432 sections 8.2 and 8.4).
//!
//! All stations of a domain behind one segment have one entry in the workers' snapshot, so that a router that leaves the
//! segment, or a member whose link goes, is one publication.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::num::NonZeroU16;

use ferroute_dataplane::ids::{BridgeId, InterfaceId, SegmentPathId};
use ferroute_dataplane::snapshot::segment::SegmentPath;

use super::segment::{Leads, PathKey, Segment};
use crate::core::forwarding::next_hop_id;
use crate::core::router::Router;
use crate::model::bridge::{DomainError, RemoteEnd};
use crate::model::name::DomainName;
use crate::model::segment::{Redundancy, SegmentId};
use crate::nexthop::{self, NextHopSet, Via};

impl Router {
    /// The path to the stations of a domain behind a segment, held for one station more. Workers know it after the next
    /// [`finish`](Router::finish).
    ///
    /// # Errors
    /// [`DomainError`].
    pub(super) fn hold_path(
        &mut self,
        name: DomainName,
        segment: SegmentId,
        primary: Option<RemoteEnd>,
    ) -> Result<SegmentPathId, DomainError> {
        let (bridge, domain) = self.bridging.named(&name)?;
        if domain.vni.is_none() {
            return Err(DomainError::NoVni { domain: name });
        }
        if self.bridging.segments.get(segment).is_none() {
            return Err(DomainError::UnknownSegment { segment });
        }
        let key = PathKey {
            segment,
            bridge,
            primary,
        };
        let full = DomainError::TableFull {
            table: "segment path",
        };
        let (id, new) = self.bridging.segments.acquire(key).ok_or(full)?;
        if new {
            self.lead_path(key);
        }
        Ok(id)
    }

    /// Lets a path go for one station.
    pub(super) fn let_go_path(&mut self, id: SegmentPathId) {
        let Some(leads) = self.bridging.segments.release(id) else {
            return;
        };
        let path = SegmentPath::default();
        self.plane.edit().segments.set(id.index(), path);
        if let Some(set) = leads.set {
            self.hops.let_go(set);
        }
    }

    /// Lets paths follow what changed under them; workers see all of it at once.
    pub(super) fn follow_paths(&mut self, keys: &[PathKey]) {
        if keys.is_empty() {
            return;
        }
        let old: Vec<_> = keys.iter().filter_map(|key| self.lead_path(*key)).collect();
        self.finish();
        for set in old {
            self.hops.let_go(set);
        }
        self.finish();
    }

    /// Lets the paths of a domain follow.
    pub(super) fn follow_paths_in(&mut self, bridge: BridgeId) {
        let keys: Vec<_> = self.bridging.segments.paths_in(bridge).collect();
        self.follow_paths(&keys);
    }

    /// Lets everything follow a segment's member that changed state: stations that were seen there are elsewhere now.
    pub(in crate::core) fn follow_member(&mut self, member: InterfaceId, running: bool) {
        let Some(segment) = self.bridging.segments.of(member).map(|s| s.spec.id) else {
            return;
        };
        let bridge = self.interfaces.get(member).and_then(|i| i.bridge);
        let paths = self.bridging.segments.paths_of(segment).map(|(key, _)| key);
        let here: Vec<_> = paths.filter(|key| Some(key.bridge) == bridge).collect();
        self.follow_paths(&here);
        if let Some(bridge) = bridge.filter(|_| !running) {
            self.forget_learned_at(bridge, &BTreeSet::from([member]));
        }
    }

    /// Writes where a path leads into the draft; answers the next hop set that is not needed any more.
    fn lead_path(&mut self, key: PathKey) -> Option<nexthop::NextHopSetId> {
        let leads = self.leads(key);
        let (id, before) = self.bridging.segments.lead(key, leads)?;
        if before.path != leads.path {
            let segments = &mut self.plane.edit().segments;
            segments.set(id.index(), leads.path);
        }
        before.set
    }

    /// Where a path leads; a next hop set in it is held.
    fn leads(&mut self, key: PathKey) -> Leads {
        let (Some(domain), Some(segment)) = (
            self.bridging.get(key.bridge),
            self.bridging.segments.get(key.segment),
        ) else {
            return Leads::default();
        };
        let name = domain.name();
        let here = |member: &InterfaceId| {
            let interface = self.interfaces.get(*member);
            domain.members.contains(member) && interface.is_some_and(|i| self.is_running(i))
        };
        let mut members = segment.members.iter().copied();
        let member = members.find(here).filter(|_| !segment.is_standby(&name));
        if let Some(member) = member {
            return Leads {
                path: SegmentPath::Member(member),
                set: None,
            };
        }
        let ends: Vec<_> = ends(segment, key.primary.map(|end| end.address))
            .map(|address| match key.primary {
                Some(end) if end.address == address => end,
                _ => domain.end_at(address),
            })
            .collect();
        let mut hops = Vec::new();
        for end in ends {
            // An endpoint without an address of the peer's family has no way there.
            let Ok(tunnel) = self.tunnel_key(name, end) else {
                continue;
            };
            let (vrf, remote) = (tunnel.vrf, tunnel.remote);
            if let Ok(tunnel) = self.tunnel(tunnel) {
                hops.push(nexthop::NextHop {
                    via: Via::Tunnel {
                        vrf,
                        remote,
                        tunnel,
                    },
                    weight: NonZeroU16::MIN,
                });
            }
        }
        let Ok(declared) = NextHopSet::unicast(hops) else {
            return Leads::default();
        };
        let set = match self.intern(declared) {
            Ok(set) => set,
            Err(error) => {
                tracing::warn!(%error, segment = %key.segment, "nothing leads to an Ethernet segment");
                return Leads::default();
            }
        };
        self.hops.hold(set);
        if let Some(resolved) = self.hops.resolved(set).cloned()
            && !self.forwarding.has(set)
        {
            self.forwarding.compile(set, &resolved, &mut self.plane);
        }
        Leads {
            path: SegmentPath::NextHop(next_hop_id(set)),
            set: Some(set),
        }
    }
}

/// The routers behind which stations of a segment are: all of an all-active one, of a single-active one its primary, or the
/// first of the others when that has left it (RFC 7432 section 14.1.1).
fn ends(segment: &Segment, primary: Option<IpAddr>) -> impl Iterator<Item = IpAddr> {
    let peers = &segment.spec.peers;
    let most = match segment.spec.redundancy {
        Redundancy::AllActive => peers.len(),
        Redundancy::SingleActive => 1,
    };
    let first = primary.filter(|primary| peers.contains(primary));
    let others = peers
        .iter()
        .copied()
        .filter(move |peer| Some(*peer) != first);
    first.into_iter().chain(others).take(most)
}
