//! DPDK for ferroute: generated bindings ([`raw`]), a small C shim, and a safe layer above both.
//!
//! | module | holds |
//! |---|---|
//! | [`eal`] | starting DPDK, once per process |
//! | [`mbuf`], [`mempool`] | packets, on the heap or from pools |
//! | [`port`], [`queue`] | devices, attached and configured at run time; bursts in and out |
//! | [`thread`] | threads of our own, registered with DPDK |
//! | [`clock`], [`log`], [`memory`] | the cycle counter, DPDK's log, the machine's huge pages |
//! | [`prefetch()`] | asking for a cache line ahead of its use |
//! | [`fib`] | DPDK's forwarding tables, as an oracle for ours |
//!
//! Handles keep what they need alive: a queue its port, a port its pool, all of them DPDK. All
//! differences between DPDK's releases (22.11 to 25.11) stay inside this crate.

pub mod clock;
pub mod eal;
pub mod error;
pub mod fib;
pub mod log;
pub mod mbuf;
pub mod memory;
pub mod mempool;
pub mod port;
mod prefetch;
pub mod queue;
pub mod raw;
pub mod thread;

pub use eal::{Eal, EalError};
pub use error::Errno;
#[cfg(target_arch = "x86_64")]
pub use mbuf::Eight;
pub use mbuf::Mbuf;
pub use mempool::{MbufSource, Mempool, MempoolError, PoolExhausted};
pub use port::{
    AttachError, ConfigureError, Link, Port, PortConfig, PortError, PortInfo, PortStats, Queues,
};
pub use prefetch::prefetch;
pub use queue::{RxQueue, TxQueue};
pub use thread::ThreadRegistration;
