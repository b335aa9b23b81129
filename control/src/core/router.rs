//! The truth of the router, and the one place where it changes.
//!
//! [`Router`] holds everything: interfaces, routes, next hops, and the data plane's draft. Its methods are spread over
//! the files of this module by what they are about. None of them waits for a client; the longest
//! wait is a grace period of the workers, some microseconds.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ferroute_dataplane::fdb::Fdb;
use ferroute_dataplane::ids::{InterfaceId, NextHopId, PortId, VrfId};
use ferroute_dataplane::snapshot::Snapshot;
use ferroute_dataplane::snapshot::cell::Publisher;
use ipnet::IpNet;

use super::baseline::Baselines;
use super::belongings::Belongings;
use super::bridge::Bridging;
use super::forwarding::{Forwarding, Wish, next_hop_id};
use super::handle::Events;
use super::interface::{Interfaces, OwnRoute};
use super::overlay::Overlay;
use super::plane::{Plane, Retired};
use super::port::Ports;
use super::sample::Samples;
use super::session::Sessions;
use super::state::Pouring;
use super::trace::Watching;
use super::vrf::Vrfs;
use crate::exception::command::{Command, Commands};
use crate::exception::counters::ExceptionCounters;
use crate::hardware::Hardware;
use crate::model::event::Happening;
use crate::model::name::VrfName;
use crate::model::system::ConfigView;
use crate::model::vrf::{MAIN_TABLE, VrfSpec};
use crate::neighbour::NeighbourKey;
use crate::nexthop::NextHops;
use crate::rib::{BestChange, Limits, Rib, Session, Tenure};
use crate::state::Journal;
use crate::twin::TwinManager;

/// Sets that one settlement computes before the routes that hang on them are elected again.
const SETTLE_BUDGET: usize = 4096;
/// Prefixes that one piece of background work visits: well under a millisecond's worth.
const WORK_BUDGET: usize = 8192;
/// How many routes must have gone for the heap to give memory back: some 5 MB.
const MANY_ROUTES: usize = 1 << 15;

/// What the core is told once, at the start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many routes there may be.
    pub limits: Limits,
    /// How many next hop sets there may be.
    pub max_sets: usize,
    /// Whether gateways are resolved through default routes.
    pub resolve_via_default: bool,
    /// How long the routes of an owner that is gone stay, unless it says otherwise.
    pub default_grace: Duration,
    /// Whether interfaces have kernel twins.
    pub twins: bool,
    /// The network namespace of twins whose VRF names none.
    pub twin_namespace: Option<String>,
    /// How many stations there may be in all bridge domains.
    pub max_stations: usize,
    /// Spreads the places of stations in the FDB; nobody outside should know it.
    pub seed: u64,
    /// Ticks of the workers' clock in a second.
    pub ticks_hz: u64,
    /// The configuration in force.
    pub config: ConfigView,
    /// DPDK's version.
    pub dpdk_version: String,
}

/// What the core works with.
pub struct Parts {
    /// The workers' snapshot cell.
    pub publisher: Publisher<Snapshot>,
    /// Cards and workers.
    pub hardware: Box<dyn Hardware>,
    /// The exception path's inbox.
    pub exception: Commands,
    /// What the exception path counts.
    pub exception_counters: Arc<ExceptionCounters>,
    /// Makes kernel twins.
    pub twins: TwinManager,
    /// Where events go.
    pub events: Events,
    /// Reads the workers' clock.
    pub ticks: Ticks,
    /// The beginning of time, the exception path's too.
    pub started: Instant,
}

/// Reads the workers' clock, in ticks.
pub type Ticks = Box<dyn Fn() -> u64 + Send>;

/// The router's own owners of routes.
#[derive(Clone, Copy, Debug)]
pub(super) struct OwnSessions {
    connected: Session,
    local: Session,
    pub(super) neighbour: Session,
}

impl OwnSessions {
    pub(super) fn session(&self, kind: OwnRoute) -> Session {
        match kind {
            OwnRoute::Connected => self.connected,
            OwnRoute::Local => self.local,
        }
    }
}

