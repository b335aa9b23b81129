//! Taking up what the last router left.
//!
//! It is done in one go, after the configuration and before any client is served: what the configuration says counts, and
//! what clients made beside it comes back. Owners come back without a session, their routes stale; their grace time
//! begins anew. What is refused now (its port is gone, its address is another's) is logged and left out.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use ferroute_dataplane::ids::VrfId;

use super::super::link::namespace_path;
use super::super::router::Router;
use crate::api::saved::{decode, decode_hops};
use crate::exception::command::Command;
use crate::model::belonging::Belonging;
use crate::model::bridge::{FdbChange, FloodChange};
use crate::model::interface::{InterfaceChange, InterfaceKind, InterfaceSpec};
use crate::model::name::OwnerName;
use crate::model::neighbour::NeighbourSpec;
use crate::model::nexthop::NextHops;
use crate::model::number::{Choice, NextHopSetId as SetNumber};
use crate::model::saved::{
    SavedInterface, SavedNeighbour, SavedStation, Thing, ThingKey, ThingKind,
};
use crate::neighbour::NeighbourKey;
use crate::nexthop::{GroupKey, NextHopSet, NextHopSetId};
use crate::rib::{Attributes, Session, Tenure};
use crate::state::{Journal, Saved, SavedLead, SavedOwner};

/// Routes after which the data plane is brought up to date.
const SETTLE_ROUTES: usize = 1 << 16;
/// Refusals of one kind that are logged one by one.
const LOGGED: usize = 8;

/// What is to be taken up, and where the core writes from then on.
#[derive(Debug)]
pub struct Restore {
    /// What the last router left.
    pub saved: Saved,
    /// Where changes are written.
    pub journal: Journal,
}

/// What was taken up.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Restored {
    /// Things other than routes.
    pub things: usize,
    /// Owners of routes.
    pub owners: usize,
    /// Routes.
    pub routes: usize,
    /// What of all these was refused.
    pub refused: usize,
}

/// What a set of the last router is now.
enum Now {
    /// This, wherever it is used.
    Known(NextHopSetId),
    /// These next hops, which mean something in the VRF of the route.
    Declared(NextHops),
}

/// The names of those with whom things went.
struct Owners<'a>(&'a Saved);

impl Owners<'_> {
    fn of(&self, thing: Belonging) -> Option<OwnerName> {
        let name = self.0.things.get(&thing.owner_key()[..])?;
        std::str::from_utf8(name).ok()?.parse().ok()
    }
}

impl Router {
    /// Takes up what the last router left, and begins to write. What is there now is the configuration's.
    pub(in crate::core) fn take_up(&mut self, restore: Restore) -> Restored {
        let Restore { saved, mut journal } = restore;
        journal.configured(self.configured());
        self.poll_links();
        let mut restored = Restored::default();
        // Things name their owners.
        let sessions = self.restore_owners(&saved, &mut restored);
        self.restore_things(&saved, &journal, &mut restored);
        // Nothing is written before this: the file that is there stays in force until the new one is whole.
        self.journal = journal;
        for session in sessions.values() {
            // From here on the journal takes its routes.
            self.note_owner(session.owner());
        }
        self.restore_routes(&saved, sessions, &mut restored);
        self.finish();
        self.sweep_twins();
        let owners: Vec<_> = self.rib.owners().map(|view| view.id).collect();
        for owner in owners {
            self.note_owner(owner);
        }
        restored
    }

    /// The keys of what the configuration made.
    fn configured(&self) -> Vec<Vec<u8>> {
        let own = self.thing_keys();
        // What was written to twins is kept of all of them.
        let own = own.iter().filter(|key| !matches!(key, ThingKey::Twin(_)));
        let mut keys: Vec<_> = own.map(ThingKey::bytes).collect();
        let mut after = None;
        loop {
            let page = self.neighbours_after(after);
            let Some(last) = page.last() else { break };
            after = Some(last.key);
            for found in &page {
                if found.state == crate::neighbour::NeighbourState::Permanent
                    && let Some(on) = self.interfaces.get(found.key.interface)
                {
                    keys.push(ThingKey::Neighbour(on.name, found.key.address).bytes());
                }
            }
        }
        let (stations, _) = self.kept_stations(None, usize::MAX);
        let fixed = stations.iter().filter(|station| station.learned.is_none());
        keys.extend(fixed.map(|station| ThingKey::Station(station.domain, station.mac).bytes()));
        keys
    }

