//! What may be asked of the core, and the answer to each.
//!
//! Every operation is one variant that carries its arguments and where the answer goes. The core
//! answers each exactly once; an asker that went away is no error. Variants are grouped by what they
//! are about, so that the core can handle each group where its truth is.

use super::state::{Restore, Restored};
use crate::model::bridge::{
    DomainCursor, DomainError, DomainSpec, DomainView, FdbChange, FloodChange, Refused,
    StationCursor, StationFilter, StationView,
};
use crate::model::interface::{InterfaceChange, InterfaceError, InterfaceSpec, InterfaceView};
use crate::model::lookup::{ListError, LookupQuery, LookupView};
use crate::model::name::{DomainName, EndpointName, InterfaceName, OwnerName, VrfName};
use crate::model::neighbour::{NeighbourError, NeighbourFilter, NeighbourSpec, NeighbourView};
use crate::model::nexthop::{NextHopEntry, NextHopError, NextHopKey, NextHopSet};
use crate::model::number::NextHopSetId;
use crate::model::overlay::{
    EndpointSpec, EndpointView, LabelCursor, LabelSpec, LabelView, OverlayError, TunnelCursor,
    TunnelView, VniCursor, VniKey, VniSpec, VniView,
};
use crate::model::owner::{OwnerError, OwnerOpen, OwnerOpened, OwnerView, SessionId};
use crate::model::page::{NeighbourCursor, NextHopCursor, Page, RouteCursor};
use crate::model::port::{PortChange, PortError, PortSpec, PortStats, PortView};
use crate::model::prefix::InterfaceAddress;
use crate::model::refusal::RouteError;
use crate::model::route::{BatchOutcome, RouteBatch, RouteFilter, RouteView};
use crate::model::segment::{SegmentCursor, SegmentError, SegmentId, SegmentSpec, SegmentView};
use crate::model::stats::{DropView, InterfaceStatsView, MemoryView, PuntView, WorkerView};
use crate::model::system::{ConfigView, SystemView};
use crate::model::trace::{CaptureSpec, Observation, PacketFilter, PathView, TraceError};
use crate::model::vrf::{VrfError, VrfSpec, VrfView};
use ferroute_dataplane::ids::InterfaceId;
use ferroute_dataplane::trace::{Frame, Path};
use ferroute_dataplane::wire::mpls::Label;
use std::convert::Infallible;
use std::net::IpAddr;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// Where an answer goes.
pub type Reply<T, E = Infallible> = oneshot::Sender<Result<T, E>>;

/// One question or order to the core.
#[derive(Debug)]
pub enum Request {
    /// About ports.
    Port(PortRequest),
    /// About interfaces.
    Interface(InterfaceRequest),
    /// About VRFs.
    Vrf(VrfRequest),
    /// About routes and their owners.
    Route(RouteRequest),
    /// About next hop sets.
    NextHop(NextHopRequest),
    /// About tunnels, VNIs and labels.
    Overlay(OverlayRequest),
    /// About bridge domains.
    Bridge(BridgeRequest),
    /// About Ethernet segments.
    Segment(SegmentRequest),
    /// About neighbours.
    Neighbour(NeighbourRequest),
    /// About counters.
    Stats(StatsRequest),
    /// About single packets.
    Trace(TraceRequest),
    /// About the router as a whole.
    System(SystemRequest),
}

/// About ports.
#[derive(Debug)]
pub enum PortRequest {
    /// Takes a device.
    Add(Box<PortSpec>, Reply<PortView, PortError>),
    /// Changes a port.
    Change(InterfaceName, Box<PortChange>, Reply<PortView, PortError>),
    /// Releases a port.
    Remove(InterfaceName, Reply<(), PortError>),
    /// One port.
    Get(InterfaceName, Reply<PortView, PortError>),
    /// All ports, by name.
    List(Reply<Vec<PortView>>),
    /// What the device itself counted.
    Stats(InterfaceName, Reply<PortStats, PortError>),
}

/// About interfaces.
#[derive(Debug)]
pub enum InterfaceRequest {
    /// Makes a VLAN sub-interface or a loopback.
    Create(Box<InterfaceSpec>, Reply<InterfaceView, InterfaceError>),
    /// Removes one.
    Delete(InterfaceName, Reply<(), InterfaceError>),
    /// Changes an interface.
    Change(
        InterfaceName,
        InterfaceChange,
        Reply<InterfaceView, InterfaceError>,
    ),
    /// Adds an address.
    AddAddress(
        InterfaceName,
        InterfaceAddress,
        Reply<InterfaceView, InterfaceError>,
    ),
    /// Removes an address.
    RemoveAddress(
        InterfaceName,
        InterfaceAddress,
        Reply<InterfaceView, InterfaceError>,
    ),
    /// One interface.
    Get(InterfaceName, Reply<InterfaceView, InterfaceError>),
    /// All interfaces or those of a VRF, by name.
    List(Option<VrfName>, Reply<Vec<InterfaceView>, InterfaceError>),
}

