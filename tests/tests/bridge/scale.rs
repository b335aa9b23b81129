//! A million routes: rate, memory, and how soon a change is in the data path. Measurements, for `make bridge-scale`: they need a
//! release build and a machine that does nothing else, so they are no part of the tests.

use super::lab::lab;
use ferroute_proto::v1;
use ferroute_proto::v1::bridge_service_client::BridgeServiceClient;
use ferroute_tests::daemon::Zebra;
use ferroute_tests::daemon::zebra::{next_hop, route};
use ferroute_tests::process::output;
use ferroute_tests::{Bridge, Interface, Process, Router, TwoHosts};
use ipnet::{IpNet, Ipv4Net};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

const MILLION: u32 = 1_000_000;
/// Next hops of all these routes, on one link.
const NEXT_HOPS: u32 = 64;
const LIMIT: Duration = Duration::from_secs(300);
/// The most memory that a bridge with a million routes may need, in bytes.
const MEMORY_BYTES: u64 = 300 << 20;

/// The prefixes, /24 from 20.0.0.0 on.
fn prefix(number: u32) -> IpNet {
    let address = Ipv4Addr::from((20 << 24) + (number << 8));
    Ipv4Net::new(address, 24).unwrap().into()
}

/// The next hops under numbers from 1, and routes that lead to them in turn.
fn stream(lab: &TwoHosts, routes: u32) -> Vec<u8> {
    let index = Interface::named(&lab.node, lab.b.port).index().unwrap();
    let gateway = |number: u32| Ipv4Addr::new(10, 0, 2, 100 + number as u8).into();
    let hops = (0..NEXT_HOPS).flat_map(|number| next_hop(1 + number, gateway(number), index));
    let routes = (0..routes).flat_map(|number| route(prefix(number), 1 + number % NEXT_HOPS));
    hops.chain(routes).collect()
}

