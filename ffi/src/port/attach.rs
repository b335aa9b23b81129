//! Finding, attaching and detaching devices.

use super::carrier::Carrier;
use super::sockets::Socket;
use super::{Device, Port, PortError, sockets};
use crate::eal::Eal;
use crate::error::Errno;
use crate::raw;
use std::ffi::{CStr, CString};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::path::Path;
use std::sync::Arc;

/// Why a device was not attached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttachError {
    /// The device string is empty or holds a zero byte.
    #[error(
        "{device:?} is no device string: a PCI address such as 0000:3b:00.0, or a driver's name and number such as net_tap0,iface=x"
    )]
    Malformed {
        /// The string that was given.
        device: String,
    },
    /// A [`Port`] for it exists.
    #[error("{device} is attached already")]
    AlreadyAttached {
        /// The string that was given.
        device: String,
    },
    /// No port has this number.
    #[error("no port has the number {id}")]
    NoSuchPort {
        /// The number that was given.
        id: u16,
    },
    /// There is no device at that address.
    #[error("no device {device} on this machine ({errno})")]
    NoSuchDevice {
        /// The string that was given.
        device: String,
        /// What DPDK said.
        errno: Errno,
    },
    /// The kernel drives the device.
    #[error(
        "{device} is bound to the kernel driver {driver}: bind it to vfio-pci first (dpdk-devbind.py -b vfio-pci {device})"
    )]
    BoundToKernel {
        /// The string that was given.
        device: String,
        /// The driver.
        driver: String,
    },
    /// Nothing drives the device.
    #[error(
        "{device} is bound to no driver: bind it to vfio-pci first (dpdk-devbind.py -b vfio-pci {device})"
    )]
    NotBound {
        /// The string that was given.
        device: String,
    },
    /// No DPDK driver takes the device.
    #[error(
        "no DPDK driver takes {device} ({errno}): is the name spelt right, and its driver installed?"
    )]
    NoDriver {
        /// The string that was given.
        device: String,
        /// What DPDK said.
        errno: Errno,
    },
    /// Someone else has it.
    #[error("{device} is in use by another process ({errno})")]
    Busy {
        /// The string that was given.
        device: String,
        /// What DPDK said.
        errno: Errno,
    },
    /// The driver found the device and did not take it.
    #[error("the driver of {device} did not accept it ({errno}); DPDK's log says why")]
    Refused {
        /// The string that was given.
        device: String,
        /// What DPDK said.
        errno: Errno,
    },
    /// The device works, but has no Ethernet port. It stays with DPDK.
    #[error("{device} is not an Ethernet device")]
    NotEthernet {
        /// The string that was given.
        device: String,
    },
}

/// Why a port was not detached as it should.
#[derive(Debug, thiserror::Error)]
pub enum DetachError {
    /// Queue handles are out: here is the port back, unchanged.
    #[error("queues of the port are in use")]
    QueuesInUse(Port),
    /// The port is gone, but its driver failed on the way.
    #[error("the port is detached, but not cleanly: {0}")]
    Unclean(PortError),
}

/// A port that DPDK knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// DPDK's number.
    pub id: u16,
    /// DPDK's name of the device.
    pub name: String,
    /// Whether a [`Port`] for it exists.
    pub attached: bool,
}

/// Every port that DPDK knows: those attached, and those it found when it started.
#[must_use]
pub fn ports(eal: &Eal) -> Vec<Found> {
    let claimed = eal.claimed_ports();
    all_ports()
        .map(|id| Found {
            id,
            name: super::info::name(id).unwrap_or_default(),
            attached: claimed.contains(&id),
        })
        .collect()
}

/// The numbers of all ports.
pub(super) fn all_ports() -> impl Iterator<Item = u16> {
    let mut next = 0;
    std::iter::from_fn(move || {
        // SAFETY: reads DPDK's table of ports; needs nothing else.
        let id = unsafe { raw::rte_eth_find_next(next) };
        next = id.saturating_add(1);
        (id < raw::SHIM_MAX_PORTS).then_some(id)
    })
}

