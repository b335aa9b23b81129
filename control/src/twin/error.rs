//! Why a twin could not be made what it is to be.

use super::spec::TwinName;
use ipnet::IpNet;
use std::io;
use std::path::PathBuf;

/// Why an operation on a twin failed.
#[derive(Debug, thiserror::Error)]
pub enum TwinError {
    /// The network namespace could not be opened.
    #[error("network namespace {} cannot be opened ({source}); create it, for instance with `ip netns add`", path.display())]
    NamespaceMissing {
        /// Its file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The network namespace could not be entered.
    #[error("network namespace {} cannot be entered ({source}); this takes CAP_SYS_ADMIN", path.display())]
    NamespaceEntry {
        /// Its file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The namespace's thread could not be started or died.
    #[error("the thread of network namespace {} does not run", path.display())]
    NamespaceThread {
        /// The namespace's file.
        path: PathBuf,
    },
    /// The kernel offers no TAP devices here.
    #[error(
        "/dev/net/tun cannot be opened ({source}); load the module tun and give the device to this container"
    )]
    NoTunDevice {
        /// What the system said.
        source: io::Error,
    },
    /// A netdev of this name exists and is not ours.
    #[error("a netdev named {name} exists in the namespace already; rename it, or the interface")]
    NameTaken {
        /// The name.
        name: TwinName,
    },
    /// The TAP could not be made.
    #[error("TAP {name} cannot be made ({source}){}", hint(source))]
    Create {
        /// Its name.
        name: TwinName,
        /// What the system said.
        source: io::Error,
    },
    /// The kernel refused a change of the netdev.
    #[error("{name}: the kernel refused to {operation} ({source})")]
    Link {
        /// The netdev.
        name: TwinName,
        /// What was tried.
        operation: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The kernel refused an address.
    #[error("{name}: the kernel refused to {operation} address {address} ({source})")]
    Address {
        /// The netdev.
        name: TwinName,
        /// Add or remove.
        operation: &'static str,
        /// The address.
        address: IpNet,
        /// What the system said.
        source: io::Error,
    },
    /// A kernel setting could not be read or written.
    #[error("{} cannot be set to {value} ({source})", path.display())]
    Sysctl {
        /// Its file.
        path: PathBuf,
        /// The value it is to have.
        value: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// What helps where a TAP cannot be made.
fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::PermissionDenied => "; this takes CAP_NET_ADMIN",
        io::ErrorKind::InvalidInput => "; the kernel takes no netdev of this name",
        _ => "",
    }
}
