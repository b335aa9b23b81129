//! The whole router in one thread: what goes in on a port, what comes out, what is counted.
//!
//! [`Bench`] puts the real pieces together as the daemon does, but for DPDK, cards and kernel twins: the core runs on
//! its own thread; forwarding, exception path and time are the test's. Nothing waits for time to pass: time is a number
//! that the test advances, and every call returns when the router is quiet.
//!
//! ```text
//!  frame ─► Forwarder ─► sent frames          the core's thread
//!              │  ▲ inject                       ▲       │ commands
//!              ▼  │                          told│       ▼
//!            punts ─► ExceptionPath ─────────────┴───────┘
//!                         └─► frames for the twins
//! ```
//!
//! * [`world`]: ports, addresses, routes, neighbours in the words of `ip`.
//! * [`overlay`]: endpoints, VNIs, labels.
//! * [`bridge`]: bridge domains and stations.
//! * [`hardware`]: memory ports behind the core's `Hardware`.
//! * [`worker`]: the forwarder with its reader; a test may take it to a thread of its own.
//! * [`balance`]: the law of conservation that is checked after every step.
//! * [`frames`]: frames as an independent library builds and reads them.
//!
//! A step that fails is a test that fails, so everything here panics instead of returning errors.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a bench is part of tests"
)]

pub mod balance;
pub mod bridge;
pub mod frames;
pub mod hardware;
pub mod overlay;
mod pump;
pub mod segment;
pub mod worker;
pub mod world;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam::channel::{self, Receiver, Sender};
use crossbeam::queue::ArrayQueue;
use ferroute_control::core::handle::{CoreHandle, channel as core_channel};
use ferroute_control::core::router::{Parts, Router, Settings};
use ferroute_control::core::thread;
use ferroute_control::exception::command::{Command, Commands};
use ferroute_control::exception::counters::ExceptionCounters;
use ferroute_control::exception::output::Told;
use ferroute_control::exception::path::ExceptionPath;
use ferroute_control::model::owner::SessionId;
use ferroute_control::model::system::ConfigView;
use ferroute_control::neighbour::{NeighbourConfig, NeighbourKey};
use ferroute_control::nexthop::MAX_SETS;
use ferroute_control::rib::Limits;
use ferroute_control::slowpath::ratelimit::{ErrorLimits, Rate};
use ferroute_control::twin::TwinManager;
use ferroute_dataplane::fib::{Arena, Capacity};
use ferroute_dataplane::forward::InjectRing;
use ferroute_dataplane::ids::{InterfaceId, PortId};
use ferroute_dataplane::policer::PuntPolicy;
use ferroute_dataplane::punt::Punt;
use ferroute_dataplane::snapshot::Snapshot;
use ferroute_dataplane::snapshot::cell::{Reader, cell};
use ferroute_dataplane::wire::flow::FlowHasher;
use ferroute_dataplane::worker::waker::Waker;
use tokio::sync::Semaphore;

use hardware::{Fabric, MemoryHardware};
use worker::BenchWorker;

/// Ticks of the bench's clock in a second: its time is in nanoseconds.
pub const HZ: u64 = 1_000_000_000;
/// One second of the bench's time.
pub const SECOND: u64 = HZ;
/// One millisecond of the bench's time.
pub const MILLISECOND: u64 = HZ / 1000;

/// What of a bench can be chosen.
#[derive(Clone, Debug)]
pub struct Shape {
    /// How many routes there may be.
    pub limits: Limits,
    /// How many next hop sets there may be.
    pub max_sets: usize,
    /// How large the FIB may grow.
    pub fib: Capacity,
    /// How many stations there may be.
    pub max_stations: usize,
    /// Times and bounds of the neighbour table.
    pub neighbours: NeighbourConfig,
    /// Limits on ICMP errors.
    pub icmp: ErrorLimits,
    /// Limit on echo replies.
    pub echo: Rate,
    /// Rates of punted packets.
    pub punts: PuntPolicy,
    /// Places of the punt ring.
    pub punt_ring: usize,
    /// Seed of the flow hash and of timers.
    pub seed: u64,
}

impl Default for Shape {
    /// As the daemon starts without configuration.
    fn default() -> Self {
        Self {
            limits: Limits {
                per_vrf: 8 << 20,
                total: 8 << 20,
            },
            max_sets: MAX_SETS,
            fib: Capacity::default(),
            max_stations: 1 << 18,
            neighbours: NeighbourConfig::default(),
            icmp: ErrorLimits::default(),
            echo: Rate::new(10_000, 1_000),
            punts: PuntPolicy::default_for(HZ),
            punt_ring: 8192,
            seed: 1,
        }
    }
}

/// A frame that left the router.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sent {
    /// The name of the port that sent it.
    pub port: String,
    /// The frame, Ethernet header first.
    pub frame: Vec<u8>,
}

