//! From messages of a route stream to a batch for the core.
//!
//! An item that is wrong in itself is refused here, with its place in the client's list; the rest goes
//! to the core, whose places are then translated back. In the usual case nothing is refused and
//! places are the same.

use crate::api::nexthop::{next_hops, set, set_id};
use crate::model::name::{NameError, VrfName};
use crate::model::number::{Distance, Metric, NextHopSetId};
use crate::model::owner::SessionId;
use crate::model::prefix::Prefix;
use crate::model::reason::reasons;
use crate::model::refusal::{RouteError, VrfRef};
use crate::model::route::{
    BatchItem, BatchPolicy, MAX_BATCH_ROUTES, Refusal, RouteBatch, RouteChange, RouteSpec,
    RouteTarget, SpecialRoute, VrfPlace,
};
use ferroute_proto::v1 as pb;

reasons! {
    /// Why a route stream cannot go on.
    pub(super) enum InjectError {
        /// Something came before `open`.
        NotOpen = "NOT_OPEN", Precondition, "the first message of the stream must be `open`";
        /// A second `open` came.
        AlreadyOpen = "ALREADY_OPEN", Precondition, "the stream is open already";
        /// A message says nothing.
        EmptyMessage = "EMPTY_MESSAGE", Invalid, "the message has neither `open` nor `batch` nor `end_of_rib`";
        /// A batch is too large.
        BatchTooLarge { /// What it has too many of.
            what: &'static str, /// How many it has.
            count: usize, /// Most that are allowed.
            limit: usize } = "BATCH_TOO_LARGE", Invalid, "{count} {what} in one batch are above the limit of {limit}";
        /// A batch policy that this version does not know.
        UnknownPolicy { /// The value.
            value: i32 } = "UNKNOWN_VALUE", Invalid, "the batch policy {value} is not known";
        /// A persistent owner has no generations and no grace time.
        PersistentEpoch = "PERSISTENT_EPOCH", Invalid, "a persistent owner takes neither an epoch nor a grace time";
    }
}

/// What the routes of a stream have when they do not say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Defaults {
    /// Compared first.
    pub(super) distance: Distance,
    /// Compared second.
    pub(super) metric: Metric,
}

/// A batch as far as it makes sense.
#[derive(Debug)]
pub(super) struct Decoded {
    /// What the core is to do; absent if a refusal already decided the batch.
    pub(super) batch: Option<RouteBatch>,
    /// What was refused, with the client's places.
    pub(super) refused: Vec<Refusal>,
    /// The client's place of each route in `batch`; absent while they are the same.
    pub(super) places: Option<Vec<u32>>,
}

impl Decoded {
    /// A batch from its message.
    ///
    /// # Errors
    /// If the message is so wrong that the stream cannot go on.
    pub(super) fn new(
        message: &pb::RouteBatch,
        session: SessionId,
        defaults: Defaults,
    ) -> Result<Self, InjectError> {
        bound(message)?;
        let policy = match pb::BatchPolicy::try_from(message.policy) {
            Ok(pb::BatchPolicy::BestEffort) => BatchPolicy::BestEffort,
            Ok(pb::BatchPolicy::AllOrNothing) => BatchPolicy::AllOrNothing,
            Err(_) => {
                return Err(InjectError::UnknownPolicy {
                    value: message.policy,
                });
            }
        };
        let mut refused = Vec::new();
        let mut sets = Vec::with_capacity(message.next_hop_sets.len());
        for given in &message.next_hop_sets {
            match set(given) {
                Ok(set) => sets.push(set),
                Err(error) => refused.push(Refusal {
                    item: BatchItem::Set(given.id),
                    error,
                }),
            }
        }
        let vrfs = Vrfs::new(&message.vrfs);
        let mut changes = Vec::with_capacity(message.routes.len());
        let mut places: Option<Vec<u32>> = None;
        for (place, route) in (0_u32..).zip(&message.routes) {
            match change(route, &vrfs, defaults) {
                Ok(change) => {
                    if let Some(places) = &mut places {
                        places.push(place);
                    }
                    changes.push(change);
                }
                Err(error) => {
                    places.get_or_insert_with(|| (0..place).collect());
                    refused.push(Refusal {
                        item: BatchItem::Route(place),
                        error,
                    });
                }
            }
        }
        let mut deleted_sets = Vec::with_capacity(message.delete_next_hop_sets.len());
        for given in &message.delete_next_hop_sets {
            match set_id(*given) {
                Ok(id) => deleted_sets.push(id),
                Err(error) => refused.push(Refusal {
                    item: BatchItem::Set(*given),
                    error,
                }),
            }
        }
        let decided = policy == BatchPolicy::AllOrNothing && !refused.is_empty();
        let vrfs = vrfs.names();
        let batch = RouteBatch {
            session,
            policy,
            vrfs,
            sets,
            changes,
            deleted_sets,
        };
        Ok(Self {
            batch: (!decided).then_some(batch),
            refused,
            places,
        })
    }
}

