//! The daemon.

use std::process::ExitCode;

/// Routes come on one thread and go on another, by the million: the C library's heap kept two thirds of a table's memory
/// when the routes were gone. This one gives free pages back by itself, a few at a time.
#[global_allocator]
static HEAP: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ferroute_control::daemon::main()
}
