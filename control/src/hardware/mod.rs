//! The cards and the workers, as the core sees them.
//!
//! [`Hardware`] is what the core needs of them; [`dpdk::DpdkHardware`] is the real one. Tests that
//! run the whole router in one thread bring their own.

pub mod dpdk;

use std::sync::Arc;

use dpdk_sys::port::{AttachError, ConfigureError, DetachError};
use dpdk_sys::{Link, PortError, PortStats};
use ferroute_dataplane::counters::WorkerCounters;
use ferroute_dataplane::forward::InjectRing;
use ferroute_dataplane::ids::{PortId, QueueId, WorkerIndex};
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::trace::Watch;
use ferroute_dataplane::worker::handle::CommandError;

use crate::model::port::RxWake;

/// How a port is set up.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PortShape {
    /// Receive queues; `None` for one for each of its workers, as far as the device has them.
    pub rx_queues: Option<u16>,
    /// Transmit queues; `None` for one for each worker, as far as the device has them.
    pub tx_queues: Option<u16>,
    /// Descriptors of each receive queue; `None` for the driver's choice.
    pub rx_descriptors: Option<u16>,
    /// Descriptors of each transmit queue; `None` for the driver's choice.
    pub tx_descriptors: Option<u16>,
    /// Largest IP packet, in bytes.
    pub mtu_bytes: u16,
    /// Take frames to every destination.
    pub promiscuous: bool,
    /// Workers that poll the receive queues, in turn; empty for all.
    pub workers: Vec<WorkerIndex>,
}

/// A port that is set up.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PortFacts {
    /// DPDK's name of the driver.
    pub driver: String,
    /// The port's Ethernet address.
    pub mac: Mac,
    /// NUMA node, where there is one.
    pub numa_node: Option<u16>,
    /// Which worker polls which receive queue.
    pub queues: Vec<(QueueId, WorkerIndex)>,
    /// Transmit queues.
    pub tx_queues: u16,
    /// Descriptors of each receive queue.
    pub rx_descriptors: u16,
    /// Descriptors of each transmit queue.
    pub tx_descriptors: u16,
    /// Offloads in use, by stable lower-case names.
    pub offloads: Vec<&'static str>,
    /// What wakes a worker that sleeps when packets come.
    pub rx_wake: RxWake,
}

/// A worker as it is reported.
#[derive(Clone, Debug)]
pub struct WorkerFacts {
    /// Its number.
    pub index: WorkerIndex,
    /// Its CPU.
    pub cpu: usize,
    /// What it counted.
    pub counters: Arc<WorkerCounters>,
    /// The queues that it polls.
    pub queues: Vec<(PortId, QueueId)>,
    /// The number by which the snapshot cell names it.
    pub reader_slot: usize,
}

/// Memory of packet buffers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PoolFacts {
    /// Buffers in all.
    pub size: u64,
    /// Buffers in use.
    pub used: u64,
    /// Memory that DPDK took, in bytes.
    pub reserved_bytes: u64,
    /// Of this: in use.
    pub used_bytes: u64,
    /// Whether it lies on huge pages.
    pub huge_pages: bool,
}

