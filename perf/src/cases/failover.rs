//! A next hop of a million prefixes fails: how soon all of them are moved, and what is lost.

use super::forward::lost;
use super::inject;
use crate::bench::Bench;
use crate::error::PerfError;
use crate::progress::Progress;
use crate::router::{Router, Setup, setup};
use crate::sample::median;
use crate::traffic::{Family, Table};
use serde::Serialize;
use std::time::{Duration, Instant};

/// Prefixes behind the group.
const ROUTES: usize = 1_000_000;
/// How often the member fails.
pub const ROUNDS: usize = 10;
/// What was under way when the answer came is counted by then.
const SETTLE: Duration = Duration::from_millis(50);

/// What was measured.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Failover {
    /// Prefixes behind the group.
    pub routes: usize,
    /// Milliseconds from the call that takes a member's interface down until its answer: the median.
    pub answer_ms: f64,
    /// The longest.
    pub answer_max_ms: f64,
    /// Packets lost: the median.
    pub lost: f64,
    /// Milliseconds of the member's share of the traffic that the loss amounts to: the median.
    pub outage_ms: f64,
    /// The longest.
    pub outage_max_ms: f64,
}

/// Takes one of two members down and up again, several times.
///
/// # Errors
/// The router could not be run.
pub fn run(bench: &Bench, progress: &Progress) -> Result<Failover, PerfError> {
    let table = Table::draw(Family::V4, ROUTES);
    let capture = bench.capture(&table)?;
    progress.say("a million prefixes are injected over a group of two");
    let mut router = Router::start(
        bench,
        &Setup {
            capture: Some(&capture),
        },
    )?;
    let _injector = inject(&router, &table, &[0, 1])?;
    let failing = setup::SINKS[1];
    router.wait_until_it_forwards(failing)?;
    let share_per_ms = share_per_ms(&mut router, failing)?;
    progress.say("one of the two fails");
    let (mut answers, mut losses) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let before = router.api().worker()?;
        let start = Instant::now();
        router.api().set_up(failing, false)?;
        answers.push(start.elapsed().as_secs_f64() * 1e3);
        std::thread::sleep(SETTLE);
        losses.push(lost(&before, &router.api().worker()?) as f64);
        router.api().set_up(failing, true)?;
        router.wait_until_it_forwards(failing)?;
        progress.step();
    }
    router.stop()?;
    let longest = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
    Ok(Failover {
        routes: ROUTES,
        answer_ms: median(&answers),
        answer_max_ms: longest(&answers),
        lost: median(&losses),
        outage_ms: median(&losses) / share_per_ms,
        outage_max_ms: longest(&losses) / share_per_ms,
    })
}

/// Packets that leave by a port in a millisecond.
fn share_per_ms(router: &mut Router, port: &str) -> Result<f64, PerfError> {
    let (start, before) = (Instant::now(), router.sent(port)?);
    std::thread::sleep(Duration::from_millis(500));
    let sent = router.sent(port)? - before;
    Ok(sent as f64 / (start.elapsed().as_secs_f64() * 1e3))
}
