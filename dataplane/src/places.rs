//! Places of a burst as the bits of a word: the first place has the lowest bit.

use crate::ids::BURST;

const _: () = assert!(BURST == u64::BITS as usize);

/// The places whose bits are set, in order.
#[inline(always)]
pub(crate) fn places(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let least = bits.trailing_zeros() as usize % BURST;
        (bits != 0).then(|| {
            bits &= bits - 1;
            least
        })
    })
}

/// The places that hold this value.
#[inline(always)]
pub(crate) fn places_of<T: Copy + PartialEq>(values: &[T; BURST], value: T) -> u64 {
    let (eights, _) = values.as_chunks::<8>();
    let eights = eights.iter().map(|eight| {
        // Without a branch for each, so that it is done many at a time.
        let bits = eight.iter().zip(0..);
        bits.fold(0_u32, |bits, (held, place)| {
            bits | u32::from(*held == value) << place
        })
    });
    let bytes = eights.zip((0..).step_by(8));
    bytes.fold(0, |bits, (byte, place)| bits | u64::from(byte) << place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_apart_and_come_in_order() {
        let values = std::array::from_fn(|place| place % 3);
        for value in 0..3 {
            let held: Vec<_> = places(places_of(&values, value)).collect();
            assert_eq!(held, (value..BURST).step_by(3).collect::<Vec<_>>());
        }
        assert_eq!(places_of(&values, 3), 0);
        assert_eq!(places(0).count(), 0);
        assert_eq!(places(u64::MAX).count(), BURST);
    }
}
