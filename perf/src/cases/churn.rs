//! Routes that change while packets are forwarded by them: what is lost, and how much the rate dips.

use super::forward::lost;
use super::{SET, inject};
use crate::bench::Bench;
use crate::error::PerfError;
use crate::progress::Progress;
use crate::router::inject::{Batch, Change, Injector};
use crate::router::{Router, Setup, setup};
use crate::sample::{Rate, rate};
use crate::traffic::{Family, Table};
use ipnet::IpNet;
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
    // A default route carries the flows of what comes and goes while it is away.
    let default = IpNet::V4(ipnet::Ipv4Net::default());
    let capture = bench.capture(&table)?;
    let mut router = Router::start(
        bench,
        &Setup {
            capture: Some(&capture),
        },
    )?;
    let mut injector = inject(&router, &table, &[0])?;
    let other = setup::next_hop_set(OTHER_SET, Family::V4, &[1]);
    injector.send(&[
        Batch::sets(vec![other]),
        Batch::changes([Change::Set(default, SET)]),
    ])?;
    router.wait_until_it_forwards(setup::SINKS[0])?;

    let worker = router.worker();
    progress.say("forwarding at rest");
    let quiet = rate(&bench.method, &worker, progress, || sent(&mut router))?;
    progress.say("forwarding while routes change");
    let before = router.api().worker()?;
    let stop = AtomicBool::new(false);
    let (churned, changes_per_s) = std::thread::scope(|scope| {
        let churner = scope.spawn(|| churn(&mut injector, &table.prefixes, &coming, &stop));
        let churned = rate(&bench.method, &worker, progress, || sent(&mut router));
        stop.store(true, Ordering::Relaxed);
        let changes = churner
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok::<_, PerfError>((churned?, changes?))
    })?;
    let after = router.api().worker()?;
    router.stop()?;
    Ok(Churn {
        routes: ROUTES,
        asked_per_s: CHANGES_PER_S as f64,
        changes_per_s,
        dip: 1.0 - churned.mega_per_s / quiet.mega_per_s,
        quiet,
        churned,
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

/// One turn of changes that ends where it began: half of each batch moves live routes to the other next hops and,
/// later, back; the other half adds routes and, later, withdraws them.
fn turns(live: &[IpNet], coming: &[IpNet]) -> Vec<Batch> {
    let half = BATCH / 2;
    let turn = |set: u32, come: bool| {
        let pairs = live.chunks(half).zip(coming.chunks(half));
        pairs.map(move |(live, coming)| {
            let moves = live.iter().map(move |net| Change::Set(*net, set));
            let comes = coming.iter().map(move |net| {
                if come {
                    Change::Set(*net, set)
                } else {
                    Change::Withdraw(*net)
                }
            });
            Batch::changes(moves.chain(comes))
        })
    };
    turn(OTHER_SET, true).chain(turn(SET, false)).collect()
}
