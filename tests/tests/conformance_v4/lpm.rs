//! Longest-prefix match of the whole router, from a batch of routes to the frame, against an oracle that tries every
//! length.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ferroute_tests::bench::Bench;
use ferroute_tests::bench::world::{announce, withdraw};
use ipnet::Ipv4Net;

use crate::lab::{datagram, lab};

const GATEWAYS: u8 = 16;

/// Xorshift (Marsaglia): only the spread matters.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as u32 % bound
    }
}

/// A router with gateways 10.0.1.100 and on, whose Ethernet addresses end in their number.
fn router() -> Bench {
    let mut bench = lab();
    bench.unroute("192.0.2.0/24");
    for gateway in 0..GATEWAYS {
        bench.neighbour(
            "p1",
            &format!("10.0.1.{}", 100 + gateway),
            [2, 0, 0, 0, 1, gateway],
        );
    }
    bench
}

fn naive(routes: &BTreeMap<Ipv4Net, u8>, to: Ipv4Addr) -> Option<u8> {
    (0..=32).rev().find_map(|length| {
        routes
            .get(&Ipv4Net::new(to, length).unwrap().trunc())
            .copied()
    })
}

/// Sends to every address and compares the gateway by which it left.
fn check(bench: &mut Bench, routes: &BTreeMap<Ipv4Net, u8>, addresses: &[Ipv4Addr]) {
    for chunk in addresses.chunks(1000) {
        let frames: Vec<_> = chunk
            .iter()
            .map(|to| datagram(&to.to_string()).frame())
            .collect();
        let sent = bench.receive_all("p0", frames);
        let mut left: BTreeMap<Ipv4Addr, u8> = BTreeMap::new();
        for sent in sent.iter().filter(|s| s.port == "p1") {
            left.insert(
                Ipv4Addr::from(<[u8; 4]>::try_from(&sent.frame[30..34]).unwrap()),
                sent.frame[5],
            );
        }
        for to in chunk {
            assert_eq!(left.get(to).copied(), naive(routes, *to), "{to}");
        }
        // Errors about addresses without a route are limited; time gives them room, and the policer too.
        bench.advance(ferroute_tests::bench::SECOND);
    }
}

/// An address in 64.0.0.0/6, close to others, so that prefixes of all lengths nest and meet.
fn address(random: &mut Random) -> u32 {
    0x4000_0000
        | random.below(4) << 24
        | random.below(3) << 16
        | random.below(3) << 12
        | random.below(4) << 6
        | random.below(8)
}

#[test]
fn v4_20_routes_added_replaced_and_removed_in_any_order_equal_the_naive_match() {
    let mut bench = router();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut routes: BTreeMap<Ipv4Net, u8> = BTreeMap::new();
    let mut probes = Vec::new();
    for round in 0..60 {
        let mut changes = Vec::new();
        for _ in 0..40 {
            let length = match random.below(8) {
                0 => 0,
                1 => 31,
                2 => 32,
                _ => 6 + random.below(27) as u8,
            };
            let net = Ipv4Net::new(address(&mut random).into(), length)
                .unwrap()
                .trunc();
            let known: Vec<_> = routes.keys().copied().collect();
            if random.below(3) == 0 && !known.is_empty() {
                let gone = known[random.below(known.len() as u32) as usize];
                routes.remove(&gone);
                changes.push(withdraw(&gone.to_string()));
            } else {
                let gateway = random.below(GATEWAYS.into()) as u8;
                routes.insert(net, gateway);
                changes.push(announce(
                    &net.to_string(),
                    &format!("via 10.0.1.{}", 100 + gateway),
                ));
            }
            let (first, last) = (u32::from(net.network()), u32::from(net.broadcast()));
            probes.extend(
                [first, last, first.wrapping_sub(1), last.wrapping_add(1)].map(Ipv4Addr::from),
            );
        }
        let outcome = bench.routes("", changes);
        assert_eq!(
            (outcome.applied, outcome.refused),
            (40, vec![]),
            "round {round}"
        );
        // What no router forwards to is no probe, nor is what is connected.
        probes.retain(|to| (0x3f00_0000..0x4800_0000).contains(&u32::from(*to)));
        probes.extend((0..20).map(|_| Ipv4Addr::from(address(&mut random))));
        let recent = probes.len().saturating_sub(300);
        check(&mut bench, &routes, &probes.split_off(recent));
    }
    // And all away again.
    let all: Vec<_> = routes
        .keys()
        .map(|net| withdraw(&net.to_string()))
        .collect();
    assert!(bench.routes("", all).refused.is_empty());
    check(
        &mut bench,
        &BTreeMap::new(),
        &[Ipv4Addr::new(64, 0, 0, 1), Ipv4Addr::new(66, 1, 2, 3)],
    );
}

#[test]
fn v4_20_the_same_prefix_from_two_owners_is_the_better_ones() {
    use ferroute_tests::bench::world::batch;
    let mut bench = router();
    bench.route("192.0.2.0/24", "via 10.0.1.100");
    let other = bench.session("another");
    let worse = vec![
        announce("192.0.2.0/24", "via 10.0.1.101"),
        announce("192.0.2.0/25", "via 10.0.1.102"),
    ];
    // The same distance and metric: the name decides, and "another" comes before "bench".
    assert_eq!(bench.batch(batch(other, "", worse)).unwrap().refused, []);
    let to = |last: u8| Ipv4Addr::new(192, 0, 2, last);
    let routes = |pairs: &[(&str, u8)]| {
        pairs
            .iter()
            .map(|(net, gateway)| (net.parse().unwrap(), *gateway))
            .collect::<BTreeMap<_, _>>()
    };
    check(
        &mut bench,
        &routes(&[("192.0.2.0/24", 1), ("192.0.2.0/25", 2)]),
        &[to(1), to(200)],
    );
    let gone = vec![withdraw("192.0.2.0/24"), withdraw("192.0.2.0/25")];
    assert_eq!(bench.batch(batch(other, "", gone)).unwrap().refused, []);
    check(
        &mut bench,
        &routes(&[("192.0.2.0/24", 0)]),
        &[to(1), to(200)],
    );
}