/// About VRFs.
#[derive(Debug)]
pub enum VrfRequest {
    /// Makes a VRF.
    Create(VrfSpec, Reply<VrfView, VrfError>),
    /// Removes a VRF.
    Delete(VrfName, Reply<(), VrfError>),
    /// One VRF.
    Get(VrfName, Reply<VrfView, VrfError>),
    /// All VRFs, the default one first, then by name.
    List(Reply<Vec<VrfView>>),
}

/// About routes and their owners.
#[derive(Debug)]
pub enum RouteRequest {
    /// A stream wants to speak for an owner.
    Open(OwnerOpen, Reply<OwnerOpened, OwnerError>),
    /// The stream is gone. Follows every successful `Open`, exactly once, after its last batch.
    OwnerGone(SessionId),
    /// Changes. The answer is due when the workers see them.
    Batch(InFlight, Reply<BatchOutcome, OwnerError>),
    /// The owner has said all that it has; the answer is how many routes were swept, and is due when the
    /// workers see that.
    EndOfRib(SessionId, Reply<u64, OwnerError>),
    /// One page of routes: by VRF (the default one first), prefix, and preference.
    List(
        Box<RouteFilter>,
        Option<RouteCursor>,
        Reply<Page<RouteView, RouteCursor>, ListError>,
    ),
    /// What happens to a packet.
    Lookup(LookupQuery, Reply<Box<LookupView>, ListError>),
    /// All owners, by name.
    ListOwners(Reply<Vec<OwnerView>>),
    /// Removes an owner that has no stream; the answer is how many routes it had.
    RemoveOwner(OwnerName, Reply<u64, OwnerError>),
}

/// A batch on its way, with its share of the room that all batches in flight have together. The room is
/// given back when the core drops this.
#[derive(Debug)]
pub struct InFlight {
    /// The changes.
    pub batch: RouteBatch,
    /// The share.
    pub room: OwnedSemaphorePermit,
}

/// About next hop sets.
#[derive(Debug)]
pub enum NextHopRequest {
    /// Makes or replaces a set of an owner; the answer is due when the workers see it.
    Put(OwnerName, NextHopSet, Reply<NextHopEntry, RouteError>),
    /// Deletes a set that no route refers to.
    Delete(OwnerName, NextHopSetId, Reply<(), RouteError>),
    /// One entry.
    Get(NextHopKey, Reply<NextHopEntry, NextHopError>),
    /// One page of entries, all or one owner's.
    List(
        Option<OwnerName>,
        Option<NextHopCursor>,
        Reply<Page<NextHopEntry, NextHopCursor>>,
    ),
}

/// About endpoints, VNIs, labels and tunnels.
#[derive(Debug)]
pub enum OverlayRequest {
    /// Makes an endpoint.
    CreateEndpoint(Box<EndpointSpec>, Reply<EndpointView, OverlayError>),
    /// Gives an endpoint another spec.
    ChangeEndpoint(Box<EndpointSpec>, Reply<EndpointView, OverlayError>),
    /// Removes an endpoint.
    DeleteEndpoint(EndpointName, Reply<(), OverlayError>),
    /// One endpoint.
    GetEndpoint(EndpointName, Reply<EndpointView, OverlayError>),
    /// All endpoints, by name.
    ListEndpoints(Reply<Vec<EndpointView>>),
    /// Makes a VNI, which goes with the owner, if one is named.
    CreateVni(VniSpec, Option<OwnerName>, Reply<VniView, OverlayError>),
    /// Changes a VNI, in the same way.
    ChangeVni(VniSpec, Option<OwnerName>, Reply<VniView, OverlayError>),
    /// Removes a VNI.
    DeleteVni(VniKey, Reply<(), OverlayError>),
    /// One VNI.
    GetVni(VniKey, Reply<VniView, OverlayError>),
    /// One page of VNIs, by endpoint and number.
    ListVnis(Option<VniCursor>, Reply<Page<VniView, VniCursor>>),
    /// Makes or replaces a label, which goes with the owner, if one is named.
    PutLabel(
        Box<LabelSpec>,
        Option<OwnerName>,
        Reply<LabelView, OverlayError>,
    ),
    /// Removes a label.
    DeleteLabel(Label, Reply<(), OverlayError>),
    /// One label.
    GetLabel(Label, Reply<LabelView, OverlayError>),
    /// One page of labels, by number.
    ListLabels(Option<LabelCursor>, Reply<Page<LabelView, LabelCursor>>),
    /// One page of tunnels, by number.
    ListTunnels(Option<TunnelCursor>, Reply<Page<TunnelView, TunnelCursor>>),
}

