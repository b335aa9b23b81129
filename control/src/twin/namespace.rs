//! A thread in a network namespace, which does jobs there.

use super::error::TwinError;
use super::netlink::Netlink;
use nix::sched::{CloneFlags, setns};
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread::{Builder, JoinHandle};

/// Which namespace a file stands for, whatever its path.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct NamespaceId {
    device: u64,
    inode: u64,
}

impl NamespaceId {
    fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }
}

type Job = Box<dyn FnOnce(&Netlink) + Send>;

/// The thread. Dropping it lets the thread end and waits for it.
pub(super) struct Namespace {
    path: PathBuf,
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// Opens a namespace's file and says which namespace it is.
pub(super) fn open(path: &Path) -> Result<(NamespaceId, File), TwinError> {
    let missing = |source| TwinError::NamespaceMissing {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(missing)?;
    let id = NamespaceId::of(&file).map_err(missing)?;
    Ok((id, file))
}

impl Namespace {
    /// Starts a thread in the namespace that was opened from this path.
    pub(super) fn start(path: &Path, file: File) -> Result<Self, TwinError> {
        let (jobs, received) = channel::<Job>();
        let (report, entered) = sync_channel(1);
        let thread = Builder::new()
            .name("twins".to_owned())
            .spawn(move || match enter(&file) {
                Ok(netlink) => {
                    // Nobody waits for the report only if the starter is gone: then no job comes either.
                    let _ = report.send(Ok(()));
                    work(&netlink, &received);
                }
                Err(error) => drop(report.send(Err(error))),
            })
            .map_err(|_| TwinError::NamespaceThread {
                path: path.to_owned(),
            })?;
        let namespace = Self {
            path: path.to_owned(),
            jobs: Some(jobs),
            thread: Some(thread),
        };
        match entered.recv() {
            Ok(Ok(())) => Ok(namespace),
            Ok(Err(source)) => Err(TwinError::NamespaceEntry {
                path: path.to_owned(),
                source,
            }),
            Err(_) => Err(namespace.gone()),
        }
    }

    /// Does a job in the namespace and waits for its result.
    pub(super) fn run<R: Send + 'static>(
        &self,
        job: impl FnOnce(&Netlink) -> Result<R, TwinError> + Send + 'static,
    ) -> Result<R, TwinError> {
        let (reply, result) = sync_channel(1);
        let job: Job = Box::new(move |netlink| drop(reply.send(job(netlink))));
        let sent = self
            .jobs
            .as_ref()
            .is_some_and(|jobs| jobs.send(job).is_ok());
        if !sent {
            return Err(self.gone());
        }
        result.recv().unwrap_or_else(|_| Err(self.gone()))
    }

    fn gone(&self) -> TwinError {
        TwinError::NamespaceThread {
            path: self.path.clone(),
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

/// Moves the calling thread into the namespace, unless it is there already (entering needs a
/// privilege that staying does not), and opens its netlink socket there.
fn enter(file: &File) -> io::Result<Netlink> {
    let here = File::open("/proc/thread-self/ns/net")?;
    if NamespaceId::of(&here)? != NamespaceId::of(file)? {
        setns(file, CloneFlags::CLONE_NEWNET)?;
    }
    Netlink::open()
}

fn work(netlink: &Netlink, jobs: &Receiver<Job>) {
    while let Ok(job) = jobs.recv() {
        job(netlink);
    }
}
