//! What can be measured, one case a file.

pub mod adversarial;
pub mod churn;
pub mod failover;
pub mod fib;
pub mod forward;
pub mod latency;
mod rte;
pub mod updates;

use crate::error::PerfError;
use crate::router::inject::{Batch, Change};
use crate::router::{Injector, Router, setup};
use crate::traffic::Table;
use ferroute_proto::v1::NextHopSet;

/// The owner of the routes that are measured.
const OWNER: &str = "perf";
/// The set of next hops that a table leads to, or the first of its sets.
const SET: u32 = 1;

/// Injects a table whose routes lead to these many neighbours behind the first sink, one after the other.
fn inject(router: &Router, table: &Table, next_hops: u8) -> Result<Injector, PerfError> {
    let sets = (0..next_hops).map(|host| NextHopSet {
        id: SET + u32::from(host),
        next_hops: vec![setup::next_hop(table.family, 0, host)],
    });
    let mut injector = router.injector(OWNER)?;
    injector.send(&[Batch::sets(sets.collect())])?;
    let sets = (SET..SET + u32::from(next_hops.max(1))).cycle();
    let changes: Vec<Change> = table
        .prefixes
        .iter()
        .zip(sets)
        .map(|(net, set)| Change::Set(*net, set))
        .collect();
    injector.send(&Batch::table(&changes))?;
    Ok(injector)
}
