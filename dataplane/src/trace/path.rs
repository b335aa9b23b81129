//! The way of one packet through the stages.

use arrayvec::ArrayVec;

use crate::drops::DropReason;
use crate::ids::{
    AdjacencyId, BridgeId, EndpointId, GroupId, InterfaceId, NextHopId, PortId, TunnelId, VrfId,
};
use crate::punt::{PuntClass, PuntReason};
use crate::snapshot::nexthop::{Hop, NextHop};

/// Bytes of a frame that a path keeps.
pub const HEAD_BYTES: usize = 128;
/// Steps that a path keeps; the deepest way has some twenty.
pub const MOST_STEPS: usize = 32;

/// One decision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// It was taken in by an interface: from a port, out of a tunnel, or from a bridge domain.
    Taken {
        /// The interface.
        interface: InterfaceId,
        /// Its VRF.
        vrf: VrfId,
    },
    /// Its destination was looked up.
    Looked {
        /// In this VRF.
        vrf: VrfId,
        /// What the FIB says.
        next_hop: NextHopId,
        /// What that means.
        leads: NextHop,
    },
    /// The flow's member of a group was chosen.
    Picked {
        /// The group.
        group: GroupId,
        /// The flow's hash.
        hash: u32,
        /// The member; `None` when there is none.
        hop: Option<Hop>,
    },
    /// It was encapsulated.
    Encapsulated {
        /// The tunnel.
        tunnel: TunnelId,
        /// How the underlay reaches the remote end; `None` when it does not.
        underlay: Option<AdjacencyId>,
    },
    /// It is taken out of what it came in, at an endpoint of the router's own.
    Decapsulated {
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// Its label stack is read.
    Labels,
    /// A bridge domain looked its destination up.
    Bridged {
        /// The domain.
        bridge: BridgeId,
        /// What it found.
        way: BridgeWay,
    },
    /// A copy that flooding made of it was dropped.
    CopyDropped {
        /// Why.
        reason: DropReason,
    },
    /// The end: it is in a port's transmit buffer.
    Sent {
        /// The port and the interface; `None` when the buffer was sent before anybody looked.
        by: Option<(PortId, InterfaceId)>,
    },
    /// The end: it is the exception path's.
    Punted {
        /// Why.
        reason: PuntReason,
        /// The class by which it was policed.
        class: PuntClass,
    },
    /// The end: it was dropped.
    Dropped {
        /// Why.
        reason: DropReason,
    },
}

/// What a bridge domain knows of a frame's destination.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BridgeWay {
    /// It is behind this member.
    Member(InterfaceId),
    /// It is behind this tunnel.
    Tunnel(TunnelId),
    /// It is the domain's gateway.
    Gateway,
    /// It is behind an Ethernet segment.
    Segment,
    /// It is a group.
    Group,
    /// Nothing.
    Unknown,
}

/// The way of one packet.
#[derive(Clone, Debug, Default)]
pub struct Path {
    /// When it was first seen, in ticks of the time stamp counter.
    pub ticks: u64,
    /// How long the frame was then, in bytes.
    pub frame_bytes: usize,
    /// How it began then.
    pub head: ArrayVec<u8, HEAD_BYTES>,
    /// What became of it.
    pub steps: ArrayVec<Step, MOST_STEPS>,
    /// How the frame begins that was sent; empty when none was.
    pub sent_head: ArrayVec<u8, HEAD_BYTES>,
}

impl Path {
    /// Begins anew, with a frame.
    pub(super) fn restart(&mut self, ticks: u64, frame: &[u8], frame_bytes: usize) {
        (self.ticks, self.frame_bytes) = (ticks, frame_bytes);
        self.steps.clear();
        self.sent_head.clear();
        fill(&mut self.head, frame);
    }

    /// Notes how the frame begins that is sent.
    pub(super) fn sent(&mut self, frame: &[u8]) {
        fill(&mut self.sent_head, frame);
    }

    /// Adds a step. The last place is kept for the end.
    pub(super) fn note(&mut self, step: Step) {
        if self.steps.remaining_capacity() > 1 {
            self.steps.push(step);
        }
    }

    /// Adds the last step.
    pub(super) fn end(&mut self, step: Step) {
        // There is a place: `note` leaves one.
        let _ = self.steps.try_push(step);
    }
}

fn fill(head: &mut ArrayVec<u8, HEAD_BYTES>, frame: &[u8]) {
    head.clear();
    head.extend(frame.iter().copied().take(HEAD_BYTES));
}
