//! What a worker and the exception thread do with their CPUs while nothing comes, and what wakes them.

#![allow(clippy::unwrap_used, reason = "what cannot go on has failed")]

use etherparse::PacketBuilder;
use ferroute_proto::v1::Worker;
use ferroute_tests::wait::{Seen, until};
use ferroute_tests::{Api, Interface, Namespace, RawSocket, Router, veth};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// For how long the worker is watched.
const WATCH: Duration = Duration::from_secs(2);
/// The largest share of its time that an idle worker may spend on a CPU, in percent, where a device has no interrupt. What a nap
/// costs is the machine's affair: without optimisation and beside others, half of the time was seen. One that polls takes all.
const MOST_OF_NAPS: u128 = 90;
/// The same where all devices have one, or there is none. A tenth of it is what they take.
const MOST_OF_SLEEP: u128 = 5;
/// The least number of sleeps while it is watched: a machine that gives it no CPU lets it sleep less often, not more.
const LEAST_SLEEPS: u64 = 20;
const LIMIT: Duration = Duration::from_secs(30);
/// Packets that come to a sleeping worker, one by one.
const PACKETS: u8 = 100;

/// The folder of a thread in `/proc`.
fn thread(router: &Router, name: &str) -> PathBuf {
    std::fs::read_dir(format!("/proc/{}/task", router.process().pid()))
        .unwrap()
        .map(|task| task.unwrap().path())
        .find(|task| {
            std::fs::read_to_string(task.join("comm"))
                .unwrap()
                .trim_end()
                == name
        })
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

/// Watches an idle worker: it uses at most this share of a CPU, and the exception thread sleeps until it is woken.
fn watch(what: &str, router: &Router, most_percent: u128) {
    let tasks = ["worker-0", "exception"].map(|name| thread(router, name));
    let api = router.api().unwrap();
    let all_used = || tasks.each_ref().map(|task| used(task));
    let (start, [cpu, exception], before) = (Instant::now(), all_used(), counters(&api));
    std::thread::sleep(WATCH);
    let [cpu_after, exception_after] = all_used();
    let (watched, after) = (start.elapsed(), counters(&api));
    let sleeps = after.sleeps - before.sleeps;
    let permille = |used: u128| used * 1000 / watched.as_nanos();
    let (worker, exception) = (
        permille(cpu_after - cpu),
        permille(exception_after - exception),
    );
    println!(
        "{what}: worker {worker}, exception thread {exception} ‰ of a CPU, {sleeps} sleeps within {watched:?}"
    );
    assert!(worker < most_percent * 10, "{worker} ‰ of a CPU");
    assert!(exception < MOST_OF_SLEEP * 10, "{exception} ‰ of a CPU");
    assert!(sleeps > LEAST_SLEEPS, "{sleeps} sleeps");
    // Of the last second, so later than the first look. What it was asleep and what it took need not add up to all of the time:
    // others want the CPU too.
    let least = (100 - most_percent) as f64 / 200.0;
    until("a second asleep", LIMIT, || {
        let asleep = counters(&api).asleep;
        Ok(Seen::when(asleep > least, || format!("{asleep}")))
    })
    .unwrap();
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

/// The configuration of a router between two devices that knows a neighbour behind the second.
fn between(devices: [&str; 2]) -> String {
    let [first, second] = devices;
    format!(
        r#"
twin: {{ enabled: false }}
mempool: {{ buffers: 32767 }}
ports:
  - {{ name: p0, device: "{first}" }}
  - {{ name: p1, device: "{second}" }}
interfaces:
  - {{ name: p0, addresses: [10.0.1.1/24] }}
  - {{ name: p1, addresses: [10.0.2.1/24] }}
neighbours:
  - {{ interface: p1, address: 10.0.2.2, mac: "02:00:00:00:00:0b" }}
"#
    )
}

fn mac(interface: &Interface) -> [u8; 6] {
    let text = interface.mac().unwrap();
    let octets: Vec<_> = text
        .split(':')
        .map(|octet| u8::from_str_radix(octet, 16).unwrap())
        .collect();
    octets.try_into().unwrap()
}

/// Sends single packets, each after silence, in at one end and waits for each at the other. The router's own end of the first
/// cable has the address `to`.
fn single_packets(what: &str, router: &Router, ends: &[Interface; 2], to: [u8; 6]) {
    single_packets_between(what, router, ends, to, [[10, 0, 1, 9], [10, 0, 2, 2]]);
}

/// The same between these addresses, for a worker of one router on the way.
fn single_packets_between(
    what: &str,
    router: &Router,
    ends: &[Interface; 2],
    to: [u8; 6],
    [source, target]: [[u8; 4]; 2],
) {
    let [from, there] = ends.each_ref().map(|end| RawSocket::open(end).unwrap());
    let api = router.api().unwrap();
    let before = counters(&api);
    let mut times = Vec::new();
    for number in 0..PACKETS {
        let mut frame = Vec::new();
        PacketBuilder::ethernet2([2, 0, 0, 0, 0, 0xa], to)
            .ipv4(source, target, 64)
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
        there
            .expect("the packet", LIMIT, |bytes| {
                (bytes.get(42) == Some(&number)).then_some(())
            })
            .unwrap();
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let wakeups = counters(&api).wakeups - before.wakeups;
    println!(
        "{what}, by a worker that sleeps: median {:?}, 90 % {:?}, longest {:?}; {wakeups} wake-ups",
        times[times.len() / 2],
        times[times.len() * 9 / 10],
        times[times.len() - 1]
    );
    // Most came while it slept; some in the moment after a sleep whose time was up.
    assert!(wakeups >= u64::from(PACKETS) / 2, "{wakeups} wake-ups");
}

/// What the ports say that wakes a worker.
fn wakes_by(router: &Router, by: &str) {
    for port in ["p0", "p1"] {
        let shown = router.query(&format!("port show {port}")).unwrap();
        let shown = shown.to_string();
        assert!(shown.contains(&format!(r#""rx_wake":"{by}""#)), "{shown}");
    }
}

#[test]
fn a_worker_sleeps_until_its_devices_interrupt() {
    let wires = Namespace::new("wires").unwrap();
    let config = between(["net_tap0,iface=t0", "net_tap1,iface=t1"]);
    let router = Router::start(&wires, &config, &[]).unwrap();
    let taps = ["t0", "t1"].map(|name| Interface::named(&wires, name));
    taps.iter().for_each(|tap| tap.mute().unwrap());
    wakes_by(&router, "interrupt");
    watch("two TAPs", &router, MOST_OF_SLEEP);
    single_packets("from TAP to TAP", &router, &taps, mac(&taps[0]));
    router.stop().unwrap();
}

/// A router between a TAP and one end of a virtio ring. The hosts behind its TAP are in `10.0.<near>.0/24`.
fn at_ring(tap: &str, ring: &str, near: u8, far: u8, peer_mac: &str) -> String {
    format!(
        r#"
twin: {{ enabled: false }}
mempool: {{ buffers: 32767 }}
ports:
  - {{ name: p0, device: "net_tap{near},iface={tap}" }}
  - {{ name: p1, device: "{ring}" }}
interfaces:
  - {{ name: p0, addresses: [10.0.{near}.1/24] }}
  - {{ name: p1, addresses: [10.0.9.{near}/24] }}
neighbours:
  - {{ interface: p0, address: 10.0.{near}.2, mac: "02:00:00:00:00:0b" }}
  - {{ interface: p1, address: 10.0.9.{far}, mac: "{peer_mac}" }}
routes:
  - {{ prefix: 10.0.{far}.0/24, via: [{{ address: 10.0.9.{far} }}] }}
"#
    )
}

fn link_is_up(router: &Router, port: &str) -> bool {
    let shown = router.query(&format!("port show {port}")).unwrap();
    shown.to_string().contains(r#""link_up":true"#)
}

/// A vhost port and the virtio-user port that is its peer, each with a router of its own, and TAPs behind these.
struct OnRing {
    vhost: Router,
    virtio: Router,
    taps: [Interface; 2],
    _folder: tempfile::TempDir,
}

impl OnRing {
    fn start(wires: &Namespace, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("ring").display().to_string();
        let virtio_mac = "02:00:00:00:00:f2";
        let vhost = format!("net_vhost0,iface={socket}");
        let virtio = format!("net_virtio_user0,path={socket},mac={virtio_mac}{more}");
        let vhost = at_ring("t0", &vhost, 1, 2, virtio_mac);
        let vhost = Router::start(wires, &vhost, &[]).unwrap();
        watch("a vhost port without a peer", &vhost, MOST_OF_SLEEP);
        let shown = vhost.query("port show p1").unwrap();
        let mac = shown[0]["mac"].as_str().unwrap();
        let virtio = at_ring("t1", &virtio, 2, 1, mac);
        let virtio = Router::start(wires, &virtio, &[]).unwrap();
        let taps = ["t0", "t1"].map(|name| Interface::named(wires, name));
        let lab = Self {
            vhost,
            virtio,
            taps,
            _folder: folder,
        };
        lab.is_woken("");
        lab
    }

    /// The ring wakes the worker at each of its ends.
    fn is_woken(&self, when: &str) {
        for router in [&self.vhost, &self.virtio] {
            wakes_by(router, "interrupt");
            until("the ring", LIMIT, || {
                Ok(Seen::when(link_is_up(router, "p1"), String::new))
            })
            .unwrap();
        }
        self.taps.iter().for_each(|tap| tap.mute().unwrap());
        let [first, second] = self.taps.clone();
        let hosts = [[10, 0, 1, 2], [10, 0, 2, 2]];
        let to = mac(&first);
        let what = format!("from vhost to virtio-user{when}");
        watch(&what, &self.virtio, MOST_OF_SLEEP);
        let ends = [first.clone(), second.clone()];
        single_packets_between(&what, &self.virtio, &ends, to, hosts);
        let to = mac(&second);
        let what = format!("from virtio-user to vhost{when}");
        watch(&what, &self.vhost, MOST_OF_SLEEP);
        let [source, target] = hosts;
        let ends = [second, first];
        single_packets_between(&what, &self.vhost, &ends, to, [target, source]);
    }
}

#[test]
fn a_worker_sleeps_until_its_ring_is_kicked() {
    let wires = Namespace::new("wires").unwrap();
    let mut lab = OnRing::start(&wires, "");
    // A peer that ends, and one that is ended: none wakes the worker for nothing, and the next one wakes it.
    lab.virtio.halt().unwrap();
    watch("a peer that ended", &lab.vhost, MOST_OF_SLEEP);
    lab.virtio.restart().unwrap();
    lab.is_woken(" after the peer ended");
    lab.virtio.kill().unwrap();
    watch("a peer that was killed", &lab.vhost, MOST_OF_SLEEP);
    lab.virtio.restart().unwrap();
    lab.is_woken(" after the peer was killed");
    // Without its other end, virtio-user sleeps, too.
    lab.vhost.kill().unwrap();
    watch("an end that was killed", &lab.virtio, MOST_OF_SLEEP);
    lab.virtio.stop().unwrap();
}

#[test]
fn a_worker_sleeps_until_its_packed_ring_is_kicked() {
    let wires = Namespace::new("wires").unwrap();
    let lab = OnRing::start(&wires, ",packed_vq=1");
    lab.virtio.stop().unwrap();
    lab.vhost.stop().unwrap();
}

/// Two cables in a namespace: the router's ends, and the others.
fn cables(wires: &Namespace) -> [[Interface; 2]; 2] {
    let cables = [("w0", "h0"), ("w1", "h1")].map(|(ours, theirs)| {
        let (ours, theirs) = veth((wires, ours), (wires, theirs)).unwrap();
        ours.mute().unwrap();
        theirs.mute().unwrap();
        (ours, theirs)
    });
    let [(a, c), (b, d)] = cables;
    [[a, b], [c, d]]
}

/// A router on the near ends of two cables, asleep on its sockets, that forwards single packets from one far end to the other.
struct OnSockets {
    // Before the cables: the router lets go of its ends first.
    router: Router,
    what: String,
    ours: [Interface; 2],
    theirs: [Interface; 2],
}

impl OnSockets {
    fn start(wires: &Namespace, driver: &str, what: &str) -> Self {
        let [ours, theirs] = cables(wires);
        let devices = [0, 1].map(|n| format!("net_{driver}{n},iface=w{n}"));
        let config = between(devices.each_ref().map(String::as_str));
        let lab = Self {
            router: Router::start(wires, &config, &[]).unwrap(),
            what: what.to_owned(),
            ours,
            theirs,
        };
        watch(&format!("two {what}s"), &lab.router, MOST_OF_SLEEP);
        lab.is_woken("");
        lab
    }

    /// Sockets wake the worker for each packet.
    fn is_woken(&self, when: &str) {
        wakes_by(&self.router, "socket");
        let what = format!("from {0} to {0}{when}", self.what);
        single_packets(&what, &self.router, &self.theirs, mac(&self.ours[0]));
    }
}

#[test]
fn a_worker_sleeps_until_its_packet_sockets_are_readable() {
    let wires = Namespace::new("wires").unwrap();
    let lab = OnSockets::start(&wires, "af_packet", "packet socket");
    let router = &lab.router;
    // An interface that was down wakes it as before; so does one whose carrier came later.
    lab.ours[0].set("down").unwrap();
    lab.theirs[1].set("down").unwrap();
    watch("two links that are down", router, MOST_OF_SLEEP);
    lab.ours[0].set("up").unwrap();
    lab.theirs[1].set("up").unwrap();
    let up = |port: &str| link_is_up(router, port);
    until("both links", LIMIT, || {
        Ok(Seen::when(up("p0") && up("p1"), String::new))
    })
    .unwrap();
    lab.is_woken(" after the links were down");
    lab.router.stop().unwrap();
}

#[test]
fn a_worker_sleeps_until_its_express_sockets_are_readable() {
    let protocols = std::fs::read_to_string("/proc/net/protocols").unwrap();
    if !protocols.lines().any(|line| line.starts_with("XDP ")) {
        println!("skipped: the kernel has no AF_XDP");
        return;
    }
    let wires = Namespace::new("wires").unwrap();
    let lab = OnSockets::start(&wires, "af_xdp", "AF_XDP socket");
    let router = &lab.router;
    // What was given back is waited for no more, and what is taken again is.
    for _ in 0..2 {
        router.cli("port del p0").unwrap();
        router.cli("port add p0 net_af_xdp0,iface=w0").unwrap();
        router.cli("addr add 10.0.1.1/24 dev p0").unwrap();
    }
    lab.is_woken(" after the port was added again");
    lab.router.stop().unwrap();
}

#[test]
fn a_worker_naps_where_a_device_wakes_nobody_and_forwards_nevertheless() {
    let wires = Namespace::new("wires").unwrap();
    let [ours, theirs] = cables(&wires);
    let config = between(["net_af_packet0,iface=w0", "net_af_packet1,iface=w1"]);
    let router = Router::start(&wires, &config, &[]).unwrap();
    router.cli("port add p2 net_null2,no-rx=1").unwrap();
    wakes_by(&router, "socket");
    let shown = router.query("port show p2").unwrap().to_string();
    assert!(shown.contains(r#""rx_wake":"nap""#), "{shown}");
    watch("a device that wakes nobody", &router, MOST_OF_NAPS);
    let [from, there] = theirs.each_ref().map(|end| RawSocket::open(end).unwrap());
    let mut frame = Vec::new();
    PacketBuilder::ethernet2([2, 0, 0, 0, 0, 0xa], mac(&ours[0]))
        .ipv4([10, 0, 1, 9], [10, 0, 2, 2], 64)
        .udp(9, 9)
        .write(&mut frame, &[1])
        .unwrap();
    from.send(&frame).unwrap();
    there
        .expect("the packet", LIMIT, |bytes| {
            (bytes.get(42) == Some(&1)).then_some(())
        })
        .unwrap();
    // Without it, they sleep again.
    router.cli("port del p2").unwrap();
    watch("two packet sockets", &router, MOST_OF_SLEEP);
    router.stop().unwrap();
}