/// The truth.
pub struct Router {
    pub(super) settings: Settings,
    pub(super) plane: Plane,
    pub(super) hardware: Box<dyn Hardware>,
    pub(super) exception: Commands,
    pub(super) exception_counters: Arc<ExceptionCounters>,
    pub(super) twins: TwinManager,
    pub(super) events: Events,
    pub(super) vrfs: Vrfs,
    pub(super) interfaces: Interfaces,
    pub(super) ports: Ports,
    pub(super) rib: Rib,
    pub(super) hops: NextHops,
    pub(super) forwarding: Forwarding,
    pub(super) overlay: Overlay,
    pub(super) bridging: Bridging,
    pub(super) own: OwnSessions,
    pub(super) sessions: Sessions,
    /// What goes with owners, besides routes.
    pub(super) belongings: Belongings,
    /// The VRF in which each interface's own routes are.
    pub(super) route_vrf: HashMap<InterfaceId, VrfId>,
    /// Neighbours that have a host route, and its VRF.
    pub(super) neighbour_routes: BTreeMap<NeighbourKey, VrfId>,
    /// Changes that the FIB does not show yet.
    pub(super) changes: Vec<BestChange>,
    /// Routes that the FIB had no room for since the last [`finish`](Self::finish).
    pub(super) unwritten: HashSet<(VrfId, IpNet)>,
    /// Most routes since the heap last gave memory back.
    pub(super) peak_routes: usize,
    pub(super) samples: Samples,
    pub(super) baselines: Baselines,
    /// Reads the workers' clock.
    pub(super) ticks: Ticks,
    pub(super) watching: Watching,
    /// Where it is written what clients made.
    pub(super) journal: Journal,
    /// How far a new file of that is.
    pub(super) pouring: Option<Pouring>,
    pub(super) started: Instant,
}

