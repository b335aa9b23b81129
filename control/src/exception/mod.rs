//! The exception path: what workers hand over, and what the kernel twins send.
//!
//! ```text
//!  workers ── punt ring ──► ExceptionPath::punt ──┬─ ARP, ND ── neighbour table ── core
//!                                                 ├─ echo, ICMP errors, fragments ─┐
//!                                                 ├─ held until resolved ──────────┤
//!                                                 └─ to the twin                   ▼
//!  twins ────────────────► ExceptionPath::from_twin ───────────────────────► inject ring
//! ```
//!
//! [`path::ExceptionPath`] is a state machine: frames, commands and the time go in, [`output::Output`]s come out. The
//! thread in [`thread`] does the I/O around it. It reads the same snapshots as the workers, as one
//! more reader.
//!
//! What it takes in is accounted for: `taken = to_twin + consumed + forwarded + dropped + held`.

pub mod command;
pub mod counters;
mod discovery;
mod errors;
mod local;
pub mod output;
pub mod path;
pub mod path_mtu;
mod send;
mod suppress;
pub mod thread;
mod transit;
