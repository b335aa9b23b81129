//! Why DPDK refused something.

use crate::raw;
use std::ffi::{CStr, c_int};
use std::fmt;

/// An error number of the system or of DPDK, always positive.
///
/// DPDK answers either a negative number or -1 (or null) with the number in `rte_errno`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(c_int);

impl Errno {
    /// The error with this number; the sign does not matter.
    #[must_use]
    pub const fn new(number: i32) -> Self {
        Self(number.saturating_abs())
    }

    /// What this thread's last failed call left in `rte_errno`.
    #[must_use]
    pub(crate) fn last() -> Self {
        // SAFETY: reads a variable of this thread.
        Self::new(unsafe { raw::shim_errno() })
    }

    /// The number, positive.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0
    }

    /// The symbol, such as `ENODEV`; `errno` for those that DPDK's users do not meet.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES
            .iter()
            .find(|(number, _)| *number == self.0)
            .map_or("errno", |(_, name)| name)
    }

    /// `Ok` for a call that answers 0 or more.
    pub(crate) const fn check(result: c_int) -> Result<c_int, Self> {
        if result < 0 {
            Err(Self::new(result))
        } else {
            Ok(result)
        }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: DPDK answers a terminated string in a buffer of this thread, or a constant.
        let text = unsafe { CStr::from_ptr(raw::rte_strerror(self.0)) };
        write!(f, "{} {}: {}", self.name(), self.0, text.to_string_lossy())
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name(), self.0)
    }
}

macro_rules! names {
    ($($name:ident)+) => { &[$((libc::$name, stringify!($name)),)+ (1001, "E_RTE_SECONDARY"), (1002, "E_RTE_NO_CONFIG")] };
}

const NAMES: &[(c_int, &str)] = names! {
    EPERM ENOENT EINTR EIO ENXIO ENOEXEC EBADF EAGAIN ENOMEM EACCES EFAULT EBUSY EEXIST EXDEV ENODEV ENOTDIR EINVAL EMFILE
    ENOSPC EROFS EDOM ERANGE ENAMETOOLONG ENOSYS EPROTO EOVERFLOW EMSGSIZE ENOTSUP EADDRINUSE ENETDOWN ENOBUFS ETIMEDOUT
    EALREADY EINPROGRESS ECANCELED
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_explains() {
        assert_eq!(Errno::new(-libc::ENODEV), Errno::new(libc::ENODEV));
        assert_eq!(
            Errno::new(-libc::ENODEV).to_string(),
            "ENODEV 19: No such device"
        );
        assert!(
            Errno::new(1001)
                .to_string()
                .starts_with("E_RTE_SECONDARY 1001: ")
        );
        assert_eq!(Errno::new(9999).name(), "errno");
        assert_eq!(Errno::check(3), Ok(3));
        assert_eq!(Errno::check(-libc::EBUSY), Err(Errno::new(libc::EBUSY)));
    }
}
