//! Completion scripts and manual pages, made from the same definitions as the command line itself.

use super::error::CliError;
use super::grammar::Cli;
use crate::{bridge, daemon};
use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::Shell as Generator;
use clap_mangen::Man as Page;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

/// For which shell.
#[derive(Clone, Debug, Args)]
pub(super) struct Completion {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// A shell that can complete.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    /// source <(ferroute completion bash)
    Bash,
    /// ferroute completion zsh > ~/.zfunc/_ferroute
    Zsh,
    /// ferroute completion fish | source
    Fish,
}

impl Completion {
    pub(super) fn run(&self) -> Result<(), CliError> {
        Ok(io::stdout().write_all(&self.script())?)
    }

    fn script(&self) -> Vec<u8> {
        let generator = match self.shell {
            Shell::Bash => Generator::Bash,
            Shell::Zsh => Generator::Zsh,
            Shell::Fish => Generator::Fish,
        };
        let mut script = Vec::new();
        clap_complete::generate(generator, &mut Cli::command(), "ferroute", &mut script);
        script
    }
}

/// Where to.
#[derive(Clone, Debug, Args)]
pub(super) struct Man {
    /// The directory; it is made if it is missing.
    directory: PathBuf,
}

impl Man {
    /// Writes ferroute(1) with a page for each command, ferrouted(8) and ferroute-bridge(8).
    pub(super) fn run(&self) -> Result<(), CliError> {
        fs::create_dir_all(&self.directory)?;
        clap_mangen::generate_to(Cli::command(), &self.directory)?;
        let programs = [
            ("ferrouted.8", daemon::Args::command()),
            ("ferroute-bridge.8", bridge::Args::command()),
        ];
        for (file, command) in programs {
            let mut page = File::create(self.directory.join(file))?;
            Page::new(command).section("8").render(&mut page)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_learns_the_nouns() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = String::from_utf8(Completion { shell }.script()).unwrap();
            assert!(
                ["port", "route", "neigh", "remove-owner"]
                    .iter()
                    .all(|noun| script.contains(noun)),
                "{shell:?}"
            );
        }
    }

    #[test]
    fn every_command_has_a_manual_page() {
        let directory = tempfile::tempdir().unwrap();
        Man {
            directory: directory.path().join("man"),
        }
        .run()
        .unwrap();
        let page =
            |name: &str| fs::read_to_string(directory.path().join("man").join(name)).unwrap();
        assert!(page("ferroute.1").contains("ferroute\\-route(1)"));
        assert!(page("ferroute-route-add.1").contains("10.1.0.0/16 via 10.0.0.2"));
        assert!(page("ferrouted.8").contains("\\-\\-config"));
    }
}
