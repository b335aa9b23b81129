//! Tables as the core keeps them: what a change touches, what a hanging worker holds up, what storms leave behind.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use ferroute_control::core::request::{StatsRequest, VrfRequest};
use ferroute_control::model::event::{Event, Happening};
use ferroute_control::model::route::RouteChange;
use ferroute_control::model::stats::MemoryView;
use ferroute_dataplane::ids::VrfId;
use ferroute_dataplane::snapshot::Snapshot;
use ferroute_dataplane::snapshot::nexthop::{Hop, NextHop};
use ferroute_tests::bench::Bench;
use ferroute_tests::bench::world::{announce, withdraw};
use tokio::sync::broadcast::Receiver;

const ROUTES: u32 = 10_000;

/// Two gateways behind two ports, and as many prefixes as asked for over a group of both.
fn lab(routes: u32) -> Bench {
    let mut bench = Bench::new();
    bench
        .port("p1", [2, 0, 0, 0, 0, 0x11], &["10.0.1.1/24"])
        .port("p2", [2, 0, 0, 0, 0, 0x12], &["10.0.2.1/24"])
        .neighbour("p1", "10.0.1.2", [2, 0, 0, 0, 1, 1])
        .neighbour("p2", "10.0.2.2", [2, 0, 0, 0, 2, 1]);
    let both = "via 10.0.1.2 dev p1 + via 10.0.2.2 dev p2";
    let changes = (0..routes).map(|n| announce(&prefix(n), both)).collect();
    assert_eq!(bench.routes("", changes).refused, []);
    bench
}

/// Prefixes that are not beside one another.
fn address(n: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x1400_0000 | n << 10)
}

fn prefix(n: u32) -> String {
    format!("{}/24", address(n))
}

/// What a worker sees now.
fn seen(bench: &mut Bench) -> Snapshot {
    let mut worker = bench.take_worker();
    let snapshot = worker.snapshot().clone();
    worker.rest();
    bench.give_back(worker);
    snapshot
}

/// The FIB's answers for all prefixes.
fn answers(snapshot: &Snapshot) -> Vec<u32> {
    let tables = snapshot.vrf(VrfId::DEFAULT).unwrap();
    let answer = |n| tables.ipv4.lookup(address(n).to_bits()).get();
    (0..ROUTES).map(answer).collect()
}

/// How many next hops, groups and adjacencies differ.
fn differences(old: &Snapshot, new: &Snapshot) -> (usize, usize, usize) {
    let next_hops = new
        .next_hops
        .iter()
        .filter(|(i, hop)| old.next_hops.get(*i) != Some(hop));
    let groups = new.groups.iter();
    let groups = groups.filter(|(i, group)| old.groups.get(*i) != Some(group));
    let adjacencies = new.adjacencies.iter();
    let adjacencies = adjacencies.filter(|(i, now)| {
        old.adjacencies.get(*i).map(|old| format!("{old:?}")) != Some(format!("{now:?}"))
    });
    (next_hops.count(), groups.count(), adjacencies.count())
}

fn memory(bench: &mut Bench) -> MemoryView {
    bench
        .call(|reply| StatsRequest::Memory(reply).into())
        .unwrap()
}

#[test]
fn a_neighbours_new_mac_is_one_write_however_many_prefixes_lead_there() {
    let mut bench = lab(ROUTES);
    let (before, bytes) = (seen(&mut bench), memory(&mut bench).fibs);
    bench.neighbour("p1", "10.0.1.2", [2, 0, 0, 0, 1, 9]);
    let after = seen(&mut bench);
    assert_eq!(differences(&before, &after), (0, 0, 1));
    assert_eq!(answers(&before), answers(&after));
    assert_eq!(memory(&mut bench).fibs, bytes);
}

