//! Long answers in pages.
//!
//! The core is one thread and must never be held up by a long listing. So it answers page by page,
//! and a cursor, the key of the last item seen, says where the next page begins. A listing is no
//! snapshot: what stays in place while it runs appears exactly once.

use super::name::InterfaceName;
use super::prefix::Prefix;
use ferroute_dataplane::ids::VrfId;
use std::net::IpAddr;

/// About how many items a page has. It is short enough that the core answers in under a millisecond.
pub const PAGE_ITEMS: usize = 1024;

/// One page of a listing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page<T, C> {
    /// The items, in the order of their keys.
    pub items: Vec<T>,
    /// Where the next page begins; absent on the last. A page may be empty and yet not be the last, when a
    /// filter left nothing of many.
    pub next: Option<C>,
}

impl<T, C> Page<T, C> {
    /// The page of at most [`PAGE_ITEMS`] items; a full one is taken not to be the last.
    #[must_use]
    pub fn filled(items: Vec<T>, cursor: impl FnOnce(&T) -> C) -> Self {
        let full = items.last().filter(|_| items.len() >= PAGE_ITEMS);
        let next = full.map(cursor);
        Self { items, next }
    }
}

/// The prefix after which the next page of routes begins. All routes of a prefix are in one page.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct RouteCursor {
    /// Its VRF.
    pub vrf: VrfId,
    /// The prefix.
    pub prefix: Prefix,
}

/// The neighbour after which the next page begins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct NeighbourCursor {
    /// Its interface.
    pub interface: InterfaceName,
    /// Its address.
    pub address: IpAddr,
}

/// The next hop entry after which the next page begins, by the router's order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct NextHopCursor(pub u64);
