//! The routes that lead to one set.

use ferroute_dataplane::ids::VrfId;
use ipnet::IpNet;
use smallvec::SmallVec;

/// Most routes of a set whose places are known.
const MAX_PLACES: usize = if cfg!(test) { 2 } else { 32 };

/// How many routes lead to a set, and where they are while they are few.
///
/// When a set becomes usable or unusable its routes are elected again. A host route's set has one or two, and to look for
/// them in a table of a million would take longer than all else; a set with many is found by a walk.
#[derive(Debug)]
pub(super) struct Users {
    count: u32,
    ipv6: u32,
    /// The prefixes, as long as they were never too many.
    places: Option<SmallVec<[(VrfId, IpNet); 1]>>,
}

impl Default for Users {
    fn default() -> Self {
        Self {
            count: 0,
            ipv6: 0,
            places: Some(SmallVec::new()),
        }
    }
}

impl Users {
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    pub(super) fn any_ipv6(&self) -> bool {
        self.ipv6 > 0
    }

    /// Where the routes are; `None` if they are or were too many.
    pub(super) fn places(&self) -> Option<&[(VrfId, IpNet)]> {
        self.places.as_deref()
    }

    pub(super) fn add(&mut self, vrf: VrfId, prefix: IpNet) {
        self.count += 1;
        self.ipv6 += u32::from(prefix.addr().is_ipv6());
        if let Some(places) = &mut self.places {
            if places.len() < MAX_PLACES {
                places.push((vrf, prefix))
            } else {
                self.places = None
            }
        }
    }

    pub(super) fn remove(&mut self, vrf: VrfId, prefix: IpNet) {
        self.count = self.count.saturating_sub(1);
        self.ipv6 = self.ipv6.saturating_sub(u32::from(prefix.addr().is_ipv6()));
        if self.count == 0 {
            *self = Self::default();
        } else if let Some(places) = &mut self.places
            && let Some(at) = places.iter().position(|place| *place == (vrf, prefix))
        {
            places.swap_remove(at);
        }
    }
}
