//! The routing information base: every route, of every owner, and which of them are in the FIB.

mod error;
mod key;
mod life;
mod list;
mod overlay;
mod owner;
mod owners;
#[cfg(test)]
mod proptests;
mod route;
mod store;
mod table;
mod work;

pub use error::{RouteError, VrfExists};
pub use list::{Prefixes, Query, RouteState, RouteView};
pub use owner::{Connected, OwnerError, OwnerId, OwnerState, OwnerView, Session, Tenure};
pub use route::{Attributes, Best};
pub use store::{BestChange, Limits, Rib, Undo};
pub use work::Finished;
