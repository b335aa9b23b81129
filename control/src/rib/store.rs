//! The routes of all VRFs.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::ops::ControlFlow;

use ferroute_dataplane::ids::VrfId;
use ipnet::IpNet;

use crate::nexthop::{Lookup, NextHopSetId, NextHops};

use super::elect::Election;
use super::error::{RouteError, VrfExists};
use super::key::{AnyKey, Key, Key4, Key6};
use super::overlay::WithRoute;
use super::owner::{OwnerId, Session};
use super::owners::Owners;
use super::route::{Attributes, Best, Candidates, Route};
use super::table::Table;
use super::work::Job;

/// How many routes there may be; each owner's route of a prefix counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// In one VRF, both families together.
    pub per_vrf: usize,
    /// In all VRFs.
    pub total: usize,
}

/// What the FIB is to know of a prefix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BestChange {
    /// The VRF.
    pub vrf: VrfId,
    /// The prefix.
    pub prefix: IpNet,
    /// What was in the FIB.
    pub old: Option<Best>,
    /// What is to be.
    pub new: Option<Best>,
}

/// How to take a change back.
#[derive(Clone, Copy, Debug)]
pub struct Undo {
    vrf: VrfId,
    prefix: IpNet,
    owner: OwnerId,
    before: Option<Route>,
}

impl Undo {
    /// Where the route is or was.
    #[must_use]
    pub const fn place(&self) -> (VrfId, IpNet) {
        (self.vrf, self.prefix)
    }

    /// Whose route it is.
    #[must_use]
    pub const fn owner(&self) -> OwnerId {
        self.owner
    }

    /// What the owner's route was before, and the generation in which it was said.
    #[must_use]
    pub fn before_with_generation(&self) -> Option<(Attributes, u32)> {
        let said = |route: Route| (route.attributes(), route.generation);
        self.before.map(said)
    }

    /// What the owner's route was before.
    #[must_use]
    pub fn before(&self) -> Option<Attributes> {
        self.before.map(Route::attributes)
    }
}

/// The tables of one VRF.
#[derive(Debug, Default)]
pub(super) struct Vrf {
    pub(super) v4: Table<Key4>,
    pub(super) v6: Table<Key6>,
    pub(super) routes: usize,
    /// Its routes are on their way out, and none may come.
    pub(super) leaving: bool,
}

/// All routes, and who said them. See the [module](super) for how it is used.
#[derive(Debug)]
pub struct Rib {
    pub(super) vrfs: BTreeMap<VrfId, Vrf>,
    pub(super) owners: Owners,
    pub(super) limits: Limits,
    pub(super) routes: usize,
    pub(super) jobs: VecDeque<Job>,
    pub(super) election: Election,
}

