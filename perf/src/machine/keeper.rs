//! A process that sets kernel files back when the pipe to it closes: when the handle is dropped, but also when this
//! process is interrupted, crashes or is killed.

use crate::error::PerfError;
use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Reads until its input closes, then writes the value into the file.
const SCRIPT: &str = r#"cat >/dev/null; echo "$1" > "$2""#;

/// The handle of a keeper.
#[derive(Debug)]
pub struct Keeper(Child);

impl Keeper {
    /// Will write `value` into `file`. It stays in this process's session, but in a group of its own, which
    /// Ctrl-C does not reach.
    ///
    /// # Errors
    /// No process can be started.
    pub fn start(file: &Path, value: &str) -> Result<Self, PerfError> {
        Command::new("sh")
            .args([
                OsStr::new("-c"),
                SCRIPT.as_ref(),
                "keeper".as_ref(),
                value.as_ref(),
                file.as_ref(),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map(Self)
            .map_err(PerfError::system("starting a keeper"))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // Closing its input is the sign; waiting makes sure that it was obeyed.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_value_is_written_at_the_end_and_not_before() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let keeper = Keeper::start(file.path(), "7").unwrap();
        assert_eq!(fs::read_to_string(file.path()).unwrap(), "");
        drop(keeper);
        assert_eq!(fs::read_to_string(file.path()).unwrap(), "7\n");
    }
}
