//! Programs that a lab runs, each bound to its maker: when the thread that started one ends, for whatever reason, the kernel
//! kills it. So nothing outlives a test, even one that is killed.

use crate::error::LabError;
use crate::stand::threads;
use nix::fcntl::{OFlag, open};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::stat::Mode;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::{Pid, chdir, chroot, mkdir};
use std::ffi::{CStr, CString};
use std::io::{self, PipeReader, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a program may run that is run to its end. The slowest, a dissector over a capture, takes seconds; but where more
/// threads want to run than there are CPUs, the kernel's RCU thread may get none for a minute, and what adds or removes a
/// packet socket waits for it.
const LIMIT: Duration = Duration::from_secs(90);

/// Makes the command run in a network namespace (or stay in ours), open to all signals, and die with the calling thread.
pub(crate) fn confine(command: &mut Command, namespace: Option<Arc<OwnedFd>>) {
    let parent = nix::unistd::getpid();
    let enter = move || -> io::Result<()> {
        if let Some(fd) = &namespace {
            setns(fd.as_ref(), CloneFlags::CLONE_NEWNET)?;
        }
        // Programs inherit the mask, and one that never sees SIGTERM does not stop.
        SigSet::empty().thread_set_mask()?;
        nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
        // The parent may have died before the line above; then nobody would send the signal.
        if nix::unistd::getppid() == parent {
            Ok(())
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    };
    // SAFETY: between fork and exec the closure makes only the system calls setns, sigprocmask, prctl and getppid, which are
    // async-signal-safe, and neither allocates nor takes a lock (the errors above are plain numbers).
    unsafe { command.pre_exec(enter) };
}

/// Gives the command a `/run` of its own, which goes with it, where these network namespaces have names below `/run/netns`.
pub(crate) fn name_namespaces(
    command: &mut Command,
    names: &[(&str, Arc<OwnedFd>)],
) -> Result<(), LabError> {
    // Everything is made ready here: after the fork nothing may allocate.
    let path = |text: String| CString::new(text).map_err(LabError::system("naming a namespace"));
    let named = |(name, fd): &(&str, Arc<OwnedFd>)| {
        let source = path(format!("/proc/self/fd/{}", fd.as_raw_fd()))?;
        Ok((source, path(format!("/run/netns/{name}"))?, Arc::clone(fd)))
    };
    let binds = names
        .iter()
        .map(named)
        .collect::<Result<Vec<_>, LabError>>()?;
    let arrange = move || -> io::Result<()> {
        let nothing = None::<&CStr>;
        unshare(CloneFlags::CLONE_NEWNS)?;
        mount(
            nothing,
            c"/",
            nothing,
            MsFlags::MS_REC | MsFlags::MS_PRIVATE,
            nothing,
        )?;
        mount(
            Some(c"lab"),
            c"/run",
            Some(c"tmpfs"),
            MsFlags::empty(),
            nothing,
        )?;
        mkdir(c"/run/netns", Mode::S_IRWXU)?;
        for (source, target, _open) in &binds {
            drop(open(
                target.as_c_str(),
                OFlag::O_CREAT | OFlag::O_CLOEXEC,
                Mode::S_IRUSR,
            )?);
            mount(
                Some(source.as_c_str()),
                target.as_c_str(),
                nothing,
                MsFlags::MS_BIND,
                nothing,
            )?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes only the system calls unshare, mount, mkdir, open and close, which
    // are async-signal-safe; its paths are C strings already, so nothing allocates, and its errors are plain numbers.
    unsafe { command.pre_exec(arrange) };
    Ok(())
}

/// Makes the command run in a mount namespace with this directory as its root.
pub(crate) fn change_root(command: &mut Command, mounts: Arc<OwnedFd>, root: CString) {
    let enter = move || -> io::Result<()> {
        setns(mounts.as_ref(), CloneFlags::CLONE_NEWNS)?;
        chroot(root.as_c_str())?;
        chdir(c"/")?;
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes only the system calls setns, chroot and chdir, which are
    // async-signal-safe; its paths are C strings already, so nothing allocates, and its errors are plain numbers.
    unsafe { command.pre_exec(enter) };
}

/// Runs a command to its end and answers what it printed on standard output.
///
/// # Errors
/// [`LabError::Start`], [`LabError::Failed`] when its status is not 0, [`LabError::Timeout`] when it runs on for
/// longer than anything that a lab runs to its end; it is killed then.
pub fn output(command: &mut Command) -> Result<String, LabError> {
    run_to_end(command, LIMIT)
}

/// As [`output`], with another bound.
pub(crate) fn run_to_end(command: &mut Command, limit: Duration) -> Result<String, LabError> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|source| LabError::Start {
        command: show(command),
        source,
    })?;
    let (sender, ended) = channel();
    tell_end(Pid::from_raw(child.id().cast_signed()), sender, ());
    let (stdout, stderr) = (drain(child.stdout.take()), drain(child.stderr.take()));
    let in_time = ended.recv_timeout(limit).is_ok();
    let stood = if in_time {
        String::new()
    } else {
        threads(Pid::from_raw(child.id().cast_signed()))
    };
    if !in_time {
        let _ = child.kill();
    }
    let status = child
        .wait()
        .map_err(LabError::system("waiting for a program"))?;
    // What it left behind may hold its pipes open.
    let mut text = stdout.recv_timeout(limit).unwrap_or_default();
    if in_time && status.success() {
        return Ok(text);
    }
    text += &stderr.recv_timeout(limit).unwrap_or_default();
    if in_time {
        return Err(LabError::Failed {
            command: show(command),
            status,
            output: text,
        });
    }
    Err(LabError::Timeout {
        what: format!("the end of `{}`", show(command)),
        limit,
        context: format!("; its threads stood at\n{stood}it printed:\n{text}"),
    })
}

/// Reads a pipe to its end, beside what else goes on.
fn drain(pipe: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, text) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What could be read before an error is still worth showing.
            let _ = pipe.read_to_end(&mut bytes);
        }
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    text
}

/// Sends `event` once, when the program has ended.
fn tell_end<T: Send + 'static>(pid: Pid, sender: Sender<T>, event: T) {
    std::thread::spawn(move || {
        // It stays a zombie for the owner to collect; an error means that it was collected already.
        let _ = waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
        let _ = sender.send(event);
    });
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

/// What a program has printed, growing as it prints.
#[derive(Debug, Default)]
struct Log {
    printed: Mutex<Printed>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Printed {
    bytes: Vec<u8>,
    closed: bool,
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, Printed> {
        // Bytes are appended whole; a panic elsewhere does not harm them.
        self.printed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn follow(&self, mut pipe: PipeReader) {
        let mut buffer = [0; 8192];
        loop {
            let length = pipe.read(&mut buffer).unwrap_or(0);
            let mut printed = self.lock();
            printed.bytes.extend_from_slice(&buffer[..length]);
            printed.closed = length == 0;
            self.changed.notify_all();
            if printed.closed {
                return;
            }
        }
    }
}

/// A program in the background. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    command: String,
    log: Arc<Log>,
    ended: Receiver<()>,
}

impl Process {
    /// Starts the command; both its outputs go to a log that [`Process::log`] reads.
    ///
    /// # Errors
    /// [`LabError::Start`], or [`LabError::System`] when no pipe can be made.
    pub fn start(command: &mut Command) -> Result<Self, LabError> {
        let (reader, writer) = io::pipe().map_err(LabError::system("making a pipe"))?;
        let copy = writer
            .try_clone()
            .map_err(LabError::system("sharing a pipe"))?;
        // Ctrl-C is for us; we end what we started in our own order.
        command
            .stdin(Stdio::null())
            .stdout(writer)
            .stderr(copy)
            .process_group(0);
        let child = command.spawn().map_err(|source| LabError::Start {
            command: show(command),
            source,
        });
        // The command would hold the pipe, and with it the log, open.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = child?;
        let log = Arc::new(Log::default());
        let follower = Arc::clone(&log);
        std::thread::spawn(move || follower.follow(reader));
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
        tell_end(self.pid(), sender, event);
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
        String::from_utf8_lossy(&self.log.lock().bytes).into_owned()
    }

    /// Where its threads stand, and its log: what a reader wants to know of one that is late.
    #[must_use]
    pub fn stand(&self) -> String {
        format!(
            "; its threads stand at\n{}its log:\n{}",
            threads(self.pid()),
            self.log()
        )
    }

    /// Memory that it has resident now, in bytes; zero when it has ended.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.unwrap_or_default();
        let line = (status.lines()).find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kibibytes.map_or(0, |kibibytes| kibibytes << 10)
    }

    /// Waits until it has printed this text.
    ///
    /// # Errors
    /// [`LabError::Timeout`] with its log when it does not, or ends before it does.
    pub fn wait_for(&self, text: &str, limit: Duration) -> Result<(), LabError> {
        let deadline = Instant::now() + limit;
        let mut printed = self.log.lock();
        loop {
            if printed
                .bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes())
            {
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if printed.closed || left.is_zero() {
                let context = format!(
                    "; the log of `{}`:\n{}",
                    self.command,
                    String::from_utf8_lossy(&printed.bytes)
                );
                return Err(LabError::Timeout {
                    what: format!("the text {text:?}"),
                    limit,
                    context,
                });
            }
            printed = self
                .log
                .changed
                .wait_timeout(printed, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
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
            let context = self.stand();
            return Err(LabError::Timeout {
                what: format!("the end of `{}`", self.command),
                limit,
                context,
            });
        }
        let status = self
            .child
            .wait()
            .map_err(LabError::system("waiting for a program"))?;
        // What it printed last may still be in the pipe. A program that it left behind may hold it open: no longer than this.
        let (log, moment) = (&self.log, Duration::from_secs(1));
        drop(
            log.changed
                .wait_timeout_while(log.lock(), moment, |printed| !printed.closed),
        );
        Ok(status)
    }

    /// The error that it ended in this way.
    pub(crate) fn failed(&self, status: ExitStatus) -> LabError {
        LabError::Failed {
            command: self.command.clone(),
            status,
            output: self.log(),
        }
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
            Process::start(Command::new("sh").args(["-c", "echo one; sleep 0.1; echo two >&2"]))
                .unwrap();
        process.wait_for("one\n", Duration::from_secs(5)).unwrap();
        assert!(process.wait(Duration::from_secs(5)).unwrap().success());
        assert_eq!(process.log(), "one\ntwo\n");
        assert!(process.wait_for("three", Duration::from_secs(5)).is_err());
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
    fn one_that_should_have_ended_is_killed_and_named_with_what_it_printed() {
        let moment = Duration::from_millis(200);
        let error = run_to_end(
            Command::new("sh").args(["-c", "echo began; exec sleep 60"]),
            moment,
        )
        .unwrap_err();
        let said = error.to_string();
        assert!(
            said.contains("sleep 60") && said.contains("200ms"),
            "{said}"
        );
    }

    #[test]
    fn a_failure_says_what_was_printed() {
        let error =
            output(Command::new("sh").args(["-c", "echo no such thing >&2; exit 3"])).unwrap_err();
        assert!(error.to_string().contains("no such thing"), "{error}");
    }
}
