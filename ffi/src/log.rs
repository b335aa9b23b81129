//! DPDK's log.
//!
//! By itself DPDK writes to standard error and to syslog. [`route`] hands its lines to a function,
//! which also works before DPDK is started, when most of what goes wrong is said.

use crate::error::Errno;
use crate::raw;
use std::ffi::c_char;
use std::slice;
use std::sync::OnceLock;

/// How grave a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Level {
    /// The system is unusable.
    Emergency = 1,
    /// Something must be done at once.
    Alert = 2,
    /// A critical condition.
    Critical = 3,
    /// An error.
    Error = 4,
    /// A warning.
    Warning = 5,
    /// Normal, but worth a look.
    Notice = 6,
    /// Information.
    Info = 7,
    /// For debugging.
    Debug = 8,
}

impl Level {
    const fn from_raw(raw: u32) -> Self {
        match raw {
            0 | 1 => Self::Emergency,
            2 => Self::Alert,
            3 => Self::Critical,
            4 => Self::Error,
            5 => Self::Warning,
            6 => Self::Notice,
            7 => Self::Info,
            _ => Self::Debug,
        }
    }
}

/// Why the log was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// [`route`] was called before.
    #[error("DPDK's log is routed already")]
    AlreadyRouted,
    /// DPDK refused.
    #[error("DPDK did not change its log: {0}")]
    Refused(Errno),
}

static SINK: OnceLock<fn(Level, &str)> = OnceLock::new();

/// Hands each line of DPDK's log to `sink`, from whatever thread it comes, instead of writing it.
///
/// # Errors
///
/// It was called before, or memory lacks.
pub fn route(sink: fn(Level, &str)) -> Result<(), LogError> {
    SINK.set(sink).map_err(|_| LogError::AlreadyRouted)?;
    // SAFETY: `deliver` has the signature that the shim calls, and lives for ever.
    Errno::check(unsafe { raw::shim_log_stream(Some(deliver)) })
        .map(drop)
        .map_err(LogError::Refused)
}

/// Called by the C library when DPDK flushes a message.
unsafe extern "C" fn deliver(level: u32, text: *const c_char, length: usize) {
    // SAFETY: the C library passes `length` bytes of its stream's buffer, valid during the call.
    let bytes = unsafe { slice::from_raw_parts(text.cast::<u8>(), length) };
    if let Some(sink) = SINK.get() {
        for line in String::from_utf8_lossy(bytes)
            .lines()
            .filter(|line| !line.trim().is_empty())
        {
            sink(Level::from_raw(level), line);
        }
    }
}
