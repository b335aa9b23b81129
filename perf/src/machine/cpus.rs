//! Which CPU the worker has, and where everything else runs.

use crate::error::PerfError;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use serde::Serialize;

/// Who runs where.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Cpus {
    /// The worker's CPU, which has nothing else to do.
    pub worker: usize,
    /// Where all other threads run, of the measured programs and of this one.
    pub control: usize,
}

impl Cpus {
    /// Of the CPUs that this process may use the last for the worker, or `worker` if it is given, and the
    /// first of the others for the rest.
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
        let control = allowed.iter().find(|cpu| **cpu != worker);
        let control = *control.ok_or(PerfError::TooFewCpus(allowed.len()))?;
        Ok(Self { worker, control })
    }

    /// Both, as `taskset` and DPDK take them.
    #[must_use]
    pub fn list(&self) -> String {
        format!("{},{}", self.control, self.worker)
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
    fn the_worker_has_a_cpu_for_itself() {
        assert_eq!(
            Cpus::choose(&[0, 1], None).unwrap(),
            Cpus {
                worker: 1,
                control: 0
            }
        );
        assert_eq!(
            Cpus::choose(&[2, 4, 6], Some(2)).unwrap(),
            Cpus {
                worker: 2,
                control: 4
            }
        );
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
