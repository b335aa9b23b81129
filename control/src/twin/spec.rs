//! What a twin is to be.

use ferroute_dataplane::ids::InterfaceId;
use ferroute_dataplane::mac::Mac;
use ipnet::IpNet;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A name that a netdev can have: 1 to 15 bytes, no slash, colon, blank, control character or
/// percent sign (the kernel would count up for it), and not `.` or `..`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TwinName(String);

/// Why a text is no netdev's name.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "{text:?} cannot name a netdev: 1 to 15 bytes without slash, colon, percent sign or blanks"
)]
pub struct TwinNameError {
    /// The text that was given.
    pub text: String,
}

impl TwinName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TwinName {
    type Err = TwinNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let forbidden =
            |c: char| matches!(c, '/' | ':' | '%') || c.is_whitespace() || c.is_control();
        if (1..=15).contains(&text.len())
            && !text.contains(forbidden)
            && text != "."
            && text != ".."
        {
            Ok(Self(text.to_owned()))
        } else {
            Err(TwinNameError {
                text: text.to_owned(),
            })
        }
    }
}

impl fmt::Display for TwinName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A twin as it is to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TwinSpec {
    /// The interface whose twin it is.
    pub id: InterfaceId,
    /// Its name: the interface's.
    pub name: TwinName,
    /// A file of the network namespace it lives in (`/run/netns/red`); none for the process's own.
    pub netns: Option<PathBuf>,
    /// Its Ethernet address: the interface's.
    pub mac: Mac,
    /// Its MTU in bytes without the Ethernet header: the interface's.
    pub mtu: u16,
    /// Whether it is administratively up.
    pub up: bool,
    /// Whether it has a carrier: the port's link, always for a loopback.
    pub link: bool,
    /// Its addresses with their prefix lengths, the primary ones first; link-local ones included.
    pub addresses: Vec<IpNet>,
}

#[cfg(test)]
mod tests {
    use super::TwinName;

    #[test]
    fn names_are_what_the_kernel_takes() {
        for good in ["p0", "ens1f0np0.100", "a23456789012345"] {
            assert_eq!(good.parse::<TwinName>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            ".",
            "..",
            "a b",
            "a/b",
            "a:b",
            "tap%d",
            "a234567890123456",
            "a\n",
        ] {
            assert!(bad.parse::<TwinName>().is_err(), "{bad:?}");
        }
    }
}
