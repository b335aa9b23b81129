//! The core: one thread that owns the truth and answers typed requests.
//!
//! ```text
//!  gRPC, CLI, config ── handle ──► request ──► dispatch ──► Router ──┬─ port, interface, link, vrf
//!                                                                   ├─ session, route, nexthop, lookup
//!  exception path ────────────── told ─────────────────────────────►├─ neighbour, bridge, stats, sample
//!                                                                   ▼
//!                       RIB, next hops ──► forwarding, adjacency ──► plane ──► FIB, snapshot, workers
//! ```
//!
//! * [`handle`], [`request`]: how others ask, and what may be asked.
//! * [`router`]: the truth; [`dispatch`] and [`thread`] run it.
//! * [`belongings`]: what goes with owners, besides routes.
//! * [`state`]: what is written down for the next start.
//! * [`forwarding`], [`adjacency`], [`plane`]: the compiler from truth to what workers read.

pub mod adjacency;
mod backlog;
mod baseline;
mod belongings;
mod bridge;
mod dispatch;
mod endpoint;
pub mod forwarding;
pub mod handle;
pub mod interface;
mod label;
pub(crate) mod link;
mod lookup;
mod neighbour;
mod nexthop;
pub mod overlay;
pub mod plane;
pub mod port;
pub mod request;
mod route;
pub mod router;
pub mod sample;
pub mod session;
pub mod state;
mod stats;
pub mod thread;
mod trace;
mod tunnel;
mod vni;
pub mod vrf;
