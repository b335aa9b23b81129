//! What a worker does when nothing comes.

use std::time::Duration;

use super::handle::Idle;

/// How often in a row packets may be found that no interrupt told of, before interrupts are not relied upon.
const MISSES: u32 = 3;
/// For how many naps interrupts are not relied upon after one that brought no packet.
const NAPS_AFTER_FALSE_ALARM: u32 = 1_000;

/// How to sleep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rest {
    /// Until there is work; if some queue has no interrupt, for a nap.
    Deep {
        /// How long that is.
        nap: Duration,
    },
    /// For so long at most.
    Nap(Duration),
}

/// What ended a sleep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Woken {
    /// There was work before it began.
    Busy,
    /// Somebody gave work.
    Called,
    /// A queue interrupted.
    Interrupted,
    /// The time of a nap, or a signal.
    Napped,
    /// The longest time, without any interrupt.
    TooLate,
}

/// Knows since when nothing has come, and says when to sleep.
///
/// It goes by time and not by passes: one takes from 50 ns to several microseconds, by the number of queues and
/// what their devices do for an empty poll.
#[derive(Debug)]
pub(super) struct Idler {
    mode: Idle,
    spin_ticks: u64,
    quiet_since: u64,
    /// What ended the last sleep, until the pass after it tells what that was worth.
    woken: Option<Woken>,
    misses: u32,
    naps_left: u32,
}

impl Idler {
    /// Begins to wait at `now_ticks` of a clock of `ticks_hz`.
    pub(super) fn new(mode: Idle, ticks_hz: u64, now_ticks: u64) -> Self {
        let spin = match mode {
            Idle::Poll => Duration::MAX,
            Idle::Adaptive { after, .. } => after,
        };
        let spin_ticks = spin.as_nanos().saturating_mul(ticks_hz.into()) / 1_000_000_000;
        Self {
            mode,
            spin_ticks: u64::try_from(spin_ticks).unwrap_or(u64::MAX),
            quiet_since: now_ticks,
            woken: None,
            misses: 0,
            naps_left: 0,
        }
    }

    /// Begins to wait anew.
    #[inline]
    pub(super) const fn stay_awake(&mut self, now_ticks: u64) {
        self.quiet_since = now_ticks;
    }

    /// Relies upon interrupts again: the queues are others.
    pub(super) const fn trust(&mut self) {
        (self.misses, self.naps_left) = (0, 0);
    }

    /// Notes the outcome of a pass that began at `now_ticks`; returns how to sleep before the next.
    #[inline]
    pub(super) fn after_pass(&mut self, found_something: bool, now_ticks: u64) -> Option<Rest> {
        if found_something {
            self.stay_awake(now_ticks);
            if let Some(woken) = self.woken.take() {
                self.count_misses(woken);
            }
            return None;
        }
        let Idle::Adaptive { sleep, .. } = self.mode else {
            return None;
        };
        if now_ticks.wrapping_sub(self.quiet_since) < self.spin_ticks {
            return None;
        }
        Some(self.rest(sleep))
    }

    /// Notes what ended a sleep at `now_ticks`.
    pub(super) const fn slept(&mut self, woken: Woken, now_ticks: u64) {
        self.woken = Some(woken);
        if matches!(woken, Woken::Busy | Woken::Interrupted) {
            // A device may tell of packets a moment before they can be taken.
            self.stay_awake(now_ticks);
        }
    }

    fn rest(&mut self, nap: Duration) -> Rest {
        if self.woken.take() == Some(Woken::Interrupted) {
            // It would do so again at once.
            self.naps_left = self.naps_left.max(NAPS_AFTER_FALSE_ALARM);
        }
        if self.naps_left == 0 {
            return Rest::Deep { nap };
        }
        if self.misses < MISSES {
            self.naps_left -= 1;
        }
        Rest::Nap(nap)
    }

    #[cold]
    const fn count_misses(&mut self, woken: Woken) {
        match woken {
            Woken::TooLate => {
                self.misses += 1;
                if self.misses >= MISSES {
                    self.naps_left = 1;
                }
            }
            Woken::Interrupted if self.misses < MISSES => self.trust(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HZ: u64 = 2_000_000_000;
    const SPIN_TICKS: u64 = 400_000;
    const NAP: Duration = Duration::from_micros(50);
    const MODE: Idle = Idle::Adaptive {
        after: Duration::from_micros(200),
        sleep: NAP,
    };
    const DEEP: Option<Rest> = Some(Rest::Deep { nap: NAP });

    #[test]
    fn sleeps_only_after_a_time_without_packets_and_only_when_asked_to() {
        let mut idler = Idler::new(MODE, HZ, 1_000);
        assert_eq!(idler.after_pass(false, 1_000 + SPIN_TICKS - 1), None);
        assert_eq!(idler.after_pass(false, 1_000 + SPIN_TICKS), DEEP);
        let now = 2_000 + SPIN_TICKS;
        assert_eq!(idler.after_pass(true, now), None);
        assert_eq!(idler.after_pass(false, now + SPIN_TICKS - 1), None);
        idler.stay_awake(now + SPIN_TICKS);
        assert_eq!(idler.after_pass(false, now + 2 * SPIN_TICKS - 1), None);
        assert_eq!(idler.after_pass(false, now + 2 * SPIN_TICKS), DEEP);
        // Who woke for nothing sleeps on.
        idler.slept(Woken::TooLate, now + 3 * SPIN_TICKS);
        assert_eq!(idler.after_pass(false, now + 3 * SPIN_TICKS), DEEP);
        let mut poller = Idler::new(Idle::Poll, HZ, 0);
        assert_eq!(poller.after_pass(false, 1 << 62), None);
    }

    #[test]
    fn an_interrupt_without_packets_makes_it_look_by_itself_for_a_while() {
        let mut idler = Idler::new(MODE, HZ, 0);
        let mut now = SPIN_TICKS;
        assert_eq!(idler.after_pass(false, now), DEEP);
        idler.slept(Woken::Interrupted, now);
        assert_eq!(idler.after_pass(false, now), None, "no time to come");
        now += SPIN_TICKS;
        for _ in 0..NAPS_AFTER_FALSE_ALARM {
            assert_eq!(idler.after_pass(false, now), Some(Rest::Nap(NAP)));
            idler.slept(Woken::Napped, now);
        }
        assert_eq!(idler.after_pass(false, now), DEEP);
        // One that brings packets is right.
        idler.slept(Woken::Interrupted, now);
        assert_eq!(idler.after_pass(true, now), None);
        assert_eq!(idler.after_pass(false, now + SPIN_TICKS), DEEP);
    }

    #[test]
    fn who_finds_packets_that_no_interrupt_told_of_relies_on_none_any_more() {
        let mut idler = Idler::new(MODE, HZ, 0);
        let mut now = 0;
        let mut once = |idler: &mut Idler, woken| {
            now += SPIN_TICKS;
            let rest = idler.after_pass(false, now);
            idler.slept(woken, now);
            assert_eq!(idler.after_pass(true, now), None);
            rest
        };
        for woken in [Woken::TooLate, Woken::TooLate, Woken::Interrupted] {
            assert_eq!(once(&mut idler, woken), DEEP);
        }
        for _ in 0..MISSES {
            assert_eq!(once(&mut idler, Woken::TooLate), DEEP, "in a row");
        }
        for _ in 0..2 * NAPS_AFTER_FALSE_ALARM {
            assert_eq!(once(&mut idler, Woken::Napped), Some(Rest::Nap(NAP)));
        }
        idler.trust();
        assert_eq!(once(&mut idler, Woken::Napped), DEEP);
    }
}
