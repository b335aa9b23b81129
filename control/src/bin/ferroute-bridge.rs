//! The bridge from routing daemons to the router.

use std::process::ExitCode;

fn main() -> ExitCode {
    ferroute_control::bridge::main()
}
