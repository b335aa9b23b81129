//! Telling the link that an address is here: gratuitous ARP (RFC 5227 section 2.3) and unsolicited
//! neighbour advertisements (RFC 4861 section 7.2.6).

use super::key::NeighbourKey;
use ferroute_dataplane::ids::InterfaceId;
use std::collections::{BTreeMap, BTreeSet};

/// How often and how far apart: ANNOUNCE_NUM and ANNOUNCE_INTERVAL.
const ARP: Schedule = Schedule {
    sends: 2,
    interval_ns: 2_000_000_000,
};
/// MAX_NEIGHBOR_ADVERTISEMENT and RetransTimer.
const ND: Schedule = Schedule {
    sends: 3,
    interval_ns: 1_000_000_000,
};

struct Schedule {
    sends: u8,
    interval_ns: u64,
}

impl Schedule {
    const fn of(key: &NeighbourKey) -> Self {
        if key.address.is_ipv4() { ARP } else { ND }
    }
}

struct Running {
    next_ns: u64,
    left: u8,
}

/// Announcements of our own addresses that are under way. The key's address is ours.
#[derive(Default)]
pub struct Announcer {
    running: BTreeMap<NeighbourKey, Running>,
    timers: BTreeSet<(u64, NeighbourKey)>,
}

impl Announcer {
    /// An announcer with nothing to do.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins to announce the address, at once: it was added, its link came up, its Ethernet
    /// address changed, or another station claims it. What runs for it already begins anew, but no
    /// sooner than was planned.
    pub fn announce(&mut self, key: NeighbourKey, now_ns: u64) {
        let next_ns = self
            .running
            .get(&key)
            .map_or(now_ns, |running| running.next_ns.max(now_ns));
        self.cancel(&key);
        self.schedule(key, next_ns, Schedule::of(&key).sends);
    }

    /// Stops announcing the address: it was removed.
    pub fn cancel(&mut self, key: &NeighbourKey) {
        if let Some(running) = self.running.remove(key) {
            self.timers.remove(&(running.next_ns, *key));
        }
    }

    /// Stops announcing the addresses of the interface: it went down or away.
    pub fn cancel_interface(&mut self, interface: InterfaceId) {
        self.running.retain(|key, _| key.interface != interface);
        self.timers.retain(|(_, key)| key.interface != interface);
    }

    /// When [`Self::tick`] has something to do next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        self.timers.first().map(|(at_ns, _)| *at_ns)
    }

    /// Pushes the addresses that are to be announced now, each once.
    pub fn tick(&mut self, now_ns: u64, send: &mut Vec<NeighbourKey>) {
        while let Some(&(at_ns, key)) = self.timers.first()
            && at_ns <= now_ns
        {
            self.timers.pop_first();
            if let Some(running) = self.running.remove(&key) {
                send.push(key);
                self.schedule(
                    key,
                    now_ns.saturating_add(Schedule::of(&key).interval_ns),
                    running.left - 1,
                );
            }
        }
    }

    fn schedule(&mut self, key: NeighbourKey, next_ns: u64, left: u8) {
        if left > 0 {
            self.running.insert(key, Running { next_ns, left });
            self.timers.insert((next_ns, key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    const SECOND: u64 = 1_000_000_000;

    fn run(announcer: &mut Announcer) -> Vec<(u64, NeighbourKey)> {
        let mut all = Vec::new();
        while let Some(at) = announcer.next_deadline() {
            let mut send = Vec::new();
            announcer.tick(at, &mut send);
            all.extend(send.into_iter().map(|key| (at, key)));
        }
        all
    }

    #[test]
    fn announces_at_once_and_then_at_intervals() {
        let v4 = NeighbourKey::new(InterfaceId::new(1), Ipv4Addr::new(10, 0, 0, 1));
        let v6 = NeighbourKey::new(InterfaceId::new(1), Ipv6Addr::LOCALHOST);
        let mut announcer = Announcer::new();
        announcer.announce(v4, 5);
        announcer.announce(v6, 5);
        let sent = run(&mut announcer);
        let at = |want: NeighbourKey| {
            sent.iter()
                .filter(move |(_, k)| *k == want)
                .map(|(t, _)| *t)
                .collect::<Vec<_>>()
        };
        assert_eq!(at(v4), [5, 5 + 2 * SECOND]);
        assert_eq!(at(v6), [5, 5 + SECOND, 5 + 2 * SECOND]);
    }

    #[test]
    fn a_restart_does_not_send_sooner_and_a_cancel_ends_it() {
        let key = NeighbourKey::new(InterfaceId::new(1), Ipv4Addr::new(10, 0, 0, 1));
        let other = NeighbourKey::new(InterfaceId::new(2), Ipv4Addr::new(10, 0, 0, 1));
        let mut announcer = Announcer::new();
        let mut send = Vec::new();
        announcer.announce(key, 0);
        announcer.tick(0, &mut send);
        announcer.announce(key, SECOND);
        announcer.tick(SECOND, &mut send);
        assert_eq!(
            send,
            [key],
            "two conflicts in a second must not make a storm"
        );
        announcer.announce(other, SECOND);
        announcer.cancel(&key);
        assert_eq!(run(&mut announcer).len(), 2);
        announcer.announce(other, SECOND);
        announcer.cancel_interface(other.interface);
        assert_eq!(announcer.next_deadline(), None);
    }
}
