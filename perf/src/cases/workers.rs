//! What a second worker brings: the router and testpmd with one worker each, then with two, which receive by ports of their own.

use super::beside::Beside;
use super::forward::{Input, Load, figures};
use crate::bench::Bench;
use crate::error::PerfError;
use crate::machine::Workers;
use crate::progress::Progress;
use crate::traffic::Family;
use serde::Serialize;

/// What is forwarded: that of `ipv4-10k`, by each worker all of it.
const LOAD: Load = Load {
    family: Family::V4,
    routes: 10_000,
    next_hops: 1,
    uplinks: 1,
    overlay: None,
};

/// What the reader is told where there is no third CPU.
const SHARED: &str = "this process may use two CPUs, so two workers had none for themselves: the other threads of router and testpmd, \
                      this program and the kernel ran there, too. What two free CPUs give is seen on a machine with a third";

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Scaling {
    /// The load.
    #[serde(flatten)]
    pub load: Load,
    /// Distinct flows in the input.
    pub flows: usize,
    /// The CPUs of the two workers.
    pub cpus: Vec<usize>,
    /// Whether everything else ran on these as well, since there is no third.
    pub shared: bool,
    /// What testpmd and the router reach with one worker.
    pub one: Beside,
    /// What they reach with two.
    pub two: Beside,
    /// The rate with two workers as a multiple of that with one.
    pub factor: Factor,
}

/// By what a second worker multiplies the rate.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Factor {
    /// That of testpmd: what machine and drivers allow.
    pub testpmd: f64,
    /// That of the router.
    pub router: f64,
    /// The router's as a share of testpmd's.
    pub ratio: f64,
}

impl Factor {
    fn between(one: &Beside, two: &Beside) -> Self {
        Self {
            testpmd: two.testpmd.mega_per_s / one.testpmd.mega_per_s,
            router: two.router.mega_per_s / one.router.mega_per_s,
            ratio: two.ratio / one.ratio,
        }
    }
}

impl Scaling {
    /// What the reader must know about the CPUs, if anything.
    #[must_use]
    pub fn note(&self) -> Option<&'static str> {
        self.shared.then_some(SHARED)
    }
}

/// Measures both with one worker, then both with two.
///
/// # Errors
/// Either could not be run.
pub fn run(bench: &Bench, progress: &Progress) -> Result<Scaling, PerfError> {
    let input = Input::draw(bench, LOAD, Workers::Two)?;
    let one = figures(bench, &input, Workers::One, progress)?;
    let two = figures(bench, &input, Workers::Two, progress)?;
    let (cpus, workers) = (&bench.cpus, Workers::Two);
    Ok(Scaling {
        load: LOAD,
        flows: input.table.flows.len(),
        cpus: cpus.of(workers),
        shared: cpus.shared(workers),
        factor: Factor::between(&one, &two),
        one,
        two,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::sample::Rate;

    fn beside(testpmd: f64, router: f64) -> Beside {
        let rate = |mega_per_s| Rate {
            mega_per_s,
            cycles: 2_000.0 / mega_per_s,
            samples: vec![mega_per_s],
            waited: 0.0,
            thrown_away: 0,
        };
        Beside {
            testpmd: rate(testpmd),
            router: rate(router),
            ratio: router / testpmd,
            stages: Vec::new(),
            packets_per_burst: 64.0,
            lost: 0,
        }
    }

    /// A second worker that brings less to the router than to testpmd, on a machine of two CPUs.
    pub(crate) fn scaling() -> Scaling {
        let (one, two) = (beside(50.0, 25.0), beside(100.0, 40.0));
        Scaling {
            load: LOAD,
            flows: 16_384,
            cpus: vec![1, 0],
            shared: true,
            factor: Factor::between(&one, &two),
            one,
            two,
        }
    }

    #[test]
    fn the_routers_factor_is_told_beside_testpmds() {
        let expected = Factor {
            testpmd: 2.0,
            router: 1.6,
            ratio: 0.8,
        };
        assert_eq!(scaling().factor, expected);
    }

    #[test]
    fn cpus_that_were_shared_are_told() {
        let shared = scaling();
        assert!(shared.note().is_some());
        let free = Scaling {
            shared: false,
            ..shared
        };
        assert_eq!(free.note(), None);
    }
}
