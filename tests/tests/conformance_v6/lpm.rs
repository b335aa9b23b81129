//! Longest-prefix match against an oracle that tries every length.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::sync::Arc;

use ferroute_dataplane::fib::{Arena, Capacity, Trie, lookup_burst};
use ferroute_dataplane::ids::NextHopId;
use ipnet::Ipv6Net;
use proptest::collection::vec;
use proptest::prelude::*;

/// A trie, and a map with the same routes.
struct Pair {
    arena: Arc<Arena>,
    trie: Trie<u128>,
    routes: BTreeMap<Ipv6Net, u32>,
}

fn prefix(address: u128, length: u8) -> Ipv6Net {
    Ipv6Net::new(Ipv6Addr::from_bits(address), length)
        .unwrap()
        .trunc()
}

impl Pair {
    fn new() -> Self {
        let arena = Arc::new(Arena::new(Capacity::default()).unwrap());
        let trie = Trie::new(&arena).unwrap();
        Self {
            arena,
            trie,
            routes: BTreeMap::new(),
        }
    }

    fn set(&mut self, prefix: Ipv6Net, value: u32) {
        self.trie.set(prefix, NextHopId::new(value)).unwrap();
        self.routes.insert(prefix, value);
    }

    fn remove(&mut self, prefix: Ipv6Net) {
        let was = self.routes.remove(&prefix).is_some();
        let routes = &self.routes;
        let parent = |net| NextHopId::new(routes[&net]);
        assert_eq!(self.trie.remove(prefix, parent), was, "{prefix}");
    }

    fn naive(&self, address: u128) -> NextHopId {
        let found = (0..=128)
            .rev()
            .find_map(|length| self.routes.get(&prefix(address, length)));
        NextHopId::new(found.copied().unwrap_or(0))
    }

    /// Compares the answers for these addresses, one by one and as bursts.
    fn check(&self, addresses: &[u128]) {
        let expected: Vec<_> = addresses.iter().map(|a| self.naive(*a)).collect();
        let reader = self.trie.reader();
        let single: Vec<_> = addresses.iter().map(|a| reader.lookup(*a)).collect();
        assert_eq!(single, expected);
        let mut bursts = vec![NextHopId::MAX; addresses.len()];
        lookup_burst(&self.arena, reader.view(), addresses, &mut bursts);
        assert_eq!(bursts, expected);
        assert_eq!(self.trie.len(), self.routes.len());
    }
}

/// The first and the last address of a prefix, and the ones beside them.
fn borders(prefix: Ipv6Net) -> [u128; 4] {
    let (first, last) = (prefix.network().to_bits(), prefix.broadcast().to_bits());
    [first, last, first.wrapping_sub(1), last.wrapping_add(1)]
}

/// Addresses that differ from 2001:db8:: in at most two bits, so that prefixes of every length nest and meet.
fn close_addresses() -> impl Strategy<Value = u128> {
    (0..128_u32, 0..128_u32).prop_map(|(a, b)| 0x2001_0db8 << 96 ^ 1 << a ^ 1 << b)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn v6_15_every_length_and_order_of_changes_equals_the_naive_match(
        changes in vec((close_addresses(), 0..=128_u8, proptest::option::weighted(0.7, 1..9_u32)), 1..100),
        others in vec(any::<u128>(), 8),
    ) {
        let mut pair = Pair::new();
        let mut addresses = others;
        addresses.extend(changes.iter().flat_map(|(address, length, _)| borders(prefix(*address, *length))));
        addresses.extend([0, u128::MAX]);
        for (place, (address, length, value)) in changes.into_iter().enumerate() {
            let at = prefix(address, length);
            match value {
                Some(value) => pair.set(at, value),
                // Mostly something that is there.
                None => pair.remove(pair.routes.range(at..).next().map_or(at, |(found, _)| *found)),
            }
            if place % 8 == 0 {
                pair.check(&addresses);
            }
        }
        pair.check(&addresses);
    }
}

/// A provider's table: sites of /48 under one /32, full of /64 subnets, hosts in some; a default, and holes.
#[test]
fn v6_15_a_table_full_of_64s_equals_the_naive_match() {
    let mut pair = Pair::new();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    // Xorshift (Marsaglia): only the spread matters.
    let mut random = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let base = 0x2001_0db8_u128 << 96;
    pair.set(prefix(0, 0), 1);
    pair.set(prefix(base, 32), 2);
    let mut subnets = Vec::new();
    for site in 0..40_u128 {
        let site = base | site << 80;
        if random(4) > 0 {
            pair.set(prefix(site, 48), 3);
        }
        for _ in 0..500 {
            let subnet = prefix(site | u128::from(random(1 << 16)) << 64, 64);
            pair.set(subnet, 10 + random(1000) as u32);
            subnets.push(subnet);
            if random(20) == 0 {
                let host = prefix(
                    subnet.network().to_bits() | u128::from(random(u64::MAX)),
                    128,
                );
                pair.set(host, 5000);
                subnets.push(host);
            }
        }
    }
    let probes = |subnets: &[Ipv6Net]| -> Vec<u128> {
        subnets
            .iter()
            .step_by(29)
            .copied()
            .flat_map(borders)
            .collect()
    };
    pair.check(&probes(&subnets));
    for (place, subnet) in subnets.iter().enumerate() {
        match place % 3 {
            0 => pair.remove(*subnet),
            1 => pair.set(*subnet, 7000 + place as u32),
            _ => {}
        }
    }
    pair.check(&probes(&subnets));
    pair.remove(prefix(0, 0));
    pair.remove(prefix(base, 32));
    pair.check(&probes(&subnets));
    for subnet in &subnets {
        pair.remove(*subnet);
    }
    pair.check(&probes(&subnets));
}
