//! Adding up the paths of a set's members.

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use super::resolved::{MAX_PATHS, Path, Resolved, Unresolved, Way};

/// One unit of a member's weight, so that it can be divided among the member's paths.
const UNIT: u64 = 1 << 16;

/// The paths of several members, those of the same way merged.
#[derive(Default)]
pub(super) struct PathSum {
    shares: BTreeMap<Way, u64>,
}

impl PathSum {
    /// Adds a member: its weight, divided among its paths in proportion to theirs.
    pub(super) fn add(&mut self, weight: NonZeroU16, paths: &[Path]) {
        let total: u64 = paths.iter().map(|path| u64::from(path.weight)).sum();
        for path in paths {
            // At most (2^16 - 1) * (2^32 - 1) * 2^16, which fits.
            let share = u64::from(weight.get()) * u64::from(path.weight) * UNIT / total.max(1);
            *self.shares.entry(path.way).or_default() += share.max(1);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.shares.is_empty()
    }

    /// The sum, with weights brought down to the least numbers of the same proportions.
    pub(super) fn finish(self) -> Resolved {
        if self.shares.len() > MAX_PATHS {
            return Resolved::Unresolved(Unresolved::TooManyPaths);
        }
        let divisor = self.shares.values().copied().fold(0, gcd).max(1);
        let largest = self.shares.values().copied().max().unwrap_or(0) / divisor;
        let excess_bits = (u64::BITS - largest.leading_zeros()).saturating_sub(u32::BITS);
        let weight = |share: u64| {
            u32::try_from((share / divisor) >> excess_bits)
                .unwrap_or(u32::MAX)
                .max(1)
        };
        let paths = self.shares.iter().map(|(&way, &share)| Path {
            way,
            weight: weight(share),
        });
        Resolved::Paths(paths.collect())
    }
}

impl FromIterator<Path> for PathSum {
    fn from_iter<I: IntoIterator<Item = Path>>(paths: I) -> Self {
        let mut sum = Self::default();
        for path in paths {
            *sum.shares.entry(path.way).or_default() += u64::from(path.weight);
        }
        sum
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