    fn restore_things(&mut self, saved: &Saved, journal: &Journal, restored: &mut Restored) {
        let mut by_kind: BTreeMap<ThingKind, Vec<Thing>> = BTreeMap::new();
        for (key, value) in &saved.things {
            let Some(kind) = ThingKind::of(key).filter(|_| !journal.is_configured(key)) else {
                continue;
            };
            match decode(kind, value) {
                Ok(thing) => by_kind.entry(kind).or_default().push(thing),
                Err(error) => restored.refuse("a thing of the last router", &error),
            }
        }
        by_kind.remove(&ThingKind::Twin);
        if let Some(addresses) = by_kind.get_mut(&ThingKind::Address) {
            addresses.sort_by_key(|thing| match thing {
                Thing::Address(_, _, place) => *place,
                _ => 0,
            });
        }
        let mut later = Vec::new();
        let (early, late): (Vec<_>, Vec<_>) = by_kind
            .into_iter()
            .partition(|(kind, _)| *kind < ThingKind::Neighbour);
        let owners = Owners(saved);
        for thing in early.into_iter().flat_map(|(_, things)| things) {
            let waits = match &thing {
                Thing::Interface(interface) => interface.kind.is_overlay(),
                Thing::Address(name, ..) => self.interfaces.id(name).is_none(),
                _ => false,
            };
            match waits {
                true => later.push(thing),
                false => self.restore_thing(thing, &owners, restored),
            }
        }
        let late = late.into_iter().flat_map(|(_, things)| things);
        for thing in later.into_iter().chain(late) {
            self.restore_thing(thing, &owners, restored);
        }
    }

    fn restore_thing(&mut self, thing: Thing, owners: &Owners<'_>, restored: &mut Restored) {
        match thing {
            Thing::Vrf(spec) => {
                let name = spec.name;
                restored.note(format_args!("VRF {name}"), self.create_vrf(spec));
            }
            Thing::Port(spec) => {
                let name = spec.name;
                restored.note(format_args!("port {name}"), self.add_port(*spec));
            }
            Thing::Interface(interface) => self.restore_interface(&interface, restored),
            Thing::Address(name, address, _) => {
                restored.note(address, self.add_address(name, address));
            }
            Thing::Neighbour(neighbour) => self.restore_neighbour(neighbour, owners, restored),
            Thing::Endpoint(spec) => restored.note(spec.name, self.create_endpoint(*spec)),
            Thing::Vni(spec) => restored.note(
                spec.key.vni,
                self.create_vni(&spec, owners.of(Belonging::Vni(spec.key))),
            ),
            Thing::Label(spec) => restored.note(format_args!("label {}", spec.label.get()), {
                let owner = owners.of(Belonging::Label(spec.label));
                self.put_label(*spec, owner)
            }),
            Thing::Domain(mut spec) => {
                spec.members
                    .retain(|name| self.interfaces.id(name).is_some());
                restored.note(spec.name, self.create_domain(&spec));
            }
            Thing::Segment(mut spec) => {
                spec.members
                    .retain(|name| self.interfaces.id(name).is_some());
                let owner = owners.of(Belonging::Segment(spec.id));
                restored.note(spec.id, self.create_segment(*spec, owner));
            }
            Thing::Station(station) => self.restore_station(&station, owners, restored),
            Thing::Flood(domain, end) => {
                let change = FloodChange {
                    domain,
                    end,
                    remove: false,
                };
                let owner = owners.of(Belonging::Flood(domain, end));
                restored.note_refused(domain, self.change_flood(&[change], owner));
            }
            // Twins are taken over when they are made.
            Thing::Twin(_) => {}
        }
    }

    fn restore_interface(&mut self, saved: &SavedInterface, restored: &mut Restored) {
        let name = saved.name;
        if let (InterfaceKind::Virtual(kind), None) = (saved.kind, self.interfaces.id(&name)) {
            let made = self.create_interface(InterfaceSpec {
                name,
                kind,
                vrf: saved.vrf,
                mtu: saved.mtu,
                admin_up: saved.admin_up,
                addresses: Vec::new(),
            });
            if made.is_err() {
                return restored.note(name, made);
            }
        }
        let Some(now) = self.interfaces.named(&name) else {
            return restored.refuse(name, &"it is not there any more");
        };
        let change = InterfaceChange {
            admin_up: Some(saved.admin_up).filter(|up| *up != now.admin_up),
            // A port's MTU is the port's.
            mtu: Some(saved.mtu).filter(|mtu| {
                *mtu != now.mtu && *mtu != Choice::Auto && now.kind != InterfaceKind::Port
            }),
            vrf: Some(saved.vrf).filter(|vrf| *vrf != self.vrfs.name(now.vrf)),
            mpls: Some(saved.mpls).filter(|mpls| *mpls != now.mpls),
            tcp_mtu: Some(saved.tcp_mtu).filter(|mtu| *mtu != now.tcp_mtu),
        };
        if change == InterfaceChange::default() {
            restored.things += 1;
            return;
        }
        let moves = change.vrf.is_some();
        let changed = self.change_interface(name, change);
        if changed.is_err() && moves {
            // Nothing of its VRF is to be forwarded in another, so it is down where it is.
            let down = InterfaceChange {
                admin_up: Some(false),
                ..InterfaceChange::default()
            };
            restored.note(name, self.change_interface(name, down));
        }
        restored.note(
            format_args!("interface {name} in VRF {}", saved.vrf),
            changed,
        );
    }

