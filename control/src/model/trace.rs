//! Single packets, shown while they are forwarded.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use ferroute_dataplane::drops::DropReason;
use ferroute_dataplane::ids::{AdjacencyId, GroupId, NextHopId, TunnelId, WorkerIndex};
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::punt::{PuntClass, PuntReason};
use ferroute_dataplane::trace::{Path, Points, Ring};

use super::name::{DomainName, EndpointName, InterfaceName, VrfName};
use super::prefix::Prefix;
use super::reason::reasons;

reasons! {
    /// Why packets are not shown.
    pub enum TraceError {
        /// No such interface.
        UnknownInterface { /// Its name.
            interface: InterfaceName } = "UNKNOWN_INTERFACE", NotFound, "there is no interface {interface}";
        /// No such VRF.
        UnknownVrf { /// Its name.
            vrf: VrfName } = "UNKNOWN_VRF", NotFound, "there is no VRF {vrf}";
        /// Another client traces.
        TraceBusy = "TRACE_BUSY", Precondition, "another client traces already; one can at a time";
        /// Another client captures.
        CaptureBusy = "CAPTURE_BUSY", Precondition, "another client captures already; one can at a time";
        /// A worker did not take the order.
        WorkerHangs { /// The worker.
            worker: WorkerIndex } = "WORKER_HANGS", Internal, "worker {worker} does not answer";
    }
}

reasons! {
    /// Why a request makes no sense.
    pub enum TraceSpecError {
        /// No packet ends for this.
        UnknownReason { /// What was given.
            reason: String } = "UNKNOWN_REASON", Invalid,
            "no packet is dropped or punted for {reason:?}; `ferroute drops --all` names the reasons of drops";
        /// Not a length of a frame's beginning.
        SnapLength { /// What was given, in bytes.
            snap_bytes: u32 } = "SNAP_LENGTH", Invalid, "a frame's first {snap_bytes} bytes cannot be captured: 14 to 65535 can";
    }
}

/// Which packets are shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PacketFilter {
    /// Those of this interface.
    pub interface: Option<InterfaceName>,
    /// Those of interfaces of this VRF.
    pub vrf: Option<VrfName>,
    /// Those from or to addresses in here.
    pub prefix: Option<Prefix>,
    /// Those that were dropped or punted for this.
    pub reason: Option<&'static str>,
    /// Of these, one in so many.
    pub sample: NonZeroU32,
}

/// The stable name of a reason, if packets are dropped or punted for it.
///
/// # Errors
/// [`TraceSpecError::UnknownReason`].
pub fn reason_name(text: &str) -> Result<&'static str, TraceSpecError> {
    let drops = DropReason::ALL.iter().map(|reason| reason.name());
    let mut names = drops.chain(PuntReason::NAMES);
    let found = names.find(|name| *name == text);
    found.ok_or_else(|| TraceSpecError::UnknownReason {
        reason: text.to_owned(),
    })
}

/// How much of a frame is captured, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SnapBytes(u16);

impl SnapBytes {
    /// The bytes.
    #[must_use]
    pub fn get(self) -> usize {
        self.0.into()
    }
}

impl Default for SnapBytes {
    /// A whole jumbo frame.
    fn default() -> Self {
        Self(9216)
    }
}

impl TryFrom<u32> for SnapBytes {
    type Error = TraceSpecError;

    fn try_from(snap_bytes: u32) -> Result<Self, TraceSpecError> {
        match u16::try_from(snap_bytes) {
            Ok(bytes) if bytes >= 14 => Ok(Self(bytes)),
            _ => Err(TraceSpecError::SnapLength { snap_bytes }),
        }
    }
}

/// Frames that are to be captured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CaptureSpec {
    /// Which.
    pub filter: PacketFilter,
    /// Where.
    pub points: Points,
    /// How much of each.
    pub snap_bytes: SnapBytes,
}

/// The reader's end of a trace or a capture. It ends when this is dropped.
#[derive(Debug)]
pub struct Observation<T> {
    /// The ring of each worker.
    pub rings: Vec<(WorkerIndex, Arc<Ring<T>>)>,
    /// Ticks of the records' clock in a second.
    pub ticks_hz: u64,
    /// The core looks whether it is still held.
    pub held: Arc<()>,
}

