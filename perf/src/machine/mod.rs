//! The machine: its CPUs, how long threads wait for them, its huge pages, what it is.

pub mod cpus;
pub mod facts;
pub mod huge;
pub mod thread;

pub use cpus::Cpus;
pub use facts::Facts;
pub use huge::HugePages;
pub use thread::Thread;
