//! Frames to and from twins, for the exception thread.

use ferroute_dataplane::drops::DropReason;
use ferroute_dataplane::ids::InterfaceId;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// How many twins one look at the descriptors can report.
const MOST_READY: usize = 64;

/// The frame side of one twin. It outlives the twin harmlessly: a removed twin's reads and writes
/// fail.
#[derive(Debug)]
pub struct TwinIo {
    id: InterfaceId,
    tap: Arc<OwnedFd>,
}

impl TwinIo {
    pub(super) const fn new(id: InterfaceId, tap: Arc<OwnedFd>) -> Self {
        Self { id, tap }
    }

    /// The interface whose twin it is.
    #[must_use]
    pub const fn id(&self) -> InterfaceId {
        self.id
    }

    /// Reads one frame that the kernel sent, Ethernet header first, without waiting.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if there is none; [`io::ErrorKind::InvalidData`] if the frame
    /// filled the buffer, because the kernel does not say whether it cut it: have a buffer longer
    /// than MTU and header; any other if the twin is gone.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = nix::unistd::read(&self.tap, buffer)?;
        if length == buffer.len() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(length)
    }

    /// Gives one frame to the kernel, Ethernet header first, without waiting.
    ///
    /// # Errors
    /// The system's, for instance because the twin is down or gone.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        match nix::unistd::write(&self.tap, frame)? {
            written if written == frame.len() => Ok(()),
            _ => Err(io::ErrorKind::WriteZero.into()),
        }
    }
}

/// All twins of the exception thread, and which of them have frames.
///
/// Its descriptor ([`AsFd`]) is readable when [`Self::ready`] has something to report, so it can be
/// part of a larger wait.
#[derive(Debug)]
pub struct TwinSet {
    epoll: Epoll,
    twins: BTreeMap<InterfaceId, TwinIo>,
}

impl TwinSet {
    /// An empty set.
    ///
    /// # Errors
    /// The system's, when it has no descriptor to give.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            twins: BTreeMap::new(),
        })
    }

    /// Takes a twin in, in place of the one that its interface had.
    ///
    /// # Errors
    /// The system's, when it cannot watch another descriptor; the twin is then not in the set.
    pub fn insert(&mut self, twin: TwinIo) -> io::Result<()> {
        self.remove(twin.id);
        let event = EpollEvent::new(EpollFlags::EPOLLIN, twin.id.get().into());
        self.epoll.add(&twin.tap, event)?;
        self.twins.insert(twin.id, twin);
        Ok(())
    }

    /// Lets the interface's twin go, if there is one.
    pub fn remove(&mut self, id: InterfaceId) -> Option<TwinIo> {
        let twin = self.twins.remove(&id)?;
        self.unwatch(&twin);
        Some(twin)
    }

    /// Waits at most `timeout_ms` (0: not at all) and pushes the interfaces whose twins have frames, and those whose twins somebody
    /// removed. A twin that still has frames is reported again at the next call, one that is gone only once.
    ///
    /// # Errors
    /// The system's; an interruption by a signal is none.
    pub fn ready(
        &mut self,
        timeout_ms: u16,
        ready: &mut Vec<InterfaceId>,
        gone: &mut Vec<InterfaceId>,
    ) -> io::Result<()> {
        let mut events = [EpollEvent::empty(); MOST_READY];
        let count = match self.epoll.wait(&mut events, EpollTimeout::from(timeout_ms)) {
            Ok(count) => count,
            Err(Errno::EINTR) => 0,
            Err(errno) => return Err(errno.into()),
        };
        for event in events.iter().take(count) {
            let Ok(id) = u32::try_from(event.data()).map(InterfaceId::new) else {
                continue;
            };
            if event.events().contains(EpollFlags::EPOLLIN) {
                ready.push(id);
            } else if let Some(twin) = self.twins.get(&id) {
                // Its descriptor would be reported for ever.
                self.unwatch(twin);
                gone.push(id);
            }
        }
        Ok(())
    }

    /// [`TwinIo::recv`] of the interface's twin.
    ///
    /// # Errors
    /// As there; [`io::ErrorKind::NotFound`] if the interface has no twin.
    pub fn recv(&mut self, id: InterfaceId, buffer: &mut [u8]) -> io::Result<usize> {
        self.twins
            .get(&id)
            .ok_or(io::ErrorKind::NotFound)?
            .recv(buffer)
    }

    /// Gives a frame to the interface's twin, in one try.
    ///
    /// # Errors
    /// Why the frame is lost: [`DropReason::NoTwin`] or [`DropReason::TwinRefused`].
    pub fn send(&mut self, id: InterfaceId, frame: &[u8]) -> Result<(), DropReason> {
        let twin = self.twins.get(&id).ok_or(DropReason::NoTwin)?;
        twin.send(frame).map_err(|_| DropReason::TwinRefused)
    }

    fn unwatch(&self, twin: &TwinIo) {
        // ENOENT: it is unwatched already, because its netdev went.
        let _ = self.epoll.delete(&twin.tap);
    }
}

impl AsFd for TwinSet {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }
}
