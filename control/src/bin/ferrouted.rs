//! The daemon.

use std::process::ExitCode;

fn main() -> ExitCode {
    ferroute_control::daemon::main()
}
