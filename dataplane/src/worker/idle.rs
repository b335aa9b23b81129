//! What a worker does when nothing comes.

use std::time::Duration;

use super::handle::Idle;

/// Empty passes after which an adaptive worker begins to sleep; at some 50 ns a pass this is a few
/// hundred microseconds, longer than gaps in traffic that is worth spinning for.
const SPIN_PASSES: u32 = 8_192;

/// Counts empty passes and says when to sleep.
#[derive(Debug)]
pub(super) struct Idler {
    mode: Idle,
    empty: u32,
}

impl Idler {
    pub(super) const fn new(mode: Idle) -> Self {
        Self { mode, empty: 0 }
    }

    /// Begins to count anew.
    pub(super) const fn stay_awake(&mut self) {
        self.empty = 0;
    }

    /// Notes the outcome of a pass; returns how long to sleep before the next.
    #[inline]
    pub(super) fn after_pass(&mut self, found_something: bool) -> Option<Duration> {
        if found_something {
            self.stay_awake();
            return None;
        }
        let Idle::Adaptive { sleep } = self.mode else {
            return None;
        };
        self.empty = self.empty.saturating_add(1);
        (self.empty >= SPIN_PASSES).then_some(sleep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeps_only_after_a_run_of_empty_passes_and_only_when_asked_to() {
        let sleep = Duration::from_micros(50);
        let mut idler = Idler::new(Idle::Adaptive { sleep });
        assert!((1..SPIN_PASSES).all(|_| idler.after_pass(false).is_none()));
        assert_eq!(idler.after_pass(false), Some(sleep));
        assert_eq!(idler.after_pass(true), None);
        assert_eq!(idler.after_pass(false), None);
        assert!((2..SPIN_PASSES).all(|_| idler.after_pass(false).is_none()));
        idler.stay_awake();
        assert!((1..SPIN_PASSES).all(|_| idler.after_pass(false).is_none()));
        let mut poller = Idler::new(Idle::Poll);
        assert!((0..2 * SPIN_PASSES).all(|_| poller.after_pass(false).is_none()));
    }
}
