//! The longest match as naively as it gets: each length is looked up for itself.

use ferroute_dataplane::fib::synth::SplitMix64;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::HashMap;
use std::net::IpAddr;

/// Which gateway each prefix leads to.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    routes: HashMap<IpNet, u32>,
    /// All prefixes that ever were, for destinations around them.
    seen: Vec<IpNet>,
}

impl Oracle {
    /// Leads a prefix to a gateway, or nowhere.
    pub(super) fn change(&mut self, net: IpNet, gateway: Option<u32>) {
        match gateway {
            Some(gateway) => {
                if self.routes.insert(net, gateway).is_none() {
                    self.seen.push(net);
                }
            }
            None => {
                self.routes.remove(&net);
            }
        }
    }

    /// How many prefixes lead somewhere.
    pub(super) fn len(&self) -> usize {
        self.routes.len()
    }

    /// Whether a prefix leads somewhere.
    pub(super) fn has(&self, net: IpNet) -> bool {
        self.routes.contains_key(&net)
    }

    /// The gateway of the longest prefix around an address.
    pub(super) fn lookup(&self, address: IpAddr) -> Option<u32> {
        let lengths = (0..=if address.is_ipv4() { 32 } else { 128 }).rev();
        let mut nets = lengths.map(|length| IpNet::new_assert(address, length).trunc());
        nets.find_map(|net| self.routes.get(&net)).copied()
    }

    /// Addresses to look up: the first and last of prefixes that are or were there, those just outside, and any.
    pub(super) fn destinations(&self, count: usize, random: &mut SplitMix64) -> Vec<IpAddr> {
        let draw = |_| loop {
            let address = self.destination(random);
            if is_usable(address) {
                return address;
            }
        };
        (0..count).map(draw).collect()
    }

    fn destination(&self, random: &mut SplitMix64) -> IpAddr {
        if self.seen.is_empty() || random.below(8) == 0 {
            return if random.below(2) == 0 {
                std::net::Ipv4Addr::from_bits(random.draw() as u32).into()
            } else {
                // Where the table's prefixes are.
                std::net::Ipv6Addr::from_bits(0x24 << 120 | random.draw_u128() >> 8).into()
            };
        }
        let net = self.seen[random.below(self.seen.len() as u64) as usize];
        let inside = random.draw_u128();
        match net {
            IpNet::V4(net) => near_ipv4(net, random.below(5), inside as u32).into(),
            IpNet::V6(net) => near_ipv6(net, random.below(5), inside).into(),
        }
    }
}

fn near_ipv4(net: Ipv4Net, place: u64, inside: u32) -> std::net::Ipv4Addr {
    let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
    std::net::Ipv4Addr::from_bits(match place {
        0 => first,
        1 => last,
        2 => first.wrapping_sub(1),
        3 => last.wrapping_add(1),
        _ => first | inside & (last - first),
    })
}

fn near_ipv6(net: Ipv6Net, place: u64, inside: u128) -> std::net::Ipv6Addr {
    let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
    std::net::Ipv6Addr::from_bits(match place {
        0 => first,
        1 => last,
        2 => first.wrapping_sub(1),
        3 => last.wrapping_add(1),
        _ => first | inside & (last - first),
    })
}

/// Whether an address may be routed: no packet goes to the others, whatever routes there are; and 10/8 and fd00::/8 are the lab's.
fn is_usable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            !matches!((first, second), (0 | 10 | 127 | 224..=255, _) | (169, 254))
        }
        IpAddr::V6(v6) => v6.segments()[0] >> 13 == 1,
    }
}
