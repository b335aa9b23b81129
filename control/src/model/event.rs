//! What happens in the router, for those who watch.

use super::bridge::{StationCause, StationView};
use super::interface::InterfaceView;
use super::name::{InterfaceName, OwnerName, VrfName};
use super::neighbour::NeighbourView;
use super::number::Mtu;
use super::overlay::{EndpointView, LabelView, TunnelView, VniTarget, VniView};
use super::owner::OwnerView;
use super::port::Link;
use super::prefix::InterfaceAddress;
use super::segment::SegmentView;
use ferroute_dataplane::ids::WorkerIndex;

/// One event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// Grows by one with each event of the router.
    pub sequence: u64,
    /// When, in nanoseconds since 1970.
    pub time_unix_ns: u64,
    /// What.
    pub what: Happening,
}

/// What became of a thing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// It is new.
    Added,
    /// It changed.
    Changed,
    /// It is gone.
    Removed,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Happening {
    /// A port came, went or its link changed.
    Port {
        /// What became of it.
        change: Change,
        /// Its name.
        name: InterfaceName,
        /// Its link.
        link: Link,
    },
    /// An interface came, went or changed.
    Interface {
        /// What became of it.
        change: Change,
        /// Its name.
        name: InterfaceName,
        /// Its VRF.
        vrf: VrfName,
        /// Whether it is administratively up.
        admin_up: bool,
        /// Whether it is up and its port has a carrier.
        oper_up: bool,
        /// Largest IP packet.
        mtu: Mtu,
    },
    /// An address came or went.
    Address {
        /// What became of it.
        change: Change,
        /// The interface.
        interface: InterfaceName,
        /// The address.
        address: InterfaceAddress,
    },
    /// A neighbour came, went or changed.
    Neighbour {
        /// What became of it.
        change: Change,
        /// The neighbour.
        neighbour: NeighbourView,
    },
    /// An owner of routes changed state.
    Owner(OwnerView),
    /// A worker hangs or moves again.
    Worker {
        /// The worker.
        worker: WorkerIndex,
        /// Whether it hangs.
        hung: bool,
    },
    /// Something happened to a station of a bridge domain.
    Station {
        /// What became of it.
        change: Change,
        /// Why.
        cause: StationCause,
        /// The station as it is now; of one that is gone, as it was.
        station: StationView,
        /// The member behind which it was, if that is another now.
        previous_interface: Option<InterfaceName>,
    },
    /// An Ethernet segment came, went or changed.
    Segment {
        /// What became of it.
        change: Change,
        /// The segment as it is now; of one that is gone, as it was.
        segment: Box<SegmentView>,
    },
    /// An endpoint came, went or changed.
    Endpoint {
        /// What became of it.
        change: Change,
        /// The endpoint as it is now; of one that is gone, as it was.
        endpoint: Box<EndpointView>,
    },
    /// A VNI came, went or changed.
    Vni {
        /// What became of it.
        change: Change,
        /// The VNI as it is now; of one that is gone, as it was.
        vni: Box<VniView>,
    },
    /// A label came, went, changed, or leads somewhere or nowhere now.
    Label {
        /// What became of it.
        change: Change,
        /// The label as it is now; of one that is gone, as it was.
        label: Box<LabelView>,
    },
    /// A tunnel came or went, or its remote end can be reached now or not.
    Tunnel {
        /// What became of it.
        change: Change,
        /// The tunnel as it is now; of one that is gone, only what it was.
        tunnel: Box<TunnelView>,
    },
    /// Something was refused.
    Refusal {
        /// The owner whose batch had refused items, if it is about one.
        owner: Option<OwnerName>,
        /// The stable word of the reason; of several, the first.
        reason: &'static str,
        /// The same for people.
        message: String,
    },
}

impl Happening {
    /// The event that this became of an interface.
    #[must_use]
    pub fn interface(change: Change, view: &InterfaceView) -> Self {
        Self::Interface {
            change,
            name: view.name,
            vrf: view.vrf,
            admin_up: view.admin_up,
            oper_up: view.oper_up,
            mtu: view.mtu,
        }
    }

    /// The port or interface that it is about.
    #[must_use]
    pub const fn about_interface(&self) -> Option<InterfaceName> {
        match self {
            Self::Port { name, .. } | Self::Interface { name, .. } => Some(*name),
            Self::Address { interface, .. } => Some(*interface),
            Self::Neighbour { neighbour, .. } => Some(neighbour.interface),
            Self::Station { station, .. } => station.interface,
            Self::Vni { vni, .. } => match vni.spec.target {
                VniTarget::Routed { interface, .. } => interface,
                VniTarget::Bridged { .. } => None,
            },
            Self::Owner(_)
            | Self::Worker { .. }
            | Self::Segment { .. }
            | Self::Endpoint { .. }
            | Self::Label { .. }
            | Self::Tunnel { .. }
            | Self::Refusal { .. } => None,
        }
    }

    /// The owner that it is about.
    #[must_use]
    pub const fn about_owner(&self) -> Option<OwnerName> {
        match self {
            Self::Owner(owner) => Some(owner.name),
            Self::Refusal { owner, .. } => *owner,
            _ => None,
        }
    }
}
