//! The whole router in one process, with ports that tests hold the far ends of, and a clock that tests move.
//!
//! ```text
//!   host a ── port 0 [forwarder ─ punt ring ─ exception path] port 1 ── host b, host c
//!                           core thread                       port 2 ── 1400 bytes; its VLAN 7: 1000 bytes
//! ```
//!
//! The core runs in its thread as in the daemon; forwarder and exception path are driven by the test, so that what
//! comes out belongs to what went in.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, unbounded};
use crossbeam::queue::ArrayQueue;
use dpdk_sys::{Link, Mbuf, PortStats};
use ferroute_control::config::Config;
use ferroute_control::core::handle::{CoreHandle, channel};
use ferroute_control::core::request::SystemRequest;
use ferroute_control::core::router::{Parts, Router, Settings};
use ferroute_control::core::thread::run;
use ferroute_control::daemon::apply::apply;
use ferroute_control::exception::command::Command;
use ferroute_control::exception::counters::ExceptionCounters;
use ferroute_control::exception::output::{Output, Told};
use ferroute_control::exception::path::ExceptionPath;
use ferroute_control::hardware::{
    Hardware, HardwareError, PoolFacts, PortFacts, PortShape, WorkerFacts,
};
use ferroute_control::model::system::ConfigView;
use ferroute_control::neighbour::NeighbourConfig;
use ferroute_control::rib::Limits;
use ferroute_control::slowpath::ratelimit::ErrorLimits;
use ferroute_control::twin::TwinManager;
use ferroute_dataplane::counters::{Counter, WorkerCounters};
use ferroute_dataplane::drops::DropReason;
use ferroute_dataplane::fib::{Arena, Capacity};
use ferroute_dataplane::forward::tx::{TxPort, TxSink};
use ferroute_dataplane::forward::{Forwarder, Inject};
use ferroute_dataplane::ids::{PortId, WorkerIndex};
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::policer::PuntPolicy;
use ferroute_dataplane::punt::Punt;
use ferroute_dataplane::snapshot::Snapshot;
use ferroute_dataplane::snapshot::cell::{Reader, cell};
use ferroute_dataplane::wire::flow::FlowHasher;

use crate::packets::framed;

/// The ports.
pub const A: usize = 0;
pub const B: usize = 1;
/// The hosts on the first two.
pub const A_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0xa];
pub const B_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0xb];
const HOSTS: [[u8; 6]; 2] = [A_MAC, B_MAC];
/// The router's own.
pub const R0_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0];

/// The one on port 0 that follows from its Ethernet address (RFC 4291 appendix A).
pub const R0_LINK_LOCAL: &str = "fe80::ff:fe00:0";
pub const R0: &str = "2001:db8:1::1";
pub const A_HOST: &str = "2001:db8:1::2";
pub const SECOND_NS: u64 = 1_000_000_000;

const PORTS: usize = 3;
const TICKS_HZ: u64 = SECOND_NS;
/// Longest that the core may take for anything.
const LIMIT: Duration = Duration::from_secs(20);

const CONFIG: &str = r#"
ports:
  - { name: p0, device: lab0 }
  - { name: p1, device: lab1 }
  - { name: p2, device: lab2, mtu: 1400 }
interfaces:
  - { name: p0, addresses: [10.0.1.1/24, "2001:db8:1::1/64"] }
  - { name: p1, addresses: [10.0.2.1/24, "2001:db8:2::1/64"] }
  - { name: p2, addresses: ["2001:db8:3::1/64"] }
  - { name: narrow, port: p2, vlan: 7, mtu: 1000, addresses: [10.0.4.1/24] }
neighbours:
  - { interface: p0, address: 10.0.1.2, mac: "02:00:00:00:00:0a" }
  - { interface: p0, address: "2001:db8:1::2", mac: "02:00:00:00:00:0a" }
  - { interface: p0, address: "fe80::a", mac: "02:00:00:00:00:0a" }
  - { interface: p1, address: 10.0.2.2, mac: "02:00:00:00:00:0b" }
  - { interface: p1, address: "2001:db8:2::2", mac: "02:00:00:00:00:0b" }
  - { interface: p1, address: "2001:db8:2::3", mac: "02:00:00:00:00:0c" }
  - { interface: p2, address: "2001:db8:3::2", mac: "02:00:00:00:00:0d" }
  - { interface: narrow, address: "fe80::e", mac: "02:00:00:00:00:0e" }
routes:
  - { prefix: "2001:db8:a::/48", via: [{ address: "2001:db8:1::2" }] }
  - { prefix: "2001:db8:b::/48", via: [{ address: "2001:db8:2::2" }] }
  - { prefix: "2001:db8:c::/48", via: [{ address: "2001:db8:2::2" }, { address: "2001:db8:2::3" }] }
  - { prefix: "2001:db8:4::/48", via: [{ address: "fe80::e", dev: narrow }] }
  - { prefix: 10.2.0.0/16, via: [{ address: 10.0.2.2 }] }
  - { prefix: "2001:db8:f1::/48", type: unreachable }
  - { prefix: "2001:db8:f2::/48", type: prohibit }
  - { prefix: "2001:db8:f3::/48", type: blackhole }
