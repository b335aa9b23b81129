//! Batches of routes: from what an owner says to the RIB.

use ferroute_dataplane::ids::{EndpointId, VrfId};
use std::num::NonZeroU16;
use std::sync::Arc;

use super::router::Router;
use crate::model::event::Happening;
use crate::model::name::EndpointName;
use crate::model::nexthop as model;
use crate::model::number::Weight;
use crate::model::owner::OwnerError;
use crate::model::prefix::Prefix;
use crate::model::reason::Reason;
use crate::model::refusal::{Circle, RouteError, VrfRef};
use crate::model::route::{
    BatchItem, BatchOutcome, BatchPolicy, Refusal, RouteBatch, RouteChange, RouteSpec, RouteTarget,
    SpecialRoute,
};
use crate::nexthop::{
    Encap, GroupKey, NextHop, NextHopError, NextHopSet, NextHopSetId, TunnelKey, Via, is_station,
};
use crate::rib::{self, Attributes, Session, Undo};

/// How far a batch came.
#[derive(Default)]
pub(super) struct Progress {
    /// Whether its sets are made.
    begun: bool,
    /// Its next change.
    place: usize,
    applied: usize,
    refused: Vec<Refusal>,
}

impl Progress {
    /// What became of the batch.
    pub(super) fn into_outcome(self) -> BatchOutcome {
        BatchOutcome {
            applied: u32::try_from(self.applied).unwrap_or(u32::MAX),
            refused: self.refused,
        }
    }
}

/// What of a piece was done, to be taken back if it must.
#[derive(Default)]
struct Done {
    sets: Vec<(u32, Option<Arc<NextHopSet>>)>,
    /// Each with the place of its change in the batch.
    routes: Vec<(u32, Undo)>,
}

impl Router {
    /// Applies a batch in one piece. When this returns, the workers see it.
    ///
    /// # Errors
    /// [`OwnerError::SessionClosed`]; nothing was applied then.
    pub(super) fn apply_batch(&mut self, batch: &RouteBatch) -> Result<BatchOutcome, OwnerError> {
        let mut progress = Progress::default();
        while self.apply_piece(batch, &mut progress, batch.changes.len())? {}
        Ok(progress.into_outcome())
    }

    /// Goes on with a batch by at most so many changes, or all if it stands or falls as a whole. When this returns, the
    /// workers see them. False at the end of the batch.
    ///
    /// # Errors
    /// [`OwnerError::SessionClosed`]; nothing more was applied then.
    pub(super) fn apply_piece(
        &mut self,
        batch: &RouteBatch,
        progress: &mut Progress,
        most: usize,
    ) -> Result<bool, OwnerError> {
        let (session, owner) = self.sessions.get(batch.session)?;
        let vrfs: Vec<Option<VrfId>> = batch.vrfs.iter().map(|name| self.vrfs.id(name)).collect();
        let whole = batch.policy == BatchPolicy::AllOrNothing;
        let mut done = Done::default();
        let mut refused = Vec::new();
        if !progress.begun {
            progress.begun = true;
            for set in &batch.sets {
                match self.put_set(session, set) {
                    Ok(before) => done.sets.push((set.id.get(), before)),
                    Err(error) => refused.push(Refusal {
                        item: BatchItem::Set(set.id.get()),
                        error,
                    }),
                }
            }
        }
        let left = batch.changes.get(progress.place..).unwrap_or_default();
        let piece = &left[..if whole {
            left.len()
        } else {
            left.len().min(most)
        }];
        for (place, change) in (progress.place as u32..).zip(piece) {
            match self.apply_change(session, &vrfs, batch, change) {
                Ok(undo) => done.routes.push((place, undo)),
                Err(error) => refused.push(Refusal {
                    item: BatchItem::Route(place),
                    error,
                }),
            }
        }
        progress.place += piece.len();
        let more = piece.len() < left.len();
        if refused.is_empty() || !whole {
            self.settle();
            self.refuse_unwritten(&mut done, &mut refused);
        }
        if whole && !refused.is_empty() {
            self.take_back(session, done);
        } else {
            progress.applied += done.sets.len() + done.routes.len();
        }
        if !more && (refused.is_empty() || !whole) {
            for number in &batch.deleted_sets {
                match self.delete_set(session, *number) {
                    Ok(()) => progress.applied += 1,
                    Err(error) => refused.push(Refusal {
                        item: BatchItem::Set(number.get()),
                        error,
                    }),
                }
            }
        }
        self.finish();
        if let Some(first) = refused.first().filter(|_| progress.refused.is_empty()) {
            self.tell(Happening::Refusal {
                owner: Some(owner),
                reason: first.error.reason(),
                message: first.error.to_string(),
            });
        }
        progress.refused.append(&mut refused);
        Ok(more)
    }

