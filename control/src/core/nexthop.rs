//! Next hop sets as clients see them, and those that they name.

use ferroute_dataplane::counters::WorkerCounters;
use ferroute_dataplane::ids::{AdjacencyId, NextHopId, VrfId};
use ferroute_dataplane::snapshot::nexthop::AdjacencyState;
use std::sync::Arc;

use super::forwarding::{Member, To, next_hop_id};
use super::router::Router;
use crate::model::name::OwnerName;
use crate::model::nexthop::{
    AdjacencyView, HopView, NextHopEntry, NextHopError, NextHopKey, NextHopSet, NextHopSpec,
    NextHops, ResolvedMember, TunnelHop, Via,
};
use crate::model::number::{NextHopSetId, Weight};
use crate::model::page::{NextHopCursor, PAGE_ITEMS, Page};
use crate::model::port::Traffic;
use crate::model::refusal::{Circle, RouteError};
use crate::neighbour::NeighbourKey;
use crate::nexthop as hops;
use crate::rib::{Session, Tenure};

impl Router {
    /// Makes or replaces a set of an owner.
    ///
    /// # Errors
    /// [`RouteError`]; what was there stays then.
    pub(super) fn put_next_hops(
        &mut self,
        owner: OwnerName,
        set: &NextHopSet,
    ) -> Result<NextHopEntry, RouteError> {
        self.as_owner(owner, |router, session| {
            router.put_set(session, set).map(drop)
        })?;
        self.finish();
        let unknown = || RouteError::UnknownNextHopSet {
            next_hop_set: set.id,
        };
        self.next_hop_entry(NextHopKey::Set(owner, set.id))
            .map_err(|_| unknown())
    }

    /// Deletes a set that no route refers to.
    ///
    /// # Errors
    /// [`RouteError`]; it stays then.
    pub(super) fn delete_next_hops(
        &mut self,
        owner: OwnerName,
        id: NextHopSetId,
    ) -> Result<(), RouteError> {
        self.as_owner(owner, |router, session| router.delete_set(session, id))?;
        self.finish();
        Ok(())
    }

    /// Makes or replaces a set of an owner; gives back what it declared before.
    pub(super) fn put_set(
        &mut self,
        session: Session,
        set: &NextHopSet,
    ) -> Result<Option<Arc<hops::NextHopSet>>, RouteError> {
        let declared = self.declared_set(VrfId::DEFAULT, &set.next_hops)?;
        match self
            .hops
            .put_group(session, set.id.get(), declared, &self.rib)
        {
            Ok((_, before)) => {
                self.note_group(hops::GroupKey {
                    owner: session.owner(),
                    number: set.id.get(),
                });
                Ok(before)
            }
            Err(hops::PutGroupError::Full(full)) => Err(RouteError::TableFull {
                table: "next hop",
                limit: full.limit as u64,
            }),
            Err(hops::PutGroupError::Loop(circle)) => Err(RouteError::NextHopLoop {
                path: Circle::Gateways(circle),
            }),
            Err(hops::PutGroupError::FamilyMismatch) => Err(RouteError::FamilyMismatch),
        }
    }

    /// Deletes a set of an owner that no route refers to.
    pub(super) fn delete_set(
        &mut self,
        session: Session,
        number: NextHopSetId,
    ) -> Result<(), RouteError> {
        let key = hops::GroupKey {
            owner: session.owner(),
            number: number.get(),
        };
        let removed = self.hops.remove_group(key);
        self.note_group(key);
        removed.map_err(|error| match error {
            hops::RemoveGroupError::Unknown => RouteError::UnknownNextHopSet {
                next_hop_set: number,
            },
            hops::RemoveGroupError::InUse { routes } => RouteError::InUse {
                next_hop_set: number,
                routes: routes.into(),
            },
        })
    }

