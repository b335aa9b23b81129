//! The core: one thread that owns the truth and answers typed requests.

pub mod handle;
pub mod request;
