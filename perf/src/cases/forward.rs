//! The rate at which one worker forwards, beside testpmd's on the same input.

use super::{SET, inject, neighbours};
use crate::bench::Bench;
use crate::error::PerfError;
use crate::progress::Progress;
use crate::router::inject::{Batch, Change};
use crate::router::{Injector, Router, Setup, overlay, setup};
use crate::sample::{Rate, rate};
use crate::testpmd::Testpmd;
use crate::traffic::overlay::REMOTES;
use crate::traffic::{Family, Overlay, Table};
use ferroute_proto::v1::{self, NextHopSet};
use ipnet::Ipv4Net;
use serde::Serialize;
use std::path::Path;
use std::time::Duration;

/// Caches and branch predictors come to rest before the first sample.
const WARM_UP: Duration = Duration::from_millis(300);

/// The owner of the route to the remote ends of tunnels.
const UNDERLAY_OWNER: &str = "underlay";

/// What is forwarded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Load {
    /// The family.
    pub family: Family,
    /// Routes of the table.
    pub routes: usize,
    /// Neighbours or tunnels to which they lead, one after the other.
    pub next_hops: u16,
    /// Which way packets go through tunnels, if they do.
    pub overlay: Option<Overlay>,
}

impl Load {
    /// What it is, as people say it.
    #[must_use]
    pub fn name(&self) -> String {
        let family = self.family.name();
        match self.overlay {
            None => family.to_owned(),
            Some(Overlay::Into(encap)) => format!("{family} into {}", encap.name()),
            Some(Overlay::OutOf(encap)) => format!("{family} out of {}", encap.name()),
        }
    }
}

/// The cost of one stage of the router.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct StageCost {
    /// The stage.
    pub name: String,
    /// Cycles for each packet.
    pub cycles: f64,
}

/// A measured load.
#[derive(Clone, Debug, Serialize)]
pub struct Forwarding {
    /// The load.
    #[serde(flatten)]
    pub load: Load,
    /// Distinct flows in the input.
    pub flows: usize,
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

/// Measures testpmd, then the router.
///
/// # Errors
/// Either could not be run.
pub fn run(bench: &Bench, load: Load, progress: &Progress) -> Result<Forwarding, PerfError> {
    let table = Table::draw(load.family, load.routes);
    let capture = bench.capture(&table, load.overlay)?;
    let testpmd = of_testpmd(bench, &capture, progress)?;

    progress.say("ferrouted starts");
    let mut router = Router::start(
        bench,
        &Setup {
            capture: Some(&capture),
        },
    )?;
    let _injectors = inject_load(&mut router, &table, &load)?;
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
    Ok(Forwarding {
        load,
        flows: table.flows.len(),
        ratio: rate.mega_per_s / testpmd.mega_per_s,
        testpmd,
        router: rate,
        stages: stages(&before, &after),
        packets_per_burst: after.packets_per_burst,
        lost: lost(&before, &after),
    })
}

/// Injects the routes of a load, and what tunnels need.
fn inject_load(
    router: &mut Router,
    table: &Table,
    load: &Load,
) -> Result<Vec<Injector>, PerfError> {
    let by_neighbours = |router: &Router| {
        let next_hops = neighbours(load.family, load.next_hops);
        inject(router, table, next_hops)
    };
    match load.overlay {
        None => Ok(vec![by_neighbours(router)?]),
        Some(Overlay::OutOf(encap)) => {
            overlay::add_endpoint(router.api(), encap)?;
            Ok(vec![by_neighbours(router)?])
        }
        Some(Overlay::Into(encap)) => {
            overlay::add_endpoint(router.api(), encap)?;
            let mut below = router.injector(UNDERLAY_OWNER)?;
            below.send(&[Batch::sets(vec![NextHopSet {
                id: SET,
                next_hops: vec![overlay::underlay()],
            }])])?;
            let remotes = Ipv4Net::new_assert(REMOTES, 16).into();
            below.send(&[Batch::changes([Change::Set(remotes, SET)])])?;
            let above = inject(router, table, overlay::next_hops(encap))?;
            Ok(vec![below, above])
        }
    }
}

fn of_testpmd(bench: &Bench, capture: &Path, progress: &Progress) -> Result<Rate, PerfError> {
    progress.say("testpmd starts");
    let mut testpmd = Testpmd::start(bench, capture)?;
    std::thread::sleep(WARM_UP);
    progress.say("testpmd forwards");
    let worker = testpmd.worker().clone();
    let rate = rate(&bench.method, &worker, progress, || testpmd.sent())?;
    testpmd.stop()?;
    Ok(rate)
}

/// Cycles for each packet of every stage between two readings.
pub(super) fn stages(before: &v1::Worker, after: &v1::Worker) -> Vec<StageCost> {
    let pairs = before.stages.iter().zip(&after.stages);
    let cost = |(before, after): (&v1::StageStats, &v1::StageStats)| StageCost {
        name: after.name.clone(),
        cycles: (after.cycles - before.cycles) as f64
            / (after.packets - before.packets).max(1) as f64,
    };
    pairs.map(cost).collect()
}

/// Packets received and not sent between two readings.
pub(super) fn lost(before: &v1::Worker, after: &v1::Worker) -> u64 {
    let ended = |worker: &v1::Worker| {
        worker.dropped_packets + worker.punted_packets + worker.consumed_packets
    };
    ended(after) - ended(before)
}