/// Why a port could not be had, set up or changed.
#[derive(Debug, thiserror::Error)]
pub enum HardwareError {
    /// The device could not be had.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// The device refused its set-up.
    #[error(transparent)]
    Configure(#[from] ConfigureError),
    /// The device refused a change.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The device could not be given back cleanly.
    #[error(transparent)]
    Detach(#[from] DetachError),
    /// No such port.
    #[error("port {0} does not exist")]
    NoPort(PortId),
    /// There are as many ports as the router takes.
    #[error("the router takes at most {0} ports")]
    TooManyPorts(usize),
    /// No such worker.
    #[error("worker {0} does not exist")]
    NoWorker(WorkerIndex),
    /// The device has fewer queues.
    #[error("{asked} queues were asked for, the device has {most}")]
    TooManyQueues {
        /// How many were asked for.
        asked: u16,
        /// How many it has.
        most: u16,
    },
    /// The device has rings that were sized when it was made.
    #[error(
        "the queues of packet sockets have no descriptors to be set: name framecnt= and framesz= with the device"
    )]
    FixedRings,
    /// A worker polls as many queues as it can.
    #[error("worker {0} polls as many queues as it can")]
    WorkerFull(WorkerIndex),
    /// The worker that ought to poll a queue does not have it.
    #[error("worker {worker} does not have queue {queue} of port {port}")]
    QueueLost {
        /// The port.
        port: PortId,
        /// The queue.
        queue: QueueId,
        /// Who ought to have it.
        worker: WorkerIndex,
    },
    /// A worker did not do its part.
    #[error(transparent)]
    Worker(#[from] CommandError),
}

impl HardwareError {
    /// Whether it was found before anything was touched: the port works on as it did.
    #[must_use]
    pub const fn changed_nothing(&self) -> bool {
        matches!(
            self,
            Self::NoPort(_)
                | Self::NoWorker(_)
                | Self::TooManyQueues { .. }
                | Self::FixedRings
                | Self::Configure(ConfigureError::OnlyOnce)
        )
    }
}

/// Cards and workers.
pub trait Hardware: Send {
    /// Takes a device by PCI address or device string. It does not run yet.
    ///
    /// # Errors
    /// [`HardwareError`].
    fn attach(&mut self, device: &str) -> Result<PortId, HardwareError>;

    /// Sets a port up anew and starts it; the workers poll it when this returns. After an error the
    /// port stands still.
    ///
    /// # Errors
    /// [`HardwareError`].
    fn set_up(&mut self, port: PortId, shape: &PortShape) -> Result<(), HardwareError>;

    /// Moves the receive queues of a running port to the workers of `shape`, without stopping it: what waits in
    /// them stays, and a flow's packets keep their order. Answers whether it could: not when the port would have
    /// another number of queues, for which [`Hardware::set_up`] is the way.
    ///
    /// # Errors
    /// [`HardwareError`]; queues that were not moved stay where they are.
    fn move_queues(&mut self, port: PortId, shape: &PortShape) -> Result<bool, HardwareError>;

    /// Stops a port and gives the device back.
    ///
    /// # Errors
    /// [`HardwareError`].
    fn detach(&mut self, port: PortId) -> Result<(), HardwareError>;

    /// What the port is.
    fn facts(&self, port: PortId) -> Option<PortFacts>;

    /// The state of the link.
    fn link(&self, port: PortId) -> Option<Link>;

    /// What the device counted, and its own counters by name.
    fn stats(&self, port: PortId) -> Option<(PortStats, Vec<(String, u64)>)>;

    /// Sets promiscuous mode on a running port.
    ///
    /// # Errors
    /// [`HardwareError`].
    fn set_promiscuous(&mut self, port: PortId, on: bool) -> Result<(), HardwareError>;

    /// Changes the largest IP packet of a running port, in bytes, without stopping it.
    ///
    /// # Errors
    /// [`HardwareError`]: the device cannot while it runs, or not with the buffers that it has; it goes on
    /// as it was, and [`Hardware::set_up`] is the other way.
    fn set_mtu(&mut self, port: PortId, mtu_bytes: u16) -> Result<(), HardwareError>;

    /// The ring into which frames for this port go.
    fn injector(&self, port: PortId) -> Option<Arc<InjectRing>>;

    /// The workers.
    fn workers(&self) -> Vec<WorkerFacts>;

    /// Makes a worker show packets from now on as `watch` says, or no longer.
    ///
    /// # Errors
    /// [`HardwareError`].
    fn watch(
        &mut self,
        worker: WorkerIndex,
        watch: Option<Box<Watch>>,
    ) -> Result<(), HardwareError>;

    /// The packet buffers.
    fn pool(&self) -> PoolFacts;
}
