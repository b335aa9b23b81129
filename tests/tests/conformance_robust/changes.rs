//! Changes under load: a thread forwards all the time while another changes everything.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use dpdk_sys::Mbuf;
use ferroute_control::core::request::VrfRequest;
use ferroute_dataplane::ids::VrfId;
use ferroute_dataplane::snapshot::nexthop::NextHop;
use ferroute_tests::bench::world::{announce, withdraw};

use crate::lab::{datagram, lab};

/// Destinations 198.18.n.1. Packets to the first half always have a path; those to the second half sometimes.
const DESTINATIONS: u8 = 32;
const STEADY: u8 = DESTINATIONS / 2;
const ROUNDS: usize = 300;
/// How long a change waits for a worker that is in its burst.
const GRACE_MS: u64 = 200;

/// What the forwarding thread saw.
#[derive(Default)]
struct Seen {
    offered: AtomicU64,
    steady_offered: AtomicU64,
    steady_arrived: AtomicU64,
    misdelivered: AtomicU64,
    longest_pass_ms: AtomicU64,
}

/// Gateways of a destination: 10.0.1.(100+n) and 10.0.1.(150+n), with Ethernet addresses of which the last byte is n, and
/// the one before tells them apart.
fn gateways(n: u8) -> [String; 2] {
    [
        format!("via 10.0.1.{}", 100 + n),
        format!("via 10.0.1.{}", 150 + n),
    ]
}

#[test]
fn r_02_changes_under_load_never_misdeliver_and_lose_only_where_there_is_no_path() {
    let mut bench = lab();
    bench.port("p2", [2, 0, 0, 0, 0, 0x12], &["10.0.2.1/24"]);
    for n in 0..DESTINATIONS {
        bench.neighbour("p1", &format!("10.0.1.{}", 100 + n), [2, 0, 0, 0, 1, n]);
        bench.neighbour("p1", &format!("10.0.1.{}", 150 + n), [2, 0, 0, 0, 2, n]);
        bench.route(&format!("198.18.{n}.0/24"), &gateways(n)[0]);
    }
    let mut worker = bench.take_worker();
    let port = bench.port_id("p0");
    let out = bench.port_id("p1");
    let now_ns = bench.now_ns();
    let (stop, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(Seen::default()));
    let forwarding = {
        let (stop, seen) = (Arc::clone(&stop), Arc::clone(&seen));
        let frames: Vec<Vec<u8>> = (0..DESTINATIONS)
            .map(|n| datagram(&format!("198.18.{n}.1")).frame())
            .collect();
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let mut burst: Vec<Mbuf> = frames
                    .iter()
                    .chain(&frames)
                    .map(|f| Mbuf::from_heap(f))
                    .collect();
                seen.offered
                    .fetch_add(burst.len() as u64, Ordering::Relaxed);
                seen.steady_offered
                    .fetch_add(2 * u64::from(STEADY), Ordering::Relaxed);
                let begun = Instant::now();
                worker.pass(port, &mut burst, now_ns, |port, frame| {
                    let n = frame[32];
                    let right = port == out
                        && frame[4] != 0
                        && frame[4] <= 2
                        && frame[5] == n
                        && frame[22] == 63;
                    seen.misdelivered
                        .fetch_add(u64::from(!right), Ordering::Relaxed);
                    seen.steady_arrived
                        .fetch_add(u64::from(n < STEADY), Ordering::Relaxed);
                });
                worker.inject(0, |_, _| {});
                let took_ms = begun.elapsed().as_millis() as u64;
                seen.longest_pass_ms.fetch_max(took_ms, Ordering::Relaxed);
            }
            worker.rest();
            worker
        })
    };
    for round in 0..ROUNDS {
        let n = (round % usize::from(DESTINATIONS)) as u8;
        let net = format!("198.18.{n}.0/24");
        let [first, second] = gateways(n);
        // Replace by the other, by both, by weights; make before break.
        let to = [
            second.clone(),
            format!("{first} + {second}"),
            format!("{first} weight 3 + {second}"),
            first,
        ];
        let mut changes = vec![announce(&net, &to[round % 4])];
        // A longer prefix over it comes and goes.
        let host = format!("198.18.{n}.1/32");
        changes.push(announce(&host, &second));
        // A neighbour of the covered paths leads elsewhere if numbers were mixed up.
        let strange = format!("203.0.{}.0/24", round % 200);
        changes.push(announce(
            &strange,
            &format!("via 10.0.2.{} dev p2", 2 + round % 200),
        ));
        assert_eq!(bench.routes("", changes).refused, []);
        let mut changes = vec![withdraw(&host), withdraw(&strange)];
        let gone = STEADY + n % STEADY;
        changes.push(withdraw(&format!("198.18.{gone}.0/24")));
        assert_eq!(bench.routes("", changes).refused, []);
        bench.route(&format!("198.18.{gone}.0/24"), &gateways(gone)[round % 2]);
        // The same prefixes in a VRF that comes and goes lead elsewhere.
        if round % 10 == 0 {
            bench.vrf("red");
            bench
                .route_in("red", &net, "blackhole")
                .route_in("red", "0.0.0.0/0", "unreachable");
            let name = "red".parse().unwrap();
            bench
                .call(|reply| VrfRequest::Delete(name, reply).into())
                .unwrap();
        }
        // A neighbour's address changes under its flows.
        if round % 7 == 0 {
            bench.neighbour(
                "p1",
                &format!("10.0.1.{}", 100 + n),
                [2, 0, 0, (round % 3) as u8, 1, n],
            );
        }
    }
    stop.store(true, Ordering::Relaxed);
    bench.give_back(forwarding.join().unwrap());
    bench.settle();
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    assert_eq!(count(&seen.misdelivered), 0);
    assert!(
        count(&seen.offered) > 20_000,
        "there was a load: {}",
        count(&seen.offered)
    );
    if count(&seen.longest_pass_ms) >= GRACE_MS {
        // The machine held the thread back for longer than a change waits: now a drop is allowed.
        return;
    }
    assert_eq!(
        count(&seen.steady_arrived),
        count(&seen.steady_offered),
        "what has a path is never lost"
    );
    let drops: Vec<_> = bench
        .drops()
        .into_keys()
        .filter(|name| !matches!(*name, "no_route" | "icmp_rate_limited"))
        .collect();
    assert_eq!(drops, [""; 0], "lost only where there was no path");
}

