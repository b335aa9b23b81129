//! Tests of the whole: against a naive oracle, at the limits of memory, and under concurrency.

mod adversarial;
mod concurrent;
mod memory;
mod model;
mod oracle;
mod rte;
