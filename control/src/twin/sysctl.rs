//! The kernel's settings of a twin, below `/proc/sys/net`, which shows the network namespace of the
//! thread that looks.

use super::error::TwinError;
use super::spec::TwinName;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The kernel end is a host on the link, and a silent one.
const IPV4: [(&str, &str); 6] = [
    ("forwarding", "0"),
    // Speak and answer for the addresses of this link only.
    ("arp_announce", "2"),
    ("arp_ignore", "1"),
    ("accept_redirects", "0"),
    ("send_redirects", "0"),
    // Removing a primary address must not take the others of its subnet along.
    ("promote_secondaries", "1"),
];

const IPV6: [(&str, &str); 9] = [
    ("disable_ipv6", "0"),
    // 1: none. The link-local address is the interface's, written like any other.
    ("addr_gen_mode", "1"),
    ("accept_ra", "0"),
    ("autoconf", "0"),
    ("router_solicitations", "0"),
    ("accept_redirects", "0"),
    ("forwarding", "0"),
    // Duplicates are the router's business: an address must never wait here for an answer.
    ("accept_dad", "0"),
    ("keep_addr_on_down", "1"),
];

/// Writes those settings of the netdev that are not as they are to be.
pub(crate) fn apply(name: &TwinName) -> Result<(), TwinError> {
    let ipv4 = Path::new("/proc/sys/net/ipv4/conf");
    for (setting, value) in IPV4 {
        set(ipv4.join(name.as_str()).join(setting), value)?;
    }
    set(
        ipv4.join(name.as_str()).join("rp_filter"),
        reverse_path(ipv4),
    )?;
    let ipv6 = Path::new("/proc/sys/net/ipv6/conf").join(name.as_str());
    // A kernel without IPv6, or a link too narrow for it, has no such folder.
    if ipv6.exists() {
        for (setting, value) in IPV6 {
            set(ipv6.join(setting), value)?;
        }
    }
    Ok(())
}

/// The mildest reverse path filter that this namespace allows: the kernel takes the greater of the
/// netdev's value and that of `all`, and 2 (any route will do) is greater than 1 (the best route).
fn reverse_path(ipv4: &Path) -> &'static str {
    let strict =
        fs::read_to_string(ipv4.join("all/rp_filter")).is_ok_and(|value| value.trim() == "1");
    if strict { "2" } else { "0" }
}

fn set(path: PathBuf, value: &'static str) -> Result<(), TwinError> {
    let write = |path: &Path| -> io::Result<()> {
        // Reading first keeps the write, and the notice it causes, to real changes; and a container
        // whose /proc/sys is read-only works if the values are right.
        if fs::read_to_string(path)?.trim() == value {
            Ok(())
        } else {
            fs::write(path, value)
        }
    };
    write(&path).map_err(|source| TwinError::Sysctl {
        path,
        value,
        source,
    })
}
