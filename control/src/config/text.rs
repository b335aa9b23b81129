//! Values that are written as text: names, devices, namespaces, file modes. Those of the network are in
//! [`super::address`].

use ipnet::IpNet;
use serde::de::{Error, Visitor};
use std::fmt;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Why a text is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TextError {
    /// It is no name.
    #[error(
        "{0:?} is not a name: a name has 1 to 15 letters, digits, '.', '_' or '-' and begins with a letter or digit"
    )]
    Name(String),
    /// It is no device.
    #[error(
        "{0:?} is not a device: give a PCI address such as 0000:3b:00.0 or a DPDK device string such as net_tap0,iface=t0"
    )]
    Device(String),
    /// It is no IP prefix.
    #[error("{0:?} is not a prefix such as 10.1.0.0/16 or 2001:db8::/32")]
    Prefix(String),
    /// A prefix has bits behind its length.
    #[error("{given} has host bits set; the prefix is {meant}")]
    HostBits {
        /// What was written.
        given: IpNet,
        /// The prefix that covers it.
        meant: IpNet,
    },
    /// It is no interface address.
    #[error("{0:?} is not an address with its prefix length such as 10.0.0.1/24 or 2001:db8::1/64")]
    InterfaceAddress(String),
    /// It is no IP address.
    #[error("{0:?} is not an IP address")]
    Address(String),
    /// The address cannot be a station's.
    #[error("{0} is not the unicast address of a station")]
    NotUnicast(IpAddr),
    /// The address names the whole network.
    #[error("{0} is the {1} address, which no single station has")]
    NotStation(IpNet, &'static str),
    /// It is no Ethernet address of a station.
    #[error("{0:?} is not the Ethernet address of a station such as 02:00:00:00:00:01")]
    Mac(String),
    /// It is no network namespace.
    #[error("{0:?} is not a network namespace: give a name below /run/netns or an absolute path")]
    Netns(String),
    /// It is no address to listen on.
    #[error("{0:?} is not an address and a TCP port such as 127.0.0.1:9273 or [::]:9273")]
    Listen(String),
    /// It is no file mode.
    #[error("{0:?} is not a file mode of three or four octal digits such as \"0660\"")]
    Mode(String),
}

/// A type over a parsed text, read and written as that text.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident($inner:ty), $what:literal, $schema:tt) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name($inner);

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str($crate::config::text::Words { what: $what, kind: std::marker::PhantomData })
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    };
}

/// Reads a text and parses it.
pub(super) struct Words<T> {
    pub(super) what: &'static str,
    pub(super) kind: PhantomData<T>,
}

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for Words<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

/// Prints as what is inside.
macro_rules! display_inner {
    ($($name:ident),*) => {$(
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

text!(
    /// The name of a port, an interface or a VRF. It is also that of a kernel netdev or namespace, hence its bounds.
    Name(String),
    "a name (in quotes if it reads as a number)",
    { "type": "string", "minLength": 1, "maxLength": 15, "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$" }
);

impl Name {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let good = (1..=15).contains(&text.len())
            && text.bytes().all(plain)
            && text.as_bytes()[0].is_ascii_alphanumeric();
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(TextError::Name(text.to_owned()))
        }
    }
}

text!(
    /// A DPDK device: a PCI address or a device string with arguments.
    Device(String),
    "a device (PCI address or DPDK device string)",
    { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[^\\s]+$", "examples": ["0000:3b:00.0", "net_tap0,iface=t0"] }
);

impl Device {
    /// The device as DPDK is told it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The device without its arguments, which is what identifies it.
    #[must_use]
    pub fn identity(&self) -> &str {
        self.0.split(',').next().unwrap_or_default()
    }
}

impl FromStr for Device {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let identity = text.split(',').next().unwrap_or_default();
        let good = !identity.is_empty()
            && text.len() <= 255
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(TextError::Device(text.to_owned()))
        }
    }
}

pub(super) use {display_inner, text};

display_inner!(Name, Device, Netns);

text!(
    /// A network namespace: a name below `/run/netns`, or an absolute path.
    Netns(String),
    "a network namespace (name or absolute path)",
    { "type": "string", "minLength": 1, "examples": ["fabric", "/proc/1/ns/net"] }
);

impl Netns {
    /// The namespace as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The file that stands for the namespace.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        // Joining an absolute path replaces what it is joined to.
        Path::new("/run/netns").join(&self.0)
    }
}

impl FromStr for Netns {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let bad = text.is_empty() || text == "." || text == ".." || text.contains('\0');
        let relative = !text.starts_with('/') && text.contains('/');
        if bad || relative {
            Err(TextError::Netns(text.to_owned()))
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

text!(
    /// The permission bits of a file.
    Mode(u32),
    "a file mode in quotes such as \"0660\" (YAML would read it as a decimal number)",
    { "type": "string", "pattern": "^0?[0-7]{3}$" }
);

impl Mode {
    /// Read and write for owner and group.
    pub const DEFAULT: Self = Self(0o660);

    /// The bits.
    #[must_use]
    pub const fn bits(&self) -> u32 {
        self.0
    }
}

impl FromStr for Mode {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let digits = text
            .strip_prefix('0')
            .filter(|rest| rest.len() == 3)
            .unwrap_or(text);
        let good = digits.len() == 3 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
        let bits = good.then(|| u32::from_str_radix(digits, 8).ok()).flatten();
        bits.map(Self)
            .ok_or_else(|| TextError::Mode(text.to_owned()))
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}
