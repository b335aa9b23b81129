//! Ports of DPDK and the workers that poll them.

use std::collections::BTreeMap;
use std::sync::Arc;

use dpdk_sys::port::{self, Applied, RxOffloads, TxOffloads};
use dpdk_sys::{Eal, Link, Mempool, Port, PortConfig, PortError, PortStats, RxQueue, TxQueue};
use ferroute_dataplane::forward::InjectRing;
use ferroute_dataplane::forward::tx::{TxPort, TxSink};
use ferroute_dataplane::ids::{MAX_PORTS, PortId, QueueId, WorkerIndex};
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::trace::Watch;
use ferroute_dataplane::worker::handle::CommandError;
use ferroute_dataplane::worker::{Idle, Worker};

use super::{Hardware, HardwareError, PoolFacts, PortFacts, PortShape, WorkerFacts};
use crate::model::port::RxWake;

/// A buffer's header, and what the pool puts around each.
const BUFFER_OVERHEAD_BYTES: u64 = 128 + 64;

/// The memory that DPDK was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemoryFacts {
    /// How much, in bytes.
    pub reserved_bytes: u64,
    /// Whether it lies on huge pages.
    pub huge_pages: bool,
}

struct Bound {
    port: Port,
    /// Who polls each receive queue.
    rx: Vec<(QueueId, WorkerIndex)>,
    /// Who owns each transmit queue; frames of the exception path go to the first.
    tx: Vec<WorkerIndex>,
}

/// Ports of DPDK and the workers that poll them.
pub struct DpdkHardware {
    ports: BTreeMap<PortId, Bound>,
    workers: Vec<Worker>,
    pool: Mempool,
    memory: MemoryFacts,
    eal: Eal,
}

impl DpdkHardware {
    /// Takes over DPDK, the packet buffers and the workers.
    #[must_use]
    pub fn new(eal: Eal, memory: MemoryFacts, pool: Mempool, workers: Vec<Worker>) -> Self {
        Self {
            ports: BTreeMap::new(),
            workers,
            pool,
            memory,
            eal,
        }
    }

    /// Whether any worker sleeps when nothing comes.
    fn may_sleep(&self) -> bool {
        self.workers.iter().any(|w| w.spec().idle != Idle::Poll)
    }

    /// What wakes workers that sleep, at a port with this configuration.
    fn rx_wake(&self, applied: Option<&Applied>) -> RxWake {
        match applied.and_then(|applied| applied.rx_wake) {
            Some(port::RxWake::Interrupt) => RxWake::Interrupt,
            Some(port::RxWake::Socket) => RxWake::Socket,
            None if self.may_sleep() => RxWake::Nap,
            None => RxWake::Poll,
        }
    }

    fn worker(&self, index: WorkerIndex) -> Result<&Worker, HardwareError> {
        self.workers
            .get(index.index())
            .ok_or(HardwareError::NoWorker(index))
    }

    fn bound(&self, port: PortId) -> Result<&Bound, HardwareError> {
        self.ports.get(&port).ok_or(HardwareError::NoPort(port))
    }

    fn bound_mut(&mut self, port: PortId) -> Result<&mut Bound, HardwareError> {
        self.ports.get_mut(&port).ok_or(HardwareError::NoPort(port))
    }

    /// Takes all queues of a port back from the workers: first what receives, then what hands off,
    /// then what sends. After an error, what a worker that hangs has not given back is still listed, so that it can
    /// be tried again.
    fn take_queues(&mut self, port: PortId) -> Result<(), HardwareError> {
        while let Some((queue, worker)) = self.bound(port)?.rx.last().copied() {
            drop(self.worker(worker)?.take_rx(port, queue)?);
            self.bound_mut(port)?.rx.pop();
        }
        let owners = &self.bound(port)?.tx;
        let owns = |w: &&Worker| owners.contains(&w.spec().index);
        let others = self.workers.iter().filter(|w| !owns(w));
        for worker in others.chain(self.workers.iter().filter(owns)) {
            drop(worker.set_tx(port, None)?);
        }
        self.bound_mut(port)?.tx.clear();
        Ok(())
    }

