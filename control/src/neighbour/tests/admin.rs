//! Gateways, interfaces, permanent entries, a full table.

use super::*;

#[test]
fn a_gateway_is_resolved_at_once_and_kept_so() {
    let mut bench = Bench::new();
    let v4 = key(V4);
    assert_eq!(
        bench.run(|t, now, fx| t.want(v4, now, fx).unwrap()),
        [request(v4)]
    );
    assert_eq!(bench.run(|t, now, fx| t.want(v4, now, fx).unwrap()), []);
    assert_eq!(bench.arp(reply(A)), [resolved(v4, A)]);
    for _ in 0..5 {
        let due = bench.table.next_deadline().unwrap();
        assert!(due - bench.now <= 45 * SECOND);
        bench.now = due;
        let verified = bench.run(|t, now, fx| t.tick(now, fx));
        assert_eq!(verified, [probe(v4, A)], "without any traffic");
        assert_eq!(bench.state(v4), Some(NeighbourState::Probe));
        assert_eq!(bench.arp(reply(A)), []);
        assert_eq!(bench.state(v4), Some(NeighbourState::Reachable));
    }
}

#[test]
fn a_gateway_that_is_gone_is_asked_again_ever_more_slowly() {
    let mut bench = Bench::new();
    let v4 = key(V4);
    bench.run(|t, now, fx| t.want(v4, now, fx).unwrap());
    let asked: Vec<u64> = bench.pass(100).iter().map(|(at, _)| *at).collect();
    // Rounds of three requests, with hold-downs of 1, 2, 4, 8, 16, 16 s between them.
    assert_eq!(
        asked,
        [
            1, 2, 4, 5, 6, 9, 10, 11, 16, 17, 18, 27, 28, 29, 46, 47, 48, 65, 66, 67, 84, 85, 86
        ]
    );
    assert_eq!(bench.arp(gratuitous(B)), [resolved(v4, B), probe(v4, B)]);
    bench.arp(reply(B));
    bench.run(|t, now, fx| t.unwant(v4, now, fx));
    bench.until_stale(v4);
}

#[test]
fn a_lost_gateway_is_resolved_anew_by_multicast() {
    let mut bench = Bench::new();
    let v4 = key(V4);
    bench.run(|t, now, fx| t.want(v4, now, fx).unwrap());
    bench.arp(reply(A));
    let happened: Vec<Fx> = bench.pass(48).into_iter().map(|(_, fx)| fx).collect();
    let probes = [probe(v4, A), probe(v4, A), probe(v4, A)];
    assert_eq!(happened[..3], probes);
    assert_eq!(happened[3..5], [lost(v4, Loss::Unanswered), request(v4)]);
}

#[test]
fn an_interface_that_goes_down_flushes_and_one_that_comes_up_pursues() {
    let mut bench = Bench::new();
    let (v4, v6, fixed) = (key(V4), key(V6), key(Ipv4Addr::new(10, 0, 0, 7)));
    bench.run(|t, now, fx| t.want(v4, now, fx).unwrap());
    bench.arp(reply(A));
    bench.hold(v6, 6);
    bench.run(|t, now, fx| t.add_permanent(fixed, B, now, fx).unwrap());
    let down = bench.run(|t, now, fx| t.interface_down(LINK, now, fx));
    let failed = Effect::Fail {
        key: v6,
        packets: vec![6],
    };
    assert_eq!(down, [lost(v4, Loss::InterfaceDown), failed]);
    assert_eq!(bench.state(fixed), Some(NeighbourState::Permanent));
    let refused = Effect::Drop {
        key: v6,
        packet: 7,
        discard: Discard::InterfaceDown,
    };
    assert_eq!(bench.hold(v6, 7), [refused]);
    assert_eq!(bench.arp(reply(A)), []);
    bench.now += 2 * SECOND;
    assert_eq!(
        bench.run(|t, now, fx| t.interface_up(LINK, now, fx)),
        [request(v4)]
    );
    bench.run(|t, now, fx| t.interface_removed(LINK, now, fx));
    assert_eq!(bench.table.iter().count(), 0);
    assert_eq!(bench.run(|t, now, fx| t.interface_up(LINK, now, fx)), []);
}

