//! A worker allocates nothing while it forwards: a real one, on virtual ports, under an allocator that counts what its thread asks for.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what cannot go on has failed"
)]

use crossbeam::queue::ArrayQueue;
use dpdk_sys::{Eal, MbufSource, Mempool, Port, PortConfig};
use etherparse::PacketBuilder;
use ferroute_dataplane::counters::WorkerCounters;
use ferroute_dataplane::drops::DropReason;
use ferroute_dataplane::fib::{Arena, Capacity, Trie};
use ferroute_dataplane::forward::Supplies;
use ferroute_dataplane::forward::tx::{TxPort, TxSink};
use ferroute_dataplane::ids::{
    AdjacencyId, GroupId, InterfaceId, NextHopId, PortId, VrfId, WorkerIndex,
};
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::policer::PuntPolicy;
use ferroute_dataplane::punt::Punt;
use ferroute_dataplane::snapshot::interface::Interface;
use ferroute_dataplane::snapshot::nexthop::{Adjacency, AdjacencyState, Group, Hop, NextHop};
use ferroute_dataplane::snapshot::{Snapshot, Vrf, cell};
use ferroute_dataplane::trace::{
    Filter, Frame, Path as TracedPath, Point, Ring, Tap, Tracer, Watch,
};
use ferroute_dataplane::wire::flow::FlowHasher;
use ferroute_dataplane::worker::waker::Waker;
use ferroute_dataplane::worker::{Idle, Worker, WorkerSpec};
use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The thread whose allocations count; 0 for none.
static WATCHED: AtomicI32 = AtomicI32::new(0);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// The system's allocator, which counts what the watched thread asks of it.
struct Counting;

