//! A next hop of a million prefixes fails: how soon all of them are moved, and what is lost.

use super::beside::lost;
use super::{OWNER, SET};
use crate::bench::Bench;
use crate::error::PerfError;
use crate::machine::Workers;
use crate::progress::Progress;
use crate::router::inject::{Batch, Change};
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
    /// Milliseconds from the call until the last packet went to the member, by what it was sent after: the median.
    pub moved_ms: f64,
    /// The longest.
    pub moved_max_ms: f64,
    /// Packets lost meanwhile, all rounds together.
    pub lost: u64,
}

/// Takes one of two members down and up again, several times.
///
/// # Errors
/// The router could not be run.
pub fn run(bench: &Bench, progress: &Progress) -> Result<Failover, PerfError> {
    let table = Table::draw(Family::V4, ROUTES);
    let captures = bench.captures(&table, None, Workers::One)?;
    progress.say("a million prefixes are injected over a group of two");
    let mut router = Router::start(
        bench,
        &Setup {
            captures: &captures,
            ..Setup::default()
        },
    )?;
    let mut injector = router.injector(OWNER)?;
    injector.send(&[Batch::sets(vec![setup::next_hop_set(
        SET,
        table.family,
        &[0, 1],
    )])])?;
    let changes: Vec<Change> = table
        .prefixes
        .iter()
        .map(|net| Change::Set(*net, SET))
        .collect();
    injector.send(&Batch::table(&changes))?;
    let failing = setup::SINKS[1];
    router.wait_until_it_forwards(failing)?;
    let share_per_ms = share_per_ms(&mut router, failing)?;
    progress.say("one of the two fails");
    let (mut answers_ms, mut moved_ms) = (Vec::new(), Vec::new());
    let before = router.api().workers()?;
    for _ in 0..ROUNDS {
        let (start, sent) = (Instant::now(), router.sent(failing)?);
        let asked = start.elapsed() / 2;
        router.api().set_up(failing, false)?;
        answers_ms.push((start.elapsed() - 2 * asked).as_secs_f64() * 1e3);
        std::thread::sleep(SETTLE);
        let sent = router.sent(failing)? - sent;
        // The counter was read halfway through the question for it.
        moved_ms.push((sent as f64 / share_per_ms - asked.as_secs_f64() * 1e3).max(0.0));
        router.api().set_up(failing, true)?;
        router.wait_until_it_forwards(failing)?;
        progress.step();
    }
    let lost = lost(&before, &router.api().workers()?);
    router.stop()?;
    let longest = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
    Ok(Failover {
        routes: ROUTES,
        answer_ms: median(&answers_ms),
        answer_max_ms: longest(&answers_ms),
        moved_ms: median(&moved_ms),
        moved_max_ms: longest(&moved_ms),
        lost,
    })
}

/// Packets that leave by a port in a millisecond.
fn share_per_ms(router: &mut Router, port: &str) -> Result<f64, PerfError> {
    let (start, before) = (Instant::now(), router.sent(port)?);
    std::thread::sleep(Duration::from_millis(500));
    let sent = router.sent(port)? - before;
    Ok(sent as f64 / (start.elapsed().as_secs_f64() * 1e3))
}
