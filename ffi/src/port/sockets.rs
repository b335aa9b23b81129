//! The sockets that drivers open. DPDK hands none of them out, but they stand in the process's table of descriptors.

use std::ffi::{c_int, c_uint};
use std::fs;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// A socket of this process: its descriptor, and what tells it from a later one of the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Socket {
    pub(super) fd: RawFd,
    inode: u64,
}

/// The sockets of an address family that are open now, by their descriptors; none where `/proc` cannot be read.
pub(super) fn open(family: c_int) -> Vec<Socket> {
    let entries = fs::read_dir("/proc/self/fd").into_iter().flatten();
    let mut sockets: Vec<_> = entries
        .flatten()
        .filter_map(|entry| {
            let fd = entry.file_name().to_str()?.parse().ok()?;
            let inode = inode(fd)?;
            (option(fd, libc::SO_DOMAIN) == Some(family)).then_some(Socket { fd, inode })
        })
        .collect();
    sockets.sort_unstable_by_key(|socket| socket.fd);
    sockets
}

/// Runs a piece of a driver; its answer, and the sockets of a family that are new after it.
pub(super) fn opened_by<T>(family: c_int, run: impl FnOnce() -> T) -> (T, Vec<Socket>) {
    let before = open(family);
    let on_one = OneCpu::here();
    let answer = run();
    drop(on_one);
    let mut now = open(family);
    now.retain(|socket| !before.contains(socket));
    (answer, now)
}

/// Keeps the calling thread on the CPU on which it is, as long as this lives: the kernel numbers inodes by CPU, so that those
/// of one CPU rise.
struct OneCpu {
    before: libc::cpu_set_t,
}

impl OneCpu {
    /// `None` where the kernel does not have it so; the thread may then go on to another CPU.
    fn here() -> Option<Self> {
        // SAFETY: a set of bits, of which all may be clear.
        let mut before: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: the call writes one set, whose size it is told.
        let known = unsafe { libc::sched_getaffinity(0, size_of_val(&before), &raw mut before) };
        // SAFETY: asks for a number.
        let cpu = usize::try_from(unsafe { libc::sched_getcpu() }).ok()?;
        // SAFETY: as above.
        let mut one: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        if known != 0 || cpu >= libc::CPU_SETSIZE as usize {
            return None;
        }
        // SAFETY: the set has room for the number.
        unsafe { libc::CPU_SET(cpu, &mut one) };
        // SAFETY: the call reads one set, whose size it is told.
        let kept = unsafe { libc::sched_setaffinity(0, size_of_val(&one), &raw const one) };
        (kept == 0).then_some(Self { before })
    }
}

impl Drop for OneCpu {
    fn drop(&mut self) {
        // SAFETY: the call reads one set, whose size it is told. It is one that the thread had, so there is nothing to refuse.
        unsafe { libc::sched_setaffinity(0, size_of_val(&self.before), &raw const self.before) };
    }
}

/// Duplicates of the sockets of a device's receive queues, by the number of the queue, where the sockets that its driver
/// `opened` leave no doubt: there is one for each queue, and they were made in the order of the queues. Both numbers of a
/// socket, descriptor and inode, rise from one to the next, unless another thread closed something in between; so they are
/// believed where they agree.
///
/// Sockets that are bound to an interface must be to the one with the index `if_index`.
pub(super) fn of_queues(opened: &[Socket], queues: u16, if_index: u32) -> Vec<OwnedFd> {
    let in_order = opened.is_sorted_by(|a, b| a.fd < b.fd && a.inode < b.inode);
    if !in_order || opened.len() != usize::from(queues) {
        return Vec::new();
    }
    let held = opened.iter().map(|socket| socket.hold(if_index));
    held.collect::<Option<_>>().unwrap_or_default()
}

impl Socket {
    /// A duplicate, if it is open still and not bound to another interface.
    fn hold(self, if_index: u32) -> Option<OwnedFd> {
        // SAFETY: used for the next call only. Should the number not be in use, or not be that socket's any more, the
        // duplicate fails or is found out to be another file.
        let duplicate = unsafe { BorrowedFd::borrow_raw(self.fd) }
            .try_clone_to_owned()
            .ok()?;
        let fd = duplicate.as_raw_fd();
        let is_right = inode(fd) == Some(self.inode)
            && bound_to(fd).is_none_or(|index| index == if_index.cast_signed());
        is_right.then_some(duplicate)
    }
}

