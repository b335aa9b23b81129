//! Completion scripts and manual pages, made from the same definitions as the command line itself.

use super::error::CliError;
use super::grammar::Cli;
use crate::{bridge, daemon};
use clap::{Args, Command, CommandFactory, ValueEnum};
use clap_complete::Shell as Generator;
use clap_mangen::Man as Page;
use std::fs;
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
        let mut cli = Cli::command().disable_help_subcommand(true);
        cli.build();
        self.pages(&cli)?;
        for command in [daemon::Args::command(), bridge::Args::command()] {
            self.page(Page::new(command).section("8"))?;
        }
        Ok(())
    }

    /// Writes the page of a command and of all below it.
    fn pages(&self, command: &Command) -> Result<(), CliError> {
        self.page(Page::new(command.clone()))?;
        command
            .get_subcommands()
            .try_for_each(|below| self.pages(below))
    }

    fn page(&self, page: Page) -> Result<(), CliError> {
        let mut text = Vec::new();
        page.render(&mut text)?;
        let text = examples_in_lines(&String::from_utf8_lossy(&text));
        Ok(fs::write(self.directory.join(page.get_filename()), text)?)
    }
}

/// The page with each example, a line that begins with the program's name, in a line of its own: troff fills all else.
fn examples_in_lines(page: &str) -> String {
    page.replace("\nferroute ", "\n.br\nferroute ")
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
        let example = ".br\nferroute route add 10.1.0.0/16 via 10.0.0.2";
        assert!(page("ferroute-route-add.1").contains(example));
        assert!(page("ferrouted.8").contains("\\-\\-config"));
    }
}
