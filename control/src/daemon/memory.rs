//! On which pages DPDK's memory lies, and how much of it there is.

use super::error::StartError;
use crate::config::Config;
use crate::config::system::HugePages;

/// Bytes of a packet buffer besides its data room: the mbuf, its private area, the pool's header and cache lines.
const BUFFER_OVERHEAD_BYTES: u64 = 320;
/// What devices, rings and DPDK itself take besides the packet buffers, in MiB.
const OTHER_MIB: u64 = 96;

/// The memory that DPDK is to have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Memory {
    /// On huge pages, taken as needed.
    Huge {
        /// Taken at once at the start, in MiB, where the operator said how much.
        reserve_mib: Option<u32>,
    },
    /// On ordinary pages, all of it at the start.
    Ordinary {
        /// How much, in MiB.
        mib: u32,
    },
}

/// A decision on memory, and what was found when it was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// The decision.
    pub memory: Memory,
    /// What is needed, in MiB.
    pub needed_mib: u64,
    /// What is free on huge pages, in MiB.
    pub free_huge_mib: u64,
}

impl Plan {
    /// Whether huge pages were wanted and are not there.
    #[must_use]
    pub fn is_fallback(&self, wanted: HugePages) -> bool {
        wanted == HugePages::Auto && matches!(self.memory, Memory::Ordinary { .. })
    }
}

/// Decides on which pages the memory lies, when this much is free on huge pages ([`free_huge_bytes`]).
///
/// # Errors
/// Huge pages are required and too few are free.
pub fn plan(config: &Config, free_huge_bytes: u64) -> Result<Plan, StartError> {
    let reserve_mib = config.eal.memory_mib.map(|mib| mib.get());
    let buffers = u64::from(config.mempool.buffers.get());
    let buffer_bytes = u64::from(config.mempool.data_room_bytes.get()) + BUFFER_OVERHEAD_BYTES;
    let needed_mib = |pool_bytes: u64| match reserve_mib {
        Some(mib) => u64::from(mib),
        None => pool_bytes.div_ceil(1 << 20) + OTHER_MIB,
    };
    let needed_huge_mib = needed_mib(buffers * buffer_bytes);
    let free_huge_mib = free_huge_bytes >> 20;
    let enough = free_huge_mib >= needed_huge_mib;
    let (memory, needed_mib) = match config.eal.huge_pages {
        HugePages::Require if !enough => {
            return Err(StartError::HugePages {
                needed_mib: needed_huge_mib,
                free_mib: free_huge_mib,
            });
        }
        HugePages::Require | HugePages::Auto if enough => {
            (Memory::Huge { reserve_mib }, needed_huge_mib)
        }
        _ => {
            let needed_mib = needed_mib(ordinary_pool_bytes(buffers, buffer_bytes));
            let mib = u32::try_from(needed_mib).unwrap_or(u32::MAX);
            (Memory::Ordinary { mib }, needed_mib)
        }
    };
    Ok(Plan {
        memory,
        needed_mib,
        free_huge_mib,
    })
}

/// What a pool takes on ordinary pages, where DPDK lets no buffer that fits into a page reach over its end.
fn ordinary_pool_bytes(buffers: u64, buffer_bytes: u64) -> u64 {
    let page_bytes = dpdk_sys::memory::page_bytes();
    match page_bytes / buffer_bytes {
        0 => buffers * buffer_bytes.next_multiple_of(page_bytes),
        in_a_page => buffers.div_ceil(in_a_page) * page_bytes,
    }
}

/// The memory in free huge pages of all sizes, in bytes. With `--in-memory` DPDK needs no mount of them.
#[must_use]
pub fn free_huge_bytes() -> u64 {
    dpdk_sys::memory::huge_pages()
        .iter()
        .map(|pages| pages.free * pages.size_bytes)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn config(text: &str) -> Config {
        Config::parse(text, Path::new("f.yaml"), &[0, 1].into_iter().collect()).unwrap()
    }

    #[test]
    fn huge_pages_are_taken_when_there_are_enough() {
        let plan = plan(&Config::default(), 1 << 30).unwrap();
        assert_eq!(plan.memory, Memory::Huge { reserve_mib: None });
        assert!(!plan.is_fallback(HugePages::Auto));
    }

    #[test]
    fn too_few_huge_pages_are_a_fallback_or_an_error() {
        let few = 20 << 20;
        let fallback = plan(&config("eal: {memory_mib: 300}"), few).unwrap();
        assert_eq!(
            fallback,
            Plan {
                memory: Memory::Ordinary { mib: 300 },
                needed_mib: 300,
                free_huge_mib: 20
            }
        );
        assert!(fallback.is_fallback(HugePages::Auto));
        let error = plan(&config("eal: {memory_mib: 300, huge_pages: require}"), few).unwrap_err();
        assert!(
            error.to_string().contains("300 MiB") && error.to_string().contains("20 MiB"),
            "{error}"
        );
    }

    #[test]
    fn switched_off_means_off() {
        let plan = plan(&config("eal: {huge_pages: \"off\"}"), 8 << 30).unwrap();
        assert!(matches!(plan.memory, Memory::Ordinary { .. }));
        assert!(!plan.is_fallback(HugePages::Off));
    }

    #[test]
    fn the_need_follows_the_buffers() {
        let need = |text, free| plan(&config(text), free).unwrap().needed_mib;
        assert!(need("mempool: {buffers: 4096}", 0) < 128);
        let huge = need("mempool: {buffers: 65536}", 8 << 30);
        assert!((250..350).contains(&huge), "{huge}");
        // Each buffer has an ordinary page for itself, or several.
        if dpdk_sys::memory::page_bytes() == 4096 {
            assert_eq!(need("mempool: {buffers: 65536}", 0), 256 + OTHER_MIB);
            let jumbo = need("mempool: {buffers: 65536, data_room_bytes: 9344}", 0);
            assert_eq!(jumbo, 3 * 256 + OTHER_MIB);
        }
    }
}
