//! What a run measured, as it goes into tables, JSON and the report.

use crate::bench::Bench;
use crate::cases::{adversarial, churn, failover, fib, forward, latency, updates};
use crate::error::PerfError;
use crate::machine::Facts;
use crate::plan::{Case, Plan};
use crate::progress::Progress;
use crate::sample::Method;
use serde::Serialize;

/// All that a run measured. A case that was not asked for is empty.
#[derive(Clone, Debug, Serialize)]
pub struct Results {
    /// The machine.
    pub machine: Facts,
    /// How rates were taken.
    pub method: Method,
    /// What the reader must know.
    pub notes: Vec<String>,
    /// Forwarding beside testpmd.
    pub forwarding: Vec<forward::Forwarding>,
    /// Routes through the API.
    pub updates: Option<updates::Updates>,
    /// Forwarding while routes change.
    pub churn: Option<churn::Churn>,
    /// A next hop fails.
    pub failover: Option<failover::Failover>,
    /// The FIB alone.
    pub fib: Vec<fib::Row>,
    /// The FIB under hard input.
    pub fib_adversarial: Vec<adversarial::Row>,
    /// How long packets stay.
    pub latency: Option<latency::Latency>,
}

impl Results {
    /// Measures what is planned. A case that fails becomes a note, and the others go on.
    #[must_use]
    pub fn measure(bench: &Bench, plan: &Plan, progress: &Progress) -> Self {
        let mut results = Self {
            machine: Facts::gather(&bench.cpus, bench.pages),
            method: bench.method,
            notes: bench.note().map(str::to_owned).into_iter().collect(),
            forwarding: Vec::new(),
            updates: None,
            churn: None,
            failover: None,
            fib: Vec::new(),
            fib_adversarial: Vec::new(),
            latency: None,
        };
        for case in &plan.cases {
            if let Err(error) = results.add(bench, *case, plan.quick, progress) {
                let note = format!("{case:?} could not be measured: {error}");
                progress.note(&note);
                results.notes.push(note);
            }
        }
        results.note_disturbances();
        results
    }

    fn add(
        &mut self,
        bench: &Bench,
        case: Case,
        quick: bool,
        progress: &Progress,
    ) -> Result<(), PerfError> {
        match case {
            Case::Forward(load) => self.forwarding.push(forward::run(bench, load, progress)?),
            Case::Updates => self.updates = Some(updates::run(bench, progress)?),
            Case::Churn => self.churn = Some(churn::run(bench, progress)?),
            Case::Failover => self.failover = Some(failover::run(bench, progress)?),
            Case::Fib => self.fib = fib::run(bench, quick, progress)?,
            Case::FibAdversarial => self.fib_adversarial = adversarial::run(bench, progress)?,
            Case::Latency => self.latency = Some(latency::run(bench, progress)?),
        }
        Ok(())
    }

    fn note_disturbances(&mut self) {
        let rates = self
            .forwarding
            .iter()
            .flat_map(|row| [&row.testpmd, &row.router]);
        let rates = rates.chain(
            self.churn
                .iter()
                .flat_map(|churn| [&churn.quiet, &churn.churned]),
        );
        let disturbed = rates.filter(|rate| rate.disturbed()).count();
        if disturbed > 0 {
            self.notes.push(format!(
                "{disturbed} rates, marked *, are made of samples in which the worker waited for its CPU, \
                 scaled to the time that it ran: the machine was not quiet enough"
            ));
        }
    }
}
