//! Values that are written as text: names, addresses, prefixes, devices.
//!
//! Most are types of the [model](crate::model); here is how they are written in a file.

use crate::bridge::netlink::update::Protocol;
use crate::model::name::{DomainName, EndpointName, InterfaceName, NameError, OwnerName, VrfName};
use crate::model::port::{Device, DeviceError};
use crate::model::prefix::{AddressError, InterfaceAddress, Prefix, station};
use crate::model::segment::{SegmentId, SegmentIdError};
use crate::model::vrf::{Namespace, NamespaceError};
use ferroute_dataplane::mac::Mac;
use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Why a text is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TextError {
    /// It is no name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// It is no device.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// It is no network namespace.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// It is an address or a prefix, but not of the right kind.
    #[error(transparent)]
    Kind(#[from] AddressError),
    /// It is no prefix.
    #[error("{0:?} is not a prefix such as 10.1.0.0/16 or 2001:db8::/32")]
    Prefix(String),
    /// It is no interface address.
    #[error("{0:?} is not an address with its prefix length such as 10.0.0.1/24 or 2001:db8::1/64")]
    InterfaceAddress(String),
    /// It is no IP address.
    #[error("{0:?} is not an IP address")]
    Address(String),
    /// It is no Ethernet address of a station.
    #[error("{0:?} is not the Ethernet address of a station such as 02:00:00:00:00:01")]
    Mac(String),
    /// It is no segment identifier.
    #[error(transparent)]
    Segment(#[from] SegmentIdError),
    /// It is no address to listen on.
    #[error("{0:?} is not an address and a TCP port such as 127.0.0.1:9273 or [::]:9273")]
    Listen(String),
    /// It is no routing protocol.
    #[error("{0:?} is neither a known routing protocol nor a number from 0 to 255")]
    Protocol(String),
    /// It is no file mode.
    #[error("{0:?} is not a file mode of three or four octal digits such as \"0660\"")]
    Mode(String),
}

/// How a type is written in a file: what it is in words, its schema, how its text is read.
macro_rules! text {
    ($name:ident, $what:literal, $schema:tt, $read:expr) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Words {
                    what: $what,
                    read: $read,
                })
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

/// Reads a text.
struct Words<T> {
    what: &'static str,
    read: fn(&str) -> Result<T, TextError>,
}

impl<T> Visitor<'_> for Words<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.read)(text).map_err(E::custom)
    }
}

text!(
    InterfaceName,
    "a name (in quotes if it reads as a number)",
    { "type": "string", "minLength": 1, "maxLength": 15, "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$" },
    |text| Ok(text.parse()?)
);
text!(
    VrfName,
    "a name (in quotes if it reads as a number)",
    { "type": "string", "minLength": 1, "maxLength": 15, "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$" },
    |text| Ok(text.parse()?)
);
text!(
    OwnerName,
    "a name (in quotes if it reads as a number)",
    { "type": "string", "minLength": 1, "maxLength": 32, "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$" },
    |text| Ok(text.parse()?)
);
text!(
    DomainName,
    "a name (in quotes if it reads as a number)",
    { "type": "string", "minLength": 1, "maxLength": 32, "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$" },
    |text| Ok(text.parse()?)
);
text!(
    EndpointName,
    "a name (in quotes if it reads as a number)",
    { "type": "string", "minLength": 1, "maxLength": 32, "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$" },
    |text| Ok(text.parse()?)
);
text!(
    Protocol,
    "the name of a routing protocol, or its number in quotes",
    { "type": "string", "examples": ["bgp", "bird", "186"] },
    |text| Protocol::parse(text).ok_or_else(|| TextError::Protocol(text.to_owned()))
);
text!(
    Device,
    "a device (PCI address or DPDK device string)",
    { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[^\\s-][^\\s]*$", "examples": ["0000:3b:00.0", "net_tap0,iface=t0"] },
    |text| Ok(text.parse()?)
);
text!(
    Namespace,
    "the name of a network namespace",
    { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[^\\s/]+$" },
    |text| Ok(text.parse()?)
);
text!(
    Prefix,
    "a prefix such as 10.1.0.0/16",
    { "type": "string", "examples": ["10.1.0.0/16", "2001:db8::/32"] },
    |text| {
        let net: IpNet = text.parse().map_err(|_| TextError::Prefix(text.to_owned()))?;
        Ok(net.try_into()?)
    }
);
text!(
    InterfaceAddress,
    "an address with its prefix length such as 10.0.0.1/24",
    { "type": "string", "examples": ["10.0.0.1/24", "2001:db8::1/64"] },
    |text| {
        let net: IpNet = text.parse().map_err(|_| TextError::InterfaceAddress(text.to_owned()))?;
        Ok(net.try_into()?)
    }
);

/// The unicast address of a station.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Address(IpAddr);

text!(
    Address,
    "an IP address",
    { "type": "string", "examples": ["10.0.0.2", "fe80::1"] },
    |text| match text.parse().map_err(|_| TextError::Address(text.to_owned()))? {
        IpAddr::V4(v4) => Ok(Self(station(&v4.octets())?)),
        IpAddr::V6(v6) => Ok(Self(station(&v6.octets())?)),
    }
);

impl Address {
    /// The address itself.
    #[must_use]
    pub const fn ip(self) -> IpAddr {
        self.0
    }
}

/// The Ethernet address of a station.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StationMac(Mac);

text!(
    StationMac,
    "an Ethernet address such as 02:00:00:00:00:01",
    { "type": "string", "pattern": "^([0-9A-Fa-f]{1,2}[:-]){5}[0-9A-Fa-f]{1,2}$" },
    |text| {
        let mac = text.parse().ok().filter(|mac: &Mac| mac.is_station());
        mac.map(Self).ok_or_else(|| TextError::Mac(text.to_owned()))
    }
);

impl StationMac {
    /// The address itself.
    #[must_use]
    pub const fn mac(self) -> Mac {
        self.0
    }
}

text!(
    SegmentId,
    "a segment identifier such as 03:44:38:39:ff:ff:01:00:00:01",
    { "type": "string", "pattern": "^([0-9A-Fa-f]{1,2}:){9}[0-9A-Fa-f]{1,2}$" },
    |text| Ok(text.parse()?)
);

/// An address and a TCP port to listen on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Listen(SocketAddr);

text!(
    Listen,
    "an address and a TCP port such as 127.0.0.1:9273",
    { "type": "string", "examples": ["127.0.0.1:9273", "[::]:9273"] },
    |text| text.parse().map(Self).map_err(|_| TextError::Listen(text.to_owned()))
);

impl From<SocketAddr> for Listen {
    fn from(address: SocketAddr) -> Self {
        Self(address)
    }
}

impl Listen {
    /// The address and the port.
    #[must_use]
    pub const fn address(self) -> SocketAddr {
        self.0
    }
}

/// The permission bits of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mode(u32);

text!(
    Mode,
    "a file mode in quotes such as \"0660\" (YAML would read it as a decimal number)",
    { "type": "string", "pattern": "^0?[0-7]{3}$" },
    |text| {
        let digits = text.strip_prefix('0').filter(|rest| rest.len() == 3).unwrap_or(text);
        let good = digits.len() == 3 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
        let bits = good.then(|| u32::from_str_radix(digits, 8).ok()).flatten();
        bits.map(Self).ok_or_else(|| TextError::Mode(text.to_owned()))
    }
);

impl Mode {
    /// Read and write for owner and group.
    pub const DEFAULT: Self = Self(0o660);

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

macro_rules! display_inner {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

display_inner!(Address, StationMac, Listen);