"#;

/// A frame that left by a port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sent {
    pub port: usize,
    pub frame: Vec<u8>,
}

/// Ports that exist by being asked for.
struct Cards {
    attached: BTreeMap<PortId, Arc<ArrayQueue<Inject>>>,
    counters: Arc<WorkerCounters>,
    reader_slot: usize,
}

impl Hardware for Cards {
    fn attach(&mut self, _device: &str) -> Result<PortId, HardwareError> {
        let port = PortId::new(self.attached.len() as u16);
        self.attached.insert(port, Arc::new(ArrayQueue::new(1)));
        Ok(port)
    }

    fn set_up(&mut self, _port: PortId, _shape: &PortShape) -> Result<(), HardwareError> {
        Ok(())
    }

    fn detach(&mut self, port: PortId) -> Result<(), HardwareError> {
        self.attached.remove(&port);
        Ok(())
    }

    fn facts(&self, port: PortId) -> Option<PortFacts> {
        let mac = Mac::new([2, 0, 0, 0, 0, port.get() as u8]);
        Some(PortFacts {
            mac,
            ..PortFacts::default()
        })
    }

    fn link(&self, _port: PortId) -> Option<Link> {
        Some(Link {
            up: true,
            speed_mbps: None,
            full_duplex: true,
        })
    }

    fn stats(&self, _port: PortId) -> Option<(PortStats, Vec<(String, u64)>)> {
        None
    }

    fn set_promiscuous(&mut self, _port: PortId, _on: bool) -> Result<(), HardwareError> {
        Ok(())
    }

    fn injector(&self, port: PortId) -> Option<Arc<ArrayQueue<Inject>>> {
        self.attached.get(&port).cloned()
    }

    fn workers(&self) -> Vec<WorkerFacts> {
        let counters = Arc::clone(&self.counters);
        vec![WorkerFacts {
            index: WorkerIndex::new(0),
            cpu: 0,
            counters,
            queues: Vec::new(),
            reader_slot: self.reader_slot,
        }]
    }

    fn pool(&self) -> PoolFacts {
        PoolFacts::default()
    }
}

/// The router, and the far ends of its ports.
pub struct Lab {
    core: CoreHandle,
    runtime: tokio::runtime::Runtime,
    forwarder: Forwarder,
    reader: Reader<Snapshot>,
    punts: Arc<ArrayQueue<Punt>>,
    forwarded: Arc<ArrayQueue<Inject>>,
    path: ExceptionPath,
    commands: Receiver<Command>,
    told: Sender<Told>,
    counters: Arc<ExceptionCounters>,
    sent: Vec<Sent>,
    now_ns: u64,
}

impl Lab {
    /// The router with its configuration in force and the announcements of its addresses over.
    pub fn new() -> Self {
        let arena = Arc::new(Arena::new(Capacity::default()).unwrap());
        let snapshot =
            Snapshot::empty(arena, PuntPolicy::default_for(TICKS_HZ), FlowHasher::new(1));
        let (publisher, readers) = cell(snapshot, 1);
        let reader = readers.reader().unwrap();
        let punts = Arc::new(ArrayQueue::new(256));
        let forwarded = Arc::new(ArrayQueue::new(256));
        let worker_counters = Arc::new(WorkerCounters::new());
        let mut forwarder = Forwarder::new(Arc::clone(&worker_counters), Arc::clone(&punts));
        for port in (0..PORTS as u16).map(PortId::new) {
            let tx = TxPort::new(port, TxSink::Handoff(Arc::clone(&forwarded)));
            drop(forwarder.set_tx(port, Some(Box::new(tx))));
        }
        let counters = Arc::new(ExceptionCounters::default());
        let path = ExceptionPath::new(
            NeighbourConfig::default(),
            ErrorLimits::default(),
            Arc::clone(&counters),
            1,
        );
        let (exception, commands) = unbounded();
        let (told, learned) = unbounded();
        let (core, inbox) = channel();
        let settings = Settings {
            limits: Limits {
                per_vrf: 1 << 16,
                total: 1 << 16,
            },
            max_sets: 1 << 10,
            resolve_via_default: true,
            twins: false,
            twin_namespace: None,
            ticks_hz: TICKS_HZ,
            config: ConfigView {
                yaml: String::new(),
                path: None,
            },
            dpdk_version: String::new(),
        };
        let parts = Parts {
            publisher,
            hardware: Box::new(Cards {
                attached: BTreeMap::new(),
                counters: worker_counters,
                reader_slot: reader.slot(),
            }),
            exception,
            exception_counters: Arc::clone(&counters),
            twins: TwinManager::new(),
            events: inbox.events.clone(),
            started: Instant::now(),
        };
        let router = Router::new(settings, parts).unwrap();
        std::thread::spawn(move || run(router, inbox, learned));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        let mut lab = Self {
            core,
            runtime,
            forwarder,
            reader,
            punts,
            forwarded,
            path,
            commands,
            told,
            counters,
            sent: Vec::new(),
            now_ns: 0,
        };
        let config = Config::parse(CONFIG, Path::new("lab.yaml"), &"0-3".parse().unwrap()).unwrap();
        let core = lab.core.clone();
        lab.while_it_runs(async move { apply(&config, &core).await })
            .unwrap();
        lab.wait(10 * SECOND_NS);
        lab
    }

