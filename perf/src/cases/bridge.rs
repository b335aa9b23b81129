//! The rate at which one worker bridges between two ports, beside testpmd's on the same input.

use super::beside::{self, Beside};
use crate::bench::Bench;
use crate::error::PerfError;
use crate::progress::Progress;
use crate::router::{Router, Setup, setup};
use crate::traffic::stations::{PAIRS, STATIONS, between, receivers, senders};
use serde::Serialize;
use std::time::{Duration, Instant};

/// How long the router may take to learn the stations that send.
const LEARNED_WITHIN: Duration = Duration::from_secs(5);

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Bridging {
    /// Stations of the domain, half of them learned.
    pub stations: usize,
    /// Distinct frames in the input.
    pub flows: usize,
    /// What testpmd and the router reach.
    #[serde(flatten)]
    pub figures: Beside,
}

/// Bridges between stations behind the port that receives, which the router learns, and stations behind a port that only
/// sends, which it is told.
///
/// # Errors
/// The router could not be run, or does not learn.
pub fn run(bench: &Bench, progress: &Progress) -> Result<Bridging, PerfError> {
    let capture = bench.record(0, (0..PAIRS).map(|pair| Ok(between(pair)?.to_vec())))?;
    let setup = Setup {
        captures: &[capture],
        bridged: true,
    };
    let figures = beside::run(bench, &setup, progress, |router| {
        let api = router.api();
        api.set_stations(setup::DOMAIN, setup::SINKS[0], receivers())?;
        all_learned(router)
    })?;
    Ok(Bridging {
        stations: STATIONS.into(),
        flows: PAIRS.into(),
        figures,
    })
}

/// Waits until all stations that send are learned: frames of others take a longer way.
fn all_learned(router: &mut Router) -> Result<(), PerfError> {
    let (expected, deadline) = (senders().count(), Instant::now() + LEARNED_WITHIN);
    loop {
        let learned = router.api().learned(setup::DOMAIN)? as usize;
        if learned >= expected {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(PerfError::NotLearned { learned, expected });
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