    /// Hands the queues of a port to the workers: first what sends, then what receives.
    fn give_queues(
        &mut self,
        port: PortId,
        shape: &PortShape,
        rx: Vec<RxQueue>,
        tx: Vec<TxQueue>,
    ) -> Result<(), HardwareError> {
        let owners: Vec<WorkerIndex> = self
            .workers
            .iter()
            .take(tx.len())
            .map(|w| w.spec().index)
            .collect();
        let mut tx = tx.into_iter();
        for (place, worker) in self.workers.iter().enumerate() {
            let sink = match tx.next() {
                Some(queue) => TxSink::Queue(queue),
                None => TxSink::Handoff(Arc::clone(
                    self.workers[place % owners.len().max(1)].injects(),
                )),
            };
            drop(worker.set_tx(port, Some(Box::new(TxPort::new(port, sink))))?);
        }
        let pollers = self.pollers(port, shape, rx.len());
        let mut given = Vec::new();
        for (index, queue) in pollers.into_iter().zip(rx) {
            let id = QueueId::new(queue.queue());
            self.worker(index)?.add_rx(port, queue)?;
            given.push((id, index));
        }
        let bound = self.bound_mut(port)?;
        (bound.rx, bound.tx) = (given, owners);
        Ok(())
    }

    /// Who polls each of so many receive queues.
    fn pollers(&self, port: PortId, shape: &PortShape, queues: usize) -> Vec<WorkerIndex> {
        if shape.workers.is_empty() {
            let everyone = self.workers.iter().map(|w| w.spec().index).cycle();
            // Ports of one queue each would otherwise all go to the first worker.
            let first = port.index() % self.workers.len().max(1);
            everyone.skip(first).take(queues).collect()
        } else {
            let named = shape.workers.iter().copied().cycle();
            named.take(queues).collect()
        }
    }

    /// How many workers share the receive queues of a port.
    fn poller_count(&self, shape: &PortShape) -> usize {
        if shape.workers.is_empty() {
            self.workers.len()
        } else {
            shape.workers.len()
        }
    }

    /// Lets the workers send all that they handed off to each other.
    fn settle(&self) -> Result<(), HardwareError> {
        for worker in &self.workers {
            worker.settle()?;
        }
        Ok(())
    }

    /// Moves the receive queue at `place` of a port's list to another worker.
    fn move_queue(
        &mut self,
        port: PortId,
        place: usize,
        to: WorkerIndex,
    ) -> Result<(), HardwareError> {
        let (queue, from) = self.bound(port)?.rx[place];
        let (old, new) = (self.worker(from)?, self.worker(to)?);
        // Nobody polls the queue between being taken and given. So all that may last comes before: a worker
        // that sleeps wakes, one that hangs is found out.
        self.settle()?;
        let taken = old.take_rx(port, queue)?;
        let rx = taken.ok_or(HardwareError::QueueLost {
            port,
            queue,
            worker: from,
        })?;
        // What the old worker handed off must not be overtaken by what the new one sends itself.
        let hands_off = |b: &Bound| b.tx.len() < self.workers.len();
        if self.ports.values().any(hands_off)
            && let Err(error) = self.settle()
        {
            old.add_rx(port, rx)?;
            return Err(error);
        }
        match new.add_rx(port, rx) {
            Ok(()) => {}
            Err(CommandError::Full { worker, queue }) => {
                old.add_rx(port, queue)?;
                return Err(HardwareError::WorkerFull(worker));
            }
            Err(hung) => return Err(hung.into()),
        }
        self.bound_mut(port)?.rx[place].1 = to;
        Ok(())
    }
}

/// How many queues to set up: as asked, or one for each user as far as the device has them.
fn queue_count(asked: Option<u16>, most: u16, users: usize) -> Result<u16, HardwareError> {
    let most = most.max(1);
    match asked {
        Some(asked) if asked > most => Err(HardwareError::TooManyQueues { asked, most }),
        Some(asked) => Ok(asked),
        None => Ok(u16::try_from(users).unwrap_or(u16::MAX).clamp(1, most)),
    }
}