impl Port {
    /// Attaches a device while DPDK runs: a PCI address (`0000:3b:00.0`), or a device string with
    /// arguments (`net_tap0,iface=x`). Takes a device that DPDK found when it started just so; of a
    /// device with several ports, each call takes the next.
    ///
    /// Drivers of kernel interfaces find or make these in the calling thread's network namespace.
    ///
    /// # Errors
    ///
    /// See [`AttachError`].
    pub fn attach(eal: &Eal, device: &str) -> Result<Self, AttachError> {
        let malformed = || AttachError::Malformed {
            device: device.to_owned(),
        };
        let devargs = CString::new(device)
            .ok()
            .filter(|d| !d.is_empty())
            .ok_or_else(malformed)?;
        let mut claimed = eal.claimed_ports();

        let known = matching(&devargs);
        let (id, opened) = match known.iter().find(|id| !claimed.contains(id)) {
            Some(&id) => (id, Vec::new()),
            None if !known.is_empty() => {
                return Err(AttachError::AlreadyAttached {
                    device: device.to_owned(),
                });
            }
            None => {
                // SAFETY: DPDK is started, and the lock keeps other attaches out.
                let probe = || unsafe { raw::rte_dev_probe(devargs.as_ptr()) };
                let (result, opened) = sockets::opened_by(libc::AF_PACKET, probe);
                Errno::check(result)
                    .map_err(|errno| diagnose(device, errno, Path::new(PCI_DEVICES)))?;
                let id = matching(&devargs).first().copied();
                let id = id.ok_or_else(|| AttachError::NotEthernet {
                    device: device.to_owned(),
                })?;
                (id, opened)
            }
        };
        claimed.insert(id);
        drop(claimed);
        Ok(Self::of(eal, id, &opened))
    }

    /// Takes a port that DPDK found when it started, by its number.
    ///
    /// # Errors
    ///
    /// There is none, or it is taken.
    pub fn open(eal: &Eal, id: u16) -> Result<Self, AttachError> {
        let mut claimed = eal.claimed_ports();
        if !all_ports().any(|known| known == id) {
            return Err(AttachError::NoSuchPort { id });
        }
        if !claimed.insert(id) {
            return Err(AttachError::AlreadyAttached {
                device: super::info::name(id).unwrap_or_default(),
            });
        }
        drop(claimed);
        Ok(Self::of(eal, id, &[]))
    }

    /// Stops and closes the port and gives the device back. Dropping a port does the same, once its
    /// last queue handle is gone, and cannot say what went wrong.
    ///
    /// # Errors
    ///
    /// See [`DetachError`].
    pub fn detach(mut self) -> Result<(), DetachError> {
        let eal = self.device.eal().clone();
        match self.exclusive() {
            Ok(device) => device
                .close(&mut eal.claimed_ports())
                .map_err(DetachError::Unclean),
            Err(_) => Err(DetachError::QueuesInUse(self)),
        }
    }

    /// The port of a device, whose driver opened these packet sockets when it was attached.
    fn of(eal: &Eal, id: u16, opened: &[Socket]) -> Self {
        let info = super::info::raw_info(id);
        let (index, queues) = info.map_or((0, 0), |info| (info.if_index, info.max_rx_queues));
        let mut device = Device::new(eal.clone(), id);
        device.set_rx_sockets(sockets::of_queues(opened, queues, index));
        Self {
            // Without a socket the driver's word must do.
            carrier: (index != 0).then(|| Carrier::open(index).ok()).flatten(),
            device: Arc::new(device),
            applied: None,
            promiscuous_wanted: false,
            not_sync: PhantomData,
        }
    }
}

/// The ports of the devices that a device string names.
fn matching(devargs: &CStr) -> Vec<u16> {
    let mut iterator = MaybeUninit::<raw::rte_dev_iterator>::zeroed();
    // SAFETY: the call fills the iterator, or fails and frees what it had filled.
    if unsafe { raw::rte_eth_iterator_init(iterator.as_mut_ptr(), devargs.as_ptr()) } != 0 {
        return Vec::new();
    }
    let mut found = Vec::new();
    loop {
        // SAFETY: an iterator that was initialised and has not come to its end.
        let id = unsafe { raw::rte_eth_iterator_next(iterator.as_mut_ptr()) };
        if id >= raw::SHIM_MAX_PORTS {
            // The last call freed the iterator.
            return found;
        }
        found.push(id);
    }
}

/// Kernel drivers that leave a device to DPDK, or share it.
const SHARING_DRIVERS: &[&str] = &[
    "vfio-pci",
    "uio_pci_generic",
    "igb_uio",
    "mlx4_core",
    "mlx5_core",
    "mana",
];

pub(super) const PCI_DEVICES: &str = "/sys/bus/pci/devices";