    /// What was learned comes back as something to be probed.
    fn restore_neighbour(
        &mut self,
        saved: SavedNeighbour,
        owners: &Owners<'_>,
        restored: &mut Restored,
    ) {
        let (interface, address, mac) = (saved.interface, saved.address, saved.mac);
        if saved.permanent {
            let spec = NeighbourSpec {
                interface,
                address,
                mac,
            };
            let owner = owners.of(Belonging::Neighbour(interface, address));
            return restored.note(address, self.add_neighbour(spec, owner));
        }
        match self.interfaces.named(&interface) {
            Some(on) if on.has_link() => {
                let key = NeighbourKey::new(on.id, address);
                self.send(Command::Remember(key, mac));
                restored.things += 1;
            }
            _ => restored.refuse(address, &"its link is not there any more"),
        }
    }

    fn restore_station(
        &mut self,
        saved: &SavedStation,
        owners: &Owners<'_>,
        restored: &mut Restored,
    ) {
        let (domain, mac) = (saved.domain, saved.mac);
        let remote = saved.remote.map(|remote| FdbChange::PutRemote {
            domain,
            mac,
            remote,
        });
        let fixed = saved.fixed.map(|interface| FdbChange::PutStatic {
            domain,
            mac,
            interface,
        });
        let parts = [
            (remote, Belonging::Remote(domain, mac)),
            (fixed, Belonging::Static(domain, mac)),
        ];
        for (change, part) in parts {
            if let Some(change) = change {
                let refused = self.change_fdb(&[change], owners.of(part));
                restored.note_refused(mac, refused);
            }
        }
        if let Some((interface, sequence)) = saved.learned {
            let done = self.remember_station(domain, mac, interface, sequence);
            restored.note(mac, done);
        }
    }

    fn restore_owners(&mut self, saved: &Saved, restored: &mut Restored) -> HashMap<u16, Session> {
        let mut sessions = HashMap::new();
        for (id, owner) in &saved.owners {
            match self.restore_owner(owner) {
                Ok(session) => {
                    sessions.insert(*id, session);
                    restored.owners += 1;
                }
                Err(error) => restored.refuse(&owner.name, &error),
            }
        }
        sessions
    }

    fn restore_routes(
        &mut self,
        saved: &Saved,
        sessions: HashMap<u16, Session>,
        restored: &mut Restored,
    ) {
        let vrfs: HashMap<u32, VrfId> = saved
            .vrfs
            .iter()
            .filter_map(|(id, name)| Some((*id, self.vrfs.id(&name.parse().ok()?)?)))
            .collect();
        let mut sets = self.restore_groups(saved, &sessions, restored);
        let mut since_settled = 0;
        for route in saved.routes() {
            let (Some(session), Some(vrf)) = (sessions.get(&route.owner), vrfs.get(&route.vrf))
            else {
                restored.refuse(route.prefix, &"its owner or VRF is not there any more");
                continue;
            };
            let Some(set) = self.present_set(&mut sets, route.set, *vrf) else {
                restored.refuse(route.prefix, &"where it leads is not there any more");
                continue;
            };
            let attributes = Attributes {
                distance: route.distance,
                metric: route.metric,
                set,
            };
            let done = self.rib.insert(
                &mut self.hops,
                *session,
                *vrf,
                route.prefix,
                attributes,
                &mut self.changes,
            );
            match done {
                Ok(_) => restored.routes += 1,
                Err(error) => restored.refuse(route.prefix, &error),
            }
            since_settled += 1;
            if since_settled == SETTLE_ROUTES {
                since_settled = 0;
                self.settle();
            }
        }
        let now_ns = self.now_ns();
        for session in sessions.into_values() {
            self.rib.owner_restored(session, now_ns);
        }
    }

