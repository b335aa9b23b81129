//! Resilient hashing: which member of a group serves which bucket.
//!
//! A packet's flow hash chooses a bucket, the bucket a member. A group keeps its buckets when its members change, and
//! moves no more of them than the new shares ask for: when a member goes only its buckets move, and when it is back
//! only its share returns, so all other flows stay where they are.

use std::collections::{BTreeMap, BinaryHeap};

/// Least buckets of a group.
pub const MIN_BUCKETS: usize = 64;
/// Most buckets of a group.
pub const MAX_BUCKETS: usize = 1 << 14;
/// Buckets for each member of equal weight: one more or less is then 3 % of a member's share.
const BUCKETS_PER_MEMBER: usize = 32;
/// Least share of the lightest member in buckets, as far as [`MAX_BUCKETS`] lets it: one more or less is then 5 %.
const LEAST_SHARE: u64 = 20;
/// How far a member may be from its share, in parts of a thousand, if that is more than a part of a bucket. A member
/// within it gives no bucket away, so that small shifts of all shares move nothing.
const TOLERANCE_PERMILLE: u64 = 45;

/// The buckets of a group of members `M`.
///
/// Their number is a power of two, so that a mask of the hash finds one. It grows as members come and does not shrink,
/// because that would move flows.
///
/// Every member has its share by weight, within 5 % as long as that is 20 buckets or more, which holds for
/// up to 512 members of equal weight and for weights up to 1:800; a lighter one has at least one bucket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Buckets<M> {
    slots: Vec<M>,
}

/// A member's part in an assignment.
struct Share {
    /// The share in buckets, times the sum of all weights, so that it is whole.
    due: u64,
    /// Buckets that it shall have.
    quota: u64,
}

impl<M: Copy + Ord> Buckets<M> {
    /// The buckets of a new group of these members and weights; `None` without a member that has a weight.
    #[must_use]
    pub fn new(members: &[(M, u32)]) -> Option<Self> {
        Self { slots: Vec::new() }.next(members)
    }

    /// The buckets after a change of members or weights; `None` without a member that has a weight.
    #[must_use]
    pub fn next(&self, members: &[(M, u32)]) -> Option<Self> {
        let mut weights = BTreeMap::<M, u64>::new();
        for (member, weight) in members.iter().filter(|(_, weight)| *weight > 0) {
            *weights.entry(*member).or_default() += u64::from(*weight);
        }
        let total: u64 = weights.values().sum();
        let lightest = *weights.values().min()?;
        let size = self.slots.len().max(size(weights.len(), lightest, total));
        let (members, weights): (Vec<M>, Vec<u64>) = weights.into_iter().unzip();

        // The places of the members in `members`. Doubling repeats the buckets, so that each hash finds the member
        // that it found before.
        let place = |member: &M| members.binary_search(member).ok();
        let old: Vec<Option<usize>> = self.slots.iter().map(place).collect();
        let mut slots: Vec<Option<usize>> = old.iter().copied().cycle().take(size).collect();
        slots.resize(size, None);

        let mut held = vec![0; members.len()];
        slots.iter().flatten().for_each(|&at| held[at] += 1);
        let share = |(weight, held): (&u64, u64)| {
            let due = size as u64 * weight;
            let (least, most) = bounds(due, total);
            Share {
                due,
                quota: held.clamp(least, most),
            }
        };
        let mut shares: Vec<Share> = weights.iter().zip(held).map(share).collect();
        balance(&mut shares, size as u64, total);

        let mut lacking: Vec<u64> = shares.iter().map(|share| share.quota).collect();
        for slot in &mut slots {
            if let Some(at) = *slot {
                match lacking[at].checked_sub(1) {
                    Some(left) => lacking[at] = left,
                    None => *slot = None,
                }
            }
        }
        let mut next = interleaved(lacking);
        let filled = slots.into_iter().map(|slot| slot.or_else(|| next.next()));
        let slots = filled
            .map(|at| at.map(|at| members[at]))
            .collect::<Option<_>>()?;
        Some(Self { slots })
    }

