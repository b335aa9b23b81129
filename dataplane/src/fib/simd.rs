//! A burst with AVX2: eight lanes go down the trie in one register, with gathers for the entries.

use super::arena::Words;
use super::batch::{Views, fill_defaults};
use super::cell;
use super::entry::Entry;
use super::key::Key;
use crate::ids::{BURST, NextHopId};
use crate::places::places;
use dpdk_sys::prefetch;
use std::arch::asm;
use std::arch::x86_64::*;

/// How many lanes fit a register.
const WIDTH: usize = 8;
const REGISTERS: usize = BURST / WIDTH;

/// Looks the first `count` keys of a burst up in their tries: `out` holds the next hop of each, and anything beyond them. Does nothing and says so if the CPU has no AVX2.
#[inline(always)]
pub(super) fn lookup<K: Key>(
    words: &Words,
    views: impl Views,
    keys: &[K; BURST],
    out: &mut [NextHopId; BURST],
    count: usize,
) -> bool {
    let able = is_x86_feature_detected!("avx2");
    if able {
        // SAFETY: the CPU has AVX2.
        unsafe { avx2(words, views, keys, out, count) };
    }
    able
}

#[target_feature(enable = "avx2")]
fn avx2<K: Key>(
    words: &Words,
    views: impl Views,
    keys: &[K; BURST],
    out: &mut [NextHopId; BURST],
    count: usize,
) {
    let mut entries = [_mm256_setzero_si256(); REGISTERS];
    let used = count.div_ceil(WIDTH).min(REGISTERS);
    for (i, entries) in entries.iter_mut().enumerate().take(used) {
        let roots = collect(i, |lane| views.view(lane).root());
        // A shift by all 32 bits, as in the view of an empty trie, gives 0.
        let shifts = collect(i, |lane| 32 - views.view(lane).stride());
        let places = _mm256_srlv_epi32(collect(i, |lane| keys[lane].top()), shifts);
        let all = _mm256_set1_epi32(-1);
        *entries = gather(words, _mm256_add_epi32(roots, places), all, all);
    }
    let mut bits = [_mm256_setzero_si256(); REGISTERS];
    for round in 0..K::BITS / 8 {
        let mut more = 0;
        for (i, entries) in entries.iter_mut().enumerate().take(used) {
            let nodes = _mm256_cmpeq_epi32(_mm256_srli_epi32::<30>(*entries), _mm256_set1_epi32(1));
            if _mm256_testz_si256(nodes, nodes) != 0 {
                continue;
            }
            more |= 1 << i;
            if round.is_multiple_of(4) {
                bits[i] = below_root(views, keys, i, round / 4);
            }
            let bytes = _mm256_srli_epi32::<24>(bits[i]);
            bits[i] = _mm256_slli_epi32::<8>(bits[i]);
            let index = _mm256_or_si256(_mm256_slli_epi32::<3>(*entries), bytes);
            *entries = gather(words, index, *entries, nodes);
        }
        if more == 0 {
            break;
        }
    }
    for (out, entries) in out.chunks_exact_mut(WIDTH).zip(entries) {
        for (out, word) in out.iter_mut().zip(words_of(entries)) {
            *out = NextHopId::new(word);
        }
    }
    cells(words, keys, out, &entries, count);
    fill_defaults(words, views, keys, out, count);
}

/// Puts the answers of cells in their entries' place.
#[target_feature(enable = "avx2")]
#[inline]
fn cells<K: Key>(
    words: &Words,
    keys: &[K; BURST],
    out: &mut [NextHopId; BURST],
    entries: &[__m256i; REGISTERS],
    count: usize,
) {
    let wanted = out.get(..count).unwrap_or_default();
    if let [first, .., last] = wanted {
        let cell = Entry::from_bits(first.get());
        // Where not even the last one is the same, none of the others is looked at.
        if cell.is_cell()
            && first == last
            && wanted
                .iter()
                .fold(true, |same, other| same & (other == first))
        {
            return cell::answers(words, cell.target(), keys, out);
        }
    }
    let mut cells = 0;
    for (i, entries) in entries.iter().enumerate() {
        // A cell is an entry with its sign bit set.
        cells |= u64::from(signs(*entries)) << (i * WIDTH);
    }
    let wanted = u64::MAX.unbounded_shr((BURST - count.min(BURST)) as u32);
    if K::BITS == 32 {
        return short_cells(words, keys, out, entries, cells & wanted);
    }
    for lane in places(cells & wanted) {
        prefetch(&words[Entry::from_bits(out[lane].get()).target() as usize]);
    }
    for lane in places(cells & wanted) {
        out[lane] = NextHopId::new(cell::answer(
            words,
            Entry::from_bits(out[lane].get()).target(),
            keys[lane],
        ));
    }
}

/// Puts the answers of the cells in lanes `cells` in their entries' place, for keys of one word.
#[target_feature(enable = "avx2")]
#[inline]
fn short_cells<K: Key>(
    words: &Words,
    keys: &[K; BURST],
    out: &mut [NextHopId; BURST],
    entries: &[__m256i; REGISTERS],
    cells: u64,
) {
    let none = _mm256_setzero_si256();
    for (i, (entries, out)) in entries
        .iter()
        .zip(out.as_chunks_mut::<WIDTH>().0)
        .enumerate()
    {
        if cells >> (i * WIDTH) & 0xff == 0 {
            continue;
        }
        let at = _mm256_slli_epi32::<3>(*entries);
        let field = |field| _mm256_or_si256(at, _mm256_set1_epi32(field));
        let route = gather(words, at, none, *entries);
        let shift = gather(words, field(cell::SHIFT.cast_signed()), none, *entries);
        let key = collect(i, |lane| keys[lane].top());
        // A shift by all 32 bits leaves 0, as the route of length 0 wants it.
        let differing = _mm256_srlv_epi32(_mm256_xor_si256(key, route), shift);
        let agrees = _mm256_cmpeq_epi32(differing, none);
        let answer = _mm256_add_epi32(field(cell::FALLBACK.cast_signed()), agrees);
        let found = gather(words, answer, *entries, *entries);
        for (out, word) in out.iter_mut().zip(words_of(found)) {
            *out = NextHopId::new(word);
        }
    }
}

/// For the lanes of register `i`: the 32 bits of the key that follow, `word` words further, those that the root decided.
#[target_feature(enable = "avx2")]
#[inline]
fn below_root<K: Key>(views: impl Views, keys: &[K; BURST], i: usize, word: u32) -> __m256i {
    let strides = collect(i, |lane| views.view(lane).stride());
    let rest = collect(i, |lane| 32 - views.view(lane).stride());
    let bits = _mm256_sllv_epi32(collect(i, |lane| keys[lane].word(word)), strides);
    if word + 1 == K::BITS / 32 {
        return bits;
    }
    let next = collect(i, |lane| keys[lane].word(word + 1));
    _mm256_or_si256(bits, _mm256_srlv_epi32(next, rest))
}

/// The sign bits of the lanes, the first in the lowest place.
#[target_feature(enable = "avx2")]
#[inline]
fn signs(lanes: __m256i) -> u8 {
    _mm256_movemask_ps(_mm256_castsi256_ps(lanes)) as u8
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
