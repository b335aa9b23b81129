//! Next hops: what routes lead to, and what that comes to.

mod buckets;
mod depend;
mod gateways;
mod groups;
mod links;
mod paths;
#[cfg(test)]
mod proptests;
mod resolve;
mod resolved;
mod set;
mod store;
mod trial;

pub use buckets::{Buckets, MAX_BUCKETS, MIN_BUCKETS};
pub use groups::{GroupKey, PutGroupError, RemoveGroupError};
pub use resolve::Lookup;
pub use resolved::{Action, Gateway, Loop, MAX_DEPTH, MAX_PATHS, Path, Resolved, Unresolved};
pub use set::{MAX_MEMBERS, Members, NextHop, NextHopError, NextHopSet, Via};
pub use store::{MAX_SETS, NextHopSetId, NextHops, SetView, SetsFull, Settled};
