//! ferroute-perf: measures the router. See `docs/performance.md`.

use clap::Parser;
use ferroute_perf::args::Args;
use ferroute_perf::bench::Bench;
use ferroute_perf::progress::Progress;
use ferroute_perf::results::Results;
use ferroute_perf::{PerfError, report};
use std::process::ExitCode;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ferroute-perf: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), PerfError> {
    let (plan, method, l3fwd) = (&args.cases, args.method(), args.l3fwd.is_some());
    let memory_mib = plan.memory_mib(l3fwd);
    let bench = Bench::new(args.programs(), method, args.worker, memory_mib)?;
    let progress = Progress::new(plan.steps(&method, l3fwd));
    let results = Results::measure(&bench, plan, &progress);
    drop(progress);
    drop(bench);
    let written = report::write(&args.out, &results)?;
    if args.json {
        println!("{}", report::json(&results)?);
    } else {
        println!("{}", report::tables(&results));
        println!("{}", written.display());
    }
    Ok(())
}
