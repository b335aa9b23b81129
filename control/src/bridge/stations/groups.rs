//! Hosts that are attached to several routers (multihoming, RFC 7432): the daemons' groups of remote ends, each an Ethernet segment
//! in the router.
//!
//! ```text
//!  daemons ─▶ next hop objects with `fdb` ─ groups of them ──▶ remote segments, their ends as peers ┐ in the
//!          ─▶ entries of vni110 with `nhid` ─────────────────▶ stations behind a segment            ┘ router
//! ```
//!
//! The router spreads frames over the peers by flow, and a peer that leaves is one change whatever the number of stations. The
//! kernel does not say the segment's number, only its own of the group, so segments have numbers of our making.

use crate::bridge::netlink::update::{FdbHop, NextHopBody, NextHopUpdate};
use crate::bridge::table::octets;
use crate::model::segment::SegmentId;
use ferroute_proto::v1;
use prost::bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// How one source numbers its segments: by its owner's name and the kernel's number of the group. The same after a restart, and
/// others than those of other sources.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Numbering(u32);

impl Numbering {
    /// Those of the source of this owner.
    pub(super) fn of(owner: &str) -> Self {
        // FNV-1a: it must say the same in each version of the program.
        Self(owner.bytes().fold(0x811c_9dc5, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        }))
    }

    /// The segment of a group.
    pub(super) const fn segment(self, group: u32) -> SegmentId {
        SegmentId::made_up(self.0, group)
    }

    /// The group of a segment, if it is one of these.
    fn group(self, segment: SegmentId) -> Option<u32> {
        let [_, _, _, _, _, _, group @ ..] = segment.octets();
        let group = u32::from_be_bytes(group);
        (self.segment(group) == segment).then_some(group)
    }
}

/// The groups of a source's kernel, and the segments that the router has from us.
#[derive(Debug, Default)]
pub(super) struct Groups {
    numbering: Numbering,
    /// The kernel's next hop objects for forwarding databases.
    hops: BTreeMap<u32, FdbHop>,
    /// What the router has, by group.
    told: BTreeMap<u32, v1::SegmentSpec>,
    /// Groups of which the router was told in this session, and so knows them to be there still.
    confirmed: BTreeSet<u32>,
    /// Groups that the router did not take, or not give back, and why.
    failed: BTreeMap<u32, String>,
    /// The router may have to be told something.
    changed: bool,
}

/// What the router is to be told of a group.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Word {
    /// There is a segment.
    Create(v1::SegmentSpec),
    /// It is this now.
    Change(v1::SegmentSpec),
    /// It is gone.
    Delete(SegmentId),
}

impl Groups {
    /// Those of a source, of which nothing is known.
    pub(super) fn new(numbering: Numbering) -> Self {
        Self {
            numbering,
            ..Self::default()
        }
    }

    /// The kernel has a next hop object, or has it no more. Answers whether a group is gone; its entries went with it, of which
    /// the kernel says nothing.
    pub(super) fn hear(&mut self, update: NextHopUpdate) -> bool {
        let hop = match update.body {
            Some(NextHopBody::Fdb(hop)) => Some(hop),
            Some(_) | None => None,
        };
        let is_group = matches!(hop, Some(FdbHop::Group(_)));
        let before = match hop.clone() {
            Some(hop) => self.hops.insert(update.id, hop),
            None => self.hops.remove(&update.id),
        };
        if before != hop {
            self.changed = true;
            self.failed.clear();
        }
        matches!(before, Some(FdbHop::Group(_))) && !is_group
    }

    /// There is a new session with the router: what it has from us is to be said once more, or it goes.
    pub(super) fn begin_session(&mut self) {
        self.confirmed.clear();
    }

    /// The router's side begins anew: it has these segments, of which some are ours.
    pub(super) fn router_has(&mut self, segments: impl IntoIterator<Item = v1::SegmentSpec>) {
        let numbering = self.numbering;
        let ours = segments.into_iter();
        let ours = ours.filter_map(|spec| {
            let id = SegmentId::try_from(&spec.id[..]).ok()?;
            Some((numbering.group(id)?, spec))
        });
        self.told = ours.collect();
        self.retry();
    }

    /// Tries again what was refused.
    pub(super) fn retry(&mut self) {
        self.failed.clear();
        self.changed = true;
    }

    /// What is to be said of groups: first of those that are there, so that stations can be behind them.
    pub(super) fn words(&self) -> Vec<(u32, Word)> {
        let groups = self.hops.iter().filter(|_| self.changed);
        let specs = groups.filter_map(|(group, hop)| match hop {
            FdbHop::Group(members) => Some((*group, self.spec(*group, members))),
            FdbHop::End(_) => None,
        });
        let words = specs.filter_map(|(group, spec)| match self.told.get(&group) {
            None => Some((group, Word::Create(spec))),
            Some(told) if *told == spec && self.confirmed.contains(&group) => None,
            Some(_) => Some((group, Word::Change(spec))),
        });
        words
            .filter(|(group, _)| !self.failed.contains_key(group))
            .collect()
    }

