//! Rates: what moved between two looks at the counters.

use std::collections::HashMap;
use std::time::Instant;

use ferroute_dataplane::counters::{Stage, WorkerCounters};
use ferroute_dataplane::ids::{AdjacencyId, WorkerIndex};

/// What one look saw of a worker.
#[derive(Clone, Copy, Debug, Default)]
struct Look {
    rx: u64,
    bursts: u64,
    busy_cycles: u64,
    idle_cycles: u64,
    asleep_cycles: u64,
    stages: [u64; Stage::COUNT],
    stage_packets: [u64; Stage::COUNT],
}

impl Look {
    fn at(counters: &WorkerCounters) -> Self {
        Self {
            rx: counters.rx.get(),
            bursts: counters.bursts.get(),
            busy_cycles: counters.busy_cycles.get(),
            idle_cycles: counters.idle_cycles.get(),
            asleep_cycles: counters.asleep_cycles.get(),
            stages: std::array::from_fn(|stage| counters.stage_cycles[stage].get()),
            stage_packets: std::array::from_fn(|stage| counters.stage_packets[stage].get()),
        }
    }
}

/// What a worker did over about the last second.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rates {
    /// Share of its time spent on packets.
    pub busy: f64,
    /// Share of its time asleep.
    pub asleep: f64,
    /// Packets of a burst that was not empty.
    pub packets_per_burst: f64,
    /// Cycles for each received packet.
    pub cycles_per_packet: f64,
    /// The same by stage, for each packet that went through it.
    pub stages: [f64; Stage::COUNT],
}

fn ratio(of: u64, to: u64) -> f64 {
    if to == 0 { 0.0 } else { of as f64 / to as f64 }
}

/// Looks at counters, about once a second.
#[derive(Debug, Default)]
pub struct Samples {
    workers: HashMap<WorkerIndex, (Look, Rates)>,
    adjacencies: HashMap<AdjacencyId, u64>,
    last: Option<Instant>,
}

impl Samples {
    /// Whether the last look is a second ago; the caller then looks.
    pub fn due(&mut self) -> bool {
        let due = self
            .last
            .is_none_or(|last| last.elapsed().as_millis() >= 1000);
        if due {
            self.last = Some(Instant::now());
        }
        due
    }

    /// Looks at a worker.
    pub fn look(&mut self, worker: WorkerIndex, counters: &WorkerCounters) {
        let now = Look::at(counters);
        let (before, rates) = self.workers.entry(worker).or_default();
        let busy = now.busy_cycles - before.busy_cycles;
        let packets = now.rx - before.rx;
        let all = busy + now.idle_cycles - before.idle_cycles;
        *rates = Rates {
            busy: ratio(busy, all),
            asleep: ratio(now.asleep_cycles - before.asleep_cycles, all),
            packets_per_burst: ratio(packets, now.bursts - before.bursts),
            cycles_per_packet: ratio(busy, packets),
            stages: std::array::from_fn(|stage| {
                ratio(
                    now.stages[stage] - before.stages[stage],
                    now.stage_packets[stage] - before.stage_packets[stage],
                )
            }),
        };
        *before = now;
    }

    /// What the worker did between the last two looks.
    #[must_use]
    pub fn rates(&self, worker: WorkerIndex) -> Rates {
        self.workers
            .get(&worker)
            .map(|(_, rates)| *rates)
            .unwrap_or_default()
    }

    /// Whether an adjacency's count of packets grew since the last time.
    pub fn adjacency_moved(&mut self, adjacency: AdjacencyId, packets: u64) -> bool {
        self.adjacencies
            .insert(adjacency, packets)
            .unwrap_or_default()
            < packets
    }
}