/// Waits until the bridge has heard so many frames of zebra, and the router has acknowledged so many routes. It asks every
/// millisecond, which costs the bridge next to nothing.
fn until_told(bridge: &Bridge, frames: u32, routes: u32) {
    let api = bridge.api().unwrap();
    let started = Instant::now();
    loop {
        let mut client = BridgeServiceClient::new(api.channel());
        let status = api.call(client.status(v1::BridgeStatusRequest::default()));
        let source = status.unwrap().sources.swap_remove(0);
        let heard = source.fpm.as_ref().map_or(0, |fpm| fpm.frames);
        let all = heard >= u64::from(frames) && source.routes_told == u64::from(routes);
        if all && source.queued == 0 {
            return;
        }
        assert!(started.elapsed() < LIMIT, "{source:#?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What a program has needed: CPU time, and memory at most in bytes.
fn needed(process: &Process) -> (Duration, u64) {
    let read = |file: &str| {
        let path = format!("/proc/{}/{file}", process.pid());
        std::fs::read_to_string(path).unwrap()
    };
    let stat = read("stat");
    // After the name, which ends with a bracket: user and system time are the 12th and 13th.
    let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks: u64 = fields[11..13]
        .iter()
        .map(|field| field.parse::<u64>().unwrap())
        .sum();
    let status = read("status");
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let kibibytes: u64 = peak.split_whitespace().next().unwrap().parse().unwrap();
    (Duration::from_millis(ticks * 10), kibibytes << 10)
}

/// How long the threads of a program ran, and how long they wanted to and had no CPU: by the first word of their names.
fn threads(process: &Process) -> BTreeMap<String, [Duration; 2]> {
    let mut all: BTreeMap<_, [Duration; 2]> = BTreeMap::new();
    let tasks = std::fs::read_dir(format!("/proc/{}/task", process.pid())).unwrap();
    for task in tasks {
        let read = |file: &str| std::fs::read_to_string(task.as_ref().unwrap().path().join(file));
        let (Ok(name), Ok(times)) = (read("comm"), read("schedstat")) else {
            // It ended meanwhile.
            continue;
        };
        let times = times.split(' ').map(|ns| ns.trim().parse().unwrap());
        let sums = all.entry(name.trim().to_owned()).or_default();
        for (sum, ns) in sums.iter_mut().zip(times) {
            *sum += Duration::from_nanos(ns);
        }
    }
    all
}

/// Says what threads of both programs took part, and whether they had a CPU.
fn report_threads(bridge: &Bridge, router: &Router, before: [BTreeMap<String, [Duration; 2]>; 2]) {
    for ((what, process), before) in [("bridge", bridge.process()), ("router", router.process())]
        .into_iter()
        .zip(before)
    {
        for (name, [ran, waited]) in threads(process) {
            let [ran_before, waited_before] = before.get(&name).copied().unwrap_or_default();
            let (ran, waited) = (ran - ran_before, waited - waited_before);
            if ran > Duration::from_millis(1) {
                println!("  {what}, {name}: ran {ran:.1?}, waited for a CPU {waited:.1?}");
            }
        }
    }
}

/// Says what the bridge and the router needed since before, for so many routes.
fn report(what: &str, routes: u32, took: Duration, bridge: &Bridge, before: (Duration, u64)) {
    let (cpu, memory) = needed(bridge.process());
    let cpu = cpu - before.0;
    println!(
        "{what}: {routes} routes in {took:.2?}, {:.0} routes/s; the bridge used {cpu:.2?} of CPU, {:.0} routes per CPU second, {} MiB at most",
        f64::from(routes) / took.as_secs_f64(),
        f64::from(routes) / cpu.as_secs_f64(),
        memory >> 20
    );
}

fn zebra(lab: &TwoHosts) -> Zebra {
    Zebra::connect(&lab.node, "127.0.0.1:2620".parse().unwrap()).unwrap()
}

fn start(lab: &TwoHosts, router: &Router, kind: &str) -> Bridge {
    let source = format!("sources: [{{owner: scale, kind: {kind}}}]\n");
    Bridge::start_direct(&lab.node, router, &source).unwrap()
}

#[test]
#[ignore = "a measurement: make bridge-scale"]
fn a_million_routes_by_frrs_channel() {
    let (lab, router) = lab();
    let bridge = start(&lab, &router, "fpm");
    let frames = stream(&lab, MILLION);
    let mut connections = Vec::new();
    for (what, times) in [("first connection", 1), ("reconnection", 2)] {
        let before = needed(bridge.process());
        let started = Instant::now();
        let mut zebra = zebra(&lab);
        zebra.say(&frames).unwrap();
        println!("{what}: taken in after {:.2?}", started.elapsed());
        until_told(&bridge, times * (MILLION + NEXT_HOPS), MILLION);
        report(what, MILLION, started.elapsed(), &bridge, before);
        connections.push(zebra);
    }
    let memory = needed(bridge.process()).1;
    assert!(memory <= MEMORY_BYTES, "{} MiB", memory >> 20);
}

#[test]
#[ignore = "a measurement: make bridge-scale"]
fn a_hundred_thousand_routes_at_once() {
    hundred_thousand("one burst", 1, Duration::ZERO);
}

/// FRR 8.4 was seen to hand over 58,000 routes a second of what it learns by BGP.
#[test]
#[ignore = "a measurement: make bridge-scale"]
fn a_hundred_thousand_routes_at_the_rate_of_a_zebra() {
    hundred_thousand("58,000 a second", 172, Duration::from_millis(10));
}

/// Says so many routes in parts with a pause after each, and waits until the router has them.
fn hundred_thousand(what: &str, parts: usize, pause: Duration) {
    const ROUTES: u32 = 100_000;
    let (lab, router) = lab();
    let bridge = start(&lab, &router, "fpm");
    let frames = stream(&lab, ROUTES);
    let mut zebra = zebra(&lab);
    let before = needed(bridge.process());
    let both = [bridge.process(), router.process()].map(threads);
    let started = Instant::now();
    let mut said = started;
    for (place, part) in (0..).zip(frames.chunks(frames.len().div_ceil(parts))) {
        let due = started + pause * place;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        zebra.say(part).unwrap();
        said = Instant::now();
    }
    until_told(&bridge, ROUTES + NEXT_HOPS, ROUTES);
    println!(
        "{what}: all told {:.2?} after the last was said",
        said.elapsed()
    );
    report(what, ROUTES, started.elapsed(), &bridge, before);
    report_threads(&bridge, &router, both);
}

#[test]
#[ignore = "a measurement: make bridge-scale"]
fn a_million_routes_of_the_kernel() {
    let (lab, router) = lab();
    let mut lines = String::new();
    for number in 0..MILLION {
        let gateway = 100 + number % NEXT_HOPS;
        writeln!(
            lines,
            "route add {} via 10.0.2.{gateway} dev p1 proto bgp",
            prefix(number)
        )
        .unwrap();
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, lines.as_bytes()).unwrap();
    let mut command = lab.node.command("ip");
    output(command.arg("-batch").arg(file.path())).unwrap();
    let started = Instant::now();
    let bridge = start(&lab, &router, "kernel");
    until_told(&bridge, 0, MILLION);
    report(
        "a dump",
        MILLION,
        started.elapsed(),
        &bridge,
        (Duration::ZERO, 0),
    );
    let memory = needed(bridge.process()).1;
    assert!(memory <= MEMORY_BYTES, "{} MiB", memory >> 20);
}

#[test]
#[ignore = "a measurement: make bridge-scale"]
fn a_neighbour_of_the_kernel() {
    const CHANGES: u8 = 50;
    let (lab, router) = lab();
    let _bridge = start(&lab, &router, "kernel");
    let api = router.api().unwrap();
    let request = v1::WatchRequest {
        kinds: vec![v1::EventKind::Neighbour.into()],
        ..v1::WatchRequest::default()
    };
    let mut events = api.watch(request).unwrap();
    let mut times = Vec::new();
    for number in 1..=CHANGES {
        let line = format!(
            "ip neigh replace 10.0.2.77 dev p1 lladdr 02:00:00:00:01:{number:02x} nud permanent"
        );
        let started = Instant::now();
        lab.node.run(&line).unwrap();
        let done = Instant::now();
        loop {
            let event = events.next(LIMIT).unwrap();
            let Some(v1::event::What::Neighbour(event)) = event.what else {
                continue;
            };
            let neighbour = event.neighbour.unwrap_or_default();
            if neighbour.mac[..] == [2, 0, 0, 0, 1, number] {
                break;
            }
        }
        times.push((done.elapsed(), started.elapsed()));
    }
    times.sort();
    let (half, last) = (times[times.len() / 2], times[times.len() - 1]);
    println!(
        "a neighbour: in the data path {:.2?} after ip(8) ended ({:.2?} after it began) in half of {CHANGES} changes, {:.2?} at most",
        half.0, half.1, last.0
    );
}
