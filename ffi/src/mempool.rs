//! Pools of packet buffers, and where else packets can come from.

use crate::eal::Eal;
use crate::error::Errno;
use crate::mbuf::{HEADROOM_BYTES, Mbuf};
use crate::raw;
use arrayvec::ArrayVec;
use std::ffi::CString;
use std::ptr::NonNull;
use std::sync::Arc;

/// Least room for data in a buffer, headroom not counted.
const ROOM_MIN_BYTES: u16 = 64;

/// Why a pool was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MempoolError {
    /// The name is empty, too long or holds a zero byte.
    #[error("{name:?} is no name for a pool: 1 to {max} bytes, none of them zero", max = NAME_MAX_BYTES)]
    Name {
        /// The name that was given.
        name: String,
    },
    /// No buffers were asked for.
    #[error("a pool needs at least one buffer")]
    Empty,
    /// The cache of each thread is too large.
    #[error(
        "a cache of {cache} is too large for a pool of {count}: at most {CACHE_MAX}, and 1.5 caches must fit the pool"
    )]
    Cache {
        /// The cache that was asked for.
        cache: u32,
        /// The buffers that were asked for.
        count: u32,
    },
    /// A buffer would have too little room behind its headroom.
    #[error(
        "buffers of {data_room_bytes} bytes are too small: {HEADROOM_BYTES} bytes of headroom and {ROOM_MIN_BYTES} of data must fit"
    )]
    DataRoom {
        /// The size that was asked for.
        data_room_bytes: u16,
    },
    /// A pool of this name exists.
    #[error("a pool of the name {name:?} exists")]
    NameTaken {
        /// The name that was given.
        name: String,
    },
    /// The memory of that NUMA node does not suffice.
    #[error("no memory for {count} packet buffers of {data_room_bytes} bytes")]
    NoMemory {
        /// The buffers that were asked for.
        count: u32,
        /// Their size.
        data_room_bytes: u16,
    },
    /// DPDK refused for another reason.
    #[error("DPDK did not make the pool: {0}")]
    Refused(Errno),
}

const CACHE_MAX: u32 = raw::SHIM_POOL_CACHE_MAX;
/// DPDK counts the terminating zero.
const NAME_MAX_BYTES: usize = raw::SHIM_POOL_NAME_BYTES as usize - 1;

/// No buffer was free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no packet buffer is free")]
pub struct PoolExhausted;

/// A pool of packet buffers of one size. Clones are handles of the same pool.
///
/// When the last handle goes, the pool's memory is given back if all buffers are. Otherwise the
/// memory, and DPDK with it, stay until the process ends: a packet may outlive its pool's handles.
#[derive(Clone, Debug)]
pub struct Mempool(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    raw: NonNull<raw::rte_mempool>,
    count: u32,
    data_room_bytes: u16,
    eal: Eal,
}

// SAFETY: pools of packet buffers are multi-producer and multi-consumer rings with caches that
// belong to registered threads; every call made here may come from any thread at any time.
unsafe impl Send for Pool {}
// SAFETY: as above.
unsafe impl Sync for Pool {}

impl Mempool {
    /// Makes a pool of `count` buffers with `data_room_bytes` each, headroom (128 bytes) included.
    ///
    /// `cache` is how many buffers each registered thread may keep to itself (0 to 512); `socket`
    /// is the NUMA node, `None` for any. A `count` of 2^n - 1 uses memory best.
    ///
    /// # Errors
    ///
    /// See [`MempoolError`].
    pub fn create(
        eal: &Eal,
        name: &str,
        count: u32,
        cache: u32,
        data_room_bytes: u16,
        socket: Option<u16>,
    ) -> Result<Self, MempoolError> {
        if count == 0 {
            return Err(MempoolError::Empty);
        }
        if cache > CACHE_MAX || cache.saturating_mul(3) / 2 > count {
            return Err(MempoolError::Cache { cache, count });
        }
        if data_room_bytes < HEADROOM_BYTES + ROOM_MIN_BYTES {
            return Err(MempoolError::DataRoom { data_room_bytes });
        }
        let c_name = CString::new(name)
            .ok()
            .filter(|c| (1..=NAME_MAX_BYTES).contains(&c.as_bytes().len()));
        let Some(c_name) = c_name else {
            return Err(MempoolError::Name {
                name: name.to_owned(),
            });
        };
        let socket = socket.map_or(ANY_SOCKET, i32::from);
        // SAFETY: DPDK is started; the name is terminated, and copied by the call.
        let raw = unsafe {
            raw::rte_pktmbuf_pool_create(c_name.as_ptr(), count, cache, 0, data_room_bytes, socket)
        };
        let Some(raw) = NonNull::new(raw) else {
            let errno = Errno::last();
            return Err(match errno.number() {
                libc::EEXIST => MempoolError::NameTaken {
                    name: name.to_owned(),
                },
                libc::ENOMEM => MempoolError::NoMemory {
                    count,
                    data_room_bytes,
                },
                _ => MempoolError::Refused(errno),
            });
        };
        Ok(Self(Arc::new(Pool {
            raw,
            count,
            data_room_bytes,
            eal: eal.clone(),
        })))
    }

