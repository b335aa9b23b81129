//! A flood of real frames at the router's own addresses, from a DPDK process over shared memory, while a session and ARP go on
//! through a port beside it.

#![allow(clippy::unwrap_used, reason = "what cannot go on has failed")]

use arrayvec::ArrayVec;
use dpdk_sys::{Eal, Mbuf, Mempool, Port, PortConfig, TxQueue};
use etherparse::{ArpOperation, PacketBuilder};
use ferroute_proto::v1;
use ferroute_tests::bench::frames::arp;
use ferroute_tests::{Namespace, Router, TwoHosts};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(20);
/// How long the flood lasts.
const FLOOD: Duration = Duration::from_secs(4);
/// Segments of all sessions together that a slow machine's exception path can take while it does all else.
const RATES: &str = "punt: {tcp: {per_second: 3000, burst: 600}}\n";
/// What is sent at most.
const FLOOD_PPS: u64 = 1_000_000;
/// A session that the policer knows nothing of: neither BGP nor opening.
const SESSION: u16 = 5001;
const ROUTER: [u8; 4] = [10, 0, 3, 1];
const ATTACKER: [u8; 4] = [10, 0, 3, 2];
const ROUTER_MAC: [u8; 6] = [2, 0, 0, 0, 3, 1];
const ATTACKER_MAC: [u8; 6] = [2, 0, 0, 0, 3, 2];

/// One frame of each class that anybody may send to a router: datagrams, pings, sessions that are opened, expired packets,
/// packets for a host that is not there; and of two that others need: segments of a session and ARP requests.
fn frames() -> [Vec<u8>; 7] {
    let ip = |to: [u8; 4], ttl| {
        PacketBuilder::ethernet2(ATTACKER_MAC, ROUTER_MAC).ipv4(ATTACKER, to, ttl)
    };
    let write = |build: &dyn Fn(&mut Vec<u8>)| {
        let mut frame = Vec::new();
        build(&mut frame);
        frame
    };
    [
        write(&|f| ip(ROUTER, 64).udp(4000, 5000).write(f, b"flood").unwrap()),
        write(&|f| {
            ip(ROUTER, 64)
                .icmpv4_echo_request(1, 1)
                .write(f, b"flood")
                .unwrap();
        }),
        write(&|f| {
            ip(ROUTER, 64)
                .tcp(4000, SESSION, 1, 1000)
                .syn()
                .write(f, b"")
                .unwrap()
        }),
        write(&|f| {
            ip([10, 2, 0, 1], 1)
                .udp(4000, 5000)
                .write(f, b"flood")
                .unwrap()
        }),
        write(&|f| {
            ip([10, 0, 3, 77], 64)
                .udp(4000, 5000)
                .write(f, b"flood")
                .unwrap()
        }),
        write(&|f| {
            ip(ROUTER, 64)
                .tcp(4000, SESSION, 1, 1000)
                .ack(1)
                .write(f, b"flood")
                .unwrap()
        }),
        arp(
            ArpOperation::REQUEST,
            (ATTACKER_MAC, "10.0.3.2"),
            ([0; 6], "10.0.3.1"),
            [0xff; 6],
        ),
    ]
}

/// The attacker: a DPDK process' end of the shared memory.
struct Attacker {
    // In the order in which they must go.
    queue: TxQueue,
    port: Port,
    pool: Mempool,
    _eal: Eal,
}

impl Attacker {
    fn new(socket: &Path) -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let cpus = status
            .lines()
            .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
            .unwrap()
            .trim()
            .to_owned();
        let prefix = format!("--file-prefix=ferroute-flood-{}", std::process::id());
        let lcores = format!("--lcores=0@({cpus})");
        let arguments = [
            "--no-huge",
            "-m",
            "128",
            "--no-pci",
            "--no-telemetry",
            "--no-shconf",
            "--log-level=error",
            &prefix,
            &lcores,
        ];
        let eal = Eal::init(&arguments.map(str::to_owned)).unwrap();
        let pool = Mempool::create(&eal, "flood", 8191, 64, 2176, None).unwrap();
        let device = format!(
            "net_memif0,role=client,socket={},socket-abstract=no",
            socket.display()
        );
        let mut port = Port::attach(&eal, &device).unwrap();
        let mut queues = port.configure(&PortConfig::default(), &pool).unwrap();
        port.start().unwrap();
        let deadline = Instant::now() + LIMIT;
        while !port.link().unwrap().up {
            assert!(
                Instant::now() < deadline,
                "the router does not take the cable"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        Self {
            queue: queues.tx.remove(0),
            port,
            pool,
            _eal: eal,
        }
    }

    /// Sends for a time; how many frames went. What finds no room is lost, as on a wire.
    fn flood(&mut self) -> u64 {
        let frames = frames();
        let start = Instant::now();
        let mut sent = 0;
        while start.elapsed() < FLOOD {
            let due = u64::try_from(start.elapsed().as_micros()).unwrap() * FLOOD_PPS / 1_000_000;
            if sent >= due {
                std::thread::yield_now();
                continue;
            }
            let mut burst: ArrayVec<Mbuf, 64> = (0..64)
                .filter_map(|n| self.pool.alloc_with(&frames[n % frames.len()]))
                .collect();
            let went = self.queue.tx(&mut burst);
            sent += went as u64;
            if went == 0 {
                // The other side needs a CPU to make room.
                std::thread::yield_now();
            }
        }
        sent
    }

    fn unplug(self) {
        let Self { queue, port, .. } = self;
        drop(queue);
        port.detach().unwrap();
    }
}

/// Sends a line and waits for it to come back, again and again until told to stop: the longest wait, and how many came back.
fn talk(mut stream: TcpStream, stop: &AtomicBool) -> (Duration, u32) {
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut longest, mut rounds) = (Duration::ZERO, 0_u32);
    while !stop.load(Ordering::Relaxed) {
        let line = rounds.to_be_bytes();
        let asked = Instant::now();
        stream.write_all(&line).unwrap();
        let mut back = [0; 4];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(back, line);
        longest = longest.max(asked.elapsed());
        rounds += 1;
        // Keys that somebody types.
        std::thread::sleep(Duration::from_millis(5));
    }
    (longest, rounds)
}

