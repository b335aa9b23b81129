//! Huge pages: what the kernel has, before DPDK is asked to use them.

use std::fs;
use std::path::{Path, PathBuf};

/// Gives memory that the heap holds and nobody uses back to the kernel, where the C library can (glibc keeps what was freed
/// between blocks in use). Some milliseconds for each 100 MB; other threads that allocate wait meanwhile.
pub fn trim_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the call moves no block that is in use, and may be made by any thread at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// The size of an ordinary page.
#[must_use]
pub fn page_bytes() -> u64 {
    // SAFETY: the call reads a constant of the system.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(bytes).unwrap_or(4096)
}

/// The huge pages of one size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HugePages {
    /// The size of each.
    pub size_bytes: u64,
    /// How many are reserved.
    pub total: u64,
    /// How many of these nobody uses.
    pub free: u64,
}

/// The huge pages of each size that the kernel knows, smallest first. Empty where it knows none, or
/// where `/sys` is not readable.
#[must_use]
pub fn huge_pages() -> Vec<HugePages> {
    read(Path::new("/sys/kernel/mm/hugepages"))
}

fn read(folder: &Path) -> Vec<HugePages> {
    let number = |path: PathBuf| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let mut found: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let size_kib = entry
                .file_name()
                .to_str()?
                .strip_prefix("hugepages-")?
                .strip_suffix("kB")?
                .parse::<u64>()
                .ok()?;
            let size_bytes = size_kib * 1024;
            Some(HugePages {
                size_bytes,
                total: number(entry.path().join("nr_hugepages"))?,
                free: number(entry.path().join("free_hugepages"))?,
            })
        })
        .collect();
    found.sort_by_key(|pages| pages.size_bytes);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_kernels_files() {
        let root = tempfile::tempdir().unwrap();
        for (name, total, free) in [
            ("hugepages-1048576kB", "2\n", "1\n"),
            ("hugepages-2048kB", "512\n", "500\n"),
            ("other", "1\n", "1\n"),
        ] {
            fs::create_dir(root.path().join(name)).unwrap();
            fs::write(root.path().join(name).join("nr_hugepages"), total).unwrap();
            fs::write(root.path().join(name).join("free_hugepages"), free).unwrap();
        }
        let found = read(root.path());
        assert_eq!(
            found,
            [
                HugePages {
                    size_bytes: 2 << 20,
                    total: 512,
                    free: 500,
                },
                HugePages {
                    size_bytes: 1 << 30,
                    total: 2,
                    free: 1,
                },
            ]
        );
    }

    #[test]
    fn nothing_to_read_is_no_huge_pages() {
        assert_eq!(read(Path::new("/nonexistent")), []);
    }
}
