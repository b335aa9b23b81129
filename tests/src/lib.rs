//! The lab library of ferroute: namespaces, cables, packet tools and handles of the programs under test.
//!
//! The scenario tests in `tests/tests` and the demo `ferroute-demo` are written with it; `docs/labs.md` says how.

pub mod api;
pub mod bench;
pub mod bridge;
pub mod capture;
pub mod daemon;
pub mod error;
pub mod hold;
pub mod keep;
pub mod link;
pub mod netns;
pub mod node;
pub mod packet;
pub mod process;
pub mod record;
pub mod relay;
pub mod router;
pub mod stand;
mod sys;
pub mod topology;
pub mod traffic;
pub mod wait;

pub use api::Api;
pub use bridge::Bridge;
pub use capture::{Capture, Recording};
pub use error::LabError;
pub use hold::Hold;
pub use link::{Interface, route, veth};
pub use netns::Namespace;
pub use node::Node;
pub use packet::{Direction, Frame, RawSocket};
pub use process::Process;
pub use record::Recorder;
pub use router::Router;
pub use topology::TwoHosts;

/// The example in the documentation of labs, so that it cannot drift.
#[cfg(doctest)]
#[doc = include_str!("../../docs/labs.md")]
struct Documentation;
