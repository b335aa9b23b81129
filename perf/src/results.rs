//! What a run measured, as it goes into tables, JSON and the report.

use crate::bench::Bench;
use crate::cases::{
    adversarial, bridge, churn, failover, fib, flood, forward, latency, updates, vnis, workers,
};
use crate::dpdk::l3fwd;
use crate::error::PerfError;
use crate::machine::{Facts, Workers};
use crate::plan::{Case, Plan};
use crate::progress::Progress;
use crate::sample::{Method, Rate};
use serde::Serialize;

/// What the reader is told where there is no l3fwd.
const NO_L3FWD: &str = "l3fwd was left out: Debian does not package it; --l3fwd names one";

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
    /// Bridging beside testpmd.
    pub bridging: Option<bridge::Bridging>,
    /// One worker and two, beside testpmd.
    pub workers: Option<workers::Scaling>,
    /// Routes through the API.
    pub updates: Option<updates::Updates>,
    /// Networks through the API.
    pub networks: Option<vnis::Networks>,
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
    /// A session beside a flood.
    pub flood: Option<flood::Flood>,
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
            bridging: None,
            workers: None,
            updates: None,
            networks: None,
            churn: None,
            failover: None,
            fib: Vec::new(),
            fib_adversarial: Vec::new(),
            latency: None,
            flood: None,
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
            Case::Forward(load) => {
                let input = forward::Input::draw(bench, load, Workers::One)?;
                let mut row = forward::run(bench, &input, progress)?;
                row.l3fwd = self.measure_l3fwd(bench, &input, progress);
                self.forwarding.push(row);
            }
            Case::Bridge => self.bridging = Some(bridge::run(bench, progress)?),
            Case::Workers => {
                let scaling = workers::run(bench, progress)?;
                self.notes.extend(scaling.note().map(str::to_owned));
                self.workers = Some(scaling);
            }
            Case::Flood => self.flood = Some(flood::run(bench, progress)?),
            Case::Vnis => self.networks = Some(vnis::run(bench, progress)?),
            Case::Updates => self.updates = Some(updates::run(bench, progress)?),
            Case::Churn => self.churn = Some(churn::run(bench, progress)?),
            Case::Failover => self.failover = Some(failover::run(bench, progress)?),
            Case::Fib => self.fib = fib::run(bench, quick, progress)?,
            Case::FibAdversarial => self.fib_adversarial = adversarial::run(bench, progress)?,
            Case::Latency => self.latency = Some(latency::run(bench, progress)?),
        }
        Ok(())
    }

    /// What l3fwd reaches on an input, if it is there, knows such input, and takes it; notes why not.
    fn measure_l3fwd(
        &mut self,
        bench: &Bench,
        input: &forward::Input,
        progress: &Progress,
    ) -> Option<Rate> {
        if !input.load.is_plain() {
            return None;
        }
        let note = match &bench.programs.l3fwd {
            None => NO_L3FWD.to_owned(),
            Some(path) => {
                let (table, captures) = (&input.table, &input.captures);
                match l3fwd::measure(bench, path, table, captures, progress) {
                    Ok(rate) => return Some(rate),
                    Err(error) => {
                        let (name, routes) = (input.load.name(), input.load.routes);
                        format!("l3fwd could not be measured with {routes} routes, {name}: {error}")
                    }
                }
            }
        };
        if !self.notes.contains(&note) {
            progress.note(&note);
            self.notes.push(note);
        }
        None
    }

    fn note_disturbances(&mut self) {
        let besides = self.forwarding.iter().map(|row| &row.figures);
        let besides = besides.chain(self.bridging.iter().map(|row| &row.figures));
        let scaled = self.workers.iter();
        let besides = besides.chain(scaled.flat_map(|scaling| [&scaling.one, &scaling.two]));
        let rates = besides.flat_map(|figures| [&figures.testpmd, &figures.router]);
        let rates = rates.chain(self.forwarding.iter().filter_map(|row| row.l3fwd.as_ref()));
        let churned = self.churn.iter();
        let rates = rates
            .chain(churned.flat_map(|churn| [&churn.quiet, &churn.churned]))
            .chain(self.flood.iter().map(|flood| &flood.offered));
        let disturbed = rates.filter(|rate| rate.disturbed()).count();
        if disturbed > 0 {
            self.notes.push(format!(
                "{disturbed} rates, marked *, are made of samples in which a worker waited for its CPU, \
                 scaled to the time that it ran: the machine was not quiet enough"
            ));
        }
    }
}
