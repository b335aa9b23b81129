//! Tables that are full: a typed refusal, and the old state stays.

use ferroute_control::core::request::{RouteRequest, StatsRequest};
use ferroute_control::model::prefix::Family;
use ferroute_control::model::refusal::RouteError;
use ferroute_control::model::route::{BatchItem, BatchOutcome, RouteChange, RouteFilter};
use ferroute_control::rib::Limits;
use ferroute_dataplane::fib::Capacity;
use ferroute_tests::bench::world::{announce, withdraw};
use ferroute_tests::bench::{Bench, Shape};

use crate::lab::{GATEWAY_MAC, datagram, lab_of};

fn prefix(number: usize) -> String {
    format!("198.18.{number}.0/24")
}

/// By which gateway a packet to the n-th prefix leaves, if by any.
fn way(bench: &mut Bench, number: usize) -> Option<u8> {
    let sent = bench.receive("p0", &datagram(&format!("198.18.{number}.1")).frame());
    sent.iter().find(|s| s.port == "p1").map(|s| s.frame[5])
}

#[test]
fn r_03_a_full_rib_refuses_with_a_reason_and_keeps_what_it_has() {
    let limits = Limits {
        per_vrf: 60,
        total: 60,
    };
    let mut bench = lab_of(Shape {
        limits,
        ..Shape::default()
    });
    let outcome = bench.routes(
        "",
        (0..100)
            .map(|n| announce(&prefix(n), "via 10.0.1.2"))
            .collect(),
    );
    let taken = outcome.applied as usize;
    assert!(
        (30..60).contains(&taken),
        "{taken} routes beside the router's own"
    );
    assert_eq!(outcome.refused.len(), 100 - taken);
    for refusal in &outcome.refused {
        assert!(
            matches!(refusal.error, RouteError::TableFull { limit: 60, .. }),
            "{:?}",
            refusal.error
        );
    }
    for number in 0..100 {
        let expected = (number < taken).then_some(GATEWAY_MAC[5]);
        assert_eq!(way(&mut bench, number), expected, "prefix {number}");
    }
    // What is there can be replaced and removed, and what is removed makes room.
    bench.neighbour("p1", "10.0.1.2", [2, 0, 0, 0, 0, 0xb2]);
    bench.route(&prefix(0), "via 10.0.1.2 dev p1");
    assert_eq!(way(&mut bench, 0), Some(0xb2));
    assert!(matches!(
        bench.try_route("", &prefix(99), "via 10.0.1.2"),
        Err(RouteError::TableFull { .. })
    ));
    bench.routes("", vec![withdraw(&prefix(1))]);
    assert_eq!(bench.try_route("", &prefix(99), "via 10.0.1.2"), Ok(()));
    assert_eq!(
        (way(&mut bench, 1), way(&mut bench, 99)),
        (None, Some(0xb2))
    );
}

#[test]
fn r_03_a_full_table_of_next_hops_refuses_and_keeps_what_it_has() {
    let mut bench = lab_of(Shape {
        max_sets: 24,
        ..Shape::default()
    });
    let mut taken = 0;
    let refusal = loop {
        let gateway = format!("via 10.0.1.{} dev p1", 50 + taken);
        match bench.try_route("", &prefix(taken), &gateway) {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
        assert!(taken < 24, "more sets than there may be");
    };
    assert!(
        matches!(refusal, RouteError::TableFull { .. }),
        "{refusal:?}"
    );
    assert!(taken > 3, "{taken} sets");
    // A set that is known needs no room.
    assert_eq!(
        bench.try_route("", &prefix(200), "via 10.0.1.50 dev p1"),
        Ok(())
    );
    bench.route("192.0.2.0/24", "via 10.0.1.2");
    let sent = bench.receive("p0", &datagram(crate::lab::FAR).frame());
    assert_eq!(sent[0].frame[..6], GATEWAY_MAC);
}

/// Two hosts of each of many /24s: each /24 takes a node of the FIB, of which there are 2,048 at least.
const HOSTS: usize = 6_000;
/// Every how many hosts get a packet.
const STEP: usize = 7;

fn host(number: usize) -> String {
    let net = number / 2;
    format!(
        "198.{}.{}.{}",
        18 + net / 256,
        net % 256,
        1 + 128 * (number % 2)
    )
}

/// Which hosts the outcome of a batch refuses; all for the same reason.
fn refused(outcome: &BatchOutcome) -> Vec<bool> {
    let mut refused = vec![false; HOSTS];
    for refusal in &outcome.refused {
        assert!(
            matches!(refusal.error, RouteError::TableFull { table: "FIB", .. }),
            "{:?}",
            refusal.error
        );
        let BatchItem::Route(place) = refusal.item else {
            panic!("{refusal:?}");
        };
        assert!(!std::mem::replace(&mut refused[place as usize], true));
    }
    refused
}

/// Packets to each host leave by the gateway that its route names, or by that of the prefix around it when it has none; and
/// the RIB lists just the prefixes that the FIB holds.
fn check(bench: &mut Bench, refused: &[bool]) {
    for (number, refused) in refused.iter().enumerate().step_by(STEP) {
        let sent = bench.receive("p0", &datagram(&host(number)).frame());
        let gateway = if *refused { 0xb2 } else { GATEWAY_MAC[5] };
        assert_eq!(sent[0].frame[5], gateway, "{}", host(number));
    }
    let (mut listed, mut after) = (0, None);
    loop {
        let filter = RouteFilter {
            family: Some(Family::Ipv4),
            only_best: true,
            ..RouteFilter::default()
        };
        let page = bench
            .call(|reply| RouteRequest::List(Box::new(filter), after, reply).into())
            .unwrap();
        listed += page.items.len() as u64;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let memory = bench
        .call(|reply| StatsRequest::Memory(reply).into())
        .unwrap();
    let fib = memory.fibs.iter().find(|fib| fib.family == Family::Ipv4);
    assert_eq!(fib.unwrap().prefixes, listed);
}

#[test]
fn r_03_a_full_fib_refuses_with_a_reason_and_the_rib_agrees_with_it() {
    let fib = Capacity {
        nodes: 64,
        ..Capacity::default()
    };
    let mut bench = lab_of(Shape {
        fib,
        ..Shape::default()
    });
    bench.neighbour("p1", "10.0.1.3", [2, 0, 0, 0, 0, 0xb2]);
    bench.route("198.16.0.0/12", "via 10.0.1.3 dev p1");
    check(&mut bench, &[true; HOSTS]);
    let all = |change: fn(&str) -> RouteChange| -> Vec<_> {
        (0..HOSTS)
            .map(|n| change(&format!("{}/32", host(n))))
            .collect()
    };
    let come = |prefix: &str| announce(prefix, "via 10.0.1.2 dev p1");
    let outcome = bench.routes("", all(come));
    let lost = refused(&outcome);
    let taken = lost.iter().filter(|lost| !**lost).count();
    assert_eq!(outcome.applied as usize, taken);
    assert!((2_048..HOSTS).contains(&taken), "{taken}");
    check(&mut bench, &lost);
    // Those that are there are there; the others find no more room than before.
    let again = refused(&bench.routes("", all(come)));
    check(&mut bench, &again);
    // What goes makes room for as much.
    let absent = again.iter().filter(|absent| **absent).count();
    assert_eq!(bench.routes("", all(withdraw)).refused.len(), absent);
    check(&mut bench, &[true; HOSTS]);
    let lost = refused(&bench.routes("", all(come)));
    assert!(lost.iter().filter(|lost| !**lost).count() >= taken);
    check(&mut bench, &lost);
}
