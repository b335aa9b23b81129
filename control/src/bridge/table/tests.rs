//! Recorded streams of FRR, replayed: what zebra said in, what the router has out.
//!
//! A recording is a file of `../testdata`, the bytes of a connection or of the next part of one. What comes out of each is in
//! `NAME.golden` beside it; `UPDATE_GOLDEN=1` writes these anew. To add a recording: put the file there and name it in a test.

use super::played::Router;
use super::*;
use crate::bridge::fpm::Counts;
use crate::bridge::fpm::frame::read;
use crate::bridge::golden;
use crate::bridge::netlink::update::{NextHopBody, Target, Update};
use std::fmt::Write as _;

fn table(meaning: Meaning) -> Table {
    let protocols = [4, 11, 12, 186, 187, 188, 196].map(Protocol).into();
    let served = |table, vrf: &str| ScopeTable {
        table,
        vrf: vrf.parse().unwrap(),
        protocols: BTreeSet::clone(&protocols),
    };
    Table::new(Scope {
        meaning,
        feedback: meaning == Meaning::Fpm,
        tables: vec![
            served(254, "default"),
            served(100, "red"),
            served(100_000, "blue"),
        ],
    })
}

/// The netdevs 1 to 20, and the router's interfaces of all but the loopback.
fn names() -> Names {
    let mut names = Names::default();
    for index in 1..=20 {
        names.links.insert(index, format!("if{index}"));
        if index > 1 {
            names.router.insert(format!("if{index}").parse().unwrap());
        }
    }
    names
}

/// A connection that says these recordings one after the other.
struct Replay {
    table: Table,
    router: Router,
    names: Names,
}

impl Replay {
    fn new() -> Self {
        Self {
            table: table(Meaning::Fpm),
            router: Router::default(),
            names: names(),
        }
    }

    /// Zebra connects anew, says a recording, and is then quiet.
    fn connect(&mut self, name: &str) {
        self.table.begin();
        let mut text = self.say(name);
        let gone = self.table.sweep();
        self.router.settle(&mut self.table, &self.names);
        writeln!(text, "-- swept {gone}\n{}", self.router.text()).unwrap();
        golden::compare(name, &text);
    }

    /// It goes on with a recording.
    fn go_on(&mut self, name: &str) {
        let text = self.say(name);
        golden::compare(name, &text);
    }

    fn say(&mut self, name: &str) -> String {
        let bytes = golden::recording(name);
        let (mut updates, mut counts) = (Vec::new(), Counts::default());
        let done = read(&bytes, &mut updates, &mut counts).unwrap();
        assert_eq!(done, bytes.len(), "the recording ends within a frame");
        let mut kept = String::new();
        for update in updates {
            match self.table.apply(update) {
                None => {}
                Some(Update::Lsp(lsp)) => {
                    let to = lsp
                        .hops
                        .map_or("gone".to_owned(), |hops| format!("{hops:?}"));
                    writeln!(kept, "label {} {to}", lsp.label).unwrap();
                }
                Some(Update::Fdb(fdb)) => {
                    writeln!(kept, "fdb {:02x?} {:?}", fdb.key, fdb.entry).unwrap();
                }
                Some(other) => panic!("{other:?}"),
            }
        }
        self.router.settle(&mut self.table, &self.names);
        let census = self.table.census(100);
        let mut text = format!(
            "-- {} frames, {} unknown, {} unreadable\n{}",
            counts.frames,
            counts.unknown,
            counts.unreadable,
            self.router.text()
        );
        writeln!(
            text,
            "-- {} pending, {} unsupported",
            census.pending, census.unsupported
        )
        .unwrap();
        for problem in census.problems {
            writeln!(
                text,
                "{} {} {}: {}",
                problem.vrf, problem.prefix, problem.reason, problem.message
            )
            .unwrap();
        }
        text + "-- kept\n" + &kept
    }
}

