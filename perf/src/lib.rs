//! ferroute's measurements: the router against `testpmd` on the same input, its FIB against DPDK's, routes over its API.
//!
//! `docs/performance.md` says what is measured and how. [`args`] is the command line, [`plan`] what it asks for,
//! [`cases`] how each part is measured, [`results`] what comes out and [`report`] how it is shown.

pub mod args;
pub mod bench;
pub mod cases;
pub mod dpdk;
pub mod error;
pub mod host;
pub mod machine;
pub mod plan;
pub mod progress;
pub mod report;
pub mod results;
pub mod router;
pub mod sample;
pub mod traffic;

pub use error::PerfError;
