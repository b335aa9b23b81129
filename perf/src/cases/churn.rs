//! Routes that change while packets are forwarded by them: what is lost, and how much the rate dips.

use super::beside::{StageCost, lost, stages};
use super::{OWNER, SET};
use crate::bench::Bench;
use crate::error::PerfError;
use crate::machine::Workers;
use crate::progress::Progress;
use crate::router::inject::{Batch, Change, Injector};
use crate::router::{Router, Setup, setup};
use crate::sample::{Rate, rate};
use crate::traffic::{Family, Table};
use ipnet::{IpNet, Ipv4Net};
use serde::Serialize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Routes that stay; half of them change their next hop.
const ROUTES: usize = 100_000;
/// Further routes that come and go. Flows go over all.
const COMING: usize = ROUTES / 2;
/// Changes asked for in a second, and in a batch.
const CHANGES_PER_S: usize = 100_000;
const BATCH: usize = 1_000;
const HALF: usize = BATCH / 2;
/// The other set of next hops.
const OTHER_SET: u32 = 2;

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Churn {
    /// Routes of the table.
    pub routes: usize,
    /// Changes a second that were asked for.
    pub asked_per_s: f64,
    /// Changes a second that were acknowledged.
    pub changes_per_s: f64,
    /// The rate at rest.
    pub quiet: Rate,
    /// The rate meanwhile.
    pub churned: Rate,
    /// Where the cycles go at rest.
    pub quiet_stages: Vec<StageCost>,
    /// Where they go meanwhile.
    pub churned_stages: Vec<StageCost>,
    /// By which share the rate dipped.
    pub dip: f64,
    /// Packets received and not sent meanwhile.
    pub lost: u64,
}

/// Forwards at rest, then while routes change.
///
/// # Errors
/// The router could not be run, or refuses a route.
pub fn run(bench: &Bench, progress: &Progress) -> Result<Churn, PerfError> {
    let mut table = Table::draw(Family::V4, ROUTES + COMING);
    let coming = table.prefixes.split_off(ROUTES);
    let captures = bench.captures(&table, None, Workers::One)?;
    let mut router = Router::start(
        bench,
        &Setup {
            captures: &captures,
            ..Setup::default()
        },
    )?;
    let mut injector = router.injector(OWNER)?;
    injector.send(&start(&table.prefixes, &coming))?;
    router.wait_until_it_forwards(setup::SINKS[0])?;

    let workers = router.workers();
    progress.say("forwarding at rest");
    let resting = router.api().workers()?;
    let quiet = rate(&bench.method, &workers, progress, || sent(&mut router))?;
    progress.say("forwarding while routes change");
    let before = router.api().workers()?;
    let stop = AtomicBool::new(false);
    let (churned, changes_per_s) = std::thread::scope(|scope| {
        let churner = scope.spawn(|| churn(&mut injector, &table.prefixes, &coming, &stop));
        let churned = rate(&bench.method, &workers, progress, || sent(&mut router));
        stop.store(true, Ordering::Relaxed);
        let changes = churner
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok::<_, PerfError>((churned?, changes?))
    })?;
    let after = router.api().workers()?;
    router.stop()?;
    Ok(Churn {
        routes: ROUTES,
        asked_per_s: CHANGES_PER_S as f64,
        changes_per_s,
        dip: 1.0 - churned.mega_per_s / quiet.mega_per_s,
        quiet,
        churned,
        quiet_stages: stages(&resting, &before),
        churned_stages: stages(&before, &after),
        lost: lost(&before, &after),
    })
}

fn sent(router: &mut Router) -> Result<u64, PerfError> {
    setup::SINKS.iter().map(|sink| router.sent(sink)).sum()
}

/// Changes routes at the pace asked for until told to stop; returns the changes a second that were acknowledged.
fn churn(
    injector: &mut Injector,
    live: &[IpNet],
    coming: &[IpNet],
    stop: &AtomicBool,
) -> Result<f64, PerfError> {
    let batches = turns(live, coming);
    let pace = Duration::from_secs_f64(BATCH as f64 / CHANGES_PER_S as f64);
    let start = Instant::now();
    let mut done = 0;
    for batch in batches.iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        injector.send(std::slice::from_ref(batch))?;
        done += 1;
        std::thread::sleep((pace * done).saturating_sub(start.elapsed()));
    }
    Ok(f64::from(done) * BATCH as f64 / start.elapsed().as_secs_f64())
}

/// The state in which turns begin and end: both next hops have half of the routes that stay. What comes and goes has the
/// first, and so has the default route that its flows take meanwhile: the mix of next hops never changes.
fn start(live: &[IpNet], coming: &[IpNet]) -> Vec<Batch> {
    let sets = (0..).zip([SET, OTHER_SET]);
    let sets = sets
        .map(|(sink, set)| setup::next_hop_set(set, Family::V4, &[sink]))
        .collect();
    let default = Change::Set(IpNet::V4(Ipv4Net::default()), SET);
    let live = (0..)
        .zip(live.chunks(HALF))
        .map(|(place, chunk)| move_to(chunk, turned(place, false)));
    let coming = coming.chunks(HALF).map(|chunk| come(chunk, true));
    let halves = live.chain(coming).map(Batch::changes);
    [Batch::sets(sets), Batch::changes([default])]
        .into_iter()
        .chain(halves)
        .collect()
}

/// One turn of changes: half of each batch moves live routes to the other next hop and, later, back; the other half
/// withdraws routes and, later, adds them.
fn turns(live: &[IpNet], coming: &[IpNet]) -> Vec<Batch> {
    let half_turn = |away: bool| {
        let pairs = (0..).zip(live.chunks(HALF).zip(coming.chunks(HALF)));
        pairs.map(move |(place, (live, coming))| {
            Batch::changes(
                move_to(live, turned(place, away))
                    .into_iter()
                    .chain(come(coming, !away)),
            )
        })
    };
    half_turn(true).chain(half_turn(false)).collect()
}

/// The next hops of a chunk of live routes.
const fn turned(place: usize, away: bool) -> u32 {
    if place.is_multiple_of(2) == away {
        OTHER_SET
    } else {
        SET
    }
}

fn move_to(chunk: &[IpNet], set: u32) -> Vec<Change> {
    chunk.iter().map(|net| Change::Set(*net, set)).collect()
}

fn come(chunk: &[IpNet], here: bool) -> Vec<Change> {
    let change = |net: &IpNet| {
        if here {
            Change::Set(*net, SET)
        } else {
            Change::Withdraw(*net)
        }
    };
    chunk.iter().map(change).collect()
}
