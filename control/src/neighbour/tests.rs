//! The rules one by one, named for the rows of the conformance table that they hold.

use super::*;
use ferroute_dataplane::ids::InterfaceId;
use ferroute_dataplane::mac::Mac;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const SECOND: u64 = 1_000_000_000;
const LINK: InterfaceId = InterfaceId::new(1);
const V4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const OURS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
const A: Mac = Mac::new([2, 0, 0, 0, 0, 0xa]);
const B: Mac = Mac::new([2, 0, 0, 0, 0, 0xb]);

type Fx = Effect<u32>;

/// A table with one interface that is up, and its clock.
struct Bench {
    table: NeighbourTable<u32>,
    now: u64,
}

fn key(address: impl Into<IpAddr>) -> NeighbourKey {
    NeighbourKey::new(LINK, address)
}

fn request(to: NeighbourKey) -> Fx {
    Effect::SendRequest {
        key: to,
        request: Request::Multicast,
    }
}

fn probe(to: NeighbourKey, mac: Mac) -> Fx {
    Effect::SendRequest {
        key: to,
        request: Request::Unicast(mac),
    }
}

fn resolved(key: NeighbourKey, mac: Mac) -> Fx {
    Effect::Resolved { key, mac }
}

fn changed(key: NeighbourKey, mac: Mac) -> Fx {
    Effect::Changed { key, mac }
}

fn lost(key: NeighbourKey, reason: Loss) -> Fx {
    Effect::Lost { key, reason }
}

fn reply(mac: Mac) -> ArpSeen {
    ArpSeen {
        interface: LINK,
        operation: ArpOperation::Reply,
        sender_mac: mac,
        sender: V4,
        target: OURS,
        sender_is_ours: false,
        target_is_ours: true,
    }
}

/// A gratuitous ARP request: sender and target are the neighbour's own.
fn gratuitous(mac: Mac) -> ArpSeen {
    ArpSeen {
        operation: ArpOperation::Request,
        target: V4,
        target_is_ours: false,
        ..reply(mac)
    }
}

fn advert(mac: Option<Mac>) -> AdvertisementSeen {
    AdvertisementSeen {
        interface: LINK,
        target: V6,
        mac,
        router: false,
        solicited: false,
        overrides: false,
        target_is_ours: false,
    }
}

impl Bench {
    fn new() -> Self {
        Self::with(NeighbourConfig::default())
    }

    fn with(config: NeighbourConfig) -> Self {
        let mut bench = Self {
            table: NeighbourTable::new(config, 1),
            now: 1000 * SECOND,
        };
        assert_eq!(bench.run(|t, now, fx| t.interface_up(LINK, now, fx)), []);
        bench
    }

    fn run<R>(
        &mut self,
        operation: impl FnOnce(&mut NeighbourTable<u32>, u64, &mut Vec<Fx>) -> R,
    ) -> Vec<Fx> {
        let mut effects = Vec::new();
        operation(&mut self.table, self.now, &mut effects);
        effects
    }

    fn hold(&mut self, to: NeighbourKey, packet: u32) -> Vec<Fx> {
        self.run(|t, now, fx| t.hold(to, packet, 100, now, fx))
    }

    fn arp(&mut self, seen: ArpSeen) -> Vec<Fx> {
        self.run(|t, now, fx| t.arp(&seen, now, fx))
    }

    fn advert(&mut self, seen: AdvertisementSeen) -> Vec<Fx> {
        self.run(|t, now, fx| t.advertisement(&seen, now, fx))
    }

    /// Lets time pass and returns what happened, each with the seconds since the start of the call.
    fn pass(&mut self, seconds: u64) -> Vec<(u64, Fx)> {
        let (start, end) = (self.now, self.now + seconds * SECOND);
        let mut all = Vec::new();
        while let Some(at) = self.table.next_deadline().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            let happened = self.run(|t, now, fx| t.tick(now, fx));
            all.extend(
                happened
                    .into_iter()
                    .map(|fx| ((self.now - start) / SECOND, fx)),
            );
        }
        self.now = end;
        all
    }

    fn state(&self, of: NeighbourKey) -> Option<NeighbourState> {
        self.table.get(&of).map(|n| n.state)
    }

    /// Waits until the confirmation has run out.
    fn until_stale(&mut self, of: NeighbourKey) {
        self.pass(45);
        assert_eq!(self.state(of), Some(NeighbourState::Stale));
    }
}

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
    assert_eq!(bench.arp(claim), [told.clone()]);
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
