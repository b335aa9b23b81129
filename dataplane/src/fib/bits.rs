//! Bit sets: free blocks, and the prefixes that end in a node.

/// A set of small numbers from which the least can be taken.
#[derive(Debug)]
pub(super) struct FreeSet {
    words: Vec<u64>,
    /// No word before this one has a member.
    first: usize,
}

impl FreeSet {
    /// The set of 0 to `count - 1`.
    pub(super) fn full(count: usize) -> Self {
        let mut words = vec![u64::MAX; count / 64];
        if !count.is_multiple_of(64) {
            words.push((1 << (count % 64)) - 1);
        }
        Self { words, first: 0 }
    }

    /// The least member, if there is one.
    pub(super) fn least(&mut self) -> Option<usize> {
        while *self.words.get(self.first)? == 0 {
            self.first += 1;
        }
        Some(self.first * 64 + self.words[self.first].trailing_zeros() as usize)
    }

    /// Takes `member` out.
    pub(super) fn remove(&mut self, member: usize) {
        self.words[member / 64] &= !(1 << (member % 64));
    }

    /// Puts `member` in.
    pub(super) fn insert(&mut self, member: usize) {
        self.words[member / 64] |= 1 << (member % 64);
        self.first = self.first.min(member / 64);
    }

    /// Puts all of `members` in.
    pub(super) fn insert_all(&mut self, members: std::ops::Range<usize>) {
        members.for_each(|member| self.insert(member));
    }
}

/// The prefixes that end in a block, numbered like a heap: a prefix with `l` bits of the block's
/// stride and the value `v` in them has position `2^l | v`. Its halves are at twice the position, its
/// cover at half of it, and the number does not depend on the stride, so a block that grows by
/// a level keeps its positions.
#[derive(Clone, Copy)]
pub(super) struct PrefixBits<'a>(pub(super) &'a [u64]);

impl PrefixBits<'_> {
    /// Whether the prefix at `position` is there.
    pub(super) fn has(self, position: u32) -> bool {
        self.0[position as usize / 64] >> (position % 64) & 1 != 0
    }

    /// The longest prefix there is at `position` or covering it.
    pub(super) fn cover(self, mut position: u32) -> Option<u32> {
        while position >= 2 {
            if self.has(position) {
                return Some(position);
            }
            position /= 2;
        }
        None
    }

    /// For each of the `2^height` entries below `position` (`height` at most 6) one bit: whether a
    /// prefix longer than `position` covers it.
    pub(super) fn covered_below(self, position: u32, height: u32) -> u64 {
        (1..=height).fold(0, |covered, level| {
            double(covered) | self.row(position, level)
        })
    }

    /// The `2^level` bits (`level` at most 6) that are `level` levels below `position`.
    pub(super) fn row(self, position: u32, level: u32) -> u64 {
        let at = (position as usize) << level;
        self.0[at / 64] >> (at % 64) & (u64::MAX >> (64 - (1 << level)))
    }
}

/// Copies the eight levels below `from` in `source` to below `to` in `target`.
pub(super) fn copy_levels(target: &mut [u64], to: u32, source: &[u64], from: u32) {
    for level in 1..=6 {
        let row = PrefixBits(source).row(from, level);
        let at = (to as usize) << level;
        let mask = u64::MAX >> (64 - (1 << level));
        let word = &mut target[at / 64];
        *word = *word & !(mask << (at % 64)) | row << (at % 64);
    }
    for level in 7..=8 {
        let count = (1 << level) / 64;
        let (to, from) = (
            ((to as usize) << level) / 64,
            ((from as usize) << level) / 64,
        );
        target[to..to + count].copy_from_slice(&source[from..from + count]);
    }
}

/// Each of the low 32 bits twice, side by side.
fn double(bits: u64) -> u64 {
    if bits == 0 {
        return 0;
    }
    const STEPS: [(u32, u64); 5] = [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, 0x5555_5555_5555_5555),
    ];
    let even = STEPS
        .iter()
        .fold(bits, |bits, (shift, mask)| (bits | bits << shift) & mask);
    even | even << 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_set_gives_the_least_first() {
        let mut set = FreeSet::full(70);
        let mut taken = Vec::new();
        while let Some(least) = set.least() {
            set.remove(least);
            taken.push(least);
        }
        assert_eq!(taken, (0..70).collect::<Vec<_>>());
        set.insert(66);
        set.insert(3);
        assert_eq!(set.least(), Some(3));
    }

    #[test]
    fn double_repeats_each_bit() {
        for bits in [0, 1, 0b1011, 0x8000_0001, 0xdead_beef_u64] {
            for i in 0..64 {
                assert_eq!(double(bits) >> i & 1, bits >> (i / 2) & 1);
            }
        }
    }

    #[test]
    fn covered_below_agrees_with_walking_up() {
        let mut words = [0u64; 8];
        for position in [2_u32, 9, 40, 77, 129, 300, 511] {
            words[position as usize / 64] |= 1 << (position % 64);
        }
        let bits = PrefixBits(&words);
        for position in 1..512_u32 {
            let height = 8 - position.ilog2();
            if height > 6 {
                continue;
            }
            let covered = bits.covered_below(position, height);
            for i in 0..1 << height {
                let mut below = position << height | i;
                let mut expected = false;
                while below > position {
                    expected |= bits.has(below);
                    below /= 2;
                }
                assert_eq!(
                    covered >> i & 1 != 0,
                    expected,
                    "position {position}, entry {i}"
                );
            }
        }
    }

    #[test]
    fn levels_survive_the_way_there_and_back() {
        let node: Vec<u64> = (0..8)
            .map(|i| 0x9e37_79b9_7f4a_7c15_u64.rotate_left(i * 7))
            .collect();
        let mut root = vec![u64::MAX; 2 << 16 >> 6];
        copy_levels(&mut root, 1 << 8 | 37, &node, 1);
        let mut back = vec![0; 8];
        copy_levels(&mut back, 1, &root, 1 << 8 | 37);
        assert_eq!(back[0] >> 2, node[0] >> 2);
        assert_eq!(back[1..], node[1..]);
    }
}
