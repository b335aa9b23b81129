//! How a rate is taken: several samples, those thrown away in which the worker waited for its CPU, the median.

use crate::error::PerfError;
use crate::machine::Thread;
use crate::machine::thread::Times;
use crate::progress::Progress;
use dpdk_sys::clock::tsc;
use serde::Serialize;
use std::time::{Duration, Instant};

/// A sample in which the worker waited longer than this share of the time is thrown away.
const WAIT_LIMIT: f64 = 0.01;

/// How samples are taken.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Method {
    /// How long one takes, in seconds.
    pub sample_s: f64,
    /// How many make a figure.
    pub samples: usize,
    /// How many disturbed ones are thrown away before the least disturbed are taken for want of better.
    pub patience: usize,
}

impl Method {
    /// The length of a sample.
    #[must_use]
    pub fn sample(&self) -> Duration {
        Duration::from_secs_f64(self.sample_s)
    }
}

/// The rate at which something counts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rate {
    /// Million a second: the median of the samples.
    pub mega_per_s: f64,
    /// Cycles of the time stamp counter for each, of all workers together: the median of the samples.
    pub cycles: f64,
    /// Million a second in each sample.
    pub samples: Vec<f64>,
    /// The longest share of a sample in which a worker waited for its CPU.
    pub waited: f64,
    /// Samples that were thrown away.
    pub thrown_away: usize,
}

impl Rate {
    /// Whether there were not enough samples without disturbance.
    #[must_use]
    pub fn disturbed(&self) -> bool {
        self.waited > WAIT_LIMIT
    }
}

/// One sample.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sample {
    mega_per_s: f64,
    cycles: f64,
    waited: f64,
}

impl Sample {
    fn disturbed(&self) -> bool {
        self.waited > WAIT_LIMIT
    }
}

/// A reading of a counter and when it was taken.
struct Reading {
    count: u64,
    at: Instant,
    cycles: u64,
    /// Of each worker.
    times: Vec<Times>,
}

impl Reading {
    fn take(
        workers: &[Thread],
        count: &mut impl FnMut() -> Result<u64, PerfError>,
    ) -> Result<Self, PerfError> {
        // The answer is of a moment between question and return: the middle errs least.
        let (before, from) = (Instant::now(), tsc());
        let count = count()?;
        let (took, to) = (before.elapsed(), tsc());
        Ok(Self {
            count,
            at: before + took / 2,
            cycles: from + (to - from) / 2,
            times: workers.iter().map(Thread::times).collect(),
        })
    }

    fn until(&self, end: &Self) -> Sample {
        let counted = end.count.saturating_sub(self.count) as f64;
        let elapsed = (end.at - self.at).as_nanos() as f64;
        let workers = self.times.len() as f64;
        let pairs = || self.times.iter().zip(&end.times);
        let ran = pairs().map(|(start, end)| end.ran_ns.saturating_sub(start.ran_ns) as f64);
        let waited = pairs().map(|(start, end)| end.waited_ns.saturating_sub(start.waited_ns));
        let waited = waited.max().unwrap_or_default() as f64 / elapsed;
        // Where a worker waited, the time that they ran says more than the time that passed.
        let share = if waited > WAIT_LIMIT {
            (ran.sum::<f64>() / (workers * elapsed)).clamp(0.01, 1.0)
        } else {
            1.0
        };
        let cycles = workers * (end.cycles - self.cycles) as f64;
        Sample {
            mega_per_s: counted / (elapsed * share) * 1e3,
            cycles: cycles * share / counted.max(1.0),
            waited,
        }
    }
}

/// Takes the rate of a counter that `workers` drive.
///
/// # Errors
/// The counter could not be read.
pub fn rate(
    method: &Method,
    workers: &[Thread],
    progress: &Progress,
    mut count: impl FnMut() -> Result<u64, PerfError>,
) -> Result<Rate, PerfError> {
    let mut good = 0;
    let rate = collect(method, || {
        let start = Reading::take(workers, &mut count)?;
        std::thread::sleep(method.sample());
        let sample = start.until(&Reading::take(workers, &mut count)?);
        if sample.disturbed() {
            let percent = 100.0 * sample.waited;
            progress.say(&format!(
                "a sample was disturbed for {percent:.1} % of its time"
            ));
        } else {
            good += 1;
            progress.step();
        }
        Ok(sample)
    })?;
    // The bar counts what was planned, not what came of it.
    progress.steps((method.samples - good) as u64);
    Ok(rate)
}

/// Takes the rate at which the calling thread does `work`, which says each time how much it did.
///
/// # Errors
/// The work failed.
pub fn rate_of_work(
    method: &Method,
    mut work: impl FnMut() -> Result<u64, PerfError>,
) -> Result<Rate, PerfError> {
    let worker = [Thread::calling()];
    work()?;
    collect(method, || {
        let mut done = 0;
        let start = Reading::take(&worker, &mut || Ok(0))?;
        while start.at.elapsed() < method.sample() {
            done += work()?;
        }
        Ok(start.until(&Reading::take(&worker, &mut || Ok(done))?))
    })
}