    /// What is to be said when no station is behind groups that are gone.
    pub(super) fn last_words(&mut self) -> Vec<(u32, Word)> {
        let told = self.told.keys().copied().filter(|_| self.changed);
        let gone = told.filter(|group| {
            let there = matches!(self.hops.get(group), Some(FdbHop::Group(_)));
            !there && !self.failed.contains_key(group)
        });
        let words = gone.map(|group| (group, Word::Delete(self.numbering.segment(group))));
        let words = words.collect();
        self.changed = false;
        words
    }

    fn spec(&self, group: u32, members: &[u32]) -> v1::SegmentSpec {
        let ends = members
            .iter()
            .filter_map(|member| match self.hops.get(member) {
                Some(FdbHop::End(end)) => Some(end.to_canonical()),
                Some(FdbHop::Group(_)) | None => None,
            });
        // Several objects may lead to one end.
        let ends: BTreeSet<IpAddr> = ends.collect();
        v1::SegmentSpec {
            id: Bytes::copy_from_slice(&self.numbering.segment(group).octets()),
            peers: ends.into_iter().map(octets).collect(),
            ..v1::SegmentSpec::default()
        }
    }

    /// The router took this.
    pub(super) fn told(&mut self, group: u32, word: Word) {
        match word {
            Word::Create(spec) | Word::Change(spec) => {
                self.told.insert(group, spec);
                self.confirmed.insert(group);
            }
            Word::Delete(_) => {
                self.told.remove(&group);
                self.confirmed.remove(&group);
            }
        }
    }

    /// The router did not take what was said of a group.
    pub(super) fn refused(&mut self, group: u32, reason: String) {
        self.failed.insert(group, reason);
    }

    /// How many segments the router has from us.
    pub(super) fn len(&self) -> usize {
        self.told.len()
    }

