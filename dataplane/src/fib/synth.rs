//! Tables of the Internet's shape, and flows over them, from a seed.
//!
//! For benches and tests that must see the same input on every machine. IPv4 prefixes are spread evenly over
//! the unicast space. IPv6 prefixes come in clusters, as registries hand them out: each network holds a /32
//! inside one of a few /12s and announces parts of it, some networks very many.

use super::Key;
use ipnet::{Ipv4Net, Ipv6Net};
use std::collections::HashSet;

/// A small generator of pseudo-random numbers (splitmix64): good enough to draw tables, and the same everywhere.
#[derive(Clone, Debug)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// The generator that starts at `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// The next number below `bound`, which is at least 1.
    pub const fn below(&mut self, bound: u64) -> u64 {
        ((self.draw() as u128 * bound as u128) >> 64) as u64
    }

    /// The next 128-bit number.
    pub const fn draw_u128(&mut self) -> u128 {
        (self.draw() as u128) << 64 | self.draw() as u128
    }

    /// An element of `weighted`, each as often as its weight per mille says.
    fn pick(&mut self, weighted: &[(u32, u64)]) -> u32 {
        let mut at = self.below(weighted.iter().map(|(_, weight)| weight).sum());
        for &(element, weight) in weighted {
            if at < weight {
                return element;
            }
            at -= weight;
        }
        0
    }
}

/// Lengths of IPv4 prefixes, per mille.
const IPV4_LENGTHS: [(u32, u64); 10] = [
    (24, 602),
    (23, 105),
    (22, 120),
    (21, 52),
    (20, 46),
    (19, 27),
    (18, 15),
    (17, 10),
    (16, 15),
    (32, 8),
];

/// Lengths of IPv6 prefixes, per mille.
const IPV6_LENGTHS: [(u32, u64); 13] = [
    (48, 560),
    (46, 55),
    (47, 40),
    (45, 20),
    (44, 95),
    (42, 30),
    (40, 65),
    (38, 15),
    (36, 30),
    (34, 10),
    (33, 10),
    (32, 60),
    (128, 10),
];

/// The /12s (and one /16) from which registries hand out, per mille.
const REGISTRIES: [(u32, u64); 6] = [
    (0x2a00, 400),
    (0x2400, 280),
    (0x2600, 160),
    (0x2800, 90),
    (0x2c00, 30),
    (0x2001, 40),
];

/// How many prefixes a network of the IPv6 table announces on average.
const PREFIXES_PER_NETWORK: usize = 6;

/// `count` distinct IPv4 prefixes in random order: mostly /24, the rest /16 to /23, under 1 % /32.
#[must_use]
pub fn ipv4_table(count: usize, seed: u64) -> Vec<Ipv4Net> {
    let mut random = SplitMix64::new(seed);
    distinct(count, || {
        let len = random.pick(&IPV4_LENGTHS);
        loop {
            let first = random.below(223) as u32 + 1;
            if !matches!(first, 10 | 127) {
                return (first << 24 | random.below(1 << 24) as u32).net(len);
            }
        }
    })
}

/// `count` distinct IPv6 prefixes in random order: mostly /48, then /32 to /47, 1 % /128.
#[must_use]
pub fn ipv6_table(count: usize, seed: u64) -> Vec<Ipv6Net> {
    let mut random = SplitMix64::new(seed);
    let networks: Vec<u128> = (0..count / PREFIXES_PER_NETWORK + 1)
        .map(|_| {
            let registry = random.pick(&REGISTRIES);
            let below = if registry == 0x2001 {
                random.below(1 << 16)
            } else {
                random.below(1 << 20)
            };
            u128::from(u64::from(registry) << 16 | below) << 96
        })
        .collect();
    distinct(count, || {
        // A draw below a draw favours the first networks.
        let bound = random.below(networks.len() as u64) + 1;
        let place = random.below(bound);
        let len = random.pick(&IPV6_LENGTHS);
        let network = networks[place as usize];
        // A network numbers half of its sites from the start of its /32, the others anywhere in it.
        let host = random.draw_u128() >> if random.below(2) == 0 { 32 } else { 40 };
        (network | host).net(len)
    })
}

/// `count` IPv4 addresses, each in a prefix drawn at random from `table`.
#[must_use]
pub fn ipv4_flows(table: &[Ipv4Net], count: usize, seed: u64) -> Vec<u32> {
    flows(table, count, seed, |random| random.draw() as u32)
}

/// `count` IPv6 addresses, each in a prefix drawn at random from `table`.
#[must_use]
pub fn ipv6_flows(table: &[Ipv6Net], count: usize, seed: u64) -> Vec<u128> {
    flows(table, count, seed, SplitMix64::draw_u128)
}

fn flows<K: Key>(
    table: &[K::Net],
    count: usize,
    seed: u64,
    mut host: impl FnMut(&mut SplitMix64) -> K,
) -> Vec<K> {
    let mut random = SplitMix64::new(seed);
    let mut flow = || {
        let net = table.get(random.below(table.len() as u64) as usize)?;
        Some(K::inside(*net, host(&mut random)))
    };
    (0..count).map_while(|_| flow()).collect()
}

fn distinct<N: Copy + Eq + std::hash::Hash>(count: usize, mut draw: impl FnMut() -> N) -> Vec<N> {
    let mut seen = HashSet::with_capacity(count);
    let mut table = Vec::with_capacity(count);
    while table.len() < count {
        let net = draw();
        if seen.insert(net) {
            table.push(net);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The share in per mille of the prefixes whose length is within `lengths`.
    fn share(lengths: &[u8], within: std::ops::RangeInclusive<u8>) -> usize {
        lengths.iter().filter(|len| within.contains(len)).count() * 1000 / lengths.len()
    }

    #[test]
    fn ipv4_table_has_the_shape_it_says() {
        let table = ipv4_table(20_000, 1);
        assert_eq!(table, ipv4_table(20_000, 1));
        assert_ne!(table, ipv4_table(20_000, 2));
        assert_eq!(table.iter().collect::<HashSet<_>>().len(), table.len());
        let lengths: Vec<u8> = table.iter().map(Ipv4Net::prefix_len).collect();
        assert!(share(&lengths, 24..=24) > 500);
        assert!((1..10).contains(&share(&lengths, 32..=32)));
        assert_eq!(
            share(&lengths, 16..=24) + share(&lengths, 32..=32) + 1,
            1000
        );
    }

    #[test]
    fn ipv6_table_has_the_shape_it_says() {
        let table = ipv6_table(20_000, 1);
        assert_eq!(table, ipv6_table(20_000, 1));
        let lengths: Vec<u8> = table.iter().map(Ipv6Net::prefix_len).collect();
        assert!(share(&lengths, 48..=48) > 500);
        assert!((5..15).contains(&share(&lengths, 128..=128)));
        assert_eq!(
            lengths
                .iter()
                .filter(|len| !matches!(len, 32..=48 | 128))
                .count(),
            0
        );
    }

    #[test]
    fn flows_lie_in_the_table() {
        let table = ipv6_table(500, 3);
        let flows = ipv6_flows(&table, 300, 4);
        assert_eq!(flows.len(), 300);
        for flow in flows {
            assert!(
                table
                    .iter()
                    .any(|net| net.contains(&std::net::Ipv6Addr::from_bits(flow)))
            );
        }
        assert!(ipv4_flows(&[], 300, 4).is_empty());
    }
}
