//! The command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    ferroute_control::cli::main()
}
