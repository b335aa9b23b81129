//! What a worker does with its CPU while nothing comes, and what wakes it.

#![allow(clippy::unwrap_used, reason = "what cannot go on has failed")]

use etherparse::PacketBuilder;
use ferroute_proto::v1::Worker;
use ferroute_tests::wait::{Seen, until};
use ferroute_tests::{Api, Interface, Namespace, RawSocket, Router, TwoHosts};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// For how long the worker is watched.
const WATCH: Duration = Duration::from_secs(2);
/// The largest share of its time that an idle worker may spend on a CPU, in percent, without optimisation and on a machine
/// whose timers are slow, where a device has no interrupt. One that polls takes all that it gets, a hundred on a quiet machine.
const MOST_OF_NAPS: u128 = 40;
/// The same where all devices have one, or there is none.
const MOST_OF_SLEEP: u128 = 5;
/// The least number of sleeps while it is watched: a machine that gives it no CPU lets it sleep less often, not more.
const LEAST_SLEEPS: u64 = 20;
const LIMIT: Duration = Duration::from_secs(30);
/// Packets that come to a sleeping worker.
const PACKETS: u8 = 50;

/// The folder of the first worker's thread in `/proc`.
fn worker(router: &Router) -> PathBuf {
    std::fs::read_dir(format!("/proc/{}/task", router.process().pid()))
        .unwrap()
        .map(|task| task.unwrap().path())
        .find(|task| std::fs::read_to_string(task.join("comm")).unwrap() == "worker-0\n")
        .unwrap()
}

/// The CPU time that a thread has used, in nanoseconds.
fn used(task: &Path) -> u128 {
    let stat = std::fs::read_to_string(task.join("schedstat")).unwrap();
    stat.split(' ').next().unwrap().parse().unwrap()
}

fn counters(api: &Api) -> Worker {
    api.workers().unwrap().remove(0)
}

/// Watches an idle worker: it uses at most this share of a CPU.
fn watch(what: &str, router: &Router, most_percent: u128) {
    let (task, api) = (worker(router), router.api().unwrap());
    let (start, cpu, before) = (Instant::now(), used(&task), counters(&api));
    std::thread::sleep(WATCH);
    let (cpu, watched, after) = (used(&task) - cpu, start.elapsed(), counters(&api));
    let sleeps = after.sleeps - before.sleeps;
    let permille = cpu * 1000 / watched.as_nanos();
    println!(
        "{what}: {}.{} % of a CPU, {sleeps} sleeps within {watched:?}",
        permille / 10,
        permille % 10
    );
    assert!(permille < most_percent * 10, "{permille} ‰ of a CPU");
    assert!(sleeps > LEAST_SLEEPS, "{sleeps} sleeps");
    // Of the last second, so later than the first look.
    until("most of a second asleep", LIMIT, || {
        let asleep = counters(&api).asleep;
        Ok(Seen::when(asleep > 0.5, || format!("{asleep}")))
    })
    .unwrap();
}

#[test]
fn an_idle_worker_of_packet_sockets_naps_and_forwards_the_first_packet_nevertheless() {
    let lab = TwoHosts::build().unwrap();
    let router = lab.start("").unwrap();
    lab.add_routes(&router).unwrap();
    watch("two packet sockets", &router, MOST_OF_NAPS);
    lab.a
        .namespace()
        .run(&format!("ping -n -c 1 -W 20 {}", lab.b.v4.behind))
        .unwrap();
    router.stop().unwrap();
}

#[test]
fn a_worker_without_ports_sleeps_and_takes_one_nevertheless() {
    let wires = Namespace::new("wires").unwrap();
    let router = Router::start(&wires, "twin: { enabled: false }\n", &[]).unwrap();
    watch("no port", &router, MOST_OF_SLEEP);
    let before = counters(&router.api().unwrap()).wakeups;
    for _ in 0..10 {
        router.cli("port add p0 net_null0").unwrap();
        router.cli("port del p0").unwrap();
    }
    // Each command calls it, unless it is awake from the last.
    assert!(counters(&router.api().unwrap()).wakeups > before);
    router.stop().unwrap();
}

/// A router between two TAPs that knows a neighbour behind the second.
const TAPS: &str = r#"
twin: { enabled: false }
ports:
  - { name: p0, device: "net_tap0,iface=t0" }
  - { name: p1, device: "net_tap1,iface=t1" }
interfaces:
  - { name: p0, addresses: [10.0.1.1/24] }
  - { name: p1, addresses: [10.0.2.1/24] }
neighbours:
  - { interface: p1, address: 10.0.2.2, mac: "02:00:00:00:00:0b" }
"#;

#[test]
fn a_worker_sleeps_until_its_devices_interrupt() {
    let wires = Namespace::new("wires").unwrap();
    let router = Router::start(&wires, TAPS, &[]).unwrap();
    let taps = ["t0", "t1"].map(|name| Interface::named(&wires, name));
    taps.iter().for_each(|tap| tap.mute().unwrap());
    for port in ["p0", "p1"] {
        let shown = router
            .query(&format!("port show {port}"))
            .unwrap()
            .to_string();
        assert!(shown.contains("rx_interrupt"), "{shown}");
    }
    watch("two TAPs", &router, MOST_OF_SLEEP);
    let mac = |tap: &Interface| -> [u8; 6] {
        let text = tap.mac().unwrap();
        let octets: Vec<_> = text
            .split(':')
            .map(|octet| u8::from_str_radix(octet, 16).unwrap())
            .collect();
        octets.try_into().unwrap()
    };
    let [from, to] = taps.each_ref().map(|tap| RawSocket::open(tap).unwrap());
    let api = router.api().unwrap();
    let before = counters(&api);
    let mut times = Vec::new();
    for number in 0..PACKETS {
        let mut frame = Vec::new();
        PacketBuilder::ethernet2([2, 0, 0, 0, 0, 0xa], mac(&taps[0]))
            .ipv4([10, 0, 1, 9], [10, 0, 2, 2], 64)
            .udp(9, 9)
            .write(&mut frame, &[number])
            .unwrap();
        let slept = counters(&api).sleeps;
        until("a sleep", LIMIT, || {
            let sleeps = counters(&api).sleeps;
            Ok(Seen::when(sleeps > slept, || format!("{sleeps} sleeps")))
        })
        .unwrap();
        let start = Instant::now();
        from.send(&frame).unwrap();
        to.expect("the packet", LIMIT, |bytes| {
            (bytes.get(42) == Some(&number)).then_some(())
        })
        .unwrap();
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let wakeups = counters(&api).wakeups - before.wakeups;
    println!(
        "from TAP to TAP by a worker that sleeps: median {:?}, 90 % {:?}, longest {:?}; {wakeups} wake-ups",
        times[times.len() / 2],
        times[times.len() * 9 / 10],
        times[times.len() - 1]
    );
    // Most came while it slept; some in the moment after a sleep whose time was up.
    assert!(wakeups >= u64::from(PACKETS) / 2, "{wakeups} wake-ups");
    router.stop().unwrap();
}
