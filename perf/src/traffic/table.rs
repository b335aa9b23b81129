//! Tables of the Internet's shape and flows over them, from fixed seeds.

use ferroute_dataplane::fib::synth::{ipv4_flows, ipv4_table, ipv6_flows, ipv6_table};
use ipnet::{IpNet, Ipv4Net};
use serde::Serialize;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const IPV4_TABLE_SEED: u64 = 4;
const IPV4_FLOWS_SEED: u64 = 5;
const IPV6_TABLE_SEED: u64 = 6;
const IPV6_FLOWS_SEED: u64 = 7;

/// An address family.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub enum Family {
    /// IPv4.
    #[serde(rename = "ipv4")]
    V4,
    /// IPv6.
    #[serde(rename = "ipv6")]
    V6,
}

impl Family {
    /// As people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }
}

/// A table of routes and flows that it covers.
#[derive(Clone, Debug)]
pub struct Table {
    /// Of which family it is.
    pub family: Family,
    /// Distinct prefixes, in random order.
    pub prefixes: Vec<IpNet>,
    /// Destinations, each in a prefix drawn at random.
    pub flows: Vec<IpAddr>,
}

impl Table {
    /// The table with this many routes, and as many flows as a table of that size is measured with:
    /// 64 for one route, 1,024 up to a thousand, 16 k above.
    #[must_use]
    pub fn draw(family: Family, routes: usize) -> Self {
        let flows = flows_for(routes);
        match family {
            Family::V4 => {
                let table = unicast_ipv4(routes);
                let flows = ipv4_flows(&table, flows, IPV4_FLOWS_SEED);
                Self {
                    family,
                    flows: flows
                        .into_iter()
                        .map(|flow| Ipv4Addr::from_bits(flow).into())
                        .collect(),
                    prefixes: table.into_iter().map(IpNet::V4).collect(),
                }
            }
            Family::V6 => {
                let table = ipv6_table(routes, IPV6_TABLE_SEED);
                let flows = ipv6_flows(&table, flows, IPV6_FLOWS_SEED);
                Self {
                    family,
                    flows: flows
                        .into_iter()
                        .map(|flow| Ipv6Addr::from_bits(flow).into())
                        .collect(),
                    prefixes: table.into_iter().map(IpNet::V6).collect(),
                }
            }
        }
    }
}

const fn flows_for(routes: usize) -> usize {
    match routes {
        0..=1 => 64,
        2..=1_000 => 1 << 10,
        _ => 16 << 10,
    }
}

/// A drawn IPv4 table without what a router refuses as a unicast route: 169.254/16 is for links (RFC 3927).
fn unicast_ipv4(routes: usize) -> Vec<Ipv4Net> {
    let link_local = |net: &Ipv4Net| net.network().octets()[..2] == [169, 254];
    // A prefix falls into 169.254/16 once in 57,000 draws.
    let mut table = ipv4_table(routes + routes / 1_000 + 1, IPV4_TABLE_SEED);
    table.retain(|net| !link_local(net));
    table.truncate(routes);
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_have_the_size_asked_for_and_cover_their_flows() {
        for (family, routes, flows) in [
            (Family::V4, 1, 64),
            (Family::V4, 1_000, 1_024),
            (Family::V6, 10_000, 16_384),
        ] {
            let table = Table::draw(family, routes);
            assert_eq!((table.prefixes.len(), table.flows.len()), (routes, flows));
            assert!(
                table.flows[..32]
                    .iter()
                    .all(|flow| table.prefixes.iter().any(|net| net.contains(flow)))
            );
        }
    }

    #[test]
    fn no_route_is_one_that_the_router_refuses() {
        let table = unicast_ipv4(200_000);
        assert_eq!(table.len(), 200_000);
        assert!(!table.iter().any(|net| net.network().is_link_local()));
    }
}
