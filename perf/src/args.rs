//! The command line.

use crate::bench::Programs;
use crate::plan::Plan;
use crate::sample::Method;
use clap::Parser;
use std::path::PathBuf;

/// Measures ferroute against DPDK's testpmd on the same input, its FIB against DPDK's, and routes over its API.
///
/// Wants two CPUs, one of them for nothing but the worker, and root for huge pages and a network namespace.
#[derive(Clone, Debug, Parser)]
#[command(name = "ferroute-perf", version, max_term_width = 100)]
pub struct Args {
    /// What to measure, by commas: all, quick, forward, or cases by name (an unknown one lists them).
    #[arg(long, default_value = "all", env = "CASES")]
    pub cases: Plan,
    /// Length of a sample in seconds [default: 3, quick: 1].
    #[arg(long, value_name = "SECONDS")]
    pub sample: Option<f64>,
    /// Samples of a figure.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub samples: u16,
    /// Disturbed samples that are repeated for each figure [default: 20, quick: 4].
    #[arg(long)]
    pub patience: Option<u16>,
    /// The worker's CPU [default: the last that this process may use].
    #[arg(long, value_name = "CPU")]
    pub worker: Option<usize>,
    /// Print JSON instead of tables.
    #[arg(long)]
    pub json: bool,
    /// Where the report (report.html) and the results (results.json) go.
    #[arg(long, value_name = "DIR", default_value = "target/perf")]
    pub out: PathBuf,
    /// The router [default: beside this program].
    #[arg(long, value_name = "PATH")]
    pub ferrouted: Option<PathBuf>,
    /// DPDK's testpmd.
    #[arg(long, value_name = "PATH", default_value = "/usr/bin/dpdk-testpmd")]
    pub testpmd: PathBuf,
    /// DPDK's example l3fwd, to be measured as well.
    #[arg(long, value_name = "PATH", env = "FERROUTE_L3FWD")]
    pub l3fwd: Option<PathBuf>,
}

impl Args {
    /// How rates are taken.
    #[must_use]
    pub fn method(&self) -> Method {
        let (sample_s, patience) = if self.cases.quick {
            (1.0, 4)
        } else {
            (3.0, 20)
        };
        Method {
            sample_s: self.sample.unwrap_or(sample_s).clamp(0.01, 3_600.0),
            samples: self.samples.into(),
            patience: self.patience.unwrap_or(patience).into(),
        }
    }

    /// What is measured.
    #[must_use]
    pub fn programs(&self) -> Programs {
        let ferrouted = self.ferrouted.clone();
        Programs {
            ferrouted: ferrouted.unwrap_or_else(|| ferroute_tests::router::program("ferrouted")),
            testpmd: self.testpmd.clone(),
            l3fwd: self.l3fwd.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_is_sound() {
        Args::command().debug_assert();
        let args = Args::try_parse_from(["ferroute-perf", "--cases", "quick"]).unwrap();
        assert_eq!((args.method().sample_s, args.method().samples), (1.0, 3));
        assert!(Args::try_parse_from(["ferroute-perf", "--cases", "nothing"]).is_err());
        assert!(Args::try_parse_from(["ferroute-perf", "--samples", "0"]).is_err());
    }
}
