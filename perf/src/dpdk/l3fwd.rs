//! `l3fwd`, DPDK's example of a router: it looks destinations up in `rte_fib`, writes the next hop's Ethernet header and nothing
//! else. Debian does not package it, so it is measured where the user names one.

use super::Program;
use crate::bench::Bench;
use crate::error::PerfError;
use crate::progress::Progress;
use crate::sample::Rate;
use crate::traffic::{Family, Table};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What it takes on huge pages, in MiB: its buffers, and tables large enough for every case.
pub const MEMORY_MIB: u64 = 1_024;
/// What it is told where it knows the word (since DPDK 23.07): without, it wants devices to check checksums.
const RELAX: &str = "--relax-rx-offload";
/// Descriptors of each queue. It has buffers by their number, and an endless capture needs one for each of its 16 k frames.
const DESCRIPTORS: u16 = 8_192;

/// The rate at which it forwards a table's flows from a capture.
///
/// # Errors
/// It did not get ready: its table may be too small, which has room for 64 k routes as DPDK delivers it.
pub fn measure(
    bench: &Bench,
    path: &Path,
    table: &Table,
    captures: &[PathBuf],
    progress: &Progress,
) -> Result<Rate, PerfError> {
    let program = Program {
        path,
        name: "l3fwd",
        // It prints every route.
        start: Duration::from_secs(60),
        memory_mib: MEMORY_MIB,
        captures,
    };
    let [ipv4, ipv6] = rules(bench, table)?;
    // One core, since it opens a transmit queue for each, and the source has a single one.
    let cores = [format!("--lcores=1@{}", bench.cpus.worker)];
    let mut arguments = vec![
        "-p3".to_owned(),
        "-P".to_owned(),
        "--config=(0,0,1)".to_owned(),
        "--lookup=fib".to_owned(),
        format!("--rule_ipv4={}", ipv4.display()),
        format!("--rule_ipv6={}", ipv6.display()),
        "--parse-ptype".to_owned(),
        "--no-numa".to_owned(),
        format!("--rx-queue-size={DESCRIPTORS}"),
        format!("--tx-queue-size={DESCRIPTORS}"),
    ];
    if knows(path, RELAX).map_err(PerfError::system(format!("reading {}", path.display())))? {
        arguments.push(RELAX.to_owned());
    }
    program.measure(bench, &cores, &arguments, progress)
}

/// Writes its tables of both families, neither of which may be empty.
fn rules(bench: &Bench, table: &Table) -> Result<[PathBuf; 2], PerfError> {
    let write = |family, name, other: &str| {
        let path = bench.directory.path().join(name);
        let written = File::create(&path).and_then(|file| {
            let mut file = BufWriter::new(file);
            if table.family == family {
                write_rules(&mut file, table)?;
            } else {
                writeln!(file, "R{other} 1")?;
            }
            file.flush()
        });
        let failed = PerfError::system("writing the routes of l3fwd");
        written.map_err(failed).map(|()| path)
    };
    Ok([
        write(Family::V4, "ipv4.rules", "192.0.2.0/24")?,
        write(Family::V6, "ipv6.rules", "2001:db8::/32")?,
    ])
}

/// Each prefix leads to port 1, the sink.
fn write_rules(file: &mut impl Write, table: &Table) -> io::Result<()> {
    let mut prefixes = table.prefixes.iter();
    prefixes.try_for_each(|prefix| writeln!(file, "R{prefix} 1"))
}

/// Whether a program has an option among its texts.
fn knows(program: &Path, option: &str) -> io::Result<bool> {
    let word = option.trim_start_matches('-').as_bytes();
    let bytes = fs::read(program)?;
    Ok(bytes.windows(word.len()).any(|window| window == word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_written_as_it_reads_them() {
        let table = Table {
            family: Family::V4,
            prefixes: vec![
                "10.0.0.0/8".parse().unwrap(),
                "10.1.0.0/16".parse().unwrap(),
            ],
            flows: Vec::new(),
        };
        let mut file = Vec::new();
        write_rules(&mut file, &table).unwrap();
        assert_eq!(file, b"R10.0.0.0/8 1\nR10.1.0.0/16 1\n");
    }

    #[test]
    fn an_option_is_found_among_the_texts_of_a_program() {
        let mut program = tempfile::NamedTempFile::new().unwrap();
        program
            .write_all(b"\x7fELF\0usage relax-rx-offload\0")
            .unwrap();
        assert!(knows(program.path(), RELAX).unwrap());
        assert!(!knows(program.path(), "--parse-ptype").unwrap());
    }
}