    /// The member of each bucket.
    #[must_use]
    pub fn slots(&self) -> &[M] {
        &self.slots
    }
}

/// How many buckets a group needs.
fn size(members: usize, lightest: u64, total: u64) -> usize {
    let for_lightest =
        usize::try_from((LEAST_SHARE * total).div_ceil(lightest)).unwrap_or(MAX_BUCKETS);
    let wanted = for_lightest
        .max(members * BUCKETS_PER_MEMBER)
        .max(MIN_BUCKETS);
    if wanted > MAX_BUCKETS {
        MAX_BUCKETS.max(members.next_power_of_two())
    } else {
        wanted.next_power_of_two()
    }
}

/// The least and the most buckets with which a member is left alone.
fn bounds(due: u64, total: u64) -> (u64, u64) {
    let least = (due / total).min((due * (1000 - TOLERANCE_PERMILLE)).div_ceil(1000 * total));
    let most = due
        .div_ceil(total)
        .max(due * (1000 + TOLERANCE_PERMILLE) / (1000 * total));
    (least.max(1), most.max(1))
}

/// Brings the quotas to the sum `size`: gives to those that lack most, takes from those with most too many.
fn balance(shares: &mut [Share], size: u64, total: u64) {
    let sum: u64 = shares.iter().map(|share| share.quota).sum();
    let lack = |share: &Share| share.due as i128 - i128::from(share.quota) * i128::from(total);
    let give = sum < size;
    let urgency = |share: &Share| if give { lack(share) } else { -lack(share) };
    // The first of equals, by the order of the members.
    let mut heap: BinaryHeap<_> = shares
        .iter()
        .enumerate()
        .map(|(at, share)| (urgency(share), std::cmp::Reverse(at)))
        .collect();
    for _ in 0..sum.abs_diff(size) {
        let Some((_, std::cmp::Reverse(at))) = heap.pop() else {
            return;
        };
        let share = &mut shares[at];
        share.quota = if give {
            share.quota + 1
        } else {
            share.quota - 1
        };
        if give || share.quota > 1 {
            heap.push((urgency(share), std::cmp::Reverse(at)));
        }
    }
}

