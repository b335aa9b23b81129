//! Routing daemons as a lab's boxes run them: Debian's own builds, from roots that `tests/scripts/daemons` makes.
//!
//! Each daemon belongs to one network namespace and one private set of mounts, so that it finds its sockets, its
//! configuration and `/run/netns` where it expects them and sees nobody else's. Like every program of a lab it
//! dies with the thread that started it.

pub mod bird;
pub mod frr;
pub mod gobgp;
mod root;
pub mod zebra;

pub use bird::Bird;
pub use frr::Frr;
pub use gobgp::GoBgp;
pub use root::{Release, Root};
pub use zebra::Zebra;