    /// Does something in the name of an owner: within its stream if it has one, else as a program that sets and goes.
    fn as_owner<T>(
        &mut self,
        owner: OwnerName,
        act: impl FnOnce(&mut Self, Session) -> Result<T, RouteError>,
    ) -> Result<T, RouteError> {
        if let Some(session) = self.sessions.of(owner) {
            return act(self, session);
        }
        let connected = self
            .rib
            .owner_connect(owner.as_str(), Tenure::Persistent, self.now_ns());
        let session = connected
            .map_err(|_| RouteError::TableFull {
                table: "owner",
                limit: super::session::MAX_OWNERS as u64,
            })?
            .session;
        self.note_owner(session.owner());
        let done = act(self, session);
        self.rib.owner_gone(session, self.now_ns());
        done
    }

    /// One entry.
    ///
    /// # Errors
    /// [`NextHopError`] when there is none.
    pub(super) fn next_hop_entry(&self, key: NextHopKey) -> Result<NextHopEntry, NextHopError> {
        let found = match key {
            NextHopKey::Set(owner, next_hop_set) => {
                let group = self.rib.owner(owner.as_str()).and_then(|view| {
                    self.hops.group(hops::GroupKey {
                        owner: view.id,
                        number: next_hop_set.get(),
                    })
                });
                group.ok_or(NextHopError::UnknownNextHopSet {
                    owner,
                    next_hop_set,
                })?
            }
            NextHopKey::Id(next_hop) => {
                let named = |set: &hops::SetView<'_>| next_hop_id(set.id) == next_hop;
                self.hops
                    .iter()
                    .find(named)
                    .map(|set| set.id)
                    .ok_or(NextHopError::UnknownNextHop { next_hop })?
            }
        };
        let view = self.hops.get(found).and_then(|set| self.entry(&set));
        view.ok_or(NextHopError::UnknownNextHop {
            next_hop: next_hop_id(found),
        })
    }

    /// One page of entries, all or one owner's.
    pub(super) fn next_hop_page(
        &self,
        owner: Option<OwnerName>,
        after: Option<NextHopCursor>,
    ) -> Page<NextHopEntry, NextHopCursor> {
        let owner_id = owner.map(|owner| self.rib.owner(owner.as_str()).map(|view| view.id));
        let mut items = Vec::new();
        for set in self.hops.iter() {
            let place = set.id.index() as u64;
            if after.is_some_and(|after| place <= after.0) {
                continue;
            }
            let wanted = owner_id.is_none_or(|id| id.is_some() && set.group.map(|g| g.owner) == id);
            if wanted {
                items.extend(self.entry(&set));
            }
            if items.len() >= PAGE_ITEMS {
                return Page {
                    items,
                    next: Some(NextHopCursor(place)),
                };
            }
        }
        Page { items, next: None }
    }

    fn entry(&self, set: &hops::SetView<'_>) -> Option<NextHopEntry> {
        let declared = set.group.and_then(|group| {
            Some((
                self.owner_name(group.owner)?,
                NextHopSetId::try_from(group.number).ok()?,
            ))
        });
        let stale = set
            .group
            .is_some_and(|group| self.rib.is_behind(group.owner, set.generation));
        Some(NextHopEntry {
            id: self.forwarding.has(set.id).then(|| next_hop_id(set.id)),
            declared,
            next_hops: self.next_hops_of(set.declared)?,
            prefixes: set.routes.into(),
            members: self.resolved_members(set.id),
            group: self.forwarding.buckets(set.id).map(|(group, _)| group),
            stale,
        })
    }

    /// What a set declared, in the client's words; `None` for sets that lead to no next hop.
    pub(super) fn next_hops_of(&self, set: &hops::NextHopSet) -> Option<NextHops> {
        if let hops::NextHopSet::Vrf(vrf) = set {
            let via = Via::Vrf(self.vrfs.name(*vrf));
            return vec![NextHopSpec {
                via,
                weight: Weight::MIN,
            }]
            .try_into()
            .ok();
        }
        let specs: Vec<_> = set
            .members()
            .iter()
            .filter_map(|hop| self.next_hop_spec(hop))
            .collect();
        specs.try_into().ok()
    }

