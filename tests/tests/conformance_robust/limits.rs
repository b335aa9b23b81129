//! Tables that are full: a typed refusal, and the old state stays.

use ferroute_control::model::refusal::RouteError;
use ferroute_control::rib::Limits;
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
