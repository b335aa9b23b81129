//! How long a thread ran and how long it waited for its CPU, as the scheduler counts it.

use crate::error::PerfError;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Over this time the thread that polls is told from those that sleep.
const WATCH: Duration = Duration::from_millis(20);

/// A thread whose times are read.
#[derive(Clone, Debug)]
pub struct Thread {
    schedstat: PathBuf,
}

/// The times of a thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Times {
    /// How long it ran, in nanoseconds.
    pub ran_ns: u64,
    /// How long it was ready to run without running, in nanoseconds.
    pub waited_ns: u64,
}

impl Thread {
    /// Whatever thread asks.
    #[must_use]
    pub fn calling() -> Self {
        Self {
            schedstat: "/proc/thread-self/schedstat".into(),
        }
    }

    /// The thread of a process that polls on this CPU: of those that may run nowhere else, the one that runs.
    ///
    /// # Errors
    /// There is none.
    pub fn poller(pid: i32, cpu: usize) -> Result<Self, PerfError> {
        let none = || PerfError::NoPoller { pid, cpu };
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).map_err(|_| none())?;
        let pinned = tasks.flatten().filter(|task| is_pinned(&task.path(), cpu));
        let threads: Vec<Self> = pinned
            .map(|task| Self {
                schedstat: task.path().join("schedstat"),
            })
            .collect();
        let before: Vec<u64> = threads.iter().map(|thread| thread.times().ran_ns).collect();
        std::thread::sleep(WATCH);
        let ran = |(thread, before): &(Self, u64)| thread.times().ran_ns - before;
        threads
            .into_iter()
            .zip(before)
            .max_by_key(ran)
            .map(|(thread, _)| thread)
            .ok_or_else(none)
    }

    /// Those that poll on these CPUs, one on each.
    ///
    /// # Errors
    /// A CPU has none.
    pub fn pollers(pid: i32, cpus: &[usize]) -> Result<Vec<Self>, PerfError> {
        cpus.iter().map(|cpu| Self::poller(pid, *cpu)).collect()
    }

    /// Its times so far.
    #[must_use]
    pub fn times(&self) -> Times {
        // A thread that is gone did not wait; its counters will tell that it is gone.
        parse(&fs::read_to_string(&self.schedstat).unwrap_or_default()).unwrap_or_default()
    }
}

/// The first two of the three numbers of a `schedstat` file: time on a CPU, time waiting for one.
fn parse(schedstat: &str) -> Option<Times> {
    let mut fields = schedstat.split_whitespace();
    let mut next = || fields.next()?.parse().ok();
    Some(Times {
        ran_ns: next()?,
        waited_ns: next()?,
    })
}

fn is_pinned(task: &Path, cpu: usize) -> bool {
    let status = fs::read_to_string(task.join("status")).unwrap_or_default();
    let list = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    list.is_some_and(|list| list.trim() == cpu.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::cpus::{Cpus, pin};
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn the_kernels_line_is_read() {
        assert_eq!(
            parse("858911431 951606486 592\n"),
            Some(Times {
                ran_ns: 858_911_431,
                waited_ns: 951_606_486
            })
        );
        assert_eq!(parse(""), None);
    }

    #[test]
    fn the_thread_that_polls_is_found() {
        let cpu = Cpus::plan(None).unwrap().worker;
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                pin(cpu).unwrap();
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
            std::thread::sleep(Duration::from_millis(50));
            let pid = std::process::id().cast_signed();
            let poller = Thread::poller(pid, cpu).unwrap();
            assert!(poller.times().ran_ns > 0);
            stop.store(true, Ordering::Relaxed);
        });
        assert!(matches!(
            Thread::poller(i32::MAX, cpu),
            Err(PerfError::NoPoller { .. })
        ));
    }
}
