//! Recorded notifications of a kernel, replayed: what zebra told it of EVPN in, what the router is told out.
//!
//! The recordings are of the lab S4: `docs/bridge.md` says how to make one. Each is all that the kernel of one namespace told of
//! from before its netdevs were made.

use super::groups::{Numbering, Word};
use super::router::address;
use super::segments::Segments;
use super::words::ToRouter;
use crate::bridge::config::L2vni;
use crate::bridge::golden;
use crate::bridge::netlink::update::{Protocol, Update};
use crate::bridge::netlink::view::Messages;
use crate::bridge::netlink::{Decoded, Ignored, decode};
use crate::bridge::table::played::Router;
use crate::bridge::table::{Meaning, Names, Scope, ScopeTable, Table};
use std::fmt::Write as _;

const TABLE_MAIN: u32 = 254;
const BGP: Protocol = Protocol(186);

/// A bridge that hears a recording, and a router that takes everything.
struct Replay {
    segments: Segments,
    table: Table,
    names: Names,
    /// What the router was told of stations, in its order.
    told: String,
}

impl Replay {
    fn new(vni: u32, domain: &str, gateway: bool) -> Self {
        let l2vni = serde_json::json!({ "vni": vni, "domain": domain });
        let l2vni: L2vni = serde_json::from_value(l2vni).unwrap();
        let mut segments = Segments::new(&[l2vni], Numbering::default());
        segments.served[0].segment.forget_router(gateway);
        let scope = Scope {
            meaning: Meaning::Kernel,
            feedback: false,
            tables: vec![ScopeTable {
                table: TABLE_MAIN,
                vrf: domain.parse().unwrap(),
                protocols: [BGP].into(),
            }],
        };
        Self {
            segments,
            table: Table::new(scope),
            names: Names::default(),
            told: String::new(),
        }
    }

    fn hear(&mut self, update: Update) {
        if let Update::NextHop(_) = &update {
            self.segments.hear(update.clone());
            self.tell();
        }
        let Some(update) = self.table.apply(update) else {
            return;
        };
        let netdevs = &mut self.names.netdevs;
        match &update {
            Update::Link(update) => {
                netdevs.link(update.index, update.link.as_ref());
                match &update.link {
                    Some(link) => self.names.links.insert(update.index, link.name.clone()),
                    None => self.names.links.remove(&update.index),
                };
                self.table.names_changed();
            }
            Update::Neighbour(update) => {
                let mac = update.known.and_then(|known| known.mac);
                netdevs.neighbour(update.interface, update.address, mac);
            }
            Update::Fdb(update) => netdevs.fdb(&update.key, update.entry.is_some()),
            _ => {}
        }
        let changed = netdevs.take_changed();
        self.table.netdevs_changed(&changed);
        self.segments.hear(update);
        self.tell();
    }

    /// Tells the router of groups what it does not know.
    fn tell_groups(&mut self, words: Vec<(u32, Word)>) {
        for (group, word) in words {
            match &word {
                Word::Create(spec) | Word::Change(spec) => {
                    let ends = spec.peers.iter().filter_map(|peer| address(peer));
                    let ends: Vec<_> = ends.map(|end| end.to_string()).collect();
                    writeln!(self.told, "segment of group {group}: {}", ends.join(" ")).unwrap();
                }
                Word::Delete(_) => writeln!(self.told, "no segment of group {group}").unwrap(),
            }
            self.segments.groups.told(group, word);
        }
    }

    /// Tells the router of stations what it does not know.
    fn tell(&mut self) {
        let words = self.segments.groups.words();
        self.tell_groups(words);
        self.tell_stations();
        let words = self.segments.groups.last_words();
        self.tell_groups(words);
    }

    fn tell_stations(&mut self) {
        let served = &mut self.segments.served[0];
        if served.segment.known_netdevs().vxlan.is_none() {
            return;
        }
        for key in served.segment.take_dirty(usize::MAX) {
            let Some(word) = served.segment.words(key).0 else {
                continue;
            };
            let to = match word {
                ToRouter::Flood(end, true) => format!("flood to {end}"),
                ToRouter::Flood(end, false) => format!("flood to {end} no more"),
                ToRouter::Remote(mac, place, sequence) => {
                    let sticky = if place.sticky { ", sticky" } else { "" };
                    format!("{mac} behind {}, sequence {sequence}{sticky}", place.end)
                }
                ToRouter::Forget(mac) => format!("{mac} behind no remote end"),
                ToRouter::Neighbour(address, Some(mac)) => format!("{address} at {mac}"),
                ToRouter::Neighbour(address, None) => format!("{address} at none"),
            };
            writeln!(self.told, "{to}").unwrap();
            served.segment.told_router(word);
        }
    }
}

fn replay(name: &str, vni: u32, domain: &str, gateway: bool) {
    let mut replay = Replay::new(vni, domain, gateway);
    let bytes = golden::recording(name);
    let (mut messages, mut ignored, mut unknown) = (0, Ignored::default(), 0);
    for message in Messages::new(&bytes) {
        messages += 1;
        match decode(&message.unwrap(), &mut ignored).unwrap() {
            Decoded::Update(update) => replay.hear(update),
            Decoded::Nothing => {}
            Decoded::Unknown => unknown += 1,
        }
    }
    let mut router = Router::default();
    router.settle(&mut replay.table, &replay.names);
    let text = format!(
        "-- {messages} messages, {unknown} unknown\n-- of stations\n{}-- routes\n{}",
        replay.told,
        router.text()
    );
    assert_eq!(ignored, Ignored::default());
    golden::compare(name, &text);
}

#[test]
fn stations_and_flood_list_of_a_network_that_nobody_routes() {
    replay("s4_default.nl", 110, "flat", false);
}

#[test]
fn stations_neighbours_and_prefixes_of_a_routed_network() {
    replay("s4_red.nl", 120, "red", true);
}

#[test]
fn a_host_that_is_attached_to_two_leaves() {
    replay("multihoming.nl", 110, "flat", false);
}

#[test]
fn a_station_that_moves_to_a_leaf_and_back() {
    replay("s10_red.nl", 120, "red", true);
}
