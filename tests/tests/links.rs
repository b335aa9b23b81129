//! How soon the router knows that a link went down.

#![allow(clippy::unwrap_used, reason = "what cannot go on has failed")]

use ferroute_proto::v1;
use ferroute_proto::v1::event::What;
use ferroute_tests::api::Watch;
use ferroute_tests::{Interface, Router, TwoHosts};
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use std::time::{Duration, Instant, SystemTime};

const LIMIT: Duration = Duration::from_secs(30);
/// How late a link's failure may be known on a machine that has a CPU for everyone. Convergence without BFD waits for it.
const KNOWN_NS: i128 = 10_000_000;
/// How often the watcher looks to which the router is compared.
const LOOK: Duration = Duration::from_millis(5);
/// How much longer the router may take than the watcher, where both wait for a CPU: it passes a link through more threads.
const AS_LATE: i128 = 3;
const FLAPS: usize = 7;

fn unix_ns() -> i128 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i128::try_from(since.unwrap().as_nanos()).unwrap()
}

/// Waits until the port's link is said to be so; answers when the router knew, in nanoseconds since 1970.
fn told(events: &mut Watch<'_>, up: bool) -> i128 {
    loop {
        let event = events.next(LIMIT).unwrap();
        if let Some(What::Port(port)) = event.what
            && port.link.is_some_and(|link| link.up == up)
        {
            return event.time_unix_ns.into();
        }
    }
}

/// Waits until the kernel says that the link is down, by looking now and then; answers when that was seen.
fn seen_down(link: &Interface) -> i128 {
    let running = || {
        getifaddrs().unwrap().any(|of| {
            of.interface_name == link.name() && of.flags.contains(InterfaceFlags::IFF_RUNNING)
        })
    };
    let deadline = Instant::now() + LIMIT;
    let look = || {
        while running() {
            assert!(Instant::now() < deadline, "the kernel keeps the link up");
            std::thread::sleep(LOOK);
        }
        unix_ns()
    };
    link.namespace().enter(look).unwrap()
}

/// Takes the link down at its `end` and up again, several times. Of the times that passed until the failure was known, the
/// router's median is as good as that of a watcher that looks at the same `link` every few milliseconds on the same machine,
/// whatever else runs there: looking rarely cannot pass.
fn flaps_are_known_soon(router: &Router, port: &str, end: &Interface, link: &Interface) {
    let api = router.api().unwrap();
    let request = v1::WatchRequest {
        kinds: vec![v1::EventKind::Port.into()],
        interface: port.to_owned(),
        ..v1::WatchRequest::default()
    };
    let mut events = api.watch(request).unwrap();
    let (mut router_ns, mut watcher_ns) = (Vec::new(), Vec::new());
    for _ in 0..FLAPS {
        let (down, known, seen) = std::thread::scope(|scope| {
            let watcher = scope.spawn(|| seen_down(link));
            end.set("down").unwrap();
            let down = unix_ns();
            let known = told(&mut events, false);
            (down, known, watcher.join().unwrap())
        });
        router_ns.push(known - down);
        watcher_ns.push(seen - down);
        end.set("up").unwrap();
        told(&mut events, true);
    }
    println!("{port}: known after {router_ns:?} ns, seen after {watcher_ns:?} ns");
    let median = |mut all: Vec<i128>| {
        all.sort_unstable();
        all[FLAPS / 2]
    };
    let (router_ns, watcher_ns) = (median(router_ns), median(watcher_ns));
    assert!(
        router_ns <= KNOWN_NS + AS_LATE * watcher_ns.max(0),
        "{router_ns} ns, where one who looks every {LOOK:?} has seen it after {watcher_ns} ns"
    );
}

#[test]
fn a_link_that_goes_down_is_known_within_ten_milliseconds_where_it_is_asked() {
    let lab = TwoHosts::build().unwrap();
    let router = lab.start("").unwrap();
    flaps_are_known_soon(&router, "p1", &lab.b.eth0, &lab.b.wire);
}

#[test]
fn a_link_that_goes_down_is_known_within_ten_milliseconds_where_the_device_tells() {
    let lab = TwoHosts::build().unwrap();
    let router = lab.start("").unwrap();
    router.cli("port add p2 net_tap2,iface=t2").unwrap();
    let tap = Interface::named(&lab.wires, "t2");
    flaps_are_known_soon(&router, "p2", &tap, &tap);
}

#[test]
fn a_backup_path_takes_over_when_the_link_goes_down() {
    let lab = TwoHosts::build().unwrap();
    let router = lab.start("").unwrap();
    lab.add_routes(&router).unwrap();
    let lookup = || router.cli("route lookup 203.0.113.1").unwrap();
    router.cli("route add 203.0.113.0/24 via 10.0.2.2").unwrap();
    router.cli("route add 203.0.0.0/16 via 10.0.1.2").unwrap();
    let api = router.api().unwrap();
    let mut events = api.watch(v1::WatchRequest::default()).unwrap();
    assert!(lookup().contains("10.0.2.2"), "{}", lookup());
    lab.b.eth0.set("down").unwrap();
    told(&mut events, false);
    assert!(lookup().contains("10.0.1.2"), "{}", lookup());
}