#[test]
fn a_first_connection_and_the_next() {
    let mut replay = Replay::new();
    replay.connect("01_basic.bin");
    replay.connect("01_basic.bin.2");
}

#[test]
fn a_day_of_a_zebra_with_next_hop_groups_then_without() {
    let mut replay = Replay::new();
    replay.connect("02_static_v4v6.bin");
    for name in [
        "03_ecmp_nhg.bin",
        "04_blackhole_nhg.bin",
        "05_withdraw_nhg.bin",
        "06_nhg_keep1_delete.bin",
        "07_table_src.bin",
        "08_ifdown.bin",
        "09_ifup.bin",
    ] {
        replay.go_on(name);
    }
    replay.connect("10_nonhg_resync.bin");
    replay.go_on("11_nonhg_ecmp_bh.bin");
    replay.go_on("12_nonhg_withdraw.bin");
}

#[test]
fn labels_are_kept_and_shown() {
    let mut replay = Replay::new();
    replay.connect("23_mpls_nlok_static.bin");
    replay.go_on("24_mpls_nlok_del.bin");
}

#[test]
fn dangling_next_hops_and_addresses_of_an_evpn() {
    let mut replay = Replay::new();
    replay.connect("30_evpn_netns.bin");
    replay.go_on("31_evpn_mac_add.bin");
    replay.connect("30_evpn_netns.bin.2");
}

/// Withdrawal and new route in one frame become one word to the router.
#[test]
fn an_update_of_two_messages_is_one_change() {
    let mut replay = Replay::new();
    for name in [
        "02_static_v4v6.bin",
        "03_ecmp_nhg.bin",
        "04_blackhole_nhg.bin",
    ] {
        replay.say(name);
    }
    let bytes = golden::recording("05_withdraw_nhg.bin");
    let (mut updates, mut counts) = (Vec::new(), Counts::default());
    read(&bytes, &mut updates, &mut counts).unwrap();
    for update in updates {
        replay.table.apply(update);
    }
    let queued: Vec<_> = replay.table.dirty.iter().collect();
    let distinct: BTreeSet<_> = queued.iter().collect();
    assert_eq!(queued.len(), distinct.len());
    replay.router.settle(&mut replay.table, &replay.names);
}

/// Also where its next hops are objects, whose numbers mean nothing to the next connection.
#[test]
fn a_connection_that_repeats_what_one_before_said_costs_the_router_no_word() {
    let mut replay = Replay::new();
    let bytes = golden::recording("02_static_v4v6.bin");
    let (mut updates, mut counts) = (Vec::new(), Counts::default());
    read(&bytes, &mut updates, &mut counts).unwrap();
    let is_object = |update| matches!(update, &Update::NextHop(_));
    assert!(updates.iter().any(is_object));
    replay.connect("02_static_v4v6.bin");
    assert!(replay.table.len() > 1);
    // Another zebra has other numbers for the same objects.
    for shift in [0, 1000] {
        replay.table.begin();
        for mut update in updates.clone() {
            match &mut update {
                Update::NextHop(object) => {
                    object.id += shift;
                    if let Some(NextHopBody::Group(members)) = &mut object.body {
                        members.iter_mut().for_each(|(id, _)| *id += shift);
                    }
                }
                Update::Route(route) => {
                    if let Target::Object(id) = &mut route.target {
                        *id += shift;
                    }
                }
                _ => {}
            }
            replay.table.apply(update);
        }
        let batch = replay.table.next_batch(&replay.names, 100);
        assert!(batch.is_none(), "{batch:#?}");
        assert_eq!(replay.table.sweep(), 0);
        assert!(replay.table.next_batch(&replay.names, 100).is_none());
    }
}

