//! The environment abstraction layer: DPDK's memory, buses and drivers.
//!
//! DPDK keeps its state in globals and starts once per process. An [`Eal`] is the proof that it
//! did: whatever needs it takes one, and what it made keeps it alive, so that the clean-up runs when
//! the last port, pool and handle is gone.

use crate::error::Errno;
use crate::raw;
use std::collections::BTreeSet;
use std::ffi::{CStr, CString, OsStr, c_char, c_int};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

static STARTED: AtomicBool = AtomicBool::new(false);

/// Why DPDK did not start. After any but the argument errors the process must end: DPDK cannot try
/// twice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EalError {
    /// This process started it before, whether that worked or not.
    #[error("DPDK was started in this process before, and it starts only once")]
    AlreadyStarted,
    /// An argument holds a zero byte.
    #[error("EAL argument {0:?} contains a zero byte")]
    ZeroByte(String),
    /// More arguments than a C `int` counts.
    #[error("too many EAL arguments")]
    TooManyArguments,
    /// DPDK does not take these arguments.
    #[error("DPDK refused its arguments ({0}); its log names the one")]
    InvalidArguments(Errno),
    /// The process lacks a privilege.
    #[error(
        "DPDK lacks a privilege ({0}): run as root, or grant access to the huge pages and /dev/vfio"
    )]
    NoPermission(Errno),
    /// Not enough memory, usually not enough huge pages.
    #[error(
        "DPDK did not get its memory ({0}): reserve huge pages (vm.nr_hugepages), ask for less (-m), or use --no-huge"
    )]
    NoMemory(Errno),
    /// Another process with the same file prefix runs.
    #[error("another DPDK process uses these files ({0}): end it, or choose another --file-prefix")]
    InUse(Errno),
    /// Anything else.
    #[error("DPDK did not start: {0}; its log says more")]
    Failed(Errno),
}

/// DPDK, started. Clones are handles of the same thing.
#[derive(Clone, Debug)]
pub struct Eal(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The ports that a [`crate::port::Port`] exists for. The lock also serialises attaching and
    /// detaching, which is not safe from two threads.
    claimed_ports: Mutex<BTreeSet<u16>>,
}

impl Eal {
    /// Starts DPDK with these arguments, without a program name (`["--no-huge", "-m", "256"]`).
    ///
    /// The calling thread keeps its CPU affinity: DPDK pins it to the main lcore's CPUs, which every
    /// thread started later would inherit.
    ///
    /// # Errors
    ///
    /// See [`EalError`]. From release 25.11 on, DPDK itself ends the process when it does not know
    /// the name of an option.
    pub fn init(args: &[String]) -> Result<Self, EalError> {
        let mut argv = Vec::with_capacity(args.len() + 2);
        for arg in std::iter::once("ferroute").chain(args.iter().map(String::as_str)) {
            argv.push(
                CString::new(arg)
                    .map_err(|_| EalError::ZeroByte(arg.to_owned()))?
                    .into_raw(),
            );
        }
        let argc = c_int::try_from(argv.len()).map_err(|_| EalError::TooManyArguments)?;
        if STARTED.swap(true, Ordering::SeqCst) {
            return Err(EalError::AlreadyStarted);
        }
        argv.push(std::ptr::null_mut());
        // DPDK keeps pointers into its arguments, and permutes the array: both are leaked.
        let argv: *mut *mut c_char = argv.leak().as_mut_ptr();

        let affinity = Affinity::of_this_thread();
        // SAFETY: `argv` is a terminated array of `argc` terminated strings that live for ever.
        let result = unsafe { raw::rte_eal_init(argc, argv) };
        let errno = Errno::last();
        affinity.restore();
        if result < 0 {
            remove_runtime_dir();
            return Err(EalError::from_errno(errno));
        }
        Ok(Self(Arc::new(Inner {
            claimed_ports: Mutex::default(),
        })))
    }

    /// The ports that are taken, locked.
    pub(crate) fn claimed_ports(&self) -> MutexGuard<'_, BTreeSet<u16>> {
        // A panic while it was held left a complete set: it is only inserted into and removed from.
        self.0
            .claimed_ports
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // DPDK's own thread for interrupts outlives its clean-up, and so does a socket on which memif listened: an event then
        // reads memory that is gone. So the thread is kept busy.
        // SAFETY: DPDK is initialized; the call waits a second at most.
        unsafe { raw::shim_park_interrupts() };
        // SAFETY: every port, pool and registered thread holds an `Eal`, so none is left. The one
        // exception, a pool whose buffers are still out, leaks its handle on purpose.
        unsafe { raw::rte_eal_cleanup() };
        remove_runtime_dir();
    }
}

/// Removes DPDK's folder under `/var/run/dpdk`, which its clean-up leaves. Only if it is empty: what
/// else is there belongs to another process.
fn remove_runtime_dir() {
    // SAFETY: DPDK answers a constant buffer, an empty string before it has chosen a folder.
    let folder = unsafe { CStr::from_ptr(raw::rte_eal_get_runtime_dir()) };
    // A folder that cannot be removed is in use, and rightly stays.
    let _ = std::fs::remove_dir(Path::new(OsStr::from_bytes(folder.to_bytes())));
}

impl EalError {
    /// By what the documentation of `rte_eal_init` says its numbers mean.
    const fn from_errno(errno: Errno) -> Self {
        match errno.number() {
            libc::EINVAL => Self::InvalidArguments(errno),
            libc::EACCES | libc::EPERM => Self::NoPermission(errno),
            libc::ENOMEM => Self::NoMemory(errno),
            libc::EALREADY | libc::EBUSY => Self::InUse(errno),
            _ => Self::Failed(errno),
        }
    }
}

/// The version of the DPDK that is loaded, such as `DPDK 22.11.11`.
#[must_use]
pub fn version() -> String {
    // SAFETY: a constant, terminated string; needs no EAL.
    unsafe { CStr::from_ptr(raw::rte_version()) }
        .to_string_lossy()
        .into_owned()
}

/// The CPUs a thread may run on.
struct Affinity(Option<libc::cpu_set_t>);

impl Affinity {
    fn of_this_thread() -> Self {
        let mut set = MaybeUninit::<libc::cpu_set_t>::zeroed();
        // SAFETY: thread 0 is the calling one, and the kernel writes at most the size it is given.
        let result =
            unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), set.as_mut_ptr()) };
        // SAFETY: a set of bits is valid whatever they are, and all were zeroed.
        Self((result == 0).then(|| unsafe { set.assume_init() }))
    }

    fn restore(&self) {
        if let Self(Some(set)) = self {
            // SAFETY: thread 0 is the calling one; `set` is a whole cpu_set_t.
            unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), set) };
        }
    }
}
