//! The rules one by one, named for the rows of the conformance table that they hold.

mod admin;
mod learn;
mod resolve;

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
