//! The machine: its CPUs, who has them and how long threads wait for them, its huge pages, what it is.

pub mod cpus;
pub mod facts;
pub mod huge;
pub mod keeper;
pub mod priority;
pub mod thread;

pub use cpus::{Cpus, Workers};
pub use facts::Facts;
pub use huge::HugePages;
pub use keeper::Keeper;
pub use priority::Priority;
pub use thread::Thread;