/// Why a probe failed, in words that say what to do.
fn diagnose(device: &str, errno: Errno, pci_devices: &Path) -> AttachError {
    let device = device.to_owned();
    if let Some(address) = pci_address(&device) {
        let sysfs = pci_devices.join(address);
        if !sysfs.exists() {
            return AttachError::NoSuchDevice { device, errno };
        }
        match kernel_driver(&device, pci_devices) {
            None => return AttachError::NotBound { device },
            Some(driver) if !SHARING_DRIVERS.contains(&driver.as_str()) => {
                return AttachError::BoundToKernel { device, driver };
            }
            Some(_) => {}
        }
    }
    match errno.number() {
        libc::EBUSY | libc::EEXIST => AttachError::Busy { device, errno },
        libc::ENODEV | libc::ENOENT | libc::EFAULT => AttachError::NoDriver { device, errno },
        _ => AttachError::Refused { device, errno },
    }
}

/// The kernel driver to which the device at the PCI address of a device string is bound.
pub(super) fn kernel_driver(device: &str, pci_devices: &Path) -> Option<String> {
    let driver = pci_devices.join(pci_address(device)?).join("driver");
    let driver = std::fs::read_link(driver).ok()?;
    Some(driver.file_name()?.to_string_lossy().into_owned())
}

/// The PCI address that a device string begins with, in sysfs' long form.
fn pci_address(device: &str) -> Option<String> {
    let address = device.split(',').next()?;
    let address = address.strip_prefix("pci:").unwrap_or(address);
    let (rest, function) = address.rsplit_once('.')?;
    let parts: Vec<&str> = rest.split(':').collect();
    let is_hex = |part: &str, digits: usize| {
        part.len() == digits && part.bytes().all(|b| b.is_ascii_hexdigit())
    };
    match parts.as_slice() {
        [bus, slot] if is_hex(bus, 2) && is_hex(slot, 2) && is_hex(function, 1) => {
            Some(format!("0000:{address}"))
        }
        [domain, bus, slot]
            if is_hex(domain, 4) && is_hex(bus, 2) && is_hex(slot, 2) && is_hex(function, 1) =>
        {
            Some(address.to_owned())
        }
        _ => None,
    }
    .map(|address| address.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn pci_addresses_are_told_from_names() {
        let long = Some("0000:3b:00.1".to_owned());
        for text in [
            "0000:3b:00.1",
            "3b:00.1",
            "pci:0000:3B:00.1",
            "3b:00.1,representor=0",
        ] {
            assert_eq!(pci_address(text), long, "{text}");
        }
        for text in [
            "",
            "net_tap0,iface=a.b",
            "3b:00",
            "3b:0.1",
            "net_pcap0,rx_pcap=00:00.1",
        ] {
            assert_eq!(pci_address(text), None, "{text}");
        }
    }

    #[test]
    fn a_failed_probe_is_explained_by_what_holds_the_device() {
        let root = tempfile::tempdir().unwrap();
        for (address, driver) in [
            ("0000:01:00.0", Some("ixgbe")),
            ("0000:02:00.0", Some("vfio-pci")),
            ("0000:03:00.0", None),
        ] {
            let folder = root.path().join(address);
            std::fs::create_dir(&folder).unwrap();
            if let Some(driver) = driver {
                symlink(
                    Path::new("../../drivers").join(driver),
                    folder.join("driver"),
                )
                .unwrap();
            }
        }
        let explain = |device: &str, number| diagnose(device, Errno::new(number), root.path());
        let device = "0000:01:00.0".to_owned();
        let expected = AttachError::BoundToKernel {
            device: device.clone(),
            driver: "ixgbe".to_owned(),
        };
        assert_eq!(explain(&device, libc::ENODEV), expected);
        assert!(
            expected
                .to_string()
                .contains("dpdk-devbind.py -b vfio-pci 0000:01:00.0")
        );
        assert!(matches!(
            explain("02:00.0", libc::EBUSY),
            AttachError::Busy { .. }
        ));
        assert!(matches!(
            explain("02:00.0", libc::ENODEV),
            AttachError::NoDriver { .. }
        ));
        assert!(matches!(
            explain("02:00.0", libc::EIO),
            AttachError::Refused { .. }
        ));
        assert!(matches!(
            explain("03:00.0", libc::ENODEV),
            AttachError::NotBound { .. }
        ));
        assert!(matches!(
            explain("04:00.0", libc::ENODEV),
            AttachError::NoSuchDevice { .. }
        ));
        assert!(matches!(
            explain("net_x0", libc::EFAULT),
            AttachError::NoDriver { .. }
        ));
    }
}