/// About bridge domains and the stations in them.
#[derive(Debug)]
pub enum BridgeRequest {
    /// Makes a domain.
    Create(Box<DomainSpec>, Reply<DomainView, DomainError>),
    /// Gives a domain another spec.
    Change(Box<DomainSpec>, Reply<DomainView, DomainError>),
    /// Removes a domain.
    Delete(DomainName, Reply<(), DomainError>),
    /// One domain.
    Get(DomainName, Reply<DomainView, DomainError>),
    /// One page of domains, by name.
    List(Option<DomainCursor>, Reply<Page<DomainView, DomainCursor>>),
    /// Puts an interface into a domain.
    AddMember(DomainName, InterfaceName, Reply<DomainView, DomainError>),
    /// Takes a member out of a domain.
    RemoveMember(DomainName, InterfaceName, Reply<DomainView, DomainError>),
    /// Sets and deletes stations; what is set goes with the owner, if one is named. The answer is due when the workers see it.
    ChangeFdb(Vec<FdbChange>, Option<OwnerName>, Reply<Refused>),
    /// One page of stations, by the domain's number and address.
    ListFdb(
        StationFilter,
        Option<StationCursor>,
        Reply<Page<StationView, StationCursor>, DomainError>,
    ),
    /// Forgets learned stations; the answer is how many.
    FlushFdb(
        Option<DomainName>,
        Option<InterfaceName>,
        Reply<u32, DomainError>,
    ),
    /// Changes flood lists; what is added goes with the owner, if one is named. The answer is due when the workers see it.
    ChangeFlood(Vec<FloodChange>, Option<OwnerName>, Reply<Refused>),
}

/// About Ethernet segments.
#[derive(Debug)]
pub enum SegmentRequest {
    /// Makes a segment, which goes with the owner, if one is named.
    Create(
        Box<SegmentSpec>,
        Option<OwnerName>,
        Reply<SegmentView, SegmentError>,
    ),
    /// Gives a segment another spec, in the same way; the answer is due when the workers forward by it.
    Change(
        Box<SegmentSpec>,
        Option<OwnerName>,
        Reply<SegmentView, SegmentError>,
    ),
    /// Removes a segment.
    Delete(SegmentId, Reply<(), SegmentError>),
    /// One segment.
    Get(SegmentId, Reply<SegmentView, SegmentError>),
    /// One page of segments, by number.
    List(
        Option<SegmentCursor>,
        Reply<Page<SegmentView, SegmentCursor>>,
    ),
}

/// About neighbours.
#[derive(Debug)]
pub enum NeighbourRequest {
    /// One page of neighbours, by interface and address.
    List(
        NeighbourFilter,
        Option<NeighbourCursor>,
        Reply<Page<NeighbourView, NeighbourCursor>, NeighbourError>,
    ),
    /// Adds a permanent neighbour, which goes with the owner, if one is named.
    Add(
        NeighbourSpec,
        Option<OwnerName>,
        Reply<NeighbourView, NeighbourError>,
    ),
    /// Deletes a neighbour.
    Delete(InterfaceName, IpAddr, Reply<(), NeighbourError>),
    /// Deletes learned neighbours; the answer is how many.
    Flush(NeighbourFilter, Reply<u64, NeighbourError>),
}

/// About counters.
#[derive(Debug)]
pub enum StatsRequest {
    /// Forwarding workers.
    Workers(Reply<Vec<WorkerView>>),
    /// Dropped packets, one entry for each reason in the order of reasons.
    Drops(Reply<Vec<DropView>>),
    /// Counters of all interfaces, by name.
    Interfaces(Reply<Vec<InterfaceStatsView>>),
    /// Punt classes in their order.
    Punts(Reply<Vec<PuntView>>),
    /// Memory.
    Memory(Reply<MemoryView>),
}

/// About single packets.
#[derive(Debug)]
pub enum TraceRequest {
    /// Traces until the answer is dropped.
    Trace(Box<PacketFilter>, Reply<Observation<Path>, TraceError>),
    /// Captures until the answer is dropped.
    Capture(Box<CaptureSpec>, Reply<Observation<Frame>, TraceError>),
    /// The same paths with names.
    NamePaths(Vec<Path>, Reply<Vec<PathView>>),
    /// The names of interfaces; `None` for those that are gone.
    NameInterfaces(Vec<InterfaceId>, Reply<Vec<Option<InterfaceName>>>),
}

/// About the router as a whole.
#[derive(Debug)]
pub enum SystemRequest {
    /// Versions, age, state.
    Info(Reply<SystemView>),
    /// The configuration in force.
    Config(Reply<ConfigView>),
    /// Takes up what the last router left, and writes from then on for the next. Once, when the configuration is in force.
    Restore(Box<Restore>, Reply<Restored>),
}
