//! Traces and captures: one of each at a time, for as long as somebody holds its other end.

use std::sync::{Arc, Weak};

use ferroute_dataplane::ids::{AdjacencyId, BURST, InterfaceId, NextHopId, TunnelId, WorkerIndex};
use ferroute_dataplane::snapshot::nexthop::{Hop, NextHop};
use ferroute_dataplane::trace::{
    BridgeWay, Filter, Frame, InterfaceSet, Path, Points, Ring, Step, Tap, Tracer, Watch,
};

use super::router::Router;
use crate::model::name::{EndpointName, InterfaceName, VrfName};
use crate::model::trace::{
    AdjacencyRef, BridgeLead, CaptureSpec, HopRef, Lead, Observation, PacketFilter, PathView,
    StepView, TraceError, TunnelRef,
};

/// Memory of the frames that one worker may be ahead of its reader, in bytes.
const FRAMES_BYTES: usize = 4 << 20;
/// Most frames that one worker may be ahead of its reader.
const FRAMES: usize = 4096;
/// Paths that one worker may be ahead of its reader: some 2 MB.
const PATHS: usize = 2048;

/// What is being shown of packets.
#[derive(Debug, Default)]
pub(super) struct Watching {
    trace: Option<Active<Path>>,
    capture: Option<(Active<Frame>, Points)>,
}

#[derive(Debug)]
struct Active<T> {
    /// Whoever asked holds the other end.
    held: Weak<()>,
    rings: Vec<(WorkerIndex, Arc<Ring<T>>)>,
    wanted: (Option<InterfaceName>, Option<VrfName>),
    filter: Filter,
}

impl<T> Active<T> {
    fn is_held(&self) -> bool {
        self.held.strong_count() > 0
    }

    fn ring(&self, worker: WorkerIndex) -> Option<Arc<Ring<T>>> {
        let mut rings = self.rings.iter();
        let ring = rings.find(|(index, _)| *index == worker);
        ring.map(|(_, ring)| Arc::clone(ring))
    }
}

impl Router {
    /// Begins to trace.
    ///
    /// # Errors
    /// [`TraceError`].
    pub(super) fn start_trace(
        &mut self,
        filter: &PacketFilter,
    ) -> Result<Observation<Path>, TraceError> {
        self.end_unheld();
        if self.watching.trace.is_some() {
            return Err(TraceError::TraceBusy);
        }
        let (active, observation) =
            self.activate(filter, || Ring::new(PATHS.max(BURST), Path::default))?;
        self.watching.trace = Some(active);
        self.show().inspect_err(|_| self.watching.trace = None)?;
        Ok(observation)
    }

    /// Begins to capture.
    ///
    /// # Errors
    /// [`TraceError`].
    pub(super) fn start_capture(
        &mut self,
        spec: &CaptureSpec,
    ) -> Result<Observation<Frame>, TraceError> {
        self.end_unheld();
        if self.watching.capture.is_some() {
            return Err(TraceError::CaptureBusy);
        }
        let snap_bytes = spec.snap_bytes.get();
        let frames = (FRAMES_BYTES / snap_bytes).clamp(BURST, FRAMES);
        let ring = || Ring::new(frames, || Frame::with_room(snap_bytes));
        let (active, observation) = self.activate(&spec.filter, ring)?;
        self.watching.capture = Some((active, spec.points));
        self.show().inspect_err(|_| self.watching.capture = None)?;
        Ok(observation)
    }

    fn activate<T>(
        &self,
        filter: &PacketFilter,
        ring: impl Fn() -> Ring<T>,
    ) -> Result<(Active<T>, Observation<T>), TraceError> {
        if let Some(interface) = filter.interface
            && self.interfaces.id(&interface).is_none()
        {
            return Err(TraceError::UnknownInterface { interface });
        }
        if let Some(vrf) = filter.vrf
            && self.vrfs.id(&vrf).is_none()
        {
            return Err(TraceError::UnknownVrf { vrf });
        }
        let wanted = (filter.interface, filter.vrf);
        let some = wanted.0.is_some() || wanted.1.is_some();
        let set = some.then(|| Arc::new(InterfaceSet::new(self.interfaces_of(wanted))));
        let workers = self.hardware.workers();
        let rings: Vec<_> = workers
            .iter()
            .map(|worker| (worker.index, Arc::new(ring())))
            .collect();
        let held = Arc::new(());
        let active = Active {
            held: Arc::downgrade(&held),
            rings: rings.clone(),
            wanted,
            filter: Filter {
                interfaces: set,
                prefix: filter.prefix.map(|prefix| prefix.net()),
                reason: filter.reason,
                sample: filter.sample,
            },
        };
        let observation = Observation {
            rings,
            ticks_hz: self.settings.ticks_hz,
            held,
        };
        Ok((active, observation))
    }

