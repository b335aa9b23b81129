//! The ioctls of `/dev/net/tun` (Linux `Documentation/networking/tuntap.rst`).
//!
//! The only unsafe code of this module: ioctls whose argument's type the compiler cannot check.

use super::error::TwinError;
use super::spec::TwinName;
use nix::errno::Errno;
use nix::libc::{self, c_int, c_short};
use std::fs::OpenOptions;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

/// `struct ifreq` as far as TUNSETIFF reads and writes it.
#[repr(C)]
struct IfReq {
    name: [u8; libc::IFNAMSIZ],
    flags: c_short,
    rest: [u8; 22],
}

const _: () = assert!(size_of::<IfReq>() == size_of::<libc::ifreq>());

mod ioctl {
    use super::{IfReq, c_int};
    // TUNSETIFF is declared with an int and takes a struct ifreq, hence "bad".
    nix::ioctl_write_ptr_bad!(
        tunsetiff,
        nix::request_code_write!(b'T', 202, size_of::<c_int>()),
        IfReq
    );
    // TUNSETPERSIST is declared with a pointer and takes an int by value.
    nix::ioctl_write_int_bad!(
        tunsetpersist,
        nix::request_code_write!(b'T', 203, size_of::<c_int>())
    );
    nix::ioctl_write_ptr!(tunsetcarrier, b'T', 226, c_int);
}

/// Makes a TAP of this name in the network namespace of the calling thread. It vanishes with the
/// descriptor unless it is made [persistent](set_persistent); the descriptor does not block and is not inherited by programs.
pub(super) fn create(name: &TwinName) -> Result<OwnedFd, TwinError> {
    // EXCL: without it the kernel would hand out a persistent TAP that somebody else left.
    open(name, libc::IFF_TUN_EXCL)
}

/// Takes a persistent TAP of this name over, which nobody may have open.
pub(super) fn take_over(name: &TwinName) -> Result<OwnedFd, TwinError> {
    open(name, 0)
}

fn open(name: &TwinName, mode: c_int) -> Result<OwnedFd, TwinError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open("/dev/net/tun")
        .map_err(|source| TwinError::NoTunDevice { source })?;
    let flags = libc::IFF_TAP | libc::IFF_NO_PI | mode;
    let mut request = IfReq {
        name: [0; libc::IFNAMSIZ],
        flags: flags as c_short,
        rest: [0; 22],
    };
    // A name has at most 15 bytes, so the last byte stays 0.
    for (place, byte) in request.name.iter_mut().zip(name.as_str().bytes()) {
        *place = byte;
    }
    // SAFETY: the descriptor is open for the whole call, and the argument is a struct of the size and
    // layout of `struct ifreq` whose name ends in 0; the kernel keeps no pointer to it. That the kernel
    // writes the name back is harmless: the request is not read again.
    match unsafe { ioctl::tunsetiff(file.as_raw_fd(), &raw mut request) } {
        Ok(_) => Ok(file.into()),
        Err(Errno::EBUSY | Errno::EEXIST) => Err(TwinError::NameTaken { name: name.clone() }),
        Err(errno) => Err(TwinError::Create {
            name: name.clone(),
            source: errno.into(),
        }),
    }
}

/// Says whether the TAP stays when nobody has it open.
pub(super) fn set_persistent(tap: BorrowedFd<'_>, stays: bool) -> Result<(), Errno> {
    // SAFETY: the descriptor is borrowed for the whole call, and the argument is a plain number.
    unsafe { ioctl::tunsetpersist(tap.as_raw_fd(), c_int::from(stays)) }.map(drop)
}

/// Switches the TAP's carrier (Linux 5.0).
pub(super) fn set_carrier(tap: BorrowedFd<'_>, on: bool) -> Result<(), Errno> {
    let value = c_int::from(on);
    // SAFETY: the descriptor is borrowed for the whole call, and the argument points to an int, which
    // is all that the kernel reads.
    unsafe { ioctl::tunsetcarrier(tap.as_raw_fd(), &raw const value) }.map(drop)
}