    /// Takes the routes back for which the FIB had no room, so that RIB and FIB agree, and refuses them.
    fn refuse_unwritten(&mut self, done: &mut Done, refused: &mut Vec<Refusal>) {
        let unwritten = std::mem::take(&mut self.unwritten);
        if unwritten.is_empty() {
            return;
        }
        let is_written = |(_, undo): &(u32, Undo)| !unwritten.contains(&undo.place());
        let (kept, lost): (Vec<_>, Vec<_>) = std::mem::take(&mut done.routes)
            .into_iter()
            .partition(is_written);
        done.routes = kept;
        for (place, undo) in lost.into_iter().rev() {
            self.note_undo(&undo);
            self.rib.undo(&mut self.hops, undo, &mut self.changes);
            refused.push(Refusal {
                item: BatchItem::Route(place),
                error: RouteError::TableFull {
                    table: "FIB",
                    limit: self.rib.len() as u64,
                },
            });
        }
        self.settle();
    }

    fn take_back(&mut self, session: Session, done: Done) {
        for (_, undo) in done.routes.into_iter().rev() {
            self.note_undo(&undo);
            self.rib.undo(&mut self.hops, undo, &mut self.changes);
        }
        for (number, before) in done.sets.into_iter().rev() {
            let key = GroupKey {
                owner: session.owner(),
                number,
            };
            // Both were in force a moment ago, so neither can be refused now.
            match before {
                Some(set) => drop(
                    self.hops
                        .put_group(session, number, (*set).clone(), &self.rib),
                ),
                None => drop(self.hops.remove_group(key)),
            }
            self.note_group(key);
        }
    }

    fn apply_change(
        &mut self,
        session: Session,
        vrfs: &[Option<VrfId>],
        batch: &RouteBatch,
        change: &RouteChange,
    ) -> Result<Undo, RouteError> {
        let vrf_of = |place: u16| {
            let unknown = || RouteError::UnknownVrf {
                vrf: batch
                    .vrfs
                    .get(usize::from(place))
                    .map_or(VrfRef::Place(place.into()), |n| VrfRef::Name(*n)),
            };
            vrfs.get(usize::from(place))
                .copied()
                .flatten()
                .ok_or_else(unknown)
        };
        match change {
            RouteChange::Withdraw { vrf, prefix } => {
                let vrf = vrf_of(vrf.0)?;
                let removed = self.rib.remove(
                    &mut self.hops,
                    session,
                    vrf,
                    prefix.net(),
                    &mut self.changes,
                );
                if removed.is_ok() {
                    self.note_route(session, vrf, prefix.net(), None);
                }
                removed.map_err(|e| self.route_refused(e, *prefix))
            }
            RouteChange::Announce(spec) => {
                let vrf = vrf_of(spec.vrf.0)?;
                if spec.prefix.is_reserved() {
                    return Err(RouteError::ReservedPrefix {
                        prefix: spec.prefix,
                    });
                }
                let set = self.target_set(session, vrf, spec)?;
                let attributes = Attributes {
                    distance: spec.distance.get(),
                    metric: spec.metric.0,
                    set,
                };
                let added = self.rib.insert(
                    &mut self.hops,
                    session,
                    vrf,
                    spec.prefix.net(),
                    attributes,
                    &mut self.changes,
                );
                if added.is_ok() {
                    self.note_route(session, vrf, spec.prefix.net(), Some(attributes));
                }
                added.map_err(|e| self.route_refused(e, spec.prefix))
            }
        }
    }

