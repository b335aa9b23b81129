//! Holding one thread of another process still, as a debugger does: it hangs, while its process goes on.

use crate::error::LabError;
use crate::process::Process;
use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use std::marker::PhantomData;

/// A thread that is held. It runs on when this is dropped, or when the holder ends in any other way.
#[derive(Debug)]
#[must_use = "the thread runs on when this is dropped"]
pub struct Hold {
    thread: Pid,
    /// Only the thread that seized another may let it go.
    on_this_thread: PhantomData<*const ()>,
}

impl Hold {
    /// Stops the thread of this name, wherever it is, and waits until it stands.
    ///
    /// # Errors
    /// [`LabError::System`] when there is none, or this process may not trace it.
    pub fn of(process: &Process, name: &str) -> Result<Self, LabError> {
        let failed = |what: &str| LabError::system(format!("{what} thread {name}"));
        let thread = find(process.pid(), name).map_err(failed("finding"))?;
        ptrace::seize(thread, ptrace::Options::empty())
            .map_err(|errno| failed("seizing")(errno.into()))?;
        // From here on dropping it lets the thread go.
        let held = Self {
            thread,
            on_this_thread: PhantomData,
        };
        ptrace::interrupt(thread)
            .and_then(|()| waitpid(thread, Some(WaitPidFlag::__WALL)))
            .map_err(|errno| failed("stopping")(errno.into()))?;
        Ok(held)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // A thread that has ended meanwhile needs no letting go.
        let _ = ptrace::detach(self.thread, None);
    }
}

fn find(process: Pid, name: &str) -> std::io::Result<Pid> {
    for task in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let task = task?;
        // One that ends while it is looked at is not the one.
        let found = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        if found.trim_end() == name
            && let Some(thread) = task.file_name().to_str().and_then(|id| id.parse().ok())
        {
            return Ok(Pid::from_raw(thread));
        }
    }
    Err(std::io::ErrorKind::NotFound.into())
}
