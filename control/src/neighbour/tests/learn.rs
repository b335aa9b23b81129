//! What is believed of what others say.

use super::*;

#[test]
fn n_02_any_arp_updates_an_entry_and_only_one_for_us_creates_it() {
    let mut bench = Bench::new();
    let overheard = ArpSeen {
        target_is_ours: false,
        target: Ipv4Addr::new(10, 0, 0, 9),
        operation: ArpOperation::Request,
        ..reply(A)
    };
    assert_eq!(bench.arp(overheard), []);
    assert_eq!(bench.state(key(V4)), None);
    let asks_us = ArpSeen {
        operation: ArpOperation::Request,
        ..reply(A)
    };
    assert_eq!(bench.arp(asks_us), [resolved(key(V4), A)]);
    assert_eq!(bench.state(key(V4)), Some(NeighbourState::Stale));
    assert_eq!(
        bench.arp(ArpSeen {
            sender_mac: B,
            ..overheard
        }),
        [changed(key(V4), B)]
    );
}

#[test]
fn n_03_group_and_zero_senders_teach_nothing() {
    let mut bench = Bench::new();
    for mac in [
        Mac::BROADCAST,
        Mac::ZERO,
        Mac::new([0x01, 0, 0x5e, 0, 0, 1]),
    ] {
        assert_eq!(bench.arp(reply(mac)), []);
        let seen = AdvertisementSeen {
            solicited: true,
            ..advert(Some(mac))
        };
        bench.hold(key(V6), 1);
        assert_eq!(bench.advert(seen), []);
        assert_eq!(
            bench.run(|t, now, fx| t.solicitation(LINK, V6, mac, now, fx)),
            []
        );
    }
    for sender in [
        Ipv4Addr::UNSPECIFIED,
        Ipv4Addr::BROADCAST,
        Ipv4Addr::new(224, 0, 0, 1),
    ] {
        assert_eq!(bench.arp(ArpSeen { sender, ..reply(A) }), []);
    }
    assert_eq!(bench.state(key(V4)), None);
    assert_eq!(bench.state(key(V6)), Some(NeighbourState::Incomplete));
}

#[test]
fn n_06_a_gratuitous_arp_changes_the_address_at_once() {
    let mut bench = Bench::new();
    let v4 = key(V4);
    assert_eq!(bench.arp(gratuitous(A)), [], "it creates nothing");
    bench.hold(v4, 1);
    bench.arp(reply(A));
    assert_eq!(bench.arp(gratuitous(B)), [changed(v4, B)]);
    assert_eq!(bench.state(v4), Some(NeighbourState::Stale));
    let as_reply = ArpSeen {
        operation: ArpOperation::Reply,
        ..gratuitous(A)
    };
    assert_eq!(bench.arp(as_reply), [changed(v4, A)]);
    bench.table.note_used([v4], bench.now);
    assert_eq!(bench.pass(5), [(5, probe(v4, A))], "and is verified in use");
}

#[test]
fn n_06_a_host_that_comes_back_ends_the_hold_down() {
    let mut bench = Bench::new();
    bench.hold(key(V4), 1);
    bench.pass(3);
    assert_eq!(bench.state(key(V4)), Some(NeighbourState::Failed));
    assert_eq!(bench.arp(gratuitous(A)), [resolved(key(V4), A)]);
}

