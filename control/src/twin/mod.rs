//! Kernel twins: for each interface of the router a TAP of the same name, Ethernet address and MTU
//! in a network namespace, so that FRR, ssh or a BFD daemon see an ordinary netdev.
//!
//! ```text
//!   core thread                 one thread per namespace                exception thread
//!   TwinManager ── job ───────► setns(), netlink, /proc/sys,            TwinSet
//!        │      ◄── result ──── /dev/net/tun                             │ epoll, read, write
//!        └──────────────── TwinIo (the TAP's descriptor) ────────────────┘
//! ```
//!
//! What a namespace's thread does may take milliseconds, because the kernel's own lock for
//! configuration (RTNL) may be contended; the packet loop only ever reads and writes descriptors.
//!
//! [`TwinManager::apply`] compares what is with what is wanted and writes the difference: applying
//! the same again writes nothing. The kernel end holds the interface's addresses, forwards nothing,
//! learns no address by itself (no link-local of its own, no router advertisements), and leaves
//! duplicate detection to the router. Addresses and routes that other programs put on a twin stay.
//!
//! A TAP lives as long as its descriptor, unless it is persistent. Those of a [`Legacy`] that says so stay when the process
//! ends, however it does, without a carrier; the next process knows them by their mark and takes them over by name, with
//! the addresses and routes that the kernel has.

mod error;
mod io;
mod manager;
mod namespace;
pub(crate) mod netlink;
mod reconcile;
mod spec;
pub(crate) mod sysctl;
mod tun;

pub use error::TwinError;
pub use io::{TwinIo, TwinSet};
pub use manager::{LeftTwin, Legacy, TwinManager};
pub use spec::{TwinName, TwinNameError, TwinSpec};

#[cfg(test)]
mod tests;
