//! Random operations over tiny domains, the table against a naive model and against its promises.

mod heard;
mod model;

use super::*;
use ferroute_dataplane::ids::InterfaceId;
use ferroute_dataplane::mac::Mac;
use model::Model;
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1000 * MS;

/// Small bounds, so that they are met all the time.
fn config() -> NeighbourConfig {
    NeighbourConfig {
        hold_down_max_ns: 4 * SECOND,
        stale_keep_ns: 20 * SECOND,
        failed_keep_ns: 10 * SECOND,
        hold_packets: 2,
        hold_bytes: 5,
        max_learned: 2,
        max_configured: 2,
        ..NeighbourConfig::default()
    }
}

#[derive(Clone, Debug)]
enum Operation {
    Hold(NeighbourKey, usize),
    Arp(ArpSeen),
    Advertisement(AdvertisementSeen),
    Solicitation(InterfaceId, Ipv6Addr, Mac),
    Used(Vec<NeighbourKey>),
    Want(NeighbourKey),
    Unwant(NeighbourKey),
    Up(InterfaceId),
    Down(InterfaceId),
    Removed(InterfaceId),
    Permanent(NeighbourKey, Mac),
    Delete(NeighbourKey),
    Flush(InterfaceId),
    /// Ticks at each deadline within this time.
    Pass(u64),
    /// Ticks once, late.
    Sleep(u64),
}

fn interface() -> impl Strategy<Value = InterfaceId> {
    (1..=2u32).prop_map(InterfaceId::new)
}

fn v4() -> impl Strategy<Value = Ipv4Addr> {
    (1..=3u8).prop_map(|last| Ipv4Addr::new(10, 0, 0, last))
}

fn v6() -> impl Strategy<Value = Ipv6Addr> {
    (1..=2u16).prop_map(|last| Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last))
}

fn key() -> impl Strategy<Value = NeighbourKey> {
    let address = prop_oneof![v4().prop_map(IpAddr::V4), v6().prop_map(IpAddr::V6)];
    (interface(), address).prop_map(|(interface, address)| NeighbourKey { interface, address })
}

fn mac() -> impl Strategy<Value = Mac> {
    prop_oneof![
        8 => (1..=2u8).prop_map(|last| Mac::new([2, 0, 0, 0, 0, last])),
        1 => Just(Mac::BROADCAST),
        1 => Just(Mac::ZERO),
    ]
}

fn station() -> impl Strategy<Value = Mac> {
    mac().prop_filter("a station", |mac| mac.is_station())
}

fn arp() -> impl Strategy<Value = ArpSeen> {
    let operation = prop_oneof![Just(ArpOperation::Request), Just(ArpOperation::Reply)];
    let ours = prop::bool::weighted(0.1);
    (
        interface(),
        operation,
        mac(),
        v4(),
        v4(),
        ours,
        any::<bool>(),
    )
        .prop_map(
            |(interface, operation, sender_mac, sender, target, sender_is_ours, target_is_ours)| {
                ArpSeen {
                    interface,
                    operation,
                    sender_mac,
                    sender,
                    target,
                    sender_is_ours,
                    target_is_ours,
                }
            },
        )
}

fn advertisement() -> impl Strategy<Value = AdvertisementSeen> {
    let flags = any::<(bool, bool, bool)>();
    let ours = prop::bool::weighted(0.1);
    (interface(), v6(), prop::option::of(mac()), flags, ours).prop_map(
        |(interface, target, mac, (router, solicited, overrides), target_is_ours)| {
            AdvertisementSeen {
                interface,
                target,
                mac,
                router,
                solicited,
                overrides,
                target_is_ours,
            }
        },
    )
}

fn span() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(100 * MS),
        Just(500 * MS),
        Just(SECOND),
        Just(3 * SECOND),
        Just(5 * SECOND),
        Just(50 * SECOND),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation::*;
    prop_oneof![
        8 => (key(), 1..=3usize).prop_map(|(key, bytes)| Hold(key, bytes)),
        1 => (key(), Just(6)).prop_map(|(key, bytes)| Hold(key, bytes)),
        6 => arp().prop_map(Arp),
        6 => advertisement().prop_map(Advertisement),
        2 => (interface(), v6(), mac()).prop_map(|(i, a, m)| Solicitation(i, a, m)),
        3 => btree_set(key(), 1..4).prop_map(|keys| Used(keys.into_iter().collect())),
        3 => key().prop_map(Want),
        2 => key().prop_map(Unwant),
        2 => interface().prop_map(Up),
        1 => interface().prop_map(Down),
        1 => interface().prop_map(Removed),
        1 => (key(), station()).prop_map(|(key, mac)| Permanent(key, mac)),
        1 => key().prop_map(Delete),
        1 => interface().prop_map(Flush),
        8 => span().prop_map(Pass),
        2 => span().prop_map(Sleep),
    ]
}

/// What the effects say must hold, whatever the model says.
#[derive(Default)]
struct Promises {
    asked: BTreeMap<NeighbourKey, u64>,
    addresses: BTreeMap<NeighbourKey, Mac>,
    newest_out: BTreeMap<NeighbourKey, u32>,
    packets_out: u64,
}

impl Promises {
    /// A packet of this neighbour comes out. Packets of a neighbour are numbered as they go in, and
    /// never overtake each other.
    fn out(&mut self, key: NeighbourKey, packet: u32) {
        self.packets_out += 1;
        let before = self.newest_out.insert(key, packet);
        assert!(before < Some(packet), "{key}: {packet} after {before:?}");
    }