/// Takes the error that waits at a socket, and with it the reason for which the socket is said to be ready.
pub(super) fn take_error(socket: BorrowedFd<'_>) {
    option(socket.as_raw_fd(), libc::SO_ERROR);
}

fn inode(fd: RawFd) -> Option<u64> {
    let target = fs::read_link(format!("/proc/self/fd/{fd}")).ok()?;
    let number = target.to_str()?.strip_prefix("socket:[")?;
    number.strip_suffix(']')?.parse().ok()
}

/// An option of a socket that is a number; `None` if the descriptor is none of a socket.
fn option(fd: RawFd, option: c_int) -> Option<c_int> {
    let (mut value, mut length): (c_int, c_uint) = (0, size_of::<c_int>() as c_uint);
    // SAFETY: the call writes one number of the length that it is told; a descriptor that is no socket is an error.
    let result = unsafe {
        libc::getsockopt(
            fd,
            libc::SOL_SOCKET,
            option,
            (&raw mut value).cast(),
            &raw mut length,
        )
    };
    (result == 0).then_some(value)
}

/// The index of the interface to which a packet socket is bound; `None` for other families.
fn bound_to(fd: RawFd) -> Option<c_int> {
    // SAFETY: numbers and bytes; all zeroes are valid.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    let mut length = size_of::<libc::sockaddr_ll>() as c_uint;
    // SAFETY: the call writes at most the length that it is told.
    let result = unsafe { libc::getsockname(fd, (&raw mut address).cast(), &raw mut length) };
    let is_packet = result == 0 && c_int::from(address.sll_family) == libc::AF_PACKET;
    is_packet.then_some(address.sll_ifindex)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::os::fd::FromRawFd;

    /// A new socket.
    pub(in super::super) fn socket(family: c_int, kind: c_int) -> OwnedFd {
        // SAFETY: makes a socket; nothing of this process is touched.
        let fd = unsafe { libc::socket(family, kind, 0) };
        assert!(fd >= 0, "{}", std::io::Error::last_os_error());
        // SAFETY: just made, without another owner.
        unsafe { OwnedFd::from_raw_fd(fd) }
    }

    fn pair() -> ([OwnedFd; 2], Vec<Socket>) {
        opened_by(libc::AF_UNIX, || {
            [(), ()].map(|()| socket(libc::AF_UNIX, libc::SOCK_DGRAM))
        })
    }

    #[test]
    fn sockets_of_a_family_are_found_and_held() {
        let _earlier = socket(libc::AF_UNIX, libc::SOCK_DGRAM);
        let _other = socket(libc::AF_INET, libc::SOCK_DGRAM);
        let (theirs, opened) = pair();
        let fds: Vec<_> = opened.iter().map(|socket| socket.fd).collect();
        assert_eq!(fds, theirs.each_ref().map(AsRawFd::as_raw_fd));
        let held = of_queues(&opened, 2, 1);
        assert_eq!(held.len(), 2);
        for (held, opened) in held.iter().zip(&opened) {
            assert_ne!(held.as_raw_fd(), opened.fd);
            assert_eq!(inode(held.as_raw_fd()), Some(opened.inode));
        }
    }

    #[test]
    fn what_leaves_doubt_is_not_held() {
        let (theirs, opened) = pair();
        assert!(of_queues(&opened, 1, 1).is_empty(), "one too many");
        assert!(of_queues(&opened[1..], 2, 1).is_empty(), "one too few");
        let swapped = [opened[1], opened[0]];
        assert!(of_queues(&swapped, 2, 1).is_empty(), "descriptors fall");
        let crossed = [
            Socket {
                inode: opened[1].inode,
                ..opened[0]
            },
            Socket {
                inode: opened[0].inode,
                ..opened[1]
            },
        ];
        assert!(of_queues(&crossed, 2, 1).is_empty(), "inodes fall");
        // Another one under the same number.
        let [first, _second] = theirs;
        let number = first.as_raw_fd();
        drop(first);
        let successor = socket(libc::AF_UNIX, libc::SOCK_DGRAM);
        assert_eq!(successor.as_raw_fd(), number);
        assert!(of_queues(&opened, 2, 1).is_empty(), "replaced");
    }
}