/// A session from the host to the router's address through its twin, with an echo at its end.
fn session(node: &Namespace, host: &Namespace, address: &str) -> TcpStream {
    let address: SocketAddr = format!("{address}:{SESSION}").parse().unwrap();
    let listener = node.enter(|| TcpListener::bind(address)).unwrap().unwrap();
    let client = host
        .enter(|| TcpStream::connect_timeout(&address, LIMIT))
        .unwrap()
        .unwrap();
    let (mut server, _) = listener.accept().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = server.read(&mut buffer) {
            if server.write_all(&buffer[..length]).is_err() {
                return;
            }
        }
    });
    client
}

fn punts(router: &Router) -> Vec<v1::PuntClass> {
    let api = router.api().unwrap();
    let mut client = v1::stats_service_client::StatsServiceClient::new(api.channel());
    api.call(client.punts(v1::PuntsRequest {})).unwrap().classes
}

#[test]
fn r_05_a_flood_at_the_router_leaves_a_session_and_arp_alive() {
    let lab = TwoHosts::build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("memif.sock");
    let router = lab.start(RATES).unwrap();
    lab.add_routes(&router).unwrap();
    let mac = ROUTER_MAC.map(|byte| format!("{byte:02x}")).join(":");
    for words in [
        format!(
            "port add flood net_memif0,role=server,socket={},socket-abstract=no,mac={mac}",
            socket.display()
        ),
        "link set flood up".to_owned(),
        "addr add 10.0.3.1/24 dev flood".to_owned(),
    ] {
        router.cli(&words).unwrap();
    }
    let mut attacker = Attacker::new(&socket);
    let stream = session(&lab.node, lab.a.namespace(), lab.a.v4.router);
    let stop = Arc::new(AtomicBool::new(false));
    let talking = {
        let stop = Arc::clone(&stop);
        std::thread::spawn(move || talk(stream, &stop))
    };
    let before = punts(&router);
    let mut arping = lab
        .a
        .namespace()
        .spawn(&format!("arping -I eth0 -c 3 {}", lab.a.v4.router))
        .unwrap();

    let start = Instant::now();
    let sent = attacker.flood();
    let rate = sent as f64 / start.elapsed().as_secs_f64();

    let arp_status = arping.wait(LIMIT).unwrap();
    stop.store(true, Ordering::Relaxed);
    let (longest, rounds) = talking.join().unwrap();
    let after = punts(&router);
    attacker.unplug();

    let (mut policed, mut passed, mut allowed_pps) = (0, 0, 0);
    for (now, then) in after.iter().zip(&before) {
        println!(
            "{}: {} passed, {} policed; {} a second allowed",
            now.name,
            now.passed_packets - then.passed_packets,
            now.policed_packets - then.policed_packets,
            now.rate_pps
        );
        policed += now.policed_packets - then.policed_packets;
        passed += now.passed_packets - then.passed_packets;
        if now.name != "neighbour_discovery" && now.name != "packet_too_big" {
            allowed_pps += now.rate_pps;
        }
        for source in now.sources.iter().filter(|source| source.port != "flood") {
            assert_eq!(source.policed_packets, 0, "{} of {source:?}", now.name);
        }
        if ["arp", "tcp"].contains(&now.name.as_str()) {
            let flood = now.sources.iter().find(|source| source.port == "flood");
            assert!(flood.unwrap().policed_packets > 1000, "{now:?}");
        }
    }
    println!(
        "{rate:.0} frames a second, {:.0} times what the policer lets through; session: {rounds} exchanges, the longest {longest:?}",
        rate / allowed_pps as f64
    );
    assert!(
        policed > passed,
        "{policed} policed, {passed} passed: no flood"
    );
    assert!(arp_status.success(), "{}", arping.log());
    assert!(
        arping.log().contains("Received 3 response"),
        "{}",
        arping.log()
    );
    assert!(
        rounds > 50 && longest < Duration::from_secs(2),
        "{rounds} exchanges, {longest:?}"
    );
    router.stop().unwrap();
}
