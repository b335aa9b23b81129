//! The router as the bridge sees it: an ordinary client of its API.
//!
//! [`session`] is one stream of routes with the events that concern it; [`link`] makes sessions again and again. [`keeper`] keeps
//! what is no route as the sources have it: permanent [`neighbours`], routed [`vnis`], [`labels`].

pub(in crate::bridge) mod keeper;
pub(in crate::bridge) mod labels;
pub(in crate::bridge) mod link;
pub(in crate::bridge) mod neighbours;
pub(in crate::bridge) mod session;
pub(in crate::bridge) mod vnis;