/// The place of each as often as it says, one of each in turn.
fn interleaved(lacking: Vec<u64>) -> impl Iterator<Item = usize> {
    let mut left: Vec<_> = lacking
        .into_iter()
        .enumerate()
        .filter(|(_, count)| *count > 0)
        .collect();
    let mut at = 0;
    std::iter::from_fn(move || {
        if at >= left.len() {
            left.retain(|(_, count)| *count > 0);
            at = 0;
        }
        let (place, count) = left.get_mut(at)?;
        *count -= 1;
        at += 1;
        Some(*place)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts(buckets: &Buckets<u32>) -> BTreeMap<u32, usize> {
        let mut counts = BTreeMap::new();
        buckets
            .slots()
            .iter()
            .for_each(|member| *counts.entry(*member).or_default() += 1);
        counts
    }

    /// Each member has its share within 5 %, or within a bucket where that is more.
    fn assert_fair(buckets: &Buckets<u32>, members: &[(u32, u32)]) {
        let size = buckets.slots().len();
        let total: u64 = members.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let counts = counts(buckets);
        assert!(
            size.is_power_of_two()
                && size >= MIN_BUCKETS
                && size >= BUCKETS_PER_MEMBER * members.len().min(512)
        );
        assert_eq!(counts.len(), members.len());
        for (member, weight) in members {
            let share = size as f64 * f64::from(*weight) / total as f64;
            let off = (counts[member] as f64 - share).abs();
            assert!(
                off <= f64::max(share * 0.05, 1.0),
                "{member}: {} of {share}, {size} buckets",
                counts[member]
            );
        }
    }

    fn moved(before: &Buckets<u32>, after: &Buckets<u32>) -> Vec<(u32, u32)> {
        let before = before.slots().iter().cycle();
        before
            .zip(after.slots())
            .filter(|(a, b)| a != b)
            .map(|(a, b)| (*a, *b))
            .collect()
    }

    #[test]
    fn equal_members_share_within_five_percent() {
        for count in 1..=256 {
            let members: Vec<_> = (0..count).map(|member| (member, 7)).collect();
            let buckets = Buckets::new(&members).unwrap();
            let share = buckets.slots().len() as f64 / f64::from(count);
            for (member, held) in counts(&buckets) {
                assert!(
                    (held as f64 - share).abs() <= share * 0.05,
                    "{member} of {count}: {held} for {share}"
                );
            }
        }
    }

    #[test]
    fn every_one_of_equal_members_goes_and_comes_back_alone() {
        for count in [2, 3, 5, 16, 100, 255, 256] {
            let members: Vec<_> = (0..count).map(|member| (member, 1)).collect();
            let full = Buckets::new(&members).unwrap();
            for gone in [0, count / 2, count - 1] {
                let rest: Vec<_> = members
                    .iter()
                    .copied()
                    .filter(|(member, _)| *member != gone)
                    .collect();
                let without = full.next(&rest).unwrap();
                assert_fair(&without, &rest);
                assert!(moved(&full, &without).iter().all(|(from, _)| *from == gone));
                let back = without.next(&members).unwrap();
                assert_fair(&back, &members);
                assert!(moved(&without, &back).iter().all(|(_, to)| *to == gone));
            }
        }
    }

    #[test]
    fn no_member_no_buckets() {
        assert_eq!(Buckets::<u32>::new(&[]), None);
        assert_eq!(Buckets::new(&[(1, 0)]), None);
        assert!(
            Buckets::new(&[(1, 0), (2, 1)])
                .unwrap()
                .slots()
                .iter()
                .all(|member| *member == 2)
        );
    }

    fn weights() -> impl Strategy<Value = Vec<u32>> {
        prop_oneof![
            prop::collection::vec(1..=20u32, 1..=256),
            prop::collection::vec(1..=65535u32, 1..=8),
            (1..=256usize).prop_map(|count| vec![1; count]),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn a_history_of_changes_stays_fair_and_moves_little(
            weights in weights(),
            flips in prop::collection::vec(any::<prop::sample::Index>(), 1..12),
        ) {
            let mut up = vec![true; weights.len()];
            let chosen = |up: &[bool]| -> Vec<(u32, u32)> {
                up.iter().zip(&weights).enumerate().filter(|(_, (up, _))| **up).map(|(at, (_, w))| (at as u32, *w)).collect()
            };
            let mut buckets = Buckets::new(&chosen(&up)).unwrap();
            assert_fair(&buckets, &chosen(&up));
            for flip in flips {
                let at = flip.index(up.len());
                up[at] = !up[at];
                let members = chosen(&up);
                let Some(after) = buckets.next(&members) else {
                    up[at] = true;
                    continue;
                };
                assert_fair(&after, &members);
                prop_assert_eq!(after.next(&members), Some(after.clone()), "the same members move nothing");
                let moved = moved(&buckets, &after);
                if up[at] {
                    prop_assert!(moved.iter().all(|(_, to)| *to == at as u32), "only its share comes back");
                } else {
                    prop_assert!(moved.iter().all(|(from, _)| *from == at as u32), "only its buckets go");
                }
                buckets = after;
            }
        }

        #[test]
        fn the_outcome_does_not_depend_on_the_order(weights in weights()) {
            let members: Vec<_> = (0u32..).zip(weights).collect();
            let reversed: Vec<_> = members.iter().rev().copied().collect();
            prop_assert_eq!(Buckets::new(&members), Buckets::new(&reversed));
        }
    }
}
