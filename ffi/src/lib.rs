//! DPDK for ferroute: generated bindings ([`raw`]), a small C shim, and a safe layer above both.
//!
//! All differences between DPDK's releases (22.11 to 25.11) stay inside this crate.

pub mod clock;
pub mod eal;
pub mod error;
pub mod fib;
pub mod log;
pub mod mbuf;
pub mod memory;
pub mod mempool;
pub mod port;
pub mod queue;
pub mod raw;
pub mod thread;

pub use eal::{Eal, EalError};
pub use error::Errno;
pub use mbuf::Mbuf;
pub use mempool::{MbufSource, Mempool, MempoolError, PoolExhausted};
pub use port::{
    AttachError, ConfigureError, Link, Port, PortConfig, PortError, PortInfo, PortStats, Queues,
};
pub use queue::{RxQueue, TxQueue};
pub use thread::ThreadRegistration;