    fn restore_owner(&mut self, owner: &SavedOwner) -> Result<Session, crate::rib::OwnerError> {
        let tenure = match owner.persistent {
            true => Tenure::Persistent,
            false => Tenure::Epochs {
                epoch: owner.epoch,
                grace_ns: owner.grace_ns,
            },
        };
        let connected = self.rib.owner_connect(&owner.name, tenure, self.now_ns())?;
        Ok(connected.session)
    }

    /// Makes the named sets, and says what all sets are now.
    fn restore_groups(
        &mut self,
        saved: &Saved,
        sessions: &HashMap<u16, Session>,
        restored: &mut Restored,
    ) -> HashMap<u32, Now> {
        let mut now = HashMap::with_capacity(saved.sets.len());
        for (id, set) in &saved.sets {
            let hops = match &set.lead {
                SavedLead::NextHops(message) => match decode_hops(message) {
                    Ok(hops) => hops,
                    Err(error) => {
                        restored.refuse("a next hop set", &error);
                        continue;
                    }
                },
                special => {
                    let declared = match special {
                        SavedLead::Unreachable => NextHopSet::Unreachable,
                        SavedLead::Prohibit => NextHopSet::Prohibit,
                        _ => NextHopSet::Blackhole,
                    };
                    if let Ok(made) = self.intern(declared) {
                        now.insert(*id, Now::Known(made));
                    }
                    continue;
                }
            };
            let Some((owner, number)) = set.group else {
                now.insert(*id, Now::Declared(hops));
                continue;
            };
            let (Some(session), Ok(number)) = (sessions.get(&owner), SetNumber::try_from(number))
            else {
                continue;
            };
            match self.restore_group(*session, number, hops) {
                Ok(made) => drop(now.insert(*id, Now::Known(made))),
                Err(error) => restored.refuse(format_args!("next hop set {number}"), &error),
            }
        }
        now
    }

    fn restore_group(
        &mut self,
        session: Session,
        number: SetNumber,
        next_hops: NextHops,
    ) -> Result<NextHopSetId, crate::model::refusal::RouteError> {
        let set = crate::model::nexthop::NextHopSet {
            id: number,
            next_hops,
        };
        self.put_set(session, &set)?;
        let key = GroupKey {
            owner: session.owner(),
            number: number.get(),
        };
        let unknown = crate::model::refusal::RouteError::UnknownNextHopSet {
            next_hop_set: number,
        };
        self.hops.group(key).ok_or(unknown)
    }

    /// What a set of the last router is for a route of this VRF.
    fn present_set(
        &mut self,
        sets: &mut HashMap<u32, Now>,
        id: u32,
        vrf: VrfId,
    ) -> Option<NextHopSetId> {
        let hops = match sets.get(&id)? {
            Now::Known(set) => return Some(*set),
            Now::Declared(hops) => hops,
        };
        let declared = self.declared_set(vrf, hops);
        let made = declared.and_then(|declared| self.intern(declared));
        match made {
            Ok(set) => {
                sets.insert(id, Now::Known(set));
                Some(set)
            }
            Err(error) => {
                tracing::debug!(%error, "a next hop set of the last router");
                sets.remove(&id);
                None
            }
        }
    }

    /// Removes the twins that the last router left and this one has no use for.
    fn sweep_twins(&mut self) {
        let of_vrfs = self.vrfs.iter().map(|(_, vrf)| vrf.spec.namespace.as_ref());
        let of_vrfs = of_vrfs.map(|name| name.map(|name| namespace_path(name.as_str())));
        let default = self.settings.twin_namespace.as_deref().map(namespace_path);
        let namespaces: Vec<_> = of_vrfs.flatten().map(Some).chain([default]).collect();
        for (name, result) in self.twins.sweep(namespaces) {
            match result {
                Ok(()) => tracing::info!(%name, "removed a kernel twin that the last router left"),
                Err(error) => {
                    tracing::warn!(%name, %error, "a kernel twin that the last router left stays");
                }
            }
        }
    }
}

impl Restored {
    fn note<T, E: fmt::Display>(&mut self, what: impl fmt::Display, done: Result<T, E>) {
        match done {
            Ok(_) => self.things += 1,
            Err(error) => self.refuse(what, &error),
        }
    }

    fn note_refused<E: fmt::Display>(&mut self, what: impl fmt::Display, refused: Vec<(usize, E)>) {
        let first = refused.into_iter().next();
        self.note(what, first.map_or(Ok(()), |(_, error)| Err(error)));
    }

    fn refuse(&mut self, what: impl fmt::Display, error: &dyn fmt::Display) {
        self.refused += 1;
        if self.refused <= LOGGED {
            tracing::warn!("{what}, which the last router had, does not come back: {error}");
        }
    }
}