#[test]
fn a_permanent_entry_is_never_learned_over_and_goes_only_by_hand() {
    let mut bench = Bench::new();
    let v4 = key(V4);
    bench.hold(v4, 1);
    let released = Effect::Release {
        key: v4,
        mac: A,
        packets: vec![1],
    };
    assert_eq!(
        bench.run(|t, now, fx| t.add_permanent(v4, A, now, fx).unwrap()),
        [resolved(v4, A), released]
    );
    assert_eq!(bench.arp(gratuitous(B)), []);
    assert_eq!(bench.arp(reply(B)), []);
    assert_eq!(bench.pass(10_000), []);
    assert_eq!(bench.run(|t, now, fx| t.flush(LINK, now, fx)), []);
    assert_eq!(
        bench.run(|t, now, fx| t.add_permanent(v4, B, now, fx).unwrap()),
        [changed(v4, B)]
    );
    assert_eq!(
        bench.run(|t, now, fx| assert!(t.delete(v4, now, fx))),
        [lost(v4, Loss::Deleted)]
    );
    assert_eq!(bench.run(|t, now, fx| assert!(!t.delete(v4, now, fx))), []);
}

#[test]
fn a_full_table_gives_up_failed_then_incomplete_then_stale_entries_and_never_those_in_use() {
    let mut bench = Bench::with(NeighbourConfig {
        max_learned: 3,
        max_configured: 1,
        ..NeighbourConfig::default()
    });
    let host = |last| Ipv4Addr::new(10, 0, 0, last);
    let from = |last, operation| ArpSeen {
        sender: host(last),
        operation,
        ..reply(A)
    };
    bench.hold(key(host(11)), 11);
    bench.pass(3);
    bench.hold(key(host(12)), 12);
    bench.arp(from(13, ArpOperation::Request));
    assert_eq!(bench.state(key(host(11))), Some(NeighbourState::Failed));
    bench.arp(from(14, ArpOperation::Reply));
    assert_eq!(bench.state(key(host(11))), None);
    let evicted = Effect::Drop {
        key: key(host(12)),
        packet: 12,
        discard: Discard::Evicted,
    };
    assert_eq!(
        bench.arp(from(15, ArpOperation::Reply)),
        [evicted, resolved(key(host(15)), A)]
    );
    assert_eq!(
        bench.arp(from(16, ArpOperation::Reply)),
        [
            lost(key(host(13)), Loss::Evicted),
            resolved(key(host(16)), A)
        ]
    );
    let told = Effect::Event(NeighbourEvent::TableFull { key: key(host(17)) });
    let full = |packet| Effect::Drop {
        key: key(host(17)),
        packet,
        discard: Discard::TableFull,
    };
    assert_eq!(bench.hold(key(host(17)), 1), [told, full(1)]);
    assert_eq!(
        bench.hold(key(host(17)), 2),
        [full(2)],
        "the event comes once in its interval"
    );
    assert_eq!(
        bench.run(|t, now, fx| t.want(key(host(17)), now, fx).unwrap()),
        [request(key(host(17)))],
        "gateways have their own share"
    );
    let refused = bench.table.want(key(host(18)), bench.now, &mut Vec::new());
    assert_eq!(
        refused,
        Err(ConfiguredFull {
            interface: LINK,
            most: 1
        })
    );
    let refused = bench
        .table
        .add_permanent(key(host(18)), A, bench.now, &mut Vec::new());
    assert!(refused.is_err());
}

#[test]
fn what_an_earlier_process_knew_is_believed_until_better_is_heard() {
    let mut bench = Bench::new();
    let v4 = key(V4);
    let remember = |bench: &mut Bench| bench.run(|t, now, fx| t.remember(v4, A, now, fx));
    assert_eq!(remember(&mut bench), [resolved(v4, A)]);
    assert_eq!(bench.state(v4), Some(NeighbourState::Stale));
    bench.arp(gratuitous(B));
    assert_eq!(remember(&mut bench), []);
    // On an interface that is down it waits.
    bench.run(|t, now, fx| t.interface_down(LINK, now, fx));
    assert_eq!(remember(&mut bench), []);
    assert_eq!(bench.state(v4), None);
    let up = bench.run(|t, now, fx| t.interface_up(LINK, now, fx));
    assert_eq!(up, [resolved(v4, A)]);
}
