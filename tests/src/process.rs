//! Programs that a lab runs, each bound to its maker: when the thread that started one ends, for whatever reason, the kernel
//! kills it. So nothing outlives a test, even one that is killed.

use crate::error::LabError;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Makes the command run in a network namespace (or stay in ours) and die with the calling thread.
pub(crate) fn confine(command: &mut Command, namespace: Option<Arc<OwnedFd>>) {
    let parent = nix::unistd::getpid();
    let enter = move || -> io::Result<()> {
        if let Some(fd) = &namespace {
            nix::sched::setns(fd.as_ref(), nix::sched::CloneFlags::CLONE_NEWNET)?;
        }
        nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
        // The parent may have died before the line above; then nobody would send the signal.
        if nix::unistd::getppid() == parent {
            Ok(())
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    };
    // SAFETY: between fork and exec the closure makes only the system calls setns, prctl and getppid, which are
    // async-signal-safe, and neither allocates nor takes a lock (the errors above are plain numbers).
    unsafe { command.pre_exec(enter) };
}

/// Runs a command to its end and answers what it printed on standard output.
///
/// # Errors
/// [`LabError::Start`], or [`LabError::Failed`] when its status is not 0.
pub fn output(command: &mut Command) -> Result<String, LabError> {
    let ended = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| LabError::Start {
            command: show(command),
            source,
        })?;
    let text = String::from_utf8_lossy(&ended.stdout).into_owned();
    if ended.status.success() {
        return Ok(text);
    }
    Err(LabError::Failed {
        command: show(command),
        status: ended.status,
        output: text + &String::from_utf8_lossy(&ended.stderr),
    })
}

/// The command line as a person would type it.
#[must_use]
pub fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// A program in the background. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    command: String,
    log: File,
    ended: Receiver<()>,
}

impl Process {
    /// Starts the command; both its outputs go to a log that [`Process::log`] reads.
    ///
    /// # Errors
    /// [`LabError::Start`], or [`LabError::System`] when no log can be made.
    pub fn start(command: &mut Command) -> Result<Self, LabError> {
        let log = tempfile::tempfile().map_err(LabError::system("making a log"))?;
        let copy = || {
            log.try_clone()
                .map(Stdio::from)
                .map_err(LabError::system("sharing a log"))
        };
        command.stdin(Stdio::null()).stdout(copy()?).stderr(copy()?);
        // Ctrl-C is for us; we end what we started in our own order.
        command.process_group(0);
        let child = command.spawn().map_err(|source| LabError::Start {
            command: show(command),
            source,
        })?;
        let (sender, ended) = channel();
        let process = Self {
            child,
            command: show(command),
            log,
            ended,
        };
        process.watch(sender, ());
        Ok(process)
    }

    /// Sends `event` once, when the program has ended.
    pub(crate) fn watch<T: Send + 'static>(&self, sender: Sender<T>, event: T) {
        let pid = self.pid();
        std::thread::spawn(move || {
            // It stays a zombie for the owner to collect; an error means that it was collected already.
            let _ = waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
            let _ = sender.send(event);
        });
    }

    /// Its process identifier.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// The command line.
    #[must_use]
    pub fn command(&self) -> &str {
        &self.command
    }

    /// Everything it has printed so far.
    #[must_use]
    pub fn log(&self) -> String {
        // A handle of its own, opened anew: the program writes at the position of the shared one.
        let mut bytes = Vec::new();
        let read = File::open(format!("/proc/self/fd/{}", self.log.as_raw_fd()))
            .and_then(|mut file| file.read_to_end(&mut bytes));
        read.map_or_else(
            |error| format!("(no log: {error})"),
            |_| String::from_utf8_lossy(&bytes).into_owned(),
        )
    }

    /// Sends it a signal. One that has ended already takes no notice.
    pub fn signal(&self, signal: Signal) {
        // Not yet collected, so the number is still its own.
        let _ = kill(self.pid(), signal);
    }

    /// Waits until it ends.
    ///
    /// # Errors
    /// [`LabError::Timeout`] with its log when it runs on.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus, LabError> {
        if let Err(RecvTimeoutError::Timeout) = self.ended.recv_timeout(limit) {
            let context = format!("; its log:\n{}", self.log());
            return Err(LabError::Timeout {
                what: format!("the end of `{}`", self.command),
                limit,
                context,
            });
        }
        self.child
            .wait()
            .map_err(LabError::system("waiting for a program"))
    }

    /// Asks it to end with SIGTERM and waits.
    ///
    /// # Errors
    /// As for [`Process::wait`].
    pub fn terminate(&mut self, limit: Duration) -> Result<ExitStatus, LabError> {
        self.signal(Signal::SIGTERM);
        self.wait(limit)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_read_while_the_program_writes() {
        let mut process =
            Process::start(Command::new("sh").args(["-c", "echo one; echo two >&2"])).unwrap();
        assert!(process.wait(Duration::from_secs(5)).unwrap().success());
        assert_eq!(process.log(), "one\ntwo\n");
    }

    #[test]
    fn one_that_runs_on_is_a_timeout_and_ends_when_told() {
        let mut process = Process::start(Command::new("sleep").arg("60")).unwrap();
        assert!(matches!(
            process.wait(Duration::from_millis(1)),
            Err(LabError::Timeout { .. })
        ));
        assert!(!process.terminate(Duration::from_secs(5)).unwrap().success());
    }

    #[test]
    fn a_confined_program_dies_with_the_thread_that_started_it() {
        let child = std::thread::spawn(|| {
            let mut command = Command::new("sleep");
            confine(command.arg("60"), None);
            command.spawn().unwrap()
        });
        let mut child = child.join().unwrap();
        assert!(!child.wait().unwrap().success());
    }

    #[test]
    fn a_failure_says_what_was_printed() {
        let error =
            output(Command::new("sh").args(["-c", "echo no such thing >&2; exit 3"])).unwrap_err();
        assert!(error.to_string().contains("no such thing"), "{error}");
    }
}
