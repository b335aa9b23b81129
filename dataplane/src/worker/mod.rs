//! Workers: one pinned, polling thread per data CPU.
//!
//! A worker owns its receive queues and its transmit queues. They come and go by [`command`]s that
//! it takes between two passes, so that no queue ever has two owners and no lock is needed. What it
//! knows of the world it reads from the snapshot once per burst.

pub mod command;
pub mod handle;
mod idle;
mod run;
mod sleep;
pub mod waker;

pub use handle::{Idle, StartError, Worker, WorkerSpec};
