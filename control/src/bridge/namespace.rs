//! Work in another network namespace, on a thread that stays there or ends.

use crate::model::vrf::Namespace;
use nix::sched::{CloneFlags, setns};
use std::fs::File;
use std::io;
use std::path::Path;

/// A namespace's file: below `/run/netns`; none is the process's own.
pub(super) fn file(namespace: Option<&Namespace>) -> io::Result<File> {
    match namespace {
        Some(name) => File::open(Path::new("/run/netns").join(name.as_str())),
        // That of the first thread, which never moves.
        None => File::open("/proc/self/ns/net"),
    }
}

/// Does something inside a namespace on a thread of its own, such as making a socket, which then stays there. None is the
/// namespace of the calling thread.
pub(super) fn inside<T: Send>(
    namespace: Option<&Namespace>,
    work: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    let file = match namespace {
        Some(_) => Some(file(namespace)?),
        None => None,
    };
    inside_file(file.as_ref(), work)
}

/// The same in the namespace of an open file.
pub(super) fn inside_file<T: Send>(
    file: Option<&File>,
    work: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            if let Some(file) = file {
                setns(file, CloneFlags::CLONE_NEWNET)?;
            }
            work()
        });
        let panicked = |_| Err(io::Error::other("the thread in the namespace ended"));
        thread.join().unwrap_or_else(panicked)
    })
}
