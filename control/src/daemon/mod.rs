//! The daemon's start: from the command line to a plan of everything that needs no DPDK yet.
//!
//! [`main`] reads the command line and the configuration, starts the log, and draws up a [`Boot`]: CPUs, memory,
//! DPDK's arguments. [`run`] then carries it out in this order, because each step needs the one before:
//!
//! 1. [`cpus::Placement::confine_control_threads`], while the process has one thread: all later ones inherit it;
//! 2. [`socket::claim`], so that a second router stops before it touches a device;
//! 3. DPDK with [`Boot::eal_arguments`], the workers, the core, the exception thread;
//! 4. the API on its listeners, the metrics, [`apply::apply`], [`service::ready`] and [`service::watchdog`];
//! 5. [`service::stop_requested`], then [`service::stopping`] and everything in reverse order.
//!
//! Whatever fails on the way is a [`StartError`]: one sentence that says what to do.

pub mod apply;
mod args;
pub mod assemble;
pub mod cpus;
pub mod eal;
mod error;
pub mod logging;
pub mod memory;
mod run;
pub mod service;
pub mod socket;
mod state;

pub use args::Args;
pub use error::StartError;

use crate::config::cpus::CpuList;
use crate::config::{Config, ConfigError, schema};
use clap::Parser;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Everything that is decided before DPDK starts.
#[derive(Clone, Debug)]
pub struct Boot {
    /// The configuration in force; the command line's socket is in it.
    pub config: Config,
    /// The file it came from.
    pub file: Option<PathBuf>,
    /// Who runs where.
    pub placement: cpus::Placement,
    /// DPDK's memory.
    pub memory: memory::Plan,
    /// DPDK's arguments, the program's name first.
    pub eal_arguments: Vec<String>,
}

impl Boot {
    /// Decides for this machine. `allowed` are the CPUs that this process may use.
    ///
    /// # Errors
    /// The machine cannot give what the configuration demands.
    pub fn plan(
        config: Config,
        file: Option<PathBuf>,
        allowed: &CpuList,
    ) -> Result<Self, StartError> {
        let placement = cpus::Placement::plan(&config.cpus, allowed);
        let memory = memory::plan(&config, memory::free_huge_bytes())?;
        let eal_arguments = eal::arguments(
            &config.eal,
            &placement,
            memory.memory,
            Path::new(eal::PCI_BUS),
        );
        Ok(Self {
            config,
            file,
            placement,
            memory,
            eal_arguments,
        })
    }

    /// Logs what an operator should know about the decisions.
    pub fn log(&self) {
        let Self {
            placement, memory, ..
        } = self;
        tracing::info!(workers = %placement.workers.iter().copied().collect::<CpuList>(), control = %placement.control, "CPUs");
        if placement.shared {
            tracing::warn!(
                "no CPU is left for control threads; they share those of the workers, and forwarding will stutter"
            );
        }
        if memory.is_fallback(self.config.eal.huge_pages) {
            tracing::warn!(
                needed_mib = memory.needed_mib,
                free_mib = memory.free_huge_mib,
                "too few huge pages are free; going on with ordinary pages, which forward more slowly and suit few physical devices"
            );
        }
        tracing::debug!(arguments = ?self.eal_arguments, "DPDK");
    }
}

/// The program `ferrouted`.
#[must_use]
pub fn main() -> ExitCode {
    match start(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            match &error {
                // Each line of these has its file, line and column in front, as editors expect.
                StartError::Config(ConfigError::Invalid(mistakes)) => eprintln!("{mistakes}"),
                error => eprintln!("ferrouted: {error}"),
            }
            ExitCode::FAILURE
        }
    }
}

fn start(args: Args) -> Result<(), StartError> {
    if args.schema {
        return print(&schema().map_err(|error| StartError::Output(error.into()))?);
    }
    let allowed = cpus::allowed()?;
    let mut config = match &args.config {
        Some(file) => Config::load(file, &allowed)?,
        None => Config::default(),
    };
    if args.check {
        return print("ok\n");
    }
    if let Some(path) = args.socket {
        config.socket.path = path;
    }
    if args.forget {
        return state::forget(&config);
    }
    logging::start(&config.log, args.verbose)?;
    // Clients are told where the configuration came from, and they are in other directories.
    let file = args
        .config
        .map(|file| std::path::absolute(&file).unwrap_or(file));
    run::run(Boot::plan(config, file, &allowed)?)
}

fn print(text: &str) -> Result<(), StartError> {
    io::stdout()
        .write_all(text.as_bytes())
        .map_err(StartError::Output)
}