impl Rib {
    /// No VRF, no owner, no route.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            vrfs: BTreeMap::new(),
            owners: Owners::default(),
            limits,
            routes: 0,
            jobs: VecDeque::new(),
            election: Election::default(),
        }
    }

    /// Makes the empty tables of a VRF.
    pub fn add_vrf(&mut self, vrf: VrfId) -> Result<(), VrfExists> {
        match self.vrfs.entry(vrf) {
            Entry::Occupied(_) => Err(VrfExists(vrf)),
            Entry::Vacant(place) => {
                place.insert(Vrf::default());
                Ok(())
            }
        }
    }

    /// Adds the owner's route of a prefix, or replaces it.
    ///
    /// What this changes in the FIB is added to `changes`.
    pub fn insert(
        &mut self,
        hops: &mut NextHops,
        session: Session,
        vrf: VrfId,
        prefix: IpNet,
        attributes: Attributes,
        changes: &mut Vec<BestChange>,
    ) -> Result<Undo, RouteError> {
        let Attributes {
            distance,
            metric,
            set,
        } = attributes;
        let key = exact_key(prefix)?;
        let owner = self.owners.of(session).ok_or(RouteError::SessionOver)?;
        let route = Route {
            set,
            metric,
            generation: owner.generation,
            owner: session.owner,
            distance,
            installed: false,
        };
        if !self.has_vrf(vrf) {
            return Err(RouteError::UnknownVrf(vrf));
        }
        let declared = hops.get(set).ok_or(RouteError::UnknownSet(set))?.declared;
        if matches!(key, AnyKey::V6(_)) && declared.has_ipv4_gateway() {
            return Err(RouteError::FamilyMismatch(prefix));
        }
        let with = WithRoute {
            rib: self,
            vrf,
            prefix,
            route,
        };
        hops.check_route(set, vrf, prefix, &with)
            .map_err(RouteError::Loop)?;
        let before = self.put(hops, vrf, key, route, changes)?;
        Ok(Undo {
            vrf,
            prefix,
            owner: session.owner,
            before,
        })
    }

    /// Withdraws the owner's route of a prefix.
    pub fn remove(
        &mut self,
        hops: &mut NextHops,
        session: Session,
        vrf: VrfId,
        prefix: IpNet,
        changes: &mut Vec<BestChange>,
    ) -> Result<Undo, RouteError> {
        let key = exact_key(prefix)?;
        self.owners.of(session).ok_or(RouteError::SessionOver)?;
        if !self.has_vrf(vrf) {
            return Err(RouteError::UnknownVrf(vrf));
        }
        let before = self
            .take(hops, vrf, key, session.owner, changes)
            .ok_or(RouteError::NoSuchRoute(prefix))?;
        Ok(Undo {
            vrf,
            prefix,
            owner: session.owner,
            before: Some(before),
        })
    }

    /// Takes a change back, for batches that stand or fall as a whole. The changes of a batch are taken
    /// back last first, before [`NextHops::collect`] and before any work of the RIB goes on.
    pub fn undo(&mut self, hops: &mut NextHops, undo: Undo, changes: &mut Vec<BestChange>) {
        let Undo {
            vrf,
            prefix,
            owner,
            before,
        } = undo;
        let key = AnyKey::from_net(prefix);
        match before {
            // There was room for it before, and nothing else came since.
            Some(route) => drop(self.put(hops, vrf, key, route, changes)),
            None => drop(self.take(hops, vrf, key, owner, changes)),
        }
    }

    fn put(
        &mut self,
        hops: &mut NextHops,
        vrf_id: VrfId,
        key: AnyKey,
        route: Route,
        changes: &mut Vec<BestChange>,
    ) -> Result<Option<Route>, RouteError> {
        let vrf = self
            .vrfs
            .get_mut(&vrf_id)
            .filter(|vrf| !vrf.leaving)
            .ok_or(RouteError::UnknownVrf(vrf_id))?;
        let room = if self.routes >= self.limits.total {
            Err(RouteError::Full {
                limit: self.limits.total,
            })
        } else if vrf.routes >= self.limits.per_vrf {
            Err(RouteError::VrfFull {
                vrf: vrf_id,
                limit: self.limits.per_vrf,
            })
        } else {
            Ok(())
        };
        let usable = |set| hops.is_usable(set);
        let (before, change) = match key {
            AnyKey::V4(key) => vrf.v4.put(key, route, room, &self.owners, usable)?,
            AnyKey::V6(key) => vrf.v6.put(key, route, room, &self.owners, usable)?,
        };
        let prefix = key.net();
        if before.map(|before| before.set) != Some(route.set) {
            hops.retain(route.set, vrf_id, prefix);
            if let Some(before) = before {
                hops.release(before.set, vrf_id, prefix);
            }
        }
        self.owners.count(&route);
        match before {
            Some(before) => self.owners.discount(&before),
            None => {
                vrf.routes += 1;
                self.routes += 1;
            }
        }
        if before.map(Route::attributes) != Some(route.attributes()) {
            hops.note_changed(vrf_id, prefix);
        }
        change.report(vrf_id, prefix, changes);
        Ok(before)
    }

    fn take(
        &mut self,
        hops: &mut NextHops,
        vrf_id: VrfId,
        key: AnyKey,
        owner: OwnerId,
        changes: &mut Vec<BestChange>,
    ) -> Option<Route> {
        let vrf = self.vrfs.get_mut(&vrf_id)?;
        let usable = |set| hops.is_usable(set);
        let (before, change) = match key {
            AnyKey::V4(key) => vrf.v4.take(key, owner, usable)?,
            AnyKey::V6(key) => vrf.v6.take(key, owner, usable)?,
        };
        let prefix = key.net();
        vrf.routes -= 1;
        self.routes -= 1;
        hops.release(before.set, vrf_id, prefix);
        self.owners.discount(&before);
        hops.note_changed(vrf_id, prefix);
        change.report(vrf_id, prefix, changes);
        Some(before)
    }

    /// Whether the VRF exists.
    #[must_use]
    pub fn has_vrf(&self, vrf: VrfId) -> bool {
        self.vrfs.get(&vrf).is_some_and(|vrf| !vrf.leaving)
    }

    /// How many routes there are in all VRFs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.routes
    }

    /// Whether there is no route at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.routes == 0
    }

    /// The route of exactly this prefix that is in the FIB.
    #[must_use]
    pub fn installed(&self, vrf: VrfId, prefix: IpNet) -> Option<Best> {
        let vrf = self.vrfs.get(&vrf)?;
        match AnyKey::from_net(prefix) {
            AnyKey::V4(key) => vrf.v4.map.get(&key)?.installed(),
            AnyKey::V6(key) => vrf.v6.map.get(&key)?.installed(),
        }
    }

    /// The route that packets to this address take: the longest prefix in the FIB.
    #[must_use]
    pub fn lookup(&self, vrf: VrfId, address: IpAddr) -> Option<(IpNet, Best)> {
        let mut found = None;
        self.walk(
            vrf,
            address.into(),
            &mut |prefix, candidates| match candidates.installed() {
                Some(best) => {
                    found = Some((prefix, best));
                    ControlFlow::Break(())
                }
                None => ControlFlow::Continue(()),
            },
        );
        found
    }

    /// Visits the prefixes that cover `within`, longest first.
    pub(super) fn walk(
        &self,
        vrf: VrfId,
        within: IpNet,
        visit: &mut dyn FnMut(IpNet, &Candidates) -> ControlFlow<()>,
    ) {
        let Some(vrf) = self.vrfs.get(&vrf) else {
            return;
        };
        match AnyKey::from_net(within) {
            AnyKey::V4(key) => vrf
                .v4
                .covering(key, |key, candidates| visit(key.net(), candidates)),
            AnyKey::V6(key) => vrf
                .v6
                .covering(key, |key, candidates| visit(key.net(), candidates)),
        }
    }
}

impl Lookup for Rib {
    fn covering(
        &self,
        vrf: VrfId,
        address: IpAddr,
        visit: &mut dyn FnMut(u8, NextHopSetId) -> ControlFlow<()>,
    ) {
        self.walk(vrf, address.into(), &mut |prefix, candidates| {
            candidates
                .as_slice()
                .iter()
                .try_for_each(|route| visit(prefix.prefix_len(), route.set))
        });
    }
}

fn exact_key(prefix: IpNet) -> Result<AnyKey, RouteError> {
    if prefix == prefix.trunc() {
        Ok(AnyKey::from_net(prefix))
    } else {
        Err(RouteError::HostBits(prefix))
    }
}
