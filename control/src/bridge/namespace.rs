//! Work in another network namespace, on a thread that stays there or ends.

use crate::model::vrf::Namespace;
use nix::sched::{CloneFlags, setns};
use std::fs::File;
use std::io;
use std::path::Path;

/// Moves the calling thread into a namespace, which is a file below `/run/netns`; none is the process's own.
pub(super) fn enter(namespace: Option<&Namespace>) -> io::Result<()> {
    let Some(name) = namespace else {
        return Ok(());
    };
    let file = File::open(Path::new("/run/netns").join(name.as_str()))?;
    Ok(setns(&file, CloneFlags::CLONE_NEWNET)?)
}

/// Does something inside a namespace on a thread of its own, such as making a socket, which then stays there.
pub(super) fn inside<T: Send>(
    namespace: Option<&Namespace>,
    work: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            enter(namespace)?;
            work()
        });
        let panicked = |_| Err(io::Error::other("the thread in the namespace ended"));
        thread.join().unwrap_or_else(panicked)
    })
}
