//! Which members get what is flooded, from whom (RFC 7432 section 8.5, RFC 8365 section 8.3.1).
//!
//! | frame from | member on a segment gets it |
//! |---|---|
//! | a remote end that shares the segment, all-active | never: that router gave it to its own members (local bias) |
//! | any other remote end | if the router is the designated forwarder |
//! | a member on the same segment | never |
//! | any other member, the gateway | always: the router does what local bias asks of it |
//!
//! A member on standby gets nothing from anybody. Of a single-active segment the other routers' members are on standby, so what
//! they flood was not given to the segment, and there is no local bias.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ferroute_dataplane::ids::InterfaceId;
use ferroute_dataplane::snapshot::segment::{Audience, Segmented};

use crate::model::segment::{Redundancy, SegmentId};

/// A member's segment, as its domain sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct OnSegment<'s> {
    pub(super) id: SegmentId,
    pub(super) redundancy: Redundancy,
    pub(super) peers: &'s [IpAddr],
    /// Whether the router is the designated forwarder in the domain.
    pub(super) designated: bool,
}

impl OnSegment<'_> {
    /// Whether the member forwards nothing.
    pub(super) fn is_standby(&self) -> bool {
        self.redundancy == Redundancy::SingleActive && !self.designated
    }

    fn is_biased(&self, source: IpAddr) -> bool {
        self.redundancy == Redundancy::AllActive && self.peers.contains(&source)
    }
}

/// A member of a domain, with its segment if it is on one.
pub(super) type Attached<'s> = (InterfaceId, Option<OnSegment<'s>>);

/// Who gets what is flooded; `None` where no member is on a segment, so that all do.
pub(super) fn segmented(members: &[Attached<'_>]) -> Option<Segmented> {
    let segments = || members.iter().filter_map(|(_, segment)| *segment);
    segments().next()?;
    let peers: BTreeSet<IpAddr> = segments().flat_map(|s| s.peers).copied().collect();
    let siblings = |id: SegmentId| segments().filter(|other| other.id == id).count();
    let sharing = members.iter().filter_map(|(member, segment)| {
        let segment = (*segment)?;
        (siblings(segment.id) > 1).then(|| (*member, beside(members, &segment)))
    });
    Some(Segmented::new(
        from_tunnel(members, None),
        peers
            .iter()
            .map(|peer| (*peer, from_tunnel(members, Some(*peer)))),
        sharing,
    ))
}

/// Who gets frames out of the tunnels of a remote end that shares segments, or of any other.
fn from_tunnel(members: &[Attached<'_>], source: Option<IpAddr>) -> Audience {
    let (mut local_bias, mut not_designated) = (0, 0);
    let mut reached = Vec::new();
    for (member, segment) in members {
        match segment {
            Some(segment) if source.is_some_and(|source| segment.is_biased(source)) => {
                local_bias += 1;
            }
            Some(segment) if !segment.designated => not_designated += 1,
            _ => reached.push(*member),
        }
    }
    Audience {
        members: reached.into(),
        local_bias,
        not_designated,
    }
}

/// Who gets frames of a member that is not alone on its segment.
fn beside(members: &[Attached<'_>], own: &OnSegment<'_>) -> Audience {
    let is_own = |segment: &Option<OnSegment<'_>>| segment.is_some_and(|s| s.id == own.id);
    let standby = |segment: &Option<OnSegment<'_>>| segment.is_some_and(|s| s.is_standby());
    let others = members.iter().filter(|(_, s)| !is_own(s) && !standby(s));
    let left_out = members.iter().filter(|(_, s)| is_own(s)).count();
    Audience {
        members: others.map(|(member, _)| *member).collect(),
        local_bias: u32::try_from(left_out.saturating_sub(1)).unwrap_or(u32::MAX),
        not_designated: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(number: u8) -> SegmentId {
        SegmentId::try_from(&[3, 0, 0, 0, 0, 0, 0, 0, 0, number][..]).unwrap()
    }

    fn address(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[test]
    fn b_08_a_domain_without_segments_has_no_lists() {
        assert_eq!(segmented(&[(InterfaceId::new(1), None)]), None);
        assert_eq!(segmented(&[]), None);
    }

    #[test]
    fn b_08_single_active_segments_have_no_local_bias() {
        let peers = [address(2)];
        let member = |designated| OnSegment {
            id: id(1),
            redundancy: Redundancy::SingleActive,
            peers: &peers,
            designated,
        };
        let from_peer = |designated| {
            let members = [(InterfaceId::new(1), Some(member(designated)))];
            let lists = segmented(&members).unwrap();
            lists.from_tunnel(lists.peer(&address(2))).cloned().unwrap()
        };
        assert_eq!(from_peer(true).members[..], [InterfaceId::new(1)]);
        assert_eq!(
            (
                from_peer(false).members.len(),
                from_peer(false).not_designated
            ),
            (0, 1)
        );
    }

    /// Segments 1 to 3 of one domain: redundancy, peers, designation.
    fn world() -> impl Strategy<Value = Vec<(bool, Vec<IpAddr>, bool)>> {
        let peers = prop::collection::btree_set((2..5u8).prop_map(address), 0..3);
        let peers = peers.prop_map(|peers| peers.into_iter().collect());
        prop::collection::vec((any::<bool>(), peers, any::<bool>()), 3)
    }

    proptest! {
        /// The rules one by one, for each source and each member.
        #[test]
        fn b_08_lists_are_what_the_rules_say(
            world in world(),
            on in prop::collection::vec(prop::option::of(0..3usize), 1..6),
        ) {
            let attached = |segment: &Option<usize>| segment.map(|s| {
                let (single, peers, designated) = &world[s];
                let redundancy = if *single { Redundancy::SingleActive } else { Redundancy::AllActive };
                OnSegment { id: id(s as u8 + 1), redundancy, peers, designated: *designated }
            });
            let ids = (1..).map(InterfaceId::new);
            let members: Vec<_> = ids.clone().zip(on.iter().map(attached)).collect();
            let Some(lists) = segmented(&members) else {
                prop_assert!(on.iter().all(Option::is_none));
                return Ok(());
            };
            for source in 1..6 {
                let source = address(source);
                let due = |segment: &Option<usize>| segment.is_none_or(|s| {
                    let (single, peers, designated) = &world[s];
                    *designated && (*single || !peers.contains(&source))
                });
                let expected: Vec<_> = ids.clone().zip(&on).filter(|(_, s)| due(s)).map(|(m, _)| m).collect();
                let list = lists.from_tunnel(lists.peer(&source)).unwrap();
                prop_assert_eq!(&list.members[..], &expected[..]);
                let left_out = list.local_bias + list.not_designated;
                prop_assert_eq!(left_out as usize, on.len() - expected.len());
            }
            for (member, own) in ids.clone().zip(&on) {
                let siblings = on.iter().filter(|s| own.is_some() && *s == own).count();
                let Some(list) = lists.from_member(member) else {
                    prop_assert!(siblings < 2);
                    continue;
                };
                prop_assert_eq!(list.local_bias as usize, siblings - 1);
                let due = |segment: &Option<usize>| segment != own
                    && segment.is_none_or(|s| !world[s].0 || world[s].2);
                let expected: Vec<_> = ids.clone().zip(&on).filter(|(_, s)| due(s)).map(|(m, _)| m).collect();
                prop_assert_eq!(&list.members[..], &expected[..]);
            }
        }
    }
}
