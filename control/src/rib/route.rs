//! One prefix's routes.

use std::cmp::Ordering;

use smallvec::{SmallVec, smallvec};

use crate::nexthop::NextHopSetId;

use super::owner::OwnerId;
use super::owners::Owners;

/// What an owner says of a prefix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attributes {
    /// How far the owner's word is trusted: lower is preferred.
    pub distance: u8,
    /// Lower is preferred among routes of the same distance.
    pub metric: u32,
    /// Where the route leads.
    pub set: NextHopSetId,
}

/// A route as it is stored: 16 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Route {
    pub(super) set: NextHopSetId,
    pub(super) metric: u32,
    /// The owner's generation in which it was last said.
    pub(super) generation: u32,
    pub(super) owner: OwnerId,
    pub(super) distance: u8,
    /// Whether this is the prefix's route in the FIB.
    pub(super) installed: bool,
}

impl Route {
    /// The route that goes to the FIB, of these.
    pub(super) fn best(self) -> Best {
        Best {
            owner: self.owner,
            set: self.set,
        }
    }

    pub(super) fn attributes(self) -> Attributes {
        Attributes {
            distance: self.distance,
            metric: self.metric,
            set: self.set,
        }
    }

    /// `Less` if this is preferred: by distance, then metric, then the owner's name.
    pub(super) fn preference(&self, other: &Self, owners: &Owners) -> Ordering {
        (self.distance, self.metric)
            .cmp(&(other.distance, other.metric))
            .then_with(|| owners.name(self.owner).cmp(owners.name(other.owner)))
    }
}

/// The route of a prefix that is in the FIB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Best {
    /// Whose route it is.
    pub owner: OwnerId,
    /// Where it leads.
    pub set: NextHopSetId,
}

/// The routes of one prefix, the most preferred first; each owner has at most one.
///
/// Most prefixes have one owner, so one route stands in the map itself.
#[derive(Clone, Debug)]
pub(super) enum Candidates {
    One(Route),
    Many(Box<SmallVec<[Route; 2]>>),
}

// What a route costs in memory rests on this.
const _: () = assert!(size_of::<Candidates>() == 16);

impl Candidates {
    pub(super) fn as_slice(&self) -> &[Route] {
        match self {
            Self::One(route) => std::slice::from_ref(route),
            Self::Many(routes) => routes,
        }
    }

    fn as_mut_slice(&mut self) -> &mut [Route] {
        match self {
            Self::One(route) => std::slice::from_mut(route),
            Self::Many(routes) => routes,
        }
    }

    pub(super) fn of(&self, owner: OwnerId) -> Option<&Route> {
        self.as_slice().iter().find(|route| route.owner == owner)
    }

    pub(super) fn installed(&self) -> Option<Best> {
        self.as_slice()
            .iter()
            .find(|route| route.installed)
            .map(|route| route.best())
    }

    /// Puts a route in its place, instead of the one that its owner had; gives that back.
    pub(super) fn put(&mut self, route: Route, owners: &Owners) -> Option<Route> {
        if let Self::One(only) = self {
            if only.owner == route.owner {
                return Some(std::mem::replace(only, route));
            }
            *self = Self::Many(Box::new(smallvec![*only]));
        }
        let Self::Many(routes) = self else {
            return None;
        };
        let before = routes
            .iter()
            .position(|other| other.owner == route.owner)
            .map(|at| routes.remove(at));
        let place = routes.partition_point(|other| other.preference(&route, owners).is_lt());
        routes.insert(place, route);
        before
    }

    /// Keeps the routes that `keep` says. `false` if none is left; the entry must then go.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&Route) -> bool) -> bool {
        match self {
            Self::One(route) => keep(route),
            Self::Many(routes) => {
                routes.retain(|route| keep(route));
                match routes[..] {
                    [] => false,
                    [only] => {
                        *self = Self::One(only);
                        true
                    }
                    _ => true,
                }
            }
        }
    }

    /// Chooses the first usable route for the FIB, and marks it.
    pub(super) fn elect(&mut self, usable: impl Fn(NextHopSetId) -> bool) -> Option<Best> {
        let mut best = None;
        for route in self.as_mut_slice() {
            route.installed = best.is_none() && usable(route.set);
            if route.installed {
                best = Some(route.best());
            }
        }
        best
    }
}