/// The router under test. See the [module](self).
pub struct Bench {
    core: Option<CoreHandle>,
    core_thread: Option<JoinHandle<Router>>,
    fabric: Arc<Fabric>,
    worker: Option<BenchWorker>,
    punts: Arc<ArrayQueue<Punt>>,
    path: ExceptionPath,
    path_reader: Reader<Snapshot>,
    counters: Arc<ExceptionCounters>,
    commands: Receiver<Command>,
    told: Sender<Told>,
    injectors: HashMap<PortId, Arc<InjectRing>>,
    names: HashMap<InterfaceId, String>,
    used: Vec<NeighbourKey>,
    sent: Vec<Sent>,
    twins: VecDeque<(String, Vec<u8>)>,
    sessions: BTreeMap<String, SessionId>,
    room: Arc<Semaphore>,
    now_ns: u64,
    /// The same for the core.
    clock: Arc<AtomicU64>,
}

impl Default for Bench {
    fn default() -> Self {
        Self::new()
    }
}

impl Bench {
    /// A router with the default VRF and no port.
    #[must_use]
    pub fn new() -> Self {
        Self::shaped(Shape::default())
    }

    /// A router with other bounds than the usual.
    #[must_use]
    pub fn shaped(shape: Shape) -> Self {
        let arena = Arc::new(Arena::new(shape.fib).expect("address space for the FIB"));
        let snapshot = Snapshot::empty(arena, shape.punts, FlowHasher::new(shape.seed));
        let (publisher, readers) = cell(snapshot, 2);
        let punts = Arc::new(ArrayQueue::new(shape.punt_ring));
        let worker = BenchWorker::new(readers.reader().expect("a slot"), Arc::clone(&punts));
        let fabric = Arc::new(Fabric::new(&worker));
        let (sender, commands) = channel::unbounded();
        let exception = Commands {
            sender,
            waker: Arc::new(Waker::new().expect("an eventfd")),
        };
        let (told, news) = channel::unbounded();
        let counters = Arc::new(ExceptionCounters::default());
        let (core, inbox) = core_channel();
        let clock = Arc::new(AtomicU64::new(SECOND));
        let parts = Parts {
            publisher,
            hardware: Box::new(MemoryHardware::new(Arc::clone(&fabric))),
            exception,
            exception_counters: Arc::clone(&counters),
            twins: TwinManager::new(),
            events: inbox.events.clone(),
            ticks: Box::new({
                let clock = Arc::clone(&clock);
                move || clock.load(Ordering::Relaxed)
            }),
            started: Instant::now(),
        };
        let settings = Settings {
            limits: shape.limits,
            max_sets: shape.max_sets,
            resolve_via_default: true,
            default_grace: std::time::Duration::from_secs(120),
            twins: false,
            twin_namespace: None,
            max_stations: shape.max_stations,
            seed: shape.seed,
            ticks_hz: HZ,
            config: ConfigView {
                yaml: String::new(),
                path: None,
            },
            dpdk_version: String::new(),
        };
        let router = Router::new(settings, parts).expect("a router");
        let core_thread = std::thread::spawn(move || thread::run(router, inbox, news));
        Self {
            core: Some(core),
            core_thread: Some(core_thread),
            fabric,
            worker: Some(worker),
            punts,
            path: ExceptionPath::new(
                shape.neighbours,
                shape.icmp,
                shape.echo,
                Arc::clone(&counters),
                shape.seed,
            ),
            path_reader: readers.reader().expect("a slot"),
            counters,
            commands,
            told,
            injectors: HashMap::new(),
            names: HashMap::new(),
            used: Vec::new(),
            sent: Vec::new(),
            twins: VecDeque::new(),
            sessions: BTreeMap::new(),
            room: Arc::new(Semaphore::new(1 << 20)),
            now_ns: SECOND,
            clock,
        }
    }

    /// The bench's time, in nanoseconds.
    #[must_use]
    pub const fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// Another handle of the core, for threads of the test. It must be dropped before the bench.
    #[must_use]
    pub fn core(&self) -> CoreHandle {
        self.core.clone().expect("the core")
    }

    /// The worker, to run on a thread of the test. Until it is [given back](Bench::give_back), the bench forwards
    /// nothing.
    #[must_use]
    pub fn take_worker(&mut self) -> BenchWorker {
        self.worker.take().expect("the worker")
    }

    /// Gives the worker back.
    pub fn give_back(&mut self, worker: BenchWorker) {
        self.worker = Some(worker);
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        drop(self.core.take());
        let ended = self.core_thread.take().map(JoinHandle::join);
        if matches!(ended, Some(Err(_))) && !std::thread::panicking() {
            panic!("the core panicked");
        }
    }
}
