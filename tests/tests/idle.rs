//! What a worker does with its CPU while nothing comes.

#![allow(clippy::unwrap_used, reason = "what cannot go on has failed")]

use ferroute_tests::{Router, TwoHosts};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// For how long the worker is watched.
const WATCH: Duration = Duration::from_secs(2);
/// The largest share of its time that an idle worker may spend on a CPU, in percent, without optimisation and on a machine
/// whose timers are slow. One that polls takes all that it gets, which is a hundred on a quiet machine.
const MOST_PERCENT: u128 = 40;
/// The least number of sleeps while it is watched: a machine that gives it no CPU lets it sleep less often, not more.
const LEAST_SLEEPS: u64 = 20;

/// The folder of the first worker's thread in `/proc`.
fn worker(router: &Router) -> PathBuf {
    std::fs::read_dir(format!("/proc/{}/task", router.process().pid()))
        .unwrap()
        .map(|task| task.unwrap().path())
        .find(|task| std::fs::read_to_string(task.join("comm")).unwrap() == "worker-0\n")
        .unwrap()
}

/// The CPU time that a thread has used, in nanoseconds, and how often it has slept.
fn used(task: &Path) -> (u128, u64) {
    let read = |file| std::fs::read_to_string(task.join(file)).unwrap();
    let cpu_ns = read("schedstat")
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let sleeps = read("status")
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))
        .map(|count| count.trim().parse().unwrap())
        .unwrap();
    (cpu_ns, sleeps)
}

#[test]
fn an_idle_worker_sleeps_most_of_its_time_and_forwards_the_first_packet_nevertheless() {
    let lab = TwoHosts::build().unwrap();
    let router = lab.start("").unwrap();
    lab.add_routes(&router).unwrap();
    let task = worker(&router);
    let (start, (cpu_before, sleeps_before)) = (Instant::now(), used(&task));
    std::thread::sleep(WATCH);
    let ((cpu_after, sleeps_after), watched) = (used(&task), start.elapsed());
    let percent = (cpu_after - cpu_before) * 100 / watched.as_nanos();
    let sleeps = sleeps_after - sleeps_before;
    println!("{percent} % of a CPU, {sleeps} sleeps within {watched:?}");
    assert!(percent < MOST_PERCENT, "{percent} % of a CPU");
    assert!(sleeps > LEAST_SLEEPS, "{sleeps} sleeps");
    lab.a
        .namespace()
        .run(&format!("ping -n -c 1 -W 20 {}", lab.b.v4.behind))
        .unwrap();
    router.stop().unwrap();
}
