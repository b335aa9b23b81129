//! A share of the CPUs that other programs on the machine hardly touch.
//!
//! Where the scheduler groups tasks by session (`sched_autogroup`), the niceness of a task counts only inside its
//! session; the session has one of its own, which is raised here. Programs are started with `nice` besides.

use super::keeper::Keeper;
use std::fs;
use std::path::Path;

/// The niceness that takes most.
const HIGHEST: &str = "-20";
const AUTOGROUP: &str = "/proc/self/autogroup";

/// This session's priority, raised as long as this lives. Where that cannot be, nothing is raised: the samples will
/// tell how much that mattered.
#[derive(Debug)]
pub struct Priority(#[expect(dead_code, reason = "held for its end")] Option<Keeper>);

impl Priority {
    /// Raises it.
    #[must_use]
    pub fn raise() -> Self {
        let raise = || {
            let group = fs::read_to_string(AUTOGROUP).ok()?;
            let keeper = Keeper::start(Path::new(AUTOGROUP), niceness(&group)?).ok()?;
            fs::write(AUTOGROUP, HIGHEST).ok()?;
            Some(keeper)
        };
        Self(raise())
    }
}

/// The command that raises a program's priority inside its session; it goes on where it may not.
pub const NICE: [&str; 3] = ["nice", "-n", HIGHEST];

/// The last word of a line such as `/autogroup-42 nice 0`.
fn niceness(group: &str) -> Option<&str> {
    group
        .trim()
        .rsplit_once("nice ")
        .map(|(_, niceness)| niceness)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sessions_niceness_is_read_and_set_back() {
        assert_eq!(niceness("/autogroup-42 nice -3\n"), Some("-3"));
        assert_eq!(niceness(""), None);
        let before = fs::read_to_string(AUTOGROUP).ok();
        drop(Priority::raise());
        assert_eq!(fs::read_to_string(AUTOGROUP).ok(), before);
    }
}
