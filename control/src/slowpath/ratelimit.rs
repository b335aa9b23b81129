//! Limits on how many ICMP errors the router sends (RFC 1812 section 4.3.2.8, RFC 4443 section
//! 2.4(f)): one token bucket for each kind, and one for all.
//!
//! A bucket is kept as the time at which it would be full again (the generic cell rate algorithm):
//! one word of state, no rounding that adds up, nothing to refill.

use std::num::NonZeroU32;

const SECOND_NS: u64 = 1_000_000_000;

/// How fast a bucket fills and how much it holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// Tokens a second, in the long run.
    pub per_second: NonZeroU32,
    /// Tokens that a full bucket holds.
    pub burst: NonZeroU32,
}

impl Rate {
    /// A rate of `per_second` tokens and `burst` at once; 0 counts as 1.
    #[must_use]
    pub const fn new(per_second: u32, burst: u32) -> Self {
        const fn at_least_one(n: u32) -> NonZeroU32 {
            match NonZeroU32::new(n) {
                Some(n) => n,
                None => NonZeroU32::MIN,
            }
        }
        Self {
            per_second: at_least_one(per_second),
            burst: at_least_one(burst),
        }
    }
}

/// A token bucket, full at first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TokenBucket {
    /// The time that one token takes.
    interval_ns: u64,
    /// How far ahead of now `full_at_ns` may lie for a token to be left.
    tolerance_ns: u64,
    /// When the bucket will be full.
    full_at_ns: u64,
}

impl TokenBucket {
    /// A full bucket.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        let interval_ns = (SECOND_NS / u64::from(rate.per_second.get())).max(1);
        Self {
            interval_ns,
            tolerance_ns: interval_ns * u64::from(rate.burst.get() - 1),
            full_at_ns: 0,
        }
    }

    /// Whether a token is there.
    #[must_use]
    pub const fn has_token(&self, now_ns: u64) -> bool {
        self.full_at_ns <= now_ns.saturating_add(self.tolerance_ns)
    }

    /// Takes a token; false, and nothing changed, if there is none.
    #[must_use]
    pub fn take(&mut self, now_ns: u64) -> bool {
        let there = self.has_token(now_ns);
        if there {
            self.full_at_ns = self.full_at_ns.max(now_ns).saturating_add(self.interval_ns);
        }
        there
    }
}

/// What an ICMP error of either family is about; each kind has its own bucket, so that a traceroute
/// or a scan does not silence path MTU discovery.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ErrorKind {
    /// Destination unreachable, fragmentation needed left out.
    Unreachable,
    /// Fragmentation needed, packet too big.
    TooBig,
    /// TTL or hop limit exceeded.
    TimeExceeded,
    /// Parameter problem.
    ParameterProblem,
}

impl ErrorKind {
    const ALL: [Self; 4] = [
        Self::Unreachable,
        Self::TooBig,
        Self::TimeExceeded,
        Self::ParameterProblem,
    ];
}

/// The limits on ICMP errors of one family.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ErrorLimits {
    /// For destination unreachable.
    pub unreachable: Rate,
    /// For fragmentation needed and packet too big.
    pub too_big: Rate,
    /// For TTL and hop limit exceeded.
    pub time_exceeded: Rate,
    /// For parameter problems.
    pub parameter_problem: Rate,
    /// For all kinds together.
    pub total: Rate,
}

impl Default for ErrorLimits {
    /// 500 a second of each kind with bursts of 100, and for all kinds together the sum, so that
    /// floods of all others leave each its own.
    fn default() -> Self {
        let each = Rate::new(500, 100);
        Self {
            unreachable: each,
            too_big: each,
            time_exceeded: each,
            parameter_problem: each,
            total: Rate::new(2000, 400),
        }
    }
}

impl ErrorLimits {
    const fn of(&self, kind: ErrorKind) -> Rate {
        match kind {
            ErrorKind::Unreachable => self.unreachable,
            ErrorKind::TooBig => self.too_big,
            ErrorKind::TimeExceeded => self.time_exceeded,
            ErrorKind::ParameterProblem => self.parameter_problem,
        }
    }
}

