//! Resolution, holding, verification.

use super::*;

#[test]
fn n_04_one_request_a_second_then_unreachable_and_a_hold_down() {
    let mut bench = Bench::new();
    let v4 = key(V4);
    assert_eq!(bench.hold(v4, 1), [request(v4)]);
    assert_eq!(bench.hold(v4, 2), [], "a second packet asks no second time");
    let failed = Effect::Fail {
        key: v4,
        packets: vec![1, 2],
    };
    assert_eq!(
        bench.pass(3),
        [(1, request(v4)), (2, request(v4)), (3, failed)]
    );
    assert_eq!(bench.state(v4), Some(NeighbourState::Failed));
    let at_once = Effect::Fail {
        key: v4,
        packets: vec![3],
    };
    assert_eq!(bench.hold(v4, 3), [at_once], "in the hold-down nobody asks");
    bench.pass(1);
    assert_eq!(bench.hold(v4, 4), [request(v4)]);
    bench.pass(3);
    assert_eq!(bench.state(v4), Some(NeighbourState::Failed));
    bench.pass(1);
    assert_eq!(bench.hold(v4, 5).len(), 1);
    assert_eq!(
        bench.state(v4),
        Some(NeighbourState::Failed),
        "the second hold-down is twice as long"
    );
    bench.pass(60);
    assert_eq!(
        bench.state(v4),
        None,
        "a failed entry that nobody asks for goes"
    );
}

#[test]
fn n_04_deleting_an_entry_does_not_reset_the_rate() {
    let mut bench = Bench::new();
    let v4 = key(V4);
    assert_eq!(bench.hold(v4, 1), [request(v4)]);
    bench.now += SECOND / 2;
    let deleted = bench.run(|t, now, fx| assert!(t.delete(v4, now, fx)));
    assert_eq!(
        deleted,
        [Effect::Fail {
            key: v4,
            packets: vec![1]
        }]
    );
    assert_eq!(bench.hold(v4, 2), []);
    assert_eq!(bench.table.next_deadline(), Some(bench.now + SECOND / 2));
    assert_eq!(bench.pass(1), [(0, request(v4))]);
}

#[test]
fn n_05_packets_wait_bounded_and_leave_in_order() {
    let mut bench = Bench::with(NeighbourConfig {
        hold_packets: 3,
        ..NeighbourConfig::default()
    });
    let v4 = key(V4);
    for packet in 1..=3 {
        bench.hold(v4, packet);
    }
    let oldest = Effect::Drop {
        key: v4,
        packet: 1,
        discard: Discard::QueueFull,
    };
    assert_eq!(bench.hold(v4, 4), [oldest]);
    let released = Effect::Release {
        key: v4,
        mac: A,
        packets: vec![2, 3, 4],
    };
    assert_eq!(bench.arp(reply(A)), [resolved(v4, A), released]);
    let late = Effect::Release {
        key: v4,
        mac: A,
        packets: vec![5],
    };
    assert_eq!(bench.hold(v4, 5), [late]);
    assert_eq!(bench.table.holding(), (0, 0));
}

#[test]
fn n_05_the_bytes_of_all_queues_are_bounded() {
    let mut bench = Bench::with(NeighbourConfig {
        hold_bytes: 250,
        ..NeighbourConfig::default()
    });
    let (first, second) = (key(V4), key(V6));
    bench.hold(first, 1);
    bench.hold(second, 2);
    let oldest = Effect::Drop {
        key: first,
        packet: 1,
        discard: Discard::BytesFull,
    };
    assert_eq!(bench.hold(second, 3), [oldest]);
    assert_eq!(bench.table.holding(), (2, 200));
    let huge = Effect::Drop {
        key: second,
        packet: 4,
        discard: Discard::BytesFull,
    };
    assert_eq!(
        bench.run(|t, now, fx| t.hold(second, 4, 251, now, fx)),
        [huge]
    );
    assert_eq!(
        bench.table.holding(),
        (2, 200),
        "one that never fits pushes nobody out"
    );
}

#[test]
fn n_09_incomplete_sends_three_multicast_solicitations_then_fails() {
    let mut bench = Bench::new();
    let v6 = key(V6);
    assert_eq!(bench.hold(v6, 1), [request(v6)]);
    let failed = Effect::Fail {
        key: v6,
        packets: vec![1],
    };
    assert_eq!(
        bench.pass(9),
        [(1, request(v6)), (2, request(v6)), (3, failed)]
    );
}

#[test]
fn n_10_stale_in_use_is_delayed_probed_and_deleted() {
    let mut bench = Bench::new();
    let v6 = key(V6);
    bench.run(|t, now, fx| t.solicitation(LINK, V6, A, now, fx));
    assert_eq!(bench.state(v6), Some(NeighbourState::Stale));
    bench.table.note_used([v6], bench.now);
    assert_eq!(bench.state(v6), Some(NeighbourState::Delay));
    assert_eq!(
        bench.pass(9),
        [
            (5, probe(v6, A)),
            (6, probe(v6, A)),
            (7, probe(v6, A)),
            (8, lost(v6, Loss::Unanswered))
        ]
    );
    assert_eq!(bench.state(v6), None);
    assert_eq!(
        bench.hold(v6, 1),
        [request(v6)],
        "traffic resolves it anew, by multicast"
    );
}

#[test]
fn n_10_confirmation_keeps_it_reachable_without_loss() {
    let mut bench = Bench::new();
    let v6 = key(V6);
    bench.hold(v6, 1);
    let confirms = AdvertisementSeen {
        solicited: true,
        overrides: true,
        ..advert(Some(A))
    };
    bench.advert(confirms);
    let mut probes = 0;
    for _ in 0..600 {
        for (_, effect) in bench.pass(1) {
            assert_eq!(
                effect,
                probe(v6, A),
                "nothing but probes: the address never goes"
            );
            probes += 1;
            assert_eq!(
                bench.advert(AdvertisementSeen {
                    mac: None,
                    ..confirms
                }),
                []
            );
            assert_eq!(bench.state(v6), Some(NeighbourState::Reachable));
        }
        bench.table.note_used([v6], bench.now);
    }
    assert!((12..=30).contains(&probes), "{probes} probes in 600 s");
}

#[test]
fn n_10_an_unused_neighbour_ages_out_silently() {
    let mut bench = Bench::new();
    bench.hold(key(V4), 1);
    bench.arp(reply(A));
    bench.until_stale(key(V4));
    let gone = bench.pass(300);
    assert_eq!(
        gone.iter().map(|(_, fx)| fx).collect::<Vec<_>>(),
        [&lost(key(V4), Loss::Expired)]
    );
}