    /// What a next hop declared, in the client's words.
    pub(super) fn next_hop_spec(&self, hop: &hops::NextHop) -> Option<NextHopSpec> {
        let name = |id| self.interfaces.get(id).map(|i| i.name);
        let via = match hop.via {
            hops::Via::Recursive { vrf, address } => Via::Recursive {
                gateway: address,
                vrf: Some(self.vrfs.name(vrf)),
            },
            hops::Via::Connected {
                address, interface, ..
            } => Via::Neighbour {
                gateway: address,
                interface: name(interface)?,
                onlink: false,
            },
            hops::Via::OnLink { interface, address } => Via::Neighbour {
                gateway: address,
                interface: name(interface)?,
                onlink: true,
            },
            hops::Via::Link { interface } => Via::Link(name(interface)?),
            hops::Via::Tunnel { tunnel, remote, .. } => {
                let key = self.hops.tunnel_view(tunnel)?.key;
                let endpoint = self.overlay.endpoints.get(key.endpoint);
                Via::Tunnel(Box::new(TunnelHop {
                    remote,
                    endpoint: endpoint.map(|e| e.spec.name).unwrap_or_default(),
                    encap: key.encap.clone(),
                }))
            }
        };
        Some(NextHopSpec {
            via,
            weight: Weight::try_from(u32::from(hop.weight.get())).ok()?,
        })
    }

    /// What a set resolved to.
    pub(super) fn resolved_members(&self, set: hops::NextHopSetId) -> Vec<ResolvedMember> {
        let buckets = self
            .forwarding
            .buckets(set)
            .map(|(_, buckets)| buckets)
            .unwrap_or_default();
        let member = |member: &Member| {
            let has = buckets.iter().filter(|b| **b == member.to.hop()).count();
            Some(ResolvedMember {
                hop: self.hop_view(&member.to)?,
                weight: member.weight,
                buckets: u32::try_from(has).unwrap_or(u32::MAX),
            })
        };
        self.forwarding
            .members(set)
            .iter()
            .filter_map(member)
            .collect()
    }

    fn hop_view(&self, to: &To) -> Option<HopView> {
        match *to {
            To::Neighbour { key, adjacency } => {
                self.adjacency_view(key, adjacency).map(HopView::Adjacency)
            }
            To::Tunnel(id) => {
                let underlay = self.hops.tunnel_view(id)?.underlay;
                let written = self.plane.draft().tunnel(id);
                Some(HopView::Tunnel {
                    id,
                    header: written.map(|t| t.header().to_vec()).unwrap_or_default(),
                    underlay: self.resolved_members(underlay),
                })
            }
        }
    }

    fn adjacency_view(&self, key: NeighbourKey, id: AdjacencyId) -> Option<AdjacencyView> {
        let interface = self.interfaces.get(key.interface)?;
        let written = self.plane.draft().adjacency(id)?;
        let resolved = written.state == AdjacencyState::Resolved;
        Some(AdjacencyView {
            id,
            interface: interface.name,
            port: interface.port.and_then(|port| self.port_name(port)),
            neighbour: Some(key.address),
            rewrite: resolved.then(|| written.header[..usize::from(written.header_len)].to_vec()),
            mtu: written.mtu_bytes,
            traffic: self.adjacency_traffic(id),
        })
    }

    /// What all workers counted at one place.
    pub(super) fn sum_of(
        &self,
        place: impl Fn(&WorkerCounters) -> &ferroute_dataplane::counters::Traffic,
    ) -> Traffic {
        let mut sum = Traffic::default();
        for worker in self.hardware.workers() {
            let counted = place(&worker.counters);
            sum.packets += counted.packets.get();
            sum.bytes += counted.bytes.get();
        }
        sum
    }

    /// The set behind what a FIB entry says.
    pub(super) fn set_of(&self, id: NextHopId) -> Option<hops::NextHopSetId> {
        self.hops
            .iter()
            .find(|set| next_hop_id(set.id) == id)
            .map(|set| set.id)
    }
}
