//! What a worker does when nothing comes.

use std::time::Duration;

use super::handle::Idle;

/// For how long nothing must have come before an adaptive worker begins to sleep: longer than gaps in
/// traffic that is worth spinning for.
const SPIN: Duration = Duration::from_micros(200);

/// Knows since when nothing has come, and says when to sleep.
///
/// It goes by time and not by passes: one takes from 50 ns to several microseconds, by the number of queues and
/// what their devices do for an empty poll.
#[derive(Debug)]
pub(super) struct Idler {
    mode: Idle,
    spin_ticks: u64,
    quiet_since: u64,
}

impl Idler {
    /// Begins to wait at `now_ticks` of a clock of `ticks_hz`.
    pub(super) fn new(mode: Idle, ticks_hz: u64, now_ticks: u64) -> Self {
        let spin_ticks = u128::from(ticks_hz) * SPIN.as_nanos() / 1_000_000_000;
        Self {
            mode,
            spin_ticks: u64::try_from(spin_ticks).unwrap_or(u64::MAX),
            quiet_since: now_ticks,
        }
    }

    /// Begins to wait anew.
    #[inline]
    pub(super) const fn stay_awake(&mut self, now_ticks: u64) {
        self.quiet_since = now_ticks;
    }

    /// Notes the outcome of a pass that began at `now_ticks`; returns how long to sleep before the next.
    #[inline]
    pub(super) fn after_pass(&mut self, found_something: bool, now_ticks: u64) -> Option<Duration> {
        if found_something {
            self.stay_awake(now_ticks);
            return None;
        }
        let Idle::Adaptive { sleep } = self.mode else {
            return None;
        };
        (now_ticks.wrapping_sub(self.quiet_since) >= self.spin_ticks).then_some(sleep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HZ: u64 = 2_000_000_000;
    const SPIN_TICKS: u64 = 400_000;

    #[test]
    fn sleeps_only_after_a_time_without_packets_and_only_when_asked_to() {
        let sleep = Duration::from_micros(50);
        let mut idler = Idler::new(Idle::Adaptive { sleep }, HZ, 1_000);
        assert_eq!(idler.after_pass(false, 1_000 + SPIN_TICKS - 1), None);
        assert_eq!(idler.after_pass(false, 1_000 + SPIN_TICKS), Some(sleep));
        let now = 2_000 + SPIN_TICKS;
        assert_eq!(idler.after_pass(true, now), None);
        assert_eq!(idler.after_pass(false, now + SPIN_TICKS - 1), None);
        idler.stay_awake(now + SPIN_TICKS);
        assert_eq!(idler.after_pass(false, now + 2 * SPIN_TICKS - 1), None);
        assert_eq!(idler.after_pass(false, now + 2 * SPIN_TICKS), Some(sleep));
        let mut poller = Idler::new(Idle::Poll, HZ, 0);
        assert_eq!(poller.after_pass(false, 100 * SPIN_TICKS), None);
    }
}