#[test]
fn r_02_a_worker_that_hangs_in_its_burst_never_takes_one_next_hop_for_another() {
    let mut bench = lab();
    let to = |n: u32| format!("198.18.{n}.0/24");
    let key = |n: u32| 198 << 24 | 18 << 16 | n << 8 | 1;
    for n in 0..20 {
        bench.route(&to(n), &format!("via 10.0.1.{} dev p1", 100 + n));
    }
    let mut worker = bench.take_worker();
    worker.obey();
    let old = worker.snapshot();
    // While it hangs, all of these go, and others come that would like to have their numbers.
    let gone = (0..20).map(|n| withdraw(&to(n))).collect();
    assert_eq!(bench.routes("", gone).refused, []);
    for n in 20..60 {
        bench.route(&to(n), &format!("via 10.0.1.{} dev p1", 100 + n));
    }
    let tables = old.vrf(VrfId::DEFAULT).expect("the default VRF");
    for n in 20..60 {
        let found = old.next_hop(tables.ipv4.lookup(key(n)));
        assert_eq!(found, NextHop::Vacant, "{} by its old snapshot", to(n));
    }
    // When it moves again, it sees them, and the numbers are free.
    let new = worker.snapshot();
    let tables = new.vrf(VrfId::DEFAULT).expect("the default VRF");
    for n in 20..60 {
        let found = new.next_hop(tables.ipv4.lookup(key(n)));
        assert!(matches!(found, NextHop::Adjacency(_)), "{found:?}");
    }
    worker.rest();
    bench.give_back(worker);
    bench.settle();
}