#[test]
fn advertisements_follow_rfc_4861_section_7_2_5() {
    use NeighbourState::{Incomplete, Reachable, Stale};
    let v6 = key(V6);
    let seen = |mac: Option<Mac>, solicited, overrides| AdvertisementSeen {
        solicited,
        overrides,
        ..advert(mac)
    };
    // (state before, advertisement) → (state after, address after); the cached address is A.
    let rows = [
        (None, seen(Some(A), true, true), None, None),
        (
            Some(Incomplete),
            seen(None, true, true),
            Some(Incomplete),
            None,
        ),
        (
            Some(Incomplete),
            seen(Some(B), true, false),
            Some(Reachable),
            Some(B),
        ),
        (
            Some(Incomplete),
            seen(Some(B), false, true),
            Some(Stale),
            Some(B),
        ),
        (
            Some(Reachable),
            seen(Some(B), true, false),
            Some(Stale),
            Some(A),
        ),
        (
            Some(Reachable),
            seen(Some(B), false, false),
            Some(Stale),
            Some(A),
        ),
        (
            Some(Stale),
            seen(Some(B), true, false),
            Some(Stale),
            Some(A),
        ),
        (
            Some(Stale),
            seen(Some(B), true, true),
            Some(Reachable),
            Some(B),
        ),
        (
            Some(Reachable),
            seen(Some(B), false, true),
            Some(Stale),
            Some(B),
        ),
        (
            Some(Reachable),
            seen(Some(A), false, true),
            Some(Reachable),
            Some(A),
        ),
        (
            Some(Stale),
            seen(Some(A), true, false),
            Some(Reachable),
            Some(A),
        ),
        (
            Some(Stale),
            seen(None, true, true),
            Some(Reachable),
            Some(A),
        ),
        (Some(Stale), seen(None, false, true), Some(Stale), Some(A)),
    ];
    for (before, advertisement, after, mac) in rows {
        let mut bench = Bench::new();
        match before {
            None => {}
            Some(Incomplete) => {
                bench.run(|t, now, fx| t.want(v6, now, fx).unwrap());
                // No longer wanted, so that what follows is not verified at once.
                bench.run(|t, now, fx| t.unwant(v6, now, fx));
            }
            _ => {
                bench.run(|t, now, fx| t.solicitation(LINK, V6, A, now, fx));
                if before == Some(Reachable) {
                    bench.advert(seen(None, true, false));
                }
            }
        }
        assert_eq!(bench.state(v6), before);
        bench.advert(advertisement);
        assert_eq!(bench.state(v6), after, "{before:?} and {advertisement:?}");
        assert_eq!(
            bench.table.get(&v6).and_then(|n| n.mac),
            mac,
            "{before:?} and {advertisement:?}"
        );
    }
}

#[test]
fn a_router_that_becomes_a_host_is_told_and_an_ignored_advertisement_is_not() {
    let mut bench = Bench::new();
    let v6 = key(V6);
    bench.run(|t, now, fx| t.solicitation(LINK, V6, A, now, fx));
    bench.advert(AdvertisementSeen {
        router: true,
        ..advert(Some(A))
    });
    assert!(bench.table.get(&v6).unwrap().router);
    assert_eq!(
        bench.advert(advert(Some(B))),
        [],
        "no override: not even the flag counts"
    );
    assert!(bench.table.get(&v6).unwrap().router);
    let told = Effect::Event(NeighbourEvent::RouterBecameHost { key: v6 });
    assert_eq!(bench.advert(advert(Some(A))), [told]);
}

#[test]
fn a_claim_to_our_address_is_told_once_in_a_while_and_learned_never() {
    let mut bench = Bench::new();
    let claim = ArpSeen {
        sender: OURS,
        sender_is_ours: true,
        ..gratuitous(B)
    };
    let told = Effect::Event(NeighbourEvent::AddressConflict {
        key: key(OURS),
        mac: B,
    });
    assert_eq!(bench.arp(claim), std::slice::from_ref(&told));
    bench.now += SECOND;
    assert_eq!(bench.arp(claim), []);
    bench.now += 10 * SECOND;
    assert_eq!(bench.arp(claim), [told]);
    let claim = AdvertisementSeen {
        target_is_ours: true,
        ..advert(Some(B))
    };
    let told = Effect::Event(NeighbourEvent::AddressConflict {
        key: key(V6),
        mac: B,
    });
    assert_eq!(bench.advert(claim), [told]);
    assert_eq!(bench.table.iter().count(), 0);
    assert_eq!(bench.table.stats().conflicts, 4);
}

#[test]
fn what_waits_when_a_hint_comes_is_sent_and_the_hint_verified() {
    let mut bench = Bench::new();
    let v4 = key(V4);
    bench.hold(v4, 1);
    let asks_us = ArpSeen {
        operation: ArpOperation::Request,
        ..reply(A)
    };
    let released = Effect::Release {
        key: v4,
        mac: A,
        packets: vec![1],
    };
    assert_eq!(bench.arp(asks_us), [resolved(v4, A), released]);
    assert_eq!(bench.state(v4), Some(NeighbourState::Delay));
    assert_eq!(bench.pass(5), [(5, probe(v4, A))]);
}