/// Translates the place of what the core refused to the client's.
pub(super) fn to_client(places: Option<&[u32]>, refusal: &mut Refusal) {
    if let BatchItem::Route(place) = &mut refusal.item
        && let Some(theirs) = places.and_then(|places| places.get(*place as usize))
    {
        *place = *theirs;
    }
}

fn bound(message: &pb::RouteBatch) -> Result<(), InjectError> {
    let lists = [
        ("VRFs", message.vrfs.len(), usize::from(u16::MAX)),
        (
            "next hop sets",
            message.next_hop_sets.len(),
            MAX_BATCH_ROUTES,
        ),
        ("routes", message.routes.len(), MAX_BATCH_ROUTES),
        (
            "next hop sets to delete",
            message.delete_next_hop_sets.len(),
            MAX_BATCH_ROUTES,
        ),
    ];
    match lists.into_iter().find(|(_, count, limit)| count > limit) {
        Some((what, count, limit)) => Err(InjectError::BatchTooLarge { what, count, limit }),
        None => Ok(()),
    }
}

/// The VRFs of a batch. A name that is not valid costs only the routes that use it.
struct Vrfs(Vec<Result<VrfName, NameError>>);

impl Vrfs {
    fn new(names: &[String]) -> Self {
        if names.is_empty() {
            return Self(vec![Ok(VrfName::default())]);
        }
        Self(
            names
                .iter()
                .map(|name| crate::api::message::vrf_name(name))
                .collect(),
        )
    }

    fn place(&self, place: u32) -> Result<VrfPlace, RouteError> {
        let unknown = RouteError::UnknownVrf {
            vrf: VrfRef::Place(place),
        };
        match u16::try_from(place)
            .ok()
            .and_then(|short| Some((short, self.0.get(usize::from(short))?)))
        {
            Some((short, Ok(_))) => Ok(VrfPlace(short)),
            Some((_, Err(problem))) => Err(RouteError::InvalidName {
                problem: problem.clone(),
            }),
            None => Err(unknown),
        }
    }

    /// The names; no route refers to the place of one that is not valid.
    fn names(self) -> Vec<VrfName> {
        self.0.into_iter().map(Result::unwrap_or_default).collect()
    }
}

fn change(route: &pb::Route, vrfs: &Vrfs, defaults: Defaults) -> Result<RouteChange, RouteError> {
    let prefix = Prefix::from_octets(&route.address, route.length)?;
    let vrf = vrfs.place(route.vrf)?;
    if route.withdraw {
        return Ok(RouteChange::Withdraw { vrf, prefix });
    }
    let distance = match route.distance {
        0 => defaults.distance,
        given => {
            Distance::try_from(given).map_err(|_| RouteError::BadDistance { distance: given })?
        }
    };
    let metric = route.metric.map_or(defaults.metric, Metric);
    Ok(RouteChange::Announce(RouteSpec {
        vrf,
        prefix,
        distance,
        metric,
        target: target(route, prefix)?,
    }))
}

fn target(route: &pb::Route, prefix: Prefix) -> Result<RouteTarget, RouteError> {
    let form = |problem| Err(RouteError::NextHopForm { problem });
    let special = match pb::RouteKind::try_from(route.kind) {
        Ok(pb::RouteKind::Unicast) => None,
        Ok(pb::RouteKind::Blackhole) => Some(SpecialRoute::Blackhole),
        Ok(pb::RouteKind::Unreachable) => Some(SpecialRoute::Unreachable),
        Ok(pb::RouteKind::Prohibit) => Some(SpecialRoute::Prohibit),
        Err(_) => return form("the kind of the route is not known"),
    };
    match (
        special,
        NextHopSetId::try_from(route.next_hop_set),
        route.next_hops.as_slice(),
    ) {
        (Some(special), Err(_), []) => Ok(RouteTarget::Special(special)),
        (Some(_), ..) => form("only unicast routes have next hops"),
        (None, Ok(set), []) => Ok(RouteTarget::Set(set)),
        (None, Ok(_), _) => form("a route has either a next hop set or next hops of its own"),
        (None, Err(_), hops) => {
            let hops = next_hops(hops)?;
            if hops.serve(prefix.family()) {
                Ok(RouteTarget::NextHops(hops))
            } else {
                Err(RouteError::FamilyMismatch)
            }
        }
    }
}
