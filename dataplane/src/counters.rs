//! What workers count.
//!
//! Every worker has counters of its own. Only it writes them, with plain stores; anyone may read.
//! For what came in by a receive queue and the copies made of it,
//! `rx + copied = tx + punted + consumed + dropped` at every time at which the worker is between two
//! bursts; frames from the inject ring are counted apart, as `injected = inject_tx + inject_dropped`.

use std::sync::atomic::{AtomicU64, Ordering};

use bytemuck::Zeroable;

use crate::drops::DropReason;
use crate::ids::{AdjacencyId, BridgeId, InterfaceId, TunnelId};
use crate::policer::Source;
use crate::punt::PuntClass;
use crate::wire::mpls::Label;

/// A counter with one writer.
#[derive(Debug, Default, Zeroable)]
#[repr(transparent)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`. Only the owning worker may call this: two writers would lose counts.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.store(
            self.0.load(Ordering::Relaxed).wrapping_add(n),
            Ordering::Relaxed,
        );
    }

    /// The count.
    #[inline]
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Packets and their bytes.
#[derive(Debug, Default, Zeroable)]
#[repr(C)]
pub struct Traffic {
    /// Packets.
    pub packets: Counter,
    /// Bytes of those packets, from the Ethernet header on, without FCS.
    pub bytes: Counter,
}

impl Traffic {
    /// Adds one run of packets.
    #[inline]
    pub fn add(&self, packets: u64, bytes: u64) {
        self.packets.add(packets);
        self.bytes.add(bytes);
    }
}

/// What one worker counted on one interface.
#[derive(Debug, Default, Zeroable)]
#[repr(C)]
pub struct InterfaceCounters {
    /// Received.
    pub rx: Traffic,
    /// Given to the port's transmit queue, and taken by it or not.
    pub tx: Traffic,
    /// Received and handed to the exception path.
    pub punted: Counter,
    /// Received and dropped.
    pub rx_dropped: Counter,
    /// Not taken by the transmit queue.
    pub tx_dropped: Counter,
}

/// What one worker counted in one bridge domain.
#[derive(Debug, Default, Zeroable)]
#[repr(C)]
pub struct BridgeCounters {
    /// Frames that came from members and tunnels.
    pub frames: Traffic,
    /// Of those, flooded.
    pub flooded: Counter,
    /// Copies that flooding made.
    pub copies: Counter,
    /// Of those, for an own address of the gateway or a group that it listens to.
    pub gateway: Counter,
    /// Of those, dropped in the bridge domain.
    pub dropped: Counter,
    /// New or moved stations that the control plane was not told of, because its ring was full.
    pub learn_lost: Counter,
    /// Copies that were not made because the frame came from the member's Ethernet segment.
    pub local_bias: Counter,
    /// Copies that were not made because another router is the designated forwarder of the member's
    /// Ethernet segment.
    pub not_designated: Counter,
}

/// The stages whose cost a worker measures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Stage {
    /// Reading a receive queue.
    Receive,
    /// Parsing and validating headers.
    Input,
    /// Finding stations of bridge domains, learning, flooding.
    Bridge,
    /// Looking destinations up.
    Lookup,
    /// From next hop to adjacency, and the rewrite.
    Rewrite,
    /// Into tunnels.
    Encap,
    /// Out of tunnels and labels.
    Decap,
    /// Writing transmit queues.
    Transmit,
}

impl Stage {
    /// Every stage, in the order of its number.
    pub const ALL: [Self; 8] = [
        Self::Receive,
        Self::Input,
        Self::Bridge,
        Self::Lookup,
        Self::Rewrite,
        Self::Encap,
        Self::Decap,
        Self::Transmit,
    ];
    /// How many stages there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::Input => "input",
            Self::Bridge => "bridge",
            Self::Lookup => "lookup",
            Self::Rewrite => "rewrite",
            Self::Encap => "encap",
            Self::Decap => "decap",
            Self::Transmit => "transmit",
        }
    }
}

/// Most interfaces that are counted.
pub const MAX_INTERFACES: usize = 1 << 16;
/// Most bridge domains that are counted: all that there can be.
pub const MAX_BRIDGES: usize = 1 << 16;
/// Most adjacencies that are counted.
pub const MAX_ADJACENCIES: usize = 1 << 18;
/// Most tunnels that are counted.
pub const MAX_TUNNELS: usize = 1 << 16;

/// Packets for the exception path, by [`PuntClass::index`].
#[derive(Debug)]
pub struct Punts {
    /// Handed to it.
    pub passed: [Counter; PuntClass::COUNT],
    /// Held back by the policer or a full ring.
    pub refused: [Counter; PuntClass::COUNT],
}

impl Default for Punts {
    fn default() -> Self {
        Self {
            passed: counters(),
            refused: counters(),
        }
    }
}

