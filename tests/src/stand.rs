//! Where the threads of a program stand: what one that is late was waiting for.

use nix::unistd::Pid;
use std::fmt::Write as _;
use std::fs::read_to_string;

/// One line for each thread: its name, its state and the CPU time that it used as the kernel's `stat` has them, and the kernel
/// function or the system call (its number and arguments) in which it waits. Empty for a program that is gone.
///
/// What may not be read (a kernel keeps it to itself, or the thread ended) is left out.
#[must_use]
pub fn threads(pid: Pid) -> String {
    let mut text = String::new();
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return text;
    };
    for task in tasks.flatten() {
        let read = |file| read_to_string(task.path().join(file)).unwrap_or_default();
        let stat = read("stat");
        // The name stands in brackets and may hold any character, so fields are counted from behind it.
        let Some((name, fields)) = stat.rsplit_once(") ") else {
            continue;
        };
        let name = name.split_once('(').map_or("", |(_, name)| name);
        let field = |place: usize| fields.split(' ').nth(place).unwrap_or("?");
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "  {name}: state {}, {} + {} ticks of CPU, in {} {}",
            field(0),
            field(11),
            field(12),
            read("wchan"),
            read("syscall").trim_end()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Process;
    use crate::wait::{Seen, until};
    use std::process::Command;
    use std::time::Duration;

    #[test]
    fn a_thread_that_sleeps_is_named_with_its_state() {
        let process = Process::start(Command::new("sleep").arg("60")).unwrap();
        let asleep = || {
            let said = threads(process.pid());
            Ok(Seen::when(said.contains("sleep: state S"), || said))
        };
        until("sleep", Duration::from_secs(20), asleep).unwrap();
        assert_eq!(threads(Pid::from_raw(i32::MAX)), "");
    }
}
