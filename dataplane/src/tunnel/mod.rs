//! Into tunnels and out of them, as functions over bytes: what workers and the exception path share.
//!
//! * [`inner`]: what an outer header takes from the packet that it is put in front of.
//! * [`encap`]: the outer header.
//! * [`decap`]: what stands behind an outer header.
//! * [`leave`]: what the inner packet takes over from it.
//! * [`stack`]: what a label stack says.
//! * `plain`: the outer header of what nearly all tunnels are, in fewer steps.

pub mod decap;
pub mod encap;
pub mod inner;
pub mod leave;
pub(crate) mod plain;
pub mod stack;
