//! Ports of memory: what the core believes to be cards.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam::channel::{Receiver, Sender, unbounded};
use dpdk_sys::port::AttachError;
use dpdk_sys::{Link, PortStats};
use ferroute_control::hardware::{
    Hardware, HardwareError, PoolFacts, PortFacts, PortShape, WorkerFacts,
};
use ferroute_dataplane::counters::WorkerCounters;
use ferroute_dataplane::forward::InjectRing;
use ferroute_dataplane::forward::tx::{TxPort, TxSink};
use ferroute_dataplane::ids::{MAX_PORTS, PortId, QueueId, WorkerIndex};
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::trace::Watch;

use super::worker::BenchWorker;

/// Frames that may wait to be injected, and frames that may wait to be looked at.
pub(super) const RING: usize = 4096;

/// What the worker is to do from now on.
pub(super) enum Order {
    /// Send on a port, or not any more.
    Send(PortId, Option<Box<TxPort>>),
    /// Show packets, or no longer.
    Show(Option<Box<Watch>>),
}

/// What a memory port is at a time.
#[derive(Clone, Debug)]
struct MemoryPort {
    device: String,
    shape: PortShape,
}

/// All that the memory ports share with the bench.
#[derive(Debug)]
pub struct Fabric {
    state: Mutex<State>,
    orders: Sender<Order>,
    sent: Arc<InjectRing>,
    injects: Arc<InjectRing>,
    worker: Arc<WorkerCounters>,
}

#[derive(Debug, Default)]
struct State {
    /// Devices that can be attached, with their addresses and whether there is a carrier.
    devices: BTreeMap<String, (Mac, bool)>,
    ports: BTreeMap<PortId, MemoryPort>,
}

