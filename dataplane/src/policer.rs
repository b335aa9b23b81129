//! Rates of punted packets, by class.
//!
//! Each worker polices what it punts on its own, so no state is shared. A class is a token bucket
//! in the form of the generic cell rate algorithm (ITU-T I.371): one number, the time at which the
//! bucket would be full again.

use crate::punt::PuntClass;

/// The rate of one class, in ticks of the workers' clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// Ticks between two packets at the full rate.
    pub ticks_per_packet: u64,
    /// Ticks' worth of packets that may come at once.
    pub burst_ticks: u64,
}

impl Rate {
    /// A rate of `packets_per_second` with bursts of `burst_packets`, for a clock of `hz` ticks a
    /// second. A rate of 0 lets nothing pass.
    #[must_use]
    pub const fn new(packets_per_second: u64, burst_packets: u64, hz: u64) -> Self {
        if packets_per_second == 0 || burst_packets == 0 {
            return Self {
                ticks_per_packet: u64::MAX,
                burst_ticks: 0,
            };
        }
        let ticks_per_packet = hz / packets_per_second;
        let ticks_per_packet = if ticks_per_packet == 0 {
            1
        } else {
            ticks_per_packet
        };
        Self {
            ticks_per_packet,
            burst_ticks: ticks_per_packet.saturating_mul(burst_packets),
        }
    }
}

/// The rates of every class.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PuntPolicy {
    /// Rates by [`PuntClass::index`].
    pub rates: [Rate; PuntClass::COUNT],
}

impl PuntPolicy {
    /// Packets per second and burst of each class when nothing is configured. They leave the
    /// exception path, which handles some hundred thousand packets per second, room for every
    /// other class when one is flooded.
    pub const DEFAULT_PPS: [(PuntClass, u64, u64); PuntClass::COUNT] = [
        (PuntClass::Arp, 5_000, 500),
        (PuntClass::NeighbourDiscovery, 5_000, 500),
        (PuntClass::Routing, 50_000, 5_000),
        (PuntClass::Tcp, 200_000, 5_000),
        (PuntClass::TcpOpen, 2_000, 500),
        (PuntClass::Icmp, 5_000, 500),
        (PuntClass::Other, 20_000, 2_000),
        (PuntClass::Resolve, 5_000, 500),
        (PuntClass::PacketTooBig, 2_000, 500),
        (PuntClass::Exception, 20_000, 1_000),
    ];

    /// The default rates for a clock of `hz` ticks a second.
    #[must_use]
    pub fn default_for(hz: u64) -> Self {
        let mut rates = [Rate::new(0, 0, hz); PuntClass::COUNT];
        for (class, pps, burst) in Self::DEFAULT_PPS {
            rates[class.index()] = Rate::new(pps, burst, hz);
        }
        Self { rates }
    }
}

/// A token bucket: when it is full again, in ticks.
#[derive(Clone, Copy, Debug, Default, bytemuck::Zeroable)]
#[repr(transparent)]
pub struct Bucket {
    full_at: u64,
}

impl Bucket {
    /// Takes a token of a bucket that fills at `rate`, at time `now_ticks`; false when there is none.
    #[inline]
    pub fn allow(&mut self, rate: Rate, now_ticks: u64) -> bool {
        let full_at = self.full_at.max(now_ticks);
        let next = full_at.saturating_add(rate.ticks_per_packet);
        if next - now_ticks > rate.burst_ticks {
            return false;
        }
        self.full_at = next;
        true
    }
}

/// The buckets of one worker.
#[derive(Clone, Debug, Default)]
pub struct Policer {
    buckets: [Bucket; PuntClass::COUNT],
}

impl Policer {
    /// Takes a token of `class` at time `now_ticks`; false when there is none.
    #[inline]
    pub fn allow(&mut self, policy: &PuntPolicy, class: PuntClass, now_ticks: u64) -> bool {
        self.buckets[class.index()].allow(policy.rates[class.index()], now_ticks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HZ: u64 = 1_000_000_000;

    #[test]
    fn lets_the_burst_pass_and_then_the_rate() {
        let mut policy = PuntPolicy::default_for(HZ);
        policy.rates[PuntClass::Arp.index()] = Rate::new(100, 10, HZ);
        let mut policer = Policer::default();
        let mut passed = |now| policer.allow(&policy, PuntClass::Arp, now);
        assert_eq!((0..50).filter(|_| passed(0)).count(), 10);
        assert_eq!(
            (0..50).filter(|_| passed(HZ)).count(),
            10,
            "no more than a burst is saved up"
        );
        let in_a_second = (0..10_000)
            .filter(|i| passed(2 * HZ + i * HZ / 10_000))
            .count();
        assert!((100..=110).contains(&in_a_second), "{in_a_second}");
    }

    #[test]
    fn a_rate_of_zero_lets_nothing_pass() {
        let mut policy = PuntPolicy::default_for(HZ);
        policy.rates[PuntClass::Icmp.index()] = Rate::new(0, 5, HZ);
        let mut policer = Policer::default();
        assert!(!policer.allow(&policy, PuntClass::Icmp, 5));
        assert!(
            policer.allow(&policy, PuntClass::Arp, 5),
            "classes are apart"
        );
    }
}
