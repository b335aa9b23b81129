//! Rates of punted packets, by class and port.
//!
//! Each worker polices what it punts on its own, so no state is shared. A class has a rate, and each port an even share of it
//! that no other port can take:
//!
//! ```text
//!  packet ─▶ share of its port: a token? ─ yes ─▶ passes, and costs the class a token too
//!                     └─ no ─▶ the class: a token? ─ yes ─▶ passes      (what others leave of their shares)
//!                                          └─ no ─▶ held back
//! ```
//!
//! So one port alone has the whole rate, all together have no more than that and a burst, and a flood by one port costs the others
//! nothing. A bucket is kept in the form of the generic cell rate algorithm (ITU-T I.371): one number, the time at which it would
//! be full again.

use std::num::NonZeroU16;

use crate::ids::{MAX_PORTS, PortId};
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

    /// One of `parts` even shares, which lets one packet pass at least at a time, unless the whole lets none pass.
    #[inline]
    #[must_use]
    pub const fn share(self, parts: NonZeroU16) -> Self {
        if self.burst_ticks == 0 {
            return self;
        }
        let ticks_per_packet = self.ticks_per_packet.saturating_mul(parts.get() as u64);
        let burst_ticks = if self.burst_ticks < ticks_per_packet {
            ticks_per_packet
        } else {
            self.burst_ticks
        };
        Self {
            ticks_per_packet,
            burst_ticks,
        }
    }
}

/// The rates of every class.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PuntPolicy {
    /// Rates by [`PuntClass::index`], of all ports together.
    pub rates: [Rate; PuntClass::COUNT],
    /// Into how many shares they are divided: the ports that there are.
    pub ports: NonZeroU16,
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
        let ports = NonZeroU16::MIN;
        Self { rates, ports }
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

    /// Takes a token whether there is one or not.
    #[inline]
    fn charge(&mut self, rate: Rate, now_ticks: u64) {
        let full_at = self.full_at.max(now_ticks);
        self.full_at = full_at.saturating_add(rate.ticks_per_packet);
    }
}

/// Where a packet came from, as far as it concerns rates and their counters: by a port, or from the host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Source(u16);

impl Source {
    /// How many there are.
    pub const COUNT: usize = MAX_PORTS + 1;
    /// The host, which sent a frame into a bridge domain.
    pub const HOST: Self = Self(MAX_PORTS as u16);

    /// A port; one that there cannot be counts as the host.
    #[inline]
    #[must_use]
    pub const fn port(port: PortId) -> Self {
        if port.index() < MAX_PORTS {
            Self(port.index() as u16)
        } else {
            Self::HOST
        }
    }

