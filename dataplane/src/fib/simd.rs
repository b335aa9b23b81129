//! A burst with AVX2: eight lanes go down the trie in one register, with gathers for the entries.

use super::arena::Words;
use super::batch::Views;
use super::cell;
use super::entry::Entry;
use super::key::Key;
use super::prefetch::prefetch;
use crate::ids::{BURST, NextHopId};
use std::arch::asm;
use std::arch::x86_64::*;

/// How many lanes fit a register.
const WIDTH: usize = 8;
const REGISTERS: usize = BURST / WIDTH;

/// Goes on with a burst; `out` holds the entries of the root. Does nothing and says so if the CPU has no AVX2.
#[inline(always)]
pub(super) fn below_root<K: Key>(
    words: &Words,
    views: impl Views,
    keys: &[K; BURST],
    out: &mut [NextHopId; BURST],
) -> bool {
    let able = is_x86_feature_detected!("avx2");
    if able {
        // SAFETY: the CPU has AVX2.
        unsafe { avx2(words, views, keys, out) };
    }
    able
}

#[target_feature(enable = "avx2")]
fn avx2<K: Key>(words: &Words, views: impl Views, keys: &[K; BURST], out: &mut [NextHopId; BURST]) {
    let none = [_mm256_setzero_si256(); REGISTERS];
    let (mut entries, mut strides, mut key_words) = (none, none, none);
    for i in 0..REGISTERS {
        entries[i] = collect(i, |lane| out[lane].get());
        strides[i] = collect(i, |lane| views.view(lane).stride());
    }
    for at in (0..K::BITS).step_by(8) {
        if at % 32 == 0 {
            for (i, words) in key_words.iter_mut().enumerate() {
                *words = collect(i, |lane| keys[lane].word(at / 32));
            }
        }
        let shift = _mm_cvtsi32_si128(24 - (at % 32).cast_signed());
        let mut more = none[0];
        for i in 0..REGISTERS {
            let nodes =
                _mm256_cmpeq_epi32(_mm256_srli_epi32::<30>(entries[i]), _mm256_set1_epi32(1));
            more = _mm256_or_si256(more, nodes);
            // A lane whose root decides more bits than `at` waits for its turn.
            let waits = _mm256_cmpgt_epi32(strides[i], _mm256_set1_epi32(at.cast_signed()));
            let due = _mm256_andnot_si256(waits, nodes);
            if _mm256_testz_si256(due, due) == 0 {
                let bytes = _mm256_and_si256(
                    _mm256_srl_epi32(key_words[i], shift),
                    _mm256_set1_epi32(0xff),
                );
                let index = _mm256_or_si256(_mm256_slli_epi32::<3>(entries[i]), bytes);
                entries[i] = gather(words, index, entries[i], due);
            }
        }
        if _mm256_testz_si256(more, more) != 0 {
            break;
        }
    }
    let mut cells = 0_u64;
    for (i, out) in out.chunks_exact_mut(WIDTH).enumerate() {
        // A cell is an entry with its sign bit set.
        let mask = _mm256_movemask_ps(_mm256_castsi256_ps(entries[i]));
        cells |= u64::from(mask.cast_unsigned()) << (i * WIDTH);
        for (out, word) in out.iter_mut().zip(words_of(entries[i])) {
            *out = NextHopId::new(word);
        }
    }
    for lane in members(cells) {
        prefetch(&words[Entry::from_bits(out[lane].get()).target() as usize]);
    }
    for lane in members(cells) {
        out[lane] = NextHopId::new(cell::answer(
            words,
            Entry::from_bits(out[lane].get()).target(),
            keys[lane],
        ));
    }
}

/// The numbers of the bits that are set, all below [`BURST`].
fn members(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let least = bits.trailing_zeros() as usize % BURST;
        (bits != 0).then(|| {
            bits &= bits - 1;
            least
        })
    })
}

#[target_feature(enable = "avx2")]
#[inline]
fn words_of(lanes: __m256i) -> [u32; WIDTH] {
    // SAFETY: both are 32 bytes, of which any value is valid.
    unsafe { std::mem::transmute(lanes) }
}

/// Register `i` of a burst: what `word` gives for its lanes.
#[target_feature(enable = "avx2")]
#[inline]
fn collect(i: usize, word: impl Fn(usize) -> u32) -> __m256i {
    let [a, b, c, d, e, f, g, h] =
        [0, 1, 2, 3, 4, 5, 6, 7].map(|k| word((i * WIDTH + k) % BURST).cast_signed());
    _mm256_setr_epi32(a, b, c, d, e, f, g, h)
}

/// The words at `index` where `mask` is set, `otherwise` elsewhere.
#[target_feature(enable = "avx2")]
#[inline]
fn gather(words: &Words, index: __m256i, otherwise: __m256i, mask: __m256i) -> __m256i {
    // The instruction takes an index as signed, so it counts from the middle of the words.
    let middle = words.as_ptr().wrapping_add(1 << 31);
    let index = _mm256_xor_si256(index, _mm256_set1_epi32(i32::MIN));
    let mut lanes = otherwise;
    // SAFETY: every 32-bit index names a word of the arena, which is readable. A gather reads each word by one
    // aligned load of its size, which x86-64 does as a whole, and in the order of loads: it is as good as a
    // `load(Acquire)` of the atomic, which the compiler cannot see through.
    unsafe {
        asm!(
            "vpgatherdd {mask}, ({middle}, {index}, 4), {lanes}",
            lanes = inout(ymm_reg) lanes,
            middle = in(reg) middle,
            index = in(ymm_reg) index,
            mask = inout(ymm_reg) mask => _,
            options(att_syntax, nostack, preserves_flags),
        );
    }
    lanes
}
