//! ferroute-perf.
fn main() {}