    fn see(&mut self, now: u64, effects: &[Effect<u32>]) {
        for effect in effects {
            match effect {
                Effect::SendRequest { key, request } => {
                    let before = self.asked.insert(*key, now);
                    assert!(
                        before.is_none_or(|at| now - at >= SECOND),
                        "{key} asked too soon"
                    );
                    if let Request::Unicast(mac) = request {
                        assert_eq!(self.addresses.get(key), Some(mac));
                    }
                }
                Effect::Resolved { key, mac } => {
                    assert_eq!(self.addresses.insert(*key, *mac), None)
                }
                Effect::Changed { key, mac } => {
                    let before = self.addresses.insert(*key, *mac);
                    assert!(before.is_some_and(|before| before != *mac));
                }
                Effect::Lost { key, .. } => assert!(self.addresses.remove(key).is_some()),
                Effect::Release { key, mac, packets } => {
                    assert!(!packets.is_empty());
                    assert_eq!(self.addresses.get(key), Some(mac));
                    packets.iter().for_each(|packet| self.out(*key, *packet));
                }
                Effect::Fail { key, packets } => {
                    assert!(!packets.is_empty());
                    packets.iter().for_each(|packet| self.out(*key, *packet));
                }
                Effect::Drop { discard, .. } => {
                    // One that fits nowhere is dropped past those that wait, so order says nothing.
                    self.packets_out += 1;
                    assert_ne!(discard.drop_reason().name(), "");
                }
                Effect::Event(_) => {}
            }
        }
    }

    fn check(&self, table: &NeighbourTable<u32>, config: &NeighbourConfig, packets_in: u64) {
        let (held, bytes) = table.holding();
        assert_eq!(packets_in, self.packets_out + held as u64);
        let stats = table.stats();
        assert_eq!(stats.packets, packets_in);
        assert_eq!(
            stats.released + stats.failed + stats.dropped,
            self.packets_out
        );
        assert!(bytes <= config.hold_bytes);
        assert_eq!(table.iter().map(|n| n.held).sum::<usize>(), held);
        for interface in [1, 2].map(InterfaceId::new) {
            let of = || table.iter().filter(|n| n.key.interface == interface);
            let learned = of().filter(|n| !n.wanted && n.state != NeighbourState::Permanent);
            assert!(learned.count() <= config.max_learned);
        }
        for neighbour in table.iter() {
            assert!(neighbour.held <= config.hold_packets);
            assert!(neighbour.held == 0 || neighbour.state == NeighbourState::Incomplete);
            assert_eq!(neighbour.mac, self.addresses.get(&neighbour.key).copied());
        }
        assert_eq!(
            self.addresses.len(),
            table.iter().filter(|n| n.mac.is_some()).count()
        );
    }
}

fn apply(
    table: &mut NeighbourTable<u32>,
    operation: &Operation,
    packet: u32,
    now: u64,
) -> Vec<Effect<u32>> {
    let mut effects = Vec::new();
    let fx = &mut effects;
    match operation.clone() {
        Operation::Hold(key, bytes) => table.hold(key, packet, bytes, now, fx),
        Operation::Arp(seen) => table.arp(&seen, now, fx),
        Operation::Advertisement(seen) => table.advertisement(&seen, now, fx),
        Operation::Solicitation(interface, source, mac) => {
            table.solicitation(interface, source, mac, now, fx)
        }
        Operation::Used(keys) => table.note_used(keys, now),
        Operation::Want(key) => drop(table.want(key, now, fx)),
        Operation::Unwant(key) => table.unwant(key, now, fx),
        Operation::Up(interface) => table.interface_up(interface, now, fx),
        Operation::Down(interface) => table.interface_down(interface, now, fx),
        Operation::Removed(interface) => table.interface_removed(interface, now, fx),
        Operation::Permanent(key, mac) => drop(table.add_permanent(key, mac, now, fx)),
        Operation::Delete(key) => drop(table.delete(key, now, fx)),
        Operation::Flush(interface) => table.flush(interface, now, fx),
        Operation::Pass(_) | Operation::Sleep(_) => table.tick(now, fx),
    }
    effects
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_table_does_what_the_model_does_and_keeps_its_promises(operations in vec(operation(), 1..120), seed: u64) {
        let config = config();
        let mut table = NeighbourTable::new(config.clone(), seed);
        let mut model = Model::new(config.clone());
        let mut promises = Promises::default();
        let (mut now, mut packets) = (SECOND, 0u32);
        let mut step = |table: &mut NeighbourTable<u32>, operation: &Operation, now: u64| {
            packets += u32::from(matches!(operation, Operation::Hold(..)));
            let effects = apply(table, operation, packets, now);
            promises.see(now, &effects);
            promises.check(table, &config, packets.into());
            model.check(operation, packets, now, table, &effects);
        };
        for interface in [1, 2] {
            step(&mut table, &Operation::Up(InterfaceId::new(interface)), now);
        }
        for operation in &operations {
            match operation {
                Operation::Pass(span) => {
                    let end = now + span;
                    while let Some(at) = table.next_deadline().filter(|at| *at <= end) {
                        now = at.max(now);
                        step(&mut table, operation, now);
                    }
                    now = end;
                }
                Operation::Sleep(span) => now += span,
                _ => {}
            }
            step(&mut table, operation, now);
        }
        // Whatever happened, when all goes down nothing stays but what was asked to stay.
        for interface in [1, 2] {
            step(&mut table, &Operation::Removed(InterfaceId::new(interface)), now);
        }
        prop_assert_eq!(table.holding(), (0, 0));
        prop_assert_eq!(table.iter().count(), 0);
        prop_assert_eq!(table.next_deadline(), None);
    }
}