    /// Runs a task with the core, which may ask the exception path meanwhile.
    fn while_it_runs<T: Send + 'static>(
        &mut self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let task = self.runtime.spawn(task);
        let deadline = Instant::now() + LIMIT;
        while !task.is_finished() {
            assert!(Instant::now() < deadline, "the core hangs");
            self.pump();
            std::thread::sleep(Duration::from_micros(20));
        }
        self.runtime.block_on(task).unwrap()
    }

    /// Takes what the core said, and does what the exception path wants done. True when there was something.
    fn pump(&mut self) -> bool {
        let mut any = false;
        // Also the worker's sign that it has passed on to the newest snapshot.
        let snapshot = self.reader.snapshot();
        while let Ok(command) = self.commands.try_recv() {
            any = true;
            self.path.command(snapshot, command, self.now_ns);
        }
        for output in self.path.take_outputs() {
            any = true;
            match output {
                Output::Send { port, frame, .. } => self.sent.push(Sent {
                    port: port.index(),
                    frame,
                }),
                Output::Twin { counted, .. } => self.counters.to_twin.add(u64::from(counted)),
                Output::Tell(told) => self.told.send(told).unwrap(),
            }
        }
        any
    }

    /// Waits until the core has taken in all that the exception path told it, and the path what follows from that.
    fn rest(&mut self) {
        loop {
            let core = self.core.clone();
            self.while_it_runs(async move {
                core.call(|reply| SystemRequest::Info(reply).into())
                    .await
                    .map(drop)
            })
            .unwrap();
            if self.told.is_empty() && !self.pump() {
                return;
            }
        }
    }

    /// Brings a frame in by a port; what leaves for it, the forwarder's first.
    pub fn receive(&mut self, port: usize, frame: &[u8]) -> Vec<Sent> {
        let mut frames = vec![Mbuf::from_heap(frame)];
        let port = PortId::new(port as u16);
        self.forwarder
            .receive(self.reader.snapshot(), port, &mut frames, self.now_ns);
        self.forwarder.flush();
        while let Some(frame) = self.forwarded.pop() {
            self.sent.push(Sent {
                port: frame.port.index(),
                frame: frame.mbuf.data().to_vec(),
            });
        }
        let mut punted = false;
        while let Some(punt) = self.punts.pop() {
            punted = true;
            self.path.punt(self.reader.snapshot(), &punt, self.now_ns);
        }
        if punted {
            self.path.tick(self.reader.snapshot(), self.now_ns);
            self.pump();
            if !self.told.is_empty() {
                self.rest();
            }
        }
        std::mem::take(&mut self.sent)
    }

    /// Brings a packet in by a port from its host.
    pub fn send(&mut self, port: usize, packet: &[u8]) -> Vec<Sent> {
        self.receive(port, &framed(router_mac(port), HOSTS[port], packet))
    }

    /// Lets time pass; what leaves meanwhile.
    pub fn wait(&mut self, time_ns: u64) -> Vec<Sent> {
        let end_ns = self.now_ns + time_ns;
        loop {
            let due = self.path.tick(self.reader.snapshot(), self.now_ns);
            self.pump();
            self.rest();
            match due {
                Some(at_ns) if at_ns <= end_ns => self.now_ns = at_ns.max(self.now_ns),
                _ => break,
            }
        }
        self.now_ns = end_ns;
        std::mem::take(&mut self.sent)
    }

    /// A packet as the router sends it to the host on a port.
    pub fn to_host(&self, port: usize, packet: &[u8]) -> Sent {
        Sent {
            port,
            frame: framed(HOSTS[port], router_mac(port), packet),
        }
    }

    /// Packets that ended for this reason, wherever.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        let place = reason.index();
        self.forwarder.counters().drops[place].get() + self.counters.drops[place].get()
    }

    /// Packets that went to a twin.
    pub fn to_twin(&self) -> u64 {
        self.counters.to_twin.get()
    }

    /// Checks that each packet was counted once where it ended.
    pub fn settle(&self) {
        let worker = self.forwarder.counters();
        let ended =
            worker.tx.get() + worker.punted.get() + worker.consumed.get() + worker.dropped();
        assert_eq!(worker.rx.get(), ended, "of the worker");
        let here = &self.counters;
        let ended: u64 = [&here.to_twin, &here.consumed, &here.forwarded]
            .into_iter()
            .map(Counter::get)
            .sum();
        assert_eq!(
            here.taken.get(),
            ended + here.dropped() + here.held_now(),
            "of the exception path"
        );
        assert_eq!(here.taken.get(), worker.punted.get());
    }
}

/// The router's Ethernet address on a port.
pub const fn router_mac(port: usize) -> [u8; 6] {
    [2, 0, 0, 0, 0, port as u8]
}
