//! Next hops: what routes lead to, and what that comes to.
//!
//! ```text
//!   prefix ──→ NextHopSetId ──→ declared: NextHopSet        interned, or a group that its owner replaces
//!                          ╲                                  members: gateways, neighbours, links
//!                           ╲──→ resolved: Resolved         paths with weights, an action, or why nothing
//! ```
//!
//! Sets that are declared alike are one, so the number of sets is that of different next hops and not of routes,
//! and a change of what a set comes to reaches all its routes at once. A group is a set with a name: replacing
//! what it declares moves its routes without touching them.
//!
//! Gateways are looked up in the routes (see [`Lookup`]), recursively. What rests on what is written down as it is
//! looked at: for each gateway the sets that it was resolved through, and the length of the shortest prefix that played a
//! part. When a route comes or goes, the gateways within its prefix are a range of an ordered map, and only those for
//! which the prefix is long enough are resolved again, with what rests on them. For a prefix without gateways
//! that is one descent in a small map.
//!
//! # Loops
//!
//! A route that would be reached through itself is refused when it is added, with the [`Loop`] named. Loops can still
//! come about, when another route goes or a group changes; the sets in them are unresolved, and so are those that
//! lead to them. Nothing else is tried for them: with the loop's routes put aside another route could serve, which
//! would make the loop's routes usable, and so on for ever. So what everything comes to depends on the routes alone, not on
//! the order in which they came.
//!
//! # Order of work
//!
//! Values are brought up to date by [`NextHops::settle`] only, once per batch: until then everybody sees those of the
//! last settlement. The whole flow stands at the [RIB](crate::rib).
//!
//! The compiler makes of a resolved set a next hop of the data plane: an adjacency for each [`Path`], and for
//! several a group with [`Buckets`].

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
mod slots;
mod store;
#[cfg(test)]
mod tests;
mod trial;
mod tunnels;
mod users;

pub use buckets::{Buckets, MAX_BUCKETS, MIN_BUCKETS};
pub use groups::{GroupKey, PutGroupError, RemoveGroupError};
pub use resolve::Lookup;
pub use resolved::{Action, Gateway, Loop, MAX_DEPTH, MAX_PATHS, Path, Resolved, Unresolved, Way};
pub use set::{MAX_MEMBERS, Members, NextHop, NextHopError, NextHopSet, Via, is_station};
pub use store::{MAX_SETS, NextHopSetId, NextHops, SetView, SetsFull, Settled};
pub use tunnels::{Encap, TunnelKey, TunnelView};