    /// An empty packet, or `None` when no buffer is free.
    #[inline]
    #[must_use]
    pub fn alloc(&self) -> Option<Mbuf> {
        // SAFETY: the pool exists as long as this handle.
        let raw = NonNull::new(unsafe { raw::shim_mbuf_alloc(self.0.raw.as_ptr()) })?;
        // SAFETY: a fresh buffer of a packet pool satisfies the invariants, and is ours.
        Some(unsafe { Mbuf::from_raw(raw.cast()) })
    }

    /// Appends `count` empty packets to `into`, or as many as it has places for.
    ///
    /// # Errors
    ///
    /// Fewer buffers are free; `into` is unchanged.
    #[inline]
    pub fn alloc_bulk<const N: usize>(
        &self,
        into: &mut ArrayVec<Mbuf, N>,
        count: usize,
    ) -> Result<(), PoolExhausted> {
        let (length, count) = (into.len(), count.min(into.remaining_capacity()));
        // SAFETY: `count` places are free behind the first `length`, and an Mbuf is one pointer.
        let result = unsafe {
            raw::shim_mbuf_alloc_bulk(
                self.0.raw.as_ptr(),
                into.as_mut_ptr().add(length).cast(),
                count as u32,
            )
        };
        if result != 0 {
            return Err(PoolExhausted);
        }
        // SAFETY: the call filled these places with fresh buffers, which satisfy the invariants.
        unsafe { into.set_len(length + count) };
        Ok(())
    }

    /// A packet with these bytes, in as many segments as they need, or `None` when too few buffers
    /// are free.
    #[must_use]
    pub fn alloc_with(&self, bytes: &[u8]) -> Option<Mbuf> {
        let mut packet = self.alloc()?;
        let mut rest = packet.append_most(bytes);
        while !rest.is_empty() {
            // A buffer always has room for data, so each turn gets further.
            let mut segment = self.alloc()?;
            rest = segment.append_most(rest);
            packet.chain(segment).ok()?;
        }
        Some(packet)
    }

    /// How many buffers the pool has.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.0.count
    }

    /// The size of each buffer, headroom included.
    #[must_use]
    pub fn data_room_bytes(&self) -> u16 {
        self.0.data_room_bytes
    }

    /// How many buffers are free, those in the caches of threads included. Slow; for people.
    #[must_use]
    pub fn available(&self) -> u32 {
        // SAFETY: the pool exists as long as this handle.
        unsafe { raw::rte_mempool_avail_count(self.0.raw.as_ptr()) }
    }

    /// How many buffers are out: in packets, and in the queues of devices. Slow; for people.
    #[must_use]
    pub fn in_use(&self) -> u32 {
        // SAFETY: the pool exists as long as this handle.
        unsafe { raw::rte_mempool_in_use_count(self.0.raw.as_ptr()) }
    }

    pub(crate) fn raw(&self) -> *mut raw::rte_mempool {
        self.0.raw.as_ptr()
    }
}

const ANY_SOCKET: i32 = -1;

impl Drop for Pool {
    fn drop(&mut self) {
        // SAFETY: no handle is left, so nobody allocates: once all buffers are back, none can go
        // out again, and nothing refers to the pool.
        unsafe {
            if raw::rte_mempool_in_use_count(self.raw.as_ptr()) == 0 {
                raw::rte_mempool_free(self.raw.as_ptr());
                return;
            }
        }
        // A packet somewhere lies in this memory, which cleaning DPDK up would unmap.
        std::mem::forget(self.eal.clone());
    }
}

/// Where new packets come from: a pool, or the heap in tests without DPDK.
#[derive(Clone, Debug)]
pub enum MbufSource {
    /// Buffers of a pool, which a port can send.
    Pool(Mempool),
    /// Buffers of the heap.
    Heap,
}

impl MbufSource {
    /// A packet with these bytes, or `None` when too few buffers are free.
    #[must_use]
    pub fn alloc_with(&self, bytes: &[u8]) -> Option<Mbuf> {
        match self {
            Self::Pool(pool) => pool.alloc_with(bytes),
            Self::Heap => Some(Mbuf::from_heap(bytes)),
        }
    }

    /// A copy of a packet's bytes, or `None` when too few buffers are free. What travels beside the
    /// bytes (hash, stripped tag, offloads) is not copied.
    #[must_use]
    pub fn copy(&self, packet: &Mbuf) -> Option<Mbuf> {
        let mut segments = packet.segments();
        let mut copy = self.alloc_with(segments.next()?)?;
        for segment in segments {
            let rest = copy.append_most(segment);
            if !rest.is_empty() {
                copy.chain(self.alloc_with(rest)?).ok()?;
            }
        }
        Some(copy)
    }
}