    /// The set that a route leads to.
    fn target_set(
        &mut self,
        session: Session,
        vrf: VrfId,
        spec: &RouteSpec,
    ) -> Result<NextHopSetId, RouteError> {
        let set = match &spec.target {
            RouteTarget::Set(number) => {
                let key = GroupKey {
                    owner: session.owner(),
                    number: number.get(),
                };
                return self.hops.group(key).ok_or(RouteError::UnknownNextHopSet {
                    next_hop_set: *number,
                });
            }
            RouteTarget::Special(SpecialRoute::Blackhole) => NextHopSet::Blackhole,
            RouteTarget::Special(SpecialRoute::Unreachable) => NextHopSet::Unreachable,
            RouteTarget::Special(SpecialRoute::Prohibit) => NextHopSet::Prohibit,
            RouteTarget::NextHops(hops) if !hops.serve(spec.prefix.family()) => {
                return Err(RouteError::FamilyMismatch);
            }
            RouteTarget::NextHops(hops) => self.declared_set(vrf, hops)?,
        };
        self.intern(set)
    }

    pub(super) fn intern(&mut self, set: NextHopSet) -> Result<NextHopSetId, RouteError> {
        let interned = self.hops.intern(set, &self.rib);
        interned.map_err(|full| RouteError::TableFull {
            table: "next hop",
            limit: full.limit as u64,
        })
    }

    /// What a client declared, in the core's terms.
    pub(super) fn declared_set(
        &mut self,
        vrf: VrfId,
        hops: &model::NextHops,
    ) -> Result<NextHopSet, RouteError> {
        if let [
            model::NextHopSpec {
                via: model::Via::Vrf(name),
                ..
            },
        ] = hops.as_slice()
        {
            let other = self.vrfs.id(name).ok_or(RouteError::UnknownVrf {
                vrf: VrfRef::Name(*name),
            })?;
            return if other == vrf {
                Err(RouteError::NextHopLoop {
                    path: Circle::Vrf(*name),
                })
            } else {
                Ok(NextHopSet::Vrf(other))
            };
        }
        let members: Result<Vec<NextHop>, RouteError> = hops
            .as_slice()
            .iter()
            .map(|hop| self.declared_hop(vrf, hop))
            .collect();
        NextHopSet::unicast(members?).map_err(|error| match error {
            NextHopError::TooMany => RouteError::TooManyNextHops {
                count: hops.as_slice().len(),
                limit: model::MAX_NEXT_HOPS,
            },
            _ => RouteError::NoNextHop,
        })
    }

    /// A next hop into a tunnel, which is made if it is new.
    fn declared_tunnel(
        &mut self,
        tunnel: &model::TunnelHop,
        weight: Weight,
    ) -> Result<NextHop, RouteError> {
        let remote = tunnel.remote;
        let labels_only = matches!(tunnel.encap, Encap::Mpls(_));
        let (endpoint, vrf) = match self.overlay.endpoints.named(&tunnel.endpoint) {
            Ok((id, endpoint)) => {
                let spoken = endpoint.spec.addresses.source_for(remote);
                if spoken.is_none() && !labels_only {
                    return Err(RouteError::EndpointFamily {
                        endpoint: tunnel.endpoint,
                        gateway: remote,
                    });
                }
                (id, endpoint.vrf)
            }
            // Labels on a link need no address of the router's own.
            Err(_) if labels_only && tunnel.endpoint == EndpointName::default() => {
                (EndpointId::default(), VrfId::DEFAULT)
            }
            Err(_) => {
                return Err(RouteError::UnknownEndpoint {
                    endpoint: tunnel.endpoint,
                });
            }
        };
        if !is_station(remote) {
            return Err(RouteError::InvalidGateway { gateway: remote });
        }
        if self.is_own_address(vrf, remote) {
            return Err(RouteError::NextHopSelf { gateway: remote });
        }
        let key = TunnelKey {
            endpoint,
            vrf,
            remote,
            encap: tunnel.encap.clone(),
        };
        let tunnel = self.tunnel(key).map_err(|full| RouteError::TableFull {
            table: "next hop",
            limit: full.limit as u64,
        })?;
        let via = Via::Tunnel {
            vrf,
            remote,
            tunnel,
        };
        let weight = NonZeroU16::new(weight.get()).ok_or(RouteError::BadWeight { weight: 0 })?;
        Ok(NextHop { via, weight })
    }