/// Why the core could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The router's own owners could not be made.
    #[error("the router's own owners of routes could not be made: {0}")]
    Owners(#[from] crate::rib::OwnerError),
    /// The default VRF could not be made.
    #[error("the default VRF could not be made: {0}")]
    DefaultVrf(#[from] crate::model::vrf::VrfError),
}

impl Router {
    /// A router with the default VRF and nothing else.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn new(settings: Settings, parts: Parts) -> Result<Self, StartError> {
        let mut rib = Rib::new(settings.limits);
        let mut own = |name| {
            rib.owner_connect(name, Tenure::Persistent, 0)
                .map(|c| c.session)
        };
        let own = OwnSessions {
            connected: own("connected")?,
            local: own("local")?,
            neighbour: own("neighbour")?,
        };
        let hops = NextHops::new(settings.max_sets, settings.resolve_via_default);
        let fdb = Fdb::new(settings.max_stations, settings.seed, settings.ticks_hz);
        let mut plane = Plane::new(parts.publisher);
        plane.edit().fdb = fdb.reader();
        let bridging = Bridging::new(fdb);
        let mut router = Self {
            plane,
            hardware: parts.hardware,
            exception: parts.exception,
            exception_counters: parts.exception_counters,
            twins: parts.twins,
            events: parts.events,
            vrfs: Vrfs::default(),
            interfaces: Interfaces::default(),
            ports: Ports::default(),
            rib,
            hops,
            forwarding: Forwarding::default(),
            overlay: Overlay::default(),
            bridging,
            own,
            sessions: Sessions::default(),
            belongings: Belongings::default(),
            route_vrf: HashMap::new(),
            neighbour_routes: BTreeMap::new(),
            changes: Vec::new(),
            unwritten: HashSet::new(),
            peak_routes: 0,
            samples: Samples::default(),
            baselines: Baselines::default(),
            ticks: parts.ticks,
            watching: Watching::default(),
            journal: Journal::off(),
            pouring: None,
            started: parts.started,
            settings,
        };
        router.create_vrf(VrfSpec {
            name: VrfName::default(),
            table_id: Some(MAIN_TABLE),
            namespace: None,
        })?;
        Ok(router)
    }

    /// Nanoseconds since the start.
    pub(super) fn now_ns(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Tells those who watch.
    pub(super) fn tell(&self, what: Happening) {
        self.events.publish(what);
    }

    /// Tells the exception path; when it is gone, the router is stopping.
    pub(super) fn send(&self, command: Command) {
        self.exception.send(command);
    }

    /// Tells the exception path where frames for a port go.
    pub(super) fn tell_injector(&self, port: PortId) {
        self.send(Command::Injector(port, self.hardware.injector(port)));
    }

    /// Tells the exception path that a port is gone.
    pub(super) fn forget_injector(&self, port: PortId) {
        self.send(Command::Injector(port, None));
    }

    /// Brings what the RIB and the next hops became into the data plane. When this returns, the workers see
    /// all of it, but for sweeps, which go on in the [background](Self::background).
    ///
    /// The order is load-bearing (see [`super::plane`]): next hops first, a grace period, then the FIB, then what is
    /// not named any more.
    pub(super) fn finish(&mut self) {
        self.settle();
        // Nobody asked for these now, so there is nobody to refuse them to.
        self.unwritten.clear();
        self.collect();
    }

    /// [`finish`](Self::finish) without forgetting what is not named any more, so that changes can still be
    /// taken back.
    pub(super) fn settle(&mut self) {
        let mut elect = false;
        loop {
            let settled = self.hops.settle(&self.rib, SETTLE_BUDGET);
            for set in settled.changed {
                if let Some(resolved) = self
                    .hops
                    .resolved(set)
                    .filter(|_| self.forwarding.has(set))
                    .cloned()
                {
                    self.forwarding.compile(set, &resolved, &mut self.plane);
                    self.follow_underlay(set);
                    self.follow_labels(set);
                }
            }
            if settled.flipped {
                self.rib.recheck();
                elect = true;
            }
            self.write_changes();
            if elect && self.rib.is_electing() {
                self.work();
            } else if !settled.more {
                break;
            }
        }
    }

    /// Goes on with sweeps, with FIBs' roots and with a new file of the state, a piece at a time. False when there is nothing to do.
    pub(super) fn background(&mut self) -> bool {
        self.peak_routes = self.peak_routes.max(self.rib.len());
        self.rib.expire(self.now_ns());
        if self.sweep_belongings() {
            self.answer_swept();
            return true;
        }
        if !self.rib.has_work() {
            if !self.vrfs.resize() {
                return self.pour();
            }
            self.collect();
            return true;
        }
        self.work();
        self.finish();
        true
    }

    /// Gives memory back to the kernel when there are far fewer routes than there were. For a moment with nothing to do.
    pub(super) fn tidy(&mut self) {
        let routes = self.rib.len();
        let gone = self.peak_routes.saturating_sub(routes);
        if gone >= MANY_ROUTES && gone > routes {
            self.peak_routes = routes;
            dpdk_sys::memory::trim_heap();
        }
    }

    fn work(&mut self) {
        let finished = self
            .rib
            .work(&mut self.hops, WORK_BUDGET, &mut self.changes);
        if !finished.is_empty() {
            self.write_changes();
            self.conclude(finished);
        }
    }

    /// Writes what changed in the RIB since the last time into the FIB: first what is there, in order, then what is not,
    /// the shortest first. So the prefix that covers a removed one is always one whose next hop the RIB knows, and a
    /// lookup meanwhile finds the old or the new answer.
    fn write_changes(&mut self) {
        let changes = std::mem::take(&mut self.changes);
        for set in changes.iter().filter_map(|c| c.new.map(|best| best.set)) {
            if !self.forwarding.has(set)
                && let Some(resolved) = self.hops.resolved(set).cloned()
            {
                self.forwarding.compile(set, &resolved, &mut self.plane);
            }
        }
        self.write_overlay();
        self.fulfil();
        self.plane.publish();
        let mut gone = Vec::new();
        for change in &changes {
            match change.new {
                Some(best) if change.old.map(|old| old.set) == Some(best.set) => {}
                Some(best) => {
                    self.write_fib(change.vrf, change.prefix, Some(next_hop_id(best.set)))
                }
                None => gone.push((change.prefix.prefix_len(), change.vrf, change.prefix)),
            }
        }
        gone.sort_unstable_by_key(|(length, ..)| *length);
        for (_, vrf, prefix) in gone {
            // It may have come back within the same batch.
            if self.rib.installed(vrf, prefix).is_none() {
                self.write_fib(vrf, prefix, None);
            }
        }
    }

    fn write_fib(&mut self, id: VrfId, prefix: IpNet, next_hop: Option<NextHopId>) {
        let Some(vrf) = self.vrfs.get_mut(id) else {
            return;
        };
        let rib = &self.rib;
        let covering = |prefix| {
            rib.installed(id, prefix)
                .map(|best| next_hop_id(best.set))
                .unwrap_or_default()
        };
        if let Err(error) = vrf.write(prefix, next_hop, covering) {
            tracing::error!(%prefix, vrf = %vrf.spec.name, %error, "a route is not in the FIB");
            self.unwritten.insert((id, prefix));
        }
        self.vrfs.written(id);
    }

    /// Forgets the next hops that nothing leads to any more.
    fn collect(&mut self) {
        // A set that goes may be the last that leads into a tunnel, and a tunnel the last that rests on a set.
        loop {
            let sets = self.hops.collect();
            for set in &sets {
                self.forwarding.forget(*set, &mut self.plane);
                self.journal.forget_set(set.index());
                self.plane.retire_set(*set);
            }
            if !self.collect_tunnels() && sets.is_empty() {
                break;
            }
        }
        self.fulfil();
        self.plane.publish();
        for retired in self.plane.reclaim() {
            match retired {
                Retired::Adjacency(id) => self.forwarding.adjacencies.reuse(id),
                Retired::Set(id) => self.hops.reuse(id),
                Retired::Tunnel(id) => self.hops.reuse_tunnel(id),
            }
        }
    }

    /// Passes wishes for neighbours on. To be done before a snapshot is published: who sees an adjacency there has to know whose
    /// it is.
    fn fulfil(&mut self) {
        for wish in self.forwarding.take_wishes() {
            match wish {
                Wish::Lead(adjacency, key) => {
                    self.count_adjacency(adjacency);
                    self.send(Command::Lead(adjacency, key));
                }
                Wish::Part(adjacency) => self.send(Command::Part(adjacency)),
                Wish::Want(key) => self.send(Command::Want(key)),
                Wish::Unwant(key) => self.send(Command::Unwant(key)),
            }
        }
    }
}