    /// What was refused, and why.
    pub(super) fn refusals(&self) -> impl ExactSizeIterator<Item = (&u32, &String)> {
        self.failed.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bridge::netlink::update::Hop;
    use proptest::prelude::*;

    fn end(last: u8) -> IpAddr {
        [100, 64, 0, last].into()
    }

    fn heard(id: u32, body: Option<NextHopBody>) -> NextHopUpdate {
        NextHopUpdate { id, body }
    }

    fn an_end(id: u32, last: u8) -> NextHopUpdate {
        heard(id, Some(NextHopBody::Fdb(FdbHop::End(end(last)))))
    }

    fn a_group(id: u32, members: &[u32]) -> NextHopUpdate {
        let members = members.to_vec();
        heard(id, Some(NextHopBody::Fdb(FdbHop::Group(members))))
    }

    /// All that is to be said now; the router takes it.
    fn said(groups: &mut Groups) -> Vec<(u32, Word)> {
        let mut all = Vec::new();
        for last in [false, true] {
            let words = match last {
                false => groups.words(),
                true => groups.last_words(),
            };
            for (group, word) in words {
                groups.told(group, word.clone());
                all.push((group, word));
            }
        }
        all
    }

    fn spec(group: u32, ends: &[u8]) -> v1::SegmentSpec {
        let id = Numbering::of("zebra").segment(group).octets();
        v1::SegmentSpec {
            id: Bytes::copy_from_slice(&id),
            peers: ends.iter().map(|last| octets(end(*last))).collect(),
            ..v1::SegmentSpec::default()
        }
    }

    #[test]
    fn a_group_is_a_segment_that_follows_its_ends() {
        let mut groups = Groups::new(Numbering::of("zebra"));
        for update in [an_end(1, 1), an_end(2, 2), a_group(10, &[1, 2])] {
            assert!(!groups.hear(update));
        }
        let made = Word::Create(spec(10, &[1, 2]));
        assert_eq!(said(&mut groups), [(10, made)]);
        groups.hear(a_group(10, &[1, 2]));
        assert_eq!(said(&mut groups), []);

        groups.hear(a_group(10, &[2]));
        assert_eq!(said(&mut groups), [(10, Word::Change(spec(10, &[2])))]);
        groups.hear(an_end(2, 9));
        assert_eq!(said(&mut groups), [(10, Word::Change(spec(10, &[9])))]);
        groups.hear(heard(2, None));
        assert_eq!(said(&mut groups), [(10, Word::Change(spec(10, &[])))]);
        assert!(groups.hear(heard(10, None)), "a group is gone");
        let gone = Word::Delete(Numbering::of("zebra").segment(10));
        assert_eq!(said(&mut groups), [(10, gone)]);
        assert_eq!(groups.len(), 0);
    }

    #[test]
    fn next_hops_of_routes_are_none_of_ours() {
        let mut groups = Groups::default();
        let hop = NextHopBody::Hop(Hop {
            gateway: Some(end(1)),
            interface: 1,
            onlink: false,
            weight: 1,
            encapsulation: Default::default(),
        });
        groups.hear(heard(1, Some(hop)));
        groups.hear(heard(2, Some(NextHopBody::Group(vec![(1, 1)]))));
        assert_eq!(said(&mut groups), []);
    }

    #[test]
    fn what_is_refused_is_said_again_when_it_changes_or_on_request() {
        let mut groups = Groups::new(Numbering::of("zebra"));
        groups.hear(a_group(10, &[1]));
        let made = |ends: &[u8]| vec![(10, Word::Create(spec(10, ends)))];
        assert_eq!(groups.words(), made(&[]));
        groups.refused(10, "no".to_owned());
        assert_eq!((said(&mut groups), groups.refusals().len()), (vec![], 1));
        groups.retry();
        assert_eq!(groups.words(), made(&[]));
        groups.refused(10, "no".to_owned());
        groups.hear(an_end(1, 1));
        assert_eq!(
            (said(&mut groups), groups.refusals().len()),
            (made(&[1]), 0)
        );
    }

    #[test]
    fn a_new_session_takes_over_what_is_there_and_leaves_what_is_others() {
        let mut groups = Groups::new(Numbering::of("zebra"));
        for update in [an_end(1, 1), a_group(10, &[1]), a_group(11, &[1])] {
            groups.hear(update);
        }
        let mut foreign = spec(12, &[1]);
        foreign.id = vec![3, 0, 0, 0, 0, 0, 0, 0, 0, 12].into();
        let mut taken = spec(10, &[1]);
        taken.designated = true;
        groups.router_has([taken, spec(11, &[1]), spec(13, &[1]), foreign]);
        let words = said(&mut groups);
        let gone = Word::Delete(Numbering::of("zebra").segment(13));
        // The one that is as it is to be is said once, so that it does not go with the end of what the bridge says.
        let ours = [10, 11].map(|group| (group, Word::Change(spec(group, &[1]))));
        assert_eq!(words, [&ours[..], &[(13, gone)]].concat());
        let there = [spec(10, &[1]), spec(11, &[1])];
        groups.router_has(there.clone());
        assert_eq!(said(&mut groups), []);
        groups.begin_session();
        groups.router_has(there);
        assert_eq!(said(&mut groups), ours);
    }

    #[test]
    fn segments_of_sources_differ() {
        let [a, b] = ["zebra", "zebra-red"].map(Numbering::of);
        assert_ne!(a.segment(1), b.segment(1));
        assert_eq!(a.group(a.segment(7)), Some(7));
        assert_eq!(a.group(b.segment(7)), None);
    }

    proptest! {
        /// Whatever the kernel says, in the end the router has a segment for each group, with its ends.
        #[test]
        fn the_router_has_what_the_kernel_has(
            steps in prop::collection::vec(
                (1..6u32, prop::option::of(prop_oneof![
                    (1..5u8).prop_map(|last| FdbHop::End(end(last))),
                    prop::collection::vec(1..6u32, 0..3).prop_map(FdbHop::Group),
                ]), any::<bool>()),
                0..40,
            ),
        ) {
            let mut groups = Groups::new(Numbering::of("zebra"));
            let (mut kernel, mut router) = (BTreeMap::new(), BTreeMap::new());
            for (id, hop, settle) in steps.into_iter().chain([(6, None, true)]) {
                let was = matches!(kernel.get(&id), Some(FdbHop::Group(_)));
                let is = matches!(hop, Some(FdbHop::Group(_)));
                let gone = groups.hear(heard(id, hop.clone().map(NextHopBody::Fdb)));
                prop_assert_eq!(gone, was && !is);
                match hop {
                    Some(hop) => kernel.insert(id, hop),
                    None => kernel.remove(&id),
                };
                if !settle {
                    continue;
                }
                for (group, word) in said(&mut groups) {
                    match word {
                        Word::Create(spec) => prop_assert!(router.insert(group, spec).is_none()),
                        Word::Change(spec) => prop_assert!(router.insert(group, spec).is_some()),
                        Word::Delete(_) => prop_assert!(router.remove(&group).is_some()),
                    }
                }
                let wanted = kernel.iter().filter_map(|(group, hop)| {
                    let FdbHop::Group(members) = hop else { return None };
                    let mut ends: Vec<u8> = members.iter().filter_map(|member| {
                        match kernel.get(member) {
                            Some(FdbHop::End(IpAddr::V4(end))) => Some(end.octets()[3]),
                            _ => None,
                        }
                    }).collect();
                    ends.sort_unstable();
                    ends.dedup();
                    Some((*group, spec(*group, &ends)))
                });
                prop_assert_eq!(&router, &wanted.collect::<BTreeMap<_, _>>());
            }
        }
    }
}
