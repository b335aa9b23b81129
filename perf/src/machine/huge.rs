//! Huge pages for a measurement, and the way back to as many as there were.

use super::keeper::Keeper;
use crate::error::PerfError;
use serde::Serialize;
use std::fs;
use std::path::Path;

/// Where the kernel shows the huge pages of 2 MiB.
const POOL: &str = "/sys/kernel/mm/hugepages/hugepages-2048kB";
const PAGE_MIB: u64 = 2;
/// Makes the kernel move pages together, so that more whole ones can be found.
const COMPACT: &str = "/proc/sys/vm/compact_memory";
/// Each finds a few more on a machine whose memory is full of cached files.
const TRIES: usize = 6;
/// On which pages DPDK's memory lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pages {
    /// Huge ones of 2 MiB.
    Huge,
    /// Ordinary ones: the figures are lower, of the router and of testpmd alike.
    Ordinary,
}

/// Huge pages that are reserved as long as this lives.
#[derive(Debug)]
pub struct HugePages {
    pages: Pages,
    note: Option<String>,
    _keeper: Option<Keeper>,
}

impl HugePages {
    /// Sees to it that this much is free on huge pages. Where that cannot be, ordinary pages will do, and
    /// [`HugePages::note`] says why.
    ///
    /// # Errors
    /// The keeper could not be started.
    pub fn reserve(mib: u64) -> Result<Self, PerfError> {
        Self::reserve_in(Path::new(POOL), mib)
    }

    fn reserve_in(pool: &Path, mib: u64) -> Result<Self, PerfError> {
        let ordinary = |keeper, why: String| {
            let note = format!("{why}: everything was measured on ordinary pages");
            Ok(Self {
                pages: Pages::Ordinary,
                note: Some(note),
                _keeper: keeper,
            })
        };
        let wanted = mib.div_ceil(PAGE_MIB);
        let (Some(total), Some(free)) = (read(pool, "nr_hugepages"), read(pool, "free_hugepages"))
        else {
            return ordinary(None, "the kernel has no huge pages of 2 MiB".to_owned());
        };
        if free >= wanted {
            return Ok(Self {
                pages: Pages::Huge,
                note: None,
                _keeper: None,
            });
        }
        let keeper = Keeper::start(&pool.join("nr_hugepages"), &total.to_string())?;
        let keeper = Some(keeper);
        let wanted_total = (total + wanted - free).to_string();
        for _ in 0..TRIES {
            if let Err(error) = fs::write(pool.join("nr_hugepages"), &wanted_total) {
                return ordinary(keeper, format!("huge pages cannot be reserved ({error})"));
            }
            if read(pool, "free_hugepages") >= Some(wanted) {
                break;
            }
            // Without it there is what there is.
            let _ = fs::write(COMPACT, "1");
        }
        let got = read(pool, "free_hugepages").unwrap_or_default();
        if got < wanted {
            let why = format!(
                "of {mib} MiB of huge pages the kernel found {} MiB",
                got * PAGE_MIB
            );
            return ordinary(keeper, why);
        }
        Ok(Self {
            pages: Pages::Huge,
            note: None,
            _keeper: keeper,
        })
    }

    /// What DPDK's memory lies on.
    #[must_use]
    pub const fn pages(&self) -> Pages {
        self.pages
    }

    /// Why there are no huge pages, if there are none.
    #[must_use]
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }
}

fn read(pool: &Path, file: &str) -> Option<u64> {
    fs::read_to_string(pool.join(file))
        .ok()?
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory like the kernel's; the number of free pages does not follow by itself.
    fn pool(total: u64, free: u64) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("nr_hugepages"), total.to_string()).unwrap();
        fs::write(root.path().join("free_hugepages"), free.to_string()).unwrap();
        root
    }

    #[test]
    fn enough_free_pages_are_left_alone() {
        let pool = pool(600, 512);
        let pages = HugePages::reserve_in(pool.path(), 1_024).unwrap();
        assert_eq!((pages.pages(), pages.note()), (Pages::Huge, None));
        drop(pages);
        assert_eq!(read(pool.path(), "nr_hugepages"), Some(600));
    }

    #[test]
    fn what_was_reserved_is_given_back_and_a_failure_is_a_fallback() {
        let pool = pool(10, 4);
        let pages = HugePages::reserve_in(pool.path(), 100).unwrap();
        assert_eq!(read(pool.path(), "nr_hugepages"), Some(56));
        assert_eq!(pages.pages(), Pages::Ordinary);
        assert!(pages.note().unwrap().contains("found 8 MiB"));
        drop(pages);
        assert_eq!(read(pool.path(), "nr_hugepages"), Some(10));
    }

    #[test]
    fn a_kernel_without_huge_pages_is_a_fallback() {
        let pages = HugePages::reserve_in(Path::new("/nonexistent"), 2).unwrap();
        assert_eq!(pages.pages(), Pages::Ordinary);
        assert!(pages.note().is_some());
    }
}