    /// The source's place in a table of [`COUNT`](Self::COUNT).
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The buckets of one worker.
#[derive(Clone, Debug)]
pub struct Policer {
    classes: [Bucket; PuntClass::COUNT],
    shares: Box<[[Bucket; PuntClass::COUNT]; Source::COUNT]>,
}

impl Default for Policer {
    fn default() -> Self {
        Self {
            classes: [Bucket::default(); PuntClass::COUNT],
            shares: Box::new([[Bucket::default(); PuntClass::COUNT]; Source::COUNT]),
        }
    }
}

impl Policer {
    /// Takes a token of `class` for a packet that came from `source`, at time `now_ticks`; false when there is none.
    #[inline]
    pub fn allow(
        &mut self,
        policy: &PuntPolicy,
        source: Source,
        class: PuntClass,
        now_ticks: u64,
    ) -> bool {
        let rate = policy.rates[class.index()];
        let whole = &mut self.classes[class.index()];
        let share = &mut self.shares[source.index()][class.index()];
        if share.allow(rate.share(policy.ports), now_ticks) {
            // Shares together are the whole: what this takes beyond the burst is a burst of each port at most.
            whole.charge(rate, now_ticks);
            return true;
        }
        whole.allow(rate, now_ticks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    const HZ: u64 = 1_000_000_000;
    const PORT: Source = Source::port(PortId::new(0));
    const OTHER: Source = Source::port(PortId::new(1));

    /// A rate for ARP, between so many ports.
    fn arp(per_second: u64, burst: u64, ports: u16) -> PuntPolicy {
        let mut policy = PuntPolicy::default_for(HZ);
        policy.rates[PuntClass::Arp.index()] = Rate::new(per_second, burst, HZ);
        policy.ports = NonZeroU16::new(ports).unwrap();
        policy
    }

    #[test]
    fn a_flood_by_one_port_leaves_the_other_its_share() {
        let policy = arp(1000, 10, 2);
        let mut policer = Policer::default();
        let (mut flood, mut other) = (0, 0);
        // A million packets a second by one port, and 400 by the other, for a second.
        for at in (0..HZ).step_by(1000) {
            flood += u64::from(policer.allow(&policy, PORT, PuntClass::Arp, at));
            if at % 2_500_000 == 0 {
                other += u64::from(policer.allow(&policy, OTHER, PuntClass::Arp, at));
            }
        }
        assert_eq!(other, 400, "nothing is lost within a share");
        assert!((550..=630).contains(&flood), "{flood}: the rest of 1000");
    }

    #[test]
    fn one_port_alone_has_the_whole_rate() {
        for ports in [1, 2, 7] {
            let policy = arp(1000, 20, ports);
            let mut policer = Policer::default();
            let mut allow = |at| policer.allow(&policy, PORT, PuntClass::Arp, at);
            assert_eq!((0..100).filter(|_| allow(0)).count(), 20, "{ports} ports");
            let passed = (0..HZ).step_by(1000).filter(|at| allow(HZ + at)).count();
            assert!((1000..=1030).contains(&passed), "{passed}, {ports} ports");
        }
    }

    #[test]
    fn a_share_of_little_is_a_packet_at_a_time() {
        let policy = arp(100, 2, 8);
        let mut policer = Policer::default();
        for port in 0..8 {
            let source = Source::port(PortId::new(port));
            assert!(policer.allow(&policy, source, PuntClass::Arp, 0), "{port}");
        }
        assert!(!policer.allow(&policy, PORT, PuntClass::Arp, 0));
        assert_eq!(Source::port(PortId::new(u16::MAX)), Source::HOST);
    }

    proptest! {
        /// Whoever sends when, all together have the rate, and a burst of each at most; and a port that keeps to its
        /// share loses nothing.
        #[test]
        fn ports_together_keep_to_the_rate(
            ports in 1..5_u16,
            burst in 1..20_u64,
            steps in prop::collection::vec((0..4_u16, 0..3_000_000_u64), 1..400),
        ) {
            let policy = arp(1000, burst, ports);
            let mut policer = Policer::default();
            let (mut at, mut passed, mut last_modest) = (0, 0_u64, None);
            let share_ticks = HZ / 1000 * u64::from(ports);
            for (port, after) in steps {
                at += after;
                let source = Source::port(PortId::new(port % ports));
                passed += u64::from(policer.allow(&policy, source, PuntClass::Arp, at));
                if last_modest.is_none_or(|last| at - last >= share_ticks) {
                    last_modest = Some(at);
                    prop_assert!(policer.allow(&policy, Source::HOST, PuntClass::Arp, at));
                    passed += 1;
                }
            }
            // The host comes on top of the ports, with a share of its own.
            let shares = u64::from(ports) + 1;
            let most = (at / (HZ / 1000) + 1) * shares / u64::from(ports) + burst + shares * burst.max(1);
            prop_assert!(passed <= most, "{} of {}", passed, most);
        }
    }

    #[test]
    fn lets_the_burst_pass_and_then_the_rate() {
        let mut policy = PuntPolicy::default_for(HZ);
        policy.rates[PuntClass::Arp.index()] = Rate::new(100, 10, HZ);
        let mut policer = Policer::default();
        let mut passed = |now| policer.allow(&policy, PORT, PuntClass::Arp, now);
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
        assert!(!policer.allow(&policy, PORT, PuntClass::Icmp, 5));
        assert!(
            policer.allow(&policy, PORT, PuntClass::Arp, 5),
            "classes are apart"
        );
    }
}
