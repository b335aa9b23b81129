//! A lab that a person plays with: `make lab LAB=S7` runs the lab's test, which stops here with a shell.

use crate::error::LabError;
use crate::netns::Namespace;
use std::process::Stdio;

/// Whether a person wants to play with the lab: the environment has `FERROUTE_LAB_KEEP`.
#[must_use]
pub fn is_wanted() -> bool {
    std::env::var_os("FERROUTE_LAB_KEEP").is_some()
}

/// Prints the picture of a lab that is ready, and ways into its routing daemons. If that is wanted, a shell
/// follows in which the boxes have names for `ip netns exec`; the test goes on when it ends.
///
/// # Errors
/// [`LabError::Start`] when there is no shell.
pub fn ready(
    picture: &str,
    boxes: &[&Namespace],
    ways_in: &[(&str, String)],
) -> Result<(), LabError> {
    println!("{picture}");
    if !is_wanted() {
        return Ok(());
    }
    let Some(first) = boxes.first() else {
        return Ok(());
    };
    for (name, way_in) in ways_in {
        println!("{name:<12} {way_in}");
    }
    let names: Vec<_> = boxes.iter().map(|namespace| namespace.name()).collect();
    println!(
        "ip netns exec BOX …, BOX one of {}; this shell is {}. `exit` goes on.",
        names.join(" "),
        first.name()
    );
    let shell = std::env::var("SHELL").unwrap_or_else(|_| "/bin/sh".to_owned());
    let mut command = first.command_with_names(&shell, boxes)?;
    let status = command.stdin(Stdio::inherit()).status();
    status.map(drop).map_err(|source| LabError::Start {
        command: shell,
        source,
    })
}
