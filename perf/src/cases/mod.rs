//! What can be measured, one case a file.

pub mod churn;
pub mod failover;
pub mod fib;
pub mod forward;
mod rte;
pub mod updates;

use crate::error::PerfError;
use crate::router::inject::{Batch, Change};
use crate::router::{Router, setup};
use crate::traffic::Table;

/// The owner of the routes that are measured.
const OWNER: &str = "perf";
/// The set of next hops that a table leads to.
const SET: u32 = 1;

/// Injects a table whose routes share their load over these sinks.
fn inject(
    router: &Router,
    table: &Table,
    sinks: &[u8],
) -> Result<crate::router::Injector, PerfError> {
    let mut injector = router.injector(OWNER)?;
    injector.send(&[Batch::sets(vec![setup::next_hop_set(
        SET,
        table.family,
        sinks,
    )])])?;
    injector.send(&Batch::table(&table.prefixes, |net| Change::Set(net, SET)))?;
    Ok(injector)
}
