//! Routes through the API: a million at once and one at a time, and the memory that they take.

use super::{OWNER, SET};
use crate::bench::Bench;
use crate::error::PerfError;
use crate::progress::Progress;
use crate::router::inject::{Batch, Change, Injector};
use crate::router::{Router, Setup, setup};
use crate::sample::{median, quantile};
use crate::traffic::{Family, Table};
use ferroute_proto::v1;
use ipnet::{IpNet, Ipv4Net};
use serde::Serialize;
use std::net::Ipv4Addr;
use std::time::Duration;

/// Routes of the table.
pub const ROUTES: usize = 1_000_000;
/// Single routes that are added, and withdrawn, for the latencies.
const SINGLES: u32 = 1_000;
/// Destinations that are looked up to see whether acknowledged routes are visible.
const PROBES: usize = 64;

/// Latencies in microseconds.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Latency {
    /// Share of the values, and the value that so many do not exceed.
    pub quantiles_us: Vec<(f64, f64)>,
    /// How many were taken.
    pub count: usize,
}

impl Latency {
    const SHARES: [f64; 7] = [0.0, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0];

    fn of(times: &[Duration]) -> Self {
        let values: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e6).collect();
        Self {
            quantiles_us: Self::SHARES
                .map(|share| (share, quantile(&values, share)))
                .to_vec(),
            count: values.len(),
        }
    }

    /// The value that this share does not exceed, of those that are kept.
    #[must_use]
    pub fn at(&self, share: f64) -> f64 {
        let found = self.quantiles_us.iter().find(|(kept, _)| *kept == share);
        found.map_or(f64::NAN, |(_, value)| *value)
    }
}

/// Resident memory of the router in bytes, huge pages not included.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Memory {
    /// Before the first route.
    pub idle_bytes: u64,
    /// With all routes.
    pub full_bytes: u64,
    /// After all were withdrawn.
    pub emptied_bytes: u64,
    /// What each route takes beyond the idle state.
    pub bytes_per_route: f64,
    /// Of `full_bytes`: in FIBs, by the router's own account.
    pub fib_bytes: u64,
}

/// What was measured.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Updates {
    /// Routes of the table.
    pub routes: usize,
    /// Seconds from the first byte until the last route is visible: the median.
    pub insert_s: f64,
    /// Seconds until the last is gone: the median.
    pub withdraw_s: f64,
    /// Times of all rounds in seconds: insertion, withdrawal.
    pub rounds_s: Vec<(f64, f64)>,
    /// One route at a time, with the full table beside it.
    pub single: Latency,
    /// Memory.
    pub memory: Memory,
}

/// The progress steps of this case: rounds and the latencies.
#[must_use]
pub const fn steps(rounds: usize) -> u64 {
    2 * rounds as u64 + 1
}

/// Fills and empties a router that has nothing else to do.
///
/// # Errors
/// It could not be run, or refuses a route.
pub fn run(bench: &Bench, progress: &Progress) -> Result<Updates, PerfError> {
    let table = Table::draw(Family::V4, ROUTES);
    let all = |change: fn(IpNet) -> Change| {
        let changes: Vec<Change> = table.prefixes.iter().copied().map(change).collect();
        Batch::table(&changes)
    };
    let (inserts, withdrawals) = (all(|net| Change::Set(net, SET)), all(Change::Withdraw));
    let mut router = Router::start(bench, &Setup::default())?;
    let mut injector = router.injector(OWNER)?;
    injector.send(&[Batch::sets(vec![setup::next_hop_set(
        SET,
        Family::V4,
        &[0],
    )])])?;

    let idle_bytes = router.resident_bytes()?;
    let (mut full_bytes, mut fib_bytes) = (0, 0);
    let mut single = Latency::of(&[]);
    let mut rounds_s = Vec::new();
    for round in 0..bench.method.samples {
        progress.say("routes are injected");
        let insert = injector.send(&inserts)?;
        progress.step();
        if round == 0 {
            all_visible(&mut router, &table)?;
            full_bytes = router.resident_bytes()?;
            fib_bytes = router
                .api()
                .memory()?
                .fibs
                .iter()
                .map(|fib| fib.bytes)
                .sum();
            progress.say("single routes are injected");
            single = singles(&mut injector)?;
            progress.step();
        }
        progress.say("routes are withdrawn");
        let withdraw = injector.send(&withdrawals)?;
        progress.step();
        rounds_s.push((insert.as_secs_f64(), withdraw.as_secs_f64()));
    }
    let emptied_bytes = router.resident_bytes()?;
    router.stop()?;
    let (inserts, withdrawals): (Vec<f64>, Vec<f64>) = rounds_s.iter().copied().unzip();
    Ok(Updates {
        routes: ROUTES,
        insert_s: median(&inserts),
        withdraw_s: median(&withdrawals),
        rounds_s,
        single,
        memory: Memory {
            idle_bytes,
            full_bytes,
            emptied_bytes,
            bytes_per_route: full_bytes.saturating_sub(idle_bytes) as f64 / ROUTES as f64,
            fib_bytes,
        },
    })
}

/// An acknowledgement that comes before the workers see the routes would make a fine figure of nothing.
fn all_visible(router: &mut Router, table: &Table) -> Result<(), PerfError> {
    for flow in table.flows.iter().take(PROBES) {
        if router.api().outcome(*flow)? != v1::LookupOutcome::Forward {
            return Err(PerfError::NotVisible(*flow));
        }
    }
    Ok(())
}

/// Adds routes that the table has not, each with a batch of its own, and withdraws them.
fn singles(injector: &mut Injector) -> Result<Latency, PerfError> {
    let host = |number: u32| {
        let address = Ipv4Addr::from_bits(Ipv4Addr::new(10, 200, 0, 0).to_bits() + number);
        IpNet::V4(Ipv4Net::from(address))
    };
    let mut times = Vec::new();
    let adds = (0..SINGLES).map(|number| Change::Set(host(number), SET));
    for change in adds.chain((0..SINGLES).map(|number| Change::Withdraw(host(number)))) {
        times.push(injector.send(&[Batch::changes([change])])?);
    }
    Ok(Latency::of(&times))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_kept_by_quantile() {
        let times: Vec<_> = (1..=100).map(Duration::from_micros).collect();
        let latency = Latency::of(&times);
        assert_eq!(latency.count, 100);
        for (share, expected) in [(0.0, 1.0), (0.5, 50.0), (0.99, 99.0), (1.0, 100.0)] {
            assert!(
                (latency.at(share) - expected).abs() < 1e-6,
                "{share}: {}",
                latency.at(share)
            );
        }
        assert!(latency.at(0.123).is_nan());
    }
}