#[test]
fn a_member_that_dies_is_one_group_however_many_prefixes_lead_there() {
    let mut bench = lab(ROUTES);
    let before = seen(&mut bench);
    let members = |snapshot: &Snapshot| {
        let found = answers(snapshot);
        assert!(
            found.iter().all(|id| *id == found[0]),
            "one entry says it for all"
        );
        let tables = snapshot.vrf(VrfId::DEFAULT).unwrap();
        match snapshot.next_hop(tables.ipv4.lookup(address(0).to_bits())) {
            NextHop::Group(group) => snapshot.group(group).unwrap().members().to_vec(),
            NextHop::Adjacency(only) => vec![Hop::Adjacency(only)],
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(members(&before).len(), 2);
    bench.carrier("p2", false);
    let after = seen(&mut bench);
    assert_eq!(
        answers(&before),
        answers(&after),
        "no entry of the FIB was written"
    );
    assert_eq!(members(&after).len(), 1);
    // The group, the set's own next hop, and what hung on the port's own subnet; not one for each prefix.
    let (next_hops, groups, adjacencies) = differences(&before, &after);
    assert!(
        next_hops + groups + adjacencies < 10,
        "{next_hops} {groups} {adjacencies}"
    );
    bench.carrier("p2", true);
    assert_eq!(members(&seen(&mut bench)).len(), 2);
}

/// The next event about a worker: whether it hangs.
fn told(events: &mut Receiver<std::sync::Arc<Event>>) -> bool {
    loop {
        if let Happening::Worker { hung, .. } = events.blocking_recv().unwrap().what {
            return hung;
        }
    }
}

#[test]
fn a_worker_that_hangs_is_reported_and_waited_for_once() {
    let mut bench = lab(10);
    let core = bench.core();
    let mut events = core.watch();
    let mut worker = bench.take_worker();
    // In its burst, from here on.
    let old = worker.snapshot().clone();
    let start = Instant::now();
    for n in 100..140 {
        assert_eq!(
            bench
                .routes("", vec![announce(&prefix(n), "via 10.0.1.2")])
                .refused,
            []
        );
    }
    // Each of these waits twice, which would be 16 s. The bound is for the machine, not for the router.
    assert!(
        start.elapsed() < Duration::from_secs(8),
        "{:?}",
        start.elapsed()
    );
    assert!(told(&mut events));
    let hung = |bench: &mut Bench| {
        bench
            .call(|reply| StatsRequest::Workers(reply).into())
            .unwrap()[0]
            .hung
    };
    assert!(hung(&mut bench));
    // What it may see is kept: its snapshot still answers as it did.
    assert!(
        old.vrf(VrfId::DEFAULT)
            .unwrap()
            .ipv4
            .lookup(address(3).to_bits())
            .get()
            > 0
    );
    worker.rest();
    assert!(!told(&mut events));
    assert!(!hung(&mut bench));
    bench.give_back(worker);
    drop(core);
}

/// Bytes of the default VRF's FIBs once they are settled.
fn settled(bench: &mut Bench) -> u64 {
    memory(bench).fibs.iter().map(|fib| fib.bytes).sum()
}

#[test]
fn a_storm_of_routes_that_come_and_go_leaves_nothing_behind() {
    let mut bench = lab(0);
    let before = (
        memory(&mut bench).fibs,
        seen(&mut bench).next_hops.iter().count(),
    );
    for turn in 0..60_u32 {
        // The same routes, by another gateway each time, come and go in one batch and over two.
        let to = format!("via 10.0.1.{} dev p1", 10 + turn % 200);
        let come = |n| announce(&prefix(n), &to);
        let both =
            (0..200).flat_map(|n| [come(n), withdraw(&prefix(n)), come(n), withdraw(&prefix(n))]);
        assert_eq!(bench.routes("", both.collect()).refused, []);
        assert_eq!(bench.routes("", (0..200).map(come).collect()).refused, []);
        assert_eq!(
            bench
                .routes("", (0..200).map(|n| withdraw(&prefix(n))).collect())
                .refused,
            []
        );
    }
    assert_eq!(memory(&mut bench).fibs, before.0);
    // Numbers of next hops are used again, so their table does not grow with the turns.
    let after = seen(&mut bench).next_hops.iter().count();
    assert!(after <= before.1 + 64, "{} {after}", before.1);
}

#[test]
fn a_root_that_grew_with_the_last_route_is_finished_without_another() {
    let mut bench = lab(0);
    let empty = settled(&mut bench);
    // 260 prefixes outgrow a root of 2^8 entries. The larger one takes 256 KiB, and the old one goes.
    let come = (0..260).map(|n| announce(&prefix(n), "via 10.0.1.2"));
    assert_eq!(bench.routes("", come.collect()).refused, []);
    bench.wait_until("the larger root is in use", |bench| {
        settled(bench) > 256 << 10
    });
    assert_eq!(
        bench
            .routes("", (0..260).map(|n| withdraw(&prefix(n))).collect())
            .refused,
        []
    );
    bench.wait_until("the table is as it was", |bench| settled(bench) == empty);
}

#[test]
fn a_thousand_empty_vrfs_take_less_than_64_kib_each() {
    let mut bench = Bench::new();
    for n in 0..1_000 {
        bench.vrf(&format!("v{n}"));
    }
    let fibs = memory(&mut bench).fibs;
    assert_eq!(fibs.len(), 2 * 1_001);
    for pair in fibs.chunks(2) {
        let bytes: u64 = pair.iter().map(|fib| fib.bytes).sum();
        assert!((1..=64 << 10).contains(&bytes), "{}: {bytes}", pair[0].vrf);
    }
}

/// One of many prefixes beside one another.
fn dense(n: u32) -> String {
    format!("{}/24", Ipv4Addr::from_bits(0x1400_0000 + (n << 8)))
}

#[test]
fn memory_of_withdrawn_routes_goes_back_to_the_kernel() {
    const MANY: u32 = 200_000;
    let resident = |bench: &mut Bench| memory(bench).resident_bytes;
    let mut bench = lab(0);
    let in_batches = |bench: &mut Bench, change: fn(u32) -> Option<RouteChange>| {
        for first in (0..MANY).step_by(10_000) {
            let changes = (first..first + 10_000).filter_map(change).collect();
            assert_eq!(bench.routes("", changes).refused, []);
        }
    };
    let before = resident(&mut bench);
    in_batches(&mut bench, |n| Some(announce(&dense(n), "via 10.0.1.2")));
    let full = resident(&mut bench);
    assert!(full > before + (8 << 20), "{before} {full}");
    // What stays lies among what goes, so that the C library keeps all of it unless it is asked.
    in_batches(&mut bench, |n| (n % 1024 != 0).then(|| withdraw(&dense(n))));
    bench.wait_until("memory is given back", |bench| {
        resident(bench) < before + (full - before) / 2
    });
}

#[test]
fn a_removed_vrf_with_a_full_table_leaves_no_memory_behind() {
    let mut bench = lab(0);
    let blocks = |bench: &mut Bench| seen(bench).arena.usage().bytes_in_use;
    let before = blocks(&mut bench);
    bench.vrf("red");
    let changes = (0..60_000).map(|n| announce(&prefix(n), "blackhole"));
    assert_eq!(bench.routes("red", changes.collect()).refused, []);
    let red = "red".parse().unwrap();
    bench
        .call(|reply| VrfRequest::Delete(red, reply).into())
        .unwrap();
    bench.wait_until("its blocks are free", |bench| blocks(bench) == before);
}
