//! Bounds of what the router learns and keeps: neighbours, routes, next hops, forwarding tables.

use super::number::{
    HeldPackets, Kibibytes, Milliseconds, NeighbourCount, NodeCount, Requests, RouteCount, Seconds,
    SetCount, StationCount,
};
use crate::neighbour::NeighbourConfig;
use ferroute_dataplane::fib::Capacity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const MILLISECOND_NS: u64 = 1_000_000;
const SECOND_NS: u64 = 1_000_000_000;

/// How neighbours are resolved and kept, by ARP and by neighbour discovery. The defaults are those
/// of RFC 4861 section 10 where it names a value.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Resolution {
    /// How long a confirmation holds on average, in milliseconds (REACHABLE_TIME).
    pub reachable_ms: Milliseconds,
    /// How long a stale neighbour in use may be confirmed by others before it is probed, in milliseconds
    /// (DELAY_FIRST_PROBE_TIME).
    pub delay_ms: Milliseconds,
    /// Time between two requests to one neighbour, in milliseconds (RETRANS_TIMER). RFC 1122 section
    /// 2.3.2.1 asks for at least 1000.
    pub retransmit_ms: Milliseconds,
    /// Requests to all before resolution fails (MAX_MULTICAST_SOLICIT).
    pub multicast_requests: Requests,
    /// Requests to a known neighbour before it is lost (MAX_UNICAST_SOLICIT).
    pub unicast_requests: Requests,
    /// How long a neighbour that did not answer is not asked again, in milliseconds; doubles with each
    /// further failure.
    pub hold_down_min_ms: Milliseconds,
    /// The longest such pause, in milliseconds.
    pub hold_down_max_ms: Milliseconds,
    /// How long a stale neighbour that nobody uses is kept, in seconds.
    pub stale_keep_seconds: Seconds,
    /// How long a neighbour that did not answer and that nobody asks for is kept, in seconds.
    pub failed_keep_seconds: Seconds,
    /// Packets that wait for one neighbour; the oldest gives way.
    pub hold_packets: HeldPackets,
    /// Memory of the packets that wait for all neighbours together, in KiB.
    pub hold_kib: Kibibytes,
    /// Neighbours of one interface that traffic made; the least used gives way.
    pub max_learned: NeighbourCount,
    /// Gateways of routes and permanent neighbours of one interface.
    pub max_configured: NeighbourCount,
}

impl Default for Resolution {
    fn default() -> Self {
        Self {
            reachable_ms: Milliseconds::fixed(30_000),
            delay_ms: Milliseconds::fixed(5_000),
            retransmit_ms: Milliseconds::fixed(1_000),
            multicast_requests: Requests::fixed(3),
            unicast_requests: Requests::fixed(3),
            hold_down_min_ms: Milliseconds::fixed(1_000),
            hold_down_max_ms: Milliseconds::fixed(16_000),
            stale_keep_seconds: Seconds::fixed(300),
            failed_keep_seconds: Seconds::fixed(60),
            hold_packets: HeldPackets::fixed(8),
            hold_kib: Kibibytes::fixed(4096),
            max_learned: NeighbourCount::fixed(8192),
            max_configured: NeighbourCount::fixed(8192),
        }
    }
}

impl Resolution {
    /// The same in the terms of the neighbour table.
    #[must_use]
    pub fn table(&self) -> NeighbourConfig {
        let milliseconds = |time: Milliseconds| u64::from(time.get()) * MILLISECOND_NS;
        let seconds = |time: Seconds| u64::from(time.get()) * SECOND_NS;
        NeighbourConfig {
            reachable_base_ns: milliseconds(self.reachable_ms),
            delay_ns: milliseconds(self.delay_ms),
            retransmit_ns: milliseconds(self.retransmit_ms),
            multicast_requests: self.multicast_requests.get(),
            unicast_requests: self.unicast_requests.get(),
            hold_down_min_ns: milliseconds(self.hold_down_min_ms),
            hold_down_max_ns: milliseconds(self.hold_down_max_ms),
            stale_keep_ns: seconds(self.stale_keep_seconds),
            failed_keep_ns: seconds(self.failed_keep_seconds),
            hold_packets: self.hold_packets.get().into(),
            hold_bytes: count(self.hold_kib.get()) << 10,
            max_learned: count(self.max_learned.get()),
            max_configured: count(self.max_configured.get()),
            ..NeighbourConfig::default()
        }
    }
}

/// How large the router's tables may grow. What is not used costs address space, not memory.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Routes of all VRFs and all owners together.
    pub routes: RouteCount,
    /// Routes of one VRF; absent: as many as of all.
    pub routes_per_vrf: Option<RouteCount>,
    /// Different sets of next hops.
    pub next_hop_sets: SetCount,
    /// Nodes of 1 KiB of the forwarding tables of all VRFs together; a full table of the Internet takes some 60000.
    pub fib_nodes: NodeCount,
    /// Stations of all bridge domains together.
    pub stations: StationCount,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            routes: RouteCount::fixed(8 << 20),
            routes_per_vrf: None,
            next_hop_sets: SetCount::MAX,
            fib_nodes: NodeCount::MAX,
            stations: StationCount::fixed(1 << 18),
        }
    }
}

impl Limits {
    /// Routes, in the terms of the RIB.
    #[must_use]
    pub fn rib(&self) -> crate::rib::Limits {
        crate::rib::Limits {
            per_vrf: count(self.routes_per_vrf.unwrap_or(self.routes).get()),
            total: count(self.routes.get()),
        }
    }

    /// Sets of next hops.
    #[must_use]
    pub fn sets(&self) -> usize {
        count(self.next_hop_sets.get())
    }

    /// Stations of bridge domains.
    #[must_use]
    pub fn stations(&self) -> usize {
        count(self.stations.get())
    }

    /// The room of the forwarding tables.
    #[must_use]
    pub fn fib(&self) -> Capacity {
        Capacity {
            nodes: self.fib_nodes.get(),
            ..Capacity::default()
        }
    }
}

fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_tables() {
        assert_eq!(Resolution::default().table(), NeighbourConfig::default());
        assert_eq!(Limits::default().sets(), crate::nexthop::MAX_SETS);
        assert_eq!(Limits::default().fib(), Capacity::default());
    }

    #[test]
    fn a_limit_of_one_vrf_is_that_of_all_unless_it_is_given() {
        let mut limits = Limits {
            routes: RouteCount::fixed(1000),
            ..Limits::default()
        };
        assert_eq!((limits.rib().per_vrf, limits.rib().total), (1000, 1000));
        limits.routes_per_vrf = Some(RouteCount::fixed(100));
        assert_eq!((limits.rib().per_vrf, limits.rib().total), (100, 1000));
    }
}
