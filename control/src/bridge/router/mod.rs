//! The router as the bridge sees it: an ordinary client of its API.
//!
//! [`session`] is one stream of routes with the events that concern it; [`link`] makes sessions again and again, and [`neighbours`]
//! keeps the router's permanent neighbours as the kernel has them.

pub(in crate::bridge) mod link;
pub(in crate::bridge) mod neighbours;
pub(in crate::bridge) mod session;