    fn declared_hop(
        &mut self,
        vrf: VrfId,
        hop: &model::NextHopSpec,
    ) -> Result<NextHop, RouteError> {
        if let model::Via::Tunnel(tunnel) = &hop.via {
            return self.declared_tunnel(tunnel, hop.weight);
        }

        let find = |name| {
            let found = self
                .interfaces
                .named(&name)
                .ok_or(RouteError::UnknownInterface { interface: name })?;
            if !found.has_link() {
                Err(RouteError::InterfaceKind { interface: name })
            } else {
                Ok(found)
            }
        };
        let named = |name| {
            self.vrfs.id(&name).ok_or(RouteError::UnknownVrf {
                vrf: VrfRef::Name(name),
            })
        };
        let (gateway, interface, vrf, onlink) = match hop.via {
            model::Via::Recursive {
                gateway,
                vrf: other,
            } => (Some(gateway), None, other.map_or(Ok(vrf), named)?, false),
            model::Via::Neighbour {
                gateway,
                interface,
                onlink,
            } => {
                let found = find(interface)?;
                (Some(gateway), Some(found.id), found.vrf, onlink)
            }
            model::Via::Link(interface) => {
                let found = find(interface)?;
                (None, Some(found.id), found.vrf, false)
            }
            model::Via::Vrf(_) | model::Via::Tunnel(_) => {
                return Err(RouteError::NextHopForm {
                    problem: "a next hop that leads into another VRF stands alone",
                });
            }
        };
        if let (Some(gateway), true) = (
            gateway,
            gateway.is_some_and(|g| self.is_own_address(vrf, g)),
        ) {
            return Err(RouteError::NextHopSelf { gateway });
        }
        let made = NextHop::from_parts(gateway, interface, vrf, onlink, hop.weight.get());
        let made = made.map_err(|error| match (error, gateway) {
            (
                NextHopError::InvalidGateway { address }
                | NextHopError::LinkLocalWithoutInterface { address },
                _,
            ) => RouteError::InvalidGateway { gateway: address },
            (NextHopError::ZeroWeight, _) => RouteError::BadWeight { weight: 0 },
            _ => RouteError::NextHopForm {
                problem: "a next hop needs a gateway or an interface",
            },
        })?;
        self.check_on_link(&made, hop)?;
        Ok(made)
    }

    /// Refuses a gateway that is on no link of its interface, while that has its addresses.
    fn check_on_link(&self, made: &NextHop, hop: &model::NextHopSpec) -> Result<(), RouteError> {
        let (
            Via::Connected {
                address, interface, ..
            },
            model::Via::Neighbour {
                interface: name, ..
            },
        ) = (made.via, &hop.via)
        else {
            return Ok(());
        };
        let covers = |i: &super::interface::Interface| {
            i.addresses.iter().any(|a| a.net().contains(&address))
        };
        if self.interfaces.get(interface).is_some_and(covers) {
            return Ok(());
        }
        Err(RouteError::GatewayNotOnLink {
            gateway: address,
            interface: *name,
        })
    }

    fn is_own_address(&self, vrf: VrfId, address: std::net::IpAddr) -> bool {
        self.interfaces
            .in_vrf(vrf)
            .any(|i| i.addresses.iter().any(|a| a.address() == address))
    }

    /// What an error of the RIB is to a client.
    fn route_refused(&self, error: rib::RouteError, prefix: Prefix) -> RouteError {
        match error {
            rib::RouteError::UnknownVrf(vrf) => RouteError::UnknownVrf {
                vrf: VrfRef::Name(self.vrfs.name(vrf)),
            },
            rib::RouteError::HostBits(given) => RouteError::HostBits {
                given,
                meant: given.trunc(),
            },
            rib::RouteError::UnknownSet(_) => RouteError::NoNextHop,
            rib::RouteError::FamilyMismatch(_) => RouteError::FamilyMismatch,
            rib::RouteError::Loop(circle) => RouteError::NextHopLoop {
                path: Circle::Gateways(circle),
            },
            rib::RouteError::VrfFull { limit, .. } => RouteError::TableFull {
                table: "VRF's route",
                limit: limit as u64,
            },
            rib::RouteError::Full { limit } => RouteError::TableFull {
                table: "route",
                limit: limit as u64,
            },
            rib::RouteError::NoSuchRoute(_) | rib::RouteError::SessionOver => {
                RouteError::NoSuchRoute { prefix }
            }
        }
    }
}
