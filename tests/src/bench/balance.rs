//! What is counted, and that nothing is lost: for every packet that came in, one end.

use std::collections::BTreeMap;

use ferroute_control::exception::counters::ExceptionCounters;
use ferroute_dataplane::counters::WorkerCounters;
use ferroute_dataplane::drops::DropReason;

use super::Bench;

/// Panics unless every packet that a worker received has one end, and every frame it was given to inject.
pub fn check_worker(counters: &WorkerCounters) {
    let ends =
        counters.tx.get() + counters.punted.get() + counters.consumed.get() + counters.dropped();
    assert_eq!(
        counters.rx.get() + counters.copied.get(),
        ends,
        "received packets and copies have one end each: {counters:?}"
    );
    let ends = counters.inject_tx.get() + counters.inject_dropped.get();
    assert_eq!(
        counters.injected.get(),
        ends,
        "injected frames have one end each"
    );
}

/// Panics unless every packet that the exception path took has one end, or waits.
pub fn check_exception(counters: &ExceptionCounters) {
    let ends = counters.to_twin.get()
        + counters.consumed.get()
        + counters.forwarded.get()
        + counters.dropped();
    assert_eq!(
        counters.taken.get(),
        ends + counters.held_now(),
        "punted packets have one end each: {counters:?}"
    );
}

impl Bench {
    /// All drops so far, of worker and exception path together, by name; reasons without any left out.
    #[must_use]
    pub fn drops(&self) -> BTreeMap<&'static str, u64> {
        let count = |reason: &DropReason| {
            let worker = self
                .worker
                .as_ref()
                .map_or(0, |w| w.counters.drops[reason.index()].get());
            worker + self.counters.drops[reason.index()].get()
        };
        DropReason::ALL
            .iter()
            .map(|reason| (reason.name(), count(reason)))
            .filter(|(_, n)| *n > 0)
            .collect()
    }

    /// How often packets were dropped for a reason.
    #[must_use]
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.drops().get(reason.name()).copied().unwrap_or_default()
    }

    /// Runs `step` and returns what was dropped while it ran.
    pub fn drops_of(&mut self, step: impl FnOnce(&mut Self)) -> BTreeMap<&'static str, u64> {
        let before = self.drops();
        step(self);
        let grown = |(name, n): (&'static str, u64)| {
            (name, n - before.get(name).copied().unwrap_or_default())
        };
        self.drops()
            .into_iter()
            .map(grown)
            .filter(|(_, n)| *n > 0)
            .collect()
    }

    /// What the exception path counts.
    #[must_use]
    pub fn exception_counters(&self) -> &ExceptionCounters {
        &self.counters
    }

    /// What the worker counts; it must not be taken.
    #[must_use]
    pub fn worker_counters(&self) -> &WorkerCounters {
        self.worker.as_ref().expect("the worker").counters()
    }

    /// Panics unless every packet so far has one end. Called after every step.
    pub fn check_balance(&self) {
        if let Some(worker) = &self.worker {
            check_worker(worker.counters());
        }
        check_exception(&self.counters);
    }
}
