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

/// The huge pages of one size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HugePages {
    /// The size of each.
    pub size_bytes: u64,
    /// How many are reserved.
    pub total: u64,
    /// How many of these nobody uses.
    pub free: u64,
    /// Where files on them can be made, which DPDK needs unless it runs with `--in-memory`.
    pub mount: Option<PathBuf>,
}

/// The huge pages of each size that the kernel knows, smallest first. Empty where it knows none, or
/// where `/sys` is not readable.
#[must_use]
pub fn huge_pages() -> Vec<HugePages> {
    read(
        Path::new("/sys/kernel/mm/hugepages"),
        &fs::read_to_string("/proc/mounts").unwrap_or_default(),
    )
}

/// Memory in free huge pages of sizes that are mounted: what DPDK could use now.
#[must_use]
pub fn usable_huge_bytes() -> u64 {
    huge_pages()
        .iter()
        .filter(|pages| pages.mount.is_some())
        .map(|pages| pages.free * pages.size_bytes)
        .sum()
}

fn read(folder: &Path, mounts: &str) -> Vec<HugePages> {
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
                mount: mount_of(size_bytes, mounts),
            })
        })
        .collect();
    found.sort_by_key(|pages| pages.size_bytes);
    found
}

/// The first hugetlbfs of this page size in the kernel's list of mounts.
fn mount_of(size_bytes: u64, mounts: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ');
        let (_, folder, kind, options) = (
            fields.next()?,
            fields.next()?,
            fields.next()?,
            fields.next()?,
        );
        let page_size = options
            .split(',')
            .find_map(|option| option.strip_prefix("pagesize="))?;
        (kind == "hugetlbfs" && parse_size(page_size) == Some(size_bytes))
            .then(|| PathBuf::from(folder))
    })
}

/// A size as the kernel writes it in mount options: `2M`, `1024M`, `1G`.
fn parse_size(text: &str) -> Option<u64> {
    let (digits, shift) = match text.as_bytes().last()? {
        b'K' => (&text[..text.len() - 1], 10),
        b'M' => (&text[..text.len() - 1], 20),
        b'G' => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    digits.parse::<u64>().ok()?.checked_shl(shift)
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
        let mounts = "proc /proc proc rw 0 0\nhugetlbfs /dev/hugepages hugetlbfs rw,relatime,pagesize=2M 0 0\n";
        let found = read(root.path(), mounts);
        assert_eq!(
            found,
            [
                HugePages {
                    size_bytes: 2 << 20,
                    total: 512,
                    free: 500,
                    mount: Some("/dev/hugepages".into())
                },
                HugePages {
                    size_bytes: 1 << 30,
                    total: 2,
                    free: 1,
                    mount: None
                },
            ]
        );
    }

    #[test]
    fn nothing_to_read_is_no_huge_pages() {
        assert_eq!(read(Path::new("/nonexistent"), ""), []);
        assert_eq!(
            mount_of(1 << 30, "none /mnt/huge hugetlbfs rw,pagesize=1024M 0 0"),
            Some("/mnt/huge".into())
        );
        assert_eq!(
            mount_of(1 << 30, "none /mnt/huge hugetlbfs rw 0 0\ngarbage\n"),
            None
        );
    }
}