/// The counters of one worker.
#[derive(Debug)]
pub struct WorkerCounters {
    /// Packets from receive queues.
    pub rx: Counter,
    /// Copies that flooding made of those, and frames that the exception path sent into bridge
    /// domains.
    pub copied: Counter,
    /// Of all these, sent.
    pub tx: Counter,
    /// Of those, handed to the exception path.
    pub punted: Counter,
    /// Of those, ended here for a purpose.
    pub consumed: Counter,
    /// Of those, dropped, by [`DropReason::index`].
    pub drops: [Counter; DropReason::COUNT],
    /// Frames from the inject ring.
    pub injected: Counter,
    /// Of those, sent.
    pub inject_tx: Counter,
    /// Of those, not taken by the transmit queue, or for a port that this worker cannot send on.
    pub inject_dropped: Counter,
    /// Bursts that held at least one packet.
    pub bursts: Counter,
    /// Passes over all queues.
    pub passes: Counter,
    /// Passes that found nothing.
    pub idle_passes: Counter,
    /// TSC cycles in passes that found something.
    pub busy_cycles: Counter,
    /// TSC cycles in passes that found nothing, sleep included.
    pub idle_cycles: Counter,
    /// How often the worker slept.
    pub sleeps: Counter,
    /// Of these: ended by a queue's interrupt, or by work that somebody gave.
    pub wakeups: Counter,
    /// TSC cycles of passes that ended in a sleep, which idle cycles contain.
    pub asleep_cycles: Counter,
    /// TSC cycles by stage, of the bursts that were measured.
    pub stage_cycles: [Counter; Stage::COUNT],
    /// Packets of those bursts that went through each stage.
    pub stage_packets: [Counter; Stage::COUNT],
    punts: Box<[Punts; Source::COUNT]>,
    interfaces: Box<[InterfaceCounters]>,
    adjacencies: Box<[Traffic]>,
    bridges: Box<[BridgeCounters]>,
    tunnels: Box<[Traffic]>,
    labels: Box<[Traffic]>,
}

impl Default for WorkerCounters {
    fn default() -> Self {
        Self::new()
    }
}

fn counters<const N: usize>() -> [Counter; N] {
    std::array::from_fn(|_| Counter::default())
}

impl WorkerCounters {
    /// Counters at zero. The tables by interface, adjacency, tunnel and label take memory as they are
    /// used.
    #[must_use]
    pub fn new() -> Self {
        Self {
            rx: Counter::default(),
            copied: Counter::default(),
            tx: Counter::default(),
            punted: Counter::default(),
            consumed: Counter::default(),
            drops: counters(),
            injected: Counter::default(),
            inject_tx: Counter::default(),
            inject_dropped: Counter::default(),
            bursts: Counter::default(),
            passes: Counter::default(),
            idle_passes: Counter::default(),
            busy_cycles: Counter::default(),
            idle_cycles: Counter::default(),
            sleeps: Counter::default(),
            wakeups: Counter::default(),
            asleep_cycles: Counter::default(),
            stage_cycles: counters(),
            stage_packets: counters(),
            punts: Box::new(std::array::from_fn(|_| Punts::default())),
            interfaces: bytemuck::zeroed_slice_box(MAX_INTERFACES),
            adjacencies: bytemuck::zeroed_slice_box(MAX_ADJACENCIES),
            bridges: bytemuck::zeroed_slice_box(MAX_BRIDGES),
            tunnels: bytemuck::zeroed_slice_box(MAX_TUNNELS),
            labels: bytemuck::zeroed_slice_box(Label::COUNT),
        }
    }

    /// What was counted of packets for the exception path that came from here.
    #[inline]
    #[must_use]
    pub fn punts(&self, source: Source) -> &Punts {
        &self.punts[source.index()]
    }

    /// Packets of a class that were handed to the exception path, and that were held back, wherever they came from.
    #[must_use]
    pub fn punts_of(&self, class: PuntClass) -> (u64, u64) {
        let sum = |of: fn(&Punts) -> &[Counter; PuntClass::COUNT]| {
            let all = self.punts.iter();
            all.map(|punts| of(punts)[class.index()].get()).sum()
        };
        (sum(|punts| &punts.passed), sum(|punts| &punts.refused))
    }

    /// What was counted on an interface.
    #[inline]
    #[must_use]
    pub fn interface(&self, id: InterfaceId) -> &InterfaceCounters {
        &self.interfaces[id.index() & (MAX_INTERFACES - 1)]
    }

    /// What was counted in a bridge domain.
    #[inline]
    #[must_use]
    pub fn bridge(&self, id: BridgeId) -> &BridgeCounters {
        &self.bridges[id.index() & (MAX_BRIDGES - 1)]
    }

    /// What was sent by an adjacency.
    #[inline]
    #[must_use]
    pub fn adjacency(&self, id: AdjacencyId) -> &Traffic {
        &self.adjacencies[id.index() & (MAX_ADJACENCIES - 1)]
    }

    /// What was encapsulated by a tunnel, outer headers included, the link's left out.
    #[inline]
    #[must_use]
    pub fn tunnel(&self, id: TunnelId) -> &Traffic {
        &self.tunnels[id.index() & (MAX_TUNNELS - 1)]
    }

    /// What came in with a label of the router's own on top: bytes from that label on.
    #[inline]
    #[must_use]
    pub fn label(&self, label: Label) -> &Traffic {
        &self.labels[label.index() % Label::COUNT]
    }

    /// All drops of received packets.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.drops.iter().map(Counter::get).sum()
    }
}
