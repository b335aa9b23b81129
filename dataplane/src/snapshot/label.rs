//! The router's own label space: what it does with a packet whose top label it gave out.

use std::sync::Arc;

use crate::ids::{InterfaceId, NextHopId};
use crate::wire::mpls::Label;

use super::tunnel::Mode;

/// What a label says that its bottom carries; the packet's first nibble is not asked (RFC 4928).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Payload {
    /// IPv4 only.
    Ipv4,
    /// IPv6 only (6VPE, RFC 4659).
    Ipv6,
    /// Either; the version field tells which.
    Both,
}

/// What becomes of a packet with a label (RFC 3031 section 3.10). The TTL mode says whether the
/// label's TTL is carried over into what is below it (RFC 3443).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LabelEntry {
    /// Popped, and looked up in the VRF of an interface, by which it then has come.
    Vrf {
        /// The interface.
        interface: InterfaceId,
        /// What it carries.
        payload: Payload,
        /// How its TTL is taken over.
        ttl_mode: Mode,
    },
    /// Popped and sent to a next hop; swapped when that is a tunnel of labels.
    NextHop {
        /// The next hop.
        next_hop: NextHopId,
        /// What it carries.
        payload: Payload,
        /// How its TTL is taken over.
        ttl_mode: Mode,
    },
}

const BITS: usize = 10;
const CHUNK: usize = 1 << BITS;
const SPINE: usize = Label::COUNT >> BITS;

type Chunk = [Option<LabelEntry>; CHUNK];

/// The entries by label, in two levels, as labels are given out in blocks anywhere in the space. A
/// copy costs one reference, a change 16 KiB.
#[derive(Clone, Debug)]
pub struct LabelTable {
    spine: Arc<[Option<Arc<Chunk>>; SPINE]>,
}

impl Default for LabelTable {
    fn default() -> Self {
        Self {
            spine: Arc::new([const { None }; SPINE]),
        }
    }
}

impl LabelTable {
    /// The entry of a label; `None` for one that was not given out.
    #[inline]
    #[must_use]
    pub fn get(&self, label: Label) -> Option<LabelEntry> {
        let chunk = self.spine[(label.index() >> BITS) % SPINE].as_deref()?;
        chunk[label.index() % CHUNK]
    }

    /// Sets or removes the entry of a label. Special labels have a meaning of their own, which an
    /// entry does not change.
    pub fn set(&mut self, label: Label, entry: Option<LabelEntry>) {
        let chunk = &mut Arc::make_mut(&mut self.spine)[label.index() >> BITS];
        let entries = Arc::make_mut(chunk.get_or_insert_with(|| Arc::new([None; CHUNK])));
        entries[label.index() % CHUNK] = entry;
        if entries.iter().all(Option::is_none) {
            *chunk = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn an_entry_is_one_word() {
        assert_eq!(size_of::<Option<LabelEntry>>(), 8);
    }

    proptest! {
        /// Labels of few chunks, so that places are shared and chunks become empty again.
        #[test]
        fn is_a_map(changes in prop::collection::vec((0..4u32, 0..4u32, prop::option::of(1..9u32)), 0..64)) {
            let (mut table, mut model) = (LabelTable::default(), BTreeMap::new());
            for (block, place, interface) in changes {
                let label = Label::new(block * 341_000 + place).unwrap();
                let entry = interface.map(|id| LabelEntry::Vrf {
                    interface: InterfaceId::new(id),
                    payload: Payload::Both,
                    ttl_mode: Mode::Pipe,
                });
                let old = table.clone();
                prop_assert_eq!(old.get(label), model.get(&label).copied());
                table.set(label, entry);
                prop_assert_eq!(old.get(label), model.get(&label).copied(), "a copy stays as it was");
                match entry {
                    Some(entry) => model.insert(label, entry),
                    None => model.remove(&label),
                };
                prop_assert!(model.iter().all(|(label, entry)| table.get(*label) == Some(*entry)));
                prop_assert_eq!(table.spine.iter().flatten().count(),
                    model.keys().map(|l| l.index() / CHUNK).collect::<std::collections::BTreeSet<_>>().len());
            }
        }
    }
}