/// Takes samples until enough are undisturbed, or patience ends.
fn collect(
    method: &Method,
    mut sample: impl FnMut() -> Result<Sample, PerfError>,
) -> Result<Rate, PerfError> {
    let mut taken: Vec<Sample> = Vec::with_capacity(method.samples + method.patience);
    let enough = |taken: &[Sample]| {
        taken.len() == method.samples + method.patience
            || taken.iter().filter(|sample| !sample.disturbed()).count() == method.samples
    };
    while !enough(&taken) {
        taken.push(sample()?);
    }
    Ok(summary(taken, method.samples))
}

/// The figure made of the `wanted` least disturbed samples.
fn summary(mut taken: Vec<Sample>, wanted: usize) -> Rate {
    taken.sort_by(|a, b| {
        a.waited
            .max(WAIT_LIMIT)
            .total_cmp(&b.waited.max(WAIT_LIMIT))
    });
    let thrown_away = taken.len().saturating_sub(wanted);
    taken.truncate(wanted);
    let samples: Vec<f64> = taken.iter().map(|sample| sample.mega_per_s).collect();
    Rate {
        mega_per_s: median(&samples),
        cycles: median(&taken.iter().map(|sample| sample.cycles).collect::<Vec<_>>()),
        waited: taken.iter().map(|sample| sample.waited).fold(0.0, f64::max),
        samples,
        thrown_away,
    }
}

/// The median; 0 of nothing.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value that this share of the values does not exceed; 0 of nothing.
#[must_use]
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (share * sorted.len() as f64).ceil() as usize;
    sorted
        .get(place.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(mega_per_s: f64, waited: f64) -> Sample {
        Sample {
            mega_per_s,
            cycles: 1_000.0 / mega_per_s,
            waited,
        }
    }

    #[test]
    fn the_least_disturbed_samples_make_the_figure() {
        let rate = summary(
            vec![
                sample(10.0, 0.3),
                sample(50.0, 0.001),
                sample(20.0, 0.2),
                sample(40.0, 0.0),
                sample(60.0, 0.009),
            ],
            3,
        );
        assert_eq!(
            (rate.mega_per_s, rate.cycles, rate.thrown_away),
            (50.0, 20.0, 2)
        );
        assert!(!rate.disturbed());
        assert!(summary(vec![sample(10.0, 0.3), sample(20.0, 0.2)], 1).disturbed());
    }

    #[test]
    fn quantiles_are_values_that_occurred() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(
            [0.0, 0.5, 0.75, 0.99, 1.0].map(|share| quantile(&values, share)),
            [1.0, 2.0, 3.0, 4.0, 4.0]
        );
        assert_eq!(median(&[]), 0.0);
    }

    #[test]
    fn the_worker_that_waited_most_tells_whether_a_sample_was_disturbed() {
        let at = Instant::now();
        let reading = |count: u64, s: u64, times: [(u64, u64); 2]| Reading {
            count,
            at: at + Duration::from_secs(s),
            cycles: 2_000_000_000 * s,
            times: times
                .map(|(ran_ms, waited_ms)| Times {
                    ran_ns: ran_ms * 1_000_000,
                    waited_ns: waited_ms * 1_000_000,
                })
                .to_vec(),
        };
        let start = reading(0, 0, [(50, 7), (60, 8)]);
        let quiet = start.until(&reading(40_000_000, 1, [(1_050, 7), (1_055, 13)]));
        assert_eq!((quiet.mega_per_s, quiet.cycles), (40.0, 100.0));
        assert!(!quiet.disturbed());
        let busy = start.until(&reading(40_000_000, 1, [(1_050, 7), (660, 408)]));
        assert!(busy.disturbed());
        assert_eq!((busy.mega_per_s, busy.cycles), (50.0, 80.0));
    }

    #[test]
    fn a_rate_of_known_size_is_measured() {
        let method = Method {
            sample_s: 0.05,
            samples: 3,
            patience: 20,
        };
        let start = Instant::now();
        let rate = rate(&method, &[Thread::calling()], &Progress::hidden(), || {
            Ok(start.elapsed().as_micros() as u64)
        })
        .unwrap();
        // A microsecond's count a microsecond, but where another took the CPU.
        let ran = 1.0 - rate.waited.min(0.9);
        assert!((0.5..1.5 / ran).contains(&rate.mega_per_s), "{rate:?}");
        assert_eq!(rate.samples.len(), 3);
        let work = || {
            std::thread::sleep(Duration::from_millis(1));
            Ok(1_000)
        };
        let rate = rate_of_work(&method, work).unwrap();
        // A thousand a millisecond at most. A busy machine lets it sleep longer, and the time that it waited is taken off.
        let ran = 1.0 - rate.waited.min(0.99);
        assert!((1e-6..1.0 / ran).contains(&rate.mega_per_s), "{rate:?}");
    }
}