impl Hardware for DpdkHardware {
    fn attach(&mut self, device: &str) -> Result<PortId, HardwareError> {
        let port = Port::attach(&self.eal, device)?;
        let id = PortId::new(port.id());
        if id.index() >= MAX_PORTS {
            port.detach()?;
            return Err(HardwareError::TooManyPorts(MAX_PORTS));
        }
        self.ports.insert(
            id,
            Bound {
                port,
                rx: Vec::new(),
                tx: Vec::new(),
            },
        );
        Ok(id)
    }

    fn set_up(&mut self, port: PortId, shape: &PortShape) -> Result<(), HardwareError> {
        for worker in &shape.workers {
            self.worker(*worker)?;
        }
        let workers = self.workers.len();
        self.bound(port)?.port.can_configure()?;
        let info = self.bound(port)?.port.info()?;
        let sizes_rings = shape.rx_descriptors.is_some() || shape.tx_descriptors.is_some();
        if sizes_rings && info.has_fixed_rings() {
            return Err(HardwareError::FixedRings);
        }
        let pollers = self.poller_count(shape);
        let mut config = PortConfig {
            rx_queues: queue_count(shape.rx_queues, info.max_rx_queues, pollers)?,
            tx_queues: queue_count(shape.tx_queues, info.max_tx_queues, workers)?,
            mtu_bytes: shape.mtu_bytes,
            promiscuous: shape.promiscuous,
            rx_wake: self.may_sleep(),
            ..PortConfig::default()
        };
        // A worker has one transmit queue of a port.
        config.tx_queues = config
            .tx_queues
            .min(u16::try_from(workers).unwrap_or(u16::MAX));
        config.rx_descriptors = shape.rx_descriptors.unwrap_or(config.rx_descriptors);
        config.tx_descriptors = shape.tx_descriptors.unwrap_or(config.tx_descriptors);
        self.take_queues(port)?;
        let pool = self.pool.clone();
        let bound = self.bound_mut(port)?;
        bound.port.stop()?;
        let queues = bound.port.configure(&config, &pool)?;
        bound.port.start()?;
        // Neighbour discovery needs its solicited-node groups; a device that filters exactly would
        // have to be told each.
        if let Err(error) = bound.port.set_all_multicast(true) {
            tracing::debug!(%port, %error, "the device does not take all multicast frames on demand");
        }
        self.give_queues(port, shape, queues.rx, queues.tx)
    }

    fn move_queues(&mut self, port: PortId, shape: &PortShape) -> Result<bool, HardwareError> {
        for worker in &shape.workers {
            self.worker(*worker)?;
        }
        let bound = self.bound(port)?;
        let (most, queues) = (bound.port.info()?.max_rx_queues, bound.rx.len());
        let count = queue_count(shape.rx_queues, most, self.poller_count(shape))?;
        if usize::from(count) != queues {
            return Ok(false);
        }
        let pollers = self.pollers(port, shape, queues);
        for (place, to) in pollers.into_iter().enumerate() {
            if self.bound(port)?.rx[place].1 != to {
                self.move_queue(port, place, to)?;
            }
        }
        Ok(true)
    }

    fn detach(&mut self, port: PortId) -> Result<(), HardwareError> {
        self.take_queues(port)?;
        if let Some(bound) = self.ports.remove(&port) {
            bound.port.detach()?;
        }
        Ok(())
    }

    fn facts(&self, port: PortId) -> Option<PortFacts> {
        let bound = self.bound(port).ok()?;
        let info = bound.port.info().ok()?;
        let applied = bound.port.applied();
        Some(PortFacts {
            driver: info.driver,
            mac: Mac::new(info.mac),
            numa_node: info.socket,
            queues: bound.rx.clone(),
            tx_queues: u16::try_from(bound.tx.len()).unwrap_or(u16::MAX),
            rx_descriptors: applied.map_or(0, |a| a.rx_descriptors),
            tx_descriptors: applied.map_or(0, |a| a.tx_descriptors),
            offloads: applied.map(offloads).unwrap_or_default(),
            rx_wake: self.rx_wake(applied),
        })
    }

