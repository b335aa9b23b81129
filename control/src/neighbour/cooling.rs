//! When destinations whose entry is gone may be asked again.
//!
//! Without it, deleting or evicting an entry would forget when its destination was last asked, and
//! a scan that makes the table thrash would turn every packet into a request.

use super::key::NeighbourKey;
use std::collections::{BTreeMap, VecDeque};

/// Most destinations remembered. They are remembered for one retransmission time, and requests are
/// policed far below this many a second.
const MOST: usize = 1 << 16;

#[derive(Default)]
pub(super) struct Cooling {
    asked: BTreeMap<NeighbourKey, u64>,
    order: VecDeque<(u64, NeighbourKey)>,
}

impl Cooling {
    /// Remembers that the destination was asked at `asked_ns`, and forgets those asked before
    /// `forget_ns`.
    pub(super) fn insert(&mut self, key: NeighbourKey, asked_ns: u64, forget_ns: u64) {
        while let Some(&(oldest_ns, oldest)) = self.order.front() {
            if oldest_ns > forget_ns && self.order.len() < MOST {
                break;
            }
            self.order.pop_front();
            // The key may have been asked and removed again since: then a later item stands for it.
            if self.asked.get(&oldest) == Some(&oldest_ns) {
                self.asked.remove(&oldest);
            }
        }
        self.asked.insert(key, asked_ns);
        self.order.push_back((asked_ns, key));
    }

    /// When the destination was last asked, if its entry is gone since not long.
    pub(super) fn asked_ns(&self, key: &NeighbourKey) -> Option<u64> {
        self.asked.get(key).copied()
    }
}
