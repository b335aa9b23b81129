//! What one worker of the router reaches on an input, beside testpmd on the same one.

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

/// Measures testpmd on the setup's capture, then the router, which `prepare` gives what it forwards by; what that
/// returns is held until the end. Packets leave by the first sink.
///
/// # Errors
/// Either could not be run.
pub fn run<T>(
    bench: &Bench,
    setup: &Setup<'_>,
    progress: &Progress,
    prepare: impl FnOnce(&mut Router) -> Result<T, PerfError>,
) -> Result<Beside, PerfError> {
    let capture = setup
        .capture
        .ok_or_else(|| PerfError::Missing("capture".to_owned()))?;
    let testpmd = testpmd::measure(bench, capture, progress)?;
    progress.say("ferrouted starts");
    let mut router = Router::start(bench, setup)?;
    let _held = prepare(&mut router)?;
    router.wait_until_it_forwards(setup::SINKS[0])?;
    std::thread::sleep(WARM_UP);
    progress.say("ferrouted forwards");
    let before = router.api().worker()?;
    let worker = router.worker();
    let rate = rate(&bench.method, &worker, progress, || {
        router.sent(setup::SINKS[0])
    })?;
    let after = router.api().worker()?;
    router.stop()?;
    Ok(Beside {
        ratio: rate.mega_per_s / testpmd.mega_per_s,
        testpmd,
        router: rate,
        stages: stages(&before, &after),
        packets_per_burst: after.packets_per_burst,
        lost: lost(&before, &after),
    })
}

/// Cycles for each packet of every stage between two readings.
pub(super) fn stages(before: &v1::Worker, after: &v1::Worker) -> Vec<StageCost> {
    let spent = || {
        let pairs = before.stages.iter().zip(&after.stages);
        pairs.map(|(before, after)| {
            let packets = after.packets - before.packets;
            (&after.name, after.cycles - before.cycles, packets)
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

/// Packets received and not sent between two readings.
pub(super) fn lost(before: &v1::Worker, after: &v1::Worker) -> u64 {
    let ended = |worker: &v1::Worker| {
        worker.dropped_packets + worker.punted_packets + worker.consumed_packets
    };
    ended(after) - ended(before)
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
        let costs = stages(&worker(100), &worker(164));
        let cycles: Vec<f64> = costs.iter().map(|cost| cost.cycles).collect();
        assert_eq!(cycles, [30.0, 20.0, 20.0]);
    }
}
