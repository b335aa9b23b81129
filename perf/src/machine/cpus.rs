//! Which CPUs workers have, and where everything else runs.

use crate::error::PerfError;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use serde::Serialize;

/// How many threads of a program forward, each on a CPU and from a source of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Workers {
    /// One, as in most cases.
    #[default]
    One,
    /// Two.
    Two,
}

impl Workers {
    /// As many as there are sources, but one at least.
    #[must_use]
    pub const fn of(sources: usize) -> Self {
        match sources {
            0 | 1 => Self::One,
            _ => Self::Two,
        }
    }

    /// How many they are.
    #[must_use]
    pub const fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }
}

/// Who runs where.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Cpus {
    /// The worker's CPU, which has nothing else to do.
    pub worker: usize,
    /// A second worker's CPU, where there is one: `control` if the machine has no third.
    pub second: usize,
    /// Where all other threads run, of the measured programs and of this one.
    pub control: usize,
}

impl Cpus {
    /// Of the CPUs that this process may use the last for the worker, or `worker` if it is given, the
    /// first of the others for the rest, and the last of those for a second worker.
    ///
    /// # Errors
    /// There are fewer than two, or the one asked for is not among them.
    pub fn plan(worker: Option<usize>) -> Result<Self, PerfError> {
        Self::choose(&allowed()?, worker)
    }

    fn choose(allowed: &[usize], worker: Option<usize>) -> Result<Self, PerfError> {
        let worker = match worker {
            Some(cpu) => *allowed
                .iter()
                .find(|allowed| **allowed == cpu)
                .ok_or(PerfError::NoSuchCpu(cpu))?,
            None => *allowed.last().ok_or(PerfError::TooFewCpus(0))?,
        };
        let mut others = allowed.iter().copied().filter(|cpu| *cpu != worker);
        let control = others.next();
        let control = control.ok_or(PerfError::TooFewCpus(allowed.len()))?;
        Ok(Self {
            worker,
            second: others.next_back().unwrap_or(control),
            control,
        })
    }

    /// Those of the workers.
    #[must_use]
    pub fn of(&self, workers: Workers) -> Vec<usize> {
        let mut cpus = vec![self.worker, self.second];
        cpus.truncate(workers.count());
        cpus
    }

    /// Whether a worker has to share its CPU with everything else.
    #[must_use]
    pub fn shared(&self, workers: Workers) -> bool {
        self.of(workers).contains(&self.control)
    }

    /// All of them, as `taskset` takes them.
    #[must_use]
    pub fn list(&self) -> String {
        format!("{},{},{}", self.control, self.second, self.worker)
    }
}

/// Keeps the calling thread, and those that it will start, on one CPU.
///
/// # Errors
/// The kernel refuses.
pub fn pin(cpu: usize) -> Result<(), PerfError> {
    let failed = PerfError::system(format!("keeping a thread on CPU {cpu}"));
    let mut set = CpuSet::new();
    set.set(cpu)
        .and_then(|()| sched_setaffinity(Pid::from_raw(0), &set))
        .map_err(failed)
}

fn allowed() -> Result<Vec<usize>, PerfError> {
    let set =
        sched_getaffinity(Pid::from_raw(0)).map_err(PerfError::system("asking for our CPUs"))?;
    Ok((0..CpuSet::count())
        .filter(|cpu| set.is_set(*cpu).unwrap_or(false))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_has_a_worker() {
        let workers = [0, 1, 2].map(|sources| Workers::of(sources).count());
        assert_eq!(workers, [1, 1, 2]);
    }

    #[test]
    fn the_worker_has_a_cpu_for_itself() {
        let two = Cpus::choose(&[0, 1], None).unwrap();
        assert_eq!((two.worker, two.control), (1, 0));
        let three = Cpus::choose(&[2, 4, 6], Some(2)).unwrap();
        assert_eq!((three.worker, three.control), (2, 4));
        assert!(!two.shared(Workers::One) && !three.shared(Workers::One));
        assert!(matches!(
            Cpus::choose(&[3], None),
            Err(PerfError::TooFewCpus(1))
        ));
        assert!(matches!(
            Cpus::choose(&[0, 1], Some(2)),
            Err(PerfError::NoSuchCpu(2))
        ));
    }

    #[test]
    fn a_second_worker_shares_only_where_there_is_no_third_cpu() {
        let two = Cpus::choose(&[0, 1], None).unwrap();
        assert_eq!(two.of(Workers::Two), [1, 0]);
        assert!(two.shared(Workers::Two));
        let four = Cpus::choose(&[0, 1, 2, 3], None).unwrap();
        assert_eq!(four.of(Workers::Two), [3, 2]);
        assert!(!four.shared(Workers::Two));
        assert_eq!(four.list(), "0,2,3");
    }

    #[test]
    fn a_pinned_thread_stays() {
        let cpu = allowed().unwrap()[0];
        std::thread::spawn(move || {
            pin(cpu).unwrap();
            assert_eq!(allowed().unwrap(), [cpu]);
        })
        .join()
        .unwrap();
    }
}
