//! What can be measured, one case a file.

pub mod adversarial;
pub mod beside;
pub mod bridge;
pub mod churn;
pub mod failover;
pub mod fib;
pub mod flood;
pub mod forward;
pub mod latency;
mod rte;
pub mod updates;
pub mod vnis;
pub mod workers;

use crate::error::PerfError;
use crate::router::inject::{Batch, Change};
use crate::router::{Injector, Router, setup};
use crate::traffic::{Family, Table};
use ferroute_proto::v1::{NextHop, NextHopSet};

/// The owner of the routes that are measured.
const OWNER: &str = "perf";
/// The set of next hops that a table leads to, or the first of its sets.
const SET: u32 = 1;

/// Sets of one next hop each, by these many neighbours behind the first sink.
fn neighbours(family: Family, count: u16) -> impl Iterator<Item = Vec<NextHop>> {
    (0..count as u8).map(move |host| vec![setup::next_hop(family, 0, host)])
}

/// Injects a table whose routes lead to these sets of next hops, one after the other.
fn inject(
    router: &Router,
    table: &Table,
    next_hops: impl Iterator<Item = Vec<NextHop>>,
) -> Result<Injector, PerfError> {
    let sets: Vec<NextHopSet> = (SET..)
        .zip(next_hops)
        .map(|(id, next_hops)| NextHopSet { id, next_hops })
        .collect();
    let numbers: Vec<u32> = sets.iter().map(|set| set.id).collect();
    let mut injector = router.injector(OWNER)?;
    injector.send(&[Batch::sets(sets)])?;
    let sets = numbers.into_iter().cycle();
    let changes: Vec<Change> = table
        .prefixes
        .iter()
        .zip(sets)
        .map(|(net, set)| Change::Set(*net, set))
        .collect();
    injector.send(&Batch::table(&changes))?;
    Ok(injector)
}