    fn link(&self, port: PortId) -> Option<Link> {
        self.bound(port).ok()?.port.link().ok()
    }

    fn stats(&self, port: PortId) -> Option<(PortStats, Vec<(String, u64)>)> {
        let port = &self.bound(port).ok()?.port;
        Some((port.stats().ok()?, port.xstats().unwrap_or_default()))
    }

    fn set_promiscuous(&mut self, port: PortId, on: bool) -> Result<(), HardwareError> {
        Ok(self.bound_mut(port)?.port.set_promiscuous(on)?)
    }

    fn set_mtu(&mut self, port: PortId, mtu_bytes: u16) -> Result<(), HardwareError> {
        let port = &mut self.bound_mut(port)?.port;
        let fits = |a: &Applied| mtu_bytes <= a.buffered_mtu_bytes;
        if !port.applied().is_some_and(fits) {
            return Err(PortError::NotSupported.into());
        }
        Ok(port.set_mtu(mtu_bytes)?)
    }

    fn injector(&self, port: PortId) -> Option<Arc<InjectRing>> {
        let owner = self.bound(port).ok()?.tx.first()?;
        self.worker(*owner).ok().map(|w| Arc::clone(w.injects()))
    }

    fn workers(&self) -> Vec<WorkerFacts> {
        let queues_of = |index: WorkerIndex| {
            let all = self
                .ports
                .iter()
                .flat_map(|(port, b)| b.rx.iter().map(|(q, by)| (*port, *q, *by)));
            all.filter(|(_, _, by)| *by == index)
                .map(|(port, queue, _)| (port, queue))
                .collect()
        };
        let facts = |w: &Worker| WorkerFacts {
            index: w.spec().index,
            cpu: w.spec().cpu,
            counters: Arc::clone(w.counters()),
            queues: queues_of(w.spec().index),
            reader_slot: w.reader_slot(),
        };
        self.workers.iter().map(facts).collect()
    }

    fn watch(
        &mut self,
        worker: WorkerIndex,
        watch: Option<Box<Watch>>,
    ) -> Result<(), HardwareError> {
        drop(self.worker(worker)?.watch(watch)?);
        Ok(())
    }

    fn pool(&self) -> PoolFacts {
        let buffer_bytes = u64::from(self.pool.data_room_bytes()) + BUFFER_OVERHEAD_BYTES;
        PoolFacts {
            size: self.pool.capacity().into(),
            used: self.pool.in_use().into(),
            reserved_bytes: self.memory.reserved_bytes,
            used_bytes: u64::from(self.pool.capacity()) * buffer_bytes,
            huge_pages: self.memory.huge_pages,
        }
    }
}

fn offloads(applied: &Applied) -> Vec<&'static str> {
    let (rx, tx) = (applied.rx_offloads, applied.tx_offloads);
    let all = [
        (applied.rss, "rss"),
        (rx.contains(RxOffloads::SCATTER), "rx_scatter"),
        (rx.contains(RxOffloads::IPV4_CHECKSUM), "rx_ipv4_checksum"),
        (tx.contains(TxOffloads::MULTI_SEGMENT), "tx_multi_segment"),
        (tx.contains(TxOffloads::IPV4_CHECKSUM), "tx_ipv4_checksum"),
    ];
    all.into_iter()
        .filter(|(on, _)| *on)
        .map(|(_, name)| name)
        .collect()
}

impl Drop for DpdkHardware {
    fn drop(&mut self) {
        // Workers end first, with the queues that they own; then ports close; then, with the
        // fields, pool and EAL go.
        self.workers.clear();
        for (id, bound) in std::mem::take(&mut self.ports) {
            if let Err(error) = bound.port.detach() {
                tracing::warn!(port = %id, %error, "the device could not be given back");
            }
        }
    }
}
