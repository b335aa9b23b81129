//! Where measurements happen: programs, CPUs, memory, a namespace and a directory.

use crate::error::PerfError;
use crate::machine::huge::Pages;
use crate::machine::{Cpus, HugePages, Priority, Workers, cpus, priority::NICE};
use crate::router::overlay::ENDPOINT;
use crate::sample::Method;
use crate::traffic::frames::frame;
use crate::traffic::overlay::wrap;
use crate::traffic::{Ends, Overlay, Table, capture};
use etherparse::err::packet::BuildWriteError;
use ferroute_tests::Namespace;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Packet buffers of router and testpmd alike: a capture of 16 k frames takes as many for good.
const BUFFERS: u32 = 131_071;
/// What either takes on huge pages, in MiB: the buffers and some for DPDK and its devices.
pub const MEMORY_MIB: u64 = 640;

/// The address that DPDK gives a capture port, the first of which is 0. Frames carry it; the router's port is asked
/// whether it is so.
#[must_use]
pub const fn source_mac(number: u8) -> [u8; 6] {
    [0x02, b'p', b'c', b'a', b'p', number]
}

/// Who sends frames that are routed, and which capture port they come to.
#[must_use]
pub const fn ends(number: u8) -> Ends {
    Ends {
        source: [2, 0, 0, 0, 0, 0x99],
        destination: source_mac(number),
    }
}

/// The programs under measurement.
#[derive(Clone, Debug)]
pub struct Programs {
    /// The router.
    pub ferrouted: PathBuf,
    /// DPDK's.
    pub testpmd: PathBuf,
    /// DPDK's example of a router, if it is to be measured.
    pub l3fwd: Option<PathBuf>,
}

impl Programs {
    /// Sees to it that they are there before anything is measured.
    ///
    /// # Errors
    /// One is missing.
    pub fn check(self) -> Result<Self, PerfError> {
        for program in [&self.ferrouted, &self.testpmd]
            .into_iter()
            .chain(&self.l3fwd)
        {
            if !program.exists() {
                return Err(PerfError::NoProgram(program.clone()));
            }
        }
        Ok(self)
    }
}

/// Where measurements happen. One exists on a machine at a time.
#[derive(Debug)]
pub struct Bench {
    /// What is measured.
    pub programs: Programs,
    /// Who runs where.
    pub cpus: Cpus,
    /// On which pages DPDK's memory lies.
    pub pages: Pages,
    /// Packet buffers of either program.
    pub buffers: u32,
    /// How rates are taken.
    pub method: Method,
    /// Sockets, configurations and captures.
    pub directory: TempDir,
    huge: HugePages,
    _priority: Priority,
    namespace: Namespace,
    _lock: File,
}

impl Bench {
    /// Reserves this much on huge pages, and keeps this process on the control CPU.
    ///
    /// # Errors
    /// Another measurement runs, or the machine does not serve.
    pub fn new(
        programs: Programs,
        method: Method,
        worker: Option<usize>,
        memory_mib: u64,
    ) -> Result<Self, PerfError> {
        let lock = lock()?;
        let cpus = Cpus::plan(worker)?;
        let namespace = Namespace::new("perf")?;
        let directory = tempfile::tempdir().map_err(PerfError::system("making a directory"))?;
        let huge = HugePages::reserve(memory_mib)?;
        cpus::pin(cpus.control)?;
        Ok(Self {
            programs: programs.check()?,
            cpus,
            pages: huge.pages(),
            buffers: BUFFERS,
            method,
            directory,
            huge,
            _priority: Priority::raise(),
            namespace,
            _lock: lock,
        })
    }

    /// What the reader of the figures must know about the memory, if anything.
    #[must_use]
    pub fn note(&self) -> Option<&str> {
        self.huge.note()
    }

    /// Where the router runs, and has the kernel twins of its ports.
    #[must_use]
    pub const fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// A command inside the namespace that may use the chosen CPUs before all others, and dies with this process.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let [nice, level @ ..] = NICE;
        let mut command = self.namespace.command(nice);
        command
            .args(level)
            .args(["taskset", "-c", &self.cpus.list()])
            .arg(program);
        command
    }

    /// Writes the captures of a table's flows, all of them for each worker, inside tunnels where they are to come out of such.
    ///
    /// # Errors
    /// The disk is full.
    pub fn captures(
        &self,
        table: &Table,
        overlay: Option<Overlay>,
        workers: Workers,
    ) -> Result<Vec<PathBuf>, PerfError> {
        let inside = match overlay {
            Some(Overlay::OutOf(encap)) => Some(encap),
            Some(Overlay::Into(_)) | None => None,
        };
        let capture = |source| {
            let ends = ends(source);
            let frames = (0..).zip(&table.flows).map(|(number, flow)| {
                let plain = frame(ends, number, *flow)?;
                match inside {
                    None => Ok(plain.to_vec()),
                    Some(encap) => wrap(encap, ends, ENDPOINT, number, &plain),
                }
            });
            self.record(source, frames)
        };
        (0..).take(workers.count()).map(capture).collect()
    }

    /// Writes the capture of a source: these frames.
    ///
    /// # Errors
    /// A frame could not be built, or the disk is full.
    pub fn record(
        &self,
        source: u8,
        frames: impl IntoIterator<Item = Result<Vec<u8>, BuildWriteError>>,
    ) -> Result<PathBuf, PerfError> {
        let path = self.directory.path().join(format!("in{source}.pcap"));
        let failed = || PerfError::system("writing a capture");
        let file = File::create(&path).map_err(failed())?;
        capture::write(&mut BufWriter::new(file), frames).map_err(failed())?;
        Ok(path)
    }

    /// The device that replays a capture from memory for ever.
    #[must_use]
    pub fn source(number: u8, capture: &Path) -> String {
        format!(
            "net_pcap{number},rx_pcap={},infinite_rx=1",
            capture.display()
        )
    }

    /// A device that swallows what is sent to it and receives nothing.
    #[must_use]
    pub fn sink(number: u8) -> String {
        format!("net_null{number},no-rx=1")
    }
}

/// The lock that keeps two measurements apart, held until the file is closed.
fn lock() -> Result<File, PerfError> {
    let path = std::env::temp_dir().join("ferroute-perf.lock");
    let file =
        File::create(&path).map_err(PerfError::system(format!("making {}", path.display())))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(_) => Err(PerfError::Busy(path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_has_a_name_and_an_address() {
        let source = |number| Bench::source(number, Path::new("/in"));
        assert_eq!(source(0), "net_pcap0,rx_pcap=/in,infinite_rx=1");
        assert_eq!(source(1), "net_pcap1,rx_pcap=/in,infinite_rx=1");
        assert_eq!(ends(0).destination, *b"\x02pcap\0");
        assert_eq!(ends(1).destination, *b"\x02pcap\x01");
    }
}
