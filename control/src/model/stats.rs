//! What the router counts about itself.

use super::interface::InterfaceCounters;
use super::name::{InterfaceName, VrfName};
use super::prefix::Family;
use ferroute_dataplane::drops::DropReason;
use ferroute_dataplane::ids::{QueueId, WorkerIndex};
use ferroute_dataplane::punt::PuntClass;

/// One forwarding worker.
#[derive(Clone, PartialEq, Debug)]
pub struct WorkerView {
    /// Its number.
    pub index: WorkerIndex,
    /// The CPU to which it is pinned.
    pub cpu: u16,
    /// Share of its time spent on packets, 0 to 1, over about the last second.
    pub busy: f64,
    /// Share of its time asleep over about the last second.
    pub asleep: f64,
    /// Mean packets of those bursts that were not empty, over about the last second.
    pub packets_per_burst: f64,
    /// Mean cycles for each received packet, over about the last second.
    pub cycles_per_packet: f64,
    /// Stages in the order in which packets meet them.
    pub stages: Vec<StageView>,
    /// Packets received.
    pub rx_packets: u64,
    /// Of these: sent.
    pub tx_packets: u64,
    /// Of these: handed to the exception path.
    pub punted_packets: u64,
    /// Of these: ended here as they should.
    pub consumed_packets: u64,
    /// Of these: dropped.
    pub dropped_packets: u64,
    /// Copies of packets that flooding in bridge domains made, and frames that the exception path sent through one:
    /// `rx + copied = tx + punted + consumed + dropped`.
    pub copied_packets: u64,
    /// Frames that the exception path gave it to send.
    pub injected_packets: u64,
    /// Polls of receive queues.
    pub polls: u64,
    /// Polls that found nothing.
    pub empty_polls: u64,
    /// How often it slept because nothing came.
    pub sleeps: u64,
    /// Of these sleeps: ended by a queue's interrupt, or by work that the router itself had for it.
    pub wakeups: u64,
    /// Whether it has not moved on for too long.
    pub hung: bool,
    /// Receive queues that it polls.
    pub queues: Vec<(InterfaceName, QueueId)>,
}

/// Cost of one stage on one worker.
#[derive(Clone, PartialEq, Debug)]
pub struct StageView {
    /// The stage's stable name.
    pub name: &'static str,
    /// Packets that went through it.
    pub packets: u64,
    /// Cycles of the time stamp counter spent in it.
    pub cycles: u64,
    /// Mean cycles for each packet over about the last second.
    pub cycles_per_packet: f64,
}

/// Packets dropped for one reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DropView {
    /// The reason.
    pub reason: DropReason,
    /// Packets, by worker number.
    pub by_worker: Vec<u64>,
    /// Packets dropped by the exception path.
    pub by_exception_path: u64,
}

/// Counters of one interface.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InterfaceStatsView {
    /// Its name.
    pub name: InterfaceName,
    /// What went through it.
    pub counters: InterfaceCounters,
}

/// One class of packets for the exception path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PuntView {
    /// The class.
    pub class: PuntClass,
    /// Let through.
    pub passed_packets: u64,
    /// Dropped by the policer.
    pub policed_packets: u64,
    /// Policer: packets a second for each worker.
    pub rate_pps: u64,
    /// Policer: packets at once.
    pub burst_packets: u64,
    /// Policer: what each port has of the rate whatever others send.
    pub share_pps: u64,
    /// The same packets by where they came from, those of ports that are gone left out.
    pub sources: Vec<PuntSourceView>,
}

/// Packets of a class for the exception path that came from one place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PuntSourceView {
    /// The port; none for what the host sent into a bridge domain.
    pub port: Option<InterfaceName>,
    /// Let through.
    pub passed_packets: u64,
    /// Dropped by the policer.
    pub policed_packets: u64,
}

/// Where memory went.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MemoryView {
    /// Pools of packet buffers.
    pub pools: Vec<PacketPoolView>,
    /// FIBs.
    pub fibs: Vec<FibView>,
    /// Memory that DPDK took, in bytes.
    pub dpdk_reserved_bytes: u64,
    /// Of this: in use.
    pub dpdk_used_bytes: u64,
    /// Whether it lies on huge pages.
    pub huge_pages: bool,
    /// Resident memory of the process in bytes.
    pub resident_bytes: u64,
}

/// A pool of packet buffers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PacketPoolView {
    /// Its name.
    pub name: String,
    /// NUMA node, where there is one.
    pub numa_node: Option<u16>,
    /// Buffers in all.
    pub size: u64,
    /// Buffers in use.
    pub used: u64,
}

/// One FIB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FibView {
    /// The VRF.
    pub vrf: VrfName,
    /// The family.
    pub family: Family,
    /// Prefixes in it.
    pub prefixes: u64,
    /// Memory in bytes.
    pub bytes: u64,
}
