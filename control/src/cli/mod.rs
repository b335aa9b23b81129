//! The command line `ferroute`: every call of the API, in the words that users of `ip` know.
//!
//! * [`grammar`] is the whole command line; each noun has its file with its verbs, their calls and
//!   the rows that they print. Completion and manual pages come from the same definitions ([`generate`]).
//! * [`words`] reads what `ip` writes without dashes: `10.1.0.0/16 via 10.0.0.2 dev p0`.
//! * [`output`] prints rows as a table for people or as JSON for programs, as they come; [`convert`] turns the
//!   API's bytes into text and back.
//! * [`session`] reaches the router, [`error`] says in one sentence why something did not work.
//!
//! Exit codes: 0 done, 1 the router refused, 2 the command line is wrong, 3 the router cannot be reached.

mod addr;
mod bridge;
mod capture;
mod convert;
mod domain;
mod encap;
mod endpoint;
mod error;
mod events;
mod fdb;
mod generate;
mod grammar;
mod hops;
mod label;
mod link;
mod neigh;
mod nexthop;
mod output;
mod packet;
mod port;
mod route;
mod segment;
mod session;
mod stats;
mod system;
mod trace;
mod tunnel;
mod vni;
mod vrf;
mod words;

pub use error::CliError;
pub use grammar::Cli;

use clap::Parser;
use std::process::ExitCode;

/// The program `ferroute`.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let format = cli.output;
    match grammar::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(format),
    }
}

#[cfg(test)]
mod tests;