/// Says when an ICMP error may be sent. One for each family.
#[derive(Clone, Debug)]
pub struct ErrorLimiter {
    each: [TokenBucket; ErrorKind::ALL.len()],
    total: TokenBucket,
}

impl ErrorLimiter {
    /// A limiter with full buckets.
    #[must_use]
    pub fn new(limits: ErrorLimits) -> Self {
        Self {
            each: ErrorKind::ALL.map(|kind| TokenBucket::new(limits.of(kind))),
            total: TokenBucket::new(limits.total),
        }
    }

    /// Whether an error of this kind may be sent now. It costs a token of both buckets or of none.
    #[must_use]
    pub fn take(&mut self, kind: ErrorKind, now_ns: u64) -> bool {
        self.total.has_token(now_ns)
            && self.each[kind as usize].take(now_ns)
            && self.total.take(now_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn v6_09_a_burst_passes_and_then_the_rate() {
        let mut bucket = TokenBucket::new(Rate::new(10, 3));
        let start = 5 * SECOND_NS;
        let taken = |bucket: &mut TokenBucket, at| (0..100).take_while(|_| bucket.take(at)).count();
        assert_eq!(taken(&mut bucket, start), 3);
        assert_eq!(taken(&mut bucket, start + SECOND_NS / 10 - 1), 0);
        assert_eq!(taken(&mut bucket, start + SECOND_NS / 10), 1);
        assert_eq!(
            taken(&mut bucket, start + SECOND_NS / 2),
            3,
            "no more than the burst piles up"
        );
        assert_eq!(taken(&mut bucket, 1 << 62), 3);
    }

    #[test]
    fn v4_17_kinds_do_not_starve_each_other() {
        let mut limiter = ErrorLimiter::new(ErrorLimits {
            parameter_problem: Rate::new(7, 3),
            ..ErrorLimits::default()
        });
        let (mut sent, mut problems) = (0, 0);
        for now_ns in (0..SECOND_NS).step_by(10_000) {
            sent += u32::from(limiter.take(ErrorKind::TimeExceeded, now_ns));
            problems += u32::from(limiter.take(ErrorKind::ParameterProblem, now_ns));
            let _ = limiter.take(ErrorKind::Unreachable, now_ns);
        }
        assert!((9..=10).contains(&problems), "{problems}");
        assert!((599..=601).contains(&sent), "{sent}");
        assert!((0..100).all(|_| limiter.take(ErrorKind::TooBig, SECOND_NS)));
    }

    #[test]
    fn a_refusal_by_the_total_costs_the_kind_nothing() {
        let mut limiter = ErrorLimiter::new(ErrorLimits {
            total: Rate::new(1, 1),
            ..ErrorLimits::default()
        });
        assert!(limiter.take(ErrorKind::TooBig, 0));
        assert!(!limiter.take(ErrorKind::Unreachable, 0));
        assert!(limiter.each[ErrorKind::Unreachable as usize].has_token(0));
    }

    proptest! {
        /// Against a bucket that is refilled token by token.
        #[test]
        fn never_more_than_burst_and_rate_allow(per_second in 1u32..2000, burst in 1u32..50, steps in proptest::collection::vec(0u64..20_000_000, 1..300)) {
            let mut bucket = TokenBucket::new(Rate::new(per_second, burst));
            let interval_ns = SECOND_NS / u64::from(per_second);
            let (mut now_ns, mut level_ns) = (0, u64::from(burst) * interval_ns);
            for step in steps {
                now_ns += step;
                level_ns = (level_ns + step).min(u64::from(burst) * interval_ns);
                let expected = level_ns >= interval_ns;
                prop_assert_eq!(bucket.take(now_ns), expected);
                if expected {
                    level_ns -= interval_ns;
                }
            }
        }
    }
}