    fn interfaces_of(
        &self,
        (name, vrf): (Option<InterfaceName>, Option<VrfName>),
    ) -> impl Iterator<Item = InterfaceId> {
        let vrf = vrf.map(|vrf| self.vrfs.id(&vrf));
        let all = self.interfaces.iter();
        let wanted = all.filter(move |i| {
            name.is_none_or(|name| i.name == name) && vrf.is_none_or(|vrf| vrf == Some(i.vrf))
        });
        wanted.map(|interface| interface.id)
    }

    /// Tells the workers what they are to show.
    fn show(&mut self) -> Result<(), TraceError> {
        for facts in self.hardware.workers() {
            let worker = facts.index;
            let tracer = self.watching.trace.as_ref().and_then(|active| {
                let ring = active.ring(worker)?;
                Some(Tracer::new(ring, active.filter.clone()))
            });
            let tap = self.watching.capture.as_ref();
            let tap = tap.and_then(|(active, points)| {
                let ring = active.ring(worker)?;
                Some(Arc::new(Tap::new(ring, active.filter.clone(), *points)))
            });
            let on = tracer.is_some() || tap.is_some();
            let watch = on.then(|| Box::new(Watch { tracer, tap }));
            self.hardware
                .watch(worker, watch)
                .map_err(|_| TraceError::WorkerHangs { worker })?;
        }
        Ok(())
    }

    /// Ends what nobody holds the other end of.
    fn end_unheld(&mut self) {
        let watching = &mut self.watching;
        let trace = watching.trace.take_if(|trace| !trace.is_held());
        let capture = watching.capture.take_if(|(capture, _)| !capture.is_held());
        if (trace.is_some() || capture.is_some())
            && let Err(error) = self.show()
        {
            tracing::warn!(%error, "a worker still shows packets to nobody");
        }
    }

    /// Follows what comes and goes: readers, and interfaces of the VRFs that are watched.
    pub(super) fn tend_watching(&mut self) {
        self.end_unheld();
        let traced = self.watching.trace.as_ref().map(|a| (a.wanted, &a.filter));
        let captured = self.watching.capture.as_ref();
        let captured = captured.map(|(a, _)| (a.wanted, &a.filter));
        for (wanted, filter) in traced.into_iter().chain(captured) {
            if let Some(set) = &filter.interfaces {
                set.replace(self.interfaces_of(wanted));
            }
        }
    }

    /// Paths with names.
    pub(super) fn name_paths(&self, paths: &[Path]) -> Vec<PathView> {
        let view = |path: &Path| {
            let steps = path.steps.iter().map(|step| self.name_step(*step));
            PathView::new(path, steps.collect())
        };
        paths.iter().map(view).collect()
    }

    /// Names of interfaces; `None` for those that are gone.
    pub(super) fn interface_names(&self, ids: &[InterfaceId]) -> Vec<Option<InterfaceName>> {
        ids.iter().map(|id| self.name_of(*id)).collect()
    }

    fn name_of(&self, id: InterfaceId) -> Option<InterfaceName> {
        self.interfaces.get(id).map(|interface| interface.name)
    }

