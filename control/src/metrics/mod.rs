//! Prometheus metrics over HTTP: what the API's statistics say, at `GET /metrics`.
//!
//! Off unless an address is configured. Every reading asks the core anew, so a scrape costs the core a
//! handful of requests and the workers nothing.
//!
//! * [`collect`] asks the core, [`traffic`], [`overlay`] and [`state`] know the metrics, [`exposition`] writes the text
//!   format (version 0.0.4), [`server`] serves it.

mod collect;
mod domains;
pub(crate) mod exposition;
mod overlay;
mod server;
mod state;
mod traffic;

pub use collect::{Stopped, render};
pub(crate) use server::TEXT;
pub use server::{MetricsServer, bind};

#[cfg(test)]
mod tests;
