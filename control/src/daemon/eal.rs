//! DPDK's arguments, derived from the configuration.
//!
//! * Control threads: `--lcores 0@(cpus)` gives DPDK one logical core, the calling thread, on the control CPUs.
//!   Workers are threads of our own that register themselves.
//! * No device is probed at the start, least of all the card by which the machine is managed: ports come
//!   one by one, also while the router runs. `--no-pci` would forbid that for good, because it also stops the
//!   bus scan by which a hot-plugged device is found. An allow list with an address that no device
//!   has lets the scan pass over everything that is not plugged by name. `--no-pci` is for machines
//!   without a PCI bus, where the scan itself would fail.
//! * Huge pages are used through `--in-memory`: no files that could be left behind, no mount needed. With
//!   `--no-huge`, which refuses `--in-memory` up to DPDK 22.11, `--no-shconf` does the same for the rest.
//! * Telemetry and secondary processes are off: the router has its own API, and registered threads
//!   exclude secondary processes anyway.

use super::cpus::Placement;
use super::memory::Memory;
use crate::config::system::Eal;
use std::path::Path;

/// Where the kernel shows PCI devices.
pub const PCI_BUS: &str = "/sys/bus/pci/devices";

/// A PCI address that no device has.
const NO_DEVICE: &str = "ffff:ff:1f.7";

/// The arguments for DPDK's start, the program's name first. `pci_bus` is [`PCI_BUS`] but in tests.
#[must_use]
pub fn arguments(eal: &Eal, placement: &Placement, memory: Memory, pci_bus: &Path) -> Vec<String> {
    let mut arguments = vec![
        "ferrouted".to_owned(),
        format!("--lcores=0@({})", placement.control),
        format!("--file-prefix={}", eal.file_prefix),
        "--no-telemetry".to_owned(),
    ];
    match memory {
        Memory::Huge { reserve_mib } => {
            arguments.push("--in-memory".to_owned());
            arguments.extend(
                reserve_mib
                    .into_iter()
                    .flat_map(|mib| ["-m".to_owned(), mib.to_string()]),
            );
        }
        Memory::Ordinary { mib } => {
            arguments.extend([
                "--no-huge".to_owned(),
                "--no-shconf".to_owned(),
                "-m".to_owned(),
                mib.to_string(),
            ]);
        }
    }
    if pci_bus.is_dir() {
        arguments.extend(["-a".to_owned(), NO_DEVICE.to_owned()]);
    } else {
        arguments.push("--no-pci".to_owned());
    }
    arguments.extend(eal.extra.iter().cloned());
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placement() -> Placement {
        Placement {
            workers: vec![2, 3],
            control: "0-1,4".parse().unwrap(),
            shared: false,
        }
    }

    #[test]
    fn huge_pages_leave_no_files() {
        let bus = tempfile::tempdir().unwrap();
        let arguments = arguments(
            &Eal::default(),
            &placement(),
            Memory::Huge { reserve_mib: None },
            bus.path(),
        );
        assert_eq!(
            arguments,
            [
                "ferrouted",
                "--lcores=0@(0-1,4)",
                "--file-prefix=ferroute",
                "--no-telemetry",
                "--in-memory",
                "-a",
                NO_DEVICE
            ]
        );
    }

    #[test]
    fn ordinary_pages_exclude_in_memory() {
        let eal = Eal {
            file_prefix: "t1".to_owned(),
            extra: vec!["--log-level=8".to_owned()],
            ..Eal::default()
        };
        let arguments = arguments(
            &eal,
            &placement(),
            Memory::Ordinary { mib: 256 },
            Path::new("/nonexistent"),
        );
        assert_eq!(
            arguments,
            [
                "ferrouted",
                "--lcores=0@(0-1,4)",
                "--file-prefix=t1",
                "--no-telemetry",
                "--no-huge",
                "--no-shconf",
                "-m",
                "256",
                "--no-pci",
                "--log-level=8"
            ]
        );
    }

    #[test]
    fn the_operator_says_how_much_is_taken_at_once() {
        let arguments = arguments(
            &Eal::default(),
            &placement(),
            Memory::Huge {
                reserve_mib: Some(2048),
            },
            Path::new("/nonexistent"),
        );
        assert!(arguments.windows(2).any(|pair| pair == ["-m", "2048"]));
    }
}
