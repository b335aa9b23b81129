//! A thread in a network namespace, which does jobs there, one after the other.

use super::error::TwinError;
use super::netlink::Netlink;
use nix::sched::{CloneFlags, setns};
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread::Builder;

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

/// The thread. It ends when this was dropped and all jobs are done.
pub(super) struct Namespace {
    path: PathBuf,
    jobs: Sender<Job>,
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
        Builder::new()
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
            jobs,
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
        if self.jobs.send(job).is_err() {
            return Err(self.gone());
        }
        result.recv().unwrap_or_else(|_| Err(self.gone()))
    }

    /// Has a job done in the namespace, before all that are given later, and does not wait for it. The thread stays the
    /// namespace's only one until then.
    pub(super) fn leave(self: &Arc<Self>, job: impl FnOnce(&Netlink) + Send + 'static) {
        let keep = Arc::clone(self);
        let job: Job = Box::new(move |netlink| {
            job(netlink);
            drop(keep);
        });
        // A thread that is gone has nothing left.
        let _ = self.jobs.send(job);
    }

    fn gone(&self) -> TwinError {
        TwinError::NamespaceThread {
            path: self.path.clone(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_to_it_is_not_waited_for_and_is_done_before_what_comes_later() {
        let path = Path::new("/proc/self/ns/net");
        let (_, file) = open(path).unwrap();
        let namespace = Arc::new(Namespace::start(path, file).unwrap());
        let weak = Arc::downgrade(&namespace);
        let (gate, opened) = channel::<()>();
        let (told, done) = channel();
        let first = told.clone();
        namespace.leave(move |_| {
            opened.recv().unwrap();
            first.send(1).unwrap();
        });
        assert!(done.try_recv().is_err(), "it waits at the gate");
        gate.send(()).unwrap();
        namespace.run(move |_| Ok(told.send(2))).unwrap().unwrap();
        assert_eq!(done.iter().collect::<Vec<_>>(), [1, 2]);
        // What is left keeps the thread, and with it the order, though nobody else does.
        let (gate, opened) = channel::<()>();
        let (told, done) = channel::<()>();
        namespace.leave(move |_| {
            opened.recv().unwrap();
            drop(told);
        });
        drop(namespace);
        assert!(weak.upgrade().is_some());
        gate.send(()).unwrap();
        assert!(done.recv().is_err(), "it was done");
    }
}
