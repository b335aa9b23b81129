//! Bridge domains: who is in them, which way each station is, and how that reaches the workers.
//!
//! ```text
//!  clients ─ domain, members, gateway ─ configure ──┐
//!          ─ static and remote stations ─ change ───┼─► stations (the truth) ─ fdb ─► FDB, changed in place
//!          ─ remote ends to flood to ─ flood ───┐   │
//!  workers ─ frames of new stations ─ seen ─────┼───┤
//!  clock ─── idle stations ─ age ───────────────┼───┘
//!                                               └─► draft of the snapshot
//! ```
//!
//! * [`station`], [`stations`]: the truth and its rules, without I/O.
//! * [`segment`]: Ethernet segments, [`audience`]: who gets what is flooded among them, without I/O; [`attach`] changes
//!   them, [`path`]: which way the stations behind them are.
//! * [`domain`]: the domains; [`configure`] and [`gateway`] change them.
//! * [`fdb`]: writes the FDB; [`change`], [`seen`], [`heard`] and [`age`] are why.
//! * [`flood`]: tunnels of the VXLAN network; [`view`]: what clients see; [`kept`]: what the next router takes up.

mod age;
mod attach;
mod audience;
mod change;
mod configure;
mod domain;
mod fdb;
mod flood;
mod gateway;
mod heard;
mod kept;
mod path;
mod seen;
mod segment;
mod station;
mod stations;
mod view;

pub(super) use domain::Bridging;
