//! Packet buffers of a real pool: none is lost, whatever happens.

use dpdk_sys::{Eal, Mbuf, Mempool};
use ferroute_tests::bench::SECOND;

use crate::lab::{FAR, HOST, HOST_MAC, P0_MAC, datagram, lab};
use ferroute_tests::bench::frames::V4;

const PACKETS: usize = 1_000_000;
const BURST: usize = 512;

/// Starts DPDK without huge pages and cards, so that any number of processes can do so at once.
fn start() -> Eal {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let cpus = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
        .unwrap()
        .trim()
        .to_owned();
    let words = [
        "ferroute-test",
        "--no-huge",
        "--no-pci",
        "--no-telemetry",
        "--no-shconf",
        "-m",
        "128",
    ];
    let mut arguments: Vec<String> = words.map(str::to_owned).to_vec();
    arguments.push(format!(
        "--file-prefix=ferroute-leak-{}",
        std::process::id()
    ));
    arguments.push(format!("--lcores=0@({cpus})"));
    Eal::init(&arguments).unwrap()
}

#[test]
fn r_07_a_million_packets_link_flaps_and_mtu_changes_leak_no_buffer() {
    let eal = start();
    let pool = Mempool::create(&eal, "leaks", 4096, 0, 2176, None).unwrap();
    let mut bench = lab();
    bench.route("198.51.100.0/24", "blackhole");
    let big = V4::udp(HOST, FAR, &[0; 1300]).link(HOST_MAC, P0_MAC);
    let mut broken = datagram(FAR).frame();
    broken[24] ^= 1;
    let kinds = [
        datagram(FAR).frame(),
        datagram(FAR).frame(),
        datagram(FAR).frame(),
        big.frame(),
        datagram("198.51.100.1").frame(),
        datagram("203.0.113.1").frame(),
        datagram(FAR).ttl(1).frame(),
        datagram("10.0.0.1").frame(),
        datagram("10.0.1.99").frame(),
        broken,
    ];
    let mut forwarded = 0;
    for round in 0..PACKETS / BURST + 1 {
        match round % 400 {
            50 => drop(bench.mtu("p1", 600)),
            100 => drop(bench.mtu("p1", 1500)),
            150 => drop(bench.admin("p1", false)),
            200 => drop(bench.admin("p1", true)),
            250 => drop(bench.carrier("p1", false)),
            300 => drop(bench.carrier("p1", true)),
            _ => {}
        }
        let burst: Vec<Mbuf> = (0..BURST)
            .map(|n| {
                pool.alloc_with(&kinds[(n + round) % kinds.len()])
                    .expect("a buffer")
            })
            .collect();
        forwarded += bench
            .receive_mbufs("p0", burst)
            .iter()
            .filter(|s| s.port == "p1")
            .count();
        bench.twin_frames();
        assert_eq!(pool.in_use(), 0, "after round {round}");
        if round % 16 == 0 {
            bench.advance(SECOND / 10);
        }
    }
    assert!(bench.worker_counters().rx.get() as usize >= PACKETS);
    assert!(forwarded > PACKETS / 5, "{forwarded} went through");
    // The port goes while packets come; the rest runs on.
    bench.remove_port("p1");
    let burst = (0..BURST)
        .map(|_| pool.alloc_with(&datagram(FAR).frame()).unwrap())
        .collect();
    assert!(
        bench
            .receive_mbufs("p0", burst)
            .iter()
            .all(|s| s.port == "p0")
    );
    assert_eq!(pool.in_use(), 0);
    drop(bench);
    assert_eq!(pool.available(), pool.capacity());
}
