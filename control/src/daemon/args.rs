//! The command line of ferrouted.

use clap::{ArgAction, Parser};
use std::path::PathBuf;

/// The ferroute router.
///
/// Without a configuration it starts with no ports; ports and everything else can be added while it
/// runs, with ferroute(1) or over its gRPC API.
#[derive(Clone, Debug, Parser)]
#[command(name = "ferrouted", version, max_term_width = 100)]
pub struct Args {
    /// The configuration (YAML).
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Only check the configuration: print its mistakes and exit with 1, or "ok" and exit with 0.
    #[arg(long, requires = "config")]
    pub check: bool,
    /// Remove what the last run left for the next one, its state and its kernel twins, and exit. For a router that is stopped for
    /// good; one that runs is left alone.
    #[arg(long, conflicts_with = "check")]
    pub forget: bool,
    /// Serve the API on this Unix socket, whatever the configuration says.
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Print the JSON Schema of the configuration and exit.
    #[arg(long)]
    pub schema: bool,
    /// Log more: once for debug, twice for trace.
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_is_sound_and_reads_what_the_manual_says() {
        Args::command().debug_assert();
        let args =
            Args::try_parse_from(["ferrouted", "--config", "f.yaml", "--check", "-vv"]).unwrap();
        assert_eq!(
            (args.config, args.check, args.verbose),
            (Some(PathBuf::from("f.yaml")), true, 2)
        );
        assert!(Args::try_parse_from(["ferrouted", "--check"]).is_err());
        assert!(Args::try_parse_from(["ferrouted", "f.yaml"]).is_err());
    }
}