impl Fabric {
    pub(super) fn new(worker: &BenchWorker) -> Self {
        Self {
            state: Mutex::default(),
            orders: worker.orders.0.clone(),
            sent: Arc::clone(&worker.sent),
            injects: Arc::clone(&worker.injects),
            worker: Arc::clone(&worker.counters),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a device that the core can attach by this name.
    pub fn plug(&self, device: &str, mac: Mac) {
        self.state().devices.insert(device.to_owned(), (mac, true));
    }

    /// Sets the carrier of a device; the core looks at links ten times a second.
    pub fn set_carrier(&self, device: &str, up: bool) {
        if let Some((_, carrier)) = self.state().devices.get_mut(device) {
            *carrier = up;
        }
    }

    /// The port that a device became.
    #[must_use]
    pub fn port(&self, device: &str) -> Option<PortId> {
        self.state()
            .ports
            .iter()
            .find(|(_, p)| p.device == device)
            .map(|(id, _)| *id)
    }

    /// The device that is a port.
    #[must_use]
    pub fn device(&self, port: PortId) -> Option<String> {
        self.state().ports.get(&port).map(|p| p.device.clone())
    }

    /// Whether the core set a port up to take frames for all stations.
    #[must_use]
    pub fn is_promiscuous(&self, port: PortId) -> bool {
        self.state()
            .ports
            .get(&port)
            .is_some_and(|p| p.shape.promiscuous)
    }

    /// The MTU to which the core set a port up.
    #[must_use]
    pub fn mtu_bytes(&self, port: PortId) -> Option<u16> {
        self.state().ports.get(&port).map(|p| p.shape.mtu_bytes)
    }
}

/// The core's end of the [`Fabric`].
#[derive(Debug)]
pub(super) struct MemoryHardware(Arc<Fabric>);

impl MemoryHardware {
    pub(super) const fn new(fabric: Arc<Fabric>) -> Self {
        Self(fabric)
    }

    fn order(&self, port: PortId, tx: Option<Box<TxPort>>) {
        // The worker may be gone with its bench.
        drop(self.0.orders.send(Order::Send(port, tx)));
    }
}

/// Both ends of the channel of orders; the worker keeps them together.
pub(super) fn orders() -> (Sender<Order>, Receiver<Order>) {
    unbounded()
}

impl Hardware for MemoryHardware {
    fn attach(&mut self, device: &str) -> Result<PortId, HardwareError> {
        let mut state = self.0.state();
        if !state.devices.contains_key(device) {
            return Err(AttachError::Malformed {
                device: device.to_owned(),
            }
            .into());
        }
        let free = (0..MAX_PORTS as u16)
            .map(PortId::new)
            .find(|id| !state.ports.contains_key(id));
        let id = free.ok_or(HardwareError::TooManyPorts(MAX_PORTS))?;
        state.ports.insert(
            id,
            MemoryPort {
                device: device.to_owned(),
                shape: PortShape::default(),
            },
        );
        Ok(id)
    }

    fn set_up(&mut self, port: PortId, shape: &PortShape) -> Result<(), HardwareError> {
        self.0
            .state()
            .ports
            .get_mut(&port)
            .ok_or(HardwareError::NoPort(port))?
            .shape = shape.clone();
        let tx = TxPort::new(port, TxSink::Handoff(Arc::clone(&self.0.sent)));
        self.order(port, Some(Box::new(tx)));
        Ok(())
    }

    fn move_queues(&mut self, _: PortId, _: &PortShape) -> Result<bool, HardwareError> {
        // There is one queue, and one worker.
        Ok(true)
    }

    fn detach(&mut self, port: PortId) -> Result<(), HardwareError> {
        self.0
            .state()
            .ports
            .remove(&port)
            .ok_or(HardwareError::NoPort(port))?;
        self.order(port, None);
        Ok(())
    }

    fn facts(&self, port: PortId) -> Option<PortFacts> {
        let state = self.0.state();
        let (mac, _) = *state.devices.get(&state.ports.get(&port)?.device)?;
        let queues = vec![(QueueId::new(0), WorkerIndex::new(0))];
        Some(PortFacts {
            driver: "memory".to_owned(),
            mac,
            queues,
            tx_queues: 1,
            ..PortFacts::default()
        })
    }

    fn link(&self, port: PortId) -> Option<Link> {
        let state = self.0.state();
        let (_, up) = *state.devices.get(&state.ports.get(&port)?.device)?;
        Some(Link {
            up,
            speed_mbps: Some(10_000),
            full_duplex: true,
        })
    }

    fn stats(&self, _: PortId) -> Option<(PortStats, Vec<(String, u64)>)> {
        None
    }

    fn set_promiscuous(&mut self, port: PortId, on: bool) -> Result<(), HardwareError> {
        self.0
            .state()
            .ports
            .get_mut(&port)
            .ok_or(HardwareError::NoPort(port))?
            .shape
            .promiscuous = on;
        Ok(())
    }

    fn set_mtu(&mut self, port: PortId, mtu_bytes: u16) -> Result<(), HardwareError> {
        self.0
            .state()
            .ports
            .get_mut(&port)
            .ok_or(HardwareError::NoPort(port))?
            .shape
            .mtu_bytes = mtu_bytes;
        Ok(())
    }

    fn injector(&self, port: PortId) -> Option<Arc<InjectRing>> {
        self.0
            .state()
            .ports
            .contains_key(&port)
            .then(|| Arc::clone(&self.0.injects))
    }

    fn workers(&self) -> Vec<WorkerFacts> {
        let queues = self
            .0
            .state()
            .ports
            .keys()
            .map(|port| (*port, QueueId::new(0)))
            .collect();
        vec![WorkerFacts {
            index: WorkerIndex::new(0),
            cpu: 0,
            counters: Arc::clone(&self.0.worker),
            queues,
            reader_slot: 0,
        }]
    }

    fn watch(&mut self, _: WorkerIndex, watch: Option<Box<Watch>>) -> Result<(), HardwareError> {
        // The worker may be gone with its bench.
        drop(self.0.orders.send(Order::Show(watch)));
        Ok(())
    }

    fn pool(&self) -> PoolFacts {
        PoolFacts::default()
    }
}
