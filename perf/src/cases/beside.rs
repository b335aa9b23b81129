//! What the router reaches on an input, beside testpmd on the same one with as many workers.

use crate::bench::Bench;
use crate::dpdk::testpmd;
use crate::error::PerfError;
use crate::progress::Progress;
use crate::router::{Router, Setup, setup};
use crate::sample::{Rate, rate};
use ferroute_dataplane::counters::Stage;
use ferroute_proto::v1;
use serde::Serialize;
use std::time::Duration;

/// Caches and branch predictors come to rest before the first sample.
const WARM_UP: Duration = Duration::from_millis(300);

/// The cost of one stage of the router.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct StageCost {
    /// The stage.
    pub name: String,
    /// Cycles for each received packet, in all rounds together.
    pub cycles: f64,
}

/// What both reach.
#[derive(Clone, Debug, Serialize)]
pub struct Beside {
    /// What testpmd reaches.
    pub testpmd: Rate,
    /// What the router reaches.
    pub router: Rate,
    /// The router's rate as a share of testpmd's.
    pub ratio: f64,
    /// Where the router's cycles go, by its own count.
    pub stages: Vec<StageCost>,
    /// Mean packets of a burst.
    pub packets_per_burst: f64,
    /// Packets that the router received and did not send while it was measured.
    pub lost: u64,
}

/// Measures testpmd on the setup's captures, then the router, which `prepare` gives what it forwards by; what that
/// returns is held until the end. Packets leave by the first sink, or by all.
///
/// # Errors
/// Either could not be run.
pub fn run<T>(
    bench: &Bench,
    setup: &Setup<'_>,
    progress: &Progress,
    prepare: impl FnOnce(&mut Router) -> Result<T, PerfError>,
) -> Result<Beside, PerfError> {
    let testpmd = testpmd::measure(bench, setup.captures, progress)?;
    progress.say("ferrouted starts");
    let mut router = Router::start(bench, setup)?;
    let _held = prepare(&mut router)?;
    router.wait_until_it_forwards(setup::SINKS[0])?;
    std::thread::sleep(WARM_UP);
    progress.say("ferrouted forwards");
    let before = router.api().workers()?;
    let workers = router.workers();
    let rate = rate(&bench.method, &workers, progress, || {
        let mut sent = setup::SINKS.into_iter().map(|sink| router.sent(sink));
        sent.try_fold(0, |all, sent| Ok(all + sent?))
    })?;
    let after = router.api().workers()?;
    router.stop()?;
    Ok(Beside {
        ratio: rate.mega_per_s / testpmd.mega_per_s,
        testpmd,
        router: rate,
        stages: stages(&before, &after),
        packets_per_burst: packets_per_burst(&after),
        lost: lost(&before, &after),
    })
}

/// Cycles for each packet of every stage between two readings of all workers.
pub(super) fn stages(before: &[v1::Worker], after: &[v1::Worker]) -> Vec<StageCost> {
    // All workers have the same stages.
    let names = after.first().map_or(&[][..], |worker| &worker.stages);
    let sum = |workers: &[v1::Worker], place: usize, field: fn(&v1::StageStats) -> u64| {
        let stages = workers.iter().filter_map(|worker| worker.stages.get(place));
        stages.map(field).sum::<u64>()
    };
    let spent = || {
        names.iter().enumerate().map(|(place, stage)| {
            let between = |field| sum(after, place, field) - sum(before, place, field);
            (
                &stage.name,
                between(|stage| stage.cycles),
                between(|stage| stage.packets),
            )
        })
    };
    // A packet goes through some stages twice: into a tunnel's underlay, out of a tunnel. Through input it goes once.
    let received = spent().find(|(name, ..)| *name == Stage::Input.name());
    let received = received.map_or(0, |(_, _, packets)| packets);
    // A flush also sends what bursts left that were not measured.
    let through = |name: &str, packets| {
        if name == Stage::Transmit.name() {
            packets
        } else {
            received
        }
    };
    spent()
        .map(|(name, cycles, packets)| StageCost {
            name: name.clone(),
            cycles: cycles as f64 / through(name, packets).max(1) as f64,
        })
        .collect()
}

/// Packets received and not sent between two readings of all workers.
pub(super) fn lost(before: &[v1::Worker], after: &[v1::Worker]) -> u64 {
    let ended = |worker: &v1::Worker| {
        worker.dropped_packets + worker.punted_packets + worker.consumed_packets
    };
    let sum = |workers: &[v1::Worker]| workers.iter().map(ended).sum::<u64>();
    sum(after) - sum(before)
}

/// Mean packets of a burst, over all workers.
fn packets_per_burst(workers: &[v1::Worker]) -> f64 {
    let bursts = workers.iter().map(|worker| worker.packets_per_burst);
    bursts.sum::<f64>() / workers.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_that_packets_meet_twice_costs_what_both_times_cost() {
        let worker = |packets: u64| v1::Worker {
            stages: [("input", 1, 30), ("lookup", 2, 10), ("transmit", 3, 20)]
                .map(|(name, times, cycles)| v1::StageStats {
                    name: name.to_owned(),
                    packets: times * packets,
                    cycles: times * packets * cycles,
                    ..v1::StageStats::default()
                })
                .to_vec(),
            ..v1::Worker::default()
        };
        let cycles = |before: &[v1::Worker], after: &[v1::Worker]| {
            let costs = stages(before, after).into_iter();
            costs.map(|cost| cost.cycles).collect::<Vec<_>>()
        };
        assert_eq!(cycles(&[worker(100)], &[worker(164)]), [30.0, 20.0, 20.0]);
        let (before, after) = ([worker(100), worker(0)], [worker(164), worker(640)]);
        assert_eq!(cycles(&before, &after), [30.0, 20.0, 20.0]);
    }
}
