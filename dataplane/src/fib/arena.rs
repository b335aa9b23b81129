//! The memory of all tries of a router.
//!
//! One range of 2^32 words is reserved once and never unmapped while the arena lives, so that every
//! `u32` is a valid word index: readers need no bounds check, and a stale reference can at worst
//! give a wrong answer. The kernel commits memory when a word is first written, in huge pages where it
//! can; chunks that hold nothing any more are given back.
//!
//! Blocks that an update replaced may still be read by a worker in its burst. They go into a
//! quarantine first:
//!
//! ```text
//! set, remove  ──▶ retired ──seal(epoch)──▶ waiting for epoch ──reclaim(passed ≥ epoch)──▶ free
//! ```
//!
//! The owner of the epochs calls [`Arena::seal`] with the epoch that it starts next, and
//! [`Arena::reclaim`] when every reader has passed an epoch. Blocks in quarantine count as used.

use super::alloc::Allocator;
use super::blocks::Blocks;
use super::error::ArenaError;
use super::pool::Span;
use std::io;
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicU32;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many words an arena has. All are mapped; the capacities say how many are used.
pub(super) const WORDS: u64 = 1 << 32;
/// All words of an arena. Its length is what makes indexing by a `u32` free of checks.
pub(super) type Words = [AtomicU32; WORDS as usize];

/// The size of a huge page, in bytes, and of the smallest range that is given back.
const HUGE_PAGE_BYTES: usize = 2 << 20;

/// How many blocks of each kind an arena may hold at most. They cost address space, not memory,
/// until used; each is rounded up to whole chunks of 2 MiB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capacity {
    /// Nodes and small roots of 1 KiB.
    pub nodes: u32,
    /// Roots of 256 KiB.
    pub mid_roots: u32,
    /// Roots of 64 MiB.
    pub big_roots: u32,
    /// Cells of 32 bytes: prefixes that stand alone below an entry.
    pub cells: u32,
}

impl Default for Capacity {
    /// 4 Mi nodes, 8 Ki mid roots, 64 big roots, 16 Mi cells: 10.5 GiB of addresses.
    fn default() -> Self {
        Self {
            nodes: 4 << 20,
            mid_roots: 8 << 10,
            big_roots: 64,
            cells: 16 << 20,
        }
    }
}

/// What an arena holds at a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// Nodes and small roots.
    pub nodes: usize,
    /// Mid roots.
    pub mid_roots: usize,
    /// Big roots.
    pub big_roots: usize,
    /// Cells.
    pub cells: usize,
    /// Blocks among these that wait for a grace period.
    pub quarantined: usize,
    /// The bytes of all these blocks and of the writer's bitmaps for them. Parts of a root that were never
    /// written count, although the kernel commits nothing for them.
    pub bytes_in_use: usize,
}

/// The memory of all tries of a router. Shared by `Arc`; memory goes back to the system when the last
/// trie and reader are gone.
///
/// The address range is reserved without commitment: do not combine it with `mlockall(MCL_FUTURE)`.
#[derive(Debug)]
pub struct Arena {
    mapping: Mapping,
    allocator: Mutex<Allocator>,
}

impl Arena {
    /// Reserves address space for the given capacities.
    ///
    /// # Errors
    /// [`ArenaError::TooLarge`] if they exceed 16 GiB together, [`ArenaError::Reserve`] if the kernel
    /// refuses (a limit on address space, or strict overcommitment).
    pub fn new(capacity: Capacity) -> Result<Self, ArenaError> {
        let allocator = Allocator::new(capacity)?;
        Ok(Self {
            mapping: Mapping::new()?,
            allocator: Mutex::new(allocator),
        })
    }

    /// What the arena holds now.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.lock().usage()
    }

    /// The bytes of all blocks in use, with the writer's bitmaps.
    #[must_use]
    pub fn bytes_in_use(&self) -> usize {
        self.usage().bytes_in_use
    }

    /// Declares that all blocks retired so far may be freed once every reader has passed `epoch`.
    /// Epochs must not decrease from call to call.
    pub fn seal(&self, epoch: u64) {
        self.lock().seal(epoch);
    }

    /// Frees the blocks sealed with an epoch of at most `passed`, which every reader has passed, and
    /// returns how many there were.
    pub fn reclaim(&self, passed: u64) -> usize {
        self.lock()
            .reclaim(passed, |span| self.mapping.discard(span))
    }

    /// The words that readers read.
    #[inline(always)]
    pub(super) fn words(&self) -> &Words {
        self.mapping.words()
    }

    /// Exclusive access for an update.
    pub(super) fn blocks(&self) -> Blocks<'_> {
        Blocks::new(self.words(), self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Allocator> {
        // The allocator is consistent between calls, and nothing in them panics half way.
        self.allocator
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reserved address range.
#[derive(Debug)]
struct Mapping {
    words: NonNull<Words>,
    start: *mut libc::c_void,
    bytes: usize,
}

// SAFETY: the mapping is plain memory of the process, reached through atomics only, and unmapped
// when its one owner drops it.
unsafe impl Send for Mapping {}
// SAFETY: as above; shared access is by atomics.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn new() -> Result<Self, ArenaError> {
        // One huge page more, to start at a huge page's border whatever the kernel chooses.
        let bytes = size_of::<Words>() + HUGE_PAGE_BYTES;
        let refused = || ArenaError::Reserve {
            bytes,
            source: io::Error::last_os_error(),
        };
        // SAFETY: an anonymous mapping at an address of the kernel's choice touches no other memory.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(refused());
        }
        let words = start.map_addr(|addr| addr.next_multiple_of(HUGE_PAGE_BYTES));
        let Some(words) = NonNull::new(words.cast::<Words>()) else {
            return Err(refused());
        };
        // A kernel without transparent huge pages refuses; the arena works without, more slowly.
        // SAFETY: the range lies within the mapping made above; the advice changes no contents.
        unsafe {
            libc::madvise(
                words.as_ptr().cast(),
                size_of::<Words>(),
                libc::MADV_HUGEPAGE,
            )
        };
        Ok(Self {
            words,
            start,
            bytes,
        })
    }

    #[inline(always)]
    fn words(&self) -> &Words {
        // SAFETY: the range is mapped readable and writable, aligned and zeroed from the start, for as
        // long as `self` lives; all access is through these atomics.
        unsafe { self.words.as_ref() }
    }

    /// Gives the memory of `span` back; it reads as zero from now on.
    fn discard(&self, span: Span) {
        let words = &self.words()[span.first as usize..][..span.words];
        // Where the kernel refuses, the memory stays committed and keeps its contents, which nobody relies on.
        // SAFETY: the range lies within the mapping and is anonymous and private, so its words
        // become zero, which is a valid value of them; no block in it is in use.
        unsafe {
            libc::madvise(
                words.as_ptr().cast_mut().cast(),
                size_of_val(words),
                libc::MADV_DONTNEED,
            )
        };
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: exactly the range that `new` mapped; no reference into it outlives `self`.
        unsafe { libc::munmap(self.start, self.bytes) };
    }
}