fn count() {
    let watched = WATCHED.load(Ordering::Relaxed);
    // SAFETY: gettid has no precondition.
    if watched != 0 && unsafe { libc::gettid() } == watched {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: everything is done by the system's allocator; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count();
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const OURS: [u8; 6] = [2, 0, 0, 0, 0, 1];
const PEER: [u8; 6] = [2, 0, 0, 0, 0, 0x99];
/// Packets of each phase: thousands of bursts.
const ENOUGH: u64 = 200_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// Frames of all ways: to one neighbour, over a group, IPv6, without a route, for another station, with a wrong checksum, tagged.
fn frames() -> Vec<Vec<u8>> {
    let ipv4 = |to: [u8; 4], port: u16| {
        let mut bytes = Vec::new();
        PacketBuilder::ethernet2(PEER, OURS)
            .ipv4([10, 9, 0, 1], to, 64)
            .udp(port, 53)
            .write(&mut bytes, &[7; 18])
            .unwrap();
        bytes
    };
    let mut ipv6 = Vec::new();
    let global = |last| [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    PacketBuilder::ethernet2(PEER, OURS)
        .ipv6(global(9), global(1), 64)
        .udp(1, 53)
        .write(&mut ipv6, &[7; 18])
        .unwrap();
    let mut frames: Vec<_> = (0..64).map(|port| ipv4([10, 1, 0, 1], port)).collect();
    frames.extend((0..16).map(|port| ipv4([10, 2, 0, 1], port)));
    frames.extend(std::iter::repeat_n(ipv6, 16));
    frames.push(ipv4([192, 0, 2, 1], 1));
    let mut wrong = ipv4([10, 1, 0, 1], 1);
    wrong[0] = 4;
    frames.push(wrong.clone());
    wrong[0] = 2;
    wrong[24] ^= 1;
    frames.push(wrong);
    let mut tagged = ipv4([10, 1, 0, 1], 1);
    tagged.splice(12..12, [0x81, 0, 0, 7]);
    frames.push(tagged);
    frames
}

/// Writes a capture that `net_pcap` replays.
fn capture(path: &Path) {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
        file.extend(word.to_le_bytes());
    }
    for frame in frames() {
        for word in [0, 0, frame.len() as u32, frame.len() as u32] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    std::fs::write(path, file).unwrap();
}

/// Interface 1 on `from`, interface 2 on `to` with two neighbours, routes to one, to a group of both, and IPv6.
fn snapshot(
    arena: &Arc<Arena>,
    ipv4: &mut Trie<u32>,
    ipv6: &mut Trie<u128>,
    from: PortId,
    to: PortId,
) -> Snapshot {
    let policy = PuntPolicy::default_for(1_000_000_000);
    let mut snapshot = Snapshot::empty(Arc::clone(arena), policy, FlowHasher::new(1));
    let neighbour = NextHopId::new(1);
    ipv4.set("10.1.0.0/16".parse().unwrap(), neighbour).unwrap();
    ipv4.set("10.2.0.0/16".parse().unwrap(), NextHopId::new(3))
        .unwrap();
    ipv6.set("2001:db8::/32".parse().unwrap(), neighbour)
        .unwrap();
    let tables = Vrf {
        ipv4: ipv4.reader(),
        ipv6: ipv6.reader(),
    };
    snapshot.vrfs.set(0, Some(tables));
    for (port, id) in [(from, 1), (to, 2)] {
        let interface = Interface {
            up: true,
            vrf: VrfId::DEFAULT,
            mac: Mac::new(OURS),
            mtu_bytes: 1500,
            port: Some(port),
            ..Interface::default()
        };
        snapshot.interfaces.set(id, interface);
        snapshot.ports[port.index()].untagged = Some(InterfaceId::new(id as u32));
    }
    for number in [1, 2] {
        let adjacency = Adjacency {
            header_len: 14,
            state: AdjacencyState::Resolved,
            port: to,
            mtu_bytes: 1500,
            interface: InterfaceId::new(2),
            ..Adjacency::default()
        };
        snapshot.adjacencies.set(number, adjacency);
        let next_hop = NextHop::Adjacency(AdjacencyId::new(number as u32));
        snapshot.next_hops.set(number, next_hop);
    }
    let buckets = [1, 2].map(|id| Hop::Adjacency(AdjacencyId::new(id)));
    snapshot.groups.set(1, Group::new(&buckets));
    snapshot.next_hops.set(3, NextHop::Group(GroupId::new(1)));
    snapshot
}

/// The thread of this process that has this name.
fn thread(name: &str) -> i32 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks
        .map(|task| task.unwrap())
        .find(|task| {
            let comm = std::fs::read_to_string(task.path().join("comm"));
            comm.is_ok_and(|comm| comm.trim() == name)
        })
        .and_then(|task| task.file_name().to_str()?.parse().ok())
        .expect("the worker has a thread")
}

/// Waits until this many more packets were sent.
fn wait_for(counters: &WorkerCounters, packets: u64) {
    let (goal, start) = (counters.tx.get() + packets, Instant::now());
    while counters.tx.get() < goal {
        assert!(start.elapsed() < PATIENCE, "the worker does not forward");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_worker_allocates_nothing_while_it_forwards() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.pcap");
    capture(&path);
    let cpu = core_affinity::get_core_ids().unwrap()[0].id;
    let mut arguments = ["--no-huge", "-m", "256", "--no-pci", "--no-telemetry"]
        .map(str::to_owned)
        .to_vec();
    arguments.push("--no-shconf".to_owned());
    arguments.push(format!(
        "--file-prefix=ferroute-allocation-{}",
        std::process::id()
    ));
    arguments.push(format!("--lcores=0@{cpu}"));
    let eal = Eal::init(&arguments).unwrap();
    let pool = Mempool::create(&eal, "packets", 8191, 64, 2048 + 128, None).unwrap();
    let device = format!("net_pcap0,rx_pcap={},infinite_rx=1", path.display());
    let [(source, mut input), (sink, mut output)] =
        [device.as_str(), "net_null0,no-rx=1"].map(|device| {
            let mut port = Port::attach(&eal, device).unwrap();
            let queues = port.configure(&PortConfig::default(), &pool).unwrap();
            port.start().unwrap();
            (port, queues)
        });
    let (from, to) = (PortId::new(source.id()), PortId::new(sink.id()));

    let arena = Arc::new(Arena::new(Capacity::default()).unwrap());
    let (mut ipv4, mut ipv6) = (Trie::new(&arena).unwrap(), Trie::new(&arena).unwrap());
    let first = snapshot(&arena, &mut ipv4, &mut ipv6, from, to);
    let (mut publisher, readers) = cell::cell(first.clone(), 1);
    let punts = Arc::new(ArrayQueue::<Punt>::new(64));
    let spec = WorkerSpec {
        index: WorkerIndex::new(0),
        cpu,
        idle: Idle::Poll,
    };
    let supplies = Supplies {
        punts: Arc::clone(&punts),
        learns: Arc::new(ArrayQueue::new(1)),
        taker: Arc::new(Waker::new().unwrap()),
        copies: MbufSource::Pool(pool.clone()),
    };
    let worker = Worker::start(&eal, spec, readers.reader().unwrap(), supplies).unwrap();
    let tx = TxPort::new(to, TxSink::Queue(output.tx.remove(0)));
    worker.set_tx(to, Some(Box::new(tx))).unwrap();
    worker.add_rx(from, input.rx.remove(0)).unwrap();
    let counters = Arc::clone(worker.counters());

    // The count counts: this thread's allocations, when it is the watched one.
    // SAFETY: gettid has no precondition.
    WATCHED.store(unsafe { libc::gettid() }, Ordering::Relaxed);
    drop(Box::new(std::hint::black_box(1)));
    WATCHED.store(0, Ordering::Relaxed);
    assert!(ALLOCATIONS.swap(0, Ordering::Relaxed) >= 2);

    wait_for(&counters, ENOUGH);
    WATCHED.store(thread("worker-0"), Ordering::Relaxed);
    wait_for(&counters, ENOUGH);
    // A snapshot that is replaced is dropped by its publisher, not by the worker.
    let epoch = publisher.publish(first);
    publisher.wait(epoch, PATIENCE).unwrap();
    wait_for(&counters, ENOUGH);
    // Nor does it where each packet is traced and captured, whether somebody reads or not.
    let (paths, frames) = (
        Arc::new(Ring::new(256, TracedPath::default)),
        Arc::new(Ring::new(256, || Frame::with_room(2048))),
    );
    let everywhere = [Point::Receive, Point::Transmit, Point::Punt, Point::Drop];
    let tap = Tap::new(
        Arc::clone(&frames),
        Filter::default(),
        everywhere.into_iter().collect(),
    );
    let watch = Watch {
        tracer: Some(Tracer::new(Arc::clone(&paths), Filter::default())),
        tap: Some(Arc::new(tap)),
    };
    assert!(worker.watch(Some(Box::new(watch))).unwrap().is_none());
    wait_for(&counters, ENOUGH / 4);
    let (mut traced, mut captured) = (0, 0);
    while traced < 1000 || captured < 1000 {
        traced += paths.drain(64, |path| assert!(path.steps.len() > 1));
        captured += frames.drain(64, |frame| assert!(frame.bytes().len() >= 60));
    }
    drop(worker.watch(None).unwrap());
    assert!(paths.lost() > 0 && frames.lost() > 0);
    wait_for(&counters, ENOUGH / 4);
    WATCHED.store(0, Ordering::Relaxed);

    assert_eq!(ALLOCATIONS.load(Ordering::Relaxed), 0);
    for reason in [
        DropReason::NotOurMac,
        DropReason::Ipv4Checksum,
        DropReason::UnknownVlan,
    ] {
        let dropped = counters.drops[reason.index()].get();
        assert!(dropped > 0, "{} was not on the way", reason.name());
    }
    assert!(!punts.is_empty(), "nothing was punted");
    drop(
        worker
            .take_rx(from, ferroute_dataplane::ids::QueueId::new(0))
            .unwrap(),
    );
    let ended = counters.tx.get() + counters.punted.get() + counters.dropped();
    assert_eq!(counters.rx.get(), ended);
    drop((worker, punts));
    drop((source, sink));
}