    fn name_step(&self, step: Step) -> StepView {
        match step {
            Step::Taken { interface, vrf } => StepView::Taken {
                interface: self.name_of(interface),
                vrf: self.vrfs.name(vrf),
            },
            Step::Looked {
                vrf,
                next_hop,
                leads,
            } => StepView::LookedUp {
                vrf: self.vrfs.name(vrf),
                next_hop,
                lead: self.name_lead(next_hop, leads),
            },
            Step::Picked { group, hash, hop } => StepView::Picked {
                group,
                hash,
                hop: hop.map(|hop| self.name_hop(hop)),
            },
            Step::Encapsulated { tunnel, underlay } => StepView::Encapsulated {
                tunnel: self.name_tunnel(tunnel),
                underlay: underlay.map(|id| self.name_adjacency(id)),
            },
            Step::Decapsulated { endpoint } => StepView::Decapsulated(self.name_endpoint(endpoint)),
            Step::Labels => StepView::Labels,
            Step::Bridged { bridge, way } => StepView::Bridged {
                domain: self.bridging.get(bridge).map(|domain| domain.name()),
                lead: match way {
                    BridgeWay::Member(id) => BridgeLead::Member(self.name_of(id)),
                    BridgeWay::Tunnel(id) => BridgeLead::Tunnel(self.name_tunnel(id)),
                    BridgeWay::Gateway => BridgeLead::Other("gateway"),
                    BridgeWay::Segment => BridgeLead::Other("segment"),
                    BridgeWay::Group => BridgeLead::Other("group"),
                    BridgeWay::Unknown => BridgeLead::Other("unknown"),
                },
            },
            Step::CopyDropped { reason } => StepView::CopyDropped(reason),
            Step::Sent { by } => StepView::Sent {
                port: by.and_then(|(port, _)| self.port_name(port)),
                interface: by.and_then(|(_, interface)| self.name_of(interface)),
            },
            Step::Punted { reason, class } => StepView::Punted {
                reason: reason.name(),
                class,
            },
            Step::Dropped { reason } => StepView::Dropped(reason),
        }
    }

    fn name_lead(&self, id: NextHopId, next_hop: NextHop) -> Lead {
        match next_hop {
            _ if id == NextHopId::NO_ROUTE => Lead::DeadEnd("no_route"),
            NextHop::Adjacency(id) => Lead::Hop(self.name_hop(Hop::Adjacency(id))),
            NextHop::Tunnel(id) => Lead::Hop(self.name_hop(Hop::Tunnel(id))),
            NextHop::Group(group) => Lead::Group(group),
            NextHop::Local(id) => Lead::Local(self.name_of(id)),
            NextHop::Endpoint(id) => Lead::Endpoint(self.name_endpoint(id)),
            NextHop::Glean(id) => Lead::Glean(self.name_of(id)),
            NextHop::Broadcast(id) => Lead::Broadcast(self.name_of(id)),
            NextHop::Vrf(id) => Lead::Vrf(self.vrfs.name(id)),
            NextHop::Blackhole => Lead::DeadEnd("blackhole"),
            NextHop::Unreachable => Lead::DeadEnd("unreachable"),
            NextHop::Prohibit => Lead::DeadEnd("prohibit"),
            NextHop::Vacant => Lead::DeadEnd("missing"),
        }
    }

    fn name_hop(&self, hop: Hop) -> HopRef {
        match hop {
            Hop::Adjacency(id) => HopRef::Adjacency(self.name_adjacency(id)),
            Hop::Tunnel(id) => HopRef::Tunnel(self.name_tunnel(id)),
        }
    }

    fn name_adjacency(&self, id: AdjacencyId) -> AdjacencyRef {
        let adjacencies = &self.forwarding.adjacencies;
        let neighbour = adjacencies.key(id).and_then(|key| {
            let interface = self.name_of(key.interface)?;
            Some((interface, key.address, adjacencies.mac(&key)))
        });
        AdjacencyRef { id, neighbour }
    }

    fn name_tunnel(&self, id: TunnelId) -> TunnelRef {
        let ends = self.hops.tunnel_view(id).and_then(|tunnel| {
            let endpoint = self.name_endpoint(tunnel.key.endpoint)?;
            Some((endpoint, tunnel.key.remote))
        });
        TunnelRef { id, ends }
    }

    fn name_endpoint(&self, id: ferroute_dataplane::ids::EndpointId) -> Option<EndpointName> {
        self.overlay.endpoints.get(id).map(|e| e.spec.name)
    }
}