impl<T> Observation<T> {
    /// Records since the start that found no room.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.rings.iter().map(|(_, ring)| ring.lost()).sum()
    }
}

/// A path whose numbers became names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PathView {
    /// When it began, in ticks.
    pub ticks: u64,
    /// The length of the frame in bytes.
    pub frame_bytes: usize,
    /// How it began.
    pub head: Vec<u8>,
    /// What became of it.
    pub steps: Vec<StepView>,
    /// How the frame begins that was sent.
    pub sent_head: Vec<u8>,
}

impl PathView {
    /// The view of a path with these steps.
    #[must_use]
    pub fn new(path: &Path, steps: Vec<StepView>) -> Self {
        Self {
            ticks: path.ticks,
            frame_bytes: path.frame_bytes,
            head: path.head.to_vec(),
            steps,
            sent_head: path.sent_head.to_vec(),
        }
    }
}

/// An adjacency by name; what it led to is unknown when it is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AdjacencyRef {
    /// Its number.
    pub id: AdjacencyId,
    /// Interface, address and Ethernet address of the neighbour.
    pub neighbour: Option<(InterfaceName, IpAddr, Option<Mac>)>,
}

/// A tunnel by name; where it led is unknown when it is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TunnelRef {
    /// Its number.
    pub id: TunnelId,
    /// Where it starts and where it ends.
    pub ends: Option<(EndpointName, IpAddr)>,
}

/// Where one path leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HopRef {
    /// To a neighbour.
    Adjacency(AdjacencyRef),
    /// Into a tunnel.
    Tunnel(TunnelRef),
}

/// What a next hop is. Names are absent where the thing is gone by now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lead {
    /// One way.
    Hop(HopRef),
    /// One of several.
    Group(GroupId),
    /// The router itself, on an interface.
    Local(Option<InterfaceName>),
    /// An endpoint of tunnels.
    Endpoint(Option<EndpointName>),
    /// A connected link.
    Glean(Option<InterfaceName>),
    /// The broadcast address of a link.
    Broadcast(Option<InterfaceName>),
    /// Another VRF.
    Vrf(VrfName),
    /// Nowhere, by its stable name.
    DeadEnd(&'static str),
}

/// What a bridge domain knew of a destination.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BridgeLead {
    /// A member.
    Member(Option<InterfaceName>),
    /// A tunnel.
    Tunnel(TunnelRef),
    /// The gateway, a group, or nothing, by its stable name.
    Other(&'static str),
}

/// One decision, as [`Step`](ferroute_dataplane::trace::Step) with names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StepView {
    /// An interface took it in.
    Taken {
        /// The interface; `None` when it is gone or there was none.
        interface: Option<InterfaceName>,
        /// Its VRF.
        vrf: VrfName,
    },
    /// It was looked up.
    LookedUp {
        /// Where.
        vrf: VrfName,
        /// What was found.
        next_hop: NextHopId,
        /// What that is.
        lead: Lead,
    },
    /// A member of a group was chosen.
    Picked {
        /// The group.
        group: GroupId,
        /// The flow's hash.
        hash: u32,
        /// The member.
        hop: Option<HopRef>,
    },
    /// It was encapsulated.
    Encapsulated {
        /// The tunnel.
        tunnel: TunnelRef,
        /// The way to its end.
        underlay: Option<AdjacencyRef>,
    },
    /// It was taken out of a tunnel.
    Decapsulated(Option<EndpointName>),
    /// Its labels were read.
    Labels,
    /// A bridge domain looked it up.
    Bridged {
        /// The domain; `None` when it is gone.
        domain: Option<DomainName>,
        /// What it found.
        lead: BridgeLead,
    },
    /// A copy was dropped.
    CopyDropped(DropReason),
    /// It was sent by a port and an interface, if that was seen.
    Sent {
        /// The port.
        port: Option<InterfaceName>,
        /// The interface.
        interface: Option<InterfaceName>,
    },
    /// The exception path has it.
    Punted {
        /// Why, by its stable name.
        reason: &'static str,
        /// The class.
        class: PuntClass,
    },
    /// It was dropped.
    Dropped(DropReason),
}