/// What is refused is tried again when something changes, and shown until then.
#[test]
fn a_refused_route_is_shown_and_retried() {
    let mut replay = Replay::new();
    let bytes = golden::recording("02_static_v4v6.bin");
    let (mut updates, mut counts) = (Vec::new(), Counts::default());
    read(&bytes, &mut updates, &mut counts).unwrap();
    for update in updates {
        replay.table.apply(update);
    }
    let batch = replay.table.next_batch(&replay.names, 100).unwrap();
    let refused = v1_refused(batch.said.id, 0);
    replay.table.refuse(&batch.said, refused);
    let census = replay.table.census(10);
    assert_eq!(
        (census.refused, census.problems[0].reason.as_str()),
        (1, "GATEWAY_NOT_ON_LINK")
    );
    let outcomes: Vec<bool> = replay
        .table
        .outcomes(&batch.said)
        .map(|outcome| outcome.4)
        .collect();
    assert_eq!(outcomes.iter().filter(|done| !**done).count(), 1);
    assert!(replay.table.next_batch(&replay.names, 100).is_none());
    replay.table.retry();
    let again = replay.table.next_batch(&replay.names, 100).unwrap();
    assert_eq!(again.message.routes[0], batch.message.routes[0]);
    assert_eq!(replay.table.census(10).refused, 0);
}

/// Also of what no batch brings: routes that are repeated, and those that the router cannot follow.
#[test]
fn each_route_that_zebra_says_gets_a_word() {
    use crate::bridge::netlink::update::{Encapsulation, Hop, RouteChange, RouteUpdate};
    let route = |prefix: &str, target| {
        Update::Route(RouteUpdate {
            change: RouteChange::Replace,
            table: 254,
            prefix: prefix.parse::<ipnet::IpNet>().unwrap().try_into().unwrap(),
            selective: false,
            metric: 0,
            protocol: Protocol(186),
            target,
        })
    };
    let over = |interface, encapsulation| {
        Target::Hops(Hops::from_iter([Hop {
            gateway: Some([10, 0, 0, 1].into()),
            interface,
            onlink: false,
            weight: 1,
            encapsulation,
        }]))
    };
    let said = [
        route("10.1.0.0/16", over(2, Encapsulation::None)),
        route("10.2.0.0/16", over(2, Encapsulation::Other(5))),
        // The loopback is no interface of the router.
        route("10.3.0.0/16", over(1, Encapsulation::None)),
        route("10.4.0.0/16", Target::Object(9)),
        // Its far router is not known yet.
        route("10.5.0.0/16", over(2, Encapsulation::Vxlan(7))),
    ];
    let (mut table, names) = (table(Meaning::Fpm), names());
    let words = |table: &Table, said: &Said| -> Vec<_> {
        let outcomes = table.outcomes(said);
        let mut words: Vec<_> = outcomes.map(|word| (word.0.to_string(), word.4)).collect();
        words.sort();
        words
    };
    let word = |prefix: &str, done| (prefix.to_owned(), done);
    for update in said.clone() {
        table.apply(update);
    }
    let batch = table.next_batch(&names, 100).unwrap();
    assert_eq!(words(&table, &batch.said), [word("10.1.0.0/16", true)]);
    let owed = table.take_owed();
    let held = [word("10.2.0.0/16", false), word("10.3.0.0/16", false)];
    assert_eq!(words(&table, &owed), held);
    // Another connection says the same, and more once: the object.
    table.begin();
    for update in said {
        table.apply(update);
    }
    assert!(table.next_batch(&names, 100).is_none());
    let owed = table.take_owed();
    assert_eq!(words(&table, &owed).len(), 3);
    assert_eq!(words(&table, &owed)[0], word("10.1.0.0/16", true));
    let owed = table.take_owed();
    assert!(words(&table, &owed).is_empty());
}

fn v1_refused(id: u64, place: u32) -> ferroute_proto::v1::Refused {
    ferroute_proto::v1::Refused {
        id,
        item: Some(ferroute_proto::v1::refused::Item::Route(place)),
        reason: ferroute_proto::v1::RefusalReason::GatewayNotOnLink.into(),
        message: "no".to_owned(),
    }
}
